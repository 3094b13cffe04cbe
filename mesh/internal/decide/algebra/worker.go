package algebra

import "github.com/pcapmesh/pcapmesh/mesh/internal/decide/graph"

// A proxy with several workers has a pool of upstream connections for each: a
// client's connection belongs to one worker, and only ever uses the pool of
// that one (Envoy's threading model; HAProxy's threads share idle connections
// only where they run out). Where the certain ties fall into groups that have no
// leg in common, ties across groups are unlikely.

const (
	// manyTies is how many ties a group must have to be one.
	manyTies = 8
	// foreign is how likely it is beforehand that a group is left.
	foreign = 1e-3
)

// workers makes strands between different groups of legs unlikely, and tells
// whether there are such.
func (a *algebra) workers() bool {
	root := make(map[*graph.Leg]*graph.Leg)
	find := func(l *graph.Leg) *graph.Leg {
		for root[l] != nil {
			if up := root[root[l]]; up != nil {
				root[l] = up
			}
			l = root[l]
		}
		return l
	}
	ties := make(map[*graph.Leg]int)
	a.certain(func(d, u *graph.Leg) {
		if d, u = find(d), find(u); d != u {
			root[d] = u
		}
	})
	a.certain(func(d, _ *graph.Leg) { ties[find(d)]++ })
	found := false
	for i := range a.pairing.Edges {
		s := a.strand(int32(i))
		d, u := find(a.down[s.D].ex.Leg), find(a.up[s.U].ex.Leg)
		if d != u && ties[d] >= manyTies && ties[u] >= manyTies {
			s.base *= foreign
			found = true
		}
	}
	return found
}

// certain calls yield with the legs of all strands that are taken as true.
func (a *algebra) certain(yield func(down, up *graph.Leg)) {
	for i := range a.pairing.Edges {
		if s := a.strand(int32(i)); s.P >= Believed && !s.read && a.usual(s) { // what is in doubt ties no groups
			yield(a.down[s.D].ex.Leg, a.up[s.U].ex.Leg)
		}
	}
}

// pooled returns the strands between what can be read that only the pools of the proxy's
// workers tell: all others of either end lead to the pool of another worker. Lengths tell
// nothing where contents are alike, and delays are no proof.
func (a *algebra) pooled() map[int32]bool {
	type end struct{ own, foreign int }
	down, up := make([]end, len(a.down)), make([]end, len(a.up))
	for i := range a.pairing.Edges {
		s := a.strand(int32(i))
		for _, e := range [2]*end{&down[s.D], &up[s.U]} {
			if s.base < 1 {
				e.foreign++
			} else {
				e.own++
			}
		}
	}
	out := make(map[int32]bool)
	for i := range a.pairing.Edges {
		s := a.strand(int32(i))
		d, u := down[s.D], up[s.U]
		if s.read && s.base >= 1 && d.own == 1 && u.own == 1 && d.foreign+u.foreign > 0 {
			out[int32(i)] = true
		}
	}
	return out
}
