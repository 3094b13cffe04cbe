package assign

import (
	"math"
	"math/rand/v2"
	"testing"
)

// web returns a graph of strands.
func web(down, up []float64, strands []strand) *Graph {
	w := &Graph{Down: down, Up: up}
	for _, s := range strands {
		w.Edges = append(w.Edges, Edge{D: int32(s.Down), U: int32(s.Up), Weight: s.Weight})
	}
	return w
}

// sinkhorn scales by turns as it is written, from factors of one on.
func sinkhorn(w *Graph, rounds int) []float64 {
	x, y := make([]float64, len(w.Down)), make([]float64, len(w.Up))
	for d := range x {
		x[d] = 1
	}
	for range rounds {
		for u := range y {
			y[u] = w.Up[u]
			for _, e := range w.Edges {
				if e.U == int32(u) {
					y[u] += e.Weight * x[e.D]
				}
			}
		}
		for d := range x {
			sum, any := w.Down[d], false
			for _, e := range w.Edges {
				if e.D == int32(d) && e.Weight > 0 {
					sum, any = sum+e.Weight/y[e.U], true
				}
			}
			if any {
				x[d] = 1 / sum
			}
		}
	}
	p := make([]float64, len(w.Edges))
	for i, e := range w.Edges {
		p[i] = e.Weight * x[e.D] / y[e.U]
	}
	return p
}

// The first rounds of an even graph are Sinkhorn's, one by one.
func TestScaleRounds(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 8))
	for n := range 200 {
		down, up, strands := tangle(r, 2+r.IntN(4), 2+r.IntN(4), .8)
		if len(strands) > 0 {
			strands[0].Weight = 0
		}
		for rounds := 1; rounds <= 3; rounds++ {
			w := web(down, up, strands)
			w.Even = true
			w.Scale(rounds)
			for i, want := range sinkhorn(w, rounds) {
				if got := w.Edges[i].P; math.Abs(got-want) > 2e-4*(1+want) { // it may have settled before
					t.Fatalf("web %d, %d rounds: edge %d has %v, want %v", n, rounds, i, got, want)
				}
			}
		}
	}
}

// Wherever it begins and whatever it sets aside, scaling ends where Sinkhorn's
// does.
func TestScaleSettles(t *testing.T) {
	r := rand.New(rand.NewPCG(9, 10))
	for n := range 300 {
		down, up, strands := tangle(r, 1+r.IntN(6), 1+r.IntN(6), .7)
		for _, even := range []bool{false, true} {
			w := web(down, up, strands)
			w.Even = even
			w.Scale(3000)
			for i, want := range sinkhorn(w, 3000) {
				if got := w.Edges[i].P; math.Abs(got-want) > .03 { // it ends when little changes
					t.Fatalf("web %d, even %v: edge %d has %v, want %v", n, even, i, got, want)
				}
			}
		}
	}
}

// One edge settles at once: its probability, and those of both staying alone, are
// those of scaling's fixed point.
func TestScaleOfOne(t *testing.T) {
	for _, tt := range []struct{ weight, down, up float64 }{{1, .1, .1}, {1e6, .5, .01}, {1e-3, 1, 1}, {7, 2, 3}} {
		w := web([]float64{tt.down}, []float64{tt.up}, []strand{{Weight: tt.weight}})
		w.Scale(1)
		first := w.Edges[0].P
		w.Scale(1000)
		if settled := w.Edges[0].P; math.Abs(first-settled) > 1e-4 {
			t.Errorf("weight %v: %v behind one round, %v in the end", tt.weight, first, settled)
		}
	}
}

// Weights at the ends of what numbers hold make probabilities still.
func TestScaleOfExtremes(t *testing.T) {
	for _, tt := range []struct {
		name             string
		weight, down, up float64
	}{
		{"enormous", math.MaxFloat64, 10, .1},
		{"infinite in the middle", 1e308, 1e3, 1e-3},
		{"tiny", 5e-324, .1, 10},
		{"nothing in the middle", 1e-300, 1e-30, 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := web([]float64{tt.down}, []float64{tt.up}, []strand{{Weight: tt.weight}})
			for _, rounds := range []int{1, 100} {
				w.Scale(rounds)
				if p := w.Edges[0].P; !(p >= 0 && p <= 1+1e-9) {
					t.Errorf("%d rounds: %v", rounds, p)
				}
			}
		})
	}
}

func TestBalanced(t *testing.T) {
	for _, tt := range []struct {
		name                   string
		weight, down, up, want float64
	}{
		{"no weight", 0, 1, 1, 1},
		{"too much", math.MaxFloat64, 10, 1, 1},
		{"not a number", math.NaN(), 1, 1, 1},
		{"even", 1, 1, 1, (math.Sqrt(5) - 1) / 2},
		{"likely", 8, 1, 1, (math.Sqrt(33) - 1) / 16},
		{"upstream often alone", 1, 1, 2, math.Sqrt(3) - 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := balanced(tt.weight, tt.down, tt.up); math.Abs(got-tt.want) > 1e-12 {
				t.Errorf("got %v, want %v", got, tt.want)
			}
		})
	}
}
