package tries

import (
	"fmt"
	"slices"

	"github.com/pcapmesh/pcapmesh/capture"
	"github.com/pcapmesh/pcapmesh/internal/assign"
	"github.com/pcapmesh/pcapmesh/mesh/flow"
	"github.com/pcapmesh/pcapmesh/mesh/internal/decide/crossing"
	"github.com/pcapmesh/pcapmesh/mesh/internal/decide/graph"
	"github.com/pcapmesh/pcapmesh/mesh/internal/index"
)

// A refusals looks for whom connections that were refused were dialled.
type refusals struct {
	c    *crossing.Crossing
	legs []*graph.Leg
	ws   []*Waiter
	of   map[*graph.Leg]*Waiter // what they are tied to
}

// JoinRefused ties upstream connections that carried nothing to the exchange that was
// waiting for an upstream then: failed attempts. That is the only one that waited, or the
// only one that was answered when the connection was refused, or asked when it was
// dialled: a proxy does both at once.
func JoinRefused(c *crossing.Crossing) {
	if !slices.ContainsFunc(c.Up, func(u *graph.Leg) bool { return u.Empty() && !c.Busy[u] && u.Refused(c.Index) }) {
		return
	}
	s := newRefusals(c)
	if len(s.legs)*len(s.ws) > mostPairs {
		s.sole()
		return
	}
	answered, asked := s.atOnce(answeredAfter), s.atOnce(dialledAfter)
	s.sole()
	for i, u := range s.legs {
		last, first := answered[i], asked[i]
		switch {
		case first != nil && last != nil && first != last: // it was not dialled for both
		case last != nil:
			s.add(last, u, "nothing else that waited was answered when it was refused")
		case first != nil:
			s.add(first, u, "nothing else that waited was asked when it was dialled")
		}
	}
	s.between(s.attempts(), answered, asked)
}

func newRefusals(c *crossing.Crossing) *refusals {
	s := &refusals{c: c, ws: Waiters(c), of: make(map[*graph.Leg]*Waiter)}
	waiter, owner := make(map[*graph.Exchange]*Waiter), make(map[*graph.Leg]*Waiter)
	for _, w := range s.ws {
		waiter[w.Ex] = w
	}
	for _, l := range c.Links {
		if l.Up == nil && l.Down != nil && !l.Ambiguous {
			owner[l.To] = waiter[l.Down]
		}
	}
	for _, u := range c.Up {
		w := owner[u]
		if !u.Empty() || c.Busy[u] && w == nil || !u.Refused(c.Index) || !c.Trust.Watched(u) {
			continue
		}
		s.legs = append(s.legs, u)
		if w != nil {
			s.of[u] = w
		}
	}
	return s
}

// may reports whether u may have been dialled for w, as far as is known by now.
func (s *refusals) may(w *Waiter, u *graph.Leg) bool {
	of := s.of[u]
	return of == w || of == nil && w.MayHaveDialled(u)
}

// attempts returns how often each exchange was tried that failed, if none was tried more
// often than another: what was refused are so many for each, and nothing else waited that
// may have some. 0 if that is not known.
func (s *refusals) attempts() int {
	failed := 0
	for _, w := range s.ws {
		switch {
		case w.failed:
			failed++
		case slices.ContainsFunc(s.legs, func(u *graph.Leg) bool { return s.may(w, u) }):
			return 0
		}
	}
	if failed < fewestFailed || len(s.legs)%failed != 0 {
		return 0
	}
	return len(s.legs) / failed
}

// between ties what is left, where it goes to the exchanges that failed in one way only
// if each has as many attempts, of which the last and the first are known of some.
func (s *refusals) between(each int, last, first []*Waiter) {
	slots, edges := s.slots(each), make([][]int, len(s.legs))
	for i, u := range s.legs {
		for k, w := range slots {
			after := slices.Index(first, w)
			before := slices.Index(last, w)
			if s.of[u] == nil && s.may(w, u) && (after < 0 || s.legs[after].End <= u.Start) && (before < 0 || u.End <= s.legs[before].Start) {
				edges[i] = append(edges[i], k)
			}
		}
	}
	m := assign.Match(len(slots), edges)
	if slices.Contains(m.OfDown, -1) || len(slots) != len(s.legs)-len(s.of) {
		return
	}
	for i, u := range s.legs {
		if m.Forced[i] {
			s.add(slots[m.OfUp[i]], u, fmt.Sprintf("each was tried %d times, and no other way gives as many to all", each))
		}
	}
}

