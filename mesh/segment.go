package mesh

import (
	"cmp"
	"slices"
	"sort"

	"github.com/pcapmesh/pcapmesh/mesh/internal/decide/graph"
	"github.com/pcapmesh/pcapmesh/mesh/internal/index"
	"github.com/pcapmesh/pcapmesh/mesh/internal/index/scan"
)

// A turn is not always an exchange. Where a server begins to answer before the
// request is over, one exchange is several turns. Turns alone do not show that,
// but an exchange on the other side of the proxy does, with which no single
// turn goes together: it tells when the exchange began and ended, and how long
// it is.

// A turnRun is a run of turns of one leg that may be one exchange: indices
// [from, to) into Leg.hidden.
type turnRun struct {
	leg      *graph.Leg
	from, to int
	p        float64
}

// A segmenter looks for runs of turns that are exchanges.
type segmenter struct {
	runs     map[*graph.Exchange]turnRun
	seen     map[turnRun]bool
	done     map[*graph.Exchange]bool // turns that go together with something by themselves
	down, up []*graph.Exchange        // all turns and all runs that times suggest
}

// segment makes one exchange of turns that belong together, as far as exchanges
// on the other side show it for which a finds no counterpart. It tells whether
// there were such. Runs and single turns are weighed against each other; that
// most of them stay alone says nothing.
func (a *algebra) segment(down, up []*graph.Leg) bool {
	g := &segmenter{runs: make(map[*graph.Exchange]turnRun), seen: make(map[turnRun]bool), done: make(map[*graph.Exchange]bool)}
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
	b.free = true
	b.solve()
	return g.merge(b)
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
	for i := range a.web.Edges {
		s := a.strand(int32(i))
		if s.P >= believed && a.usual(s) || s.P >= imaginable && a.common(s) {
			explained[of(s)] = true
		}
	}
	return explained
}

// common tells whether both differences of lengths of a strand are common.
func (a *algebra) common(s strand) bool {
	for k, x := range s.shift {
		if x == unknownShift || a.shifts[k].likely(a.peer(s), x, witness{x, s.P}) < commonShift {
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
		run := turnRun{leg: l, from: from, to: to}
		if !ok || to == from+1 || g.seen[run] || g.taken(l.Hidden[from:to]) {
			continue
		}
		g.seen[run] = true
		e := joinedTurns(l.Hidden[from:to])
		*side = append(*side, &e)
		g.runs[&e] = run
	}
}

// taken tells whether one of the turns is explained.
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
	found := make(map[*graph.Leg][]turnRun)
	var legs []*graph.Leg
	for i := range b.web.Edges {
		s := b.strand(int32(i))
		for _, e := range [2]*graph.Exchange{b.down[s.D].ex, b.up[s.U].ex} {
			run, ok := g.runs[e]
			if !ok || s.P < .5 {
				continue
			}
			if found[run.leg] == nil {
				legs = append(legs, run.leg)
			}
			run.p = s.P
			found[run.leg] = append(found[run.leg], run)
		}
	}
	for _, l := range legs {
		l.Hidden = mergeTurns(l.Hidden, disjoint(found[l]))
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

// joinedTurns returns the exchange that consists of the given turns.
func joinedTurns(turns []graph.Exchange) graph.Exchange {
	e := turns[0]
	h := *e.Outline
	e.Outline = &h
	e.Req, e.Resp = extend(e.Req, nil), extend(e.Resp, nil)
	for i := range turns[1:] {
		t := &turns[i+1]
		h.Req, h.Resp = plus(h.Req, t.Outline.Req), plus(h.Resp, t.Outline.Resp)
		e.Req, e.Resp = extend(e.Req, t.Req), extend(e.Resp, t.Resp)
	}
	return e
}

// plus adds a length to each of s.
func plus(s scan.Sizes, o scan.Sizes) scan.Sizes {
	if len(o) != 1 {
		return nil
	}
	out := slices.Clone(s)
	for i := range out {
		out[i] += o[0]
	}
	return out
}

// extend returns a message that goes on to the end of n.
func extend(m, n *scan.Message) *scan.Message {
	if m == nil && n == nil {
		return nil
	}
	if m == nil {
		m = n
	}
	c := *m
	if n != nil {
		c.End, c.To = max(c.End, n.End), n.To
	}
	return &c
}

// disjoint leaves of runs that overlap the most probable ones.
func disjoint(runs []turnRun) []turnRun {
	slices.SortStableFunc(runs, func(a, b turnRun) int { return cmp.Or(cmp.Compare(b.p, a.p), cmp.Compare(a.from, b.from)) })
	var out []turnRun
	for _, r := range runs {
		if !slices.ContainsFunc(out, func(o turnRun) bool { return o.from < r.to && r.from < o.to }) {
			out = append(out, r)
		}
	}
	slices.SortFunc(out, func(a, b turnRun) int { return a.from - b.from })
	return out
}

// mergeTurns makes one exchange of each run.
func mergeTurns(turns []graph.Exchange, runs []turnRun) []graph.Exchange {
	var out []graph.Exchange
	at := 0
	for _, r := range runs {
		out = append(out, turns[at:r.from]...)
		out = append(out, joinedTurns(turns[r.from:r.to]))
		at = r.to
	}
	out = append(out, turns[at:]...)
	for i := range out {
		out[i].No = i
		if i > 0 {
			out[i].Floor = out[i-1].End()
		}
	}
	return out
}
