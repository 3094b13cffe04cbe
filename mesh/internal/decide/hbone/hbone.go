package hbone

import (
	"slices"

	"github.com/pcapmesh/pcapmesh/capture"
	"github.com/pcapmesh/pcapmesh/mesh/flow"
	"github.com/pcapmesh/pcapmesh/mesh/internal/decide/graph"
	"github.com/pcapmesh/pcapmesh/mesh/internal/index"
	"github.com/pcapmesh/pcapmesh/mesh/internal/recorded"
	"github.com/pcapmesh/pcapmesh/mesh/profile"
)

// HBONE carries connections in CONNECT streams of HTTP/2 over mTLS, many in one
// connection between two nodes. The tunnel is one leg. It is never paired
// exchange by exchange; each connection that it carries is tied to it as a
// whole.

// MarkTunnels finds the legs that are tunnels: by the port, if the client's
// hello does not speak against it, or by what they say where they are decrypted.
func MarkTunnels(x *index.Index, legs []*graph.Leg, p *profile.Profile) {
	for _, l := range index.Each(x, legs) {
		var streams []graph.Exchange
		if l.Decrypted && l.Multiplexed() {
			streams = graph.PairStreams(x, l)
		}
		byPort := p.Tunnels(l.Orig.Dst.Port()) && (!l.Readable() || l.Decrypted) && (len(l.TLS.ALPN) == 0 || slices.Contains(l.TLS.ALPN, "h2"))
		if byPort || len(streams) > 0 && allConnect(streams) {
			l.Protocol, l.Tunnel, l.Streams = flow.ProtocolHBONE, true, streams
			if l.Conn.Loopback { // from the pod's proxy to itself
				for _, v := range l.Views {
					l.Recast(v.Pod, flow.RoleProxyProxy, flow.RoleProxyProxy)
				}
			}
		}
	}
}

// allConnect reports whether every exchange is a tunnel of RFC 9113 §8.5.
func allConnect(es []graph.Exchange) bool {
	for i := range es {
		if es[i].Method() != "CONNECT" {
			return false
		}
	}
	return true
}

// A tunnelling is the tunnels on one side of a pod's proxy and the connections
// on the other side that they may carry.
type tunnelling struct {
	x       *index.Index
	records *recorded.Records
	inbound bool // the tunnels are the clients' side
	tunnels []*tunnel
	inner   []*inner
	links   []*graph.Link
	missing float64                         // weight of a connection that is not found whole; 0: not learned yet
	sent    map[*graph.Leg]*graph.NamedLine // where a log says that connections were sent
	lines   []streamLine                    // what a log says of streams that came in
}

// An inner is a connection that a tunnel may carry.
type inner struct {
	leg     *graph.Leg
	bursts  []burst
	own     bool     // dialled from the pod's own address, perhaps by the application
	marked  bool     // conntrack's mark says that ztunnel dialled it
	nowhere bool     // a log says that there was no stream for it, or one in a tunnel that was not captured
	in      int      // index of the tunnel it is in for sure; -1 = none
	unseen  [2]int64 // by direction, how much the bursts may have that were not found there
}

// Join ties the connections of a pod to the tunnels that carry them: of
// those that no other leg of the pod carries on.
func Join(x *index.Index, legs []*graph.Leg, pod string, links []*graph.Link, rs *recorded.Records, logs *graph.Ledger) []*graph.Link {
	if !slices.ContainsFunc(legs, func(l *graph.Leg) bool { return l.Tunnel }) {
		return nil
	}
	joined := make(map[*graph.Leg]bool)
	for _, l := range index.Each(x, links) {
		joined[l.From], joined[l.To] = true, true
	}
	in, out := &tunnelling{x: x, records: rs, inbound: true}, &tunnelling{x: x, records: rs}
	for _, l := range index.Each(x, legs) {
		role := l.View(pod)
		switch {
		case l.Tunnel && role == flow.RoleClientProxy:
			in.tunnels = append(in.tunnels, newTunnel(x, l))
		case l.Tunnel && role == flow.RoleProxyServer:
			out.tunnels = append(out.tunnels, newTunnel(x, l))
		case l.Tunnel && l.Conn.Loopback: // from the pod to itself
			in.tunnels, out.tunnels = append(in.tunnels, newTunnel(x, l)), append(out.tunnels, newTunnel(x, l))
		case l.Tunnel || joined[l]:
		case role == flow.RoleProxyApp && l.Kept, role == flow.RoleDirect && ownCall(l):
			in.inner = append(in.inner, newInner(x, l))
		case role == flow.RoleAppProxy:
			out.inner = append(out.inner, newInner(x, l))
		}
	}
	in.heed(logs)
	out.heed(logs)
	in.join()
	out.join()
	return append(in.links, out.links...)
}

