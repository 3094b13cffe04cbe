package tcpip

import (
	"encoding/binary"

	"github.com/pcapmesh/pcapmesh/capture"
)

const (
	ipv4MinLen = 20
	ipv6Len    = 40

	ipv4MoreFragments = 0x2000 // RFC 791 §3.1, in the flags and fragment offset word
	ipv4Offset        = 0x1fff // in units of 8 bytes

	// maxExtensions bounds the IPv6 extension headers followed in one packet.
	// RFC 8200 §4.1 lists 7 in an orderly one; this is far above and keeps a hostile packet cheap.
	maxExtensions = 16
)

// IPv6 next header values of the extension headers (RFC 8200 §4, IANA).
const (
	extHopByHop    = 0
	extRouting     = 43
	extFragment    = 44
	extAuth        = 51
	extDestination = 60
	extMobility    = 135
	extHIP         = 139
	extShim6       = 140
)

// ipv4 is an IPv4 header of at least ipv4MinLen bytes.
type ipv4 []byte

func (h ipv4) headerLen() int { return int(h[0]&0x0f) * 4 } // bytes
func (h ipv4) totalLen() int  { return int(binary.BigEndian.Uint16(h[2:])) }
func (h ipv4) id() uint16     { return binary.BigEndian.Uint16(h[4:]) }
func (h ipv4) frag() uint16   { return binary.BigEndian.Uint16(h[6:]) }
func (h ipv4) fragmented() bool {
	return h.frag()&(ipv4MoreFragments|ipv4Offset) != 0
}

// decodeIPv4 decodes a packet whose IPv4 header stands at l3.
func (d *Decoder) decodeIPv4(p *capture.Packet, s *Segment, l3 int) bool {
	b := p.Data[l3:]
	if len(b) < ipv4MinLen {
		return d.short(p, "ipv4 header", l3, ipv4MinLen, len(b))
	}
	h := ipv4(b)
	hl, total := h.headerLen(), h.totalLen()
	if total == 0 { // segmentation offload: the length did not fit or was left to the card
		total = d.wireLen(p) - l3
	}
	if h[0]>>4 != 4 || hl < ipv4MinLen || total < hl {
		return d.malformed(p, "ipv4 header at offset %d: version %d, header length %d, total length %d", l3, h[0]>>4, hl, total)
	}
	if Proto(h[9]) != ProtoTCP {
		d.stats.NonTCP++
		return false
	}
	b = b[:min(len(b), total)] // the rest is Ethernet padding
	if len(b) < hl {
		return d.short(p, "ipv4 header", l3, hl, len(b))
	}
	s.Key.Src, s.Key.Dst, s.IPID = AddrFrom4(b[12:]), AddrFrom4(b[16:]), h.id()
	if !d.arrive(p, s, b) {
		return false
	}
	if h.fragmented() {
		return d.decodeFragment(p, s, ipv4Fragment(h, b[hl:], total-hl), l3)
	}
	s.L3, s.L4 = uint32(l3), uint32(l3+hl)
	return d.decodeTCP(p, s, b[hl:], total-hl)
}

// decodeIPv6 decodes a packet whose IPv6 header stands at l3.
func (d *Decoder) decodeIPv6(p *capture.Packet, s *Segment, l3 int) bool {
	b := p.Data[l3:]
	if len(b) < ipv6Len {
		return d.short(p, "ipv6 header", l3, ipv6Len, len(b))
	}
	c, total := openIPv6(b, d.wireLen(p)-l3)
	off := ipv6Len + c.len
	if b[0]>>4 != 6 || c.cut || off > total {
		return d.malformed(p, "ipv6 header at offset %d: version %d, extension headers end at %d, have %d of %d bytes", l3, b[0]>>4, off, len(b), total)
	}
	if !c.mayBe(ProtoTCP, b[off:]) {
		d.stats.NonTCP++
		return false
	}
	b = b[:min(len(b), total)]
	s.Key.Src, s.Key.Dst, s.IPID = AddrFrom16(b[8:]), AddrFrom16(b[24:]), 0
	if !d.arrive(p, s, b) {
		return false
	}
	if c.next == extFragment {
		return d.decodeFragment(p, s, ipv6Fragment(b[off:], total-off), l3)
	}
	s.L3, s.L4 = uint32(l3), uint32(l3+off)
	return d.decodeTCP(p, s, b[off:], total-off)
}

