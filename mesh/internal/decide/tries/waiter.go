package tries

import (
	"math"
	"net/netip"

	"github.com/pcapmesh/pcapmesh/mesh/internal/decide/crossing"
	"github.com/pcapmesh/pcapmesh/mesh/internal/decide/graph"
	"github.com/pcapmesh/pcapmesh/mesh/internal/index"
	"github.com/pcapmesh/pcapmesh/mesh/internal/index/scan"
)

// A connection that was refused says nothing of whom it was dialled for, but somebody
// waited for a server then. Who may have is found out first: what cannot be read waits
// too, and what was not answered when the capture ended, or asked before it began.

// A Waiter is a request that may have waited for a server; of a leg whose requests are
// not told, the whole leg.
type Waiter struct {
	Leg         *graph.Leg
	Ex          *graph.Exchange // nil for a whole leg
	from, until int64
	failed      bool // the proxy itself answered that it failed
	served      bool // until then, by what is tied
}

// Waiters lists what may have waited for a server on the client's side.
func Waiters(c *crossing.Crossing) (ws []*Waiter) {
	tied, again, doubted := served(c), failing(c), make(map[*graph.Exchange]bool)
	for _, l := range c.Links {
		if l.Down != nil && l.Ambiguous {
			doubted[l.Down] = true
		}
	}
	asked := make(map[netip.AddrPort]bool) // where clients ask by exchanges
	for _, l := range c.Down {
		asked[l.Orig.Dst] = asked[l.Orig.Dst] || len(l.Exchanges) > 0
	}
	for _, l := range c.Down {
		es := told(c, l)
		if es == nil {
			if !l.Empty() || !asked[l.Orig.Dst] {
				ws = append(ws, waitingLeg(c, l))
			}
			continue
		}
		for i := range es {
			e := &es[i]
			w := &Waiter{Leg: l, Ex: e, from: crossing.Began(e), until: waitedUntil(e)}
			failed := e.KnowsStatus() && e.Resp.Status >= 500
			if at := tied[e]; at != 0 && !(failed && again[e]) {
				w.until, w.served = min(w.until, at), true
			}
			w.failed = failed && tied[e] == 0 && !doubted[e]
			ws = append(ws, w)
		}
	}
	return ws
}

// failing tells of exchanges of clients of which an attempt was answered that it failed,
// so that the proxy may have tried again.
func failing(c *crossing.Crossing) map[*graph.Exchange]bool {
	again := make(map[*graph.Exchange]bool)
	for _, l := range c.Links {
		if l.Down != nil && !l.Ambiguous && l.Up != nil && l.Up.KnowsStatus() && l.Up.Resp.Status >= 500 {
			again[l.Down] = true
		}
	}
	return again
}

// told lists the exchanges of a leg, those of one that cannot be read as turns tell them;
// nil if they are not told.
func told(c *crossing.Crossing, l *graph.Leg) []graph.Exchange {
	if l.Readable() || len(l.Exchanges) > 0 {
		return l.Exchanges
	}
	if _, holes := l.Hole(c.Index); holes || l.SpeaksHTTP2() || c.CutShort(l) {
		return nil
	}
	return l.Hidden
}

// waitingLeg returns a waiter for a leg whose requests are not told. A server that speaks
// first is dialled before anything is asked.
func waitingLeg(c *crossing.Crossing, l *graph.Leg) *Waiter {
	w := &Waiter{Leg: l, from: int64(l.Start), until: lastsUntil(l)}
	orig := c.Index.Content(l.Conn.Orig)
	switch {
	case l.Midstream:
		w.from = math.MinInt64 + index.Causality
	case !l.Readable() && orig.Proto != scan.ProtoNone: // what is encrypted speaks before it waits
		w.from = orig.Data.Nanos
	}
	if !l.Readable() {
		w.until = c.Answered(l)
	}
	for _, k := range c.Links {
		if k.From == l && k.Down == nil && k.Up == nil && !k.Ambiguous && !k.To.Empty() {
			w.until = min(w.until, int64(k.To.Start))
		}
	}
	return w
}

// waitedUntil returns when e was answered: for ever, if that is not seen and its leg goes
// on.
func waitedUntil(e *graph.Exchange) int64 {
	if e.Resp != nil {
		return e.Resp.From.Nanos
	}
	return lastsUntil(e.Leg)
}

// lastsUntil returns when a leg ended; if it did not in the capture, its last packet is
// no end.
func lastsUntil(l *graph.Leg) int64 {
	if l.ClosedBy == "open" {
		return math.MaxInt64
	}
	return int64(l.End)
}

// MayHaveDialled reports whether u, which was refused, may have been dialled for w.
func (w *Waiter) MayHaveDialled(u *graph.Leg) bool {
	return graph.MayServe(w.Leg, u) && w.from <= int64(u.Start)+index.Causality && w.until >= int64(u.End)-index.Causality
}

// served tells of the exchanges that are tied when what served them began. What was
// refused served nobody: an exchange that failed once waits for its next attempt.
func served(c *crossing.Crossing) map[*graph.Exchange]int64 {
	served := make(map[*graph.Exchange]int64)
	for _, l := range c.Links {
		if l.Down != nil && !l.Ambiguous && !l.Copy && (l.Up != nil || !l.To.Empty() || !l.To.Refused(c.Index)) {
			served[l.Down] = max(served[l.Down], l.Began())
		}
	}
	return served
}
