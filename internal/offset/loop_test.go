package offset

import (
	"fmt"
	"slices"
	"testing"
)

// A fleet is clocks, and who of them sees packets that others see.
type fleet []func(int64) int64

// pair returns what clocks a and b see between two times; b is off for all of it, as if
// what they see were not the same.
func (f fleet) pair(a, b int, from, to, off int64) Pair {
	w := world{here: ahead(0, 0), span: to - from, events: 300, delay: int64(30+a+b) * us}
	ss := w.sights(uint64(a*10 + b))
	for i := range ss {
		ss[i].Here, ss[i].There = f[a](ss[i].Here+from), f[b](ss[i].There+from)+off
	}
	return Pair{A: a, B: b, Sights: ss}
}

// set returns a clock that is set after a time.
func set(at, by int64) func(int64) int64 {
	return func(t int64) int64 {
		if t > at {
			return t + by
		}
		return t
	}
}

// Loops have to close: where they do not, no clock is corrected along what may be false,
// and what a third clock confirms is used.
func TestLoops(t *testing.T) {
	true4 := fleet{ahead(0, 0), ahead(5*ms, 0), ahead(-8*ms, 40), ahead(77*ms, -20)}
	late := fleet{ahead(0, 0), ahead(5*ms, 0), set(7*sec, 300*ms), ahead(77*ms, 0)}
	const end = 10 * sec
	for _, tt := range []struct {
		name   string
		clocks fleet
		pairs  []Pair
		unused []int
		roots  []int
	}{
		{"they close", true4, []Pair{true4.pair(0, 1, 0, end, 0), true4.pair(1, 2, 0, end, 0), true4.pair(0, 2, 0, end, 0), true4.pair(0, 3, 0, end, 0), true4.pair(2, 3, 0, end, 0)},
			nil, []int{0, 0, 0, 0}},
		{"one of three is false", true4[:3], []Pair{true4.pair(0, 1, 0, end, 0), true4.pair(0, 2, 0, end, 0), true4.pair(1, 2, 0, end, 3*ms)},
			[]int{0, 1, 2}, []int{0, 1, 2}},
		{"by little more than noise", true4[:3], []Pair{true4.pair(0, 1, 0, end, 0), true4.pair(0, 2, 0, end, 300*us), true4.pair(1, 2, 0, end, 0)},
			[]int{0, 1, 2}, []int{0, 1, 2}},
		{"a fourth tells which", true4, []Pair{true4.pair(0, 1, 0, end, 0), true4.pair(0, 2, 0, end, 0), true4.pair(0, 3, 0, end, 0), true4.pair(1, 2, 0, end, -5*sec), true4.pair(1, 3, 0, end, 0), true4.pair(2, 3, 0, end, 0)},
			[]int{3}, []int{0, 0, 0, 0}},
		{"a fourth is no part of it", true4, []Pair{true4.pair(0, 3, 0, end, 0), true4.pair(0, 1, 0, end, 0), true4.pair(0, 2, 0, end, 0), true4.pair(1, 2, 0, end, 3*ms)},
			[]int{1, 2, 3}, []int{0, 1, 2, 0}},
		{"four in a ring", true4, []Pair{true4.pair(0, 1, 0, end, 0), true4.pair(1, 2, 0, end, 0), true4.pair(2, 3, 0, end, 3*ms), true4.pair(0, 3, 0, end, 0)},
			[]int{0, 1, 2, 3}, []int{0, 1, 2, 3}},
		{"all saw that a clock was set", late[:3], []Pair{late.pair(0, 1, 0, end, 0), late.pair(0, 2, 0, end, 0), late.pair(1, 2, 0, end, 0)},
			nil, []int{0, 0, 0}},
		{"one saw that a clock was set", late[:3], []Pair{late.pair(0, 1, 0, 5*sec, 0), late.pair(0, 2, 0, 5*sec, 0), late.pair(1, 2, 0, end, 0)},
			[]int{0, 1, 2}, []int{0, 1, 2}},
		{"one of six saw that a clock was set", late, []Pair{late.pair(0, 1, 0, end, 0), late.pair(0, 2, 0, 5*sec, 0), late.pair(0, 3, 0, end, 0), late.pair(1, 2, 0, end, 0), late.pair(1, 3, 0, end, 0), late.pair(2, 3, 0, 5*sec, 0)},
			[]int{0, 1, 3, 4, 5}, []int{0, 1, 2, 0}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			links, unused := Chains(len(tt.clocks), tt.pairs, 0)
			var roots []int
			for i, l := range links {
				roots = append(roots, l.Root)
				at := 3 * sec
				if off := absolute(Correct(links, i, tt.clocks[i](at)) - tt.clocks[l.Root](at)); off > l.Error {
					t.Errorf("clock %d is off by %d, error %d", i, off, l.Error)
				}
			}
			if !slices.Equal(unused, tt.unused) || !slices.Equal(roots, tt.roots) {
				t.Errorf("roots %v, want %v; unused %v, want %v", roots, tt.roots, unused, tt.unused)
			}
		})
	}
}

