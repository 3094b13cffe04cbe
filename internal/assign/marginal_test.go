package assign_test

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/pcapmesh/pcapmesh/internal/assign"
)

// pairings sums the weights of all pairings in which no item is used twice,
// item by item: what the probabilities of strands are shares of.
type pairings struct {
	down, up []float64
	weight   [][]float64 // by downstream and upstream item; 0 = no strand
	known    map[uint64]float64
}

func newPairings(down, up []float64, strands []strand) *pairings {
	p := &pairings{down: down, up: up, known: make(map[uint64]float64)}
	for range down {
		p.weight = append(p.weight, make([]float64, len(up)))
	}
	for _, s := range strands {
		p.weight[s.Down][s.Up] += s.Weight
	}
	return p
}

// from sums over the items from d on, of which ups may use only those whose bit
// is set in free.
func (p *pairings) from(d int, free uint64) float64 {
	if d == len(p.down) {
		rest := 1.0
		for u, w := range p.up {
			if free>>u&1 == 1 {
				rest *= w
			}
		}
		return rest
	}
	key := free<<6 | uint64(d)
	if v, ok := p.known[key]; ok {
		return v
	}
	sum := p.down[d] * p.from(d+1, free)
	for u, w := range p.weight[d] {
		if w > 0 && free>>u&1 == 1 {
			sum += w * p.from(d+1, free&^(1<<u))
		}
	}
	p.known[key] = sum
	return sum
}

// of returns the probability of a strand.
func (p *pairings) of(s strand) float64 {
	all := 1<<len(p.up) - 1
	total := p.from(0, uint64(all))
	without := newPairings(p.down, p.up, nil)
	for d := range p.weight {
		copy(without.weight[d], p.weight[d])
	}
	without.weight[s.Down][s.Up] = 0
	return 1 - without.from(0, uint64(all))/total
}

// tangle returns a random web: weights vary over many orders of magnitude.
func tangle(r *rand.Rand, downs, ups int, density float64) (down, up []float64, strands []strand) {
	for range downs {
		down = append(down, math.Exp(r.Float64()*4-4))
	}
	for range ups {
		up = append(up, math.Exp(r.Float64()*4-4))
	}
	spread := r.Float64() * 20
	for d := range downs {
		for u := range ups {
			if r.Float64() < density {
				strands = append(strands, strand{Down: d, Up: u, Weight: math.Exp((r.Float64() - .3) * spread)})
			}
		}
	}
	return down, up, strands
}

// What is said of small webs is what the sum over all pairings says. Strands
// that scaling leaves out have at most a hundredth of a percent.
func TestMarginals(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	worst := 0.0
	for n := range 2000 {
		down, up, strands := tangle(r, 1+r.IntN(6), 1+r.IntN(6), .3+.7*r.Float64())
		oracle := newPairings(down, up, strands)
		for i, p := range marginalsOf(down, up, strands) {
			want := oracle.of(strands[i])
			worst = max(worst, math.Abs(p-want))
			if math.Abs(p-want) > 1e-3 {
				t.Fatalf("web %d: %v between %v and %v: strand %d has %v, all pairings say %v", n, strands, down, up, i, p, want)
			}
		}
	}
	t.Logf("off by %.2g at most", worst)
}

