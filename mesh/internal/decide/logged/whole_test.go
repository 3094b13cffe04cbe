package logged

import (
	"strings"
	"testing"

	"github.com/pcapmesh/pcapmesh/capture"
	"github.com/pcapmesh/pcapmesh/internal/test/pcap"
	"github.com/pcapmesh/pcapmesh/mesh/internal/decide/graph"
)

// stream is a line of a connection between the n-th legs of both sides.
func stream(d, u int, at, took float64) line {
	l := of(d, u, at, took)
	l.request, l.status = "", 0
	return l
}

// A line of a connection ties two legs as a whole.
func TestJoinWhole(t *testing.T) {
	const hello, other = "hello, this is longer", "hullo, this is longer"
	tied, told := []string{"d0 > u0"}, []string{"d0: 1"}
	// pair is one connection on each side.
	pair := func(at float64, sent, carried string) func(w *world) {
		return func(w *world) {
			w.down(0).bytes(10, 20, sent, sent)
			w.up(at).bytes(11, 19, carried, carried)
			w.log(stream(0, 0, 0, 30))
		}
	}
	// twice is two connections with the same ends on each side, the second begun at a
	// time, and the line of one of them.
	twice := func(second float64, l line) func(w *world) {
		return func(w *world) {
			for _, at := range []float64{0, second} {
				w.ends = [2]int{}
				d, u := w.down(at).bytes(at+10, at+13, hello, hello), w.up(at+1).bytes(at+11, at+12, hello, hello)
				w.do(at+20, d.Close)
				w.do(at+20, u.Close)
			}
			w.log(l)
		}
	}
	for _, tc := range []joined{
		{name: "bytes", make: pair(1, hello, hello), links: tied, told: told},
		{name: "it was dialled early, for another", make: pair(-2, hello, hello), links: tied, told: told},
		{name: "it was dialled early, and never used", make: func(w *world) {
			w.down(0).bytes(10, 20, hello, hello)
			w.up(-2)
			w.log(stream(0, 0, 0, 30))
		}, conflicts: []string{"1 d0: behind the proxy it began 2.000 ms earlier than its cause"}},
		{name: "behind a handshake, and before an alert", make: func(w *world) {
			d := w.down(0).bytes(10, 20, hello, hello)
			w.do(21, d.Close)
			u := w.up(1).seal(2, pcap.TLSConfig{Mutual: true})
			u.say(call{at: 11, end: 19})
			w.do(22, func() { u.s.Close() })
			w.log(stream(0, 0, 0, 30))
		}, links: tied, told: told},
		{name: "the bytes differ", make: pair(1, hello, other), conflicts: []string{"1 d0: their contents differ"}},
		{name: "the bytes differ, and it was dialled early", make: pair(-2, hello, other), conflicts: []string{"1 d0: their contents differ"}},
		{name: "nothing was said behind the proxy", make: func(w *world) {
			w.down(0).bytes(10, 20, hello, hello)
			w.up(1)
			w.log(stream(0, 0, 0, 30))
		}, links: tied, told: told},
		{name: "nothing was said before the proxy", make: func(w *world) {
			w.do(30, w.down(0).Close)
			w.up(1).bytes(11, 19, hello, hello)
			w.log(stream(0, 0, 0, 30))
		}, conflicts: []string{"1 d0: what followed does not enclose in time what is behind the proxy"}},
		{name: "the client's leg has a link", make: pair(1, hello, hello), then: func(w *world) { w.c.Busy[w.leg("d0")] = true }},
		{name: "the leg behind has a link", make: pair(1, hello, hello), then: func(w *world) { w.c.Busy[w.leg("u0")] = true }},
		{name: "early, and the client's leg has a link", make: pair(-2, hello, hello), then: func(w *world) { w.c.Busy[w.leg("d0")] = true }},
		{name: "early, and the leg behind has a link", make: pair(-2, hello, hello), then: func(w *world) { w.c.Busy[w.leg("u0")] = true }},
		{name: "the leg behind was not captured", make: func(w *world) {
			w.down(0).bytes(10, 20, hello, hello)
			w.log(stream(0, 0, 0, 30))
		}, told: told},
		{name: "legs with exchanges", make: func(w *world) {
			w.through(w.down(0), w.up(0), call{at: 10, end: 20})
			w.log(stream(0, 0, 10, 10))
		}, links: tied, told: told},
		{name: "the first of two", make: twice(1000, stream(0, 0, 0, 20)), links: tied, told: told},
		{name: "the second of two", make: twice(1000, stream(0, 0, 1000, 20)), links: tied, told: told},
		{name: "one of two, no time", make: twice(1000, line{timeless: true, endless: true, client: clientEnd(0), dialled: service, proxy: proxyEnd(0), host: server})},
		{name: "one of two, between them", make: twice(1000, stream(0, 0, 500, 20))},
		{name: "one of two, and none behind was captured", make: twice(1000, stream(0, 5, 0, 20))},
		{name: "one of two, far apart, and none behind was captured", make: twice(10_000, stream(0, 5, 0, 20)), told: told},
	} {
		tc.run(t, logFormat)
	}
}

