package assign

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
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
	g := &Graph{Down: down, Up: up}
	for _, s := range strands {
		g.Edges = append(g.Edges, Edge{D: int32(s.Down), U: int32(s.Up), Weight: s.Weight})
	}
	g.Marginals()
	p := make([]float64, len(strands))
	for i := range p {
		p[i] = g.Edges[i].P
	}
	return p
}

// Parts whose pairings can all be summed up have at most twelve items on one
// side, and as many on the other as memory allows.
func TestSmall(t *testing.T) {
	for _, tt := range []struct {
		downs, ups int
		want       bool
	}{
		{0, 0, true}, {12, 12, true}, {12, 256, true}, {256, 12, true}, {12, 257, false}, {257, 12, false}, {13, 13, false}, {13, 12, true},
		{1, 1 << 19, true}, {1, 1<<19 + 1, false},
	} {
		p := part{downs: make([]int32, tt.downs), ups: make([]int32, tt.ups)}
		if got := p.small(); got != tt.want {
			t.Errorf("%d and %d items: %v, want %v", tt.downs, tt.ups, got, tt.want)
		}
	}
}

// A part stands for the whole while each of its items keeps nineteen twentieths
// of its chances.
func TestFaithful(t *testing.T) {
	for _, tt := range []struct {
		name           string
		kept, down, up float64
		want           bool
	}{
		{"all", .8, .8, .8, true},
		{"nearly all", .96, 1, 1, true},
		{"less downstream", .94, 1, .94, false},
		{"less upstream", .94, .94, 1, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := &Graph{Edges: []Edge{{P: tt.kept / 2}, {P: 9}, {P: tt.kept / 2}}, downSum: []float64{tt.down}, upSum: []float64{tt.up}}
			p := part{edges: []int32{0, 2}}
			if got := p.faithful(w); got != tt.want {
				t.Errorf("got %v, want %v", got, tt.want)
			}
		})
	}
}

// Sharpening leaves what is even and what is sure, and moves the rest away from
// the middle.
func TestSharpen(t *testing.T) {
	for _, tt := range []struct{ p, want float64 }{{0, 0}, {.1, 1. / 28}, {.5, .5}, {.9, 27. / 28}, {1, 1}} {
		w := &Graph{Edges: []Edge{{P: .3}, {P: tt.p}}}
		p := part{edges: []int32{1}}
		p.sharpen(w)
		if got := w.Edges[1].P; math.Abs(got-tt.want) > 1e-9 || w.Edges[0].P != .3 {
			t.Errorf("%v became %v, want %v; another one is %v", tt.p, got, tt.want, w.Edges[0].P)
		}
	}
}

// Parts are edges that compete: those with a share of an item, but for edges of
// little chance.
func TestParts(t *testing.T) {
	edge := func(d, u int32, p float64) Edge { return Edge{D: d, U: u, P: p} }
	for _, tt := range []struct {
		name  string
		edges []Edge
		want  string
	}{
		{"nothing", nil, ""},
		{"one", []Edge{edge(0, 0, 1)}, "[0] [] []"},
		{"one without a chance", []Edge{edge(0, 0, .0999)}, ""},
		{"one with the least", []Edge{edge(0, 0, .1)}, "[0] [] []"},
		{"two apart", []Edge{edge(0, 1, 1), edge(1, 0, 1)}, "[0] [] []; [1] [] []"},
		{"two of one downstream", []Edge{edge(0, 1, 1), edge(0, 0, 1)}, "[0 1] [0] [0 1]"},
		{"two of one upstream", []Edge{edge(1, 0, 1), edge(0, 0, 1)}, "[0 1] [0 1] [0]"},
		{"a chain, and one apart", []Edge{edge(0, 0, 1), edge(2, 2, 1), edge(1, 0, 1), edge(1, 1, 1)}, "[0 2 3] [0 1] [0 1]; [1] [] []"},
		{"a chain that is cut", []Edge{edge(0, 0, 1), edge(1, 0, .01), edge(1, 1, 1)}, "[0] [] []; [2] [] []"},
		{"an edge that closes a ring", []Edge{edge(0, 0, 1), edge(0, 1, 1), edge(1, 0, 1), edge(1, 1, 1)}, "[0 1 2 3] [0 1] [0 1]"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := &Graph{Down: make([]float64, 3), Up: make([]float64, 3), Edges: tt.edges}
			var all []int32
			for i := range tt.edges {
				all = append(all, int32(i))
			}
			var got []string
			w.parts(all, .1, func(p *part) { got = append(got, fmt.Sprint(p.edges, " ", p.downs, " ", p.ups)) })
			if strings.Join(got, "; ") != tt.want {
				t.Errorf("got %s, want %s", strings.Join(got, "; "), tt.want)
			}
		})
	}
}

// Where many edges count and the part is too large to sum up, scaling's answer is
// sharpened; otherwise it stands as it is.
func TestEven(t *testing.T) {
	const n = 13 // of each side, too many
	web := func(even bool) *Graph {
		w := &Graph{Even: even}
		for d := range int32(n) {
			w.Down, w.Up = append(w.Down, .01), append(w.Up, .01)
			for u := range int32(n) {
				weight := 1.
				if d == u {
					weight = 20
				}
				w.Edges = append(w.Edges, Edge{D: d, U: u, Weight: weight})
			}
		}
		return w
	}
	scaled, plain, even := web(false), web(false), web(true)
	scaled.Scale(rounds)
	plain.Marginals()
	even.Marginals()
	for i := range scaled.Edges {
		p := scaled.Edges[i].P
		odds := math.Pow(p/(1-p), 1.5)
		if got := plain.Edges[i].P; math.Abs(got-p) > 1e-9 {
			t.Fatalf("edge %d has %v, scaling says %v", i, got, p)
		}
		if got := even.Edges[i].P; math.Abs(got-odds/(1+odds)) > .01 { // scaling begins elsewhere
			t.Fatalf("edge %d has %v, sharpened it is %v", i, got, odds/(1+odds))
		}
	}
}

// A graph is used again as if it were new.
func TestMarginalsAgain(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	w := &Graph{}
	for n := range 200 {
		down, up, strands := tangle(r, 1+r.IntN(5), 1+r.IntN(5), .8)
		w.Down, w.Up, w.Edges = down, up, w.Edges[:0]
		for _, s := range strands {
			w.Edges = append(w.Edges, Edge{D: int32(s.Down), U: int32(s.Up), Weight: s.Weight, P: 7})
		}
		w.Marginals()
		for i, want := range marginalsOf(down, up, strands) {
			if got := w.Edges[i].P; got != want {
				t.Fatalf("web %d: strand %d has %v, in a new graph %v", n, i, got, want)
			}
		}
	}
}
