package offset

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
)

// worlds calls f with many worlds: clocks that are ahead or behind, drift or not, and
// were set or not, with stamps of a nanosecond or a microsecond, and what was seen there.
func worlds(t *testing.T, f func(t *testing.T, w *world, ss []Sight)) {
	for seed := range uint64(200) {
		r := rand.New(rand.NewPCG(seed, 99))
		by := []int64{0, 0, 1, 200 * us, 421100 * us, 3600 * sec}[r.IntN(6)] * (2*r.Int64N(2) - 1)
		clock := ahead(by, []float64{0, 0, 50, -50, 400}[r.IntN(5)])
		w := &world{here: clock, span: []int64{50 * ms, 5 * sec, 600 * sec}[r.IntN(3)], events: 2 + r.IntN(400),
			delay: []int64{5, 40, 2000}[r.IntN(3)] * us, queue: []int64{0, 0, 5 * ms}[r.IntN(3)], stamped: []int64{0, us}[r.IntN(2)]}
		if step := []int64{0, 0, 0, 300 * us, -2 * sec}[r.IntN(5)]; step != 0 {
			at := r.Int64N(w.span)
			w.here = func(t int64) int64 {
				if t > at {
					return clock(t) + step
				}
				return clock(t)
			}
		}
		ss := w.sights(seed)
		if r.IntN(3) == 0 { // one was stamped late
			ss[r.IntN(len(ss))].Here += []int64{us, 30 * us, ms, sec}[r.IntN(4)]
		}
		t.Run(fmt.Sprint(seed), func(t *testing.T) { f(t, w, ss) })
	}
}

// times returns when events were seen here.
func times(ss []Sight) (at []int64) {
	for _, s := range ss {
		at = append(at, s.Here)
	}
	return at
}

// It does not matter in which order events come, also where several have one time.
func TestPermuted(t *testing.T) {
	worlds(t, func(t *testing.T, w *world, ss []Sight) {
		for i := range ss {
			ss[i].Here -= ss[i].Here % (10 * ms)
		}
		want := Fit(ss, w.stamped)
		for seed := range uint64(3) {
			mixed := slices.Clone(ss)
			rand.New(rand.NewPCG(seed, 2)).Shuffle(len(mixed), func(i, j int) { mixed[i], mixed[j] = mixed[j], mixed[i] })
			got := Fit(mixed, w.stamped)
			for _, at := range times(ss) {
				if got.Correct(at) != want.Correct(at) || got.Error(at) != want.Error(at) {
					t.Fatalf("at %d: %d ± %d, and of shuffled events %d ± %d", at, want.Correct(at), want.Error(at), got.Correct(at), got.Error(at))
				}
			}
		}
	})
}

// Who is corrected by whom does not matter: to and fro is nowhere, within the errors.
func TestToAndFro(t *testing.T) {
	worlds(t, func(t *testing.T, w *world, ss []Sight) {
		if w.here(w.span)-w.here(0) < w.span-sec {
			return // it was set back, and showed some times twice
		}
		c, d := Fit(ss, w.stamped), Fit(swapped(ss), w.stamped)
		if (len(c) == 0) != (len(d) == 0) {
			t.Fatalf("%d lines to and %d fro", len(c), len(d))
		}
		for _, at := range times(ss) {
			there := c.Correct(at)
			if off, err := absolute(d.Correct(there)-at), saturated(c.Error(at), d.Error(there)); off > err+2 {
				t.Fatalf("at %d: to and fro is %d, with an error of %d", at, off, err)
			}
		}
	})
}

// Events that are later are corrected to what is as much later, here or there. Only a
// clock that may be right is another matter.
func TestShifted(t *testing.T) {
	worlds(t, func(t *testing.T, w *world, ss []Sight) {
		want := Fit(ss, w.stamped)
		for _, by := range []int64{us, -300 * us, sec, -24 * 3600 * sec} {
			here, there, both := slices.Clone(ss), slices.Clone(ss), slices.Clone(ss)
			for i := range ss {
				here[i].Here += by
				there[i].There += by
				both[i].Here += by
				both[i].There += by
			}
			for _, tt := range []struct {
				name        string
				ss          []Sight
				here, there int64
			}{{"here", here, by, 0}, {"there", there, 0, by}, {"both", both, by, by}} {
				got := Fit(tt.ss, w.stamped)
				for _, at := range times(ss) {
					off := absolute(got.Correct(at+tt.here) - tt.there - want.Correct(at))
					err := int64(0)
					if (got.Right() || want.Right()) && tt.here != tt.there {
						err = saturated(got.Error(at+tt.here), want.Error(at))
					}
					if off > err {
						t.Fatalf("%s by %d, at %d: %d off, error %d", tt.name, by, at, off, err)
					}
				}
			}
		}
	})
}

