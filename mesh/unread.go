package mesh

import (
	"fmt"
	"slices"

	"github.com/pcapmesh/pcapmesh/capture"
	"github.com/pcapmesh/pcapmesh/mesh/flow"
	"github.com/pcapmesh/pcapmesh/mesh/internal/index"
	"github.com/pcapmesh/pcapmesh/mesh/internal/index/scan"
)

// joinUnread ties exchanges on one side of the proxy to legs on the other side
// that cannot be read, where only one of them was busy at the time.
func (c *crossing) joinUnread() {
	c.joinToUnreadDown()
	c.joinToUnreadUp()
}

// joinToUnreadDown finds for each upstream exchange without a client the only
// encrypted client leg that was open and busy around it. Where several were,
// the upstream legs are guesses for all of them.
func (c *crossing) joinToUnreadDown() {
	hidden := unreadable(c.down)
	guesses := newGuesses()
	for _, u := range c.open(exchangesOf(c.up)) {
		var may []*workLeg
		for _, d := range hidden {
			if len(may) <= maxRivals && c.busyAround(d, u) {
				may = append(may, d)
			}
		}
		if len(may) == 1 && c.trust.complete(u) && !u.leg.Midstream {
			c.add(&link{from: may[0], to: u.leg, up: u, attempt: 1, confidence: sureOnlyInTime,
				evidence: []flow.Evidence{c.onlyInTime(may[0], u.leg, u)}})
			continue
		}
		for _, d := range may {
			guesses.add(d, u.leg)
		}
	}
	c.addGuesses(guesses)
}

// guesses collects for each leg the upstream legs it may have used, the first
// maxRivals and one.
type guesses struct {
	legs []*workLeg // in the order of their first guess
	may  map[*workLeg][]*workLeg
	seen map[[2]*workLeg]bool
}

func newGuesses() *guesses {
	return &guesses{may: make(map[*workLeg][]*workLeg), seen: make(map[[2]*workLeg]bool)}
}

func (g *guesses) add(from, to *workLeg) {
	if len(g.may[from]) > maxRivals || g.seen[[2]*workLeg{from, to}] {
		return
	}
	if g.may[from] == nil {
		g.legs = append(g.legs, from)
	}
	g.seen[[2]*workLeg{from, to}] = true
	g.may[from] = append(g.may[from], to)
}

// addGuesses adds an ambiguous link for each leg with guesses that nothing
// surer ties to it.
func (c *crossing) addGuesses(g *guesses) {
	sure := make(map[[2]*workLeg]bool)
	for _, l := range c.links {
		if !l.ambiguous {
			sure[[2]*workLeg{l.from, l.to}] = true
		}
	}
	for _, from := range g.legs {
		may := g.may[from]
		first := slices.IndexFunc(may, func(to *workLeg) bool { return !sure[[2]*workLeg{from, to}] })
		if first < 0 {
			continue
		}
		may[0], may[first] = may[first], may[0]
		l := &link{from: from, to: may[0], attempt: 1, ambiguous: true, confidence: 1 / float64(max(len(may), 2)),
			evidence: []flow.Evidence{c.onlyInTime(from, may[0], nil)}}
		l.evidence[0].Detail = "open and busy at the time"
		for _, r := range may[1:] {
			l.rivals = append(l.rivals, rival{leg: r})
		}
		c.links = append(c.links, l)
	}
}

// unreadable lists the legs whose exchanges stay hidden behind encryption.
func unreadable(legs []*workLeg) []*workLeg {
	var out []*workLeg
	for _, l := range legs {
		if (len(l.exchanges) == 0 || l.exchanges[0].hidden != nil) && !l.empty() && !l.readable() {
			out = append(out, l)
		}
	}
	return out
}

// busyAround tells whether leg d carried bytes both before the request of u
// and after its response.
func (c *crossing) busyAround(d *workLeg, u *exchange) bool {
	orig, reply := c.x.Content(d.conn.Orig), c.x.Content(d.conn.Reply)
	return orig.Proto != scan.ProtoNone && orig.Data.Nanos <= u.start()+index.Causality &&
		(u.resp == nil || reply.Open || reply.Proto != scan.ProtoNone && reply.LastNanos >= u.resp.To.Nanos-index.Causality)
}

