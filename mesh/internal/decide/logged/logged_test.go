package logged

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pcapmesh/pcapmesh/capture"
	"github.com/pcapmesh/pcapmesh/internal/test/pcap"
	"github.com/pcapmesh/pcapmesh/mesh/flow"
	"github.com/pcapmesh/pcapmesh/mesh/internal/decide/graph"
	"github.com/pcapmesh/pcapmesh/mesh/record"
)

// A joined is a world, and what its log ties.
type joined struct {
	name      string
	make      func(w *world)
	then      func(w *world) // once the world was read
	links     []string
	limits    []string
	conflicts []string
	told      []string // which line tells of what
}

func (tc *joined) run(t *testing.T, format string) {
	t.Run(tc.name, func(t *testing.T) {
		w := new(world)
		tc.make(w)
		w.read(t, format)
		if tc.then != nil {
			tc.then(w)
		}
		Join(w.c)
		for _, part := range []struct {
			name      string
			want, got []string
		}{{"links", tc.links, w.links()}, {"limits", tc.limits, w.limits()}, {"conflicts", tc.conflicts, w.conflicts()}, {"lines", tc.told, w.told()}} {
			if diff := cmp.Diff(part.want, part.got); diff != "" {
				t.Errorf("%s, -want +got:\n%s", part.name, diff)
			}
		}
		w.checkNotes(t)
	})
}

// checkNotes looks whether what is tied is noted for the passes to come.
func (w *world) checkNotes(t *testing.T) {
	t.Helper()
	for _, l := range w.c.Links {
		for _, e := range [2]*graph.Exchange{l.Down, l.Up} {
			if e != nil && (!w.c.Taken[e] || l.Up != nil && w.c.ByLog[e] != l) {
				t.Errorf("%s is tied by a line, and taken %v, tied by %p, want %p", w.exchange(nil, e), w.c.Taken[e], w.c.ByLog[e], l)
			}
		}
		if len(l.Evidence) != 1 || l.Evidence[0].Kind != flow.AccessLog || !l.Proven || l.Ambiguous || l.Confidence != graph.SureProven {
			t.Errorf("link %+v, want a proven one by a line", l)
		}
	}
	if w.c.Taken[nil] || w.c.ByLog[nil] != nil {
		t.Error("no exchange is taken")
	}
}

