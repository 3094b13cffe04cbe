package hbone

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/pcapmesh/pcapmesh/capture"
	"github.com/pcapmesh/pcapmesh/internal/assign"
	"github.com/pcapmesh/pcapmesh/internal/wire/fingerprint"
	"github.com/pcapmesh/pcapmesh/mesh/flow"
	"github.com/pcapmesh/pcapmesh/mesh/internal/decide/graph"
	"github.com/pcapmesh/pcapmesh/mesh/internal/index"
	"github.com/pcapmesh/pcapmesh/mesh/internal/index/scan"
)

// With keys, every connection has a CONNECT stream of its own in a tunnel, with
// the address that is dialled at its end, and exactly its bytes in DATA frames.

// OpenTunnels makes the streams of decrypted tunnels exchanges where some carry
// connections that were not captured: for these the tunnel is HTTP/2 like any
// other.
func OpenTunnels(legs []*graph.Leg) {
	for _, l := range legs {
		if l.Tunnel && l.Decrypted && !l.Spent {
			l.Exchanges, l.Opened = l.Streams, true
		}
	}
}

// A tunnelStream is a CONNECT stream and the number of its tunnel.
type tunnelStream struct {
	tunnel int
	ex     *graph.Exchange
}

// joinStreams ties connections to streams of tunnels that were read: those with
// the same bytes at the same time. Where several fit, the tunnel may still be
// sure.
func (t *tunnelling) joinStreams() {
	var ss []tunnelStream
	for i, m := range t.tunnels {
		for k := range m.leg.Streams {
			ss = append(ss, tunnelStream{i, &m.leg.Streams[k]})
		}
	}
	if len(ss) == 0 {
		return
	}
	edges := t.carriers(ss)
	a := assign.Match(len(ss), edges)
	for i, c := range t.inner {
		if k := a.OfUp[i]; k >= 0 {
			t.links = append(t.links, t.streamLink(c, ss, edges[i], k, a.Forced[i]))
		}
	}
}

// carriers lists for each connection the streams that may be its own. Streams
// are looked up by how much the client sent.
func (t *tunnelling) carriers(ss []tunnelStream) [][]int {
	bySize := make(map[int64][]int)
	for k, s := range ss {
		n := int64(fingerprint.UnknownLen)
		if s.ex.Req != nil && s.ex.Req.Is(scan.MsgComplete) && !s.ex.Req.Is(scan.MsgOpen) && !turnedAway(s.ex) {
			n = s.ex.Req.Body.Len
		}
		bySize[n] = append(bySize[n], k)
	}
	edges := make([][]int, len(t.inner))
	for i, c := range t.inner {
		r := t.x.Content(c.leg.Conn.Orig)
		var near []int
		if n := t.x.Length(c.leg.Conn.Orig); r.Wholly() && r.Proto != scan.ProtoNone && n >= 0 {
			near = slices.Concat(bySize[n], bySize[fingerprint.UnknownLen])
		} else {
			for k := range ss {
				near = append(near, k)
			}
		}
		for _, k := range near {
			if t.may(c, t.tunnels[ss[k].tunnel]) && t.carried(c.leg, ss[k].ex) {
				edges[i] = append(edges[i], k)
			}
		}
	}
	return edges
}

// streamLink ties a connection to stream k of those that fit.
func (t *tunnelling) streamLink(c *inner, ss []tunnelStream, fit []int, k int, forced bool) *graph.Link {
	s := ss[k]
	m := t.tunnels[s.tunnel]
	l := t.link(c, m)
	l.Confidence, l.Proven = graph.SureProven, true
	for _, o := range fit {
		if r := t.tunnels[ss[o].tunnel].leg; !forced && r != m.leg {
			l.Ambiguous = true
			l.Rivals = addRival(l.Rivals, r)
		}
	}
	if l.Ambiguous {
		l.Proven, l.Confidence = false, 1/float64(len(l.Rivals)+1)
	} else {
		t.occupy(c, t.cover(c, s.tunnel, m))
		l.Stream = s.ex
	}
	l.Evidence = []flow.Evidence{{Kind: flow.SameBytes, Detail: fmt.Sprintf("CONNECT %s in the tunnel: %d bytes sent and %d received", s.ex.Target(), c.leg.Sent(), c.leg.Received()),
		Packets: []capture.Ref{t.x.Half(c.leg.Conn.Lead()).First, s.ex.Ref()}}}
	return l
}

