package logged

import (
	"testing"

	"github.com/pcapmesh/pcapmesh/internal/test/pcap"
)

// Exchanges that lines do not tell apart go over the leg that all of these name, if
// they are as many, and none can be missing on either side.
func TestJoinAlike(t *testing.T) {
	h2 := pcap.TLSConfig{ALPN: []string{"h2"}}
	// streams is two streams at once of a client, and something else of another before
	// and after, which the log has too.
	streams := func(lines ...line) func(w *world) {
		return func(w *world) {
			d, e := w.down(0).mux(1), w.down(0)
			u, v := w.up(0).seal(1, h2), w.up(0).seal(1, h2)
			e.say(call{at: 2, end: 5})
			w.through(d, u, call{at: 10, end: 20})
			w.through(d, u, call{at: 12, end: 22})
			e.say(call{at: 30, end: 40})
			w.do(60, d.Close)
			w.do(60, e.Close)
			w.do(61, func() { v.s.Close() })
			w.log(lines...)
		}
	}
	early, late := of(1, 0, 2, 3), of(1, 0, 30, 10)
	early.proxy, late.proxy = "", ""
	around := []string{"d1/0: 1", "d1/1: 4"}
	for _, tc := range []joined{
		{name: "behind the proxy", make: streams(early, of(0, 0, 10, 10), of(0, 0, 12, 10), late), links: []string{"d0/0 > u0", "d0/1 > u0"}, told: around},
		{name: "to two legs", make: streams(early, of(0, 0, 10, 10), of(0, 1, 12, 10), late), told: around},
		{name: "a line is missing", make: streams(early, of(0, 0, 10, 10), late), told: []string{"d1/0: 1", "d1/1: 3"}},
		{name: "a line more", make: streams(early, of(0, 0, 10, 10), of(0, 0, 12, 10), of(0, 1, 11, 10), late), told: []string{"d1/0: 1", "d1/1: 5"}},
		{name: "the log begins with it", make: streams(of(0, 0, 12, 10), of(0, 0, 14, 10), late), told: []string{"d1/1: 3"}},
		{name: "the log ends with it", make: streams(early, of(0, 0, 4, 13), of(0, 0, 5, 14)), told: []string{"d1/0: 1"}},
		{name: "a line goes on after the capture", make: streams(early, of(0, 0, 10, 10), of(0, 0, 12, 90), late), told: around},
		{name: "a line is from before the capture", make: streams(early, of(0, 0, -10, 30), of(0, 0, 12, 10), late), told: around},
		{name: "one is not answered", make: func(w *world) {
			d, u := w.down(0).mux(1), w.up(0).seal(1, h2)
			e := w.down(0)
			e.say(call{at: 2, end: 5})
			w.through(d, u, call{at: 10, end: 20})
			w.through(d, u, call{at: 12})
			e.say(call{at: 30, end: 40})
			w.log(early, of(0, 0, 10, 10), of(0, 0, 12, 10), late)
		}, told: around},
		{name: "before the proxy", make: func(w *world) {
			d, u := w.down(0).seal(1, h2), w.up(0).mux(1)
			w.through(d, u, call{at: 10, end: 20})
			w.through(d, u, call{at: 12, end: 22})
			e := w.down(0)
			e.say(call{at: 2, end: 5})
			e.say(call{at: 30, end: 40})
			w.do(60, e.Close)
			w.log(early, of(0, 0, 10, 10), of(0, 0, 12, 10), late)
		}, links: []string{"d0 > u0/0", "d0 > u0/1"}, told: around},
	} {
		tc.run(t, logFormat)
	}
}