// Which of several clocks is named first does not matter: any two of them are as far
// apart, within the errors, and that is the truth.
func TestRenamed(t *testing.T) {
	for seed := range uint64(60) {
		r := rand.New(rand.NewPCG(seed, 7))
		var f fleet
		for range 3 + r.IntN(4) {
			f = append(f, ahead(r.Int64N(2*sec)-sec, float64(r.IntN(100)-50)))
		}
		var pairs []Pair
		for a := range f {
			for b := range a {
				if r.IntN(3) > 0 {
					from := r.Int64N(3 * sec)
					pairs = append(pairs, f.pair(b, a, from, from+sec+r.Int64N(9*sec), 0))
				}
			}
		}
		links, unused := Chains(len(f), pairs, 0)
		if len(unused) > 0 {
			t.Errorf("seed %d: unused %v", seed, unused)
		}
		name := r.Perm(len(f))
		renamed := make([]Pair, len(pairs))
		for k, p := range pairs {
			renamed[k] = Pair{name[p.A], name[p.B], p.Sights}
		}
		r.Shuffle(len(renamed), func(i, j int) { renamed[i], renamed[j] = renamed[j], renamed[i] })
		again, _ := Chains(len(f), renamed, 0)
		for i := range f {
			for j := range f {
				if (links[i].Root == links[j].Root) != (again[name[i]].Root == again[name[j]].Root) {
					t.Fatalf("seed %d: clocks %d and %d are tied under one name only", seed, i, j)
				}
				if links[i].Root != links[j].Root {
					continue
				}
				at := 4 * sec
				for _, l := range []struct {
					links []Link
					i, j  int
				}{{links, i, j}, {again, name[i], name[j]}} {
					err := atMost(l.links, l.i, f[i](at)) + atMost(l.links, l.j, f[j](at))
					if off := absolute(Correct(l.links, l.i, f[i](at)) - Correct(l.links, l.j, f[j](at))); off > err {
						t.Errorf("seed %d: clocks %d and %d are %d apart, error %d", seed, i, j, off, err)
					}
				}
			}
		}
	}
}

// atMost returns how far clock i may be from its root at a time.
func atMost(links []Link, i int, t int64) int64 {
	c, _, _ := ways(links, i, links[i].Root)
	_, err, _ := c.correct(t)
	return err
}

// Pairs are what they are whoever is named first: of all pairs of clocks the one that is
// false is found.
func TestRefutedRenamed(t *testing.T) {
	for seed := range uint64(20) {
		r := rand.New(rand.NewPCG(seed, 8))
		f := make(fleet, 4+r.IntN(2))
		for i := range f {
			f[i] = ahead(r.Int64N(2*sec)-sec, float64(r.IntN(100)-50))
		}
		name := r.Perm(len(f))
		wrong := r.IntN(len(f) * (len(f) - 1) / 2)
		var pairs []Pair
		for a := range f {
			for b := range a {
				off := int64(0)
				if len(pairs) == wrong {
					off = 3 * ms
				}
				p := f.pair(b, a, 0, 10*sec, off)
				p.A, p.B = name[p.A], name[p.B]
				if r.IntN(2) == 0 {
					p.A, p.B, p.Sights = p.B, p.A, swapped(p.Sights)
				}
				pairs = append(pairs, p)
			}
		}
		if _, unused := Chains(len(f), pairs, 0); !slices.Equal(unused, []int{wrong}) {
			t.Errorf("seed %d: unused %v, want %d", seed, unused, wrong)
		}
	}
}

// swapped returns events as the other clock sees them.
func swapped(ss []Sight) []Sight {
	back := make([]Sight, len(ss))
	for i, s := range ss {
		back[i] = s.swapped()
	}
	return back
}

// Events have one order, whatever is equal of them.
func TestCompare(t *testing.T) {
	var all []Sight
	for i := range int64(8) {
		all = append(all, Sight{Here: i & 1, There: i >> 1 & 1, First: i>>2 == 1})
	}
	for _, a := range all {
		for _, b := range all {
			if a.compare(b) != -b.compare(a) || (a.compare(b) == 0) != (a == b) || a.Here < b.Here && a.compare(b) > 0 {
				t.Errorf("%v and %v: %d, %d", a, b, a.compare(b), b.compare(a))
			}
		}
	}
}
