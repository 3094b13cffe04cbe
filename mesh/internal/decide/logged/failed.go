package logged

import (
	"github.com/pcapmesh/pcapmesh/mesh/flow"
	"github.com/pcapmesh/pcapmesh/mesh/internal/decide/crossing"
	"github.com/pcapmesh/pcapmesh/mesh/internal/decide/graph"
	"github.com/pcapmesh/pcapmesh/mesh/internal/index"
)

// joinLoggedFailures ties upstream connections that were refused to the exchange
// or connection whose line tells of the failure: the only one that was waiting
// for that server then.
func joinLoggedFailures(c *crossing.Crossing, entries []*logEntry) {
	for _, u := range c.Up {
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
		c.Add(&graph.Link{From: e.Down, To: u, Down: d, Attempt: 1, Confidence: graph.SureProven, Proven: true, Evidence: []flow.Evidence{evidence(c, e.NamedLine, u, d, nil)}})
		c.CountAttempts(d)
	}
}

// failedOn reports whether the line is of an exchange or a connection that may
// have failed on the refused leg u.
func (e *logEntry) failedOn(u *graph.Leg) bool {
	switch {
	case e.UpstreamLocal.IsValid() && e.UpstreamLocal.Port() != 0:
		return e.Up == u
	case e.UpstreamHost.IsValid() && e.UpstreamHost != u.Orig.Dst, !e.Failed():
		return false
	case len(e.downs) == 1:
		d := e.downs[0]
		return d.Start() <= int64(u.Start)+index.Causality && (d.Resp == nil || int64(u.End) <= d.Resp.From.Nanos+index.Causality)
	}
	return e.Down.Start <= u.Start+index.Causality && u.Start <= e.Down.End+index.Causality && graph.During(e.NamedLine.Line, u)
}
