package crossing

import (
	"slices"
	"testing"

	"github.com/pcapmesh/pcapmesh/mesh/internal/decide/graph"
)

// What is found out later takes back doubts, and leaves those that it does not touch.
func TestReconsider(t *testing.T) {
	at := func(l *graph.Leg) made { return exchange(l, 0, 100*us) }
	for _, tt := range []struct {
		name string
		make func(c *Crossing, d, u func(i int) *graph.Exchange) []*graph.Link
		want []string
	}{
		{"nothing is known", func(c *Crossing, d, u func(int) *graph.Exchange) []*graph.Link {
			return []*graph.Link{maybe(d(0), u(0), u(1))}
		}, []string{"?0.0>0.0|1.0"}},
		{"the guess is another's", func(c *Crossing, d, u func(int) *graph.Exchange) []*graph.Link {
			return []*graph.Link{maybe(d(0), u(0), u(1), u(2)), surely(d(1), u(0))}
		}, []string{"?0.0>1.0|2.0", "1.0>0.0"}},
		{"the guess and a rival are others'", func(c *Crossing, d, u func(int) *graph.Exchange) []*graph.Link {
			return []*graph.Link{maybe(d(0), u(0), u(1), u(2)), surely(d(1), u(0)), surely(d(2), u(1))}
		}, []string{"?0.0>2.0", "1.0>0.0", "2.0>1.0"}},
		{"all are others'", func(c *Crossing, d, u func(int) *graph.Exchange) []*graph.Link {
			return []*graph.Link{maybe(d(0), u(0), u(1)), surely(d(1), u(0)), surely(d(2), u(1))}
		}, []string{"1.0>0.0", "2.0>1.0"}},
		{"the rival is a client", func(c *Crossing, d, u func(int) *graph.Exchange) []*graph.Link {
			return []*graph.Link{maybe(d(0), u(0), d(1)), surely(d(2), u(0))}
		}, []string{"2.0>0.0"}},
		{"the client's exchange has one", func(c *Crossing, d, u func(int) *graph.Exchange) []*graph.Link {
			return []*graph.Link{maybe(d(0), u(0), u(1)), surely(d(0), u(2))}
		}, []string{"0.0>2.0"}},
		{"whole legs, of which exchanges are tied", func(c *Crossing, d, u func(int) *graph.Exchange) []*graph.Link {
			return []*graph.Link{legs(d(0), u(0)), legs(d(1), u(1)), legs(d(2), u(2)), surely(d(0), u(1))}
		}, []string{"?2>2", "0.0>1.0"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := between([]made{at(clientLeg(0)), at(clientLeg(1)), at(clientLeg(2))}, []made{at(proxyLeg(0)), at(proxyLeg(1)), at(proxyLeg(2))})
			d := func(i int) *graph.Exchange { return &c.Down[i].Exchanges[0] }
			u := func(i int) *graph.Exchange { return &c.Up[i].Exchanges[0] }
			for _, l := range tt.make(c, d, u) {
				c.Add(l)
			}
			c.Reconsider()
			if got := told(c.Links); !slices.Equal(got, tt.want) {
				t.Errorf("links %v, want %v", got, tt.want)
			}
			for _, l := range c.Links {
				if l.Ambiguous && (l.Confidence > .5 || l.Confidence != 1/float64(max(len(l.Rivals), 1)+1)) {
					t.Errorf("link %+v", l)
				}
			}
		})
	}
}

func surely(d, u *graph.Exchange) *graph.Link {
	return &graph.Link{From: d.Leg, To: u.Leg, Down: d, Up: u, Attempt: 1}
}

func maybe(d, u *graph.Exchange, rivals ...*graph.Exchange) *graph.Link {
	l := surely(d, u)
	l.Ambiguous, l.Confidence = true, 1/float64(len(rivals)+1)
	for _, r := range rivals {
		l.Rivals = append(l.Rivals, graph.Rival{Leg: r.Leg, Ex: r})
	}
	return l
}

func legs(d, u *graph.Exchange) *graph.Link {
	return &graph.Link{From: d.Leg, To: u.Leg, Attempt: 1, Ambiguous: true, Confidence: .5}
}

// What is in doubt though nothing else fits names those that want the same, whether it
// is their guess or one of their rivals, and whole legs among whole legs alone.
func TestNameRivals(t *testing.T) {
	ds := []made{exchange(clientLeg(0), 0, 100*us), exchange(clientLeg(1), 0, 100*us), exchange(clientLeg(2), 0, 100*us)}
	us := []made{exchange(proxyLeg(0), 10*us, 90*us), exchange(proxyLeg(1), 10*us, 90*us)}
	c := between(ds, us)
	d, u := graph.ExchangesOf(c.Down), graph.ExchangesOf(c.Up)
	guess := func(d, u *graph.Exchange, rivals ...*graph.Exchange) {
		l := &graph.Link{From: d.Leg, To: u.Leg, Down: d, Up: u, Ambiguous: true}
		for _, r := range rivals {
			l.Rivals = append(l.Rivals, graph.Rival{Leg: r.Leg, Ex: r})
		}
		c.Links = append(c.Links, l)
	}
	whole := func(d, u *graph.Leg, sure bool) {
		c.Links = append(c.Links, &graph.Link{From: d, To: u, Ambiguous: !sure})
	}
	guess(d[0], u[0])
	guess(d[1], u[1], u[0])
	guess(d[2], u[1])
	whole(c.Down[0], c.Up[0], false)
	whole(c.Down[1], c.Up[0], false)
	whole(c.Down[2], c.Up[0], true)
	whole(c.Down[2], c.Up[1], false)
	c.NameRivals()
	want := []string{"?0.0>0.0|1.0", "?1.0>1.0|0.0", "?2.0>1.0|1.0", "?0>0|1", "?1>0|0", "2>0", "?2>1"}
	if got := told(c.Links); !slices.Equal(got, want) {
		t.Errorf("links %q, want %q", got, want)
	}
}
