package algebra

import (
	"slices"
	"testing"

	"github.com/pcapmesh/pcapmesh/mesh/internal/decide/graph"
	"github.com/pcapmesh/pcapmesh/mesh/internal/index/scan"
)

// requested returns an item whose request was seen at a time, of a leg if it is
// hidden.
func requested(l *graph.Leg, at int64) item {
	e := &graph.Exchange{Leg: proxyLeg(0)}
	if l != nil {
		e.Leg, e.Outline = l, new(graph.Outline)
	}
	return item{ex: e, reqAt: at}
}

// Two strands cross if who asks first downstream is the second upstream.
func TestCrosses(t *testing.T) {
	for _, tt := range []struct {
		name       string
		d, e, u, v int64 // requests of both strands, downstream and upstream
		want       int
	}{
		{"in order", 10, 20, 30, 40, -1},
		{"both the other way round", 20, 10, 40, 30, -1},
		{"crossed", 10, 20, 40, 30, 1},
		{"crossed the other way", 20, 10, 30, 40, 1},
		{"at once downstream", 10, 10, 30, 40, 0},
		{"at once upstream", 10, 20, 30, 30, 0},
		{"without the first", noTime, 20, 40, 30, 0},
		{"without the second", 10, noTime, 40, 30, 0},
		{"without the third", 10, 20, noTime, 30, 0},
		{"without the fourth", 10, 20, 40, noTime, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			l := clientLeg(0)
			a := &algebra{down: []item{requested(l, tt.d), requested(l, tt.e)}, up: []item{requested(nil, tt.u), requested(nil, tt.v)}}
			a.add(0, 0)
			a.add(1, 1)
			if got := a.crosses(a.strand(0), a.strand(1)); got != tt.want {
				t.Errorf("crosses: %d, want %d", got, tt.want)
			}
			if got := a.crosses(a.strand(1), a.strand(0)); got != tt.want {
				t.Errorf("the other way round it crosses: %d, want %d", got, tt.want)
			}
		})
	}
}

// Of requests in one packet of one leg, the bytes tell which came first.
func TestCrossesInOnePacket(t *testing.T) {
	asked := func(l *graph.Leg, hidden bool, start int64) item {
		e := &graph.Exchange{Leg: l, Req: &scan.Message{Start: start}}
		if hidden {
			e.Outline = new(graph.Outline)
		}
		return item{ex: e, reqAt: 7}
	}
	down, up, other := clientLeg(0), proxyLeg(0), proxyLeg(1)
	for _, tt := range []struct {
		name string
		d, e int64
		u, v item
		want int
	}{
		{"in order", 10, 20, asked(up, false, 5), asked(up, false, 6), -1},
		{"crossed", 10, 20, asked(up, false, 6), asked(up, false, 5), 1},
		{"to two servers at once", 10, 20, asked(up, false, 6), asked(other, false, 5), 0},
	} {
		a := &algebra{down: []item{asked(down, true, tt.d), asked(down, true, tt.e)}, up: []item{tt.u, tt.v}}
		a.add(0, 0)
		a.add(1, 1)
		if got := a.crosses(a.strand(0), a.strand(1)); got != tt.want {
			t.Errorf("%s: crosses %d, want %d", tt.name, got, tt.want)
		}
	}
}

func TestOrderliness(t *testing.T) {
	for _, tt := range []struct{ kept, crossed, want float64 }{{1, 1, 1}, {4, 1, .25}, {1, 4, 1}, {100, 50, .5}} {
		if got := (orderliness{tt.kept, tt.crossed}).ratio(); got != tt.want {
			t.Errorf("of %v kept and %v crossed the ratio is %v, want %v", tt.kept, tt.crossed, got, tt.want)
		}
	}
}

// heads returns turn algebra with so many hidden requests on each of some legs, one
// a microsecond after the other, and as many readable ones.
func heads(up bool, legs ...int) *algebra {
	a := &algebra{multiplexed: true}
	at := int64(0)
	for i, n := range legs {
		l := clientLeg(i)
		for range n {
			a.down, a.up = append(a.down, requested(l, at)), append(a.up, requested(nil, at+10*us))
			at += us
		}
	}
	if up {
		a.down, a.up = a.up, a.down
	}
	return a
}

