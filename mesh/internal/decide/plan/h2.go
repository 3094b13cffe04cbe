package plan

import (
	"fmt"
	"slices"

	"github.com/pcapmesh/pcapmesh/mesh/flow"
	"github.com/pcapmesh/pcapmesh/mesh/internal/decide/graph"
)

func onHTTP2(e *graph.Exchange) bool { return e.Leg.Multiplexed() }

// onlyHTTP2 makes c one that speaks HTTP/2: it carries those of the chosen
// exchanges that were, and none is left for pieces.
func (c *Conversation) onlyHTTP2(chosen []*graph.Exchange) {
	for _, e := range chosen {
		if onHTTP2(e) {
			c.Calls = append(c.Calls, e)
		} else {
			c.omitted = append(c.omitted, fmt.Sprintf("%s %s: HTTP/1.1, while others are HTTP/2", e.Method(), e.Target()))
		}
	}
}

// modeOf tells how the chosen exchanges are written, seen from a path's client.
func modeOf(client *graph.Leg, chosen []*graph.Exchange) flow.Mode {
	if len(chosen) > 0 && client.SpeaksHTTP2() && !slices.ContainsFunc(chosen, onHTTP2) {
		return flow.H2To11
	}
	return ""
}
