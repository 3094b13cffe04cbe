package dns

import (
	"net/netip"
	"slices"
	"strings"

	"golang.org/x/net/dns/dnsmessage"

	"github.com/pcapmesh/pcapmesh/capture"
	"github.com/pcapmesh/pcapmesh/capture/tcpip"
	"github.com/pcapmesh/pcapmesh/internal/arena"
	"github.com/pcapmesh/pcapmesh/mesh/internal/index"
	"github.com/pcapmesh/pcapmesh/mesh/internal/recorded"
	"github.com/pcapmesh/pcapmesh/mesh/names"
)

// A Lookup is a lookup as it is being decided upon.
type Lookup struct {
	*names.Lookup
	start index.Moment
	place index.Place
	lo    bool // seen at a loopback point
}

// maxLookupPackets is how many packets of a lookup are named.
const maxLookupPackets = 8

// Find pairs the DNS messages of all groups. of maps each message of each
// group to its lookup's place in the result, plus 1; 0 means that it is not to be
// written, since it was seen elsewhere too.
func Find(x *index.Index, rs *recorded.Records) (lookups []*Lookup, of [][]uint32) {
	var all []*dnsPairing
	for g := range x.Groups {
		p := pairMessages(x, g)
		all = append(all, p)
		lookups = append(lookups, p.lookups...)
	}
	for _, p := range all {
		p.describe()
	}
	recallLookups(rs, lookups)
	lookups = once(lookups)
	slices.SortStableFunc(lookups, func(a, b *Lookup) int { return a.start.Compare(b.start) })
	at := make(map[*Lookup]uint32, len(lookups))
	for i, l := range lookups {
		l.ID, at[l] = i, uint32(i+1)
	}
	for _, p := range all {
		ids := make([]uint32, len(p.of))
		for m, l := range p.of {
			if l > 0 {
				ids[m] = at[p.lookups[l-1]]
			}
		}
		of = append(of, ids)
	}
	assignLookups(lookups)
	zoneLookups(rs, lookups)
	return lookups, of
}

// describe fills in what the messages of each lookup say.
func (p *dnsPairing) describe() {
	s := &printer{p.x.Groups[p.group].DNS, make(map[arena.Span]string)}
	for i, l := range p.of {
		if l > 0 {
			p.lookups[l-1].add(s, s.Messages.At(uint32(i)))
		}
	}
	for _, l := range p.lookups {
		info := p.x.Groups[p.group].Points.Info(l.place.Point)
		l.Pod, l.Interface, l.lo = info.Pod, info.Name, info.Loopback
		l.ends()
	}
}

// A printer prints the names of a scan, each of them once.
type printer struct {
	*index.DNSScan
	printed map[arena.Span]string
}

func (p *printer) print(span arena.Span) string {
	name, ok := p.printed[span]
	if !ok {
		name = p.Printed(span)
		p.printed[span] = name
	}
	return name
}

// add takes over one message; they come in the order in which they were read.
func (l *Lookup) add(s *printer, m *index.DNSMessage) {
	t := m.Tuple()
	if l.Captured == nil {
		l.Captured, l.Packets = make([]tcpip.Tuple, 0, 2), make([]capture.Ref, 0, 2)
	}
	if !slices.Contains(l.Captured, t) {
		l.Captured = append(l.Captured, t)
	}
	if len(l.Packets) < maxLookupPackets {
		l.Packets = append(l.Packets, m.Ref)
	}
	at := index.Moment{Nanos: m.Nanos, Ref: m.Ref}
	if l.Queries+l.Answers == 0 || at.Compare(l.start) < 0 {
		l.start = at
	}
	l.MessageID = m.ID
	if !m.Is(index.DNSNoQuestion) && l.Name == "" {
		l.Name, l.Type = s.print(m.Name), typeName(m.Qtype)
	}
	if !m.Is(index.DNSReply) {
		l.AnsweredBy = t.Dst
		if l.Answers == 0 {
			l.Client = t.Src
		}
		if l.Queries == 0 {
			l.Asked = capture.Time(m.Nanos)
		}
		l.Queries++
		return
	}
	l.Client, l.Server = t.Dst, t.Src
	if l.Answers == 0 {
		l.Answered = capture.Time(m.Nanos)
		l.read(s, m)
	}
	l.Answers++
}