// slots lists each exchange that failed as often as attempts of it are not found.
func (s *refusals) slots(each int) (slots []*Waiter) {
	found := make(map[*Waiter]int)
	for _, w := range s.of {
		found[w]++
	}
	for _, w := range s.ws {
		for range max(0, each-found[w]) {
			if w.failed {
				slots = append(slots, w)
			}
		}
	}
	return slots
}

// sole ties what was refused while only one exchange waited.
func (s *refusals) sole() {
	for _, u := range index.Each(s.c.Index, s.legs) {
		var only *Waiter
		n := 0
		for _, w := range s.ws {
			if w.MayHaveDialled(u) {
				only = w
				n++
			}
		}
		if n == 1 && (only.failed || only.served) {
			s.add(only, u, "no other connection was open and busy at the time")
		}
	}
}

// add ties u as an attempt of w, unless it is tied.
func (s *refusals) add(w *Waiter, u *graph.Leg, why string) {
	if s.of[u] != nil {
		return
	}
	s.c.Add(&graph.Link{From: w.Leg, To: u, Down: w.Ex, Attempt: 1, Confidence: graph.SureByTime,
		Evidence: []flow.Evidence{{Kind: flow.OnlyCandidate, Detail: why, Packets: []capture.Ref{s.c.Shows(w.Leg, nil), s.c.Shows(u, nil)}}}})
	s.c.CountAttempts(w.Ex)
	s.of[u] = w
}

// answeredAfter returns how long after u was refused w was answered.
func answeredAfter(w *Waiter, u *graph.Leg) int64 { return w.until - int64(u.End) }

// dialledAfter returns how long after w was asked u was dialled.
func dialledAfter(w *Waiter, u *graph.Leg) int64 { return int64(u.Start) - w.from }

// How long a proxy takes is learned: so many times as long as most of the exchanges that
// failed show at the least, if there are as many of them. In what takes longer than
// longest, in nanoseconds, other attempts come: some of these were not captured.
const (
	fewestFailed = 4
	timesAsLong  = 3
	longest      = int64(5e6)
)

// mostPairs is how many pairs of what was refused and what waited are compared again and
// again: a second's work.
const mostPairs = 1 << 26

// atOnce returns for each leg the exchange that failed whose first or last attempt it was:
// of each one attempt comes within a delay that is learned, and there is no other way to
// have one for each. Whatever else waited and was asked, or answered, at that time may
// have dialled it too.
func (s *refusals) atOnce(delay func(*Waiter, *graph.Leg) int64) []*Waiter {
	of := make([]*Waiter, len(s.legs))
	var failed []*Waiter
	var least []int64
	for _, w := range s.ws {
		if best, ok := s.shortest(w, delay); ok && w.failed {
			failed, least = append(failed, w), append(least, best)
		}
	}
	if len(failed) < fewestFailed {
		return of
	}
	slices.Sort(least)
	most := min(timesAsLong*least[len(least)/2]+2*index.Causality, longest)
	edges := make([][]int, len(failed))
	for i, w := range failed {
		for k, u := range s.legs {
			if s.may(w, u) && delay(w, u) <= most && watched(u, w) {
				edges[i] = append(edges[i], k)
			}
		}
	}
	m := assign.Match(len(s.legs), edges)
	for i, w := range failed {
		if k := m.OfUp[i]; k >= 0 && m.Forced[i] && !s.contested(m, k, w, most, delay) {
			of[k] = w
		}
	}
	return of
}

// shortest returns the shortest delay of w and something that it may have dialled, if all
// that it dialled was captured.
func (s *refusals) shortest(w *Waiter, delay func(*Waiter, *graph.Leg) int64) (least int64, ok bool) {
	for _, u := range s.legs {
		if d := delay(w, u); s.may(w, u) && watched(u, w) && (!ok || d < least) {
			least, ok = d, true
		}
	}
	return least, ok
}

// watched reports whether all attempts of w were captured
// where u was.
func watched(u *graph.Leg, w *Waiter) bool {
	span := u.WatchedFor()
	return span.From <= w.from-index.Causality && span.To >= w.until+index.Causality
}

// contested reports whether leg k may be of something else than w: of an exchange that
// failed and goes without, or of one that is not known to have failed.
func (s *refusals) contested(m *assign.Matching, k int, w *Waiter, most int64, delay func(*Waiter, *graph.Leg) int64) bool {
	if slices.ContainsFunc(m.Down[k], func(i int) bool { return m.OfUp[i] < 0 }) {
		return true
	}
	return slices.ContainsFunc(s.ws, func(o *Waiter) bool {
		return o != w && !o.failed && s.may(o, s.legs[k]) && delay(o, s.legs[k]) <= most
	})
}