// A line ties the exchanges of the legs that it names, by their order and times.
func TestJoin(t *testing.T) {
	two := func(w *world) (d0, d1, u0, u1 *wire) { return w.down(0), w.down(0), w.up(0), w.up(0) }
	one := func(w *world) { w.through(w.down(0), w.up(0), call{at: 1, end: 5}); w.log(of(0, 0, 1, 4)) }
	for _, tc := range []joined{
		{name: "no log", make: func(w *world) { w.through(w.down(0), w.up(0), call{at: 1, end: 5}) }},
		{name: "one exchange", make: one, links: []string{"d0/0 > u0/0"}, told: []string{"d0/0: 1"}},
		{name: "of another crossing", make: one, then: func(w *world) { w.c.Down = nil }},
		{name: "behind another crossing", make: one, then: func(w *world) { w.c.Up = nil }},
		{name: "the client's exchange has a link", make: one, then: func(w *world) { w.c.Taken[&w.leg("d0").Exchanges[0]] = true }},
		{name: "the exchange behind has a link", make: one, then: func(w *world) { w.c.Taken[&w.leg("u0").Exchanges[0]] = true }},
		{name: "at once, alike", make: func(w *world) {
			d0, d1, u0, u1 := two(w)
			w.through(d0, u1, call{at: 10, end: 20})
			w.through(d1, u0, call{at: 10, end: 20})
			w.log(of(0, 1, 10, 10), of(1, 0, 10, 10))
		}, links: []string{"d0/0 > u1/0", "d1/0 > u0/0"}, told: []string{"d0/0: 1", "d1/0: 2"}},
		{name: "a pool", make: func(w *world) {
			d0, d1, u0, _ := two(w)
			w.through(d0, u0, call{at: 10, end: 20})
			w.through(d1, u0, call{at: 30, end: 40})
			w.through(d0, u0, call{at: 50, end: 60})
			w.log(of(0, 0, 10, 10), of(1, 0, 30, 10), of(0, 0, 50, 10))
		}, links: []string{"d0/0 > u0/0", "d1/0 > u0/1", "d0/1 > u0/2"}, told: []string{"d0/0: 1", "d0/1: 3", "d1/0: 2"}},
		{name: "only the client's leg is named", make: func(w *world) {
			w.through(w.down(0), w.up(0), call{at: 1, end: 5})
			l := of(0, 0, 1, 4)
			l.proxy, l.host = "", ""
			w.log(l)
		}, told: []string{"d0/0: 1"}},
		{name: "the leg behind was not captured", make: func(w *world) {
			w.through(w.down(0), w.up(0), call{at: 1, end: 5})
			w.log(of(0, 7, 1, 4))
		}, told: []string{"d0/0: 1"}},
		{name: "only the client's leg is named, and which exchange is not known", make: func(w *world) {
			d, u := w.down(0), w.up(0)
			w.through(d, u, call{at: 10, end: 15})
			w.through(d, u, call{at: 20, end: 25})
			l := of(0, 0, 15, 5)
			l.proxy, l.host = "", ""
			w.log(l)
		}},
		{name: "a line of an exchange that was not captured", make: func(w *world) {
			d, u := w.down(0), w.up(0)
			w.through(d, u, call{at: 10, end: 20})
			w.through(d, u, call{at: 1500, end: 1510})
			w.log(of(0, 0, 10, 10), of(0, 0, 700, 10), of(0, 0, 1500, 10))
		}, links: []string{"d0/0 > u0/0", "d0/1 > u0/1"}, told: []string{"d0/0: 1", "d0/1: 3"}},
		{name: "connections of the same ends", make: func(w *world) {
			for at := range 2 {
				d, u := w.down(float64(at*1000)), w.up(float64(at*1000))
				w.through(d, u, call{at: float64(at*1000) + 10, end: float64(at*1000) + 20})
				w.do(float64(at*1000)+30, d.Close)
				w.do(float64(at*1000)+30, u.Close)
				if at == 0 {
					w.ends = [2]int{}
				}
			}
			w.log(of(0, 0, 10, 10), of(0, 0, 1010, 10))
		}, links: []string{"d0/0 > u0/0", "d0/0 > u0/0"}, told: []string{"d0/0: 1", "d0/0: 2"}},
		{name: "lines of two files", make: func(w *world) {
			d, u := w.down(0), w.up(0)
			w.through(d, u, call{at: 10, end: 20})
			w.through(d, u, call{at: 1500, end: 1510})
			w.log(of(0, 0, 1500, 10))
			w.log(of(0, 0, 10, 10))
		}, links: []string{"d0/1 > u0/1", "d0/0 > u0/0"}, told: []string{"d0/0: 1", "d0/1: 1"}},
		{name: "the first lines and the last exchange are missing", make: func(w *world) {
			d, u := w.down(0), w.up(0)
			for i := range 4 {
				w.through(d, u, call{at: float64(100 * i), end: float64(100*i + 10)})
			}
			w.log(of(0, 0, 100, 10), of(0, 0, 200, 10), of(0, 0, 300, 10), of(0, 0, 400, 10))
		}},
		{name: "the same in a pool", make: func(w *world) {
			d0, d1, u, _ := two(w)
			for i := range 8 {
				w.through([2]*wire{d0, d1}[i%2], u, call{at: float64(100 * i), end: float64(100*i + 10)})
			}
			var lines []line
			for i := 1; i <= 8; i++ {
				lines = append(lines, of(i%2, 0, float64(100*i), 10))
			}
			w.log(lines...)
		}},
	} {
		tc.run(t, logFormat)
	}
}

