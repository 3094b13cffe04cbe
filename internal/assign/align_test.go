package assign

import (
	"math/rand/v2"
	"slices"
	"testing"
)

func TestAlign(t *testing.T) {
	ms := func(v ...int64) []int64 {
		for i := range v {
			v[i] *= 1e6
		}
		return v
	}
	tests := []struct {
		name             string
		lines, exchanges []int64
		within           int64 // a line fits an exchange within so many nanoseconds
		of               []int
		sure             []bool
		accident         bool // the lists are as long as each other by accident
	}{
		{"one each", ms(1), ms(2), 100e6, []int{0}, []bool{true}, false},
		{"as many, late", ms(5, 30, 31), ms(1, 2, 3), 100e6, []int{0, 1, 2}, []bool{true, true, true}, false},
		{"first lines and last exchanges missing", ms(40, 60, 80, 100, 120), ms(1, 20, 41, 60, 81), 500e6, []int{0, 1, 2, 3, 4}, make([]bool, 5), true},
		{"the capture began late", ms(1, 100, 200), ms(100, 200), 50e6, []int{-1, 0, 1}, []bool{false, true, true}, false},
		{"the log was cut", ms(200), ms(100, 200), 500e6, []int{1}, []bool{true}, false},
		{"a line between two", ms(150), ms(100, 200), 500e6, []int{0}, []bool{false}, false},
		{"two lines for one", ms(100, 101), ms(100), 500e6, []int{0, -1}, []bool{false, false}, false},
		{"nothing fits", ms(1), ms(1000), 10e6, []int{-1}, []bool{false}, false},
		{"empty", nil, ms(1), 1e9, []int{}, []bool{}, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			distance := func(i, j int) int64 { return max(tt.lines[i]-tt.exchanges[j], tt.exchanges[j]-tt.lines[i]) }
			a := Align(len(tt.lines), len(tt.exchanges), func(i, j int) bool { return distance(i, j) <= tt.within }, distance)
			if !slices.Equal(a.Of, tt.of) || !slices.Equal(a.Sure, tt.sure) {
				t.Errorf("align = %v sure %v, want %v sure %v", a.Of, a.Sure, tt.of, tt.sure)
			}
			for i := range a.May {
				if a.Sure[i] && len(a.May[i]) == 0 || tt.accident && len(a.May[i]) > 0 {
					t.Errorf("line %d may have %v", i, a.May[i])
				}
			}
		})
	}
}

// The alignment is as large as the largest, as near as the nearest of those, and
// lists as possible exactly what some largest pairing has: held against all
// pairings.
func TestAlignAgainstAll(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for range 2000 {
		n, m := rng.IntN(5), rng.IntN(5)
		fits, far := make([]bool, n*m), make([]int64, n*m)
		for i := range fits {
			fits[i], far[i] = rng.IntN(3) > 0, int64(rng.IntN(4))*3e6
		}
		a := Align(n, m, func(i, j int) bool { return fits[i*m+j] }, func(i, j int) int64 { return far[i*m+j] })
		best, may := allPairings(n, m, fits, far)
		got := score{}
		for i, j := range a.Of {
			if j >= 0 {
				got = got.add(score{1, far[i*m+j]})
			}
			if n == m && got.pairs == int32(n) {
				continue // as many of both are paired as they come
			}
			if a.Sure[i] && len(may[i]) == 0 {
				t.Fatalf("line %d is sure of %d, which no largest pairing has", i, j)
			}
		}
		diagonal := n == m && allFit(n, func(i, j int) bool { return fits[i*m+j] })
		if got.pairs != best.pairs || !diagonal && got.distance != best.distance {
			t.Fatalf("align scores %v, the best is %v", got, best)
		}
		if diagonal {
			continue
		}
		for i := range may {
			if !slices.Equal(a.May[i], may[i]) {
				t.Fatalf("line %d may have %v, want %v", i, a.May[i], may[i])
			}
		}
	}
}

// allPairings tries every pairing that keeps the order.
func allPairings(n, m int, fits []bool, far []int64) (best score, may [][]int) {
	var all []struct {
		of []int
		s  score
	}
	var try func(i, j int, of []int, s score)
	try = func(i, j int, of []int, s score) {
		if i == n {
			all = append(all, struct {
				of []int
				s  score
			}{slices.Clone(of), s})
			return
		}
		try(i+1, j, append(of, -1), s)
		for k := j; k < m; k++ {
			if fits[i*m+k] {
				try(i+1, k+1, append(of, k), s.add(score{1, far[i*m+k]}))
			}
		}
	}
	try(0, 0, nil, score{})
	for _, p := range all {
		best = better(best, p.s)
	}
	may = make([][]int, n)
	for _, p := range all {
		for i, k := range p.of {
			if k >= 0 && p.s.pairs == best.pairs && !slices.Contains(may[i], k) {
				may[i] = append(may[i], k)
			}
		}
	}
	for i := range may {
		slices.Sort(may[i])
	}
	return best, may
}

// Long lists, of which one lacks some, are aligned in parts.
func TestAlignLong(t *testing.T) {
	const n = 6000
	var exchanges []int64
	for i := range n {
		if i%1000 != 500 {
			exchanges = append(exchanges, int64(i)*10e6)
		}
	}
	distance := func(i, j int) int64 { d := int64(i)*10e6 + 1e5 - exchanges[j]; return max(d, -d) }
	a := Align(n, len(exchanges), func(i, j int) bool { return distance(i, j) < 2e9 }, distance)
	for i, j := range a.Of {
		switch {
		case i%1000 == 500 && j >= 0:
			t.Fatalf("line %d of an exchange that was not captured is paired with %d", i, j)
		case i%1000 != 500 && (j < 0 || distance(i, j) > 1e6):
			t.Fatalf("line %d is paired with %d", i, j)
		}
	}
}
