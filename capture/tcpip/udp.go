package tcpip

import (
	"encoding/binary"
	"net/netip"
	"slices"

	"github.com/pcapmesh/pcapmesh/capture"
	"github.com/pcapmesh/pcapmesh/capture/linktype"
)

// ProtoUDP is UDP's protocol number.
const ProtoUDP Proto = 17

const (
	udpLen        = 8 // RFC 768
	udpChecksumAt = 6
)

// A Datagram is one UDP datagram, decoded. The DatagramDecoder fills and reuses
// it: Bytes and Parts are valid until the next call to Decode.
type Datagram struct {
	Ref  capture.Ref // of its packet; of several fragments the last that came
	Time capture.Time
	Key  Key  // packed directed tuple, with the capture point
	Dup  bool // further copy, as Segment.Dup

	Wire  uint32        // payload bytes on the wire, ≥ len(Bytes)
	Bytes []byte        // captured payload; not owned
	Parts []capture.Ref // earlier fragments that it was put together from; not owned
}

// Tuple returns the public form of the datagram's directed tuple.
func (g *Datagram) Tuple() Tuple {
	t := g.Key.Tuple()
	t.Proto = ProtoUDP
	return t
}

// A DatagramDecoder turns packets into UDP datagrams, those of a few ports. It
// works beside a Decoder, on the packets that are no segments, and keeps
// fragments and the last loopback packets as that does, but its own: what other
// protocols send cannot drive out what TCP waits for. It is not safe for
// concurrent use.
type DatagramDecoder struct {
	d     Decoder
	s     Segment // addresses, point and fragments of the packet at hand
	ports []uint16
}

// NewDatagramDecoder returns a decoder of the datagrams to or from one of the
// ports. The other arguments are as for NewDecoder.
func NewDatagramDecoder(points *Points, interfaces func(input uint32) []capture.Interface, ports ...uint16) *DatagramDecoder {
	return &DatagramDecoder{d: Decoder{points: points, interfaces: interfaces}, ports: slices.Clone(ports)}
}

// Stats returns the counts so far. NonTCP counts nothing here.
func (u *DatagramDecoder) Stats() DecodeStats { return u.d.Stats() }

// Decode decodes p into g and reports whether g now holds a datagram of one of
// the ports. It does not when p is something else, is malformed, or is a
// fragment that is not the last one missing; what g holds then is undefined.
// Checksums are not looked at, as with TCP.
func (u *DatagramDecoder) Decode(p *capture.Packet, g *Datagram) bool {
	u.d.stats.Packets++
	u.s.Parts = nil
	l3, typ := p.Link.Network(p.Data)
	switch typ {
	case linktype.EtherIPv4:
		return u.decodeIPv4(p, g, l3)
	case linktype.EtherIPv6:
		return u.decodeIPv6(p, g, l3)
	}
	return false
}

// decodeIPv4 decodes a packet whose IPv4 header stands at l3.
func (u *DatagramDecoder) decodeIPv4(p *capture.Packet, g *Datagram, l3 int) bool {
	b := p.Data[l3:]
	if len(b) < ipv4MinLen || Proto(b[9]) != ProtoUDP {
		return false
	}
	h := ipv4(b)
	hl, total := h.headerLen(), h.totalLen()
	if total == 0 {
		total = u.d.wireLen(p) - l3
	}
	if b = b[:min(len(b), total)]; h[0]>>4 != 4 || hl < ipv4MinLen || len(b) < hl {
		return u.d.malformed(p, "ipv4 header at offset %d: version %d, header length %d, total length %d, have %d bytes", l3, h[0]>>4, hl, total, len(b))
	}
	if !h.fragmented() && !u.wanted(b[hl:]) {
		return false
	}
	u.s.Key.Src, u.s.Key.Dst, u.s.IPID = AddrFrom4(b[12:]), AddrFrom4(b[16:]), h.id()
	if !u.d.arrive(p, &u.s, b) {
		return false
	}
	if h.fragmented() {
		return u.decodeFragment(p, g, ipv4Fragment(h, b[hl:], total-hl), l3)
	}
	return u.decodeUDP(p, g, b[hl:], total-hl)
}

