package logged

import (
	"cmp"
	"math"
	"slices"

	"github.com/pcapmesh/pcapmesh/capture/tcpip"
	"github.com/pcapmesh/pcapmesh/internal/assign"
	"github.com/pcapmesh/pcapmesh/mesh/internal/decide/crossing"
	"github.com/pcapmesh/pcapmesh/mesh/internal/decide/graph"
	"github.com/pcapmesh/pcapmesh/mesh/internal/decide/turn"
	"github.com/pcapmesh/pcapmesh/mesh/internal/index"
)

// A sequence is the lines that name the same two ends, and the exchanges of the
// connections between these: one connection, or several one after the other.
type sequence struct {
	entries  []*logEntry
	xs       []*graph.Exchange // in the order of time
	on       side
	streams  bool              // exchanges go on at once
	confused bool              // the order of the lines is not that of their times
	pairs    *assign.Alignment // nil where exchanges go on at once
	gate     int64             // how far apart a line and its exchange may be, in nanoseconds
}

// placeOn finds out which exchanges of one side the entries are of.
func placeOn(c *crossing.Crossing, entries []*logEntry, on side) {
	byEnds := make(map[tcpip.Tuple][]*graph.Leg)
	for _, l := range [2][]*graph.Leg{c.Down, c.Up}[on] {
		byEnds[l.Orig] = append(byEnds[l.Orig], l)
	}
	var all []*sequence
	for _, es := range seated(entries, on) {
		s := &sequence{entries: es, on: on}
		s.arrange()
		for _, l := range byEnds[es[0].leg(on).Orig] {
			failed := make(map[int]bool)
			if veiled(l) {
				turns, earlier := s.gathered(l)
				if s.confused || len(turns)-len(earlier) != len(s.entries) || holed(c.Index, l) {
					continue // the leg stands for its exchanges
				}
				l.Hidden, failed = turns, earlier
			}
			for i, x := range told(l) {
				if !failed[i] {
					s.xs = append(s.xs, x)
				}
			}
			s.streams = s.streams || l.Multiplexed()
		}
		if len(s.xs) > 0 {
			all = append(all, s)
		}
	}
	gate := punctuality(all)
	for _, s := range index.Each(c.Index, all) {
		if s.gate = gate; len(s.entries) == 1 && len(s.xs) == 1 { // nothing to mix up
			s.gate = math.MaxInt64
		}
		s.align()
	}
	if c.Index.Stopped() {
		return
	}
	exact := timely(all)
	for _, s := range all {
		s.find(exact)
	}
}

// How far the times of most lines are from those of their exchanges tells how far
// any may be: gateShare of them are not farther than a gateTimes-th of it, beside
// what a busy proxy may take.
const (
	gateShare = 0.4
	gateTimes = 8
	gateNanos = 120e6
)

// punctuality learns how far apart the times of a line and of its exchange may be,
// in nanoseconds.
func punctuality(all []*sequence) int64 {
	var nearest []int64
	for _, s := range all {
		for i := 0; i < len(s.entries); i += 1 + len(s.entries)*len(s.xs)/assign.AlignCells {
			e, best := s.entries[i], int64(math.MaxInt64)
			for _, x := range s.xs {
				if e.fits(s.on, x) {
					best = min(best, e.apart(x))
				}
			}
			if best < math.MaxInt64 {
				nearest = append(nearest, best)
			}
		}
	}
	if len(nearest) == 0 {
		return 0
	}
	slices.Sort(nearest)
	return gateTimes*nearest[int(gateShare*float64(len(nearest)))] + gateNanos
}

// mostInTime is the share of mixed up connections whose lines must all be near to
// their exchanges, if times are to be trusted.
const mostInTime = 0.9

// timely reports whether times are to be trusted where lines are in another order than
// these.
func timely(all []*sequence) bool {
	confused, near := 0, 0
	for _, s := range all {
		if s.confused && !s.streams {
			confused++
			if s.near(s.pairs) {
				near++
			}
		}
	}
	return float64(near) >= mostInTime*float64(confused)
}

