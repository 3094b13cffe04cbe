package algebra

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/pcapmesh/pcapmesh/mesh/internal/decide/graph"
)

// A world is exchanges on both sides of a proxy that takes headers off: clients' are
// hidden, and those behind the proxy can be read. The exchanges of one number belong
// together.
type world struct {
	down, up []*graph.Exchange
}

// worldOptions says what a world is like.
type worldOptions struct {
	n       int     // exchanges
	clients int     // with a difference of lengths each
	every   int64   // mean time between requests
	hidden  bool    // those behind the proxy are hidden too
	alike   bool    // all are as long
	loss    float64 // share of exchanges that one side does not show
}

// play returns a world, in the order of requests.
func play(seed uint64, o worldOptions) *world {
	r := rand.New(rand.NewPCG(seed, 21))
	some := func(mean int64) int64 { return mean/4 + int64(r.ExpFloat64()*float64(mean)*3/4) }
	w, at := new(world), int64(0)
	for i := range o.n {
		at += some(o.every)
		client := i % o.clients
		req, resp := 300+r.Int64N(60), 200+r.Int64N(900)
		if o.alike {
			req, resp = 300, 500
		}
		asked := at + some(150*us)
		answered := asked + some(1000*us)
		told := answered + some(150*us)
		d := hide(exchange(clientLeg(client), req+1200+17*int64(client), at, resp+700+3*r.Int64N(2), told))
		u := exchange(proxyLeg(i%7), req, asked, resp, answered)
		if o.hidden {
			hide(u)
		}
		if r.Float64() >= o.loss {
			w.down = append(w.down, d)
		} else {
			w.down = append(w.down, nil)
		}
		if r.Float64() >= o.loss {
			w.up = append(w.up, u)
		} else {
			w.up = append(w.up, nil)
		}
	}
	return w
}

// shown lists the exchanges that are shown, and their numbers.
func shown(es []*graph.Exchange) (out []*graph.Exchange, number []int) {
	for i, e := range es {
		if e != nil {
			out, number = append(out, e), append(number, i)
		}
	}
	return out, number
}

// told is what is said of pairs of exchanges, by their numbers.
type told map[[2]int]float64

// solved compares both sides of a world, in another order if r is given.
func (w *world) solved(holes bool, r *rand.Rand) told {
	down, downNo := shown(w.down)
	up, upNo := shown(w.up)
	if r != nil {
		r.Shuffle(len(down), func(i, j int) { down[i], down[j], downNo[i], downNo[j] = down[j], down[i], downNo[j], downNo[i] })
		r.Shuffle(len(up), func(i, j int) { up[i], up[j], upNo[i], upNo[j] = up[j], up[i], upNo[j], upNo[i] })
	}
	a := newAlgebra(down, up, holes)
	a.solve()
	out := make(told)
	for _, e := range a.pairing.Edges {
		out[[2]int{downNo[e.D], upNo[e.U]}] = e.P
	}
	return out
}

// judge counts pairs that are said to belong together, and those of them that do not.
func (k told) judge() (right, wrong int) {
	for pair, p := range k {
		switch {
		case p < Believed:
		case pair[0] == pair[1]:
			right++
		default:
			wrong++
		}
	}
	return right, wrong
}

// From lengths that a proxy changes by nearly the same, which nobody tells, what
// belongs together is learned.
func TestSolve(t *testing.T) {
	for _, tt := range []struct {
		name  string
		o     worldOptions
		least float64 // share that is believed and right
	}{
		{"one after the other", worldOptions{n: 60, clients: 3, every: 5000 * us}, 1},
		{"some at once", worldOptions{n: 100, clients: 3, every: 400 * us}, 1},
		{"many at once", worldOptions{n: 120, clients: 3, every: 50 * us}, .85},
		{"hidden on both sides", worldOptions{n: 100, clients: 3, every: 400 * us, hidden: true}, 1},
		{"each a client of its own", worldOptions{n: 20, clients: 20, every: 400 * us}, .9},
		{"alike, one after the other", worldOptions{n: 60, clients: 1, every: 5000 * us, alike: true}, .95},
		{"alike, many at once", worldOptions{n: 60, clients: 1, every: 50 * us, alike: true}, 0},
		{"some missing", worldOptions{n: 150, clients: 3, every: 400 * us, loss: .05}, .85},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for seed := range uint64(3) {
				w := play(seed, tt.o)
				right, wrong := w.solved(tt.o.loss > 0, nil).judge()
				if float64(right) < tt.least*float64(tt.o.n) || wrong > 0 {
					t.Errorf("seed %d: %d of %d are right and %d wrong, at least %.0f %% right expected", seed, right, tt.o.n, wrong, 100*tt.least)
				}
			}
		})
	}
}

