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
	"github.com/pcapmesh/pcapmesh/mesh/internal/decide/streams"
	"github.com/pcapmesh/pcapmesh/mesh/internal/decide/trace"
	"github.com/pcapmesh/pcapmesh/mesh/internal/decide/tries"
	"github.com/pcapmesh/pcapmesh/mesh/internal/index"
	"github.com/pcapmesh/pcapmesh/mesh/internal/recorded"
	"github.com/pcapmesh/pcapmesh/mesh/record"
)

// linkLegs ties legs at every proxy crossing of every pod. Of what contradicts a log,
// that a whole file is not believed comes before what single lines say.
func linkLegs(x *index.Index, legs []*graph.Leg, r *role.Roster, logs *graph.Ledger) (links []*graph.Link, conflicts []record.Conflict) {
	for _, pod := range podNames(legs) {
		graph.Watch(x, legs, pod)
		for _, c := range crossings(x, r.Records, logs, legs, pod, r.Pods[pod]) {
			join(c)
			links = append(links, c.Links...)
			for _, k := range c.Conflicts {
				if k.Leg < 0 {
					conflicts = slices.Insert(conflicts, 0, k)
				} else {
					conflicts = append(conflicts, k)
				}
			}
		}
		links = append(links, hbone.Join(x, legs, pod, links, r.Records, logs)...)
	}
	graph.Watch(x, legs, "")
	hbone.Tell(logs)
	if x.Stopped() {
		return nil, nil
	}
	streams.Agree(links)
	trace.JoinAcross(x, links)
	hbone.OpenTunnels(legs)
	return links, conflicts
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
	out := crossing.New(x, rs, logs)
	order := []*crossing.Crossing{out}
	in := func(port uint16) *crossing.Crossing {
		if f.Peers && port != 0 {
			port = 1 // which of the application's ports a peer means is not known
		}
		c := byPort[port]
		if c == nil {
			c = crossing.New(x, rs, logs)
			byPort[port] = c
			order = append(order, c)
		}
		return c
	}
	for _, l := range index.Each(x, legs) {
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

// passes is the order in which the links of a crossing are found.
var passes = []func(*crossing.Crossing){
	tries.SetCopiesApart,               // what mirrors other requests answers nobody
	(*crossing.Crossing).JoinProbes,    // the agent's own requests are nobody else's
	logged.Join,                        // a log names both ends
	(*crossing.Crossing).JoinRetries,   // attempts with one id, before one of them is taken for all
	(*crossing.Crossing).JoinExchanges, // ids, contents and times of what can be read
	(*crossing.Crossing).JoinEqual,     // whole streams with equal contents
	algebra.JoinCurves,                 // whole streams with equal lengths, before exchanges are seen in them
	(*crossing.Crossing).JoinStreams,   // whole streams that nothing else fits
	streams.Join,                       // HTTP/2 under TLS, which has no turns, if records hold what a proxy had to send
	algebra.JoinStreams,                // and if each frame has a record of its own
	algebra.JoinTurns,                  // turns of what is left
	algebra.RevealHidden,               // what turns tied are exchanges like others from here on
	(*crossing.Crossing).Reconsider,    // doubts, by what was found out after them
	(*crossing.Crossing).JoinUnread,    // legs of which not even turns are known
	tries.JoinRefused,                  // attempts that came to nothing
	tries.JoinAttempts,                 // attempts that failed, of which only lengths and times are known
	tries.JoinCopies,                   // what was mirrored of what is tied
	(*crossing.Crossing).NameRivals,    // why what is left is in doubt
}

// join finds the links of the crossing. Its passes share the crossing's board: each
// ties what those before it left, so that what is surer is tied first and nothing is
// tied twice.
func join(c *crossing.Crossing) {
	if len(c.Down) == 0 {
		return
	}
	c.Trust = crossing.NewTrust(c)
	if len(c.Up) == 0 { // what the proxy answered alone it logged all the same
		logged.Join(c)
		return
	}
	c.FindInner()
	for _, pass := range passes {
		if c.Index.Stopped() {
			return
		}
		pass(c)
	}
	slices.SortStableFunc(c.Links, func(a, b *graph.Link) int {
		return cmp.Or(cmp.Compare(a.From.ID, b.From.ID), cmp.Compare(a.Order(), b.Order()), cmp.Compare(a.Attempt, b.Attempt))
	})
}
