package logged

import (
	"testing"

	"github.com/pcapmesh/pcapmesh/capture"
	"github.com/pcapmesh/pcapmesh/internal/test/pcap"
	"github.com/pcapmesh/pcapmesh/mesh/internal/decide/graph"
	"github.com/pcapmesh/pcapmesh/mesh/internal/index"
)

// A connection that was refused is an attempt of the exchange whose line tells of
// failures, if that is the only one that waited then.
func TestJoinFailures(t *testing.T) {
	failed := func(d int, at, took float64) line {
		l := of(d, 0, at, took)
		l.status, l.flags, l.proxy = 503, "UF,URX", ""
		return l
	}
	for _, tc := range []joined{
		{name: "refused", make: func(w *world) {
			w.down(0).say(call{at: 10, end: 20, status: 503})
			w.refuse(12)
			w.log(failed(0, 10, 10))
		}, links: []string{"d0/0 > u0"}, told: []string{"d0/0: 1"}},
		{name: "refused twice", make: func(w *world) {
			w.down(0).say(call{at: 10, end: 20, status: 503})
			w.refuse(12)
			w.refuse(14)
			w.log(failed(0, 10, 10))
		}, links: []string{"d0/0 > u0", "d0/0 > u1#2"}, told: []string{"d0/0: 1"}},
		{name: "refused, then accepted", make: func(w *world) {
			d := w.down(0)
			w.refuse(12)
			d.say(call{at: 10, end: 20})
			w.up(13).say(call{at: 14, end: 19})
			l := of(0, 1, 10, 10)
			l.attempts = 2
			w.log(l)
		}, links: []string{"d0/0 > u1/0"}, told: []string{"d0/0: 1"}},
		{name: "the line names the end that was refused", make: func(w *world) {
			w.down(0).say(call{at: 10, end: 20, status: 503})
			w.refuse(12)
			l := failed(0, 10, 10)
			l.proxy, l.flags = proxyEnd(0), ""
			w.log(l)
		}, links: []string{"d0/0 > u0"}, told: []string{"d0/0: 1"}},
		{name: "two wait", make: func(w *world) {
			w.down(0).say(call{at: 10, end: 20, status: 503})
			w.down(0).say(call{at: 10, end: 20, status: 503})
			w.refuse(12)
			w.log(failed(0, 10, 10), failed(1, 10, 10))
		}, told: []string{"d0/0: 1", "d1/0: 2"}},
		{name: "two wait, for two servers", make: func(w *world) {
			w.down(0).say(call{at: 10, end: 20, status: 503})
			w.down(0).say(call{at: 10, end: 20, status: 503})
			w.refuse(12)
			l := failed(0, 10, 10)
			l.host, l.flags = "10.0.9.2:8080", "UF"
			w.log(l, failed(1, 10, 10))
		}, links: []string{"d1/0 > u0"}, told: []string{"d0/0: 1", "d1/0: 2"}},
		{name: "two wait, one for several servers", make: func(w *world) {
			w.down(0).say(call{at: 10, end: 20, status: 503})
			w.down(0).say(call{at: 10, end: 20, status: 503})
			w.refuse(12)
			l := failed(0, 10, 10)
			l.host = "10.0.9.2:8080" // of the last attempt
			w.log(l, failed(1, 10, 10))
		}, told: []string{"d0/0: 1", "d1/0: 2"}},
		{name: "two wait, one without a line", make: func(w *world) {
			w.down(0).say(call{at: 10, end: 20, status: 503})
			w.down(0).say(call{at: 10, end: 20, status: 503})
			w.refuse(12)
			w.log(failed(1, 10, 10))
		}, told: []string{"d1/0: 1"}},
		{name: "two wait, one of which nothing is seen any more", make: func(w *world) {
			w.down(0).say(call{at: 10, end: 20, status: 503})
			d := w.down(0).seal(1, pcap.TLSConfig{})
			w.do(9, func() { d.s.Send(300) })
			w.refuse(12)
			w.log(failed(0, 10, 10))
		}, told: []string{"d0/0: 1"}},
		{name: "who else waits was not all captured", make: func(w *world) {
			w.down(0).say(call{at: 10, end: 20, status: 503})
			d := w.down(0)
			d.say(call{at: 1, end: 2})
			w.do(1.5, func() { w.tr.Lose(1) })
			w.refuse(12)
			d.say(call{at: 25, end: 26})
			w.log(failed(0, 10, 10))
		}, told: []string{"d0/0: 1"}},
		{name: "one without a line does not wait any more", make: func(w *world) {
			w.down(0).say(call{at: 10, end: 11, status: 503})
			w.down(0).say(call{at: 10, end: 20, status: 503})
			w.refuse(12)
			w.log(failed(1, 10, 10))
		}, links: []string{"d1/0 > u0"}, told: []string{"d1/0: 1"}},
		{name: "two wait, one is served in the end", make: func(w *world) {
			w.down(0).say(call{at: 10, end: 20})
			w.down(0).say(call{at: 10, end: 20, status: 503})
			w.refuse(12)
			w.up(14).say(call{at: 15, end: 19})
			w.log(of(0, 1, 10, 10), failed(1, 10, 10))
		}, links: []string{"d0/0 > u1/0"}, told: []string{"d0/0: 1", "d1/0: 2"}},
		{name: "the other was served before", make: func(w *world) {
			w.down(0).say(call{at: 8, end: 20})
			w.down(0).say(call{at: 10, end: 20, status: 503})
			w.up(9).say(call{at: 9, end: 19})
			w.refuse(12)
			w.log(of(0, 0, 8, 12), failed(1, 10, 10))
		}, links: []string{"d0/0 > u0/0", "d1/0 > u1"}, told: []string{"d0/0: 1", "d1/0: 2"}},
		{name: "two wait, one was sent nowhere", make: func(w *world) {
			w.down(0).say(call{at: 10, end: 20, status: 404})
			w.down(0).say(call{at: 10, end: 20, status: 503})
			w.refuse(12)
			l := of(0, 0, 10, 10)
			l.status, l.proxy, l.host = 404, "", ""
			w.log(l, failed(1, 10, 10))
		}, links: []string{"d1/0 > u0"}, told: []string{"d0/0: 1", "d1/0: 2"}},
		{name: "when the exchange was is not told", make: func(w *world) {
			w.down(0).say(call{at: 10, end: 20, status: 503})
			w.refuse(12)
			l := failed(0, 10, 10)
			l.timeless = true
			w.log(l)
		}, told: []string{"d0/0: 1"}},
		{name: "how long it took is not told", make: func(w *world) {
			w.down(0).say(call{at: 10, end: 20, status: 503})
			w.refuse(12)
			l := failed(0, 10, 10)
			l.endless = true
			w.log(l)
		}, told: []string{"d0/0: 1"}},
		{name: "nothing failed", make: func(w *world) {
			w.down(0).say(call{at: 10, end: 20, status: 503})
			w.refuse(12)
			l := failed(0, 10, 10)
			l.flags = ""
			w.log(l)
		}, told: []string{"d0/0: 1"}},
		{name: "which exchange waited is not known", make: func(w *world) {
			d := w.down(0).mux(1)
			d.say(call{at: 10, end: 20, status: 503})
			d.say(call{at: 10, end: 20, status: 503})
			w.refuse(12)
			w.log(failed(0, 10, 10))
		}},
		{name: "a connection waited", make: func(w *world) {
			w.do(20, w.down(10).Close)
			w.refuse(12)
			l := stream(0, 0, 10, 10)
			l.flags, l.proxy = "UF", ""
			w.log(l)
		}, links: []string{"d0 > u0"}, told: []string{"d0: 1"}},
		{name: "refused when the connection's line was over", make: func(w *world) {
			w.do(40, w.down(10).Close)
			w.refuse(30)
			l := stream(0, 0, 10, 10)
			l.flags, l.proxy = "UF", ""
			w.log(l)
		}, told: []string{"d0: 1"}},
		{name: "two connections wait", make: func(w *world) {
			w.do(20, w.down(10).Close)
			w.do(20, w.down(10).Close)
			w.refuse(12)
			l := stream(0, 0, 10, 10)
			l.flags, l.proxy = "UF", ""
			w.log(l)
		}, told: []string{"d0: 1"}},
		{name: "another connection was served before", make: func(w *world) {
			w.down(10).bytes(11, 16, "hello", "world")
			w.do(20, w.down(10).Close)
			w.up(10).bytes(11, 15, "hello", "world")
			w.refuse(12)
			l := stream(1, 0, 10, 10)
			l.flags, l.proxy = "UF", ""
			w.log(stream(0, 0, 10, 10), l)
		}, links: []string{"d0 > u0", "d1 > u1"}, told: []string{"d0: 1", "d1: 2"}},
		{name: "it was accepted", make: func(w *world) {
			w.down(0).say(call{at: 10, end: 20, status: 503})
			w.up(12)
			w.log(failed(0, 10, 10))
		}, told: []string{"d0/0: 1"}},
		{name: "something was said on it", make: func(w *world) {
			w.down(0).say(call{at: 10, end: 20, status: 503})
			u := w.wire(upstream, proxyEnd(0), server)
			w.do(12, func() {
				u.SYN("hello")
				u.Refuse()
			})
			w.log(failed(0, 10, 10))
		}, told: []string{"d0/0: 1"}},
		{name: "it has a link", make: func(w *world) {
			w.down(0).say(call{at: 10, end: 20, status: 503})
			w.refuse(12)
			w.log(failed(0, 10, 10))
		}, then: func(w *world) { w.c.Busy[w.leg("u0")] = true }, told: []string{"d0/0: 1"}},
	} {
		tc.run(t, logFormat)
	}
}

