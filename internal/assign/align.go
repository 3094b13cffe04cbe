package assign

import (
	"cmp"
	"slices"
)

// Lines of an access log and the exchanges of one connection come in the same
// order, but either list may lack some: the log may have been cut, the capture
// may have begun late. An alignment pairs them in order, as many as fit.

// An Alignment is a pairing of n lines with m exchanges that keeps both orders.
type Alignment struct {
	Of   []int   // by line: the exchange it is paired with; -1 = none
	Sure []bool  // by line: no other pairing is as good, or nearly
	May  [][]int // by line: the exchanges it has in pairings as large as the largest; none if times say that the lists are as long as each other by accident
}

// AlignCells bounds the work of one alignment.
const AlignCells = 1 << 22

// Align pairs n lines with m exchanges in order: as many as fit, and of the
// largest pairings the one with the least distance. fits reports whether a line
// may be of an exchange, and distance how far apart their times are, in
// nanoseconds. Very long lists are aligned in parts; where no pair is certain at
// which to part them, nothing is paired.
func Align(n, m int, fits func(i, j int) bool, distance func(i, j int) int64) *Alignment {
	if n*m > AlignCells && (n != m || !allFit(n, fits)) {
		return alignParts(n, m, fits, distance)
	}
	a := newAlignment(n)
	if n == m && allFit(n, fits) {
		shifted := displaced(n, distance)
		for i := range n {
			a.Of[i], a.Sure[i] = i, !shifted
			if !shifted {
				a.May[i] = []int{i}
			}
		}
		return a
	}
	g := &grid{n: n, m: m, fits: make([]bool, n*m), distance: distance}
	for i := range n {
		for j := range m {
			g.fits[i*m+j] = fits(i, j)
		}
	}
	g.fill()
	g.trace(a)
	g.judge(a)
	return a
}

func newAlignment(n int) *Alignment {
	return &Alignment{Of: fill(n), Sure: make([]bool, n), May: make([][]int, n)}
}

// alignParts aligns what comes before a certain pair and what comes from it on.
func alignParts(n, m int, fits func(i, j int) bool, distance func(i, j int) int64) *Alignment {
	a := newAlignment(n)
	i, j, ok := seam(n, m, fits, distance)
	if !ok {
		return a
	}
	a.take(0, 0, Align(i, j, fits, distance))
	a.take(i, j, Align(n-i, m-j, func(k, l int) bool { return fits(i+k, j+l) }, func(k, l int) int64 { return distance(i+k, j+l) }))
	return a
}

// take takes over an alignment of the lines from i and the exchanges from j on.
func (a *Alignment) take(i, j int, o *Alignment) {
	for k, to := range o.Of {
		if to >= 0 {
			a.Of[i+k] = j + to
		}
		a.Sure[i+k] = o.Sure[k]
		for _, to := range o.May[k] {
			a.May[i+k] = append(a.May[i+k], j+to)
		}
	}
}

// seamTries is how many lines around the middle are tried as a place to part.
const seamTries = 32

// seam returns a line near the middle and the exchange that is its own: no other
// one that fits is nearly as near in time, and no other line is to it.
func seam(n, m int, fits func(i, j int) bool, distance func(i, j int) int64) (i, j int, ok bool) {
	for k := range min(seamTries, n/2) {
		i = n/2 + k
		best, next := -1, int64(-1)
		for j := range m {
			if !fits(i, j) {
				continue
			}
			switch d := distance(i, j); {
			case best < 0:
				best = j
			case d < distance(i, best):
				best, next = j, distance(i, best)
			case next < 0 || d < next:
				next = d
			}
		}
		if best <= 0 {
			continue
		}
		for l := range n {
			if l != i && fits(l, best) && (next < 0 || distance(l, best) < next) {
				next = distance(l, best)
			}
		}
		if next < 0 || next > DoubtTimes*distance(i, best)+DoubtNanos {
			return i, best, true
		}
	}
	return 0, 0, false
}

// What tells that lists of one length are so by accident: the first lines are
// missing and the last exchanges, or the other way round.
const (
	farthestShift = 16  // how many may be missing at either end
	leastShifted  = 3   // of how many that are left the times must agree,
	exactNanos    = 1e6 // as well as this, in nanoseconds
)

// displaced reports whether times say that n lines and n exchanges are not the same.
func displaced(n int, distance func(i, j int) int64) bool {
	mean := func(lines, exchanges int) int64 {
		sum, k := int64(0), n-max(lines, exchanges)
		for i := range k {
			sum += distance(lines+i, exchanges+i)
		}
		return sum / int64(k)
	}
	for k := 1; k <= min(farthestShift, n-leastShifted); k++ {
		if other := min(mean(k, 0), mean(0, k)); other <= exactNanos && mean(0, 0) > DoubtTimes*other+DoubtNanos {
			return true
		}
	}
	return false
}

func allFit(n int, fits func(i, j int) bool) bool {
	for i := range n {
		if !fits(i, i) {
			return false
		}
	}
	return true
}

