package offset

import (
	"cmp"
	"math"
	"slices"
)

// A Sight is one event as two clocks saw it. Times are nanoseconds.
type Sight struct {
	Here  int64 // by the clock that is to be corrected
	There int64 // by the clock that counts
	First bool  // it passed here first
}

// bound returns what has to be added to Here at most (First) or at least.
func (s Sight) bound() int64 { return s.There - s.Here }

// compare orders events by when they were seen. Those of one time have an order too, so
// that it does not matter in which they are given.
func (s Sight) compare(o Sight) int {
	first := 0
	if s.First != o.First {
		first = 1
		if o.First {
			first = -1
		}
	}
	return cmp.Or(cmp.Compare(s.Here, o.Here), cmp.Compare(s.There, o.There), first)
}

// swapped returns s as the other clock sees it.
func (s Sight) swapped() Sight { return Sight{s.There, s.Here, !s.First} }

// A Line is what has to be added to a clock from one time to another, so that it shows
// what another one does. Times are nanoseconds of the clock to be corrected.
type Line struct {
	From, To int64 // the first and the last event
	Drift    float64
	Events   int // that bound it

	zero  int64 // of the time, and
	base  int64 // of the offset, in the corners
	lines polygon
	at    point
}

// Offset returns what has to be added at time t.
func (l *Line) Offset(t int64) int64 {
	return l.base + int64(math.Round(l.at.at(float64(t-l.zero))))
}

// Error returns how far the truth may be from Offset at time t, in nanoseconds. It
// grows outside of From and To as the drift is uncertain.
func (l *Line) Error(t int64) int64 {
	at := float64(t - l.zero)
	return int64(math.Ceil(l.lines.reach(at, l.at.at(at))))
}

// fits reports whether adding v always keeps all bounds of s.
func fits(ss []Sight, v, slack int64) bool {
	for _, s := range ss {
		if d := v - s.bound(); s.First && d > slack || !s.First && -d > slack {
			return false
		}
	}
	return true
}

// Noise is by how much two stamps may contradict each other without a clock having been
// set, in nanoseconds: they are taken on several processors, before or after a queue.
const Noise = 50_000

// maxSteps bounds how often a clock is followed when it is set; what comes later counts
// as if the clock had gone on.
const maxSteps = 64

// A Clock is what has to be added to a clock over time: lines in their order. Without
// any it cannot be told.
type Clock []Line

// Fit returns how the clock that is Here has to be corrected. Bounds may be wrong by
// slack nanoseconds: what the stamps' resolution hides. A clock that may be right as it
// is stays as it is.
func Fit(ss []Sight, slack int64) Clock {
	c, _ := fitted(ss, slack)
	return c
}

// fitted is Fit, and returns also the events that it believed.
func fitted(ss []Sight, slack int64) (c Clock, believed []Sight) {
	ss = slices.Clone(ss)
	slices.SortFunc(ss, Sight.compare)
	c, believed = lines(ss, slack)
	if len(c) > 0 && fits(believed, 0, slack) {
		c = Clock{c.still(len(believed))}
	}
	return c, believed
}

// lines returns the lines of events in their order, and which of them bound those.
func lines(ss []Sight, slack int64) (c Clock, believed []Sight) {
	var before *fitter // of the last line
	for from, tries := 0, 0; from < len(ss) && tries < maxSteps; tries++ {
		f := newFitter(ss[from:], slack)
		n := f.run()
		f = f.better(n)
		if l, ok := f.line(n); ok {
			if len(c) > 0 {
				if to, ok := before.last(f); ok {
					c[len(c)-1].To = to
				}
			}
			c, before = append(c, l), f
		}
		if len(f.believed) >= witnesses {
			believed = append(believed, f.believed...)
		}
		from += n
	}
	return c, believed
}

// still returns the line of a clock that needs no correction.
func (c Clock) still(events int) Line {
	l := c[0]
	for _, m := range c[1:] {
		l.lines = append(l.lines, m.lines...)
	}
	l.To, l.Events, l.Drift = c[len(c)-1].To, events, 0
	l.at = point{offset: float64(-l.base)}
	return l
}

// Right reports whether c needs no correction as far as can be told.
func (c Clock) Right() bool { return len(c) == 1 && c[0].at == point{offset: float64(-c[0].base)} }

// on returns the line that holds at time t: between two of them the nearer one.
func (c Clock) on(t int64) *Line {
	i := 0
	for i+1 < len(c) && t >= c[i].To+(c[i+1].From-c[i].To+1)/2 {
		i++
	}
	return &c[i]
}

// Correct returns what the other clock showed at time t of this one.
func (c Clock) Correct(t int64) int64 {
	if len(c) == 0 {
		return t
	}
	return t + c.on(t).Offset(t)
}

// Error returns how far Correct may be from the truth, in nanoseconds. Between two lines
// either may hold: when exactly the clock was set nobody saw.
func (c Clock) Error(t int64) int64 {
	if len(c) == 0 {
		return math.MaxInt64
	}
	on := c.on(t)
	e := on.Error(t)
	for i := range c {
		between := i > 0 && t < c[i].From && t > c[i-1].To || i+1 < len(c) && t > c[i].To && t < c[i+1].From
		if l := &c[i]; l != on && between {
			e = max(e, int64(math.Abs(float64(l.Offset(t)-on.Offset(t))))+l.Error(t))
		}
	}
	return e
}

// Widest returns the largest error while events were seen.
func (c Clock) Widest() int64 {
	var e int64
	for i := range c {
		e = max(e, c[i].Error(c[i].From), c[i].Error(c[i].To))
	}
	if len(c) == 0 {
		return math.MaxInt64
	}
	return e
}

// Steps lists when the clock was set, as it showed then.
func (c Clock) Steps() []int64 {
	var at []int64
	for i := range c[:max(len(c), 1)-1] {
		at = append(at, c[i+1].From)
	}
	return at
}