// joinToUnreadUp finds encrypted upstream legs that only one client leg can
// have been using in every exchange that may have gone over them.
func (c *crossing) joinToUnreadUp() {
	hidden := unreadable(c.up)
	if len(hidden) == 0 {
		return
	}
	clients, guesses := make(map[*workLeg][]*workLeg), newGuesses()
	choice := make(map[*workLeg]bool) // hidden legs that are not some exchange's only candidate
	for _, d := range c.open(exchangesOf(c.down)) {
		var may []*workLeg
		for _, u := range hidden {
			if len(may) <= maxRivals && c.busyWithin(u, d) {
				may = append(may, u)
			}
		}
		for _, u := range may {
			guesses.add(d.leg, u)
			choice[u] = choice[u] || len(may) > 1
			if len(clients[u]) <= maxRivals && !slices.Contains(clients[u], d.leg) {
				clients[u] = append(clients[u], d.leg)
			}
		}
	}
	for _, u := range hidden {
		if choice[u] || c.busy[u] || u.Midstream || !c.trust.whole(u.Start, u.End) {
			continue
		}
		for _, d := range clients[u] {
			c.add(&link{from: d, to: u, attempt: 1, confidence: sureOnlyInTime, evidence: []flow.Evidence{c.onlyInTime(d, u, nil)}})
		}
	}
	c.addGuesses(guesses)
}

// busyWithin tells whether leg u carried bytes within the exchange d.
func (c *crossing) busyWithin(u *workLeg, d *exchange) bool {
	orig, reply := c.x.Content(u.conn.Orig), c.x.Content(u.conn.Reply)
	if orig.Proto == scan.ProtoNone || d.resp == nil && reply.Proto == scan.ProtoNone {
		return false
	}
	return orig.LastNanos >= d.start()-index.Causality && (d.resp == nil || orig.Data.Nanos <= d.resp.From.Nanos+index.Causality)
}

// joinRefused ties upstream connections that carried nothing to the one
// exchange that was waiting for an upstream then: failed attempts.
func (c *crossing) joinRefused() {
	var refused []*workLeg
	for _, u := range c.up {
		if u.empty() && !c.busy[u] && u.refused(c.x) && c.trust.whole(u.Start, u.End) {
			refused = append(refused, u)
		}
	}
	if len(refused) == 0 {
		return
	}
	ds, served := exchangesOf(c.down), c.served()
	for _, u := range refused {
		var only *exchange
		n := 0
		for _, d := range ds {
			if d.start() <= u.Start+index.Causality && waited(d, served[d], u.End) {
				only = d
				n++
			}
		}
		if n == 1 {
			c.add(&link{from: only.leg, to: u, down: only, attempt: 1, confidence: sureOnlyInTime,
				evidence: []flow.Evidence{c.onlyInTime(only.leg, u, nil)}})
			c.countAttempts(only)
		}
	}
}

// served tells of the exchanges that are tied when what served them began.
func (c *crossing) served() map[*exchange]int64 {
	served := make(map[*exchange]int64)
	for _, l := range c.links {
		if l.down != nil && !l.ambiguous {
			served[l.down] = max(served[l.down], l.began())
		}
	}
	return served
}

// waited tells whether d was still waiting for an upstream at a time: it was
// served after that, or not at all.
func waited(d *exchange, served, at int64) bool {
	if served != 0 {
		return served >= at-index.Causality
	}
	return d.resp != nil && d.resp.Status >= 500 && d.resp.From.Nanos >= at-index.Causality
}

func (c *crossing) onlyInTime(d, u *workLeg, e *exchange) flow.Evidence {
	ev := flow.Evidence{Kind: flow.OnlyCandidate, Detail: "no other connection was open and busy at the time"}
	ev.Packets = append(ev.Packets, c.x.Half(d.conn.Lead()).First)
	if e != nil {
		ev.Packets = append(ev.Packets, e.ref())
	} else {
		ev.Packets = append(ev.Packets, c.x.Half(u.conn.Lead()).First)
	}
	return ev
}

// adjacency looks for neighbouring source ports: Linux takes the next even
// ports for connections from one address to one destination within 10 s
// (net/ipv4/inet_hashtables.c, __inet_hash_connect).
func adjacency(x *index.Index, d, u *workLeg) (flow.Evidence, bool) {
	a, b := d.Orig, u.Orig
	gap := int(b.Src.Port()) - int(a.Src.Port())
	if a.Dst != b.Dst || a.Src.Addr() != b.Src.Addr() || gap < 2 || gap > 16 || gap%2 != 0 || u.Start < d.Start {
		return flow.Evidence{}, false
	}
	return flow.Evidence{Kind: flow.PortAdjacency, Detail: fmt.Sprintf("source ports %d and %d to %s", a.Src.Port(), b.Src.Port(), a.Dst),
		Packets: []capture.Ref{x.Half(d.conn.Lead()).First, x.Half(u.conn.Lead()).First}}, true
}
