package crossing_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/pcapmesh/pcapmesh/internal/test/sim"
	"github.com/pcapmesh/pcapmesh/mesh/flow"
)

// turned is overlap of a proxy that asks, and is answered, in the other order.
func (c *crossing) turned(calls ...call) {
	for _, k := range calls {
		c.clients[k.client].Send(k.req)
	}
	back := slices.Clone(calls)
	slices.Reverse(back)
	for _, k := range back {
		c.ups[k.up].Send(k.upReq)
	}
	for _, k := range back {
		c.ups[k.up].Reply(k.upRes)
	}
	for _, k := range back {
		c.clients[k.client].Reply(k.resp)
	}
}

// either is overlap if order is kept, and else turned.
func (c *crossing) either(kept bool, calls ...call) {
	if kept {
		c.overlap(calls...)
		return
	}
	c.turned(calls...)
}

// Two exchanges that say the same, served at once crosswise: what is known of the others
// tells them where the proxy was seen to keep the order of what it could have turned
// round, and before that where it took the connection whose turn it was. Else they stay
// in doubt.
func TestJoinAlike(t *testing.T) {
	const rounds = 12
	for _, tt := range []struct {
		name  string
		known func(c *crossing, i int, a, b string)
		want  string
	}{
		{"nothing else", func(*crossing, int, string, string) {}, "1?1 0?1"},
		{"a connection each, seldom in order", func(c *crossing, i int, a, b string) {
			c.either(i%3 == 0, plain(0, 1, a), plain(1, 0, b))
		}, "1?1 0?1"},
		{"one pool, one after the other", func(c *crossing, i int, a, b string) {
			c.overlap(plain(0, i%2, a))
			c.overlap(plain(1, 1-i%2, b))
		}, "1?1 0?1"},
		{"one pool of which any is taken, in order", func(c *crossing, i int, a, b string) {
			c.overlap(plain(0, i/2%2, a), plain(1, 1-i/2%2, b))
		}, "1 0"},
		{"one pool of which the last idle is taken, in order", func(c *crossing, i int, a, b string) {
			c.overlap(plain(0, i%2, a), plain(1, 1-i%2, b))
		}, "0 1"}, // it was the turn of 0
		{"one pool, seldom in order", func(c *crossing, i int, a, b string) {
			c.either(i%3 == 0, plain(0, i%2, a), plain(1, 1-i%2, b))
		}, "1?1 0?1"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := newCrossing(2)
			for i := range rounds {
				tt.known(c, i, fmt.Sprintf("/a/%d", i), fmt.Sprintf("/b/%d", i))
			}
			c.overlap(plain(0, 1, "/same"), plain(1, 0, "/same"))
			for i := range rounds {
				tt.known(c, i, fmt.Sprintf("/c/%d", i), fmt.Sprintf("/d/%d", i))
			}
			r := sim.Stitch(t, &c.Trace)
			var got []string
			for _, p := range r.Paths {
				for _, e := range p.Exchanges {
					if len(e.Hops) < 2 { // what is in doubt stands behind the proxy too
						continue
					}
					if e.Target == "/same" {
						got = append(got, c.hops(r, e))
						told := slices.ContainsFunc(e.Hops[1].Evidence, func(e flow.Evidence) bool { return e.Kind == flow.TurnAlgebra })
						if told == e.Ambiguous {
							t.Errorf("evidence %v", e.Hops[1].Evidence)
						}
					} else if h := e.Hops[1]; h.Ambiguous || h.Confidence < 0.95 {
						t.Errorf("%s is tied with confidence %v", e.Target, h.Confidence)
					}
				}
			}
			if s := strings.Join(got, " "); s != tt.want {
				t.Errorf("served by %s, want %s", s, tt.want)
			}
		})
	}
}
