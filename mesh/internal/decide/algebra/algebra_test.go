package algebra

import (
	"math"
	"reflect"
	"testing"

	"github.com/pcapmesh/pcapmesh/mesh/flow"
	"github.com/pcapmesh/pcapmesh/mesh/internal/decide/graph"
	"github.com/pcapmesh/pcapmesh/mesh/internal/decide/odds"
	"github.com/pcapmesh/pcapmesh/mesh/internal/decide/turn"
	"github.com/pcapmesh/pcapmesh/mesh/internal/index"
	"github.com/pcapmesh/pcapmesh/mesh/internal/index/scan"
)

// nested returns a hidden exchange and the one that it caused, which lies well within
// its time.
func nested() (down, up *graph.Exchange) {
	down = hide(&graph.Exchange{Leg: clientLeg(0), Req: spoken(100, 1000*us, 2000*us), Resp: spoken(200, 8000*us, 9000*us)})
	return down, &graph.Exchange{Leg: proxyLeg(0), Req: spoken(50, 3000*us, 4000*us), Resp: spoken(150, 5000*us, 6000*us)}
}

// An exchange may have been caused by another if it begins after it, and is answered
// before, up to Causality; at least one of them must be hidden.
func TestTry(t *testing.T) {
	const c = index.Causality
	move := func(m *scan.Message, begin, end int64) { moveTo(m, begin, end) }
	for _, tt := range []struct {
		name string
		make func(down, up *graph.Exchange, a *algebra)
		want bool
	}{
		{"within", func(_, _ *graph.Exchange, _ *algebra) {}, true},
		{"both can be read", func(d, _ *graph.Exchange, _ *algebra) { d.Outline = nil }, false},
		{"both are hidden", func(_, u *graph.Exchange, _ *algebra) { hide(u) }, true},
		{"the other is hidden", func(d, u *graph.Exchange, _ *algebra) { d.Outline = nil; hide(u) }, true},
		{"of another client", func(_, u *graph.Exchange, _ *algebra) { u.Leg.Kept = true }, false},
		{"a log says otherwise", func(d, u *graph.Exchange, a *algebra) {
			a.barred = func(e, f *graph.Exchange) bool { return e == d && f == u }
		}, false},
		{"a log does not", func(_, _ *graph.Exchange, a *algebra) {
			a.barred = func(*graph.Exchange, *graph.Exchange) bool { return false }
		}, true},
		{"asked as early as may be", func(_, u *graph.Exchange, _ *algebra) { move(u.Req, 1000*us-c, 4000*us) }, true},
		{"asked too early", func(_, u *graph.Exchange, _ *algebra) { move(u.Req, 1000*us-c-1, 4000*us) }, false},
		{"asked to the end as early as may be", func(_, u *graph.Exchange, _ *algebra) { move(u.Req, 1000*us, 2000*us-c) }, true},
		{"asked to the end too early", func(_, u *graph.Exchange, _ *algebra) { move(u.Req, 1000*us, 2000*us-c-1) }, false},
		{"answered as late as may be", func(_, u *graph.Exchange, _ *algebra) { move(u.Resp, 8000*us+c, 8500*us) }, true},
		{"answered too late", func(_, u *graph.Exchange, _ *algebra) { move(u.Resp, 8000*us+c+1, 8500*us) }, false},
		{"answered to the end as late as may be", func(_, u *graph.Exchange, _ *algebra) { move(u.Resp, 5000*us, 9000*us+c) }, true},
		{"answered to the end too late", func(_, u *graph.Exchange, _ *algebra) { move(u.Resp, 5000*us, 9000*us+c+1) }, false},
		{"asked perhaps earlier", func(d, u *graph.Exchange, _ *algebra) {
			d.Outline.ReqAt = []int64{1000 * us, 900 * us}
			move(u.Req, 900*us-c, 4000*us)
		}, true},
		{"and not that early", func(d, u *graph.Exchange, _ *algebra) {
			d.Outline.ReqAt = []int64{1000 * us, 900 * us}
			move(u.Req, 900*us-c-1, 4000*us)
		}, false},
		{"behind it asked perhaps later", func(d, u *graph.Exchange, _ *algebra) {
			hide(u).Outline.ReqAt = []int64{10 * us, 1000*us - c}
		}, true},
		{"and not that late", func(d, u *graph.Exchange, _ *algebra) {
			hide(u).Outline.ReqAt = []int64{10 * us, 1000*us - c - 1}
		}, false},
		{"answered perhaps later", func(d, u *graph.Exchange, _ *algebra) {
			d.Outline.RespAt = []int64{8000 * us, 8500 * us}
			move(u.Resp, 8500*us+c, 8600*us)
		}, true},
		{"behind it answered perhaps earlier", func(d, u *graph.Exchange, _ *algebra) {
			hide(u).Outline.RespAt = []int64{9000 * us, 8000*us + c}
		}, true},
		{"and not that early", func(d, u *graph.Exchange, _ *algebra) {
			hide(u).Outline.RespAt = []int64{9000 * us, 8000*us + c + 1}
		}, false},
		{"without its request, answered as early as may be", func(_, u *graph.Exchange, _ *algebra) { u.Req = nil; move(u.Resp, 1000*us-c, 2000*us) }, true},
		{"without its request, answered too early", func(_, u *graph.Exchange, _ *algebra) { u.Req = nil; move(u.Resp, 1000*us-c-1, 2000*us) }, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			d, u := nested()
			a := new(algebra)
			tt.make(d, u, a)
			a.fill([]*graph.Exchange{d}, []*graph.Exchange{u})
			a.try(0, 0)
			if got := len(a.pairing.Edges) == 1; got != tt.want {
				t.Errorf("may belong together: %v, want %v", got, tt.want)
			}
		})
	}
}

