package logged

import (
	"testing"

	"github.com/pcapmesh/pcapmesh/mesh/internal/index"
)

// A line may have the client's address from a header, and not its end; then what was
// asked at that time tells whose it is, if nothing else can be.
func TestInferClients(t *testing.T) {
	const slack = float64(index.Causality) / 1e6
	// whose is a line of the first leg behind the proxy, of a client's address.
	whose := func(client string) line {
		l := of(0, 0, 10, 10)
		l.client, l.dialled = client, ""
		return l
	}
	// both is two clients that ask at once, of which one goes to the leg behind.
	both := func(l line, first, second call) func(w *world) {
		return func(w *world) {
			first.at, first.end, second.at, second.end = 10, 20, 10, 20
			w.down(0).say(first)
			w.down(0).say(second)
			w.up(0).say(call{at: 11, end: 19, fields: second.fields, target: second.target})
			w.log(l)
		}
	}
	from := func(addrs string) call { return call{fields: []string{"x-forwarded-for: " + addrs}} }
	id := func(s string) call { return call{fields: []string{"x-request-id: " + s}} }
	lose := func(w *world, at float64) { w.do(at, func() { w.tr.Lose(1) }) }
	first, second := []string{"d0/0 > u0/0"}, []string{"d1/0 > u0/0"}
	of0, of1 := []string{"d0/0: 1"}, []string{"d1/0: 1"}
	open := []string{"u0/0: d1/0 d0/0"}
	for _, tc := range []joined{
		{name: "the only one", make: func(w *world) {
			w.through(w.down(0), w.up(0), call{at: 10, end: 20})
			w.log(whose("192.0.2.1:0"))
		}, links: first, told: of0},
		{name: "by its address", make: both(whose("10.0.0.2:0"), call{}, call{}), links: second, told: of1},
		{name: "by the address that was forwarded", make: both(whose("192.0.2.1:0"), from("192.0.2.2"), from("192.0.2.9, 192.0.2.1")), links: second, told: of1},
		{name: "by an address of neither", make: both(whose("192.0.2.1:0"), call{}, call{}), limits: open},
		{name: "by no address", make: both(whose(""), call{}, call{}), limits: open},
		{name: "by the address of both", make: both(whose("192.0.2.1:0"), from("192.0.2.1"), from("192.0.2.1")), limits: open},
		{name: "by what it asked", make: func() func(w *world) {
			l := whose("")
			l.request = "GET /b"
			return both(l, call{target: "/a"}, call{target: "/b"})
		}(), links: second, told: of1},
		{name: "by its id", make: func() func(w *world) {
			l := whose("")
			l.id = "two"
			return both(l, id("one"), id("two"))
		}(), links: second, told: of1},
		{name: "by what it dialled", make: func(w *world) {
			other := w.wire(downstream, clientEnd(0), "10.96.10.2:80")
			w.do(0, other.Handshake)
			other.say(call{at: 10, end: 20})
			w.down(0).say(call{at: 10, end: 20})
			w.up(0).say(call{at: 11, end: 19})
			l := whose("")
			l.dialled = "10.96.10.2:80"
			w.log(l)
		}, links: first, told: of0},
		{name: "nobody dialled that", make: func() func(w *world) {
			l := whose("")
			l.dialled = "10.96.10.3:80"
			return both(l, call{}, call{})
		}()},
		{name: "the other one has a link", make: both(whose(""), call{}, call{}), then: func(w *world) { w.c.Taken[&w.leg("d0").Exchanges[0]] = true },
			links: second, told: of1},
		{name: "what is behind has a link", make: both(whose("10.0.0.2:0"), call{}, call{}), then: func(w *world) { w.c.Taken[&w.leg("u0").Exchanges[0]] = true }},
		{name: "what is behind is not known", make: func(w *world) {
			w.down(0).say(call{at: 10, end: 30})
			u := w.up(0)
			u.say(call{at: 11, end: 14})
			u.say(call{at: 16, end: 19})
			l := whose("10.0.0.1:0")
			l.at, l.took = 12, 6
			w.log(l)
		}},
		{name: "packets of a client are missing", make: func(w *world) {
			both(whose("10.0.0.2:0"), call{}, call{})(w)
			lose(w, 10.5) // the second client's request
		}},
		{name: "packets of a client are missing at another time", make: func(w *world) {
			d := w.down(1000)
			d.say(call{at: 1010, end: 1020})
			lose(w, 1015)
			w.through(w.down(0), w.up(0), call{at: 10, end: 20})
			l := whose("")
			w.log(l)
		}, links: []string{"d1/0 > u0/0"}, told: []string{"d1/0: 1"}},
		{name: "packets of a client are missing, but the id says", make: func(w *world) {
			l := whose("")
			l.id = "one"
			w.down(0).say(call{at: 10, end: 20, fields: id("one").fields})
			other := w.down(0)
			other.say(call{at: 12, end: 20})
			lose(w, 12.5)
			w.up(0).say(call{at: 11, end: 19, fields: id("one").fields})
			w.log(l)
		}, links: first, told: of0},
		{name: "packets behind the proxy are missing", make: func(w *world) {
			w.down(0).say(call{at: 10, end: 20})
			u := w.up(0)
			u.say(call{at: 11, end: 19})
			lose(w, 11.5)
			w.log(whose("10.0.0.1:0"))
		}, links: first, told: of0},
		{name: "it asked just in time", make: func(w *world) {
			w.down(0).say(call{at: 11 + slack, end: 20})
			w.up(0).say(call{at: 11, end: 19})
			w.log(whose(""))
		}, links: first, told: of0},
		{name: "it asked too late", make: func(w *world) {
			w.down(0).say(call{at: 11.001 + slack, end: 20})
			w.up(0).say(call{at: 11, end: 19})
			w.log(whose(""))
		}},
		{name: "it was answered just in time", make: func(w *world) {
			w.down(0).say(call{at: 10, end: 11})
			w.up(0).say(call{at: 11 + slack, end: 11 + slack})
			w.log(whose(""))
		}, links: first, told: of0},
		{name: "one was never answered", make: func(w *world) {
			w.down(0).say(call{at: 5})
			w.up(0).say(call{at: 11, end: 19})
			w.log(whose(""))
		}, links: first, told: of0},
		{name: "others were over long before", make: func(w *world) {
			for i := range 3 {
				w.down(0).say(call{at: float64(i), end: float64(i) + 2})
			}
			w.down(0).say(call{at: 10, end: 20})
			w.up(0).say(call{at: 11, end: 19})
			w.log(whose(""))
		}, links: []string{"d3/0 > u0/0"}, told: []string{"d3/0: 1"}},
		{name: "one goes on since long before", make: func(w *world) {
			w.down(0).say(call{at: 1, end: 30, target: "/b"})
			for i := range 3 {
				w.down(0).say(call{at: float64(i) + 2, end: float64(i) + 4})
			}
			w.up(0).say(call{at: 11, end: 19})
			l := whose("")
			l.request = "GET /b"
			w.log(l)
		}, links: first, told: of0},
		{name: "it is named beside others that are not", make: func(w *world) {
			d, u := w.down(0), w.up(0)
			w.through(d, u, call{at: 10, end: 20})
			w.through(w.down(0), w.up(0), call{at: 110, end: 120})
			l := of(0, 1, 110, 10)
			l.client, l.dialled = "", ""
			w.log(of(0, 0, 10, 10), l)
		}, links: []string{"d0/0 > u0/0", "d1/0 > u1/0"}, told: []string{"d0/0: 1", "d1/0: 2"}},
	} {
		tc.run(t, logFormat)
	}
}
