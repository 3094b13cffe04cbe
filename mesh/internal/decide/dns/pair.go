package dns

import (
	"slices"

	"github.com/pcapmesh/pcapmesh/capture/tcpip"
	"github.com/pcapmesh/pcapmesh/internal/arena"
	"github.com/pcapmesh/pcapmesh/mesh/internal/index"
	"github.com/pcapmesh/pcapmesh/mesh/names"
)

// lookupPatience is how long a client may wait for an answer, in nanoseconds:
// glibc's resolver does not wait longer (RES_MAXRETRANS, resolv.h). A later
// message with the same id is of another lookup.
const lookupPatience = int64(30e9)

// maxRecent is how many lookups of one client's end and id may be under way, and
// maxWaiting how many queries may wait for one that NAT moved. More are not
// looked at; nobody but an attacker has so many.
const (
	maxRecent  = 16
	maxWaiting = 64
)

// A dnsPairing puts the messages of one group of inputs together to lookups.
type dnsPairing struct {
	x       *index.Index
	group   int
	s       *index.DNSScan
	lookups []*Lookup
	of      []uint32 // by message: its lookup's place, plus 1; 0 = none
	states  []pairState
	recent  map[dnsEnd][]uint32 // lookups that a further message may belong to, the oldest first
}

// A dnsEnd is what the messages of a lookup have in common. The server is not
// among it: a redirect shows another one on either side.
type dnsEnd struct {
	client tcpip.Addr
	port   uint16
	id     uint16
	point  tcpip.Point
}

// A pairState is what is known of a lookup while messages are read.
type pairState struct {
	question      arena.Span // folded; empty when unknown
	qtype         uint16
	query, answer uint32 // first message of each, plus 1; 0 = none
	last          int64  // time of its last message
	absorbed      bool   // by another lookup
}

// pairMessages pairs the messages of group g.
func pairMessages(x *index.Index, g int) *dnsPairing {
	s := x.Groups[g].DNS
	p := &dnsPairing{x: x, group: g, s: s, of: make([]uint32, s.Messages.Len()), recent: make(map[dnsEnd][]uint32)}
	for i := range uint32(s.Messages.Len()) {
		if m := s.Messages.At(i); !m.Is(index.DNSDup) {
			p.place(i, m)
		}
	}
	p.recent = nil
	p.moved()
	p.renumber()
	return p
}

// place finds the lookup that message i belongs to, or begins one.
func (p *dnsPairing) place(i uint32, m *index.DNSMessage) {
	end := dnsEnd{point: m.Key.Point, id: m.ID}
	end.client, end.port = m.Client()
	live := slices.DeleteFunc(p.recent[end], func(l uint32) bool { return m.Nanos-p.states[l].last > lookupPatience })
	best, grade := uint32(0), 0
	for _, l := range live {
		if g := p.grade(&p.states[l], m); g > grade {
			best, grade = l, g
		}
	}
	if grade == 0 {
		best = uint32(len(p.states))
		p.states = append(p.states, pairState{qtype: m.Qtype})
		p.lookups = append(p.lookups, &Lookup{Lookup: &names.Lookup{UpstreamOf: -1}, place: index.Place{Group: p.group, Point: m.Key.Point}})
		live = append(live, best)
		live = live[max(len(live)-maxRecent, 0):]
	}
	p.recent[end] = live
	p.join(best, i, m)
}

// join makes message i one of lookup l.
func (p *dnsPairing) join(l, i uint32, m *index.DNSMessage) {
	st := &p.states[l]
	p.of[i] = l + 1
	st.last = max(st.last, m.Nanos)
	if !m.Is(index.DNSNoQuestion) {
		st.question, st.qtype = m.Folded, m.Qtype
	}
	if m.Is(index.DNSReply) && st.answer == 0 {
		st.answer = i + 1
	} else if !m.Is(index.DNSReply) && st.query == 0 {
		st.query = i + 1
	}
}

// grade says how well m goes with a lookup of the same client and id; 0 means
// not at all. An answer prefers who waits to who has one, and the server that
// was asked to one that a redirect may hide. Of equals the first is served.
func (p *dnsPairing) grade(st *pairState, m *index.DNSMessage) int {
	switch {
	case !m.Is(index.DNSNoQuestion) && st.question.Len() > 0 && (m.Folded != st.question || m.Qtype != st.qtype):
		return 0
	case !m.Is(index.DNSReply):
		return p.gradeQuery(st, m)
	case st.answer > 0 && !sameServer(p.s.Messages.At(st.answer-1), m):
		return 0
	case st.query == 0:
		return 1
	}
	grade := 0
	switch q := p.s.Messages.At(st.query - 1); {
	case sameServer(q, m):
		grade = 2
	case redirectable(q, m):
		grade = 1
	}
	if grade > 0 && st.answer == 0 {
		grade += 2
	}
	return grade
}