// read takes over what the answer says.
func (l *Lookup) read(s *printer, m *index.DNSMessage) {
	l.RCode, l.Truncated = rcodeName(m.Rcode), m.Is(index.DNSTruncated)
	l.MoreRecords = int(m.Answers) - int(m.Kept)
	l.Records = make([]names.Record, 0, m.Kept)
	for i := range uint32(m.Kept) {
		r := s.Records.At(m.Records + i)
		rec := names.Record{Name: s.print(r.Owner), Type: typeName(r.Type), TTL: r.TTL, Target: s.print(r.Target)}
		if r.Addr != (tcpip.Addr{}) {
			rec.Addr = r.Addr.Netip()
		}
		l.Records = append(l.Records, rec)
	}
}

// ends tells the server that was asked from the one that answered. l has the
// source of the answer as Server and the destination of the query as
// AnsweredBy.
func (l *Lookup) ends() {
	torn := l.AnsweredBy.IsValid() && l.AnsweredBy.Addr().IsLoopback() && !l.Client.Addr().IsLoopback()
	switch {
	case l.Queries > 0 && l.Answers > 0:
		l.Redirected = l.Server != l.AnsweredBy || torn
		if torn && l.Server == l.AnsweredBy { // an answer that lost its NAT
			l.Server = netip.AddrPort{}
		}
	case l.Queries > 0:
		l.Redirected = torn
		if !torn {
			l.Server = l.AnsweredBy
		}
	default:
		l.Redirected = l.lo && !l.Server.Addr().IsLoopback() && l.Server.Addr() != l.Client.Addr()
		if !l.Redirected {
			l.AnsweredBy = l.Server
		}
	}
}

// once leaves out lookups that another capture point shows too: of those with
// the same ends, DNS id and question that began within a second, the fullest.
// Loopback addresses belong to their pod.
func once(lookups []*Lookup) []*Lookup {
	type sameness struct {
		client, server netip.AddrPort
		pod            string // of what has a loopback address
		id             uint16
		name, typ      string
	}
	if !slices.ContainsFunc(lookups, func(l *Lookup) bool { return l.place != lookups[0].place }) {
		return lookups
	}
	sorted := slices.Clone(lookups)
	slices.SortStableFunc(sorted, func(a, b *Lookup) int { return a.start.Compare(b.start) })
	latest := make(map[sameness][]*Lookup)
	gone := make(map[*Lookup]bool)
	for _, l := range sorted {
		k := sameness{l.Client, l.AnsweredBy, "", l.MessageID, strings.ToLower(l.Name), l.Type}
		if l.Redirected || l.Client.Addr().IsLoopback() || l.AnsweredBy.Addr().IsLoopback() {
			k.pod = l.Pod + "/"
		}
		kept := latest[k][:0]
		for _, o := range latest[k] {
			if l.start.Nanos-o.start.Nanos > int64(1e9) {
				continue
			}
			kept = append(kept, o)
		}
		twin := slices.IndexFunc(kept, func(o *Lookup) bool { return o.place != l.place })
		switch {
		case twin < 0:
			kept = append(kept, l)
		case l.Queries+l.Answers > kept[twin].Queries+kept[twin].Answers:
			gone[kept[twin]] = true
			kept[twin] = l
		default:
			gone[l] = true
		}
		latest[k] = kept
	}
	if len(gone) == 0 {
		return lookups
	}
	return slices.DeleteFunc(lookups, func(l *Lookup) bool { return gone[l] })
}

// typeName returns the name of a record type, such as AAAA or TYPE65.
func typeName(t uint16) string {
	switch t {
	case 64:
		return "SVCB"
	case 65: // RFC 9460: browsers and Go ask for it
		return "HTTPS"
	}
	s := dnsmessage.Type(t).String()
	if name, ok := strings.CutPrefix(s, "Type"); ok {
		return name
	}
	return "TYPE" + s // RFC 3597 §5
}

// rcodes are the names of response codes as tools print them (IANA).
var rcodes = [...]string{"NOERROR", "FORMERR", "SERVFAIL", "NXDOMAIN", "NOTIMP", "REFUSED"}

func rcodeName(c uint8) string {
	if int(c) < len(rcodes) {
		return rcodes[c]
	}
	return "RCODE" + string('0'+c/10) + string('0'+c%10)
}
