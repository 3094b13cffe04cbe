package crossing

import (
	"slices"

	"github.com/pcapmesh/pcapmesh/mesh/internal/decide/graph"
)

// What can be read is tied by what it says. Two things of it are of use here all the
// same, so that keys never make a result worse. What is tied teaches: with keys for all
// but one connection nobody else could show what the proxy does to its lengths. And
// what says the same as another, and was left in doubt, has lengths and times as if
// nobody could read it, so that it is weighed like what nobody can.

// A Reading is what was made of exchanges that can be read on both sides.
type Reading struct {
	Tied    map[*graph.Exchange]*graph.Exchange // to each other, of either side
	Doubted map[*graph.Exchange]*graph.Link     // of downstream ones: their links in doubt
	Pairs   [][2]*graph.Exchange                // what may belong together, tied ones first
	torn    bool                                // what is in doubt is so since packets are missing
}

// NewReading collects what the passes before made of what can be read. It has nothing if
// that is of no use here: all is tied, and nothing of it was hidden without keys; or
// nothing is tied, since delays learned from what is in doubt itself say nothing.
func NewReading(c *Crossing, hidden bool) *Reading {
	r := &Reading{Tied: make(map[*graph.Exchange]*graph.Exchange), Doubted: make(map[*graph.Exchange]*graph.Link)}
	var sure []*graph.Link
	ties, opened := make(map[*graph.Exchange]int), false
	for _, l := range c.Links {
		switch {
		case !BothRead(l):
		case !l.Ambiguous:
			sure = append(sure, l)
			ties[l.Down]++
			opened = opened || l.From.Decrypted || l.To.Decrypted
		case !c.Taken[l.Down]:
			r.Doubted[l.Down] = l
		}
	}
	if len(sure) == 0 {
		r.Doubted = nil
	}
	if len(r.Doubted) == 0 && !(hidden && opened) {
		return r
	}
	for _, l := range sure {
		if ties[l.Down] == 1 { // else it was tried several times
			r.Tied[l.Down], r.Tied[l.Up] = l.Up, l.Down
			r.Pairs = append(r.Pairs, [2]*graph.Exchange{l.Down, l.Up})
		}
	}
	r.doubt(c)
	return r
}

// BothRead reports whether a link is one of two exchanges that can be read.
func BothRead(l *graph.Link) bool {
	return l.Down != nil && l.Up != nil && !graph.IsHidden(l.Down) && !graph.IsHidden(l.Up)
}

// doubt adds the pairs that were left in doubt, if they are not too many.
func (r *Reading) doubt(c *Crossing) {
	pairs := r.candidates(c)
	holed := func(p [2]*graph.Exchange) bool { return !c.Trust.Complete(p[1]) } // its own may be missing
	switch {
	case slices.ContainsFunc(pairs, holed):
		r.torn = true
	case len(pairs) <= mostDoubts:
		r.Pairs = append(r.Pairs, pairs...)
	}
}

// candidates lists what links in doubt name as pairs.
func (r *Reading) candidates(c *Crossing) (pairs [][2]*graph.Exchange) {
	up := make(map[*graph.Leg]bool, len(c.Up))
	for _, l := range c.Up {
		up[l] = true
	}
	seen := make(map[[2]*graph.Exchange]bool)
	add := func(d, u *graph.Exchange) {
		if p := [2]*graph.Exchange{d, u}; !seen[p] && !c.Taken[d] && !c.Taken[u] {
			seen[p] = true
			pairs = append(pairs, p)
		}
	}
	for _, l := range c.Links {
		if l.Down == nil || r.Doubted[l.Down] != l {
			continue
		}
		add(l.Down, l.Up)
		for _, v := range l.Rivals {
			switch {
			case v.Ex == nil:
			case up[v.Leg]:
				add(l.Down, v.Ex)
			default: // it is who else may have caused it
				add(v.Ex, l.Up)
			}
		}
	}
	return pairs
}

// Veiled reports whether d and u, which can be read, are compared like what nobody can:
// packets are missing, so that contents decide nothing, and without keys at least one of
// the two would be hidden. What can be read must not say that they differ.
func (r *Reading) Veiled(c *Crossing, d, u *graph.Exchange) bool {
	if !r.torn || !d.Leg.Decrypted && !u.Leg.Decrypted || d.Leg.Multiplexed() || u.Leg.Multiplexed() || c.Taken[d] || c.Taken[u] || !Nests(d, u) {
		return false
	}
	like := Compare(d, u)
	return !like.Contradicted() && !like.OtherID
}

// Open removes from es what is tied, but for what a log ties and for what teaches.
func (r *Reading) Open(c *Crossing, es []*graph.Exchange) []*graph.Exchange {
	var teach []*graph.Exchange
	for _, e := range es {
		if r.Tied[e] != nil {
			teach = append(teach, e)
		}
	}
	if len(teach) == 0 {
		return c.OpenOrTied(es)
	}
	free := make(map[*graph.Exchange]bool)
	for _, e := range c.OpenOrTied(slices.Clone(es)) {
		free[e] = true
	}
	return slices.DeleteFunc(es, func(e *graph.Exchange) bool { return r.Tied[e] == nil && !free[e] })
}

// mostDoubts is how many pairs in doubt are weighed.
const mostDoubts = 1 << 17

// Settle takes what is said of exchanges that can be read if it is certain. Of what stays
// in doubt reading has named the candidates.
func (c *Crossing) Settle(l *graph.Link) {
	if !l.Ambiguous {
		like := Compare(l.Down, l.Up)
		l.Evidence = append(explain(l.Down, l.Up, &like, true), l.Evidence...)
		c.Add(l)
	}
}