// decodeIPv6 decodes a packet whose IPv6 header stands at l3.
func (u *DatagramDecoder) decodeIPv6(p *capture.Packet, g *Datagram, l3 int) bool {
	b := p.Data[l3:]
	if len(b) < ipv6Len {
		return false
	}
	c, total := openIPv6(b, u.d.wireLen(p)-l3)
	off := ipv6Len + c.len
	if b[0]>>4 != 6 || c.cut || off > total || !c.mayBe(ProtoUDP, b[off:]) {
		return false
	}
	b = b[:min(len(b), total)]
	if c.next != extFragment && !u.wanted(b[off:]) {
		return false
	}
	u.s.Key.Src, u.s.Key.Dst, u.s.IPID = AddrFrom16(b[8:]), AddrFrom16(b[24:]), 0
	if !u.d.arrive(p, &u.s, b) {
		return false
	}
	if c.next == extFragment {
		return u.decodeFragment(p, g, ipv6Fragment(b[off:], total-off), l3)
	}
	return u.decodeUDP(p, g, b[off:], total-off)
}

// wanted reports whether a UDP header, or as much of it as was captured, names one
// of the ports.
func (u *DatagramDecoder) wanted(b []byte) bool {
	return len(b) >= 4 &&
		(slices.Contains(u.ports, binary.BigEndian.Uint16(b)) || slices.Contains(u.ports, binary.BigEndian.Uint16(b[2:])))
}

// decodeFragment takes a fragment in and decodes the datagram if it is now
// whole. Only then its ports are known.
func (u *DatagramDecoder) decodeFragment(p *capture.Packet, g *Datagram, f fragment, l3 int) bool {
	whole := u.d.complete(p, &u.s, f, l3)
	if whole == nil {
		return false
	}
	b := u.d.fragments.join(whole)
	c := chain{next: whole.proto}
	if !c.is(ProtoUDP) {
		c.follow(b)
	}
	if c.cut || !c.is(ProtoUDP) || !u.wanted(b[c.len:]) {
		return false
	}
	u.s.Parts = whole.parts[:len(whole.parts)-1]
	return u.decodeUDP(p, g, b[c.len:], whole.total-c.len)
}

// decodeUDP decodes the UDP header at the start of b into g. wire is the length
// of header and payload on the wire, ≥ len(b).
func (u *DatagramDecoder) decodeUDP(p *capture.Packet, g *Datagram, b []byte, wire int) bool {
	if len(b) < udpLen {
		return u.d.malformed(p, "udp header: need %d bytes, have %d", udpLen, len(b))
	}
	n := int(binary.BigEndian.Uint16(b[4:]))
	if n < udpLen || n > wire {
		return u.d.malformed(p, "udp header: length %d in %d bytes", n, wire)
	}
	g.Ref, g.Time, g.Dup, g.Parts = p.Ref, p.Time, u.s.Dup, u.s.Parts
	g.Key = u.s.Key
	g.Key.SrcPort, g.Key.DstPort = binary.BigEndian.Uint16(b), binary.BigEndian.Uint16(b[2:])
	g.Wire, g.Bytes = uint32(n-udpLen), b[udpLen:min(n, len(b))]
	return true
}

// RewriteUDP is RewriteTuple for a packet that is UDP; l4 is the offset of the
// UDP header, or -1 in a fragment other than the first. A datagram without a
// checksum (0) stays without one, and a checksum that comes out as 0 is written
// as 0xffff (RFC 768).
func RewriteUDP(ip []byte, l4 int, src, dst netip.AddrPort) error {
	return rewrite(ip, l4, src, dst, ProtoUDP, udpChecksumAt)
}