// Of two connections with the same ends it is known which is tied.
func TestJoinWholeWhich(t *testing.T) {
	for _, second := range []bool{false, true} {
		w := new(world)
		for _, at := range []float64{0, 1000} {
			w.ends = [2]int{}
			d, u := w.down(at).bytes(at+10, at+13, "a", "b"), w.up(at+1).bytes(at+11, at+12, "a", "b")
			w.do(at+20, d.Close)
			w.do(at+20, u.Close)
		}
		l := stream(0, 0, 0, 20)
		if second {
			l.at = 1000
		}
		w.log(l)
		w.read(t, logFormat)
		Join(w.c)
		if len(w.c.Links) != 1 {
			t.Fatalf("links %v, want one", w.links())
		}
		from, to := w.c.Links[0].From, w.c.Links[0].To
		if (int64(from.Start) >= ms(1000)) != second || (int64(to.Start) >= ms(1000)) != second {
			t.Errorf("second %v: tied is what began at %d and %d ns", second, int64(from.Start)-begin, int64(to.Start)-begin)
		}
	}
}

// In a format that does not tell, a line is of a connection if its legs have no
// exchanges, or carry one TLS connection.
func TestJoinSilent(t *testing.T) {
	tls := pcap.TLSConfig{}
	silent := func(d, u int) line {
		return line{at: 0, took: 100, client: clientEnd(d), dialled: service, proxy: proxyEnd(u), host: server}
	}
	// passed is TLS of the clients, of which the last goes through the leg behind.
	passed := func(clients int, l line) func(w *world) {
		return func(w *world) {
			var ds []*wire
			for range clients {
				ds = append(ds, w.down(0))
			}
			u, last := w.up(1), ds[clients-1]
			for _, d := range ds[:clients-1] {
				d.seal(2, tls)
				d.say(call{at: 10, end: 20})
			}
			w.relay(last, u, 2, func() { last.s = last.TLS(tls) })
			w.relay(last, u, 10, func() { last.s.Send(100) })
			w.relay(last, u, 20, func() { last.s.Reply(200) })
			w.log(l)
		}
	}
	for _, tc := range []joined{
		{name: "bytes", make: func(w *world) {
			w.down(0).bytes(10, 20, "hello", "hello")
			w.up(1).bytes(11, 19, "hello", "hello")
			w.log(silent(0, 0))
		}, links: []string{"d0 > u0"}, told: []string{"d0: 1"}},
		{name: "an exchange", make: func(w *world) {
			w.through(w.down(0), w.up(0), call{at: 10, end: 20})
			w.log(silent(0, 0))
		}, links: []string{"d0/0 > u0/0"}, told: []string{"d0/0: 1"}},
		{name: "TLS that the proxy ends", make: func(w *world) {
			w.through(w.down(0), w.up(0).seal(1, tls), call{at: 10, end: 20})
			w.log(silent(0, 0))
		}, links: []string{"d0/0 > u0/0"}, told: []string{"d0/0: 1"}},
		{name: "bytes before, TLS behind", make: func(w *world) {
			w.down(0).bytes(10, 20, "hello", "hello")
			w.up(0).seal(1, tls).say(call{at: 11, end: 19})
			w.log(silent(0, 0))
		}, links: []string{"d0 > u0"}, told: []string{"d0: 1"}},
		{name: "TLS before, bytes behind", make: func(w *world) {
			w.down(0).seal(1, tls).say(call{at: 10, end: 20})
			w.up(0).bytes(11, 19, "hello", "hello")
			w.log(silent(0, 0))
		}, links: []string{"d0 > u0"}, told: []string{"d0: 1"}},
		{name: "TLS that goes through", make: passed(1, silent(0, 0)), links: []string{"d0 > u0"}, told: []string{"d0: 1"}},
		{name: "TLS of another client", make: passed(2, stream(0, 0, 0, 100)), conflicts: []string{"1 d0: their contents differ"}},
		{name: "TLS of the client, another has some", make: passed(2, stream(1, 0, 0, 100)), links: []string{"d1 > u0"}, told: []string{"d1: 1"}},
		{name: "exchanges before, bytes behind", make: func(w *world) {
			w.down(0).say(call{at: 10, end: 20})
			w.up(1).bytes(11, 19, "hello", "hello")
			w.log(silent(0, 0))
		}, links: []string{"d0/0 > u0"}, told: []string{"d0/0: 1"}},
		{name: "no leg behind", make: func(w *world) {
			w.down(0).bytes(10, 20, "hello", "hello")
			w.log(silent(0, 3))
		}},
	} {
		tc.run(t, silentFormat)
	}
}

