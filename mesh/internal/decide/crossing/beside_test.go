package crossing

import (
	"testing"

	"github.com/pcapmesh/pcapmesh/mesh/internal/decide/graph"
)

// What is certain without a log stays so, unless something else is certain with it, or
// the log denies it.
func TestBesides(t *testing.T) {
	const ambiguous = true
	type pair struct {
		d, u      int
		ambiguous bool
	}
	for _, tt := range []struct {
		name          string
		with, without []pair
		logged        []pair // what the log ties
		want          []pair
	}{
		{"nothing", nil, nil, nil, nil},
		{"a guess becomes certain", []pair{{0, 0, ambiguous}}, []pair{{0, 0, false}}, nil, []pair{{0, 0, false}}},
		{"guesses at what is certain go", []pair{{0, 1, ambiguous}, {1, 0, ambiguous}}, []pair{{0, 0, false}}, nil, []pair{{0, 0, false}}},
		{"a guess says nothing", nil, []pair{{0, 0, ambiguous}}, nil, nil},
		{"certain otherwise", []pair{{0, 1, false}}, []pair{{0, 0, false}, {1, 1, false}}, nil, []pair{{0, 1, false}}},
		{"tied by the log", nil, []pair{{0, 0, false}, {1, 1, false}}, []pair{{0, 1, false}}, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := New(nil, nil, nil)
			var downs, ups [2]*graph.Exchange
			for i := range downs {
				downs[i], ups[i] = exchange(clientLeg(i), 1, 2).Exchange, exchange(proxyLeg(i), 1, 2).Exchange
			}
			links := func(ps []pair) (ls []*graph.Link) {
				for _, p := range ps {
					ls = append(ls, &graph.Link{From: downs[p.d].Leg, To: ups[p.u].Leg, Down: downs[p.d], Up: ups[p.u], Ambiguous: p.ambiguous})
				}
				return ls
			}
			for _, l := range links(tt.logged) {
				c.ByLog[l.Down], c.ByLog[l.Up] = l, l
			}
			got, want := c.Besides(links(tt.with), links(tt.without)), links(tt.want)
			if len(got) != len(want) {
				t.Fatalf("%d links, want %d", len(got), len(want))
			}
			for i, l := range got {
				if l.Down != want[i].Down || l.Up != want[i].Up || l.Ambiguous != want[i].Ambiguous {
					t.Errorf("link %d: %+v, want %+v", i, l, want[i])
				}
			}
		})
	}
}
