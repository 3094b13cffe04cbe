package pool

import (
	"cmp"
	"slices"
)

// A going is what was going on for a while: a request, a taking, or a hole.
type going struct {
	from, over int64
	aside      *bool // set if nothing can be said of its span
	weight     int   // 1 of a request, -1 of a taking
	hole       bool
}

// balance cuts time where nothing is under way on either side of the proxy, and sets
// aside what is in a span in which both sides differ in number, or something may have
// been missed.
func (r *replay) balance() {
	all := r.goings()
	for from := 0; from < len(all); {
		to, over, more, hole := from, all[from].over, 0, false
		for ; to < len(all) && all[to].from-slack <= over; to++ {
			over = max(over, all[to].over)
			more += all[to].weight
			hole = hole || all[to].hole
		}
		for _, g := range all[from:to] {
			if g.aside != nil && (more != 0 || hole || g.weight == 0) {
				*g.aside = true
			}
		}
		from = to
	}
}

// goings lists all that went on in the order in which it began.
func (r *replay) goings() []going {
	var all []going
	counted := func(apart bool, weight int) int {
		if apart {
			return 0
		}
		return weight
	}
	for i := range r.w.Requests {
		q := &r.w.Requests[i]
		all = append(all, going{from: q.At, over: q.Over, aside: &r.outRequest[i], weight: counted(q.Apart, 1)})
	}
	for i := range r.w.Takings {
		t := &r.w.Takings[i]
		all = append(all, going{from: t.From, over: t.Idle, aside: &r.outTaking[i], weight: counted(t.Apart, -1)})
	}
	for _, h := range r.w.Holes {
		all = append(all, going{from: h.From, over: h.To, hole: true})
	}
	slices.SortStableFunc(all, func(a, b going) int { return cmp.Compare(a.from, b.from) })
	return all
}
