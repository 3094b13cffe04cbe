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

// heed finds where the log says that connections were sent. Lines that name no tunnel's
// server, or of one connection several, say nothing.
func (t *tunnelling) heed(logs *graph.Ledger) {
	inside, ends := make(map[*graph.Leg]bool), make(map[netip.AddrPort]bool)
	for _, c := range t.inner {
		inside[c.leg] = true
	}
	for _, m := range t.tunnels {
		ends[m.leg.Orig.Dst] = true
	}
	t.sent = make(map[*graph.Leg]*graph.NamedLine)
	twice := make(map[*graph.Leg]bool)
	for _, k := range logs.Lines {
		if k.Down == nil || !inside[k.Down] || !k.TCP() || k.CameToNothing() || !ends[k.UpstreamHost] {
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
	k := t.sent[c.leg]
	s := k.Source(t.records.Files)
	return flow.Evidence{Kind: flow.AccessLog, Source: s, Detail: fmt.Sprintf("%s line %d: %s, no other tunnel goes there", s.File, s.Line, k.Ties()),
		Packets: []capture.Ref{t.x.Half(c.leg.Conn.Lead()).First, t.x.Half(m.leg.Conn.Lead()).First}}
}