// Streams of HTTP/2 have no order; what the log leaves of the choice, it leaves to
// others.
func TestJoinStreams(t *testing.T) {
	for _, tc := range []joined{
		{name: "told apart by what was asked", make: func(w *world) {
			d, u0, u1 := w.down(0).mux(1), w.up(0), w.up(0)
			w.through(d, u0, call{at: 10, end: 20, target: "/a"})
			w.through(d, u1, call{at: 10, end: 20, target: "/b"})
			a, b := of(0, 0, 10, 10), of(0, 1, 10, 10)
			a.request, b.request = "GET /a", "GET /b"
			w.log(b, a)
		}, links: []string{"d0/1 > u1/0", "d0/0 > u0/0"}, told: []string{"d0/0: 2", "d0/1: 1"}},
		{name: "of the client, alike", make: func(w *world) {
			d, u0, u1 := w.down(0).mux(1), w.up(0), w.up(0)
			w.through(d, u0, call{at: 10, end: 20})
			w.through(d, u1, call{at: 10, end: 20})
			w.log(of(0, 0, 10, 10), of(0, 1, 10, 10))
		}, limits: []string{"u0/0: d0/0 d0/1", "u1/0: d0/1 d0/0"}},
		{name: "behind the proxy, alike", make: func(w *world) {
			d0, d1, u := w.down(0), w.down(0), w.up(0).mux(1)
			w.through(d0, u, call{at: 10, end: 20})
			w.through(d1, u, call{at: 10, end: 20})
			w.log(of(0, 0, 10, 10), of(1, 0, 10, 10))
		}, limits: []string{"d0/0: u0/0 u0/1", "d1/0: u0/1 u0/0"}},
		{name: "on both sides, alike", make: func(w *world) {
			d, u := w.down(0).mux(1), w.up(0).mux(1)
			w.through(d, u, call{at: 10, end: 20})
			w.through(d, u, call{at: 10, end: 20})
			w.log(of(0, 0, 10, 10), of(0, 0, 10, 10), of(0, 0, 10, 10))
		}},
		{name: "on both sides, alike, as many as lines", make: func(w *world) {
			d, u := w.down(0).mux(1), w.up(0).mux(1)
			w.through(d, u, call{at: 10, end: 20})
			w.through(d, u, call{at: 10, end: 20})
			w.do(40, d.Close)
			w.log(of(0, 0, 10, 10), of(0, 0, 10, 9))
		}, limits: []string{"d0/0: u0/0 u0/1", "d0/1: u0/0 u0/1", "u0/0: d0/0 d0/1", "u0/1: d0/0 d0/1"}},
		{name: "on both sides, by ids", make: func(w *world) {
			d, u := w.down(0).mux(1), w.up(0).mux(1)
			for _, id := range []string{"one", "two"} {
				w.through(d, u, call{at: 10, end: 20, fields: []string{"x-request-id: " + id}})
			}
			a, b := of(0, 0, 10, 10), of(0, 0, 10, 10)
			a.id, b.id = "two", "one"
			w.log(a, b)
		}, links: []string{"d0/1 > u0/1", "d0/0 > u0/0"}, told: []string{"d0/0: 2", "d0/1: 1"}},
	} {
		tc.run(t, logFormat)
	}
}

// Where what the proxy made of an exchange is not there, and packets of the leg are
// missing that the line names, it went over that leg.
func TestJoinMissing(t *testing.T) {
	lost := func(w *world) { w.tr.Lose(1) }
	all := []string{"d0/0: 1", "d0/1: 2", "d0/2: 3"}
	for _, tc := range []struct {
		name            string
		sealed          bool         // the client cannot be read
		second          bool         // the proxy sends the second exchange on
		asked, answered func(*world) // when the second is asked behind, and answered
		want, told      []string
	}{
		{"request and response", false, true, lost, lost, []string{"d0/0 > u0/0", "d0/1 > u0", "d0/2 > u0/1"}, all},
		{"of a client that cannot be read", true, true, lost, lost, []string{"d0/0 > u0/0", "d0/1 > u0", "d0/2 > u0/1"}, all},
		{"the request", false, true, lost, func(*world) {}, []string{"d0/0 > u0/0", "d0/1 > u0/1", "d0/2 > u0/2"}, all},
		{"nothing", false, false, func(*world) {}, func(*world) {}, []string{"d0/0 > u0/0", "d0/2 > u0/1"}, []string{"d0/0: 1", "d0/2: 3"}},
	} {
		(&joined{name: tc.name, make: func(w *world) {
			d, u := w.down(0), w.up(0)
			if tc.sealed {
				d.seal(1, pcap.TLSConfig{})
			}
			var lines []line
			for i := range 3 {
				at := float64(100*i + 10)
				k := call{at: at, end: at + 10, target: fmt.Sprint("/", i)}
				if i != 1 || tc.second {
					w.through(d, u, k)
				} else {
					d.say(k)
				}
				l := of(0, 0, at, 10)
				l.request = "GET " + k.target
				lines = append(lines, l)
			}
			w.do(111.5, func() { tc.asked(w) })
			w.do(119.5, func() { tc.answered(w) })
			w.log(lines...)
		}, links: tc.want, told: tc.told}).run(t, logFormat)
	}
}

