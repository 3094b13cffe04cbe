package algebra

import (
	"slices"
	"testing"

	"github.com/pcapmesh/pcapmesh/mesh/internal/decide/graph"
)

// A tie is a strand between legs, by their numbers.
type tie struct {
	d, u int
	n    int     // how many
	p    float64 // of each
}

// tied returns turn algebra whose strands tie legs. Their differences of lengths are
// usual, but for those of strands whose probability is 1.
func tied(ties ...tie) *algebra {
	downs, ups := make(map[int]*graph.Leg), make(map[int]*graph.Leg)
	a := new(algebra)
	var gs []guess
	for _, k := range ties {
		if downs[k.d] == nil {
			downs[k.d] = clientLeg(k.d)
		}
		if ups[k.u] == nil {
			ups[k.u] = proxyLeg(k.u)
		}
		for range k.n {
			shift := [2]int64{40, 50}
			if k.p == 1 {
				shift[1] = int64(1000 * len(gs))
			}
			gs = append(gs, guess{int32(len(a.down)), int32(len(a.up)), k.p, shift, [2]int64{noTime, noTime}})
			a.down = append(a.down, newItem(hide(exchange(downs[k.d], 100, 0, 200, 9*us))))
			a.up = append(a.up, newItem(exchange(ups[k.u], 60, us, 150, 8*us)))
		}
	}
	a.take(gs...)
	return a
}

// Strands between groups of legs, each of which many certain strands hold together,
// are unlikely.
func TestWorkers(t *testing.T) {
	const sure, maybe = Believed, .5
	for _, tt := range []struct {
		name string
		ties []tie
		left []int // ties that are made unlikely
	}{
		{"one group", []tie{{0, 0, 8, sure}, {0, 1, 8, sure}, {0, 1, 1, maybe}}, nil},
		{"two groups", []tie{{0, 0, 8, sure}, {1, 1, 8, sure}, {0, 1, 1, maybe}, {1, 0, 2, maybe}}, []int{2, 3}},
		{"within a group", []tie{{0, 0, 8, sure}, {1, 1, 8, sure}, {0, 0, 1, maybe}}, nil},
		{"groups of several legs", []tie{{0, 0, 4, sure}, {0, 1, 4, sure}, {2, 1, 4, sure}, {5, 5, 8, sure}, {2, 5, 1, maybe}, {2, 0, 1, maybe}}, []int{4}},
		{"a small group", []tie{{0, 0, 8, sure}, {1, 1, 7, sure}, {0, 1, 1, maybe}, {1, 0, 1, maybe}}, nil},
		{"one that is not certain", []tie{{0, 0, 8, sure}, {1, 1, 8, sure - .01}, {0, 1, 1, maybe}}, nil},
		{"one whose lengths nobody else has", []tie{{0, 0, 8, sure}, {1, 1, 8, 1}, {0, 1, 1, maybe}}, nil},
		{"a chain", []tie{{0, 0, 2, sure}, {1, 0, 2, sure}, {1, 1, 2, sure}, {2, 1, 2, sure}, {2, 2, 2, sure}, {7, 7, 8, sure}, {0, 7, 1, maybe}, {0, 2, 1, maybe}}, []int{6}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			a := tied(tt.ties...)
			if got, want := a.workers(), len(tt.left) > 0; got != want {
				t.Errorf("there are groups: %v, want %v", got, want)
			}
			k := 0
			for i, ts := range tt.ties {
				want := 1.0
				if slices.Contains(tt.left, i) {
					want = foreign
				}
				for range ts.n {
					if got := a.facts[k].base; got != want {
						t.Errorf("a strand of tie %d weighs %v, want %v", i, got, want)
					}
					k++
				}
			}
		})
	}
}
