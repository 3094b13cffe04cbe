package mesh

import (
	"cmp"
	"slices"

	"github.com/pcapmesh/pcapmesh/mesh/flow"
	"github.com/pcapmesh/pcapmesh/mesh/internal/index"
)

// joinLoggedFailures ties upstream connections that were refused to the exchange
// or connection whose line tells of the failure: the only one that was waiting
// for that server then.
func joinLoggedFailures(c *crossing, entries []*logEntry) {
	for _, u := range c.up {
		if !u.empty() || c.busy[u] || !u.refused(c.x) {
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
		var d *exchange
		if len(e.downs) == 1 {
			d = e.downs[0]
		}
		if d == nil && !e.TCP() {
			continue
		}
		c.add(&link{from: e.down, to: u, down: d, attempt: 1, confidence: sureProven, proven: true, evidence: []flow.Evidence{lineEvidence(c, e.namedLine, u, d, nil)}})
		c.countAttempts(d)
	}
}

// failedOn tells whether the line is of an exchange or a connection that may
// have failed on the refused leg u.
func (e *logEntry) failedOn(u *workLeg) bool {
	switch {
	case e.UpstreamLocal.IsValid() && e.UpstreamLocal.Port() != 0:
		return e.up == u
	case e.UpstreamHost.IsValid() && e.UpstreamHost != u.Orig.Dst, !e.Failed():
		return false
	case len(e.downs) == 1:
		d := e.downs[0]
		return d.start() <= u.Start+index.Causality && (d.resp == nil || u.End <= d.resp.From.Nanos+index.Causality)
	}
	return e.down.Start <= u.Start+index.Causality && u.Start <= e.down.End+index.Causality && during(e.namedLine.Line, u)
}

// countAttempts numbers the attempts of d in the order of time.
func (c *crossing) countAttempts(d *exchange) {
	if d == nil {
		return
	}
	var ls []*link
	for _, l := range c.links {
		if l.down == d && !l.ambiguous {
			ls = append(ls, l)
		}
	}
	slices.SortStableFunc(ls, func(a, b *link) int { return cmp.Compare(a.began(), b.began()) })
	for i, l := range ls {
		l.attempt = i + 1
	}
}

// began returns when what the link leads to began.
func (l *link) began() int64 {
	if l.up != nil {
		return l.up.begun()
	}
	return l.to.Start
}
