package algebra

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/pcapmesh/pcapmesh/mesh/internal/decide/crossing"
	"github.com/pcapmesh/pcapmesh/mesh/internal/decide/graph"
	"github.com/pcapmesh/pcapmesh/mesh/internal/decide/odds"
	"github.com/pcapmesh/pcapmesh/mesh/internal/index"
)

// lasting returns an item of a hidden exchange that goes on from one time to another.
func lasting(from, to int64) item {
	e := hide(exchange(clientLeg(0), 100, from, 200, to-10*us))
	return newItem(e)
}

// overlapping counts the pairs of which one was going on when the other began, one by
// one.
func overlapping(a *algebra) (pairs [][2]int32) {
	for d := range a.down {
		for u := range a.up {
			if a.down[d].begin() <= a.up[u].ex.KnownBy()+index.Causality && a.down[d].over() >= a.up[u].begin()-index.Causality {
				pairs = append(pairs, [2]int32{int32(d), int32(u)})
			}
		}
	}
	return pairs
}

// Swept and counted are the pairs that overlap, whatever the order of the items.
func TestSweep(t *testing.T) {
	r := rand.New(rand.NewPCG(31, 32))
	for round := range 50 {
		a := new(algebra)
		for range r.IntN(30) {
			at := r.Int64N(2000) * us
			a.down = append(a.down, lasting(at, at+20*us+r.Int64N(500)*us))
		}
		for range r.IntN(30) {
			at := r.Int64N(2000) * us
			a.up = append(a.up, lasting(at, at+20*us+r.Int64N(500)*us))
		}
		a.byBegin()
		var got [][2]int32
		a.sweep(1, func(d, u int32) { got = append(got, [2]int32{d, u}) })
		slices.SortFunc(got, func(x, y [2]int32) int { return slices.Compare(x[:], y[:]) })
		want := overlapping(a)
		if !slices.Equal(got, want) || a.pairs() != int64(len(want)) {
			t.Errorf("round %d: %d pairs swept, %d counted, want %d", round, len(got), a.pairs(), len(want))
		}
	}
}

// A pair overlaps by Causality at either end.
func TestSweepBounds(t *testing.T) {
	const c = index.Causality
	for _, tt := range []struct {
		name     string
		from, to int64 // of the upstream item; the other one goes from 1000 to 2000 µs
		want     int
	}{
		{"within", 1100 * us, 1500 * us, 1},
		{"as early as may be", 1000*us - c, 1500 * us, 1},
		{"too early", 1000*us - c - 1, 1500 * us, 0},
		{"as late as may be", 2000*us + c, 3000 * us, 1},
		{"too late", 2000*us + c + 1, 3000 * us, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			a := &algebra{down: []item{lasting(1000*us, 2000*us)}, up: []item{lasting(tt.from, tt.to)}}
			a.byBegin()
			n := 0
			a.sweep(1, func(_, _ int32) { n++ })
			if n != tt.want || a.pairs() != int64(tt.want) {
				t.Errorf("%d swept and %d counted, want %d", n, a.pairs(), tt.want)
			}
		})
	}
}

// Of every nth upstream item, in the order of time, all are swept.
func TestSweepSome(t *testing.T) {
	a := new(algebra)
	for i := range int64(7) {
		a.down, a.up = append(a.down, lasting(0, 900*us)), append(a.up, lasting((7-i)*us, 900*us))
	}
	a.byBegin()
	for _, tt := range []struct {
		nth  int
		want []int32
	}{{1, []int32{6, 5, 4, 3, 2, 1, 0}}, {2, []int32{6, 4, 2, 0}}, {3, []int32{6, 3, 0}}, {7, []int32{6}}} {
		var ups []int32
		n := 0
		a.sweep(tt.nth, func(_, u int32) { ups = append(ups, u); n++ })
		if ups = slices.Compact(ups); !slices.Equal(ups, tt.want) || n != 7*len(tt.want) {
			t.Errorf("every %d: %v in %d pairs, want %v", tt.nth, ups, n, tt.want)
		}
	}
}

// From a sample what the proxy does is known, and with that what belongs together is
// found by length.
func TestSampleAndLookUp(t *testing.T) {
	w := play(7, worldOptions{n: 150, clients: 3, every: 300 * us})
	for i := 3; i < 150; i += 9 {
		w.down[i].Outline.Resp = nil
	}
	a := new(algebra)
	a.fill(w.down, w.up)
	a.byBegin()
	common := a.sample(3)
	for client := range int64(3) {
		for _, resp := range []int64{700, 703} {
			if x := [2]int64{1200 + 17*client, resp}; !slices.Contains(common[:min(len(common), 8)], x) {
				t.Errorf("%v is not among the commonest of %v", x, common)
			}
		}
	}
	for _, x := range common {
		if x[0] == odds.UnknownShift || x[1] == odds.UnknownShift {
			t.Errorf("%v is common", x)
		}
	}
	if len(common) > 1000 {
		t.Errorf("%d differences are common", len(common))
	}
	a.lookUp(common)
	found := a.edges()
	for i := range int32(150) {
		if !slices.Contains(found, [2]int32{i, i}) {
			t.Errorf("exchange %d is not compared with its own", i)
		}
	}
	sorted := slices.Clone(found)
	slices.SortFunc(sorted, func(x, y [2]int32) int { return slices.Compare(x[:], y[:]) })
	if len(slices.Compact(sorted)) != len(found) {
		t.Errorf("of %d pairs some were compared twice", len(found))
	}
	a.solve()
	right := 0
	for i := range int32(150) {
		if a.probability(i, i) >= Believed {
			right++
		}
	}
	if right < 140 {
		t.Errorf("%d of 150 are believed", right)
	}
}