// What is seen in one direction only ties no clocks, but may contradict; a single event
// that was stamped late does not.
func TestLoopsOneWay(t *testing.T) {
	f := fleet{ahead(0, 0), ahead(5*ms, 0), ahead(-8*ms, 0)}
	for _, tt := range []struct {
		off    int64
		late   int // events that are off
		roots  string
		unused int
	}{{0, 300, "[0 0 0]", 0}, {-ms, 300, "[0 1 2]", 3}, {-ms, 2, "[0 1 2]", 3}, {-ms, 1, "[0 0 0]", 0}, {ms, 300, "[0 0 0]", 0}} {
		one := f.pair(1, 2, 0, 10*sec, 0)
		one.Sights = slices.DeleteFunc(one.Sights, func(s Sight) bool { return !s.First })
		for i := range one.Sights[:min(tt.late, len(one.Sights))] {
			one.Sights[i].There += tt.off
		}
		links, unused := Chains(3, []Pair{f.pair(0, 1, 0, 10*sec, 0), f.pair(0, 2, 0, 10*sec, 0), one}, 0)
		if roots := fmt.Sprint([]int{links[0].Root, links[1].Root, links[2].Root}); roots != tt.roots || len(unused) != tt.unused {
			t.Errorf("%d off by %d: roots %s, want %s; unused %v", tt.late, tt.off, roots, tt.roots, unused)
		}
	}
}

// One event of a direction that has two may have been stamped late; where it is the only
// one it counts.
func TestLoopsOfFewEvents(t *testing.T) {
	f := fleet{ahead(0, 0), ahead(5*ms, 0), ahead(-8*ms, 0)}
	for _, tt := range []struct {
		events, off []int // of the pair's: which are kept, and which of those are off
		unused      int
	}{{[]int{0, 2}, []int{0}, 0}, {[]int{0, 2}, []int{0, 1}, 3}, {[]int{0}, []int{0}, 0}, {[]int{0, 1}, nil, 0}, {[]int{0, 1}, []int{0, 1}, 3}} {
		one := f.pair(1, 2, 0, 10*sec, 0)
		var ss []Sight
		for _, i := range tt.events {
			ss = append(ss, one.Sights[i])
		}
		for _, i := range tt.off {
			ss[i].There -= ms
		}
		one.Sights = ss
		if _, unused := Chains(3, []Pair{f.pair(0, 1, 0, 10*sec, 0), f.pair(0, 2, 0, 10*sec, 0), one}, 0); len(unused) != tt.unused {
			t.Errorf("events %v, off %v: unused %v, want %d", tt.events, tt.off, unused, tt.unused)
		}
	}
}

// A third clock that saw packets of one direction confirms nothing.
func TestLoopsConfirmedOneWay(t *testing.T) {
	f := fleet{ahead(0, 0), ahead(5*ms, 0), ahead(-8*ms, 0), ahead(9*ms, 0)}
	one := f.pair(1, 3, 0, 10*sec, 0)
	one.Sights = slices.DeleteFunc(one.Sights, func(s Sight) bool { return s.First })
	pairs := []Pair{f.pair(0, 1, 0, 10*sec, 0), f.pair(0, 2, 0, 10*sec, 0), f.pair(1, 2, 0, 10*sec, ms), f.pair(0, 3, 0, 10*sec, 0), f.pair(2, 3, 0, 10*sec, 0), one}
	if _, unused := Chains(4, pairs, 0); !slices.Equal(unused, []int{0, 2}) {
		t.Errorf("unused %v, want what only the one way confirms, and what is false", unused)
	}
}

// When a clock was set between two events nobody saw, so either line may hold there, and
// who saw something there is not contradicted.
func TestSetUnseen(t *testing.T) {
	f := fleet{ahead(0, 0), ahead(5*ms, 0), set(5*sec, 300*ms)}
	gap := func(p Pair) Pair {
		p.Sights = slices.DeleteFunc(p.Sights, func(s Sight) bool { return s.Here > 4*sec && s.Here < 8*sec })
		return p
	}
	c := Fit(gap(f.pair(1, 2, 0, 10*sec, 0)).Sights, 0)
	if off := c.Correct(5200*ms) - 5200*ms; absolute(off+5*ms) > ms {
		t.Errorf("nearer the first line it is %d", off)
	}
	if off := c.Correct(6800*ms) - 6800*ms; absolute(off-295*ms) > ms || c.Error(20*sec) > 100*ms {
		t.Errorf("nearer the second line it is %d, and later ± %d", off, c.Error(20*sec))
	}
	if len(c) != 2 || c.Error(5*sec) < 300*ms || c.Error(6*sec) < 300*ms || c.Error(4*sec-100*ms) > ms || c.Error(8*sec+100*ms) > ms || c.Widest() > ms {
		t.Errorf("%d lines, errors %d %d, widest %d", len(c), c.Error(5*sec), c.Error(6*sec), c.Widest())
	}
	_, unused := Chains(3, []Pair{gap(f.pair(0, 1, 0, 10*sec, 0)), gap(f.pair(0, 2, 0, 10*sec, 0)), f.pair(1, 2, 0, 10*sec, 0)}, 0)
	if len(unused) != 0 {
		t.Errorf("unused %v", unused)
	}
}
