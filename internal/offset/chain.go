package offset

import "math"

// A Pair is what two of several clocks saw of the same events. In its Sights A is Here.
type Pair struct {
	A, B   int
	Sights []Sight
}

// A Link is how one of several clocks is corrected: so that it shows what Parent does.
type Link struct {
	Parent int // -1: its own, or nothing ties it to another
	Root   int // the clock at the end of the chain of parents
	Clock  Clock
	Events int // shared with Parent
	Error  int64

	bond *bond // with Parent
}

// Chains ties n clocks together, each to the first one of those that events tie it to,
// along the chain whose errors add up to least. Bounds may be wrong by slack. Loops have
// to close; it lists the pairs that it did not use because theirs does not.
func Chains(n int, pairs []Pair, slack int64) (links []Link, unused []int) {
	bonds := make([]*bond, len(pairs))
	for k, p := range pairs {
		bonds[k] = newBond(p, slack)
	}
	for {
		links = tie(n, bonds)
		l := openLoop(links, bonds)
		if l == nil {
			break
		}
		l.judge(bonds)
	}
	for k, b := range bonds {
		if b.trust != trusted {
			unused = append(unused, k)
		}
	}
	return links, unused
}

// tie ties clocks together by the bonds that are trusted.
func tie(n int, bonds []*bond) []Link {
	links := make([]Link, n)
	edges := make([][]edge, n)
	for i := range links {
		links[i] = Link{Parent: -1, Root: -1}
	}
	for _, b := range bonds {
		if b.trust != trusted {
			continue
		}
		for _, e := range []edge{{b, b.A, b.there}, {b, b.B, b.back}} {
			if len(e.clock) > 0 {
				from := b.other(e.to)
				edges[from] = append(edges[from], e)
			}
		}
	}
	for root := range links {
		if links[root].Root < 0 {
			spread(links, edges, root)
		}
	}
	return links
}

// An edge is how a clock is corrected by another one that saw the same events.
type edge struct {
	bond  *bond
	to    int
	clock Clock // of to
}

// spread ties all clocks that can be tied to root, the surest first (Dijkstra).
func spread(links []Link, edges [][]edge, root int) {
	links[root].Root = root
	open := []int{root}
	done := make(map[int]bool)
	for len(open) > 0 {
		k := 0
		for i := range open {
			if links[open[i]].Error < links[open[k]].Error {
				k = i
			}
		}
		from := open[k]
		open = append(open[:k], open[k+1:]...)
		if done[from] {
			continue
		}
		done[from] = true
		for _, e := range edges[from] {
			err := saturated(links[from].Error, e.clock.Widest())
			l := &links[e.to]
			if done[e.to] || l.Root >= 0 && l.Error <= err {
				continue
			}
			*l = Link{Parent: from, Root: root, Clock: e.clock, Events: len(e.bond.Sights), Error: err, bond: e.bond}
			open = append(open, e.to)
		}
	}
}

func saturated(a, b int64) int64 {
	if a > math.MaxInt64-b {
		return math.MaxInt64
	}
	return a + b
}

// Correct returns what the root of clock i showed at time t of i.
func Correct(links []Link, i int, t int64) int64 {
	for links[i].Parent >= 0 {
		t = links[i].Clock.Correct(t)
		i = links[i].Parent
	}
	return t
}
