package algebra

import (
	"fmt"
	"testing"

	"github.com/pcapmesh/pcapmesh/mesh/internal/decide/graph"
	"github.com/pcapmesh/pcapmesh/mesh/internal/decide/odds"
	"github.com/pcapmesh/pcapmesh/mesh/internal/index"
)

// turnsAt returns turns that begin every millisecond and take half of one.
func turnsAt(n int) (turns []graph.Exchange) {
	for i := range int64(n) {
		turns = append(turns, *hide(exchange(clientLeg(0), 100, i*1000*us, 200, i*1000*us+490*us)))
		turns[i].No = int(i)
	}
	return turns
}

// A run encloses an exchange if it begins before it and ends after it; the exchange
// encloses a run likewise. Both up to Causality.
func TestEnclosing(t *testing.T) {
	const c = index.Causality
	for _, tt := range []struct {
		name     string
		bounds   func(*item, []graph.Exchange) (int, int, bool)
		from, to int64 // of the exchange
		want     string
	}{
		{"from the first turn to the third", enclosing, 100 * us, 2400 * us, "0 3 true"},
		{"as early as may be", enclosing, 1000*us - c, 2400 * us, "1 3 true"},
		{"too early", enclosing, 1000*us - c - 1, 2400 * us, "0 3 true"},
		{"before the first", enclosing, -c - 1, 2400 * us, "-1 3 false"},
		{"as late as may be", enclosing, 100 * us, 2500*us + c, "0 3 true"},
		{"too late", enclosing, 100 * us, 2500*us + c + 1, "0 4 true"},
		{"to the end", enclosing, 100 * us, 4500*us + c, "0 5 true"},
		{"after the end", enclosing, 100 * us, 4500*us + c + 1, "0 6 false"},
		{"one turn", enclosing, 2100 * us, 2400 * us, "2 3 true"},
		{"between turns", enclosing, 2600 * us, 2700 * us, "2 4 true"},
		{"not to its end", enclosing, 100 * us, noTime, "0 0 false"},
		{"of the second and the third", enclosed, 900 * us, 2600 * us, "1 3 true"},
		{"of those that begin as early as may be", enclosed, 1000*us + c, 2600 * us, "1 3 true"},
		{"of those after one that begins too early", enclosed, 1000*us + c + 1, 2600 * us, "2 3 true"},
		{"of those that end as late as may be", enclosed, 900 * us, 2500*us - c, "1 3 true"},
		{"of those before one that ends too late", enclosed, 900 * us, 2500*us - c - 1, "1 2 true"},
		{"of all", enclosed, 0, 9000 * us, "0 5 true"},
		{"of none", enclosed, 1600 * us, 1900 * us, "2 2 false"},
		{"within a turn", enclosed, 1100 * us, 1300 * us, "2 1 false"},
		{"of one not to its end", enclosed, 0, noTime, "0 0 false"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			from, to, ok := tt.bounds(&item{reqAt: tt.from, respTo: tt.to}, turnsAt(5))
			if got := fmt.Sprint(from, to, ok); got != tt.want {
				t.Errorf("run %s, want %s", got, tt.want)
			}
		})
	}
}

// Both differences must be common, from a fiftieth on.
func TestCommon(t *testing.T) {
	gs := backed(0, 49, plainShift)
	for _, tt := range []struct {
		name  string
		shift [2]int64
		want  bool
	}{
		{"both are", plainShift, true},
		{"the request's is not", [2]int64{500, 50}, false},
		{"the response's is not", [2]int64{40, 500}, false},
		{"the request's is not known", [2]int64{odds.UnknownShift, 50}, false},
		{"the response's is not known", [2]int64{40, odds.UnknownShift}, false},
	} {
		a := guessed(60, 60, append(gs, guess{50, 50, 0, tt.shift, anyDelay})...)
		if got := a.common(a.strand(49)); got != tt.want {
			t.Errorf("%s: common %v, want %v", tt.name, got, tt.want)
		}
	}
	for _, tt := range []struct {
		n    int // others
		want bool
	}{{44, true}, {60, false}} {
		a := guessed(80, 80, append(backed(0, int32(tt.n), plainShift), guess{70, 70, 1, [2]int64{41, 50}, anyDelay}, guess{71, 71, 0, [2]int64{41, 50}, anyDelay})...)
		if got := a.common(a.strand(int32(tt.n) + 1)); got != tt.want {
			t.Errorf("one of %d: common %v, want %v", tt.n+1, got, tt.want)
		}
	}
}

// An item is explained by a strand that is believed, or that is imaginable with common
// lengths.
func TestExplained(t *testing.T) {
	rare := [2]int64{40, 500}
	for _, tt := range []struct {
		name  string
		p     float64
		shift [2]int64
		want  bool
	}{
		{"believed", Believed, plainShift, true},
		{"believed, nearly as others", Believed, [2]int64{40, 57}, true},
		{"less, nearly as others", .98, [2]int64{40, 57}, false},
		{"believed, as nobody else", 1, rare, false},
		{"imaginable", imaginable, plainShift, true},
		{"not imaginable", imaginable / 2, plainShift, false},
		{"imaginable, as nobody else", .5, rare, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			a := guessed(60, 60, append([]guess{{3, 5, tt.p, tt.shift, anyDelay}}, backed(10, 40, plainShift)...)...)
			downs := a.explained(60, func(s strand) int32 { return s.D })
			ups := a.explained(60, func(s strand) int32 { return s.U })
			if downs[3] != tt.want || ups[5] != tt.want || downs[5] || ups[3] || !downs[10] || !ups[49] || downs[50] {
				t.Errorf("explained %v and %v, want %v", downs[3], ups[5], tt.want)
			}
			var left []int
			a.unexplained(a.up, func(s strand) int32 { return s.U }, func(it *item) {
				for i := range a.up {
					if it == &a.up[i] {
						left = append(left, i)
					}
				}
			})
			if got := len(left) == 19; got != tt.want || len(left) < 19 {
				t.Errorf("%d are unexplained", len(left))
			}
		})
	}
}