// A score orders pairings: by how many they pair, then by distance.
type score struct {
	pairs    int32
	distance int64
}

func (s score) compare(o score) int {
	return cmp.Or(cmp.Compare(s.pairs, o.pairs), cmp.Compare(o.distance, s.distance))
}

func better(a, b score) score {
	if a.compare(b) >= 0 {
		return a
	}
	return b
}

func (s score) add(o score) score { return score{s.pairs + o.pairs, s.distance + o.distance} }

// A grid holds the best scores of the beginnings and of the ends of two lists.
type grid struct {
	n, m     int
	fits     []bool // n × m
	distance func(i, j int) int64
	head     []score // (n+1) × (m+1): of the first i lines and j exchanges
	tail     []score // of those from i and j on
}

func (g *grid) at(i, j int) int { return i*(g.m+1) + j }

// pair returns the score of one pair.
func (g *grid) pair(i, j int) score { return score{1, g.distance(i, j)} }

func (g *grid) fill() {
	g.head, g.tail = make([]score, (g.n+1)*(g.m+1)), make([]score, (g.n+1)*(g.m+1))
	for i := range g.n {
		for j := range g.m {
			s := better(g.head[g.at(i, j+1)], g.head[g.at(i+1, j)])
			if g.fits[i*g.m+j] {
				s = better(s, g.head[g.at(i, j)].add(g.pair(i, j)))
			}
			g.head[g.at(i+1, j+1)] = s
		}
	}
	for i := g.n - 1; i >= 0; i-- {
		for j := g.m - 1; j >= 0; j-- {
			s := better(g.tail[g.at(i+1, j)], g.tail[g.at(i, j+1)])
			if g.fits[i*g.m+j] {
				s = better(s, g.tail[g.at(i+1, j+1)].add(g.pair(i, j)))
			}
			g.tail[g.at(i, j)] = s
		}
	}
}

// through returns the score of the best pairing that pairs i with j.
func (g *grid) through(i, j int) score {
	return g.head[g.at(i, j)].add(g.pair(i, j)).add(g.tail[g.at(i+1, j+1)])
}

// trace takes the best pairing.
func (g *grid) trace(a *Alignment) {
	best := g.tail[0]
	j := 0
	for i := 0; i < g.n && j < g.m; {
		switch rest := g.tail[g.at(i, j)]; {
		case g.fits[i*g.m+j] && g.pair(i, j).add(g.tail[g.at(i+1, j+1)]) == rest:
			a.Of[i] = j
			i, j = i+1, j+1
		case g.tail[g.at(i, j+1)] == rest:
			j++
		default:
			i++
		}
	}
	for i := range g.n {
		for j := range g.m {
			if g.fits[i*g.m+j] && g.through(i, j).pairs == best.pairs {
				a.May[i] = append(a.May[i], j)
			}
		}
	}
}

// doubt is by how much farther apart, in all, the next best pairing must be for
// times to decide: so many times, and by so many nanoseconds.
const (
	DoubtTimes = 4
	DoubtNanos = 2e6
)

// judge finds the lines whose pair no other pairing comes near to: none that is
// as large pairs them otherwise, or leaves them out, unless times are far worse.
func (g *grid) judge(a *Alignment) {
	best := g.tail[0]
	for i := range g.n {
		if a.Of[i] < 0 {
			continue
		}
		next, found := g.without(i, a.Of[i])
		own := g.distance(i, a.Of[i])
		far := next.distance-best.distance > (DoubtTimes-1)*own+DoubtNanos
		a.Sure[i] = !found || next.pairs < best.pairs || far
	}
	wanted := g.byExchange(a)
	for i, j := range a.Of { // another line may want the exchange of this one
		if a.Sure[i] {
			a.Sure[i] = g.unwanted(i, j, wanted[j])
		}
	}
}

// without returns the best score of the pairings that do not pair i with j.
func (g *grid) without(i, j int) (s score, found bool) {
	take := func(o score) {
		if !found || o.compare(s) > 0 {
			s, found = o, true
		}
	}
	for k := range g.m {
		if k != j && g.fits[i*g.m+k] {
			take(g.through(i, k))
		}
	}
	for k := range g.m + 1 { // i alone
		take(g.head[g.at(i, k)].add(g.tail[g.at(i+1, k)]))
	}
	return s, found
}

// byExchange lists for each exchange the lines that may have it.
func (g *grid) byExchange(a *Alignment) [][]int {
	by := make([][]int, g.m)
	for i, js := range a.May {
		for _, j := range js {
			by[j] = append(by[j], i)
		}
	}
	return by
}

// unwanted reports whether no other line comes near to having exchange j of i.
func (g *grid) unwanted(i, j int, lines []int) bool {
	best := g.tail[0]
	return !slices.ContainsFunc(lines, func(k int) bool {
		if k == i {
			return false
		}
		o := g.through(k, j)
		return o.pairs == best.pairs && o.distance-best.distance <= (DoubtTimes-1)*g.distance(i, j)+DoubtNanos
	})
}
