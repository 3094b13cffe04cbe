package clocks

import (
	"cmp"
	"slices"

	"github.com/pcapmesh/pcapmesh/capture/tcpip"
	"github.com/pcapmesh/pcapmesh/internal/offset"
	"github.com/pcapmesh/pcapmesh/mesh/internal/index"
)

// resolution is how far the difference of two stamps may be from the truth because they
// are written as microseconds, in nanoseconds.
const resolution = 1_000

// A Clock is how the clock of a group was put right.
type Clock struct {
	Against     int          // the group whose clock counts; its own if it is the group itself
	Alone       bool         // nothing ties it, or what it is held against, to the group whose clock counts
	Connections int          // shared with the group that it was held against
	Correction  offset.Clock // against that group, which may be corrected too; empty if it is right
	Error       int64        // how far a corrected time may be from the truth, in nanoseconds
	Contradicts []int        // groups with which it shares connections that were not used: they contradict others

	correct func(int64) int64 // nil if nothing has to be corrected
}

// Correct returns what the clock that counts showed at time t of this one, in
// nanoseconds.
func (c *Clock) Correct(t int64) int64 {
	if c.correct == nil {
		return t
	}
	return c.correct(t)
}

// Right reports whether the clock needs no correction.
func (c *Clock) Right() bool { return c.correct == nil }

// Align measures the clocks of all groups and puts right what was read of them. names
// are the pods of the groups.
func Align(x *index.Index, names []string) []Clock {
	if len(x.Groups) < 2 {
		return make([]Clock, len(x.Groups))
	}
	order := make([]int, len(names)) // by name, so that it does not matter which was given first
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(names[a], names[b]) })
	place := make([]int, len(names))
	for i, g := range order {
		place[g] = i
	}
	byGroup := func(h index.HalfNo) watcher {
		g, _ := x.Locate(h)
		return place[g]
	}
	pairs, shared := pairsOf(x, len(names), byGroup)
	links, unused := offset.Chains(len(names), pairs, resolution)
	clocks := make([]Clock, len(names))
	x.Clocks = make([]int, len(names))
	for i, l := range links {
		c := Clock{Against: order[l.Root], Alone: l.Root != 0 && l.Root == i, Error: l.Error}
		if c.Alone {
			c.Against = order[0]
		}
		if l.Parent >= 0 {
			c.Connections = shared[[2]int{min(i, l.Parent), max(i, l.Parent)}]
			c.Correction = l.Clock
		}
		for _, k := range unused {
			if p := pairs[k]; p.A == i || p.B == i {
				c.Contradicts = append(c.Contradicts, order[p.A+p.B-i])
			}
		}
		if moved(links, i) {
			c.correct = func(t int64) int64 { return offset.Correct(links, i, t) }
			x.Correct(order[i], names[order[i]], c.correct)
		}
		clocks[order[i]], x.Clocks[order[i]] = c, order[l.Root]
	}
	return clocks
}

// moved reports whether clock i or one that it is held against needs correction.
func moved(links []offset.Link, i int) bool {
	for ; links[i].Parent >= 0; i = links[i].Parent {
		if !links[i].Clock.Right() {
			return true
		}
	}
	return false
}

// pairsOf lists what pairs of watchers saw of the same connections, and how many
// connections that were.
func pairsOf(x *index.Index, n int, by func(index.HalfNo) watcher) ([]offset.Pair, map[[2]watcher]int) {
	found := twins(x, n, by)
	near := newNeighbours(x, found)
	shared := make(map[[2]watcher]int)
	sights := make(map[[2]watcher][]offset.Sight)
	for i := range found {
		t := &found[i]
		client := near.client(t)
		if client == 0 {
			continue
		}
		k := [2]watcher{t.a.by, t.b.by}
		shared[k]++
		for _, e := range t.events {
			sights[k] = append(sights[k], offset.Sight{Here: e.a, There: e.b, First: (client > 0) != e.reply})
		}
	}
	var pairs []offset.Pair
	for k, ss := range sights {
		pairs = append(pairs, offset.Pair{A: k[0], B: k[1], Sights: ss})
	}
	slices.SortFunc(pairs, func(p, q offset.Pair) int { return cmp.Or(cmp.Compare(p.A, q.A), cmp.Compare(p.B, q.B)) })
	return pairs, shared
}

// neighbours tells which of two watchers an address is nearer, as connections of which
// packets of both directions were seen show. Others with packets of one direction only
// need it.
type neighbours struct {
	x     *index.Index
	votes map[neighbour]int
}

// A neighbour is an address and two watchers.
type neighbour struct {
	addr tcpip.Addr
	a, b watcher
}

func newNeighbours(x *index.Index, found []twin) *neighbours {
	n := &neighbours{x, make(map[neighbour]int)}
	for i := range found {
		t := &found[i]
		if v := t.client(); v != 0 {
			client, server := t.a.ends(x)
			n.votes[neighbour{client, t.a.by, t.b.by}] += cmp.Compare(v, 0)
			n.votes[neighbour{server, t.a.by, t.b.by}] -= cmp.Compare(v, 0)
		}
	}
	return n
}

// client is twin.client, where only one direction was seen by the ends. Where both were
// seen and nothing tells, the two are at one place, and either answer is right.
func (n *neighbours) client(t *twin) int {
	if v := t.client(); v != 0 {
		return v
	}
	client, server := t.a.ends(n.x)
	v := n.votes[neighbour{client, t.a.by, t.b.by}] - n.votes[neighbour{server, t.a.by, t.b.by}]
	if v == 0 && t.bothWays() {
		return 1
	}
	return v
}
