package hbone

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"sort"

	"github.com/pcapmesh/pcapmesh/capture"
	"github.com/pcapmesh/pcapmesh/mesh/flow"
	"github.com/pcapmesh/pcapmesh/mesh/internal/decide/algebra"
	"github.com/pcapmesh/pcapmesh/mesh/internal/decide/graph"
	"github.com/pcapmesh/pcapmesh/mesh/internal/decide/turn"
	"github.com/pcapmesh/pcapmesh/mesh/internal/index"
)

// Without keys, a connection shows in its tunnel by its bursts: each goes through
// in records of its length and a frame header, in the same order and at the same
// time. Where several tunnels may carry a connection, how many of its bursts are
// found in each decides, by how rare records of their lengths are.

// joinBursts ties the connections that are left by what went through when. What
// is sure takes its records away from the others, and these are asked again.
func (t *tunnelling) joinBursts() {
	open := t.unlinked()
	for range algebra.Learning {
		sure := 0
		open = slices.DeleteFunc(open, func(c *inner) bool {
			g := t.weigh(c)
			if !g.sure() || t.unseen(c, t.tunnels[g.fits[0].tunnel]) {
				return false
			}
			sure++
			t.take(c, g)
			return true
		})
		if sure == 0 {
			break
		}
	}
	for _, c := range open {
		if l := t.guess(c, t.weigh(c)); l != nil {
			t.links = append(t.links, l)
		}
	}
}

// unseen reports whether a connection may be in a tunnel that was not captured: one that
// was opened after the capture where tunnels show had ended.
func (t *tunnelling) unseen(c *inner, m *tunnel) bool {
	until := m.leg.WatchedFor().To
	if until == 0 {
		return false
	}
	if t.inbound {
		return int64(c.leg.Start) > until+index.Causality // and the tunnel was open then
	}
	i := slices.IndexFunc(c.bursts, func(b burst) bool { return b.reply })
	if i < 0 {
		return c.leg.ClosedBy == "open" // nothing had come back: it may not have been sent on yet
	}
	return c.bursts[i].at > until+index.Causality && t.asked() > until+index.Causality
}

// stays reports whether a connection may be in a tunnel from the pod to itself, which is
// not among those that were compared.
func (t *tunnelling) stays(c *inner) bool {
	return slices.ContainsFunc(t.within, func(l *graph.Leg) bool { return l.Start <= c.leg.End && l.End >= c.leg.Start })
}

// asked returns when something went to a tunnel last, as the connections show that are
// outside of it.
func (t *tunnelling) asked() (last int64) {
	for _, c := range t.inner {
		for _, b := range c.bursts {
			if !b.reply {
				last = max(last, b.at)
			}
		}
	}
	return last
}

// unlinked lists the connections that have no link yet.
func (t *tunnelling) unlinked() []*inner {
	linked := make(map[*graph.Leg]bool)
	for _, l := range t.links {
		linked[t.inside(l)] = true
	}
	return slices.DeleteFunc(slices.Clone(t.inner), func(c *inner) bool { return linked[c.leg] })
}

// A weighing compares the tunnels that may carry a connection.
type weighing struct {
	fits []fit // the likeliest first
}

// A fit is how a connection is found in one tunnel.
type fit struct {
	tunnel int
	weight float64 // logarithm of how much likelier than by chance
	found  int     // bursts
	of     int
	where  [2][]int // their records
	unseen [2]int64 // as in inner
}

// sure reports whether one tunnel is it, beyond doubt.
func (g *weighing) sure() bool {
	return len(g.fits) > 0 && g.fits[0].weight > 0 && g.share() >= algebra.BelievedByTime && 2*g.fits[0].found >= g.fits[0].of
}

// share is the probability of the likeliest tunnel.
func (g *weighing) share() float64 {
	sum := 0.0
	for _, f := range g.fits {
		sum += math.Exp(f.weight - g.fits[0].weight)
	}
	return 1 / sum
}

// fewBursts is how many bursts may all be packed so that they are not found.
const fewBursts = 3

// weigh looks for a connection in all tunnels that may carry it.
func (t *tunnelling) weigh(c *inner) *weighing {
	g := new(weighing)
	for i, m := range t.tunnels {
		if !t.may(c, m) || !m.holds(c) {
			continue
		}
		if f := t.cover(c, i, m); f.found > 0 || f.of < fewBursts || !m.known {
			g.fits = append(g.fits, f)
		}
	}
	slices.SortStableFunc(g.fits, func(a, b fit) int { return cmp.Compare(b.weight, a.weight) })
	return g
}

// cover looks for the bursts of a connection among the records of a tunnel.
func (t *tunnelling) cover(c *inner, no int, m *tunnel) fit {
	f := fit{tunnel: no, of: len(c.bursts)}
	var next [2]int
	for i, b := range c.bursts {
		d := 0
		if b.reply {
			d = 1
		}
		onward := b.reply == t.inbound
		from, to := c.window(i, onward)
		lo, hi := m.between(d, next[d], from, to)
		at, n := m.find(d, b.n, lo, hi, onward)
		if n == 0 {
			f.weight--
			f.unseen[d] += b.n + maxControl
			continue
		}
		f.found++
		among := hi - at
		if onward {
			among = at - lo + 1
		}
		f.weight += t.surprise(d, m.records[d][at].n, among, n)
		for k := range n {
			f.where[d] = append(f.where[d], at+k)
		}
		next[d] = at + n
	}
	return f
}

// between returns which records of a direction went by in a time, those before
// number least left out.
func (m *tunnel) between(d, least int, from, to int64) (lo, hi int) {
	ps := m.records[d]
	lo = max(least, sort.Search(len(ps), func(k int) bool { return ps[k].at >= from }))
	hi = max(lo, sort.Search(len(ps), func(k int) bool { return ps[k].at > to }))
	return lo, hi
}

