package logged

import (
	"slices"

	"github.com/pcapmesh/pcapmesh/mesh/flow"
	"github.com/pcapmesh/pcapmesh/mesh/internal/decide/crossing"
	"github.com/pcapmesh/pcapmesh/mesh/internal/decide/graph"
	"github.com/pcapmesh/pcapmesh/mesh/internal/decide/tries"
	"github.com/pcapmesh/pcapmesh/mesh/internal/index"
)

// joinLoggedFailures ties upstream connections that were refused to the exchange
// or connection whose line tells of the failure: the only one that was waiting
// for that server then.
func joinLoggedFailures(c *crossing.Crossing, entries []*logEntry) {
	var w *waiting
	for _, u := range index.Each(c.Index, c.Up) {
		if !u.Empty() || c.Busy[u] || !u.Refused(c.Index) {
			continue
		}
		var found []*logEntry
		for _, e := range entries {
			if e.failedOn(u) {
				found = append(found, e)
			}
		}
		if len(found) != 1 || c.Linked(found[0].Down, u) { // it named the leg itself
			continue
		}
		e := found[0]
		var d *graph.Exchange
		if len(e.downs) == 1 {
			d = e.downs[0]
		}
		if d == nil && !e.tcp() {
			continue
		}
		if w == nil {
			w = newWaiting(c, entries)
		}
		if !e.namesUpstream() && (!c.Trust.Watched(u) || w.another(e, u)) {
			continue
		}
		c.Add(&graph.Link{From: e.Down, To: u, Down: d, Attempt: 1, Confidence: graph.SureProven, Proven: true, Evidence: []flow.Evidence{evidence(c, e.NamedLine, u, d, nil)}})
		c.CountAttempts(d)
	}
}

// namesUpstream reports whether the line names the proxy's end of a leg behind it.
func (e *logEntry) namesUpstream() bool {
	return e.UpstreamLocal.IsValid() && e.UpstreamLocal.Port() != 0
}

// failedOn reports whether the line is of an exchange or a connection that may
// have failed on the refused leg u. A line that does not name the leg knows nothing
// of it but that it was dialled while the line's exchange lasted.
func (e *logEntry) failedOn(u *graph.Leg) bool {
	switch {
	case e.namesUpstream():
		return e.Up == u
	case e.UpstreamHost.IsValid() && e.UpstreamHost != u.Orig.Dst, !e.Failed(), !e.encloses(u):
		return false
	case len(e.downs) == 1:
		return asked(e.downs[0], u) && unanswered(e.downs[0], u)
	}
	return lasted(e.Down, u)
}

// wholeMillis is what logs leave out of a duration: they count whole milliseconds.
const wholeMillis = int64(1e6)

// encloses reports whether u was dialled, and refused, while the line's exchange
// lasted, as exactly as the line tells when that was. One that does not tell
// encloses nothing.
func (e *logEntry) encloses(u *graph.Leg) bool {
	end, ok := e.Ends()
	return ok && e.Start-e.Resolution <= int64(u.Start)+index.Causality && int64(u.End) <= end+e.Resolution+wholeMillis+index.Causality
}

// asked reports whether d had begun when u was dialled.
func asked(d *graph.Exchange, u *graph.Leg) bool { return d.Start() <= int64(u.Start)+index.Causality }

// unanswered reports whether d was not answered before u was refused.
func unanswered(d *graph.Exchange, u *graph.Leg) bool {
	return d.Resp == nil || int64(u.End) <= d.Resp.From.Nanos+index.Causality
}

// lasted reports whether leg d was there when u was dialled: of one that did not end in
// the capture, its last packet ends nothing.
func lasted(d, u *graph.Leg) bool {
	return d.Start <= u.Start+index.Causality && (d.ClosedBy == "open" || u.Start <= d.End+index.Causality)
}

// A waiting tells what else may have waited for a connection that was refused. A log
// may lack lines, and a line of what succeeded in the end does not tell of attempts
// before that.
type waiting struct {
	waiters []*tries.Waiter
	lines   map[*graph.Exchange]*logEntry // of exchanges of clients
}

func newWaiting(c *crossing.Crossing, entries []*logEntry) *waiting {
	w := &waiting{waiters: tries.Waiters(c), lines: make(map[*graph.Exchange]*logEntry)}
	for _, e := range entries {
		if len(e.downs) == 1 {
			w.lines[e.downs[0]] = e
		}
	}
	return w
}

// another reports whether anything but what the line e is of may have waited for u.
func (w *waiting) another(e *logEntry, u *graph.Leg) bool {
	return slices.ContainsFunc(w.waiters, func(o *tries.Waiter) bool {
		if e.tcp() && o.Leg == e.Down || o.Ex != nil && slices.Contains(e.downs, o.Ex) || !o.MayHaveDialled(u) {
			return false
		}
		line := w.lines[o.Ex]
		return line == nil || line.namesUpstream() || line.mayHaveDialled(u)
	})
}

// mayHaveDialled reports whether the server of u may be one that the line's exchange
// was sent to. A line names the last one, so that of several attempts any is possible.
func (e *logEntry) mayHaveDialled(u *graph.Leg) bool {
	if !e.UpstreamHost.IsValid() || e.UpstreamHost == u.Orig.Dst {
		return e.Failed() || e.UpstreamHost.IsValid()
	}
	return e.Failed() && e.TriedAgain()
}
