package streams

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/pcapmesh/pcapmesh/capture"
	"github.com/pcapmesh/pcapmesh/mesh/flow"
	"github.com/pcapmesh/pcapmesh/mesh/internal/decide/crossing"
	"github.com/pcapmesh/pcapmesh/mesh/internal/decide/graph"
	"github.com/pcapmesh/pcapmesh/mesh/internal/decide/turn"
	"github.com/pcapmesh/pcapmesh/mesh/internal/index/scan"
)

// Believed is the probability from which the word of this package is taken.
const Believed = .99

// sure is how sure what is taken as true is: of over 1,000 such of real Envoys with known
// truth 4 were wrong.
const sure = .98

// Join ties exchanges to legs that are HTTP/2 under TLS, if the proxy does not write
// every frame by itself.
func Join(c *crossing.Crossing) {
	for _, up := range [2]bool{false, true} {
		hiding, reading := c.Down, c.Up
		if up {
			hiding, reading = reading, hiding
		}
		ls := lanes(c, hiding)
		if all := graph.ExchangesOf(reading); len(ls) > 0 && len(c.Open(slices.Clone(all))) > 0 {
			join(c, ls, c.OpenOrUnplaced(all), up)
		}
	}
}

// join ties exchanges that can be read to lanes.
func join(c *crossing.Crossing, ls []*lane, es []*graph.Exchange, up bool) {
	p := &problem{es: es, lanes: ls, up: up, holes: c.Holes(), may: func(e *graph.Exchange, l *lane) bool {
		d, u := e, &graph.Exchange{Leg: l.leg}
		if !up {
			d, u = u, d
		}
		return graph.MayServe(d.Leg, u.Leg) && !c.Barred(d, u)
	}}
	if p.measure(); p.framed() {
		return
	}
	for _, l := range ls {
		c.Busy[l.leg] = true // no turns, whatever becomes of it
	}
	if !p.solve(c.Index.Stopped) {
		return
	}
	links := p.links(c)
	for _, l := range links {
		c.Add(l)
	}
	for _, l := range ls {
		l.reveal(links)
	}
}

// links returns what is said of each exchange.
func (p *problem) links(c *crossing.Crossing) (links []*graph.Link) {
	all := p.guesses()
	begun := p.seatAll(c, all)
	for i, gs := range all {
		if len(gs) > 0 {
			links = append(links, p.link(i, gs, begun))
		}
	}
	return links
}

// A spot is a record of a lane.
type spot struct{ x, record int }

// seatAll makes for each exchange the one that it was on its lane, at the likeliest
// place: in each record in the order of those that begin in it. It returns those by record.
func (p *problem) seatAll(c *crossing.Crossing, all [][]guess) map[spot][]int {
	p.seats = make([]*graph.Exchange, len(p.es))
	begun := make(map[spot][]int)
	for i, gs := range all {
		if len(gs) > 0 {
			s := spot{gs[0].x, gs[0].record}
			begun[s] = append(begun[s], i)
		}
	}
	for s, is := range begun {
		slices.SortStableFunc(is, func(i, j int) int { return cmp.Compare(all[i][0].slot, all[j][0].slot) })
		for n, i := range is {
			p.seats[i] = p.lanes[s.x].seat(c, s.record, n+1, p.answer(s.x, i))
		}
	}
	return begun
}

// seat makes the exchange whose request begins in a record, nth of those there, and whose
// response in another; -1 if that is not known.
func (l *lane) seat(c *crossing.Crossing, record, nth, answer int) *graph.Exchange {
	conn := l.leg.Conn
	e := &graph.Exchange{Leg: l.leg, Scan: c.Index.ScanOf(conn.Orig), RespScan: c.Index.ScanOf(conn.Reply), Floor: int64(l.leg.Start),
		Req: turn.MessageOf(l.channels[requests].units[record : record+1]), Outline: &graph.Outline{First: record, Slot: nth}}
	e.Req.Flags |= scan.MsgRequest
	if answer >= 0 {
		e.Resp = turn.MessageOf(l.channels[responses].units[answer : answer+1])
	}
	l.seats = append(l.seats, e)
	return e
}

