package mesh

import (
	"cmp"
	"slices"

	"github.com/pcapmesh/pcapmesh/mesh/flow"
	"github.com/pcapmesh/pcapmesh/mesh/internal/decide/graph"
	"github.com/pcapmesh/pcapmesh/mesh/internal/decide/role"
	"github.com/pcapmesh/pcapmesh/mesh/internal/index"
	"github.com/pcapmesh/pcapmesh/mesh/internal/recorded"
)

// A crossing is the legs on both sides of one proxy that may belong together.
type crossing struct {
	x        *index.Index
	down, up []*graph.Leg
	links    []*graph.Link
	trust    *trust
	records  *recorded.Records
	ledger   *graph.Ledger
	byLog    map[*graph.Exchange]*graph.Link       // links of exchanges that a log ties
	limits   map[*graph.Exchange][]*graph.Exchange // what a log leaves of an exchange's counterparts, where it names several
	taken    map[*graph.Exchange]bool              // exchanges of either side that have a link
	busy     map[*graph.Leg]bool                   // whole legs that have one
	clients  map[content][]*graph.Leg              // of clients, by what they carried; nil if no log names any
}

// joinLegs ties legs at every proxy crossing of every pod.
func joinLegs(x *index.Index, legs []*graph.Leg, r *role.Roster, logs *graph.Ledger) []*graph.Link {
	var links []*graph.Link
	for _, pod := range podNames(legs) {
		for _, c := range crossings(x, r.Records, logs, legs, pod, r.Pods[pod]) {
			join(c)
			links = append(links, c.links...)
		}
		links = append(links, joinTunnels(x, legs, pod, links)...)
	}
	joinAcross(x, links)
	openTunnels(legs)
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
func crossings(x *index.Index, rs *recorded.Records, logs *graph.Ledger, legs []*graph.Leg, pod string, f *role.PodFacts) []*crossing {
	byPort := make(map[uint16]*crossing)
	out := &crossing{x: x, records: rs, ledger: logs}
	order := []*crossing{out}
	in := func(port uint16) *crossing {
		if f.Peers && port != 0 {
			port = 1 // which of the application's ports a peer means is not known
		}
		c := byPort[port]
		if c == nil {
			c = &crossing{x: x, records: rs, ledger: logs}
			byPort[port] = c
			order = append(order, c)
		}
		return c
	}
	for _, l := range legs {
		if l.Tunnel {
			continue // joinTunnels
		}
		port := l.Orig.Dst.Port()
		switch l.View(pod) {
		case flow.RoleClientProxy:
			if f.Gateway(port) {
				out.down = append(out.down, l)
			} else {
				in(port).down = append(in(port).down, l)
			}
		case flow.RoleProxyApp:
			in(port).up = append(in(port).up, l)
		case flow.RoleProxyProxy:
			in(port).down = append(in(port).down, l)
			out.up = append(out.up, l)
		case flow.RoleAppProxy:
			out.down = append(out.down, l)
		case flow.RoleProxyServer:
			out.up = append(out.up, l)
		case flow.RoleControl:
			in(0).down = append(in(0).down, l)
		}
	}
	probes(in(0), order)
	return order
}

// join finds the links of the crossing, from the surest kind to the weakest.
func join(c *crossing) {
	if len(c.down) == 0 || len(c.up) == 0 {
		return
	}
	c.taken, c.busy, c.limits = make(map[*graph.Exchange]bool), make(map[*graph.Leg]bool), make(map[*graph.Exchange][]*graph.Exchange)
	c.byLog = make(map[*graph.Exchange]*graph.Link)
	c.trust = newTrust(c)
	c.joinProbes()
	joinLogged(c)
	c.joinRetries()
	c.joinExchanges()
	c.joinEqual()
	joinCurves(c)
	c.joinStreams()
	joinMultiplexed(c)
	joinTurns(c)
	revealHidden(c)
	c.joinUnread()
	c.joinRefused()
	slices.SortStableFunc(c.links, func(a, b *graph.Link) int {
		return cmp.Or(cmp.Compare(a.From.ID, b.From.ID), cmp.Compare(a.Order(), b.Order()), cmp.Compare(a.Attempt, b.Attempt))
	})
}

func (c *crossing) add(l *graph.Link) {
	c.links = append(c.links, l)
	if l.Down != nil && !l.Ambiguous {
		c.taken[l.Down] = true
	}
	if l.Up != nil {
		c.taken[l.Up] = true
	}
	if l.Up == nil {
		c.busy[l.To] = true
	}
	if l.Down == nil && l.Up == nil {
		c.busy[l.From] = true
	}
}

// joinRetries ties the attempts of one exchange: upstream exchanges that carry
// its request id one after another.
func (c *crossing) joinRetries() {
	down := newShelf(graph.ExchangesOf(c.down))
	groups := make(map[*graph.Exchange][]*graph.Exchange)
	for _, u := range graph.ExchangesOf(c.up) {
		if ds := down.sameID(u); len(ds) == 1 && requestLine(ds[0]) == requestLine(u) {
			groups[ds[0]] = append(groups[ds[0]], u)
		}
	}
	for _, d := range down.all {
		us := groups[d]
		if len(us) < 2 || !sequential(us) || !graph.Final(d, us[len(us)-1]) || c.contested(d, us) {
			continue
		}
		for i, u := range us {
			r := compare(d, u)
			if !c.taken[u] {
				c.add(&graph.Link{From: d.Leg, To: u.Leg, Down: d, Up: u, Attempt: i + 1,
					Confidence: graph.SureProven, Proven: true, Evidence: explain(d, u, &r, true)})
			}
		}
		c.countAttempts(d)
	}
}

// contested tells whether some of us is tied to another exchange than d.
func (c *crossing) contested(d *graph.Exchange, us []*graph.Exchange) bool {
	tied := 0
	for _, l := range c.links {
		if l.Up != nil && slices.Contains(us, l.Up) {
			if l.Down != d {
				return true
			}
			tied++
		}
	}
	held := 0
	for _, u := range us {
		if c.taken[u] {
			held++
		}
	}
	return held > tied
}

// sequential tells whether each exchange was over before the next began.
func sequential(us []*graph.Exchange) bool {
	for i, u := range us[1:] {
		if us[i].Resp == nil || us[i].Resp.From.Nanos > u.Start()+index.Causality {
			return false
		}
	}
	return true
}

// open filters out exchanges that have a link.
func (c *crossing) open(es []*graph.Exchange) []*graph.Exchange {
	return slices.DeleteFunc(es, func(e *graph.Exchange) bool { return c.taken[e] })
}
