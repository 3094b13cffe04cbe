package algebra

import (
	"sort"

	"github.com/pcapmesh/pcapmesh/mesh/internal/decide/graph"
	"github.com/pcapmesh/pcapmesh/mesh/internal/decide/odds"
	"github.com/pcapmesh/pcapmesh/mesh/internal/decide/turn"
	"github.com/pcapmesh/pcapmesh/mesh/internal/index"
)

// A turn is not always an exchange. Where a server begins to answer before the
// request is over, one exchange is several turns. Turns alone do not show that,
// but an exchange on the other side of the proxy does, with which no single
// turn goes together: it tells when the exchange began and ended, and how long
// it is.

// A segmenter looks for runs of turns that are exchanges.
type segmenter struct {
	runs     map[*graph.Exchange]turn.Run
	seen     map[turn.Run]bool
	done     map[*graph.Exchange]bool // turns that go together with something by themselves
	down, up []*graph.Exchange        // all turns and all runs that times suggest
}

// segment makes one exchange of turns that belong together, as far as exchanges
// on the other side show it for which a finds no counterpart. It reports whether
// there were such. Runs and single turns are weighed against each other; that
// most of them stay alone says nothing.
func (a *algebra) segment(down, up []*graph.Leg) bool {
	g := &segmenter{runs: make(map[*graph.Exchange]turn.Run), seen: make(map[turn.Run]bool), done: make(map[*graph.Exchange]bool)}
	downs, ups := a.explained(len(a.down), func(s strand) int32 { return s.D }), a.explained(len(a.up), func(s strand) int32 { return s.U })
	for i := range a.down {
		g.down = append(g.down, a.down[i].ex)
		g.done[a.down[i].ex] = downs[i]
	}
	for i := range a.up {
		g.up = append(g.up, a.up[i].ex)
		g.done[a.up[i].ex] = ups[i]
	}
	a.unexplained(a.up, func(s strand) int32 { return s.U }, func(it *item) { g.suggest(&g.down, it, down, enclosing) })
	a.unexplained(a.down, func(s strand) int32 { return s.D }, func(it *item) { g.suggest(&g.up, it, up, enclosed) })
	if len(g.runs) == 0 {
		return false
	}
	b := newAlgebra(g.down, g.up, a.holes)
	b.free, b.pairing.Stop = true, a.pairing.Stop
	return b.solve() && g.merge(b)
}

// unexplained calls yield for each readable item of one side with which no
// strand goes together by lengths.
func (a *algebra) unexplained(items []item, of func(strand) int32, yield func(*item)) {
	explained := a.explained(len(items), of)
	for i := range items {
		if it := &items[i]; !explained[i] && it.ex.Outline == nil && len(it.req) == 1 && len(it.resp) == 1 && it.reqAt != noTime {
			yield(it)
		}
	}
}

// explained tells for each of n items of one side whether some strand of it
// goes together by lengths as others do, or is probable.
func (a *algebra) explained(n int, of func(strand) int32) []bool {
	explained := make([]bool, n)
	for i := range a.pairing.Edges {
		s := a.strand(int32(i))
		if s.P >= Believed && a.usual(s) || s.P >= imaginable && a.common(s) {
			explained[of(s)] = true
		}
	}
	return explained
}

// common reports whether both differences of lengths of a strand are common.
func (a *algebra) common(s strand) bool {
	for k, x := range s.shift {
		if x == odds.UnknownShift || a.shifts[k].Likely(a.peer(s), x, odds.Witness{X: x, P: s.P}) < commonShift {
			return false
		}
	}
	return true
}

// commonShift is the probability from which a difference of lengths is common.
const commonShift = 0.02

// suggest adds the runs of turns whose times go together with it, as far as
// none of the turns goes together with something by itself.
func (g *segmenter) suggest(side *[]*graph.Exchange, it *item, legs []*graph.Leg, bounds func(*item, []graph.Exchange) (int, int, bool)) {
	for _, l := range legs {
		from, to, ok := bounds(it, l.Hidden)
		run := turn.Run{Leg: l, From: from, To: to}
		if !ok || to == from+1 || g.seen[run] || g.taken(l.Hidden[from:to]) {
			continue
		}
		g.seen[run] = true
		e := turn.Joined(l.Hidden[from:to])
		*side = append(*side, &e)
		g.runs[&e] = run
	}
}

// taken reports whether one of the turns is explained.
func (g *segmenter) taken(turns []graph.Exchange) bool {
	for i := range turns {
		if g.done[&turns[i]] {
			return true
		}
	}
	return false
}

// merge makes exchanges of the runs that b believes in.
func (g *segmenter) merge(b *algebra) bool {
	found := make(map[*graph.Leg][]turn.Run)
	var legs []*graph.Leg
	for i := range b.pairing.Edges {
		s := b.strand(int32(i))
		for _, e := range [2]*graph.Exchange{b.down[s.D].ex, b.up[s.U].ex} {
			run, ok := g.runs[e]
			if !ok || s.P < .5 {
				continue
			}
			if found[run.Leg] == nil {
				legs = append(legs, run.Leg)
			}
			run.P = s.P
			found[run.Leg] = append(found[run.Leg], run)
		}
	}
	for _, l := range legs {
		l.Hidden = turn.Merge(l.Hidden, turn.Disjoint(found[l]))
	}
	return len(legs) > 0
}

// enclosing returns the run of turns in whose time it lies.
func enclosing(it *item, turns []graph.Exchange) (from, to int, ok bool) {
	if it.respTo == noTime {
		return 0, 0, false
	}
	from = sort.Search(len(turns), func(i int) bool { return turns[i].Start() > it.reqAt+index.Causality })
	to = sort.Search(len(turns), func(i int) bool { return turns[i].End() >= it.respTo-index.Causality })
	from, to = from-1, to+1
	return from, to, from >= 0 && to <= len(turns) && from < to
}

// enclosed returns the run of turns that lie in its time.
func enclosed(it *item, turns []graph.Exchange) (from, to int, ok bool) {
	if it.respTo == noTime {
		return 0, 0, false
	}
	from = sort.Search(len(turns), func(i int) bool { return turns[i].Start() >= it.reqAt-index.Causality })
	to = sort.Search(len(turns), func(i int) bool { return turns[i].End() > it.respTo+index.Causality })
	return from, to, from < to
}