func addRival(rs []graph.Rival, l *graph.Leg) []graph.Rival {
	for _, r := range rs {
		if r.Leg == l {
			return rs
		}
	}
	return append(rs, graph.Rival{Leg: l})
}

// turnedAway reports whether the far end would not carry the connection of a stream:
// nothing of it went through.
func turnedAway(e *graph.Exchange) bool { return e.Status() != 0 && e.Status() != 200 }

// askedBy returns the client's end of the connection that a CONNECT is for, as ztunnel
// names it (RFC 7239 §4); it is invalid if it does not.
func askedBy(e *graph.Exchange) (client netip.AddrPort) {
	if e.Req == nil || e.Req.Forwarded.Len() == 0 {
		return client
	}
	for pair := range strings.SplitSeq(e.Scan.Text.String(e.Req.Forwarded), ";") {
		if node, ok := strings.CutPrefix(strings.TrimSpace(pair), "for="); ok {
			client, _ = netip.ParseAddrPort(strings.Trim(node, `"`))
		}
	}
	return client
}

// carried reports whether stream e may have carried the connection l, or been asked to.
func (t *tunnelling) carried(l *graph.Leg, e *graph.Exchange) bool {
	if to, err := netip.ParseAddrPort(e.Target()); t.inbound && err == nil && to != l.Orig.Dst {
		return false // what is asked for is what is dialled; before the tunnel a service may have been
	}
	if e.Req != nil && t.inbound && int64(l.Start) < e.Req.From.Nanos-index.Causality || e.Req != nil && !t.inbound && e.Req.From.Nanos < int64(l.Start)-index.Causality {
		return false
	}
	if by := askedBy(e); !t.inbound && by.IsValid() && by != l.Orig.Src {
		return false
	}
	if turnedAway(e) {
		return t.turnedAway(l, e)
	}
	return sameContent(t.x, l.Conn.Orig, e.Req) && sameContent(t.x, l.Conn.Reply, e.Resp)
}

// turnedAway reports whether l may be what a stream was turned away for: it was there when
// the answer came, and nothing came back through it. What the application refused was over
// before.
func (t *tunnelling) turnedAway(l *graph.Leg, e *graph.Exchange) bool {
	if e.Resp == nil || l.Received() > 0 {
		return false
	}
	at := e.Resp.From.Nanos
	if t.inbound {
		return l.Empty() && int64(l.End) <= at+index.Causality
	}
	return int64(l.Start) <= at+index.Causality && at <= int64(l.End)+index.Causality
}

// sameContent reports whether what a half carried may be the body of m: by length,
// and by content where a print of the half was kept.
func sameContent(x *index.Index, h index.HalfNo, m *scan.Message) bool {
	r := x.Content(h)
	switch {
	case h == 0 || m == nil:
		return true
	case r.Proto == scan.ProtoNone:
		return m.Body.Len <= 0 || r.Open
	}
	whole := r.Wholly() && m.Is(scan.MsgComplete) && !m.Is(scan.MsgOpen)
	if n := x.Length(h); m.Body.Len >= 0 && (whole && m.Body.Len != n) {
		return false
	}
	if whole && r.Print.Complete() {
		return r.Print.Match(m.Body) != fingerprint.Different
	}
	return r.Print.Known&m.Body.Known&fingerprint.KnownFirst == 0 || r.Print.First == m.Body.First
}