// Streams that cannot be read differ if another client's is what is behind, and that
// is long enough to be nobody else's.
func TestOthers(t *testing.T) {
	long := strings.Repeat("x", 20)
	for _, tc := range []struct {
		name       string
		own, other string
		carried    string
		sealed     [2]bool // neither leg can be read
		at         float64 // of the other client
		want       bool
	}{
		{"equal", long + "a", "", long + "a", [2]bool{false, false}, 0, false},
		{"different", long + "a", "", long + "b", [2]bool{false, false}, 0, true},
		{"different, one cannot be read", long + "a", "", long + "b", [2]bool{true, false}, 0, false},
		{"different, the other cannot be read", long + "a", "", long + "b", [2]bool{false, true}, 0, false},
		{"neither can be read, of nobody", long + "a", long + "c", long + "b", [2]bool{true, true}, 0, false},
		{"neither can be read, of the client", long + "a", long + "b", long + "a", [2]bool{true, true}, 0, false},
		{"neither can be read, of another client", long + "a", long + "b", long + "b", [2]bool{true, true}, 0, true},
		{"as short as may be", "a", "0123456789abcdef", "0123456789abcdef", [2]bool{true, true}, 0, true},
		{"too short", "a", "0123456789abcde", "0123456789abcde", [2]bool{true, true}, 0, false},
		{"of another client, at another time", long + "a", long + "b", long + "b", [2]bool{true, true}, 500, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			w := new(world)
			d, u := w.down(0).bytes(10, 20, tc.own, "ok"), w.up(0).bytes(11, 19, tc.carried, "ok")
			w.do(30, d.Close)
			w.do(30, u.Close)
			if tc.other != "" {
				o := w.down(tc.at).bytes(tc.at+10, tc.at+20, tc.other, "ok")
				w.do(tc.at+30, o.Close)
			}
			w.read(t, logFormat)
			w.c.Clients = w.c.ByContent(w.c.Down)
			for i, name := range []string{"d0", "u0"} {
				if tc.sealed[i] {
					w.leg(name).Protocol = "tls"
				}
			}
			if got := others(w.c, w.leg("d0"), w.leg("u0")); got != tc.want {
				t.Errorf("others %v, want %v", got, tc.want)
			}
		})
	}
}

// The pair is taken whose client's leg began when the line says, if no other began
// nearly then.
func TestNearestPair(t *testing.T) {
	leg := func(at float64) *graph.Leg {
		l := legFrom(clientEnd(0), service)
		l.Start = capture.Time(ms(at))
		return l
	}
	for _, tc := range []struct {
		name   string
		line   line
		starts []float64
		want   int // -1 = none
	}{
		{"no time", line{timeless: true}, []float64{10, 500}, -1},
		{"the first", line{at: 10}, []float64{10, 500}, 0},
		{"the second", line{at: 500}, []float64{10, 500}, 1},
		{"of three", line{at: 500}, []float64{10, 1000, 500}, 2},
		{"both are as near", line{at: 20}, []float64{10, 30}, -1},
		{"far enough, late", line{at: 12}, []float64{10, 19.000001}, 0}, // 1 ms against 4×1 + 2
		{"not far enough, late", line{at: 12}, []float64{10, 19}, -1},
		{"far enough, early", line{at: 17}, []float64{19, 9.999999}, 0},
		{"not far enough, early", line{at: 17}, []float64{19, 10}, -1},
		{"exact", line{at: 10}, []float64{10, 13.000001}, 0},
		{"exact, but for the other", line{at: 10}, []float64{10, 13}, -1},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var pairs [][2]*graph.Leg
			for _, at := range tc.starts {
				pairs = append(pairs, [2]*graph.Leg{leg(at), nil})
			}
			got := nearestPair(entry(t, tc.line).Line, pairs)
			if tc.want < 0 && got != nil || tc.want >= 0 && (len(got) != 1 || got[0] != pairs[tc.want]) {
				t.Errorf("pairs %v, want that of %d", got, tc.want)
			}
		})
	}
}
