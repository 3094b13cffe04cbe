package assign

import "testing"

// Most of the neighbours must agree: of up to 32 before and as many after.
func TestConfirmed(t *testing.T) {
	agree := func(n int, at ...int) []bool {
		list := make([]bool, n)
		for _, k := range at {
			list[k] = true
		}
		return list
	}
	first := func(n int) (at []int) {
		for k := range n {
			at = append(at, k)
		}
		return at
	}
	for _, tt := range []struct {
		name  string
		agree []bool
		k     int
		want  bool
	}{
		{"alone", agree(1, 0), 0, true},
		{"half of two", agree(2, 0), 0, false},
		{"of 65 33", agree(65, first(33)...), 32, true},
		{"of 65 32", agree(65, first(32)...), 32, false},
		{"those before the neighbours do not count", agree(70, first(33)...), 33, false},
		{"at the beginning 17 of 33", agree(100, first(17)...), 0, true},
		{"at the beginning 16 of 33", agree(100, first(16)...), 0, false},
		{"the last of the neighbours counts", agree(100, append(first(16), 32)...), 0, true},
		{"those after the neighbours do not count", agree(34, append(first(16), 33)...), 0, false},
		{"at the end", agree(33, first(17)...), 32, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := Confirmed(tt.agree, tt.k); got != tt.want {
				t.Errorf("confirmed %v, want %v", got, tt.want)
			}
		})
	}
}

// What is done one after the other keeps its pauses; two that do so beside each other do
// not, and too few tell nothing.
func TestSerial(t *testing.T) {
	every := func(n int, from, pause int64) (at []int64) {
		for i := range int64(n) {
			at = append(at, from+i*pause)
		}
		return at
	}
	for _, tt := range []struct {
		name        string
		slow, other []int64
		want        bool
	}{
		{"one after the other", every(50, 0, 1000), nil, true},
		{"with something between", every(50, 0, 1000), every(50, 400, 1000), true},
		{"with something just before", every(50, 0, 1000), every(3, 990, 1000), false},
		{"with something just before, seldom", every(50, 0, 1000), every(2, 990, 1000), true},
		{"two workers", append(every(50, 0, 1000), every(50, 3, 1013)...), nil, false},
		{"few", every(20, 0, 1000), nil, false},
		{"just enough", every(21, 0, 1000), nil, true},
		{"all at once", make([]int64, 50), nil, false},
		{"nothing", nil, every(50, 0, 1000), false},
	} {
		if got := Serial(tt.slow, tt.other); got != tt.want {
			t.Errorf("%s: %v, want %v", tt.name, got, tt.want)
		}
	}
}
