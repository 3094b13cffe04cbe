package offset

import (
	"slices"
	"testing"
)

// Between any two clocks that are tied there is a way, up and down the chains.
func TestBetween(t *testing.T) {
	f := fleet{ahead(0, 0), ahead(5*ms, 0), ahead(-8*ms, 40), ahead(0, 0), ahead(9*sec, 0), set(5*sec, 300*ms), ahead(1, 0)}
	const end = 10 * sec
	links, _ := Chains(len(f), []Pair{f.pair(0, 1, 0, end, 0), f.pair(1, 2, 0, end, 0), f.pair(0, 3, 0, end, 0), f.pair(1, 4, 0, end, 0), f.pair(0, 5, 0, end, 0)}, 0)
	for i := range f {
		for j := range f {
			c, ok := Between(links, i, j)
			if ok != (i == j || i < 6 && j < 6) {
				t.Errorf("%d to %d: %v", i, j, ok)
			}
			at := 4 * sec
			if off := absolute(c.Correct(f[i](at)) - f[j](at)); ok && off > c.Widest() {
				t.Errorf("%d to %d: off by %d, error %d", i, j, off, c.Widest())
			}
			if same := i == j || i+j == 3 && i*j == 0; ok && c.Right() != same {
				t.Errorf("%d to %d: may be one clock: %v", i, j, c.Right())
			}
			if ok && (c.Widest() == 0) != (i == j) {
				t.Errorf("%d to %d: error %d", i, j, c.Widest())
			}
		}
	}
}

// What events of one direction only tell is no way.
func TestBetweenOneWay(t *testing.T) {
	f := fleet{ahead(0, 0), ahead(5*ms, 0)}
	p := f.pair(0, 1, 0, sec, 0)
	p.Sights = slices.DeleteFunc(p.Sights, func(s Sight) bool { return s.First })
	links, unused := Chains(2, []Pair{p}, 0)
	if c, ok := Between(links, 1, 0); ok || c != nil || links[1].Root != 1 || len(unused) > 0 {
		t.Errorf("%v, %+v", c, links)
	}
}
