package tries

import (
	"github.com/pcapmesh/pcapmesh/capture"
	"github.com/pcapmesh/pcapmesh/mesh/flow"
	"github.com/pcapmesh/pcapmesh/mesh/internal/decide/crossing"
	"github.com/pcapmesh/pcapmesh/mesh/internal/decide/graph"
	"github.com/pcapmesh/pcapmesh/mesh/internal/index"
)

// JoinRefused ties upstream connections that carried nothing to the one
// exchange that was waiting for an upstream then: failed attempts.
func JoinRefused(c *crossing.Crossing) {
	var refused []*graph.Leg
	for _, u := range c.Up {
		if u.Empty() && !c.Busy[u] && u.Refused(c.Index) && c.Trust.Watched(u) {
			refused = append(refused, u)
		}
	}
	if len(refused) == 0 {
		return
	}
	ws := Waiters(c)
	for _, u := range index.Each(c.Index, refused) {
		var only *Waiter
		n := 0
		for _, w := range ws {
			if w.MayHaveDialled(u) {
				only = w
				n++
			}
		}
		if n == 1 && (only.failed || only.served) {
			c.Add(&graph.Link{From: only.Leg, To: u, Down: only.Ex, Attempt: 1, Confidence: graph.SureByTime,
				Evidence: []flow.Evidence{onlyInTime(c, only.Leg, u)}})
			c.CountAttempts(only.Ex)
		}
	}
}

// onlyInTime is the evidence that nothing but d waited for u.
func onlyInTime(c *crossing.Crossing, d, u *graph.Leg) flow.Evidence {
	return flow.Evidence{Kind: flow.OnlyCandidate, Detail: "no other connection was open and busy at the time",
		Packets: []capture.Ref{c.Shows(d, nil), c.Shows(u, nil)}}
}
