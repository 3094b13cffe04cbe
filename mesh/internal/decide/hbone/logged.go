package hbone

import (
	"fmt"
	"net/netip"

	"github.com/pcapmesh/pcapmesh/capture"
	"github.com/pcapmesh/pcapmesh/mesh/flow"
	"github.com/pcapmesh/pcapmesh/mesh/internal/decide/graph"
)

// ztunnel logs of a connection that it sends on its client's end and the server at the
// far end of the tunnel. Where there is one tunnel to that server, it names both.

// Tell puts what ztunnel logged on the connections that it accepted: each has one line.
func Tell(logs *graph.Ledger) {
	lines := make(map[*graph.Leg][]*graph.NamedLine)
	for _, k := range logs.Lines {
		if l := k.Down; k.Ztunnel && l != nil && !l.Tunnel {
			lines[l] = append(lines[l], k)
		}
	}
	for _, k := range logs.Lines {
		if l := k.Down; l != nil && len(lines[l]) == 1 && l.Log == nil {
			l.Log = k.Line
		}
	}
}

// heed finds what the log says of the connections of this side.
func (t *tunnelling) heed(logs *graph.Ledger) {
	if t.inbound {
		t.arrived(logs)
	} else {
		t.sentOn(logs)
	}
}

// sentOn finds where the log says that connections were sent. Lines that name no tunnel's
// server, or of one connection several, say nothing, and neither do those of what failed
// before there was a stream for it.
func (t *tunnelling) sentOn(logs *graph.Ledger) {
	inside, ends := make(map[*graph.Leg]*inner), make(map[netip.AddrPort]bool)
	for _, c := range t.inner {
		inside[c.leg] = c
	}
	for _, m := range t.tunnels {
		ends[m.leg.Orig.Dst] = true
	}
	t.sent = make(map[*graph.Leg]*graph.NamedLine)
	twice := make(map[*graph.Leg]bool)
	for _, k := range logs.Lines {
		if inside[k.Down] == nil || !k.TCP() {
			continue
		}
		if k.Ztunnel && (k.CameToNothing() && !k.Answered() || k.Target.IsValid() && !ends[k.UpstreamHost]) {
			inside[k.Down].nowhere = true
		}
		if k.CameToNothing() && !k.Answered() || !ends[k.UpstreamHost] {
			continue
		}
		if o := t.sent[k.Down]; o != nil && o.UpstreamHost != k.UpstreamHost {
			twice[k.Down] = true
		}
		t.sent[k.Down] = k
	}
	for l := range twice {
		delete(t.sent, l)
	}
	for l, k := range t.sent {
		if k.Answered() {
			inside[l].bursts = nil // nothing of it went through
		}
	}
}

// poolLimit is how many streams a tunnel has at once before ztunnel opens another to the
// same place (ztunnel: PROXY_HBONE_POOL_MAX_STREAMS).
const poolLimit = 100

// joinSent ties the connections that were sent to a server to which one tunnel leads. While
// that is open there is no other, if it is not full: that would go unseen after the capture.
func (t *tunnelling) joinSent() {
	for _, c := range t.unlinked() {
		if i := t.named(c); i >= 0 && (len(t.inner) < poolLimit && t.tunnels[i].leg.ClosedBy == "open" || !t.unseen(c, t.tunnels[i])) {
			t.linkLogged(c, i, t.byLog(c, t.tunnels[i]))
		}
	}
}

// linkLogged ties a connection to a tunnel that a line names.
func (t *tunnelling) linkLogged(c *inner, no int, why flow.Evidence) {
	m := t.tunnels[no]
	f := t.cover(c, no, m)
	t.occupy(c, f)
	l := t.link(c, m)
	l.Confidence, l.Proven, l.Evidence = graph.SureProven, true, []flow.Evidence{why}
	if f.found > 0 {
		l.Evidence = append(l.Evidence, t.found(c, f))
	}
	t.links = append(t.links, l)
}

// named returns the tunnel that the log names: the only one to that server; -1 if there
// are others.
func (t *tunnelling) named(c *inner) int {
	found := -1
	if t.sent[c.leg] == nil {
		return found
	}
	for i, m := range t.tunnels {
		if !t.may(c, m) {
			continue
		}
		if found >= 0 {
			return -1
		}
		found = i
	}
	return found
}

// byLog returns the evidence of the line that names a connection and the server of a
// tunnel.
func (t *tunnelling) byLog(c *inner, m *tunnel) flow.Evidence {
	return t.says(t.sent[c.leg], c, m, "no other tunnel goes there")
}

// says returns the evidence of a line.
func (t *tunnelling) says(k *graph.NamedLine, c *inner, m *tunnel, more string) flow.Evidence {
	s := k.Source(t.records.Files)
	return flow.Evidence{Kind: flow.AccessLog, Source: s, Detail: fmt.Sprintf("%s line %d: %s, %s", s.File, s.Line, k.Ties(), more),
		Packets: []capture.Ref{t.x.Half(c.leg.Conn.Lead()).First, t.x.Half(m.leg.Conn.Lead()).First}}
}