// A client is told by its address, a server by what was dialled and its name; what
// can be read is nobody's.
func TestPeerOf(t *testing.T) {
	server := func(dst, name string) *graph.Exchange {
		l := leg("10.1.0.1:50000", dst)
		l.Role, l.TLS.SNI = flow.RoleProxyServer, name
		return hide(&graph.Exchange{Leg: l})
	}
	client := func(src string) *graph.Exchange { return hide(&graph.Exchange{Leg: leg(src, "10.0.0.1:8443")}) }
	peers := make(map[string]int32)
	for _, tt := range []struct {
		name string
		ex   *graph.Exchange
		want int32
	}{
		{"a client", client("192.0.2.1:40000"), 1},
		{"another port of it", client("192.0.2.1:40001"), 1},
		{"another client", client("192.0.2.2:40000"), 2},
		{"one that can be read", &graph.Exchange{Leg: leg("192.0.2.3:1", "10.0.0.1:8443")}, 0},
		{"a server", server("10.2.0.1:443", "a"), 3},
		{"the same", server("10.2.0.1:443", "a"), 3},
		{"another name of it", server("10.2.0.1:443", "b"), 4},
		{"another port of it", server("10.2.0.1:444", "a"), 5},
		{"the first client again", client("192.0.2.1:7"), 1},
	} {
		if got := peerOf(peers, tt.ex); got != tt.want {
			t.Errorf("%s: peer %d, want %d", tt.name, got, tt.want)
		}
	}
}

// How likely it is that an item stays alone grows with its candidates, but for what
// may stay alone.
func TestAlone(t *testing.T) {
	for _, tt := range []struct {
		name     string
		make     func(*algebra)
		often    float64
		down, up []float64
	}{
		{"turns", func(*algebra) {}, .01, []float64{.02, .01, .01}, []float64{.01, .01 * math.Sqrt2, .01 * math.Sqrt2}},
		{"that may stay alone", func(a *algebra) { a.free = true }, .01, []float64{1, 1, 1}, []float64{.01, .01 * math.Sqrt2, .01 * math.Sqrt2}},
		{"streams, hardly ever", func(a *algebra) { a.free, a.multiplexed = true, true }, .01, []float64{1, 1, 1}, []float64{.02, .02, .02}},
		{"streams, often", func(a *algebra) { a.free, a.multiplexed = true, true }, .1, []float64{1, 1, 1}, []float64{.1, .1, .1}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			a := guessed(3, 3, guess{0, 0, .1, plainShift, anyDelay}, guess{0, 1, .1, plainShift, anyDelay}, guess{0, 2, .1, plainShift, anyDelay},
				guess{1, 1, .1, plainShift, anyDelay}, guess{0, 2, .1, plainShift, anyDelay})
			tt.make(a)
			a.alone(1)
			a.alone(tt.often)
			for i := range 3 {
				if !near(a.pairing.Down[i], tt.down[i]) || !near(a.pairing.Up[i], tt.up[i]) {
					t.Errorf("items %d weigh %v and %v, want %v and %v", i, a.pairing.Down[i], a.pairing.Up[i], tt.down[i], tt.up[i])
				}
			}
		})
	}
}

