package crossing

import (
	"slices"

	"github.com/pcapmesh/pcapmesh/mesh/internal/decide/graph"
)

// Besides adds to links what is certain without the log and does not contradict it, so
// that nothing is less certain for a part of a log: the examples that it takes away teach
// of others than it names.
func (c *Crossing) Besides(links, without []*graph.Link) []*graph.Link {
	taken := make(map[*graph.Exchange]bool)
	take := func(l *graph.Link) { taken[l.Down], taken[l.Up] = true, true }
	for _, l := range links {
		if !l.Ambiguous {
			take(l)
		}
	}
	for _, l := range without {
		if l.Ambiguous || taken[l.Down] || taken[l.Up] || c.ByLog[l.Down] != nil || c.ByLog[l.Up] != nil || c.Barred(l.Down, l.Up) {
			continue
		}
		take(l)
		links = slices.DeleteFunc(links, func(o *graph.Link) bool { return o.Down == l.Down || o.Up == l.Up })
		links = append(links, l)
	}
	return links
}
