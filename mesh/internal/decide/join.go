package decide

import (
	"cmp"
	"slices"

	"github.com/pcapmesh/pcapmesh/mesh/flow"
	"github.com/pcapmesh/pcapmesh/mesh/internal/decide/algebra"
	"github.com/pcapmesh/pcapmesh/mesh/internal/decide/crossing"
	"github.com/pcapmesh/pcapmesh/mesh/internal/decide/graph"
	"github.com/pcapmesh/pcapmesh/mesh/internal/decide/hbone"
	"github.com/pcapmesh/pcapmesh/mesh/internal/decide/logged"
	"github.com/pcapmesh/pcapmesh/mesh/internal/decide/role"
	"github.com/pcapmesh/pcapmesh/mesh/internal/decide/trace"
	"github.com/pcapmesh/pcapmesh/mesh/internal/index"
	"github.com/pcapmesh/pcapmesh/mesh/internal/recorded"
)

// Links ties legs at every proxy crossing of every pod.
func Links(x *index.Index, legs []*graph.Leg, r *role.Roster, logs *graph.Ledger) []*graph.Link {
	var links []*graph.Link
	for _, pod := range podNames(legs) {
		for _, c := range crossings(x, r.Records, logs, legs, pod, r.Pods[pod]) {
			join(c)
			links = append(links, c.Links...)
		}
		links = append(links, hbone.Join(x, legs, pod, links)...)
	}
	trace.JoinAcross(x, links)
	hbone.OpenTunnels(legs)
	return links
}

// podNames lists the pods that legs were seen in, in the order of the legs.
func podNames(legs []*graph.Leg) []string {
	var names []string
	for _, l := range legs {
		for _, v := range l.Views {
			if !slices.Contains(names, v.Pod) {
				names = append(names, v.Pod)
			}
		}
	}
	return names
}

// crossings lists the crossings of a pod: one for each port of the application
// on the inbound side, one for all outbound traffic. A pod without any trace
// of interception may be a gateway: what comes in may go out.
func crossings(x *index.Index, rs *recorded.Records, logs *graph.Ledger, legs []*graph.Leg, pod string, f *role.PodFacts) []*crossing.Crossing {
	byPort := make(map[uint16]*crossing.Crossing)
	out := &crossing.Crossing{Index: x, Records: rs, Ledger: logs}
	order := []*crossing.Crossing{out}
	in := func(port uint16) *crossing.Crossing {
		if f.Peers && port != 0 {
			port = 1 // which of the application's ports a peer means is not known
		}
		c := byPort[port]
		if c == nil {
			c = &crossing.Crossing{Index: x, Records: rs, Ledger: logs}
			byPort[port] = c
			order = append(order, c)
		}
		return c
	}
	for _, l := range legs {
		if l.Tunnel {
			continue // Join
		}
		port := l.Orig.Dst.Port()
		switch l.View(pod) {
		case flow.RoleClientProxy:
			if f.Gateway(port) {
				out.Down = append(out.Down, l)
			} else {
				in(port).Down = append(in(port).Down, l)
			}
		case flow.RoleProxyApp:
			in(port).Up = append(in(port).Up, l)
		case flow.RoleProxyProxy:
			in(port).Down = append(in(port).Down, l)
			out.Up = append(out.Up, l)
		case flow.RoleAppProxy:
			out.Down = append(out.Down, l)
		case flow.RoleProxyServer:
			out.Up = append(out.Up, l)
		case flow.RoleControl:
			in(0).Down = append(in(0).Down, l)
		}
	}
	crossing.Probes(in(0), order)
	return order
}

// join finds the links of the crossing, from the surest kind to the weakest.
func join(c *crossing.Crossing) {
	if len(c.Down) == 0 || len(c.Up) == 0 {
		return
	}
	c.Taken, c.Busy, c.Limits = make(map[*graph.Exchange]bool), make(map[*graph.Leg]bool), make(map[*graph.Exchange][]*graph.Exchange)
	c.ByLog = make(map[*graph.Exchange]*graph.Link)
	c.Trust = crossing.NewTrust(c)
	c.JoinProbes()
	logged.Join(c)
	c.JoinRetries()
	c.JoinExchanges()
	c.JoinEqual()
	algebra.JoinCurves(c)
	c.JoinStreams()
	algebra.JoinStreams(c)
	algebra.JoinTurns(c)
	algebra.RevealHidden(c)
	c.JoinUnread()
	c.JoinRefused()
	slices.SortStableFunc(c.Links, func(a, b *graph.Link) int {
		return cmp.Or(cmp.Compare(a.From.ID, b.From.ID), cmp.Compare(a.Order(), b.Order()), cmp.Compare(a.Attempt, b.Attempt))
	})
}