// seated groups the entries that are of exchanges by the ends of their legs, in the
// order of first entries. Those without the leg are left out.
func seated(entries []*logEntry, on side) [][]*logEntry {
	at := make(map[tcpip.Tuple]int)
	var groups [][]*logEntry
	for _, e := range entries {
		l := e.leg(on)
		if l == nil || e.tcp() {
			continue
		}
		i, ok := at[l.Orig]
		if !ok {
			i = len(groups)
			at[l.Orig] = i
			groups = append(groups, nil)
		}
		groups[i] = append(groups[i], e)
	}
	return groups
}

// told lists the exchanges of a leg, those of an encrypted one as turns tell
// them.
func told(l *graph.Leg) []*graph.Exchange {
	list := l.Exchanges
	if len(list) == 0 && !l.SpeaksHTTP2() {
		list = l.Hidden
	}
	xs := make([]*graph.Exchange, len(list))
	for i := range list {
		xs[i] = &list[i]
	}
	return xs
}

// lateLine is how late a line may say that its exchange began, in nanoseconds, where
// that tells whose a turn is.
const lateLine = int64(5e6)

// veiled reports whether the exchanges of a leg cannot be read, and turns tell of
// them. That is certain if no packets are missing, and there are as many as lines.
func veiled(l *graph.Leg) bool {
	return len(l.Exchanges) == 0 && len(l.Hidden) > 0 && !l.SpeaksHTTP2()
}

// holed reports whether packets of a leg are missing.
func holed(x *index.Index, l *graph.Leg) bool {
	_, holes := l.Hole(x)
	return holes
}

// gathered lists the exchanges of a leg that cannot be read, with one in place of
// the turns that lie in the time of one line: bodies that stream both ways. Behind the
// proxy these may be attempts, of which the line is of the last: earlier has those before
// it, by their places in the list.
func (s *sequence) gathered(l *graph.Leg) (turns []graph.Exchange, earlier map[int]bool) {
	var runs []turn.Run
	earlier = make(map[int]bool)
	gone := 0 // turns that runs take from the list
	for k := 0; k < len(l.Hidden); {
		n, owner := k+1, s.owner(&l.Hidden[k])
		late := owner == nil || l.Hidden[k].KnownBy() < owner.Start-lateLine // its own line may be missing
		for !late && n < len(l.Hidden) && s.owner(&l.Hidden[n]) == owner {
			n++
		}
		switch {
		case n > k+1 && s.on == upstream && askedAgain(l.Hidden[k:n]):
			for i := k; i < n-1; i++ {
				earlier[i-gone] = true
			}
		case n > k+1:
			runs = append(runs, turn.Run{Leg: l, From: k, To: n})
			gone += n - k - 1
		}
		k = n
	}
	if len(runs) == 0 {
		return l.Hidden, earlier
	}
	return turn.Merge(l.Hidden, runs), earlier
}

// askedAgain reports whether turns may be attempts of one request: each asks as much as
// the first. Of a body that streams, the first turn has the head beside it.
func askedAgain(turns []graph.Exchange) bool {
	return !slices.ContainsFunc(turns[1:], func(x graph.Exchange) bool {
		return len(x.Outline.Req) == 0 || !slices.Equal(x.Outline.Req, turns[0].Outline.Req)
	})
}

// owner returns the entry in whose time a turn lies, nil if there is none or more
// than one.
func (s *sequence) owner(x *graph.Exchange) *logEntry {
	var owner *logEntry
	at := x.KnownBy() + (x.End()-x.KnownBy())/2
	for _, e := range s.entries {
		end, ok := e.Ends()
		early := at < e.Start && x.End() < e.Start+e.Resolution // over when the line's began
		if !ok || early || at < e.Start-lateLine || at > end+e.Resolution {
			continue
		}
		if owner != nil && at >= e.Start && at < owner.Start { // the other one's time begins later
			owner = e
			continue
		}
		if owner != nil && at >= e.Start {
			return nil
		}
		if owner == nil {
			owner = e
		}
	}
	return owner
}

