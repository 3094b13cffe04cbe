package crossing

import (
	"slices"

	"github.com/pcapmesh/pcapmesh/internal/assign"
	"github.com/pcapmesh/pcapmesh/mesh/internal/decide/graph"
	"github.com/pcapmesh/pcapmesh/mesh/internal/index"
)

// A candidate is a downstream exchange that an upstream one may belong to.
type candidate struct {
	d    int // index into the shelf
	lane *Lane
	like Resemblance
}

// A solver matches the exchanges on both sides of a crossing.
type solver struct {
	c        *Crossing
	down     *shelf
	ups      []*graph.Exchange
	cands    [][]candidate // by up
	failed   [][]int       // by up: downs that a log ties to others, of which it may be an attempt
	a        *assign.Matching
	sure     *assign.Matching // of the ups alone whose own downs were captured
	accepted []bool           // by up: its matched edge is taken as true
	crowded  []*Lane          // in the order of their first up
	crowds   map[*Lane][]int  // ups of each crowded lane, which are not matched
	crowd    [][]int          // by down: ups of a crowded lane that it may have, the likeliest first
}

// JoinExchanges ties the exchanges that have no link yet, by ids, contents and
// times.
func (c *Crossing) JoinExchanges() {
	s := &solver{c: c, down: newShelf(c.openOrLogged(graph.ExchangesOf(c.Down))), ups: c.Open(graph.ExchangesOf(c.Up))}
	s.cands, s.failed = make([][]candidate, len(s.ups)), make([][]int, len(s.ups))
	for i, u := range index.Each(c.Index, s.ups) {
		s.cands[i] = slices.DeleteFunc(s.down.candidates(u), func(k candidate) bool { return !c.allowed(s.down.all[k.d], u) })
		s.cands[i] = dropForwarded(s.down, u, s.cands[i])
		s.setApart(i)
	}
	if c.Index.Stopped() {
		return
	}
	s.prune()
	edges, attempts := s.split()
	s.a = assign.Match(len(s.down.all), edges)
	s.sure = s.certainly(edges)
	s.lineUp()
	s.accept()
	if c.Index.Stopped() {
		return
	}
	for d, e := range s.down.all {
		if !c.Taken[e] || e.Log == nil {
			s.addAmbiguous(d)
		}
	}
	for u, ds := range attempts {
		s.addAttempt(s.ups[u], ds)
	}
}

// openOrLogged filters out exchanges that have a link, but for those whose link a
// log tells: before that there may have been attempts that failed.
func (c *Crossing) openOrLogged(es []*graph.Exchange) []*graph.Exchange {
	return slices.DeleteFunc(es, func(e *graph.Exchange) bool { return c.Taken[e] && e.Log == nil })
}

// setApart takes from the candidates of u those that a log ties to others. Of
// them u can only be an attempt that failed.
func (s *solver) setApart(u int) {
	s.cands[u] = slices.DeleteFunc(s.cands[u], func(k candidate) bool {
		d := s.down.all[k.d]
		if !s.c.Taken[d] {
			return false
		}
		if k.like.sameLine && !graph.Final(d, s.ups[u]) {
			s.failed[u] = append(s.failed[u], k.d)
		}
		return true
	})
}

// prune drops candidates that others are better than.
func (s *solver) prune() {
	dropRenamed(s.cands)
	for u := range s.cands {
		s.cands[u] = slices.DeleteFunc(s.cands[u], func(k candidate) bool {
			return k.like.otherLine && !s.c.Trust.Complete(s.ups[u])
		})
	}
	pruneDowns(s.cands, len(s.down.all))
	for i := range s.cands {
		s.cands[i] = fittest(s.cands[i])
	}
	pruneUps(s.cands, len(s.down.all))
}