// Exchanges that only turns tell apart are placed if there are as many as lines, and
// nothing is missing; else the line ties the leg.
func TestJoinSealed(t *testing.T) {
	tls := pcap.TLSConfig{}
	h2 := pcap.TLSConfig{ALPN: []string{"h2"}}
	three := func(w *world, d, u *wire) {
		for i := range 3 {
			w.through(d, u, call{at: float64(100*i + 10), end: float64(100*i + 20)})
		}
	}
	lines := []line{of(0, 0, 10, 10), of(0, 0, 110, 10), of(0, 0, 210, 10)}
	for _, tc := range []joined{
		{name: "behind the proxy", make: func(w *world) {
			three(w, w.down(0), w.up(0).seal(1, tls))
			w.log(lines...)
		}, links: []string{"d0/0 > u0/0", "d0/1 > u0/1", "d0/2 > u0/2"}, told: []string{"d0/0: 1", "d0/1: 2", "d0/2: 3"}},
		{name: "before the proxy", make: func(w *world) {
			three(w, w.down(0).seal(1, tls), w.up(0))
			w.log(lines...)
		}, links: []string{"d0/0 > u0/0", "d0/1 > u0/1", "d0/2 > u0/2"}, told: []string{"d0/0: 1", "d0/1: 2", "d0/2: 3"}},
		{name: "on both sides", make: func(w *world) {
			three(w, w.down(0).seal(1, tls), w.up(0).seal(1, tls))
			w.log(lines...)
		}, links: []string{"d0/0 > u0/0", "d0/1 > u0/1", "d0/2 > u0/2"}, told: []string{"d0/0: 1", "d0/1: 2", "d0/2: 3"}},
		{name: "a line less than turns", make: func(w *world) {
			three(w, w.down(0), w.up(0).seal(1, tls))
			w.log(lines[:2]...)
		}, links: []string{"d0/0 > u0", "d0/1 > u0"}, told: []string{"d0/0: 1", "d0/1: 2"}},
		{name: "a line less than turns, on both sides", make: func(w *world) {
			three(w, w.down(0).seal(1, tls), w.up(0).seal(1, tls))
			w.log(lines[:2]...)
		}, links: []string{"d0 > u0"}},
		{name: "packets are missing", make: func(w *world) {
			three(w, w.down(0), w.up(0).seal(1, tls))
			w.do(111.5, func() { w.tr.Lose(1) }) // the second request behind
			w.log(lines...)
		}, links: []string{"d0/0 > u0", "d0/1 > u0", "d0/2 > u0"}, told: []string{"d0/0: 1", "d0/1: 2", "d0/2: 3"}},
		{name: "lines in another order", make: func(w *world) {
			three(w, w.down(0), w.up(0).seal(1, tls))
			w.log(lines[1], lines[0], lines[2])
		}, links: []string{"d0/1 > u0", "d0/0 > u0", "d0/2 > u0"}, told: []string{"d0/0: 2", "d0/1: 1", "d0/2: 3"}},
		{name: "streams behind the proxy", make: func(w *world) {
			three(w, w.down(0), w.up(0).seal(1, h2))
			w.log(lines...)
		}, links: []string{"d0/0 > u0", "d0/1 > u0", "d0/2 > u0"}, told: []string{"d0/0: 1", "d0/1: 2", "d0/2: 3"}},
		{name: "streams before the proxy", make: func(w *world) {
			three(w, w.down(0).seal(1, h2), w.up(0))
			w.log(lines...)
		}, links: []string{"d0 > u0/0", "d0 > u0/1", "d0 > u0/2"}, told: []string{"u0/0: 1", "u0/1: 2", "u0/2: 3"}},
		{name: "streams of which nothing is known", make: func(w *world) {
			d, u := w.down(0), w.up(0)
			d.mux(1)
			d.say(call{at: 10, end: 20})
			u.mux(1)
			w.log(of(0, 0, 10, 10))
		}, links: []string{"d0/0 > u0"}, told: []string{"d0/0: 1"}},
		{name: "turns of one line are one exchange", make: func(w *world) {
			d, u := w.down(0), w.up(0).seal(1, tls)
			d.say(call{at: 10, end: 40})
			u.say(call{at: 12, end: 20, sent: "head and the first of the body"})
			u.say(call{at: 25, end: 38})
			w.through(d, u, call{at: 110, end: 120})
			w.log(of(0, 0, 10, 30), of(0, 0, 110, 10))
		}, links: []string{"d0/0 > u0/0", "d0/1 > u0/1"}, told: []string{"d0/0: 1", "d0/1: 2"}},
		{name: "turns of one line that ask as much are attempts", make: func(w *world) {
			d, u := w.down(0), w.up(0).seal(1, tls)
			d.say(call{at: 10, end: 40})
			u.say(call{at: 12, end: 20})
			u.say(call{at: 25, end: 38})
			w.through(d, u, call{at: 110, end: 120})
			w.log(of(0, 0, 10, 30), of(0, 0, 110, 10))
		}, links: []string{"d0/0 > u0/1", "d0/1 > u0/2"}, told: []string{"d0/0: 1", "d0/1: 2"}},
		{name: "a turn at another time than the exchange", make: func(w *world) {
			d, u := w.down(0), w.up(0).seal(1, tls)
			d.say(call{at: 10, end: 20})
			u.say(call{at: 60, end: 70})
			w.log(of(0, 0, 10, 60))
		}, links: []string{"d0/0 > u0"}, told: []string{"d0/0: 1"}},
	} {
		tc.run(t, logFormat)
	}
}

