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
}

// Chains ties n clocks together, each to the first one of those that events tie it to,
// along the chain whose errors add up to least. Bounds may be wrong by slack.
func Chains(n int, pairs []Pair, slack int64) []Link {
	links := make([]Link, n)
	edges := edgesOf(n, pairs, slack)
	for i := range links {
		links[i] = Link{Parent: -1, Root: -1}
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
	to     int
	clock  Clock // of to
	events int
}

// edgesOf lists for each clock those that it can correct.
func edgesOf(n int, pairs []Pair, slack int64) [][]edge {
	edges := make([][]edge, n)
	for _, p := range pairs {
		back := make([]Sight, len(p.Sights))
		for i, s := range p.Sights {
			back[i] = s.swapped()
		}
		if a := Fit(p.Sights, slack); len(a) > 0 {
			edges[p.B] = append(edges[p.B], edge{p.A, a, len(p.Sights)})
		}
		if b := Fit(back, slack); len(b) > 0 {
			edges[p.A] = append(edges[p.A], edge{p.B, b, len(back)})
		}
	}
	return edges
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
			*l = Link{Parent: from, Root: root, Clock: e.clock, Events: e.events, Error: err}
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
