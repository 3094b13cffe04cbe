package offset

import "slices"

// A bond is what a pair tells of its clocks.
type bond struct {
	Pair
	there, back Clock   // how A is corrected to show what B does, and B to show what A does
	believed    []Sight // of the Pair
	slack       int64
	trust       trust
}

// trust is what a bond is used for.
type trust uint8

const (
	trusted trust = iota
	doubted       // no clock is corrected along it, but it still contradicts others
	refuted       // it is false
)

func newBond(p Pair, slack int64) *bond {
	back := make([]Sight, len(p.Sights))
	for i, s := range p.Sights {
		back[i] = s.swapped()
	}
	b := &bond{Pair: p, back: Fit(back, slack), slack: slack}
	b.there, b.believed = fitted(p.Sights, slack)
	return b
}

// other returns the clock that b ties i to.
func (b *bond) other(i int) int { return b.A + b.B - i }

// correction returns how clock i of b is corrected to show what the other does.
func (b *bond) correction(i int) Clock {
	if i == b.A {
		return b.there
	}
	return b.back
}

// ties reports whether b is of clocks i and j.
func (b *bond) ties(i, j int) bool { return b.A == i && b.B == j || b.A == j && b.B == i }

// A trial is what becomes of the events of a bond if its clocks are corrected along two
// chains to one and the same clock.
type trial struct {
	by     int64 // by how much events came before they left, beyond what errors and noise explain
	unsure int64 // the largest of the errors
	inside bool  // some event, if by is not 0 one that came too early, lies among those that made the chains
}

// try holds b against other bonds. So few events that come too early that they may have
// been stamped late do not count.
func (b *bond) try(here, there Chain) trial {
	var all, against [2]int // events of one direction, and of the other
	var kept, broken trial
	for _, s := range b.believed {
		t, e, in := here.correct(s.Here)
		u, f, too := there.correct(s.There)
		e = saturated(saturated(e, f), Noise+b.slack)
		early, way := t-u, 0
		if !s.First {
			early, way = -early, 1
		}
		all[way]++
		kept.inside = kept.inside || in && too
		kept.unsure = max(kept.unsure, e)
		if early > e {
			against[way]++
			broken.by = max(broken.by, early-e)
			broken.inside = broken.inside || in && too
		}
	}
	for way, n := range against {
		if n >= witnesses || 2*n > all[way] {
			return broken
		}
	}
	return kept
}

// A loop is bonds that lead from a clock back to it, and do not agree.
type loop struct {
	bonds []*bond
	trial
}

// openLoop returns the first loop that does not close: a bond contradicts the links on
// the way from one of its clocks to the other.
func openLoop(links []Link, bonds []*bond) *loop {
	for _, b := range bonds {
		if b.trust == refuted || links[b.A].Root != links[b.B].Root || links[b.A].bond == b || links[b.B].bond == b {
			continue
		}
		here, there, on := ways(links, b.A, b.B)
		if t := b.try(here, there); t.by > 0 {
			return &loop{append(on, b), t}
		}
	}
	return nil
}

// judge trusts the bonds of l less, at least one more than before: one of them is false,
// or a clock was set while only one of them saw it. Those that a third clock confirms say
// that the others are false.
func (l *loop) judge(bonds []*bond) {
	var lone []*bond
	for _, b := range l.bonds {
		if !l.confirmed(b, bonds) {
			lone = append(lone, b)
		}
	}
	to := refuted
	if len(lone) == 0 || len(lone) == len(l.bonds) {
		lone, to = l.bonds, doubted
	}
	for _, b := range lone {
		b.trust = to
	}
}

// confirmed reports whether both clocks of b were held against a third one, so exactly
// that it would show if b were wrong by as much as l is, and agree with b. That a loop is
// open where not all of it was watched nobody can explain.
func (l *loop) confirmed(b *bond, bonds []*bond) bool {
	if !l.inside {
		return false
	}
	for _, c := range bonds {
		if c == b || c.trust != trusted || c.A != b.A && c.B != b.A {
			continue
		}
		for _, d := range bonds {
			if d.trust != trusted || !d.ties(c.other(b.A), b.B) || slices.Contains(l.bonds, c) && slices.Contains(l.bonds, d) {
				continue
			}
			here, there := c.correction(b.A), d.correction(b.B)
			if len(here) == 0 || len(there) == 0 {
				continue
			}
			if t := b.try(Chain{here}, Chain{there}); t.by == 0 && t.inside && t.unsure < l.by {
				return true
			}
		}
	}
	return false
}
