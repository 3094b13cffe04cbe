package turn

import (
	"slices"

	"github.com/pcapmesh/pcapmesh/mesh/flow"
	"github.com/pcapmesh/pcapmesh/mesh/internal/decide/crossing"
	"github.com/pcapmesh/pcapmesh/mesh/internal/decide/graph"
)

// Sealed lists the TLS legs whose exchanges are hidden. Those that a log ties as a whole
// are among them: what goes over them teaches of the others. The proxy sees no exchanges
// in an application's own TLS.
func Sealed(c *crossing.Crossing, legs []*graph.Leg) []*graph.Leg {
	return slices.DeleteFunc(crossing.Unreadable(legs), func(l *graph.Leg) bool {
		return c.Busy[l] && c.Wholes[l] == nil || c.Inner[l] || c.Orphaned[l] || l.Protocol != flow.ProtocolTLS || l.OnlyHTTP2() // which has no turns
	})
}

// Outline finds the exchanges of TLS legs that cannot be read, by their turns, notes
// them on the legs as Hidden, and lists them.
func Outline(c *crossing.Crossing, legs []*graph.Leg) []*graph.Exchange {
	sealed := Sealed(c, legs)
	var measured []*Leg
	for _, l := range sealed {
		if l.Hidden == nil {
			measured = append(measured, NewLeg(c.Index, l))
		}
	}
	SettleTickets(measured)
	for _, v := range measured {
		if v.Leg.Hidden = v.exchanges(c.Index); c.CutShort(v.Leg) {
			cutLast(v.Leg.Hidden)
		}
	}
	var es []*graph.Exchange
	for _, l := range sealed {
		for i := range l.Hidden {
			es = append(es, &l.Hidden[i])
		}
	}
	return es
}

// cutLast makes the length of the last message unknown: there was more of it, perhaps.
func cutLast(es []graph.Exchange) {
	if len(es) == 0 {
		return
	}
	e := &es[len(es)-1]
	if e.Resp == nil {
		e.Req, e.Outline.Req = cutShort(e.Req), nil
	}
	e.Resp, e.Outline.Resp = cutShort(e.Resp), nil
}
