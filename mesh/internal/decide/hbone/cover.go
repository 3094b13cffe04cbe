package hbone

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"github.com/pcapmesh/pcapmesh/capture"
	"github.com/pcapmesh/pcapmesh/mesh/flow"
	"github.com/pcapmesh/pcapmesh/mesh/internal/decide/algebra"
	"github.com/pcapmesh/pcapmesh/mesh/internal/decide/graph"
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
	if i < 0 { // nothing had come back: it may not have been sent on yet
		return c.leg.ClosedBy == "open" && int64(c.leg.Start)+openSlack > until || c.leg.ClosedBy != "open" && int64(c.leg.End) > until+index.Causality
	}
	return c.bursts[i].at > until+index.Causality && t.asked() > until+index.Causality
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
	none bool  // it may be in no tunnel at all
}

// A fit is how a connection is found in one tunnel.
type fit struct {
	tunnel int
	weight float64 // logarithm of how much likelier than by chance
	found  int     // bursts
	of     int
	where  [2][]int // their records
	unseen [2]int64 // as in inner
	taken  bool     // some are not found since others may have their records
}

// sure reports whether one tunnel is it, beyond doubt.
func (g *weighing) sure() bool {
	return len(g.fits) > 0 && g.fits[0].weight > 0 && g.share() >= algebra.BelievedByTime && 2*g.fits[0].found >= g.fits[0].of
}

// share is the probability of the likeliest tunnel. What was found of a connection that is
// in none was found by chance.
func (g *weighing) share() float64 {
	sum := 0.0
	if g.none {
		sum = math.Exp(-g.fits[0].weight)
	}
	for _, f := range g.fits {
		sum += math.Exp(f.weight - g.fits[0].weight)
	}
	return 1 / sum
}

// fewBursts is how many bursts may all be packed so that they are not found.
const fewBursts = 3

// weigh looks for a connection in all tunnels that may carry it.
func (t *tunnelling) weigh(c *inner) *weighing {
	g := &weighing{none: c.own && !c.marked}
	for i, m := range t.tunnels {
		switch {
		case c.nowhere, !t.may(c, m), !m.holds(c):
			continue
		case m.leg.Decrypted && whole(m.leg) && !m.leg.LostHeaders && c.whole(): // it would have a stream
			continue
		}
		if f := t.cover(c, i, m); f.found > 0 || f.of < fewBursts && t.asks(c, m) || !m.known || f.taken {
			g.fits = append(g.fits, f)
		}
	}
	slices.SortStableFunc(g.fits, func(a, b fit) int { return cmp.Compare(b.weight, a.weight) })
	return g
}

// openSlack is how long ztunnel may take to open a tunnel for a connection that it
// accepted, in nanoseconds: a handshake, sent again once.
const openSlack = 1e9

// asks reports whether a stream may have begun in a tunnel, and have been answered, for a
// connection of which nothing is found there: the head of a CONNECT and what answers it. It
// goes on to the tunnel while the connection is there, and comes from there before it.
func (t *tunnelling) asks(c *inner, m *tunnel) bool {
	from, to := int64(c.leg.Start)-index.Causality, int64(min(c.leg.End, c.leg.Start+openSlack))+index.Causality
	if t.inbound {
		from, to = int64(m.leg.Start), int64(c.leg.Start)+index.Causality
	}
	lo, hi := m.between(0, 0, from, to)
	for _, p := range m.records[0][lo:hi] {
		if p.n <= maxControl {
			continue
		}
		if t.inbound {
			from, to = int64(c.leg.Start)-index.Causality, math.MaxInt64
		} else {
			from = p.at - index.Causality
		}
		lo, hi = m.between(1, 0, from, to)
		return lo < hi
	}
	return false
}

