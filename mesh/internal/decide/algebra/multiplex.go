package algebra

import (
	"slices"
	"strings"

	"github.com/pcapmesh/pcapmesh/internal/assign"
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

// multiplexedLegs lists the legs of one side that are HTTP/2 under TLS.
func multiplexedLegs(c *crossing.Crossing, legs []*graph.Leg, up bool) []*turn.Multiplex {
	var out []*turn.Multiplex
	var measured []*turn.Leg
	for _, l := range turn.Sealed(c, legs) {
		if slices.ContainsFunc(l.TLS.ALPN, func(p string) bool { return strings.HasSuffix(p, "h2") }) {
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
		es := c.Open(graph.ExchangesOf(reading))
		if len(ms) == 0 || len(es) == 0 {
			continue
		}
		joinStreamsOf(c, ms, es, up)
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
	a := &algebra{holes: c.Holes(), free: true, multiplexed: true, streamsOf: of, pairing: assign.Graph{Even: true, Stop: c.Index.Stopped}}
	if up {
		a.fill(es, heads)
	} else {
		a.fill(heads, es)
	}
	a.byBegin()
	a.bodies()
	if !a.solve() {
		return
	}
	t := &tier{a: a, link: exchangeLink, least: believedStream}
	links := t.links()
	for _, l := range links {
		a.complete(l)
		c.Add(l)
	}
	for _, m := range ms {
		revealStreams(m, links)
	}
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
