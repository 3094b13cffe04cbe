package assign

import "testing"

// A edge is trusted no more than the likeliest other one of either end allows.
func TestRivalry(t *testing.T) {
	edges := []Edge{{D: 0, U: 0, P: 1}, {D: 0, U: 1, P: .02}, {D: 1, U: 0, P: .05}, {D: 0, U: 2, P: .03}, {D: 2, U: 3, P: .5}}
	r := NewRivalry(edges, 3, 4)
	for i, want := range []float64{.05, 1, 1, 1, 0} {
		if got := r.Of(int32(i)); got != want {
			t.Errorf("beside edge %d is one of %v, want %v", i, got, want)
		}
	}
}
