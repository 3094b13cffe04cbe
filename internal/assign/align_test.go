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

// far returns fits and distance of lists that are a distance matrix; -1 fits not.
func far(m [][]int64) (n, k int, fits func(i, j int) bool, distance func(i, j int) int64) {
	if len(m) > 0 {
		k = len(m[0])
	}
	return len(m), k, func(i, j int) bool { return m[i][j] >= 0 }, func(i, j int) int64 { return m[i][j] }
}

// Times decide between pairings that are as large when the next best is farther
// apart by more than three times the pair's distance and two milliseconds.
func TestDoubt(t *testing.T) {
	const ms = 1e6
	for _, tt := range []struct {
		name string
		far  [][]int64
		of   []int
		sure []bool
	}{
		{"one of two exchanges, nearly as near", [][]int64{{1 * ms, 6 * ms}}, []int{0}, []bool{false}},
		{"one of two exchanges, far enough", [][]int64{{1 * ms, 6*ms + 1}}, []int{0}, []bool{true}},
		{"none apart, two milliseconds", [][]int64{{0, 2 * ms}}, []int{0}, []bool{false}},
		{"none apart, and more", [][]int64{{0, 2*ms + 1}}, []int{0}, []bool{true}},
		{"the later one", [][]int64{{6*ms + 1, 1 * ms}}, []int{1}, []bool{true}},
		{"one of two lines, nearly as near", [][]int64{{1 * ms}, {6 * ms}}, []int{0, -1}, []bool{false, false}},
		{"one of two lines, far enough", [][]int64{{1 * ms}, {6*ms + 1}}, []int{0, -1}, []bool{true, false}},
		{"another line wants it", [][]int64{{9 * ms, -1}, {1 * ms, -1}}, []int{-1, 0}, []bool{false, true}},
		{"no other is as large", [][]int64{{1 * ms, -1, -1}, {-1, 1 * ms, 1 * ms}}, []int{0, 1}, []bool{true, false}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if a := Align(far(tt.far)); !slices.Equal(a.Of, tt.of) || !slices.Equal(a.Sure, tt.sure) {
				t.Errorf("got %v sure %v, want %v sure %v", a.Of, a.Sure, tt.of, tt.sure)
			}
		})
	}
}

// Lists of one length are one another's, unless the times of a shift agree to a
// millisecond, and those as they come not nearly as well.
func TestDisplaced(t *testing.T) {
	const ms = 1e6
	// apart are the distances of lists that are shifted by k against each other, each
	// line as far from its exchange as said.
	apart := func(k int, own, shifted int64) func(i, j int) int64 {
		return func(i, j int) int64 {
			switch i - j {
			case 0:
				return own
			case k:
				return shifted
			}
			return 1000 * ms
		}
	}
	for _, tt := range []struct {
		name     string
		n        int
		distance func(i, j int) int64
		want     bool
	}{
		{"none", 9, apart(1, 0, 1000*ms), false},
		{"first lines missing", 9, apart(-1, 500*ms, 0), true},
		{"first exchanges missing", 9, apart(1, 500*ms, 0), true},
		{"a shift of two", 9, apart(2, 500*ms, 0), true},
		{"times of the shift are a millisecond apart", 9, apart(1, 500*ms, 1*ms), true},
		{"times of the shift are more apart", 9, apart(1, 500*ms, 1*ms+1), false},
		{"as they come it is nearly as good", 9, apart(1, 6*ms, 1*ms), false},
		{"as they come it is worse", 9, apart(1, 6*ms+1, 1*ms), true},
		{"two milliseconds as they come", 9, apart(1, 2*ms, 0), false},
		{"more than two milliseconds as they come", 9, apart(1, 2*ms+1, 0), true},
		{"three are left", 4, apart(1, 500*ms, 0), true},
		{"two are left", 3, apart(1, 500*ms, 0), false},
		{"the farthest shift", 40, apart(16, 500*ms, 0), true},
		{"one more", 40, apart(17, 500*ms, 0), false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := displaced(tt.n, tt.distance); got != tt.want {
				t.Errorf("got %v, want %v", got, tt.want)
			}
			a := Align(tt.n, tt.n, func(i, j int) bool { return true }, tt.distance)
			for i := range tt.n {
				may := []int{i}
				if tt.want { // of one length by accident: nothing is possible
					may = nil
				}
				if a.Of[i] != i || a.Sure[i] == tt.want || !slices.Equal(a.May[i], may) {
					t.Fatalf("line %d is paired with %d, sure %v, may %v", i, a.Of[i], a.Sure[i], a.May[i])
				}
			}
		})
	}
}

