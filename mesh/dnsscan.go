package mesh

import (
	"net/netip"
	"slices"

	"golang.org/x/net/dns/dnsmessage"

	"github.com/pcapmesh/pcapmesh/capture"
	"github.com/pcapmesh/pcapmesh/internal/arena"
	"github.com/pcapmesh/pcapmesh/mesh/profile"
)

// maxDNSRecords is how many records are kept of one answer; the rest is counted.
// An answer of 512 bytes, the most without EDNS, holds 30 addresses.
const maxDNSRecords = 32

// A dnsMessage is one DNS message over UDP, without its packet. Names are kept
// without the last dot.
type dnsMessage struct {
	key     capture.Key // of the datagram
	ref     capture.Ref
	nanos   int64
	name    arena.Span // of the question
	folded  arena.Span // the same in lower case: equal names are equal Spans
	records uint32     // index of the first record kept
	id      uint16
	qtype   uint16
	kept    uint16 // records kept of the answer section
	answers uint16 // and how many it holds
	rcode   uint8
	flags   dnsFlags
}

type dnsFlags uint8

const (
	dnsReply      dnsFlags = 1 << iota
	dnsTruncated           // the answer did not fit; the client asks again over TCP
	dnsNoQuestion          // there is none, or the snapshot length cut it off
	dnsDup                 // second copy of a loopback packet
)

func (m *dnsMessage) is(f dnsFlags) bool { return m.flags&f != 0 }

// tuple returns the directed tuple of the datagram.
func (m *dnsMessage) tuple() capture.Tuple {
	t := m.key.Tuple()
	t.Proto = capture.ProtoUDP
	return t
}

// client and server return the ends of the message by who asks, packed.
func (m *dnsMessage) client() (capture.Addr, uint16) {
	if m.is(dnsReply) {
		return m.key.Dst, m.key.DstPort
	}
	return m.key.Src, m.key.SrcPort
}

func (m *dnsMessage) server() (capture.Addr, uint16) {
	if m.is(dnsReply) {
		return m.key.Src, m.key.SrcPort
	}
	return m.key.Dst, m.key.DstPort
}

// A dnsRecord is one record of an answer section.
type dnsRecord struct {
	owner  arena.Span
	target arena.Span   // CNAME and PTR: what it points to
	addr   capture.Addr // A and AAAA
	ttl    uint32       // seconds
	typ    uint16
}

// A dnsScan keeps the DNS messages of one group of inputs.
type dnsScan struct {
	messages  arena.Slab[dnsMessage]
	records   arena.Slab[dnsRecord]
	text      arena.Text
	names     map[string]arena.Span
	printing  map[arena.Span]string  // names as they are printed
	parts     map[capture.Ref]uint32 // earlier fragments: the message that they are of
	malformed int
}

// resolverPorts returns the UDP ports where DNS is spoken: 53, and those of the
// agents that take the pods' queries.
func resolverPorts(extra *profile.Profile) []uint16 {
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

// dnsPoints names the points at which an input shows DNS.
func (x *index) dnsPoints(input int) []string {
	var found []string
	for _, g := range x.groups {
		for i := range uint32(g.dns.messages.Len()) {
			m := g.dns.messages.At(i)
			if name := g.points.Info(m.key.Point).Name; int(m.ref.Input) == input && !slices.Contains(found, name) {
				found = append(found, name)
			}
		}
	}
	return found
}

// take reads one datagram. What is no DNS message is counted and forgotten.
func (s *dnsScan) take(g *capture.Datagram) {
	m := dnsMessage{key: g.Key, ref: g.Ref, nanos: g.Nanos}
	var p dnsmessage.Parser
	h, err := p.Start(g.Bytes)
	if err != nil {
		s.malformed++
		return
	}
	m.id, m.rcode = h.ID, uint8(h.RCode)
	if h.Response {
		m.flags |= dnsReply
	}
	if h.Truncated {
		m.flags |= dnsTruncated
	}
	if g.Dup {
		m.flags |= dnsDup
	}
	if !s.question(&m, &p, g) {
		s.malformed++
		return
	}
	if m.is(dnsReply) && !m.is(dnsDup) {
		s.answers(&m, &p)
	}
	i, kept := s.messages.Add()
	*kept = m
	for _, r := range g.Parts {
		if s.parts == nil {
			s.parts = make(map[capture.Ref]uint32)
		}
		s.parts[r] = i
	}
}

// question reads the question section: one question (RFC 9619), or in an answer
// none. It reports false when the datagram is no DNS message.
func (s *dnsScan) question(m *dnsMessage, p *dnsmessage.Parser, g *capture.Datagram) bool {
	q, err := p.Question()
	switch {
	case err == nil:
		m.name, m.folded = s.keep(&q.Name)
		m.qtype = uint16(q.Type)
		_, err = p.Question()
		return err == dnsmessage.ErrSectionDone
	case err == dnsmessage.ErrSectionDone && m.is(dnsReply), int(g.Wire) > len(g.Bytes):
		m.flags |= dnsNoQuestion
		return true
	}
	return false
}

// answers reads the answer section as far as it is whole.
func (s *dnsScan) answers(m *dnsMessage, p *dnsmessage.Parser) {
	m.records = uint32(s.records.Len())
	for {
		h, err := p.AnswerHeader()
		if err != nil {
			return
		}
		m.answers++
		if m.kept < maxDNSRecords {
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
func (s *dnsScan) record(m *dnsMessage, p *dnsmessage.Parser, h *dnsmessage.ResourceHeader) error {
	r := dnsRecord{ttl: h.TTL, typ: uint16(h.Type)}
	var err error
	switch h.Type {
	case dnsmessage.TypeA:
		var a dnsmessage.AResource
		a, err = p.AResource()
		r.addr = capture.AddrFrom4(a.A[:])
	case dnsmessage.TypeAAAA:
		var a dnsmessage.AAAAResource
		a, err = p.AAAAResource()
		r.addr = capture.AddrFrom16(a.AAAA[:])
	case dnsmessage.TypeCNAME:
		var c dnsmessage.CNAMEResource
		c, err = p.CNAMEResource()
		r.target, _ = s.keep(&c.CNAME)
	case dnsmessage.TypePTR:
		var c dnsmessage.PTRResource
		c, err = p.PTRResource()
		r.target, _ = s.keep(&c.PTR)
	default:
		err = p.SkipAnswer()
	}
	if err != nil {
		return err
	}
	r.owner, _ = s.keep(&h.Name)
	_, kept := s.records.Add()
	*kept = r
	m.kept++
	return nil
}

// keep keeps a name once, as it is written and in lower case.
func (s *dnsScan) keep(n *dnsmessage.Name) (as, folded arena.Span) {
	b := n.Data[:n.Length]
	if len(b) > 1 {
		b = b[:len(b)-1] // the last dot; the root is one alone
	}
	as = s.intern(b)
	var buf [256]byte
	lower := appendLower(buf[:0], b)
	if string(lower) == string(b) {
		return as, as
	}
	return as, s.intern(lower)
}

func (s *dnsScan) intern(b []byte) arena.Span {
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

// printed returns a name as text, escaped.
func (s *dnsScan) printed(span arena.Span) string {
	if name, ok := s.printing[span]; ok {
		return name
	}
	if s.printing == nil {
		s.printing = make(map[arena.Span]string)
	}
	name := escaped(s.text.Bytes(span))
	s.printing[span] = name
	return name
}

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

func addrPort(a capture.Addr, port uint16) netip.AddrPort { return netip.AddrPortFrom(a.Netip(), port) }
