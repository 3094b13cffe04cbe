package offset

import (
	"math"
	"slices"
)

// A fitter finds the lines that keep the bounds of events, from the first on for as
// long as there is one.
type fitter struct {
	ss    []Sight
	slack int64
	zero  int64
	base  int64
	lines polygon
	above bool // some event bounds from above,
	below bool // and some from below

	believed []Sight // what bounds the lines
	doubted  []Sight // stamped late: no line keeps its bound beside those of the believed
}

// witnesses is how many events have to say that a clock was set: one alone may have
// been stamped late.
const witnesses = 2

// lookAhead is how many events of one kind are asked; they are looked for among that
// many times as many.
const lookAhead = 8

func newFitter(ss []Sight, slack int64) *fitter {
	f := &fitter{ss: ss, slack: slack, zero: ss[0].Here, base: ss[0].bound()}
	reach := 0.0
	for _, s := range ss {
		reach = max(reach, math.Abs(f.value(s)))
	}
	span := float64(ss[len(ss)-1].Here - f.zero)
	f.lines = anything(2*reach + maxDrift*span + 1e9)
	return f
}

// value returns the bound of s in the coordinates of the polygon.
func (f *fitter) value(s Sight) float64 { return float64(s.bound() - f.base) }

// bound returns time and bound of s, as wide as slack allows.
func (f *fitter) bound(s Sight) (t, v float64) {
	v = f.value(s)
	if s.First {
		return float64(s.Here - f.zero), v + float64(f.slack)
	}
	return float64(s.Here - f.zero), v - float64(f.slack)
}

// run takes events until one shows that the clock was set, and returns how many it
// took.
func (f *fitter) run() int {
	for i, s := range f.ss {
		t, v := f.bound(s)
		broken := f.lines.violation(t, v, s.First)
		if broken > 0 {
			if broken > Noise && i > 0 && f.set(i) {
				return i
			}
			f.doubted = append(f.doubted, s)
			continue
		}
		f.believe(s)
	}
	return len(f.ss)
}

// believe cuts off the lines that do not keep the bound of s. It reports false, and does
// nothing, if none keeps it.
func (f *fitter) believe(s Sight) bool {
	t, v := f.bound(s)
	if f.lines.violation(t, v, s.First) > 0 {
		return false
	}
	if cut := f.lines.cut(t, v, s.First); len(cut) > 0 {
		f.lines = cut
	}
	f.above, f.below, f.believed = f.above || s.First, f.below || !s.First, append(f.believed, s)
	return true
}

// better returns f after run took n events, or what doubts less than half as many of them:
// it is the first of two that contradict each other which run believes, and that may be
// the one that was stamped late. If several were, by much, the clock was set.
func (f *fitter) better(n int) *fitter {
	if len(f.doubted) < witnesses {
		return f
	}
	g := newFitter(f.ss[:n], f.slack)
	for _, s := range slices.Concat(f.doubted, f.believed) {
		if !g.believe(s) {
			g.doubted = append(g.doubted, s)
		}
	}
	late := 0
	for _, s := range g.doubted {
		if t, v := g.bound(s); g.lines.violation(t, v, s.First) > Noise {
			late++
		}
	}
	if late >= witnesses || len(f.doubted) <= 2*len(g.doubted) {
		return f
	}
	return g
}

// last returns when the last event was of which the lines of next say that the clock was
// not yet set: those after it tell nothing. ok is false if there is none.
func (f *fitter) last(next *fitter) (to int64, ok bool) {
	for _, s := range f.believed {
		if t, v := next.bound(s); next.lines.violation(t, v, s.First) > 0 && (!ok || s.Here > to) {
			to, ok = s.Here, true
		}
	}
	return to, ok
}

// set reports whether event i and those of its kind after it say that the clock was
// set.
func (f *fitter) set(i int) bool {
	against, asked := 0, 0
	for _, s := range f.ss[i:min(i+lookAhead*lookAhead, len(f.ss))] {
		if s.First != f.ss[i].First {
			continue
		}
		t, v := f.bound(s)
		if asked++; f.lines.violation(t, v, s.First) > Noise {
			against++
		}
		if asked == lookAhead {
			break
		}
	}
	return against >= witnesses && 2*against > asked
}

// line returns the middle of what fits the first n events; ok is false if they bound
// it from one side only.
func (f *fitter) line(n int) (Line, bool) {
	if !f.above || !f.below {
		return Line{}, false
	}
	at := f.lines.best()
	return Line{From: f.ss[0].Here, To: f.ss[n-1].Here, Drift: at.drift, Events: len(f.believed),
		zero: f.zero, base: f.base, lines: f.lines, at: at}, true
}
