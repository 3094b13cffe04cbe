package crossing

import (
	"math/rand/v2"
	"testing"
)

// better reports whether a candidate whose requests and responses differ in the
// fields a fits strictly better than one with the differences b. Both are
// sorted.
func better(a, b [2][]uint32) bool {
	r, o := Resemblance{differ: a[0], differBack: a[1]}, Resemblance{differ: b[0], differBack: b[1]}
	return r.better(&o)
}

// A candidate fits better only if all that differs in it differs in the other
// too: what a proxy changes everywhere says nothing, and one candidate's own
// difference cannot be weighed against another's.
func TestBetter(t *testing.T) {
	type fields = [2][]uint32
	for _, tt := range []struct {
		name string
		a, b fields
		want bool
	}{
		{"nothing differs in either", fields{}, fields{}, false},
		{"nothing against something", fields{}, fields{{1}, nil}, true},
		{"something against nothing", fields{{1}, nil}, fields{}, false},
		{"the proxy's fields, and one more", fields{{1, 3}, {5}}, fields{{1, 2, 3}, {5}}, true},
		{"one each", fields{{1, 2}, nil}, fields{{1, 3}, nil}, false},
		{"one against two others", fields{{1}, nil}, fields{{2, 3}, nil}, false},
		{"better in the request, worse in the response", fields{nil, {1}}, fields{{1}, nil}, false},
		{"better in the response", fields{{1}, {1}}, fields{{1}, {1, 2}}, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := better(tt.a, tt.b); got != tt.want {
				t.Errorf("better: %v, expected %v", got, tt.want)
			}
		})
	}
}

// Better is a strict order: no set of candidates can prefer each other in a
// circle, so that some always remain.
func TestBetterIsAnOrder(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	some := func() (f [2][]uint32) {
		for d := range f {
			for v := range uint32(5) {
				if r.IntN(2) == 0 {
					f[d] = append(f[d], v)
				}
			}
		}
		return f
	}
	ordered := 0
	for range 20000 {
		a, b, c := some(), some(), some()
		switch {
		case better(a, a):
			t.Fatalf("%v is better than itself", a)
		case better(a, b) && better(b, a):
			t.Fatalf("%v and %v are better than each other", a, b)
		case better(a, b) && better(b, c):
			ordered++
			if !better(a, c) {
				t.Fatalf("%v is better than %v, that better than %v, but not the first than the last", a, b, c)
			}
		}
	}
	if ordered == 0 {
		t.Error("no chain of three was met")
	}
}