// An exchange waited for a server if it had begun, and was not answered before that
// refused.
func TestFailedOn(t *testing.T) {
	const slack = float64(index.Causality) / 1e6
	refused := func(at, end float64) *graph.Leg {
		l := legFrom(proxyEnd(0), server)
		l.Start, l.End = capture.Time(ms(at)), capture.Time(ms(end))
		return l
	}
	failed := line{at: 10, took: 10, request: "GET /", flags: "UF"}
	with := func(change func(*line)) line {
		l := failed
		change(&l)
		return l
	}
	long := with(func(l *line) { l.at, l.took = 5, 60 })
	waits := list(exchange("GET / 503", 10, 20))
	for _, tc := range []struct {
		name  string
		line  line
		downs []*graph.Exchange
		u     *graph.Leg
		up    bool // the line names u
		want  bool
	}{
		{"while it waits", failed, waits, refused(12, 13), false, true},
		{"at another server", with(func(l *line) { l.host = "10.0.9.2:8080" }), waits, refused(12, 13), false, false},
		{"at that server", with(func(l *line) { l.host = server }), waits, refused(12, 13), false, true},
		{"nothing failed", with(func(l *line) { l.flags = "" }), waits, refused(12, 13), false, false},
		{"from that end", with(func(l *line) { l.proxy, l.flags = proxyEnd(0), "" }), waits, refused(50, 60), true, true},
		{"from another end", with(func(l *line) { l.proxy = proxyEnd(1) }), waits, refused(12, 13), false, false},
		{"from an end without port", with(func(l *line) { l.proxy = "10.244.1.10:0" }), waits, refused(12, 13), false, true},
		{"as early as may be", failed, waits, refused(10-slack, 13), false, true},
		{"too early", failed, waits, refused(10-slack-1e-6, 13), false, false},
		{"as late as may be", failed, waits, refused(12, 20+slack), false, true},
		{"too late", failed, waits, refused(12, 20+slack+1e-6), false, false},
		{"never answered", with(func(l *line) { l.took = 60 }), list(exchange("GET / -", 10, 0)), refused(50, 60), false, true},
		{"a leg, while it is there", long, nil, refused(30, 31), false, true},
		{"a leg, as early as may be", long, nil, refused(5-slack, 31), false, true},
		{"a leg, too early", long, nil, refused(5-slack-1e-6, 31), false, false},
		{"a leg, as late as may be", long, nil, refused(40+slack, 50), false, true},
		{"a leg, too late", long, nil, refused(40+slack+1e-6, 50), false, false},
		{"as early as the line may be", failed, nil, refused(9-slack, 12), false, true},
		{"earlier than the line", failed, nil, refused(9-slack-1e-6, 12), false, false},
		{"as late as the line may be", failed, nil, refused(12, 22+slack), false, true},
		{"later than the line", failed, nil, refused(12, 22+slack+1e-6), false, false},
		{"no time", with(func(l *line) { l.timeless = true }), nil, refused(12, 13), false, false},
		{"no duration", with(func(l *line) { l.endless = true }), nil, refused(12, 13), false, false},
		{"two exchanges", long, list(waits[0], waits[0]), refused(30, 31), false, true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			e := entry(t, tc.line)
			e.Down = legFrom(clientEnd(0), service)
			e.Down.Start, e.Down.End = capture.Time(ms(5)), capture.Time(ms(40))
			e.downs = tc.downs
			if tc.up {
				e.Up = tc.u
			}
			if got := e.failedOn(tc.u); got != tc.want {
				t.Errorf("failed on it: %v, want %v", got, tc.want)
			}
		})
	}
	e := entry(t, line{at: 10, took: 10, flags: "UF"})
	e.Down = legFrom(clientEnd(0), service) // there for 100 s
	if e.failedOn(refused(3000, 3001)) {
		t.Error("failed on what was dialled seconds after the line ended")
	}
}

// What turns tell of a leg is known too little to have failed.
func TestJoinFailuresOfSealedLegs(t *testing.T) {
	w := new(world)
	w.down(0).seal(1, pcap.TLSConfig{}).say(call{at: 10, end: 20})
	w.refuse(12)
	l := of(0, 0, 10, 10)
	l.status, l.flags, l.proxy = 503, "UF", ""
	w.log(l)
	w.read(t, logFormat)
	Join(w.c)
	if got := w.links(); len(got) != 1 || got[0] != "d0/0 > u0" {
		t.Errorf("links %v", got)
	}
}