// align pairs lines and exchanges in their order, where they have one: one exchange
// after the other goes over a connection of HTTP/1, and its line is written when it
// is over.
func (s *sequence) align() {
	if !s.streams {
		s.pairs = assign.Align(len(s.entries), len(s.xs), s.at, s.distance)
	}
}

// find tells each entry the exchanges it may be of. Where lines are in another order
// than their times, the log was mixed up, or its times are not exact; then order
// counts only if times do, and every line is near to its exchange and to no other.
func (s *sequence) find(exact bool) {
	if s.streams || s.confused && !(exact && s.near(s.pairs)) {
		s.assign()
		return
	}
	a := s.pairs
	for i, e := range s.entries {
		switch {
		case a.Of[i] < 0, len(a.May[i]) == 0:
		case a.Sure[i]:
			e.tell(s.on, []*graph.Exchange{s.xs[a.Of[i]]})
		default:
			may := []*graph.Exchange{s.xs[a.Of[i]]}
			for _, j := range a.May[i] {
				if j != a.Of[i] {
					may = append(may, s.xs[j])
				}
			}
			e.tell(s.on, may)
		}
	}
}

func (s *sequence) at(i, j int) bool {
	return s.entries[i].fits(s.on, s.xs[j]) && s.entries[i].apart(s.xs[j]) <= s.gate
}

func (s *sequence) distance(i, j int) int64 { return s.entries[i].distance(s.xs[j]) }

// unordered is how much earlier than the line before it a line may say that its
// exchange began, beside how exact times are, in nanoseconds.
const unordered = int64(2e6)

// arrange puts entries in the order of their lines, which is that of ends, or where
// that is mixed up in the order of time.
func (s *sequence) arrange() {
	for i, e := range s.entries[1:] {
		before := s.entries[i]
		s.confused = s.confused || e.File == before.File && e.Start < before.Start-before.Resolution-unordered
	}
	if last := s.entries[len(s.entries)-1]; s.confused || last.File != s.entries[0].File {
		slices.SortStableFunc(s.entries, func(a, b *logEntry) int { return cmp.Compare(a.Start, b.Start) })
	}
}

// near reports whether each line is far nearer to its exchange than to those beside
// it.
func (s *sequence) near(a *assign.Alignment) bool {
	for i, j := range a.Of {
		if j < 0 {
			return false
		}
		for _, k := range [2]int{j - 1, j + 1} {
			if k >= 0 && k < len(s.xs) && s.distance(i, k) <= assign.DoubtTimes*s.distance(i, j)+assign.DoubtNanos {
				return false
			}
		}
	}
	return true
}

// assign does without order: an entry is of an exchange if no other assignment of as
// many is possible.
func (s *sequence) assign() {
	may := make([][]int, len(s.entries))
	for i, e := range s.entries {
		for j := range s.xs {
			if s.at(i, j) {
				may[i] = append(may[i], j)
			}
		}
		slices.SortStableFunc(may[i], func(j, k int) int { return cmp.Compare(s.distance(i, j), s.distance(i, k)) })
		if slices.ContainsFunc(may[i], func(j int) bool { return e.sameID(s.xs[j]) }) {
			may[i] = slices.DeleteFunc(may[i], func(j int) bool { return !e.sameID(s.xs[j]) })
		}
	}
	a := assign.Match(len(s.xs), may)
	for i, e := range s.entries {
		switch {
		case a.OfUp[i] < 0:
		case a.Forced[i]:
			e.tell(s.on, []*graph.Exchange{s.xs[a.OfUp[i]]})
		default:
			left := []*graph.Exchange{s.xs[a.OfUp[i]]}
			for _, j := range may[i] {
				if j != a.OfUp[i] {
					left = append(left, s.xs[j])
				}
			}
			e.tell(s.on, left)
		}
	}
}
