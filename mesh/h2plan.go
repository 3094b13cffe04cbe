package mesh

import (
	"fmt"
	"slices"

	"github.com/pcapmesh/pcapmesh/mesh/flow"
)

func onHTTP2(e *exchange) bool { return e.leg.multiplexed() }

// onlyHTTP2 makes c one that speaks HTTP/2: it carries those of the chosen
// exchanges that were, and none is left for pieces.
func (c *conversation) onlyHTTP2(chosen []*exchange) []*exchange {
	for _, e := range chosen {
		if onHTTP2(e) {
			c.calls = append(c.calls, e)
		} else {
			c.omitted = append(c.omitted, fmt.Sprintf("%s %s: HTTP/1.1, while others are HTTP/2", e.method(), e.target()))
		}
	}
	return nil
}

// modeOf tells how the chosen exchanges are written, seen from a path's client.
func modeOf(client *workLeg, chosen []*exchange) flow.Mode {
	if len(chosen) > 0 && client.speaksHTTP2() && !slices.ContainsFunc(chosen, onHTTP2) {
		return flow.H2To11
	}
	return ""
}
