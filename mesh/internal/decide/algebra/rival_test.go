package algebra

import (
	"slices"
	"testing"

	"github.com/pcapmesh/pcapmesh/mesh/flow"
	"github.com/pcapmesh/pcapmesh/mesh/internal/decide/graph"
)

// What is left when all else is tied is taken: between two to which nothing else can
// belong, and where both sides have as many, whatever every way to pair them has.
func TestConclude(t *testing.T) {
	g := func(d, u int32, p float64) guess { return guess{d, u, p, plainShift, anyDelay} }
	odd := func(d, u int32, p float64) guess { return guess{d, u, p, [2]int64{40, 500}, anyDelay} }
	for _, tt := range []struct {
		name string
		n    int // items on either side
		gs   []guess
		make func(a *algebra, k *tier)
		want []int32
	}{
		{"alone with each other, of a length that nobody else has", 11, with(odd(0, 1, .995)), nil, []int32{1, -1, -1, -1}},
		{"less probable", 11, with(odd(0, 1, .98)), nil, []int32{-1, -1, -1, -1}},
		{"something else is possible", 11, with(odd(0, 1, .995), odd(0, 2, 1e-9)), nil, []int32{-1, -1, -1, -1}},
		{"another may want it", 11, with(odd(0, 1, .995), odd(2, 1, 1e-9)), nil, []int32{-1, -1, -1, -1}},
		{"packets are missing", 11, with(odd(0, 1, .995)), func(a *algebra, _ *tier) { a.holes = true }, []int32{-1, -1, -1, -1}},
		{"streams of HTTP/2", 11, with(odd(0, 1, .995)), func(a *algebra, _ *tier) { a.multiplexed = true }, []int32{-1, -1, -1, -1}},
		{"whole connections, which keep their length", 11, with(odd(0, 1, .995)), func(_ *algebra, k *tier) { k.whole = true }, []int32{-1, -1, -1, -1}},
		{"every matching has it", 4, []guess{g(0, 0, .5), g(0, 1, .5), g(1, 1, .6), g(2, 2, .5), g(2, 3, .5), g(3, 2, .5), g(3, 3, .5)}, nil, []int32{0, 1, -1, -1}},
		{"not as many on both sides", 4, []guess{g(0, 0, .5), g(0, 1, .5), g(1, 1, .6), g(2, 2, .5), g(2, 3, .5), g(3, 2, .5), g(3, 3, .5)},
			func(a *algebra, _ *tier) { a.up = append(a.up, a.up[0]) }, []int32{-1, -1, -1, -1}},
		{"one has no counterpart", 4, []guess{g(0, 0, .5), g(0, 1, .5), g(1, 1, .6), g(2, 3, .5), g(3, 3, .5)}, nil, []int32{-1, -1, -1, -1}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			a := guessed(tt.n, tt.n, tt.gs...)
			k := &tier{a: a, link: exchangeLink, least: Believed}
			if tt.make != nil {
				tt.make(a, k)
			}
			for _, l := range k.links() {
				if d := slices.IndexFunc(a.down, func(it item) bool { return it.ex == l.Down }); d < 4 && l.Ambiguous != (tt.want[d] < 0) {
					t.Errorf("%d: %+v", d, l)
				} else if d < 4 && !l.Ambiguous && (l.Confidence < graph.SureByTime || l.Confidence > ordersAgree || l.Proven) {
					t.Errorf("%d: confidence %v, proven %v", d, l.Confidence, l.Proven)
				}
			}
			if got := k.sureOf(); !slices.Equal(got, tt.want) {
				t.Errorf("certain are %v, want %v", got, tt.want)
			}
		})
	}
}

// Of streams, heads that hardly are any are named by their leg alone.
func TestRivalsOfStreams(t *testing.T) {
	g := func(d, u int32, p float64) guess { return guess{d, u, p, plainShift, anyDelay} }
	a := guessed(40, 40, with(g(0, 1, .9), g(2, 1, 1e-4), g(3, 1, 1e-6))...)
	a.multiplexed = true
	k := &tier{a: a, link: exchangeLink, least: Believed}
	k.links()
	l := k.doubtful(0)
	if l == nil || len(l.Rivals) != 1 || l.Rivals[0] != (graph.Rival{Leg: a.down[2].ex.Leg}) {
		t.Errorf("%+v", l)
	}
}

// The legs are certain where the doubt is between exchanges of them alone.
func TestSureLegs(t *testing.T) {
	g := func(d, u int32, p float64) guess { return guess{d, u, p, plainShift, anyDelay} }
	for _, tt := range []struct {
		name   string
		gs     []guess
		make   func(a *algebra, k *tier)
		want   float64
		caused bool
	}{
		{"two of one server's leg", with(g(0, 1, .6), g(0, 2, .395)), func(a *algebra, _ *tier) { a.up[2].ex.Leg = a.up[1].ex.Leg }, Believed, false},
		{"of two legs", with(g(0, 1, .6), g(0, 2, .395)), nil, 0, false},
		{"a third elsewhere", with(g(0, 1, .6), g(0, 2, .395), g(0, 3, .002)), func(a *algebra, _ *tier) { a.up[2].ex.Leg = a.up[1].ex.Leg }, 0, false},
		{"not probable", with(g(0, 1, .6), g(0, 2, .38)), func(a *algebra, _ *tier) { a.up[2].ex.Leg = a.up[1].ex.Leg }, 0, false},
		{"two of one client's leg", with(g(0, 1, .6), g(2, 1, .395)), func(a *algebra, _ *tier) { a.down[2].ex.Leg = a.down[0].ex.Leg }, Believed, true},
		{"two streams of one client's leg", with(g(0, 1, .6), g(2, 1, .395)), func(a *algebra, _ *tier) {
			a.multiplexed, a.down[2].ex.Leg = true, a.down[0].ex.Leg
		}, Believed, true},
		{"and behind the proxy are streams too", with(g(0, 1, .6), g(2, 1, .395)), func(a *algebra, _ *tier) {
			a.multiplexed, a.down[2].ex.Leg, a.up[1].ex.Leg.Protocol = true, a.down[0].ex.Leg, flow.ProtocolHTTP2
		}, 0, false},
		{"whole connections", with(g(0, 1, .6), g(0, 2, .395)), func(a *algebra, k *tier) { a.up[2].ex.Leg, k.whole = a.up[1].ex.Leg, true }, 0, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			a := guessed(40, 40, tt.gs...)
			k := &tier{a: a, link: exchangeLink, least: Believed}
			if tt.make != nil {
				tt.make(a, k)
			}
			if l := k.links()[0]; l.Down != a.down[0].ex || !l.Ambiguous || l.Legs != tt.want || l.Caused != tt.caused {
				t.Errorf("%+v, want legs certain by %v, caused %v", l, tt.want, tt.caused)
			}
		})
	}
}