// split parts the candidates by whether the upstream response can be the one
// the client got, or only that of a failed attempt.
func (s *solver) split() (edges, attempts [][]int) {
	edges, attempts = make([][]int, len(s.ups)), s.failed
	s.crowds = make(map[*Lane][]int)
	for u, cs := range s.cands {
		for _, k := range cs {
			if k.lane.crowded {
				s.crowdIn(k.lane, u)
				continue
			}
			if graph.Final(s.down.all[k.d], s.ups[u]) {
				edges[u] = append(edges[u], k.d)
			} else if k.like.sameLine {
				attempts[u] = append(attempts[u], k.d)
			}
		}
	}
	return edges, attempts
}

// crowdRivals is how many of a crowd are named on either side of the one whose
// turn it was.
const crowdRivals = 64

// crowdIn counts u among the ups of a crowded lane.
func (s *solver) crowdIn(l *Lane, u int) {
	us := s.crowds[l]
	if len(us) == 0 {
		s.crowded = append(s.crowded, l)
	}
	if len(us) == 0 || us[len(us)-1] != u {
		s.crowds[l] = append(us, u)
	}
}

// lineUp gives the downstream exchanges of crowds, where too many look alike,
// the upstream ones of about their rank: a proxy nearly keeps the order.
func (s *solver) lineUp() {
	s.crowd = make([][]int, len(s.down.all))
	for _, l := range s.crowded {
		for rank, d := range l.list {
			s.crowd[d] = append(s.crowd[d], s.near(d, s.crowds[l], rank)...)
		}
	}
}

// near lists the ups of about the given rank that d may have caused, the
// nearest first.
func (s *solver) near(d int, ups []int, rank int) []int {
	var out []int
	try := func(i int) {
		if i >= 0 && i < len(ups) && Nests(s.down.all[d], s.ups[ups[i]]) {
			out = append(out, ups[i])
		}
	}
	try(rank)
	for i := 1; i <= crowdRivals; i++ {
		try(rank - i)
		try(rank + i)
	}
	return out
}

// certainly matches the ups alone for which all of the client's side was captured. Any
// other may want the downstream exchange of one of them only because its own is not
// there, so that it forces nothing.
func (s *solver) certainly(edges [][]int) *assign.Matching {
	if len(s.c.Trust.holes) == 0 {
		return s.a
	}
	sure := make([][]int, len(edges))
	for u := range edges {
		if s.c.Trust.Complete(s.ups[u]) {
			sure[u] = edges[u]
		}
	}
	return assign.Match(len(s.down.all), sure)
}

// forced reports whether every matching has the edge of u.
func (s *solver) forced(u int) bool {
	return s.a.Forced[u] && (!s.c.Trust.Complete(s.ups[u]) || s.sure.Forced[u] && s.sure.OfUp[u] == s.a.OfUp[u])
}

// accept takes the edges that the matching forces, if what forces them can be
// trusted.
func (s *solver) accept() {
	s.accepted = make([]bool, len(s.ups))
	for u := range s.ups {
		if !s.forced(u) {
			continue
		}
		d := s.a.OfUp[u]
		like := s.like(d, u)
		if len(s.crowd[d]) == 0 && (s.c.Trust.believes(s.down.all[d], s.ups[u], like) || s.c.onlyClient(s.down.all[d], s.ups[u])) {
			s.accepted[u] = true
			s.add(d, u, like)
		}
	}
}

func (s *solver) like(d, u int) *Resemblance {
	i := slices.IndexFunc(s.cands[u], func(k candidate) bool { return k.d == d })
	return &s.cands[u][i].like
}

// add adds a link without rivals.
func (s *solver) add(d, u int, like *Resemblance) {
	e, f := s.down.all[d], s.ups[u]
	sole := len(s.a.Up[u]) == 1 && len(s.a.Down[d]) == 1
	l := &graph.Link{From: e.Leg, To: f.Leg, Down: e, Up: f, Attempt: 1,
		Confidence: graph.SureByContents, Proven: sole && !like.cut && s.c.Trust.proves(e, f), Evidence: explain(e, f, like, sole)}
	if l.Proven {
		l.Confidence = graph.SureProven
	}
	s.c.Add(l)
}

