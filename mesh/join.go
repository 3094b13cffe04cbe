package mesh

import (
	"cmp"
	"slices"

	"github.com/pcapmesh/pcapmesh/mesh/flow"
	"github.com/pcapmesh/pcapmesh/mesh/internal/index"
	"github.com/pcapmesh/pcapmesh/mesh/internal/recorded"
)

// Confidences. They are fractions of joins that are right, at the least, on
// captures whose truth is known.
const (
	sureProven     = 0.999 // an id or contents that no other candidate has
	sureElimined   = 0.95  // nothing else fits, by contents
	sureOnlyInTime = 0.9   // nothing else fits, by times alone
)

// A link ties an exchange, or a whole leg, to its counterpart on the server
// side of one proxy.
type link struct {
	from, to   *workLeg
	down, up   *exchange // nil for whole legs
	stream     *exchange // of the tunnel on one side; nil if it is none, or not known
	attempt    int       // 1-based; the last one was the one that counted
	confidence float64
	proven     bool
	ambiguous  bool
	evidence   []flow.Evidence
	rivals     []rival
}

// A rival is what fits as well.
type rival struct {
	leg *workLeg
	ex  *exchange // nil for a whole leg
}

// A crossing is the legs on both sides of one proxy that may belong together.
type crossing struct {
	x        *index.Index
	down, up []*workLeg
	links    []*link
	trust    *trust
	records  *recorded.Records
	ledger   *ledger
	byLog    map[*exchange]*link       // links of exchanges that a log ties
	limits   map[*exchange][]*exchange // what a log leaves of an exchange's counterparts, where it names several
	taken    map[*exchange]bool        // exchanges of either side that have a link
	busy     map[*workLeg]bool         // whole legs that have one
	clients  map[content][]*workLeg    // of clients, by what they carried; nil if no log names any
}

// joinLegs ties legs at every proxy crossing of every pod.
func joinLegs(x *index.Index, legs []*workLeg, r *roster, logs *ledger) []*link {
	var links []*link
	for _, pod := range podNames(legs) {
		for _, c := range crossings(x, r.records, logs, legs, pod, r.pods[pod]) {
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
func podNames(legs []*workLeg) []string {
	var names []string
	for _, l := range legs {
		for _, v := range l.views {
			if !slices.Contains(names, v.pod) {
				names = append(names, v.pod)
			}
		}
	}
	return names
}

// crossings lists the crossings of a pod: one for each port of the application
// on the inbound side, one for all outbound traffic. A pod without any trace
// of interception may be a gateway: what comes in may go out.
func crossings(x *index.Index, rs *recorded.Records, logs *ledger, legs []*workLeg, pod string, f *podFacts) []*crossing {
	byPort := make(map[uint16]*crossing)
	out := &crossing{x: x, records: rs, ledger: logs}
	order := []*crossing{out}
	in := func(port uint16) *crossing {
		if f.peers && port != 0 {
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
		if l.tunnel {
			continue // joinTunnels
		}
		port := l.Orig.Dst.Port()
		switch l.view(pod) {
		case flow.RoleClientProxy:
			if f.gateway(port) {
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

// gateway tells whether what comes in to a port may be forwarded by the pod
// without interception.
func (f *podFacts) gateway(port uint16) bool {
	return f.forwards && !f.apps[port] || !f.meshed && !f.maybe[port] && !f.peers
}

// join finds the links of the crossing, from the surest kind to the weakest.
func join(c *crossing) {
	if len(c.down) == 0 || len(c.up) == 0 {
		return
	}
	c.taken, c.busy, c.limits = make(map[*exchange]bool), make(map[*workLeg]bool), make(map[*exchange][]*exchange)
	c.byLog = make(map[*exchange]*link)
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
	slices.SortStableFunc(c.links, func(a, b *link) int {
		return cmp.Or(cmp.Compare(a.from.ID, b.from.ID), cmp.Compare(a.order(), b.order()), cmp.Compare(a.attempt, b.attempt))
	})
}

// order sorts links of one leg by its exchanges.
func (l *link) order() int {
	if l.down == nil {
		return -1
	}
	return l.down.no
}

func (c *crossing) add(l *link) {
	c.links = append(c.links, l)
	if l.down != nil && !l.ambiguous {
		c.taken[l.down] = true
	}
	if l.up != nil {
		c.taken[l.up] = true
	}
	if l.up == nil {
		c.busy[l.to] = true
	}
	if l.down == nil && l.up == nil {
		c.busy[l.from] = true
	}
}

// exchangesOf lists the exchanges of legs that can be read, in the order of
// their start.
func exchangesOf(legs []*workLeg) []*exchange {
	n := 0
	for _, l := range legs {
		n += len(l.exchanges)
	}
	es := make([]*exchange, 0, n)
	for _, l := range legs {
		for i := range l.exchanges {
			if e := &l.exchanges[i]; e.hidden == nil {
				es = append(es, e)
			}
		}
	}
	sortByStart(es)
	return es
}

// sortByStart puts exchanges in the order of their start, and those that start
// at the same time in the order they are in. Times are looked up once for each,
// since with many exchanges they are far apart in memory.
func sortByStart(es []*exchange) {
	type key struct {
		at int64
		i  int
		e  *exchange
	}
	keys := make([]key, len(es))
	for i, e := range es {
		keys[i] = key{e.start(), i, e}
	}
	slices.SortFunc(keys, func(a, b key) int { return cmp.Or(cmp.Compare(a.at, b.at), cmp.Compare(a.i, b.i)) })
	for i := range keys {
		es[i] = keys[i].e
	}
}

// joinRetries ties the attempts of one exchange: upstream exchanges that carry
// its request id one after another.
func (c *crossing) joinRetries() {
	down := newShelf(exchangesOf(c.down))
	groups := make(map[*exchange][]*exchange)
	for _, u := range exchangesOf(c.up) {
		if ds := down.sameID(u); len(ds) == 1 && requestLine(ds[0]) == requestLine(u) {
			groups[ds[0]] = append(groups[ds[0]], u)
		}
	}
	for _, d := range down.all {
		us := groups[d]
		if len(us) < 2 || !sequential(us) || !final(d, us[len(us)-1]) || c.contested(d, us) {
			continue
		}
		for i, u := range us {
			r := compare(d, u)
			if !c.taken[u] {
				c.add(&link{from: d.leg, to: u.leg, down: d, up: u, attempt: i + 1,
					confidence: sureProven, proven: true, evidence: explain(d, u, &r, true)})
			}
		}
		c.countAttempts(d)
	}
}

// contested tells whether some of us is tied to another exchange than d.
func (c *crossing) contested(d *exchange, us []*exchange) bool {
	tied := 0
	for _, l := range c.links {
		if l.up != nil && slices.Contains(us, l.up) {
			if l.down != d {
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
func sequential(us []*exchange) bool {
	for i, u := range us[1:] {
		if us[i].resp == nil || us[i].resp.From.Nanos > u.start()+index.Causality {
			return false
		}
	}
	return true
}

// open filters out exchanges that have a link.
func (c *crossing) open(es []*exchange) []*exchange {
	return slices.DeleteFunc(es, func(e *exchange) bool { return c.taken[e] })
}