// Neighbours are strands of heads on one leg that have at most four between them, as
// far as they are imaginable.
func TestNeighbours(t *testing.T) {
	for _, up := range []bool{false, true} {
		a := heads(up, 8, 2)
		for i := range int32(len(a.down)) {
			a.add(i, i)
			a.pairing.Edges[i].P = ofAccount
		}
		a.pairing.Edges[3].P = ofAccount / 2
		a.add(0, 1) // another one of the first
		a.pairing.Edges[10].P = .5
		if up {
			a.pairing.Edges[10].D, a.pairing.Edges[10].U = 1, 0
		}
		var got [][2]int32
		a.neighbours(func(s, t strand) {
			x, y := s.D, t.D
			if up {
				x, y = s.U, t.U
			}
			got = append(got, [2]int32{x, y})
		})
		want := [][2]int32{{0, 1}, {0, 1}, {0, 2}, {0, 2}, {0, 4}, {0, 4}, {0, 5}, {0, 5}, {0, 6}, {0, 6},
			{1, 2}, {1, 4}, {1, 5}, {1, 6}, {1, 7}, {2, 4}, {2, 5}, {2, 6}, {2, 7}, {4, 5}, {4, 6}, {4, 7}, {5, 6}, {5, 7}, {6, 7}, {8, 9}}
		slices.SortFunc(got, func(a, b [2]int32) int { return slices.Compare(a[:], b[:]) })
		if !slices.Equal(got, want) {
			t.Errorf("hidden upstream: %v: neighbours %v, want %v", up, got, want)
		}
	}
}

// How much less likely a strand is that crosses others is learned from those that are
// certain: as the ones that cross to the ones that do not, and one more of each.
func TestDisorder(t *testing.T) {
	for _, tt := range []struct {
		name    string
		certain int     // strands that are, in order
		crossed int     // pairs of others that are certain and cross
		p       float64 // of two strands in doubt that cross each other
		order   float64 // of each
	}{
		{"nothing is certain", 0, 0, .5, 1},
		{"two in order", 2, 0, 1e-6, 0.9999993068530592},
		{"four in order", 4, 0, 1, 1.0 / 7},
		{"four in order, one that crosses may be", 4, 0, .5, 0.3779644730092272},
		{"as many cross", 2, 1, 1, 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			legs := []int{max(tt.certain, 1), 2}
			for range tt.crossed {
				legs = append(legs, 2)
			}
			a := heads(false, legs...)
			link := func(d, u int32, p float64) {
				a.add(d, u)
				a.pairing.Edges[len(a.pairing.Edges)-1].P = p
			}
			for i := range int32(tt.certain) {
				link(i, i, Believed)
			}
			n := int32(legs[0])
			link(n, n+1, tt.p)
			link(n+1, n, tt.p)
			for k := range int32(tt.crossed) {
				m := n + 2 + 2*k
				link(m, m+1, Believed)
				link(m+1, m, Believed)
			}
			if tt.p == 1 {
				a.pairing.Edges[tt.certain].P = Believed - .01 // itself it teaches nothing
				a.pairing.Edges[tt.certain+1].P = 1
			}
			a.disorder()
			if got := a.facts[tt.certain].order; !near(got, tt.order) {
				t.Errorf("order weighs %v, want %v", got, tt.order)
			}
		})
	}
}

// Requests at one time cross nothing.
func TestDisorderAtOnce(t *testing.T) {
	a := heads(false, 4, 2)
	for i := range int32(4) {
		a.add(i, i)
		a.pairing.Edges[i].P = Believed
	}
	a.add(4, 5)
	a.add(5, 4)
	a.pairing.Edges[4].P, a.pairing.Edges[5].P = .5, .5
	a.up[4].reqAt = a.up[5].reqAt
	a.disorder()
	if got := [2]float64{a.facts[4].order, a.facts[5].order}; got != [2]float64{1, 1} {
		t.Errorf("order weighs %v, want 1", got)
	}
}