// Lists are parted at a line near the middle whose exchange is its own.
func TestSeam(t *testing.T) {
	const ms = 1e6
	row := func(v ...int64) []int64 { return v }
	for _, tt := range []struct {
		name string
		far  [][]int64 // of the lines from the middle on; those before fit nothing
		i, j int
		ok   bool
	}{
		{"the only one", [][]int64{row(-1, 5*ms, -1), row(-1, -1, -1)}, 2, 1, true},
		{"the first exchange parts nothing", [][]int64{row(5*ms, -1, -1), row(-1, -1, -1)}, 0, 0, false},
		{"another line is as near as doubt allows", [][]int64{row(-1, 1*ms, -1), row(-1, 6*ms, -1)}, 0, 0, false},
		{"another line is farther", [][]int64{row(-1, 1*ms, -1), row(-1, 6*ms+1, -1)}, 2, 1, true},
		{"the nearest", [][]int64{row(9*ms, 1*ms, 9*ms), row(-1, -1, -1)}, 2, 1, true},
		{"the next one is as near as doubt allows", [][]int64{row(6*ms, 1*ms, 900*ms), row(-1, -1, -1)}, 0, 0, false},
		{"the next one is farther", [][]int64{row(6*ms+1, 1*ms, 900*ms), row(-1, -1, -1)}, 2, 1, true},
		{"the next one comes behind", [][]int64{row(900*ms, 1*ms, 6*ms), row(-1, -1, -1)}, 0, 0, false},
		{"the next one comes behind a farther one", [][]int64{row(1*ms, -1, -1), row(1*ms, 900*ms, 2*ms)}, 0, 0, false},
		{"the next one was the nearest", [][]int64{row(2*ms, 1*ms, -1), row(-1, -1, -1)}, 0, 0, false},
		{"a line behind", [][]int64{row(1*ms, 1*ms, -1), row(-1, -1, 0)}, 3, 2, true},
		{"nothing fits", [][]int64{row(-1, -1, -1), row(-1, -1, -1)}, 0, 0, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			all := append([][]int64{row(-1, -1, -1), row(-1, -1, -1)}, tt.far...)
			if i, j, ok := seam(far(all)); i != tt.i || j != tt.j || ok != tt.ok {
				t.Errorf("got %d, %d, %v, want %d, %d, %v", i, j, ok, tt.i, tt.j, tt.ok)
			}
		})
	}
}

// So many lines are tried: the middle, and thirty-one behind it.
func TestSeamTries(t *testing.T) {
	const n = 200
	for own, want := range map[int]bool{n / 2: true, n/2 + 31: true, n/2 + 32: false, n/2 - 1: false} {
		fits := func(i, j int) bool { return i == own && j == 3 }
		if i, j, ok := seam(n, n, fits, func(i, j int) int64 { return 0 }); ok != want || ok && (i != own || j != 3) {
			t.Errorf("line %d: %d, %d, %v, want %v", own, i, j, ok, want)
		}
	}
}

// What is aligned in parts is what is aligned whole.
func TestAlignParts(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	parted := 0
	for range 300 {
		var lines, exchanges []int64
		for at := int64(0); len(lines) < 12; at += int64(rng.IntN(5)) * 20e6 {
			if rng.IntN(8) > 0 {
				lines = append(lines, at+int64(rng.IntN(3))*1e5)
			}
			if rng.IntN(8) > 0 {
				exchanges = append(exchanges, at)
			}
		}
		distance := func(i, j int) int64 { return max(lines[i]-exchanges[j], exchanges[j]-lines[i]) }
		fits := func(i, j int) bool { return distance(i, j) < 5e6 } // less than the time between two
		a, b := Align(len(lines), len(exchanges), fits, distance), alignParts(len(lines), len(exchanges), fits, distance)
		if _, _, ok := seam(len(lines), len(exchanges), fits, distance); !ok {
			if slices.ContainsFunc(b.Of, func(j int) bool { return j >= 0 }) || slices.Contains(b.Sure, true) {
				t.Fatalf("without a seam, lines are paired: %v", b.Of)
			}
			continue
		}
		parted++
		for i := range lines {
			if a.Of[i] != b.Of[i] || a.Sure[i] != b.Sure[i] || !slices.Equal(a.May[i], b.May[i]) {
				t.Fatalf("line %d: in parts %d sure %v may %v, whole %d sure %v may %v", i, b.Of[i], b.Sure[i], b.May[i], a.Of[i], a.Sure[i], a.May[i])
			}
		}
	}
	if parted < 100 {
		t.Errorf("only %d of the lists were parted", parted)
	}
}

// Lists whose grid is larger than is affordable are parted, or nothing is paired;
// one to one they need no grid.
func TestAlignIsBounded(t *testing.T) {
	const n = 2100 // its square is more than AlignCells
	never := func(i, j int) int64 { return 0 }
	a := Align(n, n+1, func(i, j int) bool { return true }, never)
	if slices.ContainsFunc(a.Of, func(j int) bool { return j >= 0 }) {
		t.Error("without a seam, lines are paired")
	}
	a = Align(n, n, func(i, j int) bool { return true }, never)
	for i, j := range a.Of {
		if i != j || !a.Sure[i] {
			t.Fatalf("line %d is paired with %d", i, j)
		}
	}
}