func TestMarginalsOf(t *testing.T) {
	alike := func(n int, w float64) (s []strand) {
		for d := range n {
			for u := range n {
				s = append(s, strand{Down: d, Up: u, Weight: w})
			}
		}
		return s
	}
	some := func(n int) []float64 {
		out := make([]float64, n)
		for i := range out {
			out[i] = .01
		}
		return out
	}
	for _, tt := range []struct {
		name      string
		downs, up int
		strands   []strand
		want      []float64
	}{
		{"nothing", 0, 0, nil, nil},
		{"no strand", 2, 1, nil, nil},
		{"one", 1, 1, []strand{{Down: 0, Up: 0, Weight: 1}}, []float64{.9999}},
		{"one of no weight", 1, 1, []strand{{Down: 0, Up: 0, Weight: 0}}, []float64{0}},
		{"one for two", 2, 1, []strand{{Down: 0, Up: 0, Weight: 3}, {Down: 1, Up: 0, Weight: 1}}, []float64{.75, .25}},
		{"two alike", 2, 2, alike(2, 1), []float64{.5, .5, .5, .5}},
		{"forced by the other", 2, 2, []strand{{Down: 0, Up: 0, Weight: 1}, {Down: 0, Up: 1, Weight: 1}, {Down: 1, Up: 0, Weight: 1}}, []float64{0, 1, 1}},
		{"forced though unlikely", 2, 2, []strand{{Down: 0, Up: 0, Weight: 1e3}, {Down: 0, Up: 1, Weight: 1}, {Down: 1, Up: 0, Weight: 1}}, []float64{.09, .91, .91}},
		{"of enormous weight", 2, 2, []strand{{Down: 0, Up: 0, Weight: 1e250}, {Down: 0, Up: 1, Weight: 1e200}, {Down: 1, Up: 0, Weight: 1e200}, {Down: 1, Up: 1, Weight: 1e250}}, []float64{1, 0, 0, 1}},
		{"of tiny weight", 1, 2, []strand{{Down: 0, Up: 0, Weight: 1e-280}, {Down: 0, Up: 1, Weight: 1e-290}}, []float64{0, 0}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for i, p := range marginalsOf(some(tt.downs), some(tt.up), tt.strands) {
				if math.IsNaN(p) || math.Abs(p-tt.want[i]) > .01 {
					t.Errorf("strand %v has %v, not %v", tt.strands[i], p, tt.want[i])
				}
			}
		})
	}
	for _, n := range []int{3, 12, 13, 40} {
		for i, p := range marginalsOf(some(n), some(n), alike(n, 1)) {
			if math.Abs(p*float64(n)-1) > .02 {
				t.Fatalf("%d alike: strand %d has %v", n, i, p)
			}
		}
	}
}

// In webs too large to sum up no item has more than one partner, and what all
// pairings leave in doubt is not said for sure.
func TestMarginalsOfLarge(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	for n := range 60 {
		size := 13 + r.IntN(3)
		down, up, strands := tangle(r, size, size, .15+.5*r.Float64())
		oracle := newPairings(down, up, strands)
		downSum, upSum := make([]float64, size), make([]float64, size)
		for i, p := range marginalsOf(down, up, strands) {
			s := strands[i]
			downSum[s.Down] += p
			upSum[s.Up] += p
			if n%4 > 0 || p < .9 {
				continue
			}
			if want := oracle.of(s); p > .99 && want < .97 || p > .999 && want < .99 {
				t.Errorf("web %d of %d: strand %v has %v, all pairings say %v", n, size, s, p, want)
			}
		}
		for i := range size {
			if downSum[i] > 1.05 || upSum[i] > 1.05 { // strands of less than 2 % are left out
				t.Errorf("web %d of %d: item %d has %v partners downstream, %v upstream", n, size, i, downSum[i], upSum[i])
			}
		}
	}
}

// A web of thousands of items that are in doubt takes neither long nor much
// memory.
func TestMarginalsOfMany(t *testing.T) {
	const downs, ups = 12, 10000
	var down, up []float64
	var strands []strand
	for range downs {
		down = append(down, .02)
	}
	for u := range ups {
		up = append(up, .02)
		for d := range downs {
			strands = append(strands, strand{Down: d, Up: u, Weight: 1})
		}
	}
	sum := 0.0
	for _, p := range marginalsOf(down, up, strands) {
		sum += p
	}
	if math.Abs(sum-downs) > .5 {
		t.Errorf("%d items have %v partners among %d", downs, sum, ups)
	}
}

// A strand is an edge between two items given by their numbers.
type strand struct {
	Down, Up int
	Weight   float64
}

// marginalsOf returns the probabilities of strands between items, of which down
// and up give the weights of having no partner.
func marginalsOf(down, up []float64, strands []strand) []float64 {
	g := &assign.Graph{Down: down, Up: up}
	for _, s := range strands {
		g.Edges = append(g.Edges, assign.Edge{D: int32(s.Down), U: int32(s.Up), Weight: s.Weight})
	}
	g.Marginals()
	p := make([]float64, len(strands))
	for i := range p {
		p[i] = g.Edges[i].P
	}
	return p
}
