package index

import (
	"net/netip"
	"slices"

	"golang.org/x/net/dns/dnsmessage"

	"github.com/pcapmesh/pcapmesh/capture"
	"github.com/pcapmesh/pcapmesh/capture/tcpip"
	"github.com/pcapmesh/pcapmesh/internal/arena"
	"github.com/pcapmesh/pcapmesh/mesh/internal/index/scan"
	"github.com/pcapmesh/pcapmesh/mesh/profile"
)

// maxDNSRecords is how many records are kept of one answer; the rest is counted.
// An answer of 512 bytes, the most without EDNS, holds 30 addresses.
const maxDNSRecords = 32

// A DNSMessage is one DNS message over UDP, without its packet. Names are kept
// without the last dot.
type DNSMessage struct {
	Key     tcpip.Key // of the datagram
	Ref     capture.Ref
	Nanos   int64
	Name    arena.Span // of the question
	Folded  arena.Span // the same in lower case: equal names are equal Spans
	Records uint32     // index of the first record kept
	ID      uint16
	Qtype   uint16
	Kept    uint16 // records kept of the answer section
	Answers uint16 // and how many it holds
	Rcode   uint8
	flags   DNSFlags
}

// DNSFlags say what a message is.
type DNSFlags uint8

const (
	DNSReply      DNSFlags = 1 << iota
	DNSTruncated           // the answer did not fit; the client asks again over TCP
	DNSNoQuestion          // there is none, or the snapshot length cut it off
	DNSDup                 // second copy of a loopback packet
)

// Is reports whether m has a flag.
func (m *DNSMessage) Is(f DNSFlags) bool { return m.flags&f != 0 }

// Tuple returns the directed tuple of the datagram.
func (m *DNSMessage) Tuple() tcpip.Tuple {
	t := m.Key.Tuple()
	t.Proto = tcpip.ProtoUDP
	return t
}

// Client returns the end that asks, packed.
func (m *DNSMessage) Client() (tcpip.Addr, uint16) {
	if m.Is(DNSReply) {
		return m.Key.Dst, m.Key.DstPort
	}
	return m.Key.Src, m.Key.SrcPort
}

// Server returns the end that is asked, packed.
func (m *DNSMessage) Server() (tcpip.Addr, uint16) {
	if m.Is(DNSReply) {
		return m.Key.Src, m.Key.SrcPort
	}
	return m.Key.Dst, m.Key.DstPort
}

// A DNSRecord is one record of an answer section.
type DNSRecord struct {
	Owner  arena.Span
	Target arena.Span // CNAME and PTR: what it points to
	Addr   tcpip.Addr // A and AAAA
	TTL    uint32     // seconds
	Type   uint16
}

// A DNSScan keeps the DNS messages of one group of inputs.
type DNSScan struct {
	Messages  arena.Slab[DNSMessage]
	Records   arena.Slab[DNSRecord]
	text      arena.Text
	names     map[string]arena.Span
	Parts     map[capture.Ref]uint32 // earlier fragments: the message that they are of
	Malformed int
}

// ResolverPorts returns the UDP ports where DNS is spoken: 53, and those of the
// agents that take the pods' queries.
func ResolverPorts(extra *profile.Profile) []uint16 {
	ports := []uint16{53}
	profiles := profile.All()
	if extra != nil {
		profiles = append(profiles, extra)
	}
	for _, p := range profiles {
		for _, l := range p.Ports {
			if l.Protocol == "DNS" && !slices.Contains(ports, l.Number) {
				ports = append(ports, l.Number)
			}
		}
	}
	return ports
}

// DNSPoints names the points at which an input shows DNS.
func (x *Index) DNSPoints(input int) []string {
	var found []string
	for _, g := range x.Groups {
		for i := range uint32(g.DNS.Messages.Len()) {
			m := g.DNS.Messages.At(i)
			if name := g.Points.Info(m.Key.Point).Name; int(m.Ref.Input) == input && !slices.Contains(found, name) {
				found = append(found, name)
			}
		}
	}
	return found
}

// take reads one datagram. What is no DNS message is counted and forgotten.
func (s *DNSScan) take(g *tcpip.Datagram) {
	m := DNSMessage{Key: g.Key, Ref: g.Ref, Nanos: int64(g.Time)}
	var p dnsmessage.Parser
	h, err := p.Start(g.Bytes)
	if err != nil {
		s.Malformed++
		return
	}
	m.ID, m.Rcode = h.ID, uint8(h.RCode)
	if h.Response {
		m.flags |= DNSReply
	}
	if h.Truncated {
		m.flags |= DNSTruncated
	}
	if g.Dup {
		m.flags |= DNSDup
	}
	if !s.question(&m, &p, g) {
		s.Malformed++
		return
	}
	if m.Is(DNSReply) && !m.Is(DNSDup) {
		s.answers(&m, &p)
	}
	i, kept := s.Messages.Add()
	*kept = m
	for _, r := range g.Parts {
		if s.Parts == nil {
			s.Parts = make(map[capture.Ref]uint32)
		}
		s.Parts[r] = i
	}
}

