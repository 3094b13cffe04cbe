package streams

import (
	"cmp"
	"slices"

	"github.com/pcapmesh/pcapmesh/internal/align"
	"github.com/pcapmesh/pcapmesh/mesh/internal/decide/graph"
	"github.com/pcapmesh/pcapmesh/mesh/internal/index"
)

// A guess is a record in which the request of an exchange may begin.
type guess struct {
	x, record int
	slot      float64 // which of those in it, on average
	p         float64
	measured  float64 // how much of it is told by lengths too
}

// imaginable is the probability from which a guess is named.
const imaginable = 1e-3

// guesses lists by exchange where it may be, the likeliest first.
func (p *problem) guesses() [][]guess {
	all := make([][]guess, len(p.es))
	for x, l := range p.lanes {
		ch := l.channels[requests]
		for n, i := range ch.who {
			all[i] = append(all[i], ch.guesses(n, x, p.belief[i][x])...)
		}
	}
	for i, gs := range all {
		slices.SortStableFunc(gs, func(a, b guess) int { return cmp.Compare(b.p, a.p) })
		all[i] = slices.DeleteFunc(gs, func(g guess) bool { return g.p < imaginable })
	}
	p.doubtOrder(all)
	return all
}

// guesses lists in which records of lane x message n of a channel may begin, with the
// probability most that it is on the lane.
func (ch *channel) guesses(n, x int, most float64) (out []guess) {
	at := make(map[int]int) // by record, index into out
	for _, pl := range ch.places[n] {
		k, ok := at[pl.Record]
		if !ok {
			k = len(out)
			at[pl.Record] = k
			out = append(out, guess{x: x, record: pl.Record})
		}
		if !ch.messages[n].Forms[pl.Form].Vague || ch.untold < untidy {
			out[k].measured += pl.P
		}
		out[k].p += pl.P
		out[k].slot += pl.P * float64(pl.Slot)
	}
	for k := range out {
		out[k].slot /= out[k].p
		out[k].measured /= out[k].p
		out[k].p = min(out[k].p, most)
	}
	return out
}

const (
	// untidy is from what share of unexplained records on lengths may fit by chance: bodies
	// that come in pieces, as of streaming calls, lie between the heads.
	untidy = .1
	// muddled is from what share on nothing is certain.
	muddled = .4
	// believedByChance is Believed where they may.
	believedByChance = .999
)

// certain reports whether a guess is taken as true.
func (p *problem) certain(i int, g guess) bool {
	most, least := muddled, Believed
	if p.lanes[g.x].channels[requests].untold > untidy {
		least = believedByChance
	}
	if p.messages[requests][i].Until > 0 {
		most = untidy // no order tells of it, so that lengths must
	}
	return g.p*g.measured >= least && p.timely(i, g) && p.lanes[g.x].channels[requests].untold < most
}

// onLane returns how sure it is that exchange i went over the lane of a guess, wherever in
// it; 0 if it is not.
func (p *problem) onLane(i int, g guess) float64 {
	b := p.belief[i][g.x]
	switch untold := p.lanes[g.x].channels[requests].untold; {
	case !p.timely(i, g):
		return 0
	case untold <= untidy && b >= Believed:
		return sure
	case untold < muddled && b >= believedByChance:
		return graph.SureByContents
	}
	return 0
}

// timely reports whether the request of exchange i took no longer to its record than to
// one by chance: it must not while connections begin, and hardly later.
func (p *problem) timely(i int, g guess) bool {
	m, rs := &p.messages[requests][i], p.lanes[g.x].channels[requests].records
	odds := 1.0
	if m.Until == 0 && g.record >= settled {
		odds = lenient
	}
	return p.delays[requests][m.Class].Density(p.delay(requests, m, &rs[g.record]))*odds >= align.Rate(rs)
}

const (
	// settled is after how many records a connection has its usual pace.
	settled = 8
	// lenient is what is forgiven of a connection that has it.
	lenient = 8
)

// doubtOrder doubts guesses that only the order tells from others: two requests that had
// both come before either was sent on may have changed places.
func (p *problem) doubtOrder(all [][]guess) {
	other := make([]float64, len(all))
	order := p.inOrder(requests)
	for n, i := range order {
		for _, k := range order[n+1 : min(n+1+abreast, len(order))] {
			if len(all[i]) == 0 || len(all[k]) == 0 || !p.exchangeable(i, k, all[i][0], all[k][0]) {
				continue
			}
			r := max(2*p.overtake[requests][0], swapped)
			switch loose := p.messages[requests]; {
			case loose[i].Until > 0 && loose[k].Until > 0:
				r = 1
			case loose[i].Until > 0 || loose[k].Until > 0:
				r = waited
			}
			other[i] += r * p.alike(i, k) * all[k][0].p
			other[k] += r * p.alike(k, i) * all[i][0].p
		}
	}
	for i, gs := range all {
		if len(gs) > 0 {
			gs[0].p /= 1 + other[i]
		}
	}
}

const (
	// abreast is with how many that come after it a request is compared: more than go on
	// at once.
	abreast = 64
	// swapped is how often two requests that waited together are sent on in the other
	// order, at the least.
	swapped = .006
	// waited is how often a connection serves another one than that for which it was dialled.
	waited = .1
)

// exchangeable reports whether by times and ends each of two requests may be in the
// record of the other.
func (p *problem) exchangeable(i, k int, g, h guess) bool {
	if g.x == h.x && g.record == h.record || min(p.belief[i][h.x], p.belief[k][g.x]) < imaginable {
		return false
	}
	record := func(g guess) int64 { return p.lanes[g.x].channels[requests].records[g.record].At }
	came, went := [2]int64{p.came(i), p.came(k)}, [2]int64{record(g), record(h)}
	if !p.up {
		came, went = went, came
	}
	return max(came[0], came[1]) <= min(went[0], went[1])+index.Causality
}

// came returns when a request really went by.
func (p *problem) came(i int) int64 {
	return max(p.messages[requests][i].At, p.messages[requests][i].Until)
}

// alike returns how likely it is that request i has the length of request k, as a multiple
// of what it is for its own.
func (p *problem) alike(i, k int) float64 {
	return align.Alike(p.messages[requests][i].Forms[0], p.messages[requests][k].Forms[0], p.sizes[requests])
}
