package algebra

import (
	"fmt"
	"math"
	"net/netip"
	"time"

	"github.com/pcapmesh/pcapmesh/internal/assign"
	"github.com/pcapmesh/pcapmesh/mesh/flow"
	"github.com/pcapmesh/pcapmesh/mesh/internal/decide/graph"
	"github.com/pcapmesh/pcapmesh/mesh/internal/decide/odds"
	"github.com/pcapmesh/pcapmesh/mesh/internal/index/scan"
)

// Exchanges made by hand begin and end at whole microseconds.
const us = int64(time.Microsecond)

// spoken returns a message of n bytes that lasts from one time to another, seen from
// its beginning to its end.
func spoken(n, begin, end int64) *scan.Message {
	return &scan.Message{End: n, From: scan.Instant{Nanos: begin}, To: scan.Instant{Nanos: end}, Flags: scan.MsgComplete, ServiceMillis: -1}
}

// beginsAt and endsAt return when a message begins and is over.
func beginsAt(m *scan.Message) int64 { return m.From.Nanos }

func endsAt(m *scan.Message) int64 { return m.To.Nanos }

// moveTo moves a message in time.
func moveTo(m *scan.Message, begin, end int64) { m.From.Nanos, m.To.Nanos = begin, end }

// leg returns a leg from one end to another.
func leg(src, dst string) *graph.Leg {
	l := &graph.Leg{Leg: &flow.Leg{Role: flow.RoleClientProxy}}
	l.Orig.Src, l.Orig.Dst = netip.MustParseAddrPort(src), netip.MustParseAddrPort(dst)
	return l
}

// A client's leg is numbered, and so is one that the proxy dials.
func clientLeg(i int) *graph.Leg {
	return leg(fmt.Sprintf("192.0.%d.%d:40000", 2+i/250, 1+i%250), "10.0.0.1:8443")
}

func proxyLeg(i int) *graph.Leg { return leg(fmt.Sprintf("127.0.0.6:%d", 50000+i), "10.0.0.1:8080") }

// hide makes of an exchange one of which only the lengths are known.
func hide(e *graph.Exchange) *graph.Exchange {
	e.Outline = new(graph.Outline)
	if e.Req != nil {
		e.Outline.Req = e.Req.Length()
	}
	if e.Resp != nil {
		e.Outline.Resp = e.Resp.Length()
	}
	return e
}

// exchange returns an exchange with requests and responses of the given lengths that
// begin at the given times and take ten microseconds.
func exchange(l *graph.Leg, req, reqAt, resp, respAt int64) *graph.Exchange {
	return &graph.Exchange{Leg: l, No: 1, Req: spoken(req, reqAt, reqAt+10*us), Resp: spoken(resp, respAt, respAt+10*us)}
}

// A guess is a strand between two items, its probability, and what was seen of it.
type guess struct {
	d, u  int32
	p     float64
	shift [2]int64
	delay [2]int64
}

// guessed returns turn algebra that has compared items of both sides with this
// result, and learned from it.
func guessed(downs, ups int, gs ...guess) *algebra {
	a := new(algebra)
	for i := range downs {
		a.down = append(a.down, newItem(hide(exchange(clientLeg(i), 100, 1000*us, 200, 9000*us))))
	}
	for i := range ups {
		a.up = append(a.up, newItem(exchange(proxyLeg(i), 50, 2000*us, 150, 8000*us)))
	}
	a.take(gs...)
	return a
}

// take makes a's strands the given ones, and learns from them.
func (a *algebra) take(gs ...guess) {
	a.pairing.Edges, a.facts = nil, nil
	for i, g := range gs {
		a.add(g.d, g.u)
		a.pairing.Edges[i].P = g.p
		a.facts[i].shift, a.facts[i].delay = g.shift, g.delay
	}
	a.learn()
}

// edges lists the strands as pairs of items.
func (a *algebra) edges() (out [][2]int32) {
	for _, e := range a.pairing.Edges {
		out = append(out, [2]int32{e.D, e.U})
	}
	return out
}

// probability returns that of the strand between two items; -1 if there is none.
func (a *algebra) probability(d, u int32) float64 {
	for _, e := range a.pairing.Edges {
		if e == (assign.Edge{D: d, U: u, Weight: e.Weight, P: e.P}) {
			return e.P
		}
	}
	return -1
}

// set makes p point to something, whatever that is.
func set[T any](p **T) { *p = new(T) }

// near reports whether two numbers are the same but for rounding.
func near(a, b float64) bool { return math.Abs(a-b) <= 1e-9*max(math.Abs(a), math.Abs(b)) }

// nobody has seen anything himself.
var nobody odds.Witness