// find looks for n bytes among the records [lo, hi) of a direction: in one, with
// one frame or with an end of the stream behind it, else in several. Of several
// it takes the nearest: the first if the burst goes on to the tunnel, the last if
// it comes from there.
func (m *tunnel) find(d int, n int64, lo, hi int, onward bool) (at, length int) {
	best := -1
	for frames := int64(1); frames <= 2; frames++ {
		k := m.one(d, m.bySize[d][n+frames*turn.FrameHead], lo, hi, onward)
		if k >= 0 && (best < 0 || onward == (k < best)) {
			best = k
		}
	}
	if best >= 0 {
		return best, 1
	}
	if onward {
		hi = min(hi, lo+algebra.MaxLookAlikes)
	} else {
		lo = max(lo, hi-algebra.MaxLookAlikes)
	}
	at, length = runOf(m.records[d][lo:hi], n, onward)
	return lo + at, length
}

// one returns the first of the listed records that lies in [lo, hi), or the last;
// -1 if none does.
func (m *tunnel) one(d int, list []int, lo, hi int, first bool) int {
	i, _ := slices.BinarySearch(list, lo)
	j, _ := slices.BinarySearch(list, hi)
	list = list[i:j]
	for k := range list {
		if !first {
			k = len(list) - 1 - k
		}
		if !m.records[d][list[k]].gone {
			return list[k]
		}
	}
	return -1
}

// maxRun is how many records a burst may be spread over.
const maxRun = 8

// runOf finds the first, or the last, run of records that holds n bytes in DATA
// frames: one frame for each record, or one more where the stream ended with it.
func runOf(ps []record, n int64, first bool) (at, length int) {
	for length = 2; length <= maxRun; length++ {
		for k := range max(len(ps)-length+1, 0) {
			if at = k; !first {
				at = len(ps) - length - k
			}
			if frames := sumOf(ps[at:at+length]) - n; frames == int64(length)*turn.FrameHead || frames == int64(length+1)*turn.FrameHead {
				return at, length
			}
		}
	}
	return 0, 0
}

// sumOf adds up the records of a run; it is negative if one belongs to another
// connection.
func sumOf(ps []record) (sum int64) {
	for _, p := range ps {
		if p.gone {
			return math.MinInt64 / 2
		}
		sum += p.n
	}
	return sum
}

// surprise is the weight of finding a record of n bytes among so many: by how
// many of all tunnels' records have that length. Of a run it is less, since
// there are more ways to make one.
func (t *tunnelling) surprise(d int, n int64, among, run int) float64 {
	same, all := 0, 0
	for _, m := range t.tunnels {
		all += len(m.records[d])
		same += len(m.bySize[d][n])
	}
	chance := float64(same*among) / float64(all+1)
	if run > 1 {
		chance = float64(2*among*maxRun) / float64(all+1)
	}
	return max(-math.Log(min(chance, 1)), 0)
}

// take ties a connection to its tunnel for sure.
func (t *tunnelling) take(c *inner, g *weighing) {
	f := g.fits[0]
	m := t.tunnels[f.tunnel]
	c.in, c.unseen = f.tunnel, f.unseen
	for d := range f.where {
		for _, k := range f.where[d] {
			m.records[d][k].gone = true
		}
	}
	l := t.link(c, m)
	l.Confidence = min(g.share(), graph.SureProven)
	l.Proven = g.share() > 1-algebra.Proof
	l.Evidence = []flow.Evidence{t.found(c, f)}
	if t.named(c) == f.tunnel {
		l.Evidence = slices.Insert(l.Evidence, 0, t.byLog(c, m))
	}
	t.links = append(t.links, l)
}

// guess ties a connection to the tunnel that a log names, to the only one that fits, or
// to the likeliest with the others as rivals; nil if there is none, or the only one may
// not be all that there was.
func (t *tunnelling) guess(c *inner, g *weighing) *graph.Link {
	if len(g.fits) == 0 {
		return nil
	}
	f := g.fits[0]
	m := t.tunnels[f.tunnel]
	l := t.link(c, m)
	if t.named(c) == f.tunnel {
		c.in, c.unseen, l.Confidence, l.Proven, l.Evidence = f.tunnel, f.unseen, graph.SureProven, true, []flow.Evidence{t.byLog(c, m)}
		return l
	}
	switch {
	case len(g.fits) == 1 && (t.unseen(c, m) || t.stays(c)):
		return nil
	case len(g.fits) == 1 && m.known:
		e := t.found(c, f)
		e.Kind, e.Detail = flow.OnlyCandidate, "no other tunnel fits in time; "+e.Detail
		c.in, c.unseen, l.Confidence, l.Evidence = f.tunnel, f.unseen, graph.SureByTime, []flow.Evidence{e}
		return l
	}
	l.Ambiguous, l.Confidence = true, min(g.share(), algebra.Believed)
	l.Evidence = []flow.Evidence{t.found(c, g.fits[0])}
	for _, f := range g.fits[1:] {
		l.Rivals = append(l.Rivals, graph.Rival{Leg: t.tunnels[f.tunnel].leg})
	}
	return l
}

// found says what was seen.
func (t *tunnelling) found(c *inner, f fit) flow.Evidence {
	m := t.tunnels[f.tunnel]
	return flow.Evidence{Kind: flow.TurnAlgebra, Detail: fmt.Sprintf("%d of %d turns found as records of the tunnel, in order", f.found, f.of),
		Packets: []capture.Ref{t.x.Half(c.leg.Conn.Lead()).First, t.x.Half(m.leg.Conn.Lead()).First}}
}
