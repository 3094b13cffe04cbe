package assign_test

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/pcapmesh/pcapmesh/internal/assign"
)

// maxima lists all matchings of the greatest size: for each up the down it is
// matched with, or -1.
func maxima(nDown int, up [][]int) (best [][]int) {
	most, taken := 0, make([]bool, nDown)
	var try func(u, n int, of []int)
	try = func(u, n int, of []int) {
		if u == len(up) {
			if n > most {
				most, best = n, nil
			}
			if n == most {
				best = append(best, slices.Clone(of))
			}
			return
		}
		try(u+1, n, append(of, -1))
		for _, d := range up[u] {
			if !taken[d] {
				taken[d] = true
				try(u+1, n+1, append(of, d))
				taken[d] = false
			}
		}
	}
	try(0, 0, nil)
	return best
}

// checkAssign holds an assignment against all that are possible: it is one of
// the greatest, and forced is what all of them have in common.
func checkAssign(t *testing.T, nDown int, up [][]int) {
	t.Helper()
	got, forced := matched(nDown, up)
	all := maxima(nDown, up)
	if !slices.ContainsFunc(all, func(m []int) bool { return slices.Equal(m, got) }) {
		t.Fatalf("%d downs, ups %v: %v is no maximum matching; one is %v", nDown, up, got, all[0])
	}
	for u := range up {
		always := got[u] >= 0 && !slices.ContainsFunc(all, func(m []int) bool { return m[u] != got[u] })
		if forced[u] != always {
			t.Fatalf("%d downs, ups %v: up %d in %v is forced: %v, but in all of the %d maximum matchings: %v", nDown, up, u, got, forced[u], len(all), always)
		}
	}
}

func TestAssign(t *testing.T) {
	for _, tt := range []struct {
		name   string
		downs  int
		up     [][]int
		forced []bool
	}{
		{"nothing", 0, nil, nil},
		{"nobody to serve", 0, [][]int{nil}, []bool{false}},
		{"one and one", 1, [][]int{{0}}, []bool{true}},
		{"two alike", 2, [][]int{{0, 1}, {0, 1}}, []bool{false, false}},
		{"one settles the other", 2, [][]int{{0}, {0, 1}}, []bool{true, true}},
		{"chain", 3, [][]int{{0, 1}, {1, 2}, {0}}, []bool{true, true, true}},
		{"two for one", 1, [][]int{{0}, {0}}, []bool{false, false}},
		{"one of two is free", 2, [][]int{{0, 1}}, []bool{false}},
		{"cycle of three", 3, [][]int{{0, 1}, {1, 2}, {2, 0}}, []bool{false, false, false}},
		{"a free one loosens a chain", 3, [][]int{{0, 1}, {1, 2}}, []bool{false, false}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			checkAssign(t, tt.downs, tt.up)
			if _, forced := matched(tt.downs, tt.up); !slices.Equal(forced, tt.forced) {
				t.Errorf("forced %v, expected %v", forced, tt.forced)
			}
		})
	}
}

// Forced is exactly what all maximum matchings agree on.
func TestAssignRandom(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 20000 {
		downs, up := r.IntN(6), make([][]int, r.IntN(6))
		density := r.Float64()
		for u := range up {
			for d := range downs {
				if r.Float64() < density {
					up[u] = append(up[u], d)
				}
			}
			r.Shuffle(len(up[u]), func(i, j int) { up[u][i], up[u][j] = up[u][j], up[u][i] })
		}
		checkAssign(t, downs, up)
	}
}

func FuzzAssign(f *testing.F) {
	f.Add(uint8(3), uint64(0x1d7))
	f.Fuzz(func(t *testing.T, downs uint8, edges uint64) {
		n := int(downs % 6)
		up := make([][]int, 6)
		for u := range up {
			for d := range n {
				if edges>>(u*6+d)&1 != 0 {
					up[u] = append(up[u], d)
				}
			}
		}
		checkAssign(t, n, up)
	})
}

// Chains as long as there are items need no deep stack, and hundreds of rivals
// no exponential time.
func TestAssignLarge(t *testing.T) {
	const n = 3000
	ups := func(n int, of func(u int) []int) [][]int {
		up := make([][]int, n)
		for u := range up {
			up[u] = of(u)
		}
		return up
	}
	block := make([]int, n/10)
	for d := range block {
		block[d] = d
	}
	for _, tt := range []struct {
		name   string
		downs  int
		up     [][]int
		forced bool // all of them
	}{
		{"each leaves the next one choice", n, ups(n, func(u int) []int { return []int{max(u-1, 0), u} }), true},
		{"one place is free", n + 1, ups(n, func(u int) []int { return []int{n - u - 1, n - u} }), false},
		{"ring", n, ups(n, func(u int) []int { return []int{u, (u + 1) % n} }), false},
		{"all fit everywhere", len(block), ups(len(block), func(int) []int { return block }), false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			ofUp, forced := matched(tt.downs, tt.up)
			for u := range tt.up {
				if ofUp[u] < 0 || forced[u] != tt.forced {
					t.Fatalf("up %d: matched with %d, forced %v, expected %v", u, ofUp[u], forced[u], tt.forced)
				}
			}
		})
	}
}

// matched returns which downstream item each upstream one gets, -1 for none, and
// whether nothing else is possible.
func matched(nDown int, up [][]int) (ofUp []int, forced []bool) {
	m := assign.Match(nDown, up)
	return m.OfUp, m.Forced
}
