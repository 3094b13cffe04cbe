package emit

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"

	"github.com/pcapmesh/pcapmesh/capture"
	"github.com/pcapmesh/pcapmesh/capture/tcpip"
	"github.com/pcapmesh/pcapmesh/mesh/internal/index"
	"github.com/pcapmesh/pcapmesh/mesh/names"
)

// A dnsEmitter writes the packets of lookups, with the redirect undone.
type dnsEmitter struct {
	x       *index.Index
	lookups []*names.Lookup
	of      [][]uint32    // by group and message: lookup's ID plus 1
	packets [][]dnsPacket // by input, in the order of packet numbers
	begun   []bool        // by lookup: its first packet is written
}

// A dnsPacket says which message of its group a packet is of.
type dnsPacket struct {
	packet, message uint32
	group           int
}

// newDNSEmitter lists the packets of all messages.
func newDNSEmitter(r *Source) *dnsEmitter {
	d := &dnsEmitter{x: r.Index, lookups: r.Lookups, of: r.LookupOf, packets: make([][]dnsPacket, len(r.Inputs)), begun: make([]bool, len(r.Lookups))}
	for g, group := range r.Index.Groups {
		s := group.DNS
		for i := range uint32(s.Messages.Len()) {
			d.add(s.Messages.At(i).Ref, dnsPacket{message: i, group: g})
		}
		for ref, i := range s.Parts {
			d.add(ref, dnsPacket{message: i, group: g})
		}
	}
	for _, ps := range d.packets {
		slices.SortFunc(ps, func(a, b dnsPacket) int { return cmp.Compare(a.packet, b.packet) })
	}
	return d
}

func (d *dnsEmitter) add(ref capture.Ref, p dnsPacket) {
	p.packet = ref.Packet
	d.packets[ref.Input] = append(d.packets[ref.Input], p)
}

// find returns the message that a packet is of.
func (d *dnsEmitter) find(ref capture.Ref) (p dnsPacket, ok bool) {
	ps := d.packets[ref.Input]
	i, ok := slices.BinarySearchFunc(ps, ref.Packet, func(p dnsPacket, n uint32) int { return cmp.Compare(p.packet, n) })
	if !ok {
		return p, false
	}
	return ps[i], true
}

// endsOf returns the ends between which a message is written: the client's and
// those of the server that it asked, as far as that is known.
func endsOf(l *names.Lookup, m *index.DNSMessage) (src, dst netip.AddrPort) {
	a, port := m.Server()
	server := index.AddrPort(a, port)
	if l.Server.IsValid() {
		server = l.Server
	}
	if m.Is(index.DNSReply) {
		return server, l.Client
	}
	return l.Client, server
}

// writeDNS writes a packet if it is of a DNS message. done is false when it is
// not; second copies, and what another point shows too, are not written at all.
func (e *emitter) writeDNS(p *capture.Packet) (done bool, err error) {
	at, ok := e.dns.find(p.Ref)
	if !ok {
		return false, nil
	}
	m := e.dns.x.Groups[at.group].DNS.Messages.At(at.message)
	no := e.dns.of[at.group][at.message]
	if no == 0 || m.Is(index.DNSDup) {
		return true, nil
	}
	l := e.dns.lookups[no-1]
	src, dst := endsOf(l, m)
	iface, err := e.iface(index.Place{Group: at.group, Point: m.Key.Point})
	if err != nil {
		return true, err
	}
	hdr, l3 := p.Link.EthernetHeader(p.Data)
	ip := p.Data[l3:]
	if k := m.Key.Tuple(); k.Src != src || k.Dst != dst {
		if ip, err = e.undo(p, l3, src, dst); err != nil {
			return true, err
		}
	}
	e.sum.DNS++
	wire := p.WireLen - uint32(l3) + uint32(len(hdr))
	return true, e.out.WritePacket(iface, capture.Time(int64(p.Time)), wire, p.Flags, e.dnsComment(l, m, p), hdr[:], ip)
}

// undo copies the packet and gives it other ends.
func (e *emitter) undo(p *capture.Packet, l3 int, src, dst netip.AddrPort) ([]byte, error) {
	at, l4, ok := tcpip.LocateUDP(p.Link, p.Data)
	if !ok {
		return p.Data[l3:], nil
	}
	e.buf = append(e.buf[:0], p.Data[l3:]...) // with VLAN tags, if there are any
	if l4 >= 0 {
		l4 -= at
	}
	if err := tcpip.RewriteUDP(e.buf[at-l3:], l4, src, dst); err != nil {
		return nil, fmt.Errorf("%s: packet %d: %w", e.src.Files[p.Ref.Input], p.Ref.Packet, err)
	}
	return e.buf, nil
}

// dnsComment returns the comments for a packet of a lookup: its own, and ours.
func (e *emitter) dnsComment(l *names.Lookup, m *index.DNSMessage, p *capture.Packet) []string {
	first := !e.dns.begun[l.ID]
	e.dns.begun[l.ID] = true
	if e.o.Comments == commentNone || e.o.Comments == commentFirst && !first {
		return p.Comments
	}
	s := fmt.Sprintf("pcapmesh: dns lookup %d %s on %s: %s packet %d, %s", l.ID, l.Role, l.Interface,
		e.src.Files[p.Ref.Input], p.Ref.Packet, m.Key.Tuple())
	if l.Redirected && !l.Server.IsValid() {
		s += ", redirected; whom the client asked is not known"
	}
	if l.UpstreamOf >= 0 {
		s += fmt.Sprintf(", asked for lookup %d", l.UpstreamOf)
	}
	return append(p.Comments[:len(p.Comments):len(p.Comments)], s)
}