// Of those that look alike the latest that began before are compared, as far as they
// were going on.
func TestLookUp(t *testing.T) {
	const k = MaxLookAlikes
	crowd := func(n int, make func(i int) *graph.Exchange) (es []*graph.Exchange) {
		for i := range n {
			es = append(es, make(i))
		}
		return es
	}
	known := func(i int) *graph.Exchange { return hide(exchange(clientLeg(i), 150, int64(i)*us, 250, 9000*us)) }
	vague := func(i int) *graph.Exchange {
		e := known(i)
		e.Outline.Resp = nil
		return e
	}
	ended := func(i int) *graph.Exchange {
		e := known(i)
		moveTo(e.Resp, 0, 500*us)
		return e
	}
	up := exchange(proxyLeg(0), 100, 1000*us, 200, 2000*us)
	unasked := exchange(proxyLeg(0), 100, 1000*us, 200, 2000*us)
	unasked.Req.Flags = 0
	open := exchange(proxyLeg(0), 100, 1000*us, 200, 2000*us)
	open.Resp.Flags = 0
	for _, tt := range []struct {
		name        string
		down        []*graph.Exchange
		up          *graph.Exchange
		common      [][2]int64
		first, last int32 // of those compared; -1 = none
	}{
		{"by the difference", crowd(5, known), up, [][2]int64{{50, 50}}, 0, 4},
		{"by another", crowd(5, known), up, [][2]int64{{50, 51}, {51, 50}}, -1, -1},
		{"by one of several", crowd(5, known), up, [][2]int64{{1, 2}, {50, 50}, {3, 4}}, 0, 4},
		{"as many as are compared", crowd(k, known), up, [][2]int64{{50, 50}}, 0, k - 1},
		{"more of them", crowd(k+3, known), up, [][2]int64{{50, 50}}, 3, k + 2},
		{"of unknown length", crowd(crossing.MaxPairs, vague), up, nil, 0, crossing.MaxPairs - 1},
		{"more of unknown length", crowd(crossing.MaxPairs+2, vague), up, nil, 2, crossing.MaxPairs + 1},
		{"to one of unknown length", crowd(k+1, known), open, nil, 1, k},
		{"to one of whose request the length is unknown", crowd(k+1, known), unasked, nil, 1, k},
		{"that were over", crowd(5, ended), up, [][2]int64{{50, 50}}, -1, -1},
		{"that began later", crowd(1100, known)[1040:], up, [][2]int64{{50, 50}}, 0, 10},
	} {
		t.Run(tt.name, func(t *testing.T) {
			a := new(algebra)
			a.fill(tt.down, []*graph.Exchange{tt.up})
			a.byBegin()
			a.lookUp(tt.common)
			first, last := int32(-1), int32(-1)
			for _, e := range a.edges() {
				if first < 0 || e[0] < first {
					first = e[0]
				}
				last = max(last, e[0])
			}
			if first != tt.first || last != tt.last || first >= 0 && len(a.edges()) != int(last-first)+1 {
				t.Errorf("%d compared, from %d to %d; want from %d to %d", len(a.edges()), first, last, tt.first, tt.last)
			}
		})
	}
}

// One that is known and vague at once, and looked up by several lengths, is compared
// once.
func TestLookUpOnce(t *testing.T) {
	d := hide(exchange(clientLeg(0), 150, 0, 250, 9000*us))
	d.Outline.Req, d.Outline.Resp = append(d.Outline.Req, 160, 170), append(d.Outline.Resp, 260)
	v := hide(exchange(clientLeg(1), 150, 0, 250, 9000*us))
	v.Outline.Req = nil
	u := hide(exchange(proxyLeg(0), 100, 1000*us, 200, 2000*us))
	u.Outline.Req = append(u.Outline.Req, 110)
	o := hide(exchange(proxyLeg(0), 100, 1000*us, 200, 2000*us))
	o.Outline.Resp = nil
	a := new(algebra)
	a.fill([]*graph.Exchange{d, v}, []*graph.Exchange{u, o})
	a.byBegin()
	a.lookUp([][2]int64{{50, 50}, {60, 60}, {60, 50}})
	got := a.edges()
	slices.SortFunc(got, func(x, y [2]int32) int { return slices.Compare(x[:], y[:]) })
	if want := "[[0 0] [0 1] [1 0] [1 1]]"; fmt.Sprint(got) != want {
		t.Errorf("compared are %v, want %s", got, want)
	}
	c := a.catalogue()
	if len(c.vague) != 1 || c.vague[0] != 1 || len(c.byLength) != 6 || !slices.Equal(c.byLength[[2]int64{170, 260}], []int32{0}) {
		t.Errorf("catalogue %+v", c)
	}
}

// Only where too many go on at once they are looked up by length.
func TestManyPairs(t *testing.T) {
	for _, tt := range []struct {
		name       string
		downs, ups int
		all        bool
	}{{"as many as are compared", 1024, 1024, true}, {"more", 1025, 1024, false}} {
		t.Run(tt.name, func(t *testing.T) {
			var down, up []*graph.Exchange
			for i := range tt.downs {
				down = append(down, exchange(clientLeg(0), int64(100+i), int64(i), 200, 9000*us))
			}
			for i := range tt.ups {
				up = append(up, exchange(proxyLeg(0), int64(5000+17*i), int64(2000+i), 150, 8000*us))
			}
			hide(down[0]) // the others can be read, and are no candidates
			a := newAlgebra(down, up, false)
			if got := len(a.edges()) == tt.ups; got != tt.all {
				t.Errorf("%d of %d are compared, want all: %v", len(a.edges()), tt.ups, tt.all)
			}
		})
	}
}