// addAmbiguous names for a downstream exchange all upstream ones that may be
// its own: the first as best guess, the others as rivals. Where there are no
// others, the rivals are the downstream exchanges that want the same one.
func (s *solver) addAmbiguous(d int) {
	if u := s.a.OfDown[d]; u >= 0 && s.accepted[u] {
		return
	}
	open := slices.DeleteFunc(slices.Concat(s.a.Down[d], s.crowd[d]), func(u int) bool { return s.accepted[u] })
	if len(open) == 0 {
		return
	}
	open = open[:min(len(open), MaxRivals+1)]
	best := s.a.OfDown[d]
	if best < 0 {
		best = open[0]
	}
	e, u := s.down.all[d], s.ups[best]
	l := &graph.Link{From: e.Leg, To: u.Leg, Down: e, Up: u, Attempt: 1, Ambiguous: true}
	for _, v := range open {
		if v != best {
			l.Rivals = append(l.Rivals, graph.Rival{Leg: s.ups[v].Leg, Ex: s.ups[v]})
		}
	}
	if len(l.Rivals) == 0 {
		l.Rivals = s.competitors(d, best)
	}
	l.Confidence = 1 / float64(max(len(l.Rivals), 1)+1) // alone, its rival may not have been captured
	if s.ofLeg(best, e.Leg) {
		l.Legs, l.Caused = graph.SureByContents, true
	}
	like := Compare(e, u)
	l.Evidence = explain(e, u, &like, true)
	s.c.Add(l)
}

// ofLeg reports whether u was caused by some exchange of a leg, whichever: what may have
// caused it was captured, all that fits is on that leg, and no other needs just that.
func (s *solver) ofLeg(u int, l *graph.Leg) bool {
	elsewhere := func(k candidate) bool { return s.down.all[k.d].Leg != l || k.lane.crowded }
	return s.c.Trust.Complete(s.ups[u]) && len(s.failed[u]) == 0 && !slices.ContainsFunc(s.cands[u], elsewhere) && s.needed(u)
}

// needed reports whether every maximum matching has u: no other that is left over could
// have its place, however many change theirs for it.
func (s *solver) needed(u int) bool {
	if s.a.OfUp[u] < 0 {
		return false
	}
	seen, next := map[int]bool{u: true}, []int{u}
	for len(next) > 0 && len(seen) <= MaxRivals {
		d := s.a.OfUp[next[0]]
		next = next[1:]
		for _, v := range s.a.Down[d] {
			if s.a.OfUp[v] < 0 {
				return false
			}
			if !seen[v] {
				seen[v] = true
				next = append(next, v)
			}
		}
	}
	return len(next) == 0
}

// competitors lists the other downstream exchanges that u may belong to.
func (s *solver) competitors(d, u int) []graph.Rival {
	var rs []graph.Rival
	for _, o := range s.a.Up[u] {
		if o != d {
			rs = append(rs, graph.Rival{Leg: s.down.all[o].Leg, Ex: s.down.all[o]})
		}
	}
	return rs
}

// addAttempt ties a failed upstream exchange to the one exchange that was
// answered otherwise later.
func (s *solver) addAttempt(u *graph.Exchange, ds []int) {
	if len(ds) != 1 || s.c.Taken[u] {
		return
	}
	d := s.down.all[ds[0]]
	for _, l := range s.c.Links {
		if l.Down == d && l.Up != nil && !l.Ambiguous && l.Up.Start() >= u.End()-index.Causality {
			like := Compare(d, u)
			s.c.Add(&graph.Link{From: d.Leg, To: u.Leg, Down: d, Up: u, Attempt: 1, Confidence: graph.SureByContents,
				Evidence: explain(d, u, &like, true)})
			s.c.CountAttempts(d)
			return
		}
	}
}