// answer returns the record of lane x in which the response of exchange i begins; -1 if
// that is not certain enough.
func (p *problem) answer(x, i int) int {
	ch := p.lanes[x].channels[responses]
	n := slices.Index(ch.who, i)
	if n < 0 {
		return -1
	}
	at, sum, best := make(map[int]float64), 0.0, -1
	for _, pl := range ch.places[n] {
		at[pl.Record] += pl.P
		sum += pl.P
		if best < 0 || at[pl.Record] > at[best] {
			best = pl.Record
		}
	}
	if best < 0 || at[best] < graph.SureByTime*sum {
		return -1
	}
	return best
}

// link says what exchange i is on its lane. Of one that is in doubt rivals are other
// records, each by what was found to begin there, or else its lane.
func (p *problem) link(i int, gs []guess, begun map[spot][]int) *graph.Link {
	best, h := gs[0], p.seats[i]
	l := &graph.Link{From: p.es[i].Leg, To: h.Leg, Down: p.es[i], Up: h, Attempt: 1, Confidence: min(best.p, graph.SureProven), Evidence: p.explain(i, best)}
	if !p.up {
		l.From, l.To, l.Down, l.Up = l.To, l.From, l.Up, l.Down
	}
	if p.certain(i, best) {
		l.Confidence = sure
		if p.lanes[best.x].channels[requests].untold > untidy {
			l.Confidence = graph.SureByContents
		}
		return l
	}
	l.Ambiguous = true
	here := p.onLane(i, best)
	for _, g := range gs[1:] {
		if r := p.rival(i, g, begun); len(l.Rivals) < crossing.MaxRivals && !slices.Contains(l.Rivals, r) && (here == 0 || g.x == best.x) {
			l.Rivals = append(l.Rivals, r)
		}
	}
	if len(l.Rivals) == 0 {
		l.Rivals = []graph.Rival{{Leg: h.Leg}}
	}
	l.Legs, l.Caused = here, here > 0 && !p.up
	return l
}

// rival names a guess.
func (p *problem) rival(i int, g guess, begun map[spot][]int) graph.Rival {
	r := graph.Rival{Leg: p.lanes[g.x].leg}
	for _, k := range begun[spot{g.x, g.record}] {
		if k != i {
			r.Ex = p.seats[k]
			break
		}
	}
	return r
}

// reveal makes what was found the exchanges of the leg.
func (l *lane) reveal(links []*graph.Link) {
	slices.SortFunc(l.seats, func(a, b *graph.Exchange) int {
		return cmp.Or(cmp.Compare(a.Outline.First, b.Outline.First), cmp.Compare(a.Outline.Slot, b.Outline.Slot))
	})
	at := make(map[*graph.Exchange]*graph.Exchange)
	l.leg.Hidden = make([]graph.Exchange, len(l.seats))
	for i, e := range l.seats {
		e.No = i
		l.leg.Hidden[i], at[e] = *e, &l.leg.Hidden[i]
	}
	move := func(e **graph.Exchange) {
		if n := at[*e]; n != nil {
			*e = n
		}
	}
	for _, k := range links {
		move(&k.Down)
		move(&k.Up)
		for i := range k.Rivals {
			move(&k.Rivals[i].Ex)
		}
	}
	l.leg.Exchanges = l.leg.Hidden
}

// explain says what speaks for a guess.
func (p *problem) explain(i int, g guess) []flow.Evidence {
	ch, m := p.lanes[g.x].channels[requests], &p.messages[requests][i]
	r := &ch.records[g.record]
	delay := p.delay(requests, m, r)
	detail := fmt.Sprintf("HTTP/2 in a record of %d bytes, %.3f ms", r.Size, float64(max(delay, -delay))/1e6)
	if n := p.seats[i].Outline.Slot; n > 1 {
		detail += fmt.Sprintf(", request %d of it", n)
	}
	return []flow.Evidence{{Kind: flow.TurnAlgebra, Detail: detail, Packets: []capture.Ref{p.es[i].Ref(), ch.units[g.record].At.Ref}}}
}
