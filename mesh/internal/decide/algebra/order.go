package algebra

import (
	"cmp"
	"math"

	"github.com/pcapmesh/pcapmesh/mesh/internal/decide/graph"
)

// A proxy handles the requests of one HTTP/2 connection in turn, though their
// streams go on at once. So pairs that cross others of the same connection, in
// the order of requests, are less likely. How much less is learned from pairs
// that are certain.

// An orderliness counts pairs of neighbouring strands that keep an order and
// that cross.
type orderliness struct{ kept, crossed float64 }

// ratio returns how likely a crossing is, as a multiple of the contrary.
func (o orderliness) ratio() float64 { return min(o.crossed/o.kept, 1) }

// ofAccount is the probability from which a strand is asked whether it crosses
// another.
const ofAccount = 1e-6

// besides is how many exchanges that began after one are its neighbours.
const besides = 5

// disorder weighs the strands of streams by whether they cross others of their
// leg that are probable.
func (a *algebra) disorder() {
	learned := orderliness{1, 1}
	a.neighbours(func(s, t strand) {
		switch {
		case s.P*t.P < Believed*Believed || a.crosses(s, t) == 0:
		case a.crosses(s, t) > 0:
			learned.crossed++
		default:
			learned.kept++
		}
	})
	for i := range a.pairing.Edges {
		a.facts[i].order = 1
	}
	r := learned.ratio()
	a.neighbours(func(s, t strand) {
		if a.crosses(s, t) > 0 {
			s.order *= math.Pow(r, t.P)
			t.order *= math.Pow(r, s.P)
		}
	})
	a.doubtBodies()
}

// neighbours calls yield for all pairs of strands of heads that stand near each
// other on one leg.
func (a *algebra) neighbours(yield func(s, t strand)) {
	byHead := make(map[*graph.Exchange][]int32)
	for i := range a.pairing.Edges {
		if s := a.strand(int32(i)); s.P >= ofAccount {
			e := a.sealedEnd(s)
			byHead[e] = append(byHead[e], int32(i))
		}
	}
	var heads []*graph.Exchange
	for _, items := range [2][]item{a.down, a.up} {
		for i := range items {
			if len(byHead[items[i].ex]) > 0 && items[i].ex.Outline != nil {
				heads = append(heads, items[i].ex)
			}
		}
	}
	for k, e := range heads {
		for _, f := range heads[k+1 : min(k+1+besides, len(heads))] {
			if f.Leg != e.Leg {
				break
			}
			for _, i := range byHead[e] {
				for _, j := range byHead[f] {
					yield(a.strand(i), a.strand(j))
				}
			}
		}
	}
}

// crosses returns 1 if two strands cross in the order of requests, -1 if they
// do not, 0 if that cannot be told.
func (a *algebra) crosses(s, t strand) int {
	down, up := before(&a.down[s.D], &a.down[t.D]), before(&a.up[s.U], &a.up[t.U])
	return -down * up
}

// before returns 1 if the request of x was sent before that of y, -1 if after, 0 if
// that cannot be told. In one packet of one leg the bytes tell.
func before(x, y *item) int {
	switch {
	case x.reqAt == noTime || y.reqAt == noTime:
		return 0
	case x.reqAt == y.reqAt && x.ex.Leg == y.ex.Leg && x.ex.Req != nil && y.ex.Req != nil:
		return cmp.Compare(y.ex.Req.Start, x.ex.Req.Start)
	}
	return cmp.Compare(y.reqAt, x.reqAt)
}