// gradeQuery is grade for a query: it is a lookup's again until that is
// answered, or its first if the capture put the answer before it.
func (p *dnsPairing) gradeQuery(st *pairState, m *index.DNSMessage) int {
	if st.query > 0 {
		if st.answer == 0 && sameServer(p.s.Messages.At(st.query-1), m) {
			return 1
		}
		return 0
	}
	if a := p.s.Messages.At(st.answer - 1); m.Nanos-a.Nanos <= index.Causality && (sameServer(m, a) || redirectable(m, a)) {
		return 1
	}
	return 0
}

func sameServer(a, b *index.DNSMessage) bool {
	x, xp := a.Server()
	y, yp := b.Server()
	return x == y && xp == yp
}

// redirectable reports whether a redirect can have torn answer a from query q: on
// its way to the agent at a loopback address the query has lost the address that
// the answer comes from.
func redirectable(q, a *index.DNSMessage) bool {
	return q.Key.Dst.IsLoopback() && !q.Key.Src.IsLoopback() && !a.Key.Src.IsLoopback()
}

// A dnsAsk is what a query has in common with its answer when NAT has moved the
// client's port.
type dnsAsk struct {
	client   tcpip.Addr
	point    tcpip.Point
	id       uint16
	qtype    uint16
	question arena.Span
}

// ask returns what lookup l asks, as message m of it shows.
func (p *dnsPairing) ask(l int, m *index.DNSMessage) dnsAsk {
	a := dnsAsk{point: m.Key.Point, id: m.ID, qtype: p.states[l].qtype, question: p.states[l].question}
	a.client, _ = m.Client()
	return a
}

// moved pairs what NAT gave another port: two queries from one port to two
// servers would be the same tuple behind the redirect, so that the second
// query shows a port that its answer does not. It is tied by client, id and
// question, if nothing else has these.
func (p *dnsPairing) moved() {
	waiting := p.waiting()
	into := make(map[uint32]uint32)
	for l := range p.states {
		st := &p.states[l]
		if st.query > 0 || st.question.Len() == 0 {
			continue
		}
		a := p.s.Messages.At(st.answer - 1)
		if near := p.near(waiting[p.ask(l, a)], a); len(near) == 1 {
			p.states[near[0]].answer = st.answer
			st.absorbed = true
			into[uint32(l)] = near[0]
		}
	}
	for i, l := range p.of {
		if w, ok := into[l-1]; ok && l > 0 {
			p.of[i] = w + 1
		}
	}
}

// waiting lists the redirected lookups without an answer by what they ask.
func (p *dnsPairing) waiting() map[dnsAsk][]uint32 {
	waiting := make(map[dnsAsk][]uint32)
	for l := range p.states {
		st := &p.states[l]
		if st.query == 0 || st.answer > 0 || st.question.Len() == 0 {
			continue
		}
		if m := p.s.Messages.At(st.query - 1); m.Key.Dst.IsLoopback() && !m.Key.Src.IsLoopback() {
			k := p.ask(l, m)
			waiting[k] = append(waiting[k], uint32(l))
		}
	}
	return waiting
}

// near returns those of the waiting lookups that answer a can be of, by time.
func (p *dnsPairing) near(waiting []uint32, a *index.DNSMessage) (near []uint32) {
	if len(waiting) > maxWaiting {
		return nil
	}
	for _, w := range waiting {
		q := p.s.Messages.At(p.states[w].query - 1)
		if p.states[w].answer == 0 && redirectable(q, a) && q.Nanos <= a.Nanos+index.Causality && a.Nanos-q.Nanos <= lookupPatience {
			near = append(near, w)
		}
	}
	return near
}

// renumber leaves out lookups that others took in.
func (p *dnsPairing) renumber() {
	places := make([]uint32, len(p.lookups))
	var kept []*Lookup
	for l, lookup := range p.lookups {
		if !p.states[l].absorbed {
			kept = append(kept, lookup)
			places[l] = uint32(len(kept))
		}
	}
	for i, l := range p.of {
		if l > 0 {
			p.of[i] = places[l-1]
		}
	}
	p.lookups, p.states = kept, nil
}
