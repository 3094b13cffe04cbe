package turn

import (
	"cmp"
	"slices"

	"github.com/pcapmesh/pcapmesh/mesh/internal/decide/graph"
	"github.com/pcapmesh/pcapmesh/mesh/internal/index/scan"
)

// A Run is a run of turns of one leg that may be one exchange: indices
// [from, to) into Leg.hidden.
type Run struct {
	Leg      *graph.Leg
	From, To int
	P        float64
}

// Joined returns the exchange that consists of the given turns.
func Joined(turns []graph.Exchange) graph.Exchange {
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

// Disjoint leaves of runs that overlap the most probable ones.
func Disjoint(runs []Run) []Run {
	slices.SortStableFunc(runs, func(a, b Run) int { return cmp.Or(cmp.Compare(b.P, a.P), cmp.Compare(a.From, b.From)) })
	var out []Run
	for _, r := range runs {
		if !slices.ContainsFunc(out, func(o Run) bool { return o.From < r.To && r.From < o.To }) {
			out = append(out, r)
		}
	}
	slices.SortFunc(out, func(a, b Run) int { return a.From - b.From })
	return out
}

// Merge makes one exchange of each run.
func Merge(turns []graph.Exchange, runs []Run) []graph.Exchange {
	var out []graph.Exchange
	at := 0
	for _, r := range runs {
		out = append(out, turns[at:r.From]...)
		out = append(out, Joined(turns[r.From:r.To]))
		at = r.To
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