func newInner(x *index.Index, l *graph.Leg) *inner {
	by, known := l.Conn.ByZtunnel()
	return &inner{leg: l, bursts: burstsOf(x, l), in: -1, own: ownCall(l), marked: by && known}
}

// ownCall reports whether a connection goes from the pod's address to the same: so ztunnel
// dials the application for what it called itself by a service, and so the application
// calls its own address, past ztunnel.
func ownCall(l *graph.Leg) bool {
	by, known := l.Conn.ByZtunnel()
	return l.Conn.Loopback && l.Orig.Src.Addr() == l.Orig.Dst.Addr() && !l.Orig.Src.Addr().IsLoopback() && (by || !known)
}

// whole reports whether all of the connection was captured.
func (c *inner) whole() bool { return whole(c.leg) }

func whole(l *graph.Leg) bool {
	return !l.Midstream && l.OrigMissing+l.ReplyMissing == 0 && l.Conn.Orig != 0 && l.Conn.Reply != 0
}

// maxBursts is how many bursts of a connection are looked for: no two go on
// alike for so long by chance.
const maxBursts = 128

// join ties what can be told, from the surest kind to the weakest.
func (t *tunnelling) join() {
	if len(t.tunnels) == 0 || len(t.inner) == 0 {
		return
	}
	t.count()
	t.learn()
	t.joinStreams()
	t.joinArrived()
	t.joinSent()
	t.joinBursts()
	slices.SortStableFunc(t.links, func(a, b *graph.Link) int { return t.inside(a).ID - t.inside(b).ID })
	t.exhaust()
}

// inside returns the leg that a link ties to a tunnel.
func (t *tunnelling) inside(l *graph.Link) *graph.Leg {
	if t.inbound {
		return l.To
	}
	return l.From
}

// link returns the link between a connection and the tunnel around it.
func (t *tunnelling) link(c *inner, m *tunnel) *graph.Link {
	l := &graph.Link{From: c.leg, To: m.leg, Attempt: 1}
	if t.inbound {
		l.From, l.To = m.leg, c.leg
	}
	return l
}

// may reports whether c may be in m: by addresses, and since both were there when
// bytes went through c.
func (t *tunnelling) may(c *inner, m *tunnel) bool {
	if t.inbound && (!graph.MayServe(m.leg, c.leg) || c.own && c.leg.Orig.Src.Addr() != m.leg.Orig.Src.Addr()) {
		return false
	}
	if k := t.sent[c.leg]; k != nil && k.UpstreamHost != m.leg.Orig.Dst {
		return false
	}
	if !t.inbound && t.outOfTurn(m, c) {
		return false
	}
	first, last := c.leg.Start, c.leg.End
	if len(c.bursts) > 0 {
		first = capture.Time(c.bursts[0].until)
	}
	for _, b := range c.bursts { // what is not answered may wait for the tunnel
		if b.reply {
			last = capture.Time(b.at)
		}
	}
	if t.inbound {
		return m.leg.Start <= c.leg.Start+index.Causality && m.leg.End >= first-index.Causality
	}
	return m.leg.Start <= last+index.Causality && m.leg.End >= first-index.Causality
}

// outOfTurn reports whether ztunnel would have put c into another tunnel to the same place.
// It opens one when the one before has had all the streams that it may at once, and uses
// that no more.
func (t *tunnelling) outOfTurn(m *tunnel, c *inner) bool {
	full := func(first, next *tunnel) bool {
		return first.leg.Orig.Dst == next.leg.Orig.Dst && first.leg.Start < next.leg.Start && !next.leg.Midstream && next.crowd >= poolLimit
	}
	return !c.leg.Midstream && slices.ContainsFunc(t.tunnels, func(o *tunnel) bool {
		return full(m, o) && o.leg.Start+index.Causality < c.leg.Start && o.leg.End > c.leg.Start ||
			full(o, m) && c.leg.Start+capture.Time(dialSlack) < m.leg.Start && o.leg.Start < c.leg.Start && o.leg.End > c.leg.Start
	})
}

// count notes how many connections were open when each tunnel was opened.
func (t *tunnelling) count() {
	for _, m := range t.tunnels {
		for _, c := range t.inner {
			if c.leg.Start <= m.leg.Start && c.leg.End >= m.leg.Start {
				m.crowd++
			}
		}
	}
}

// exhaust marks the tunnels of which everything is known to be carried by
// connections that are tied to them.
func (t *tunnelling) exhaust() {
	for i, m := range t.tunnels {
		n := 0
		var unseen [2]int64
		for _, c := range t.inner {
			if c.in == i {
				unseen[0] += c.unseen[0]
				unseen[1] += c.unseen[1]
				n++
			}
		}
		m.leg.Spent = m.leg.Spent || n > 0 && m.spent(n, unseen) // at either end that was captured
	}
}