// A leg of HTTP/2 under TLS that stands for one of its streams is left out of what
// turns tell.
func TestJoinSealedStreamsBusy(t *testing.T) {
	for _, tc := range []struct {
		name         string
		down, up     string // ALPN; "" = no TLS
		downs, upsOf bool
	}{
		{"none", "", "", false, false},
		{"streams behind", "", "h2", false, true},
		{"streams before", "h2", "", true, false},
		{"turns behind, one too many", "", "http/1.1", false, false},
		{"streams on both sides", "istio-h2", "h2", true, true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			w := new(world)
			d, u := w.down(0), w.up(0)
			if tc.down != "" {
				d.seal(1, pcap.TLSConfig{ALPN: []string{tc.down}})
			}
			if tc.up != "" {
				u.seal(1, pcap.TLSConfig{ALPN: []string{tc.up}})
			}
			w.through(d, u, call{at: 10, end: 20})
			w.through(d, u, call{at: 110, end: 120})
			w.log(of(0, 0, 10, 10))
			w.read(t, logFormat)
			Join(w.c)
			if got := w.c.Busy[w.leg("d0")]; got != tc.downs {
				t.Errorf("the client's leg is busy: %v, want %v", got, tc.downs)
			}
			if got := w.c.Busy[w.leg("u0")]; got != tc.upsOf {
				t.Errorf("the leg behind is busy: %v, want %v", got, tc.upsOf)
			}
		})
	}
}

// The evidence of a tie is the line, and the packets that show both sides: of the
// exchanges, or where these are not known the first of the legs.
func TestEvidence(t *testing.T) {
	for _, tc := range []struct {
		name         string
		sealed       pcap.TLSConfig
		down, up     bool // the leg is TLS of streams
		first, other func(l *graph.Leg) capture.Ref
	}{
		{"exchanges", pcap.TLSConfig{}, false, false, request, request},
		{"the leg behind", pcap.TLSConfig{ALPN: []string{"h2"}}, false, true, request, begun},
		{"the client's leg", pcap.TLSConfig{ALPN: []string{"h2"}}, true, false, begun, request},
	} {
		t.Run(tc.name, func(t *testing.T) {
			w := new(world)
			d, u := w.down(0), w.up(0)
			if tc.down {
				d.seal(1, tc.sealed)
			}
			if tc.up {
				u.seal(1, tc.sealed)
			}
			w.through(d, u, call{at: 10, end: 20})
			w.log(line{client: "192.0.2.1:9"}, of(0, 0, 10, 10))
			w.read(t, logFormat)
			Join(w.c)
			if len(w.c.Links) != 1 {
				t.Fatalf("links %v, want one", w.links())
			}
			source := record.Source{Kind: record.AccessLog, File: w.c.Records.Files[0].Name, Line: 2}
			want := []flow.Evidence{{Kind: flow.AccessLog, Source: source,
				Detail:  fmt.Sprintf("%s line 2: %s → %s, then %s → %s", source.File, clientEnd(0), service, proxyEnd(0), server),
				Packets: []capture.Ref{tc.first(w.leg("d0")), tc.other(w.leg("u0"))}}}
			if diff := cmp.Diff(want, w.c.Links[0].Evidence); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

// request and begun are the packets that show an exchange, and a leg.
func request(l *graph.Leg) capture.Ref { return l.Exchanges[0].Ref() }
func begun(l *graph.Leg) capture.Ref   { return l.Conn.First }