// changes lists the largest difference between what is said of pairs.
func changes(a, b told) (pair [2]int, most float64) {
	for k, p := range a {
		if d := math.Abs(p - b[k]); d > most {
			pair, most = k, d
		}
	}
	return pair, most
}

// The order of exchanges, the names of their ends, when it was and constants that all
// lengths have in common change nothing.
func TestSolveIsIndependent(t *testing.T) {
	each := func(w *world, do func(e *graph.Exchange)) {
		for _, es := range [][]*graph.Exchange{w.down, w.up} {
			for _, e := range es {
				if e != nil {
					do(e)
				}
			}
		}
	}
	for _, tt := range []struct {
		name  string
		other func(w *world)
		r     *rand.Rand
	}{
		{"order", func(*world) {}, rand.New(rand.NewPCG(1, 2))},
		{"names", func(w *world) {
			each(w, func(e *graph.Exchange) {
				l := *e.Leg.Leg
				ip := l.Orig.Src.Addr().As4()
				*e.Leg = *leg(fmt.Sprintf("198.51.%d.%d:%d", 255-ip[3], ip[3]^0x55, 65535-l.Orig.Src.Port()), "10.77.0.1:80")
			})
		}, nil},
		{"another year", func(w *world) {
			each(w, func(e *graph.Exchange) {
				const year = 365 * 24 * 3600 * 1e9
				moveTo(e.Req, beginsAt(e.Req)+year, endsAt(e.Req)+year)
				moveTo(e.Resp, beginsAt(e.Resp)+year, endsAt(e.Resp)+year)
			})
		}, nil},
		{"longer by the same on both sides", func(w *world) {
			each(w, func(e *graph.Exchange) {
				if h := e.Outline; h != nil {
					h.Req[0], h.Resp[0] = h.Req[0]+1000, h.Resp[0]+500
				}
				e.Req.End, e.Resp.End = e.Req.End+1000, e.Resp.End+500
			})
		}, nil},
	} {
		for _, o := range []worldOptions{{n: 80, clients: 3, every: 200 * us}, {n: 80, clients: 3, every: 200 * us, loss: .05}, {n: 40, clients: 1, every: 100 * us, alike: true}} {
			t.Run(fmt.Sprintf("%s %v", tt.name, o), func(t *testing.T) {
				want := play(4, o).solved(o.loss > 0, nil)
				w := play(4, o)
				tt.other(w)
				got := w.solved(o.loss > 0, tt.r)
				if pair, d := changes(want, got); d > 1e-9 || len(got) != len(want) {
					t.Errorf("%v has %v, and with another %s %v", pair, want[pair], tt.name, got[pair])
				}
			})
		}
	}
}

// What a proxy does to lengths need not be little: other constants do not matter to
// what is believed.
func TestSolveOtherConstants(t *testing.T) {
	for _, add := range []int64{-1000, 0, 300, 1500} {
		w := play(5, worldOptions{n: 100, clients: 3, every: 400 * us})
		for _, e := range w.down {
			e.Outline.Req[0] += add
			e.Outline.Resp[0] += add
		}
		if right, wrong := w.solved(false, nil).judge(); right < 98 || wrong > 0 {
			t.Errorf("with %+d bytes %d of 100 are right and %d wrong", add, right, wrong)
		}
	}
}

// How often exchanges are alone is learned where packets are missing, and else not.
func TestSolveAlone(t *testing.T) {
	for _, holes := range []bool{false, true} {
		w := play(6, worldOptions{n: 60, clients: 3, every: 400 * us, loss: .1})
		down, _ := shown(w.down)
		up, _ := shown(w.up)
		a := newAlgebra(down, up, holes)
		a.solve()
		often := a.pairing.Down[0] / math.Sqrt(max(a.downs[0], 1))
		if learned := !near(often, hardlyAlone); learned != holes || often < hardlyAlone || often > oftenAlone {
			t.Errorf("packets missing %v: %v are alone beforehand", holes, often)
		}
	}
}
