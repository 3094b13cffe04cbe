package logged

import (
	"math"
	"slices"

	"github.com/pcapmesh/pcapmesh/mesh/internal/decide/crossing"
	"github.com/pcapmesh/pcapmesh/mesh/internal/decide/graph"
)

// A group is lines that are not told apart, and the exchanges of one side that they
// may be of: which line is of which is not known, but together they are of these.
type group struct {
	lines []*logEntry
	xs    []*graph.Exchange
	of    map[*graph.Exchange]*logEntry // the first line that an exchange may have
}

// takeAlike ties exchanges that lines do not tell apart to the leg that all of these
// lines name on the other side. A doubt which line it is is none about the leg.
func takeAlike(c *crossing.Crossing, entries, believed []*logEntry, on side) {
	groups := groupsOf(c, entries, believed, on)
	if len(groups) == 0 {
		return
	}
	r := newReach(c, entries, on)
	for _, g := range groups {
		if !g.complete(c, r, on) {
			continue
		}
		for _, x := range g.xs {
			g.take(c, x, on)
		}
	}
}

// take ties one exchange of a group to the leg on the other side, or to those of its
// exchanges that can be read.
func (g *group) take(c *crossing.Crossing, x *graph.Exchange, on side) {
	e := g.of[x]
	to := e.leg(1 - on)
	switch o, known := sole(e.may(1-on), to); {
	case !known && on == downstream:
		c.LimitDown(x, told(to))
	case !known:
		c.LimitUp(x, told(to))
	case o == nil && on == downstream:
		tie(c, e, x, nil)
	case o == nil:
		tie(c, e, nil, x)
	}
}

// groupsOf parts the lines of which it is not known which exchange of a side they
// are: lines that may be of the same exchange are in one group. An exchange that one
// line has for sure is in none.
func groupsOf(c *crossing.Crossing, entries, believed []*logEntry, on side) []*group {
	had := make(map[*graph.Exchange]bool)
	for _, e := range entries {
		if len(e.may(on)) == 1 {
			had[e.may(on)[0]] = true
		}
	}
	open := slices.DeleteFunc(slices.Clone(believed), func(e *logEntry) bool {
		return e.tcp() || e.Down == nil || e.Up == nil || len(e.may(on)) < 2
	})
	parent := make([]int, len(open))
	root := func(i int) int {
		for parent[i] != i {
			parent[i] = parent[parent[i]]
			i = parent[i]
		}
		return i
	}
	first := make(map[*graph.Exchange]int)
	for i, e := range open {
		parent[i] = i
		for _, x := range e.may(on) {
			if k, ok := first[x]; ok {
				a, b := root(i), root(k)
				parent[max(a, b)] = min(a, b) // the group is where its first line is
			} else {
				first[x] = i
			}
		}
	}
	at := make(map[int]*group)
	var groups []*group
	for i, e := range open {
		g := at[root(i)]
		if g == nil {
			g = &group{of: make(map[*graph.Exchange]*logEntry)}
			at[root(i)] = g
			groups = append(groups, g)
		}
		g.lines = append(g.lines, e)
		for _, x := range e.may(on) {
			if g.of[x] == nil && !c.Taken[x] && !had[x] {
				g.of[x] = e
				g.xs = append(g.xs, x)
			}
		}
	}
	return groups
}

// complete reports whether the lines of the group are those of its exchanges: there
// are as many, and neither log nor capture begins or ends between them, and whether
// all of them name the same leg on the other side.
func (g *group) complete(c *crossing.Crossing, r *reach, on side) bool {
	to := g.lines[0].leg(1 - on)
	return len(g.lines) == len(g.xs) && !slices.ContainsFunc(g.lines, func(e *logEntry) bool {
		return e.leg(1-on) != to || r.more[e.leg(on)] || holed(c.Index, e.leg(on)) || !r.captured(e)
	}) && !slices.ContainsFunc(g.xs, func(x *graph.Exchange) bool { return !r.logged(g.of[x].File, x) })
}

// A reach is the times between which everything was captured at a crossing, and
// between which it was logged, by file.
type reach struct {
	from, to int64
	ends     map[int][2]int64    // of lines, which are written when what they are of ends
	more     map[*graph.Leg]bool // legs of which lines name more exchanges than are there
}

func newReach(c *crossing.Crossing, entries []*logEntry, on side) *reach {
	r := &reach{from: math.MaxInt64, to: math.MinInt64, ends: make(map[int][2]int64), more: make(map[*graph.Leg]bool)}
	for _, e := range entries {
		if l := e.leg(on); l != nil && len(e.may(on)) == 0 {
			r.more[l] = true
		}
	}
	for _, l := range slices.Concat(c.Down, c.Up) {
		r.from, r.to = min(r.from, int64(l.Start)), max(r.to, int64(l.End))
	}
	for _, l := range c.Ledger.Lines {
		at, ok := l.Ends()
		if !ok {
			continue
		}
		ends, known := r.ends[l.File]
		if !known {
			ends = [2]int64{at, at}
		}
		r.ends[l.File] = [2]int64{min(ends[0], at), max(ends[1], at+l.Resolution+wholeMillis)}
	}
	return r
}

// captured reports whether all of a line's exchange went by while packets were captured.
func (r *reach) captured(e *logEntry) bool {
	end, ok := e.Ends()
	return ok && e.Start+e.Resolution >= r.from && end <= r.to
}

// logged reports whether a file has lines of what ended before x did, and of what
// ended later.
func (r *reach) logged(file int, x *graph.Exchange) bool {
	ends, ok := r.ends[file]
	return ok && x.Req != nil && x.Resp != nil && ends[0] <= x.End() && x.End() <= ends[1]
}