// How often items are alone is what the probabilities of their strands leave, on the
// side where that is less; between 0.01 and 0.3.
func TestLoneliness(t *testing.T) {
	g := func(d, u int32, p float64) guess { return guess{d, u, p, plainShift, anyDelay} }
	for _, tt := range []struct {
		name      string
		downs, up int
		free      bool
		gs        []guess
		want      float64
	}{
		{"nobody", 2, 2, false, []guess{g(0, 0, 1), g(1, 1, 1)}, seldomAlone},
		{"one of four", 4, 4, false, []guess{g(0, 0, 1), g(1, 1, 1), g(2, 2, .5), g(2, 3, .5)}, .25},
		{"less where there are fewer", 4, 3, false, []guess{g(0, 0, 1), g(1, 1, 1), g(2, 2, .4)}, .2},
		{"many", 4, 4, false, []guess{g(0, 0, 1)}, oftenAlone},
		{"more than one, by rounding", 2, 2, false, []guess{g(0, 0, 1), g(0, 1, .9), g(1, 0, .9)}, .05},
		{"of turns that may be alone none counts", 4, 4, true, []guess{g(0, 0, 1)}, seldomAlone},
		{"one on the other side", 2, 1, false, []guess{g(0, 0, 1)}, seldomAlone},
		{"none on the other side", 2, 0, false, nil, oftenAlone},
		{"nobody at all", 0, 0, false, nil, seldomAlone},
	} {
		t.Run(tt.name, func(t *testing.T) {
			a := guessed(tt.downs, tt.up, tt.gs...)
			a.free = tt.free
			if got := a.loneliness(); !near(got, tt.want) {
				t.Errorf("%v are alone, want %v", got, tt.want)
			}
		})
	}
	a := guessed(4, 4, g(0, 0, 1), g(1, 1, 1), g(2, 2, 1), g(3, 3, .2))
	a.free = true
	for i := range a.down {
		a.down[i].ex, a.up[i].ex = a.up[i].ex, a.down[i].ex // readable downstream
	}
	if got := a.loneliness(); !near(got, .2) {
		t.Errorf("of four that can be read %v are alone, want 0.2", got)
	}
}

// What strands show is counted by how probable they are, of strangers by the contrary;
// delays of new connections apart.
func TestLearn(t *testing.T) {
	a := guessed(2, 2)
	a.shifts[0].Exact, a.shifts[1].Exact = true, true
	a.down[0].peer, a.down[1].peer, a.up[1].fresh = 1, 2, true
	a.take(guess{0, 0, .75, [2]int64{40, 50}, [2]int64{100 * us, 200 * us}}, guess{1, 1, .25, [2]int64{40, odds.UnknownShift}, [2]int64{noTime, 300 * us}})
	if !a.shifts[0].Exact || !a.shifts[1].Exact {
		t.Error("learning forgets that bytes pass unchanged")
	}
	req, resp := odds.Shifts{Exact: true}, odds.Shifts{Exact: true}
	req.Add(1<<16, 40, .75)
	req.Add(2<<16, 40, .25)
	resp.Add(1<<16, 50, .75)
	var delays [2][2]odds.Delays // of requests and responses, on old and on new connections
	delays[0][0].Add(100*us, .75)
	delays[1][0].Add(200*us, .75)
	delays[1][1].Add(300*us, .25)
	differ := func() bool {
		a.learn()
		return !reflect.DeepEqual(a.shifts, [2]odds.Shifts{req, resp}) || !reflect.DeepEqual(a.delays, delays)
	}
	if a.multiplexed = true; differ() {
		t.Errorf("of streams %+v is learned, and %+v", a.shifts, a.delays)
	}
	req.AddOther(40, .25)
	req.AddOther(40, .75)
	resp.AddOther(50, .25)
	delays[0][0].AddOther(100*us, .25)
	delays[1][0].AddOther(200*us, .25)
	delays[1][1].AddOther(300*us, .75)
	if a.multiplexed = false; differ() {
		t.Errorf("of exchanges %+v is learned, and %+v", a.shifts, a.delays)
	}
	a.down[0].peer, a.up[0].peer = 3, 5
	if got := a.peer(a.strand(0)); got != 3<<16|5 {
		t.Errorf("peers 3 and 5 are %#x", got)
	}
}