// Runs are looked for to what can be read, and has known lengths and times.
func TestUnexplained(t *testing.T) {
	for _, tt := range []struct {
		name string
		make func(*item)
		want int
	}{
		{"all known", func(*item) {}, 1},
		{"hidden", func(it *item) { hide(it.ex) }, 0},
		{"a request in doubt", func(it *item) { it.req = append(it.req, 1) }, 0},
		{"a response in doubt", func(it *item) { it.resp = append(it.resp, 1) }, 0},
		{"no request", func(it *item) { it.req = nil }, 0},
		{"no response", func(it *item) { it.resp = nil }, 0},
		{"no time", func(it *item) { it.reqAt = noTime }, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			a := guessed(1, 1)
			tt.make(&a.up[0])
			n := 0
			a.unexplained(a.up, func(s strand) int32 { return s.U }, func(*item) { n++ })
			if n != tt.want {
				t.Errorf("%d, want %d", n, tt.want)
			}
		})
	}
}

// streamed returns two legs: turns of a hidden one, and the exchanges on the other side
// of the proxy, of which the one with the given number is several turns. Lengths and
// delays are those of TestSolve.
func streamed(n, long, parts int, up bool) (hidden, readable *graph.Leg) {
	hidden, readable = clientLeg(0), proxyLeg(0)
	if up {
		hidden, readable = proxyLeg(0), clientLeg(0)
	}
	readable.Exchanges = make([]graph.Exchange, 0, n)
	sign := int64(1) // the outer exchange is the client's
	if up {
		sign = -1
	}
	at := int64(0)
	for i := range n {
		k, begin := 1, at
		if i == long {
			k = parts
		}
		req, resp := int64(310+7*i%60), int64(400+31*i%500)
		for p := range int64(k) {
			q, r := (req+1200)/int64(k), (resp+700)/int64(k)
			if p == 0 {
				q, r = q+(req+1200)%int64(k), r+(resp+700)%int64(k)
			}
			e := hide(exchange(hidden, q, at, r, at+400*us))
			e.No = len(hidden.Hidden)
			hidden.Hidden = append(hidden.Hidden, *e)
			at += 600 * us
		}
		end := at - 600*us + 410*us
		u := exchange(readable, req, begin+sign*60*us, resp, begin+400*us-sign*60*us)
		moveTo(u.Req, begin+sign*60*us, at-600*us+10*us+sign*60*us)
		moveTo(u.Resp, begin+400*us-sign*60*us, end-sign*60*us)
		u.No = i
		readable.Exchanges = append(readable.Exchanges, *u)
		at += 3000 * us
	}
	return hidden, readable
}

// Turns that together are as long as an exchange on the other side, at the same time,
// are one exchange.
func TestSegment(t *testing.T) {
	for _, tt := range []struct {
		name  string
		n     int
		long  int // exchange of several turns; -1 = none
		parts int
		up    bool
		want  int // turns that are left
	}{
		{"none", 30, -1, 1, false, 30},
		{"two turns", 30, 10, 2, false, 30},
		{"four turns", 30, 10, 4, false, 30},
		{"the first", 30, 0, 3, false, 30},
		{"the last", 30, 29, 3, false, 30},
		{"behind the proxy", 30, 10, 3, true, 30},
	} {
		t.Run(tt.name, func(t *testing.T) {
			hidden, readable := streamed(tt.n, tt.long, tt.parts, tt.up)
			down, up := hidden, readable
			if tt.up {
				down, up = readable, hidden
			}
			list := func(l *graph.Leg) (es []*graph.Exchange) {
				of := l.Exchanges
				if l == hidden {
					of = l.Hidden
				}
				for i := range of {
					es = append(es, &of[i])
				}
				return es
			}
			a := newAlgebra(list(down), list(up), false)
			a.solve()
			if got := a.segment([]*graph.Leg{down}, []*graph.Leg{up}); got != (tt.long >= 0) {
				t.Errorf("there are runs: %v", got)
			}
			if len(hidden.Hidden) != tt.want {
				t.Fatalf("%d turns are left, want %d", len(hidden.Hidden), tt.want)
			}
			for i := range hidden.Hidden {
				h := hidden.Hidden[i].Outline
				if want := [2]int64{readable.Exchanges[i].Req.End + 1200, readable.Exchanges[i].Resp.End + 700}; h.Req[0] != want[0] || h.Resp[0] != want[1] {
					t.Errorf("turn %d has %v and %v bytes, want %v", i, h.Req, h.Resp, want)
				}
			}
			b := newAlgebra(list(down), list(up), false)
			b.solve()
			if b.segment([]*graph.Leg{down}, []*graph.Leg{up}) {
				t.Error("there are runs of runs")
			}
		})
	}
}
