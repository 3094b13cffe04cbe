package algebra

import (
	"cmp"
	"slices"

	"github.com/pcapmesh/pcapmesh/internal/assign"
	"github.com/pcapmesh/pcapmesh/mesh/internal/decide/graph"
)

// Records of several streams of HTTP/2 stand side by side, and what one exchange leaves
// over fits some other one. So a strand between streams needs more than a probability:
// others that are like it, and none that it crosses.

// doubtStreams takes back strands between streams that nobody attests, and those that
// cross another one of their leg.
func (t *tier) doubtStreams() {
	t.rivals = newRivalry(t.a.pairing.Edges, len(t.a.down), len(t.a.up))
	crossed := t.crossed()
	for d, i := range t.sure {
		if i < 0 {
			continue
		}
		if s := t.a.strand(i); crossed[i] || !t.a.attested(s) {
			t.sure[d], t.used[s.U] = -1, false
		}
	}
}

// abreast is with how many that come after it a strand is compared: more than streams
// that go on at once.
const abreast = 64

// crossed lists the strands taken as true that cross another one of their leg in the
// order of requests.
func (t *tier) crossed() map[int32]bool {
	byLeg := make(map[*graph.Leg][]int32)
	for _, i := range t.sure {
		if i >= 0 {
			l := t.a.sealedEnd(t.a.strand(i)).Leg
			byLeg[l] = append(byLeg[l], i)
		}
	}
	out := make(map[int32]bool)
	for _, is := range byLeg {
		slices.SortFunc(is, func(i, j int32) int {
			return cmp.Compare(t.a.sealedEnd(t.a.strand(i)).Outline.First, t.a.sealedEnd(t.a.strand(j)).Outline.First)
		})
		for k, i := range is {
			for _, j := range is[k+1 : min(k+1+abreast, len(is))] {
				if t.a.crosses(t.a.strand(i), t.a.strand(j)) > 0 {
					out[i], out[j] = true, true
				}
			}
		}
	}
	return out
}

// attested reports whether others have the difference of lengths that the responses of
// a strand between streams have, and delays like its own.
func (a *algebra) attested(s strand) bool {
	x, n := s.shift[1], a.shifts[1].all.n
	if x == unknownShift || n[x-1]+n[x]+n[x+1]-s.P < attestants { // a digit may take a byte more
		return false
	}
	for k := range s.delay {
		if s.delay[k] != noTime && a.delays[k][a.class(s)].near(s.delay[k])-s.P < 1 {
			return false
		}
	}
	return true
}

// backed reports whether enough others have the one difference of lengths that is known
// of a strand between exchanges, if the other is not.
func (a *algebra) backed(s strand) bool {
	for k, x := range s.shift {
		if s.shift[1-k] == unknownShift && x != unknownShift {
			n := a.shifts[k].all.n
			return n[x-1]+n[x]+n[x+1]-s.P >= attestants
		}
	}
	return true
}

// attestants is how many others must have the difference of lengths of a response.
const attestants = 2.5

// A rivalry tells how probable the others are of which one end is that of a strand.
// Where many streams go on at once probabilities are found by steps that may stop
// early, and need not add up to one: then the others say how far a strand can be
// trusted.
type rivalry struct {
	edges    []assign.Edge
	down, up [][2]int32 // by item: its two likeliest strands; -1 = none
}

func newRivalry(edges []assign.Edge, down, up int) *rivalry {
	r := &rivalry{edges: edges, down: make([][2]int32, down), up: make([][2]int32, up)}
	for _, tops := range [2][][2]int32{r.down, r.up} {
		for i := range tops {
			tops[i] = [2]int32{-1, -1}
		}
	}
	for i := range edges {
		r.enter(&r.down[edges[i].D], int32(i))
		r.enter(&r.up[edges[i].U], int32(i))
	}
	return r
}

// enter puts strand i among the two likeliest.
func (r *rivalry) enter(top *[2]int32, i int32) {
	switch p := r.edges[i].P; {
	case top[0] < 0 || p > r.edges[top[0]].P:
		top[0], top[1] = i, top[0]
	case top[1] < 0 || p > r.edges[top[1]].P:
		top[1] = i
	}
}

// of returns the probability of the likeliest other strand of either end of strand i.
func (r *rivalry) of(i int32) (most float64) {
	for _, top := range [2][2]int32{r.down[r.edges[i].D], r.up[r.edges[i].U]} {
		for _, k := range top {
			if k >= 0 && k != i {
				most = max(most, r.edges[k].P)
			}
		}
	}
	return most
}