// learn finds out how rare it is that a burst of a connection is not found in its tunnel:
// some are packed with others.
func (t *tunnelling) learn() {
	missed, all := 1, 2
	for _, c := range t.inner {
		if len(c.bursts) == 0 || !c.whole() {
			continue
		}
		best := fit{found: -1}
		for i, m := range t.tunnels {
			if f := t.cover(c, i, m); m.known && t.may(c, m) && m.holds(c) && f.found > best.found {
				best = f
			}
		}
		if best.found >= 0 {
			all++
			if best.found < best.of {
				missed++
			}
		}
	}
	t.missing = math.Log(float64(missed) / float64(all))
}

// cover looks for the bursts of a connection among the records of a tunnel.
func (t *tunnelling) cover(c *inner, no int, m *tunnel) fit {
	f := fit{tunnel: no, of: len(c.bursts)}
	var next [2]int
	var past [2]int64 // bytes before the burst
	missed := false
	for i, b := range c.bursts {
		d := 0
		if b.reply {
			d = 1
		}
		onward := b.reply == t.inbound
		from, to := c.window(i, onward)
		lo, hi := m.between(d, next[d], from, to)
		p := m.place(d, b.n, past[d], lo, hi, onward)
		past[d] += b.n
		if len(p.records) == 0 {
			f.weight--
			taken := m.taken(d, b.n, past[d]-b.n, lo, hi)
			f.taken = f.taken || taken
			if !missed && m.known && c.whole() && !taken {
				missed = true // once, since what packs one burst otherwise may do so with the next
				f.weight += 1 + min(t.missing, -1)
			}
			f.unseen[d] += b.n + maxControl
			continue
		}
		f.found++
		among := hi - p.key
		if onward {
			among = p.key - lo + 1
		}
		f.weight += t.surprise(d, m.records[d][p.key].n, among, p.ways, p.run)
		f.where[d] = append(f.where[d], p.records...)
		next[d] = p.records[len(p.records)-1] + 1
	}
	return f
}

// surprise is the weight of finding a record of n bytes among so many: by how
// many of all tunnels' records have that length. Of a run it is less, since
// there are more ways to make one.
func (t *tunnelling) surprise(d int, n int64, among, ways int, run bool) float64 {
	same, all := 0, 0
	for _, m := range t.tunnels {
		all += len(m.records[d])
		same += len(m.bySize[d][n])
	}
	chance := float64(same*among*ways) / float64(all+1)
	if run {
		chance = float64(2*among*maxRun) / float64(all+1)
	}
	return max(-math.Log(min(chance, 1)), 0)
}

// take ties a connection to its tunnel for sure.
func (t *tunnelling) take(c *inner, g *weighing) {
	f := g.fits[0]
	m := t.tunnels[f.tunnel]
	t.occupy(c, f)
	l := t.link(c, m)
	l.Confidence = min(g.share(), graph.SureProven)
	l.Proven = g.share() > 1-algebra.Proof
	l.Evidence = []flow.Evidence{t.found(c, f)}
	t.links = append(t.links, l)
}

// occupy notes that a connection is in a tunnel, whose records it then has.
func (t *tunnelling) occupy(c *inner, f fit) {
	c.in, c.unseen = f.tunnel, f.unseen
	for d := range f.where {
		for _, k := range f.where[d] {
			t.tunnels[f.tunnel].records[d][k].gone = true
		}
	}
}

// guess ties a connection to the only tunnel that fits, or to the likeliest with the others
// as rivals; nil if there is none, or the only one may not be all that there was.
func (t *tunnelling) guess(c *inner, g *weighing) *graph.Link {
	if len(g.fits) == 0 {
		return nil
	}
	f := g.fits[0]
	m := t.tunnels[f.tunnel]
	l := t.link(c, m)
	switch {
	case len(g.fits) == 1 && t.unseen(c, m), c.own && !c.marked, len(c.bursts) == 0 && !c.whole(),
		len(g.fits) == 1 && m.known && f.found == 0 && f.of >= fewBursts: // nothing speaks for it
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
