package pooled

import (
	"fmt"
	"math"
	"slices"

	"github.com/pcapmesh/pcapmesh/internal/pool"
	"github.com/pcapmesh/pcapmesh/mesh/flow"
	"github.com/pcapmesh/pcapmesh/mesh/internal/decide/crossing"
	"github.com/pcapmesh/pcapmesh/mesh/internal/decide/graph"
	"github.com/pcapmesh/pcapmesh/mesh/internal/decide/turn"
)

// A world is a crossing as its pools see it.
type world struct {
	pool.World
	c                 *crossing.Crossing
	requests, takings map[*graph.Exchange]int32
	asked             []*graph.Exchange // by taking
	strand            []int             // by strand of the pools: which of those given; the first ones only
}

// newWorld enters the exchanges of both sides.
func newWorld(c *crossing.Crossing) *world {
	w := &world{World: pool.World{Stop: c.Index.Stopped}, c: c, requests: make(map[*graph.Exchange]int32), takings: make(map[*graph.Exchange]int32)}
	clients, conns, pools := make(map[*graph.Leg]int32), make(map[*graph.Leg]int32), make(map[string]int32)
	for _, e := range append(graph.ExchangesOf(c.Down), turn.Outline(c, c.Down)...) {
		w.requests[e] = int32(len(w.Requests))
		w.Requests = append(w.Requests, request(e, numbered(clients, e.Leg)))
	}
	for _, e := range append(graph.ExchangesOf(c.Up), turn.Outline(c, c.Up)...) {
		if _, ok := conns[e.Leg]; !ok {
			w.Conns = append(w.Conns, w.conn(e.Leg, pools))
		}
		w.takings[e] = int32(len(w.Takings))
		w.asked = append(w.asked, e)
		w.Takings = append(w.Takings, pool.Taking{Conn: numbered(conns, e.Leg), From: e.KnownBy(), Idle: idleAfter(e)})
	}
	for _, l := range slices.Concat(c.Down, c.Up) {
		if hole, ok := l.Hole(c.Index); ok {
			w.Holes = append(w.Holes, pool.Hole{From: hole.From, To: hole.To})
		} else if c.CutShort(l) {
			w.Holes = append(w.Holes, pool.Hole{From: int64(l.Start), To: math.MaxInt64})
		}
	}
	return w
}

// numbered returns the number of k, the next one if it has none.
func numbered[K comparable](of map[K]int32, k K) int32 {
	n, ok := of[k]
	if !ok {
		n = int32(len(of))
		of[k] = n
	}
	return n
}

// longHead is from which length on a head may have come in pieces.
const longHead = 1300

// request returns what a client asked.
func request(e *graph.Exchange, client int32) pool.Request {
	q := pool.Request{Client: client, At: e.Start(), Over: math.MaxInt64}
	if e.Resp != nil && e.Resp.Ended() {
		q.Over = e.Resp.To.Nanos
	}
	q.Placed = e.No > 0 && e.Req != nil && e.Req.HeadEnd-e.Req.Start <= longHead && (e.Outline == nil || !e.Outline.Vague[0])
	return q
}

// switching is the status after which a connection speaks something else.
const switching = 101

// idleAfter returns when the connection of an exchange can be used for another.
func idleAfter(e *graph.Exchange) int64 {
	if e.Status() == switching || e.Resp == nil || !e.Resp.Ended() || e.Req != nil && !e.Req.Ended() {
		return math.MaxInt64
	}
	if e.Req == nil {
		return e.Resp.To.Nanos
	}
	return max(e.Resp.To.Nanos, e.Req.To.Nanos)
}

// conn returns what a pool knows of a connection.
func (w *world) conn(l *graph.Leg, pools map[string]int32) pool.Conn {
	name := fmt.Sprint(l.Orig.Src.Addr(), " ", l.Orig.Dst, " ", l.TLS.SNI)
	if len(l.TLS.ALPN) > 0 {
		name += " " + l.TLS.ALPN[0]
	}
	x := pool.Conn{Pool: numbered(pools, name), Ready: w.ready(l), Gone: math.MaxInt64}
	for h := range l.Conn.Halves {
		if end := int64(w.c.Index.Half(h).EndTime); end != 0 {
			x.Gone = min(x.Gone, end)
		}
	}
	return x
}

// ready returns when the proxy could use a connection that it dialled: with the answer to
// its SYN, under TLS when it had sent its second flight.
func (w *world) ready(l *graph.Leg) int64 {
	if l.Midstream || l.Conn.Orig == 0 || l.Conn.Reply == 0 {
		return pool.Unknown
	}
	if l.Protocol != flow.ProtocolTLS && !l.Decrypted {
		return int64(w.c.Index.Half(l.Conn.Reply).FirstTime)
	}
	if flights := w.c.Index.UnitsOf(l.Conn.Orig); len(flights) > 1 {
		return flights[1].At.Nanos
	}
	return pool.Unknown
}
