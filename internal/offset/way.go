package offset

import "slices"

// A Chain is corrections that are made one after the other.
type Chain []Clock

// correct returns what the last clock of c shows at time t of the first, and how far that
// may be from the truth. inside reports whether events were seen before and after.
func (c Chain) correct(t int64) (at, err int64, inside bool) {
	inside = true
	for _, k := range c {
		inside = inside && t >= k[0].From && t <= k[len(k)-1].To
		err = saturated(err, k.Error(t))
		t = k.Correct(t)
	}
	return t, err, inside
}

// Correct returns what the last clock of c shows at time t of the first.
func (c Chain) Correct(t int64) int64 {
	at, _, _ := c.correct(t)
	return at
}

// Widest returns the largest error while events were seen by the first clock.
func (c Chain) Widest() int64 {
	var e int64
	for t := range c.ends {
		_, err, _ := c.correct(t)
		e = max(e, err)
	}
	return e
}

// ends iterates over the times of the first clock between which events were seen.
func (c Chain) ends(yield func(int64) bool) {
	for _, l := range slices.Concat(c[:min(len(c), 1)]...) {
		if !yield(l.From) || !yield(l.To) {
			return
		}
	}
}

// Right reports whether the first clock of c and the last may be one, when events were
// seen by the first: stamps of one clock differ by noise too.
func (c Chain) Right() bool {
	for t := range c.ends {
		if at, err, _ := c.correct(t); max(at-t, t-at) > saturated(err, Noise) {
			return false
		}
	}
	return true
}

// Between returns the corrections that make clock i show what clock j does; ok is false
// if nothing ties them.
func Between(links []Link, i, j int) (c Chain, ok bool) {
	if links[i].Root != links[j].Root {
		return nil, false
	}
	up, there, on := ways(links, i, j)
	down := make(Chain, len(there))
	for k := range there {
		above := links[j].Parent
		down[len(down)-1-k] = on[k].correction(above)
		j = above
	}
	c = append(up, down...)
	return c, !slices.ContainsFunc(c, func(k Clock) bool { return len(k) == 0 })
}

// ways returns the chains from two clocks to the first one that both are corrected
// along, and the bonds on these ways.
func ways(links []Link, a, b int) (here, there Chain, on []*bond) {
	var above []int // a, its parent and so on
	for i := a; i >= 0; i = links[i].Parent {
		above = append(above, i)
	}
	for ; !slices.Contains(above, b); b = links[b].Parent {
		there, on = append(there, links[b].Clock), append(on, links[b].bond)
	}
	for ; a != b; a = links[a].Parent {
		here, on = append(here, links[a].Clock), append(on, links[a].bond)
	}
	return here, there, on
}