// A strand is weighed by what was learned of both its messages, by the likeliest of
// the lengths and times that they may have.
func TestWeigh(t *testing.T) {
	for _, tt := range []struct {
		name  string
		make  func(down, up *item)
		shift [2]int64
		delay [2]int64
		want  func(a *algebra) float64
	}{
		{"one length each", nil, [2]int64{50, 50}, [2]int64{1000 * us, 1000 * us}, func(a *algebra) float64 {
			return a.shifts[0].Ratio(0, 50, nobody) * a.delays[0][0].Ratio(1000*us, nobody) * a.shifts[1].Ratio(0, 50, nobody) * a.delays[1][0].Ratio(1000*us, nobody)
		}},
		{"a new connection", func(_, up *item) { up.fresh = true }, [2]int64{50, 50}, [2]int64{1000 * us, 1000 * us}, func(a *algebra) float64 {
			return a.shifts[0].Ratio(0, 50, nobody) * a.delays[0][1].Ratio(1000*us, nobody) * a.shifts[1].Ratio(0, 50, nobody) * a.delays[1][1].Ratio(1000*us, nobody)
		}},
		{"a request of unknown length", func(down, _ *item) { down.req = nil }, [2]int64{odds.UnknownShift, 50}, [2]int64{1000 * us, 1000 * us}, func(a *algebra) float64 {
			return a.delays[0][0].Ratio(1000*us, nobody) * a.shifts[1].Ratio(0, 50, nobody) * a.delays[1][0].Ratio(1000*us, nobody)
		}},
		{"a response not seen", func(_, up *item) { up.resp, up.respAt = nil, noTime }, [2]int64{50, odds.UnknownShift}, [2]int64{1000 * us, noTime}, func(a *algebra) float64 {
			return a.shifts[0].Ratio(0, 50, nobody) * a.delays[0][0].Ratio(1000*us, nobody)
		}},
		{"the second length is likelier", func(down, _ *item) { down.req = scan.Sizes{700, 90} }, [2]int64{40, 50}, [2]int64{1000 * us, 1000 * us}, func(a *algebra) float64 {
			return a.shifts[0].Ratio(0, 40, nobody) * .1 * a.delays[0][0].Ratio(1000*us, nobody) * a.shifts[1].Ratio(0, 50, nobody) * a.delays[1][0].Ratio(1000*us, nobody)
		}},
		{"the first is", func(_, up *item) { up.req = scan.Sizes{60, 61} }, [2]int64{40, 50}, [2]int64{1000 * us, 1000 * us}, func(a *algebra) float64 {
			return a.shifts[0].Ratio(0, 40, nobody) * a.delays[0][0].Ratio(1000*us, nobody) * a.shifts[1].Ratio(0, 50, nobody) * a.delays[1][0].Ratio(1000*us, nobody)
		}},
		{"each with its time", func(down, up *item) {
			down.req, down.reqAts = scan.Sizes{700, 90}, []int64{1000 * us, 1900 * us}
			up.resp, up.respAts = scan.Sizes{900, 160}, []int64{8000 * us, 8900 * us}
		}, [2]int64{40, 40}, [2]int64{100 * us, 100 * us}, func(a *algebra) float64 {
			return a.shifts[0].Ratio(0, 40, nobody) * .1 * a.delays[0][0].Ratio(100*us, nobody) * a.shifts[1].Ratio(0, 40, nobody) * .1 * a.delays[1][0].Ratio(100*us, nobody)
		}},
		{"the effect before its cause, whatever the length", func(down, _ *item) { down.reqAt, down.req = 3000*us, append(down.req, 90) }, [2]int64{50, 50}, [2]int64{-1000 * us, 1000 * us}, func(*algebra) float64 { return 0 }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var gs []guess
			for i := range int32(20) {
				gs = append(gs, guess{i + 1, i + 1, 1, [2]int64{40, 40}, [2]int64{100 * us, 100 * us}}, guess{i + 1, i + 1, 1, [2]int64{50, 50}, [2]int64{1000 * us, 1000 * us}})
			}
			a := guessed(30, 30, gs...)
			if tt.make != nil {
				tt.make(&a.down[0], &a.up[0])
			}
			a.add(0, 0)
			s := a.strand(int32(len(a.facts) - 1))
			a.weighOne(s)
			if s.shift != tt.shift || s.delay != tt.delay || !near(s.Weight, tt.want(a)) {
				t.Errorf("differences %v, delays %v, weight %v; want %v, %v, %v", s.shift, s.delay, s.Weight, tt.shift, tt.delay, tt.want(a))
			}
			before := s.Weight
			s.base, s.order = .5, .25
			if a.weighOne(s); !near(s.Weight, before/8) {
				t.Errorf("with half and a quarter beforehand it weighs %v, want %v", s.Weight, before/8)
			}
		})
	}
}

