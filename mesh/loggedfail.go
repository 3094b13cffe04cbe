package mesh

import (
	"cmp"
	"slices"

	"github.com/pcapmesh/pcapmesh/mesh/flow"
	"github.com/pcapmesh/pcapmesh/mesh/internal/decide/graph"
	"github.com/pcapmesh/pcapmesh/mesh/internal/index"
)

// joinLoggedFailures ties upstream connections that were refused to the exchange
// or connection whose line tells of the failure: the only one that was waiting
// for that server then.
func joinLoggedFailures(c *crossing, entries []*logEntry) {
	for _, u := range c.up {
		if !u.Empty() || c.busy[u] || !u.Refused(c.x) {
			continue
		}
		var found []*logEntry
		for _, e := range entries {
			if e.failedOn(u) {
				found = append(found, e)
			}
		}
		if len(found) != 1 {
			continue
		}
		e := found[0]
		var d *graph.Exchange
		if len(e.downs) == 1 {
			d = e.downs[0]
		}
		if d == nil && !e.TCP() {
			continue
		}
		c.add(&graph.Link{From: e.Down, To: u, Down: d, Attempt: 1, Confidence: graph.SureProven, Proven: true, Evidence: []flow.Evidence{lineEvidence(c, e.NamedLine, u, d, nil)}})
		c.countAttempts(d)
	}
}

// failedOn tells whether the line is of an exchange or a connection that may
// have failed on the refused leg u.
func (e *logEntry) failedOn(u *graph.Leg) bool {
	switch {
	case e.UpstreamLocal.IsValid() && e.UpstreamLocal.Port() != 0:
		return e.Up == u
	case e.UpstreamHost.IsValid() && e.UpstreamHost != u.Orig.Dst, !e.Failed():
		return false
	case len(e.downs) == 1:
		d := e.downs[0]
		return d.Start() <= u.Start+index.Causality && (d.Resp == nil || u.End <= d.Resp.From.Nanos+index.Causality)
	}
	return e.Down.Start <= u.Start+index.Causality && u.Start <= e.Down.End+index.Causality && graph.During(e.NamedLine.Line, u)
}

// countAttempts numbers the attempts of d in the order of time.
func (c *crossing) countAttempts(d *graph.Exchange) {
	if d == nil {
		return
	}
	var ls []*graph.Link
	for _, l := range c.links {
		if l.Down == d && !l.Ambiguous {
			ls = append(ls, l)
		}
	}
	slices.SortStableFunc(ls, func(a, b *graph.Link) int { return cmp.Compare(a.Began(), b.Began()) })
	for i, l := range ls {
		l.Attempt = i + 1
	}
}
