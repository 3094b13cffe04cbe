package algebra

import (
	"slices"
	"strings"

	"github.com/pcapmesh/pcapmesh/internal/assign"
	"github.com/pcapmesh/pcapmesh/mesh/flow"
	"github.com/pcapmesh/pcapmesh/mesh/internal/decide/crossing"
	"github.com/pcapmesh/pcapmesh/mesh/internal/decide/graph"
	"github.com/pcapmesh/pcapmesh/mesh/internal/decide/turn"
)

// HTTP/2 under TLS has no turns: requests and responses of many streams go over
// one connection at once. But each begins with a frame of its own, which
// implementations send at once, and so in a record of its own. So every record
// that may hold the head of a request stands for an exchange, and for each
// exchange on the other side of the proxy its response is looked for among the
// records that went by when it must have.

// multiplexedLegs lists the legs of one side that are HTTP/2 under TLS. A log that ties
// exchanges to one of them as a whole does not tell the others.
func multiplexedLegs(c *crossing.Crossing, legs []*graph.Leg, up bool) []*turn.Multiplex {
	var out []*turn.Multiplex
	var measured []*turn.Leg
	for _, l := range crossing.Unreadable(legs) {
		if l.Protocol == flow.ProtocolTLS && (!c.Busy[l] || c.Logged[l]) && slices.ContainsFunc(l.TLS.ALPN, func(p string) bool { return strings.HasSuffix(p, "h2") }) {
			measured = append(measured, turn.NewLeg(c.Index, l))
		}
	}
	turn.SettleTickets(measured)
	for _, v := range measured {
		if v.SpeaksH2() {
			out = append(out, &turn.Multiplex{Leg: v.Leg, Orig: v.Orig.From(), Reply: v.Reply.From(), Over: v.Orig.Over, Up: up})
		}
	}
	return out
}

// JoinStreams ties exchanges to legs that are HTTP/2 under TLS.
func JoinStreams(c *crossing.Crossing) {
	for _, up := range [2]bool{false, true} {
		hiding, reading := c.Down, c.Up
		if up {
			hiding, reading = reading, hiding
		}
		ms := multiplexedLegs(c, hiding, up)
		if all := graph.ExchangesOf(reading); len(ms) > 0 && len(c.Open(slices.Clone(all))) > 0 {
			joinStreamsOf(c, ms, c.OpenOrUnplaced(all), up)
		}
	}
}

// joinStreamsOf ties readable exchanges of one side to multiplexed legs of the
// other.
func joinStreamsOf(c *crossing.Crossing, ms []*turn.Multiplex, es []*graph.Exchange, up bool) {
	var heads []*graph.Exchange
	of := make(map[*graph.Leg]*turn.Multiplex)
	for _, m := range ms {
		of[m.Leg] = m
		heads = append(heads, m.Heads(c.Index)...)
		c.Busy[m.Leg] = true // no turns, whatever becomes of it
	}
	s := &multiplexed{c: c, of: of, es: es, heads: heads, up: up}
	links := s.weigh(c.Barred)
	named := func(l *graph.Link) bool { return c.ByLog[l.Down] != nil || c.ByLog[l.Up] != nil }
	if slices.ContainsFunc(es, func(e *graph.Exchange) bool { return c.ByLog[e] != nil }) {
		// What the log ties to the leg stays so: which stream it is is less sure than that.
		links = slices.DeleteFunc(c.Besides(links, s.weigh(nil)), named)
	}
	for _, l := range links {
		c.Add(l)
	}
	for _, m := range ms {
		revealStreams(m, links)
	}
}

// A multiplexed is readable exchanges of one side and what may be heads of requests on the other.
type multiplexed struct {
	c         *crossing.Crossing
	of        map[*graph.Leg]*turn.Multiplex
	es, heads []*graph.Exchange
	up        bool // the heads are upstream
}

// weigh returns the links that turn algebra finds where some pairs are barred; none if
// nobody wants to know.
func (s *multiplexed) weigh(barred func(d, u *graph.Exchange) bool) []*graph.Link {
	a := &algebra{holes: s.c.Holes(), free: true, multiplexed: true, streamsOf: s.of, barred: barred, pairing: assign.Graph{Even: true, Stop: s.c.Index.Stopped}}
	if s.up {
		a.fill(s.es, s.heads)
	} else {
		a.fill(s.heads, s.es)
	}
	a.byBegin()
	a.bodies()
	if !a.solve() {
		return nil
	}
	t := &tier{a: a, link: exchangeLink, least: believedStream}
	links := t.links()
	for _, l := range links {
		a.complete(l)
	}
	return links
}

// revealStreams makes the exchanges that were tied the exchanges of the leg.
func revealStreams(m *turn.Multiplex, links []*graph.Link) {
	mine := make(map[*graph.Exchange]bool)
	var es []*graph.Exchange
	each := func(yield func(**graph.Exchange)) {
		for _, l := range links {
			yield(&l.Down)
			yield(&l.Up)
			for i := range l.Rivals {
				yield(&l.Rivals[i].Ex)
			}
		}
	}
	each(func(e **graph.Exchange) {
		if *e != nil && (*e).Leg == m.Leg && !mine[*e] {
			mine[*e] = true
			es = append(es, *e)
		}
	})
	slices.SortFunc(es, func(a, b *graph.Exchange) int { return a.Outline.First - b.Outline.First })
	place := make(map[*graph.Exchange]int)
	m.Leg.Hidden = make([]graph.Exchange, len(es))
	for i, e := range es {
		e.No = i
		m.Leg.Hidden[i], place[e] = *e, i
	}
	each(func(e **graph.Exchange) {
		if *e != nil && (*e).Leg == m.Leg {
			*e = &m.Leg.Hidden[place[*e]]
		}
	})
	m.Leg.Exchanges = m.Leg.Hidden
}
