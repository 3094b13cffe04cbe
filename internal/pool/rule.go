package pool

import (
	"math"
	"sort"
)

// at returns the place among the takings of a connection of the first that began after a
// time.
func (r *replay) at(x int32, t int64) int {
	list := r.of[x]
	return sort.Search(len(list), func(i int) bool { return r.w.Takings[list[i]].From > t })
}

// idleBefore returns when connection x became idle before its taking at place k; Unknown
// if it began before the capture.
func (r *replay) idleBefore(x int32, k int) int64 {
	if k == 0 {
		return r.w.Conns[x].Ready
	}
	return r.w.Takings[r.of[x][k-1]].Idle
}

// idle tells whether connection y was certainly idle at the time of request d, since
// when, and whether it was used again.
func (r *replay) idle(y, d int32) (since int64, again, ok bool) {
	at := r.w.Requests[d].At
	k := r.at(y, at)
	r.steps++
	since = r.idleBefore(y, k)
	if since == Unknown || since+slack > at || r.w.Conns[y].Gone <= at+slack {
		return 0, false, false
	}
	if k == len(r.of[y]) {
		return since, false, true
	}
	v := r.of[y][k]
	return since, true, r.later(v, d)
}

// later reports whether a taking can only be of a request that came after d, or of d.
func (r *replay) later(v, d int32) bool {
	if r.outTaking[v] || r.w.Takings[v].Apart {
		return false
	}
	if e := r.request[v]; e >= 0 {
		return e == d || r.w.Requests[e].At > r.w.Requests[d].At
	}
	n := 0
	r.steps += len(r.wanted[v]) / 8
	for _, i := range r.wanted[v] {
		if r.struck[i] {
			continue
		}
		n++
		if e := r.w.Strands[i].Request; e != d && r.w.Requests[e].At <= r.w.Requests[d].At {
			return false
		}
	}
	return n > 0
}

// breaks returns the rule that would be broken if request d was taking u, as the
// connections of a part show; byNothing if none is. chance is the rule that some
// connection might have shown broken.
func (r *replay) breaks(d, u int32, part, also int32) (broken, chance Rule) {
	x := r.w.Takings[u].Conn
	since := r.idleBefore(x, r.place[u])
	at := r.w.Requests[d].At
	broken, chance = byNothing, byNothing
	if since == Unknown || since == math.MaxInt64 || since <= at && since+slack > at {
		return broken, chance
	}
	rule := LastIdle
	if since > at {
		rule = NoneIdle
	}
	for _, y := range r.pools[r.w.Conns[x].Pool] {
		if y == x {
			continue
		}
		if p := r.parts.of(r.upstream(y)); p != part && p != also {
			continue
		}
		other, again, ok := r.idle(y, d)
		switch {
		case !ok:
			if rule == NoneIdle && r.busy(y, at) {
				chance = rule
			}
		case rule == LastIdle && other > since+idleSlack, rule == NoneIdle && again:
			return rule, rule
		case rule == LastIdle && other < since-idleSlack:
			chance = rule
		}
	}
	return broken, chance
}

// busy reports whether a connection was certainly in use.
func (r *replay) busy(y int32, at int64) bool {
	k := r.at(y, at)
	return k > 0 && r.w.Takings[r.of[y][k-1]].Idle > at+slack && r.w.Conns[y].Gone > at
}

// test holds the rules against certain ties, each as if it were open.
func (r *replay) test(requests []int32, part, also int32) (s score) {
	for _, d := range requests {
		u := r.taking[d]
		if !r.w.Requests[d].Placed || r.outRequest[d] || r.outTaking[u] {
			continue
		}
		switch broken, chance := r.breaks(d, u, part, also); {
		case broken != byNothing:
			s.broken[broken]++
		case chance != byNothing:
			s.held[chance]++
		}
	}
	return s
}
