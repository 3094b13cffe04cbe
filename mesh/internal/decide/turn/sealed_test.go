package turn

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/pcapmesh/pcapmesh/mesh/internal/index/scan"
)

// lengths returns the plaintext lengths that the records of one direction may
// have together, given their fragments; the headers of those in lost were not
// captured.
func lengths(over, slack int64, fragments []int, lost func(i int) bool) []int64 {
	s := &Side{Over: over, slack: slack}
	for i, n := range fragments {
		u := &scan.Unit{Off: s.end, Len: int32(n), Kind: scan.UnitData}
		s.end += 5 + int64(n)
		if !lost(i) {
			s.units = append(s.units, u)
			continue
		}
		if k := len(s.units) - 1; k >= 0 && s.units[k].Kind == scan.UnitHole {
			s.units[k].Len += 5 + int32(n)
			continue
		}
		u.Kind, u.Len = scan.UnitHole, 5+u.Len
		s.units = append(s.units, u)
	}
	return s.between(0, s.end)
}

func TestLengths(t *testing.T) {
	none := func(int) bool { return false }
	for _, tt := range []struct {
		name        string
		over, slack int64
		fragments   []int
		lost        func(int) bool
		want        []int64
	}{
		{"nothing", 17, 0, nil, none, []int64{0}},
		{"one record", 17, 0, []int{117}, none, []int64{100}},
		{"three", 17, 0, []int{117, 18, 1041}, none, []int64{1125}},
		{"GCM of TLS 1.2", 24, 0, []int{124, 34}, none, []int64{110}},
		{"one not captured", 17, 0, []int{117, 57, 117}, func(i int) bool { return i == 1 }, []int64{240, 218}},
		{"one of CBC", 37, 3, []int{64}, none, []int64{27, 26, 25, 24}},
		{"two of CBC", 37, 3, []int{64, 64}, none, nil},
		{"too much not captured", 17, 0, []int{16401}, func(int) bool { return true }, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := lengths(tt.over, tt.slack, tt.fragments, tt.lost); !slices.Equal(got, tt.want) {
				t.Errorf("%v, expected %v", got, tt.want)
			}
		})
	}
}

// Whatever records were not captured, the true length is among those that are
// possible, or none is named.
func TestLengthsOfHoles(t *testing.T) {
	r := rand.New(rand.NewPCG(13, 14))
	told := 0
	for range 5000 {
		const over = 17
		var fragments []int
		lost := make(map[int]bool)
		sum := int64(0)
		for i := range 1 + r.IntN(6) {
			n := 1 + r.IntN(120)
			fragments, sum = append(fragments, n+over), sum+int64(n)
			lost[i] = r.IntN(4) == 0
		}
		got := lengths(over, 0, fragments, func(i int) bool { return lost[i] })
		if got != nil && !slices.Contains(got, sum) {
			t.Fatalf("records of %v, of which %v are not captured: %v, but they carry %d bytes", fragments, lost, got, sum)
		}
		if got != nil {
			told++
		}
	}
	if told < 4000 {
		t.Errorf("lengths of %d of 5000 are known", told)
	}
}