// What a strand said itself is taken off before it is weighed.
func TestNobodyIsHisOwnWitness(t *testing.T) {
	alone := guessed(2, 2)
	alone.add(0, 0)
	alone.weighOne(alone.strand(0))
	heard := guessed(2, 2, guess{0, 0, .7, [2]int64{50, 50}, [2]int64{1000 * us, 1000 * us}})
	heard.shifts, heard.delays = [2]odds.Shifts{}, [2][2]odds.Delays{} // strangers are no witnesses
	for k := range heard.shifts {
		heard.shifts[k].Add(heard.peer(heard.strand(0)), 50, .7)
		heard.delays[k][0].Add(1000*us, .7)
	}
	heard.weighOne(heard.strand(0))
	if got, want := heard.pairing.Edges[0].Weight, alone.pairing.Edges[0].Weight; !near(got, want) {
		t.Errorf("who has seen only himself weighs %v, who has seen nothing %v", got, want)
	}
}

// A delay that is not known says nothing, one that is too short excludes.
func TestTook(t *testing.T) {
	a := guessed(1, 1, guess{0, 0, 1, noShift, [2]int64{100 * us, 300 * us}})
	said := &saying{p: 0}
	for _, tt := range []struct {
		name  string
		delay int64
		want  float64
	}{
		{"not known", noTime, 1},
		{"as short as may be", -index.Causality, a.delays[1][0].Ratio(-index.Causality, nobody)},
		{"too short", -index.Causality - 1, 0},
		{"usual", 300 * us, a.delays[1][0].Ratio(300*us, nobody)},
	} {
		if got := a.took(1, 0, said, tt.delay); got != tt.want {
			t.Errorf("%s: %v, want %v", tt.name, got, tt.want)
		}
	}
	own := &saying{p: 1, delay: [2]int64{noTime, 300 * us}}
	if got, want := a.took(1, 0, own, 300*us), a.delays[1][0].Ratio(300*us, odds.Witness{X: 300 * us, P: 1}); got != want {
		t.Errorf("without one's own word %v, want %v", got, want)
	}
}

// Everything that is compared: hidden exchanges of both sides, and those that can be
// read; which leg's streams they may be.
func TestFill(t *testing.T) {
	d, u := nested()
	m := new(turn.Multiplex)
	a := &algebra{streamsOf: map[*graph.Leg]*turn.Multiplex{u.Leg: m}}
	other := hide(exchange(leg("192.0.2.77:1", "10.0.0.1:8443"), 1, 0, 2, 3*us))
	a.fill([]*graph.Exchange{d, other}, []*graph.Exchange{hide(u)})
	if len(a.down) != 2 || len(a.up) != 1 || a.down[0].ex != d || a.up[0].ex != u {
		t.Fatalf("%d and %d items, want 2 and 1", len(a.down), len(a.up))
	}
	if a.down[0].peer != 1 || a.down[1].peer != 2 || a.up[0].peer != 3 || a.up[0].of != m || a.down[0].of != nil {
		t.Errorf("peers %d, %d and %d, want 1, 2, 3", a.down[0].peer, a.down[1].peer, a.up[0].peer)
	}
}
