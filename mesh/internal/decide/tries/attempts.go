package tries

import (
	"cmp"
	"fmt"
	"slices"
	"sort"

	"github.com/pcapmesh/pcapmesh/capture"
	"github.com/pcapmesh/pcapmesh/internal/wire/fingerprint"
	"github.com/pcapmesh/pcapmesh/mesh/flow"
	"github.com/pcapmesh/pcapmesh/mesh/internal/decide/crossing"
	"github.com/pcapmesh/pcapmesh/mesh/internal/decide/graph"
	"github.com/pcapmesh/pcapmesh/mesh/internal/index"
)

// A proxy that tries again sends the same request, on another connection or on the same
// one, after it was answered that the first had failed. What is left upstream when all
// else is tied, and asks the same before the attempt that answered, is an earlier one.

// An earlier looks for attempts before those that answered.
type earlier struct {
	c      *crossing.Crossing
	last   []*graph.Link     // of each exchange of a client the last attempt, in the order in which their exchanges began
	during crossing.Lane     // of last: until they began
	free   []*graph.Exchange // upstream, that nothing is tied to, in the order in which they began
	dead   []*graph.Leg      // refused, that nothing is tied to, likewise
	ws     []*Waiter         // in the order in which they began to wait
	waits  crossing.Lane
	named  map[*graph.Leg]bool // legs that something is tied to that stands for one of their exchanges, which is not known
}

// JoinAttempts ties upstream exchanges that nobody else wants to the only exchange that
// they can be earlier attempts of, and notes where there may be attempts that are not
// tied, so that those that are cannot be counted.
func JoinAttempts(c *crossing.Crossing) {
	s := newEarlier(c)
	if len(s.free)+len(s.dead) == 0 {
		return
	}
	s.recall()
	for _, v := range index.Each(c.Index, s.free) {
		if of := s.attemptOf(v); of != nil && c.Trust.Steady(v) && !s.named[v.Leg] && !s.wanted(of, v) {
			addEarlier(c, of, v)
		}
	}
	s.free = c.Open(s.free)
	for _, l := range c.Links {
		if l.Down != nil && !l.Ambiguous {
			l.Uncounted = s.mayFollow(l)
		}
	}
}

func newEarlier(c *crossing.Crossing) *earlier {
	s := &earlier{c: c, free: untied(c), named: make(map[*graph.Leg]bool)}
	slices.SortStableFunc(s.free, func(a, b *graph.Exchange) int { return cmp.Compare(a.KnownBy(), b.KnownBy()) })
	for _, u := range c.Up {
		if u.Empty() && !c.Busy[u] && u.Refused(c.Index) {
			s.dead = append(s.dead, u)
		}
	}
	slices.SortStableFunc(s.dead, func(a, b *graph.Leg) int { return cmp.Compare(a.Start, b.Start) })
	return s
}

// recall gathers what is tied, and what waits.
func (s *earlier) recall() {
	s.last, s.ws = answering(s.c), Waiters(s.c)
	slices.SortStableFunc(s.last, func(a, b *graph.Link) int { return cmp.Compare(a.Down.Start(), b.Down.Start()) })
	for i, l := range s.last {
		s.during.Add(i, l.Began())
	}
	slices.SortStableFunc(s.ws, func(a, b *Waiter) int { return cmp.Compare(a.from, b.from) })
	for i, w := range s.ws {
		s.waits.Add(i, w.until)
	}
	for _, l := range s.c.Links {
		if l.Up == nil && !l.Ambiguous {
			s.named[l.To] = true
		}
	}
}

// answering lists the link of the last attempt of each exchange of a client, where that
// is an exchange itself, in the order in which they began.
func answering(c *crossing.Crossing) []*graph.Link {
	of := make(map[*graph.Exchange]*graph.Link)
	for _, l := range c.Links {
		if l.Down == nil || l.Up == nil || l.Ambiguous || l.Copy {
			continue
		}
		if k := of[l.Down]; k == nil || k.Began() < l.Began() {
			of[l.Down] = l
		}
	}
	return slices.DeleteFunc(slices.Clone(c.Links), func(l *graph.Link) bool { return l.Down == nil || of[l.Down] != l })
}

// untied lists the upstream exchanges that nothing is tied to and that were answered.
func untied(c *crossing.Crossing) (free []*graph.Exchange) {
	for _, l := range c.Up {
		es := told(c, l)
		for i := range es {
			if e := &es[i]; !c.Taken[e] && e.Req != nil && e.Resp != nil {
				free = append(free, e)
			}
		}
	}
	return free
}

