package algebra

import (
	"cmp"
	"slices"

	"github.com/pcapmesh/pcapmesh/internal/assign"
	"github.com/pcapmesh/pcapmesh/mesh/internal/decide/graph"
	"github.com/pcapmesh/pcapmesh/mesh/internal/decide/odds"
)

// Records of several streams of HTTP/2 stand side by side, and what one exchange leaves
// over fits some other one. So a strand between streams needs more than a probability:
// others that are like it, and none that it crosses.

// doubtStreams takes back strands between streams that nobody attests, and those that
// cross another one of their leg.
func (t *tier) doubtStreams() {
	t.rivals = assign.NewRivalry(t.a.pairing.Edges, len(t.a.down), len(t.a.up))
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
	if x := s.shift[1]; x == odds.UnknownShift || a.alike(1, x)-s.P < attestants {
		return false
	}
	for k := range s.delay {
		if s.delay[k] != noTime && a.delays[k][a.class(s)].Near(s.delay[k])-s.P < 1 {
			return false
		}
	}
	return true
}

// backed reports whether enough others have the one difference of lengths that is known
// of a strand between exchanges, if the other is not.
func (a *algebra) backed(s strand) bool {
	for k, x := range s.shift {
		if s.shift[1-k] == odds.UnknownShift && x != odds.UnknownShift {
			return a.alike(k, x)-s.P >= attestants
		}
	}
	return true
}

// alike returns how many have difference x of lengths, or a byte more or less: that is
// what a digit takes.
func (a *algebra) alike(k int, x int64) float64 {
	return a.shifts[k].Seen(x-1) + a.shifts[k].Seen(x) + a.shifts[k].Seen(x+1)
}

// attestants is how many others must have the difference of lengths of a response.
const attestants = 4