// openIPv6 follows the extension headers of an IPv6 packet of at least ipv6Len
// bytes and returns its total length. wire is how much of it there was on the
// wire.
func openIPv6(b []byte, wire int) (c chain, total int) {
	c.next = b[6]
	if payload := int(binary.BigEndian.Uint16(b[4:])); payload > 0 {
		total = ipv6Len + payload
		b = b[:min(len(b), total)]
	}
	if c.next != byte(ProtoTCP) {
		c.follow(b[ipv6Len:])
	}
	switch {
	case total > 0:
	case c.jumbo > 0:
		total = ipv6Len + int(c.jumbo)
	default: // BIG TCP without the option, or segmentation offload
		total = wire
	}
	if c.next == extFragment && ipv6Len+c.len+ipv6FragLen > total {
		c.cut = true
	}
	return c, total
}

// mayBe reports whether what follows the chain is a header of the protocol or, in
// b, the header of a fragment that can belong to a packet of it.
func (c *chain) mayBe(proto Proto, b []byte) bool {
	if c.next != extFragment {
		return c.is(proto)
	}
	inner := chain{next: b[0]}
	return inner.is(proto) || inner.headerLen(nil) > 0
}

func (c *chain) is(proto Proto) bool { return c.next == byte(proto) }

// A chain is the run of IPv6 extension headers before the upper layer's.
type chain struct {
	next  byte   // the header after those followed; extFragment: a true fragment
	len   int    // bytes followed
	jumbo uint32 // payload length of the jumbo option (RFC 2675 §2), else 0
	cut   bool   // the chain does not end inside the captured bytes, or never
}

// follow steps over the extension headers in b; c.next says what b begins with.
// It stops before a fragment header, unless that is of a packet in one piece
// (RFC 6946), and before anything that is no extension header.
func (c *chain) follow(b []byte) {
	for range maxExtensions {
		n := c.headerLen(b)
		if n == 0 {
			return
		}
		if n > len(b) {
			c.cut = true
			return
		}
		if c.next == extHopByHop {
			c.jumbo = jumboLen(b[2:n])
		}
		c.next, c.len, b = b[0], c.len+n, b[n:]
	}
	c.cut = c.headerLen(b) > 0
}

// headerLen returns the length of the extension header at the start of b, more
// than b's when it is cut, 0 when there is none to step over.
func (c *chain) headerLen(b []byte) int {
	switch c.next {
	case extHopByHop, extRouting, extDestination, extMobility, extHIP, extShim6, extAuth, extFragment:
	default:
		return 0
	}
	if len(b) < 8 {
		return 8
	}
	switch c.next {
	case extAuth:
		return int(b[1])*4 + 8 // RFC 4302 §2.2
	case extFragment:
		if binary.BigEndian.Uint16(b[2:])&^6 != 0 {
			return 0
		}
		return 8
	}
	return int(b[1])*8 + 8
}

// jumboLen finds the jumbo payload option among hop-by-hop options.
func jumboLen(opts []byte) uint32 {
	const pad1, jumbo = 0, 0xc2
	for len(opts) >= 2 {
		n := int(opts[1]) + 2
		if opts[0] == pad1 {
			n = 1
		} else if n > len(opts) {
			return 0
		} else if opts[0] == jumbo && n == 6 {
			return binary.BigEndian.Uint32(opts[2:])
		}
		opts = opts[n:]
	}
	return 0
}