// attemptOf returns the link before which v may have been tried, nil if there is none or
// more than one.
func (s *earlier) attemptOf(v *graph.Exchange) (of *graph.Link) {
	past := sort.Search(len(s.last), func(i int) bool { return s.last[i].Down.Start() > v.KnownBy()+index.Causality })
	for k := past - 1; k >= 0 && s.during.Until[k] >= v.Resp.From.Nanos-index.Causality; k-- {
		if l := s.last[k]; triedBefore(l, v) && sameAsked(l.Up, v) {
			if of != nil {
				return nil
			}
			of = l
		}
	}
	return of
}

// triedBefore reports whether v, by time and ends, may be an attempt of the exchange of l
// before the one that l is of.
func triedBefore(l *graph.Link, v *graph.Exchange) bool {
	return l.Up != v && graph.MayServe(l.Down.Leg, v.Leg) && v.KnownBy() >= l.Down.Start()-index.Causality &&
		v.Resp.From.Nanos <= l.Began()+index.Causality
}

// sameAsked reports whether two upstream exchanges ask the same, as far as that is seen:
// attempts differ in their number alone, which has one digit. What cannot be read has the
// same lengths. The earlier one, v, failed.
func sameAsked(u, v *graph.Exchange) bool {
	switch {
	case graph.IsHidden(u) && graph.IsHidden(v):
		return len(u.Outline.Req) > 0 && slices.Equal(u.Outline.Req, v.Outline.Req)
	case graph.IsHidden(u) || graph.IsHidden(v):
		return false
	}
	like := crossing.Compare(u, v)
	return like.SameLine() && !like.OtherID && like.Request != fingerprint.Different && v.KnowsStatus() && v.Resp.Status >= 400
}

// wanted reports whether something else that is not served otherwise may have waited for
// v than the exchange of which it may be an attempt.
func (s *earlier) wanted(of *graph.Link, v *graph.Exchange) bool {
	past := sort.Search(len(s.ws), func(i int) bool { return s.ws[i].from > v.KnownBy()+index.Causality })
	for k := past - 1; k >= 0 && s.waits.Until[k] >= v.Resp.From.Nanos-index.Causality; k-- {
		w := s.ws[k]
		if !w.served && w.Ex != of.Down && graph.MayServe(w.Leg, v.Leg) && w.until >= v.Resp.From.Nanos-index.Causality {
			return true
		}
	}
	return false
}

// addEarlier ties v as an attempt before the one that l is of.
func addEarlier(c *crossing.Crossing, l *graph.Link, v *graph.Exchange) {
	k := &graph.Link{From: l.From, To: v.Leg, Down: l.Down, Up: v, Attempt: 1, Confidence: graph.SureByTime,
		Evidence: []flow.Evidence{{Kind: flow.OnlyCandidate, Packets: []capture.Ref{l.Down.Ref(), v.Ref(), l.Up.Ref()},
			Detail: "asks the same as the attempt that answered, before it, and nothing else waited for it"}}}
	if graph.IsHidden(v) {
		v.Leg.Exchanges = v.Leg.Hidden
		k.Evidence[0].Detail = fmt.Sprintf("request of %d bytes, as long as that of the attempt that answered, before it, and nothing else waited for it", v.Outline.Req[0])
	}
	c.Add(k)
	c.CountAttempts(l.Down)
}

// mayFollow reports whether there may be attempts before the one that l is of which are
// not tied: what is free, or was refused.
func (s *earlier) mayFollow(l *graph.Link) bool {
	from, until := l.Down.Start()-index.Causality, l.Began()+index.Causality
	for i := sort.Search(len(s.free), func(i int) bool { return s.free[i].KnownBy() >= from }); i < len(s.free) && s.free[i].KnownBy() <= until; i++ {
		v := s.free[i]
		if !triedBefore(l, v) || v.KnowsStatus() && v.Resp.Status < 400 {
			continue
		}
		if l.Up == nil || graph.IsHidden(l.Up) != graph.IsHidden(v) || sameAsked(l.Up, v) {
			return true
		}
	}
	for i := sort.Search(len(s.dead), func(i int) bool { return int64(s.dead[i].Start) >= from }); i < len(s.dead) && int64(s.dead[i].Start) <= until; i++ {
		if u := s.dead[i]; u != l.To && !s.c.Busy[u] && graph.MayServe(l.From, u) && int64(u.End) <= until {
			return true
		}
	}
	return false
}