// question reads the question section: one question (RFC 9619), or in an answer
// none. It reports false when the datagram is no DNS message.
func (s *DNSScan) question(m *DNSMessage, p *dnsmessage.Parser, g *tcpip.Datagram) bool {
	q, err := p.Question()
	switch {
	case err == nil:
		m.Name, m.Folded = s.keep(&q.Name)
		m.Qtype = uint16(q.Type)
		_, err = p.Question()
		return err == dnsmessage.ErrSectionDone
	case err == dnsmessage.ErrSectionDone && m.Is(DNSReply), int(g.Wire) > len(g.Bytes):
		m.flags |= DNSNoQuestion
		return true
	}
	return false
}

// answers reads the answer section as far as it is whole.
func (s *DNSScan) answers(m *DNSMessage, p *dnsmessage.Parser) {
	m.Records = uint32(s.Records.Len())
	for {
		h, err := p.AnswerHeader()
		if err != nil {
			return
		}
		m.Answers++
		if m.Kept < maxDNSRecords {
			err = s.record(m, p, &h)
		} else {
			err = p.SkipAnswer()
		}
		if err != nil {
			return
		}
	}
}

// record reads one record of the answer section and keeps it.
func (s *DNSScan) record(m *DNSMessage, p *dnsmessage.Parser, h *dnsmessage.ResourceHeader) error {
	r := DNSRecord{TTL: h.TTL, Type: uint16(h.Type)}
	var err error
	switch h.Type {
	case dnsmessage.TypeA:
		var a dnsmessage.AResource
		a, err = p.AResource()
		r.Addr = tcpip.AddrFrom4(a.A[:])
	case dnsmessage.TypeAAAA:
		var a dnsmessage.AAAAResource
		a, err = p.AAAAResource()
		r.Addr = tcpip.AddrFrom16(a.AAAA[:])
	case dnsmessage.TypeCNAME:
		var c dnsmessage.CNAMEResource
		c, err = p.CNAMEResource()
		r.Target, _ = s.keep(&c.CNAME)
	case dnsmessage.TypePTR:
		var c dnsmessage.PTRResource
		c, err = p.PTRResource()
		r.Target, _ = s.keep(&c.PTR)
	default:
		err = p.SkipAnswer()
	}
	if err != nil {
		return err
	}
	r.Owner, _ = s.keep(&h.Name)
	_, kept := s.Records.Add()
	*kept = r
	m.Kept++
	return nil
}

// keep keeps a name once, as it is written and in lower case.
func (s *DNSScan) keep(n *dnsmessage.Name) (as, folded arena.Span) {
	b := n.Data[:n.Length]
	if len(b) > 1 {
		b = b[:len(b)-1] // the last dot; the root is one alone
	}
	as = s.intern(b)
	var buf [256]byte
	lower := scan.AppendLower(buf[:0], b)
	if string(lower) == string(b) {
		return as, as
	}
	return as, s.intern(lower)
}

func (s *DNSScan) intern(b []byte) arena.Span {
	if span, ok := s.names[string(b)]; ok {
		return span
	}
	if s.names == nil {
		s.names = make(map[string]arena.Span)
	}
	span := s.text.Keep(b)
	s.names[string(b)] = span
	return span
}

// Printed returns a name as text, escaped.
func (s *DNSScan) Printed(span arena.Span) string { return escaped(s.text.Bytes(span)) }

// escaped returns a name with every byte that is no letter, digit or mark of
// ASCII as \DDD (RFC 1035 §5.1), since names come from strangers.
func escaped(b []byte) string {
	clean := true
	for _, c := range b {
		clean = clean && c > ' ' && c < 0x7f && c != '\\'
	}
	if clean {
		return string(b)
	}
	var out []byte
	for _, c := range b {
		if c > ' ' && c < 0x7f && c != '\\' {
			out = append(out, c)
		} else {
			out = append(out, '\\', '0'+c/100, '0'+c/10%10, '0'+c%10)
		}
	}
	return string(out)
}

// AddrPort returns an end as programs know it.
func AddrPort(a tcpip.Addr, port uint16) netip.AddrPort { return netip.AddrPortFrom(a.Netip(), port) }
