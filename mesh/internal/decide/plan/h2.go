package plan

import (
	"slices"

	"github.com/pcapmesh/pcapmesh/mesh/flow"
	"github.com/pcapmesh/pcapmesh/mesh/internal/decide/graph"
	"github.com/pcapmesh/pcapmesh/mesh/internal/index"
	"github.com/pcapmesh/pcapmesh/mesh/internal/index/scan"
)

func onHTTP2(e *graph.Exchange) bool { return e.Leg.Multiplexed() }

// asHTTP2 reports whether chosen exchanges of a client are written as HTTP/2: where
// some were, and where HTTP/1.1, in which answers come in the order of requests and
// nothing else tells whose they are, would make readers take one for another.
func asHTTP2(client *graph.Leg, chosen []*graph.Exchange) bool {
	if slices.ContainsFunc(chosen, onHTTP2) {
		return true
	}
	return client.SpeaksHTTP2() && torn(chosen) || mayOverlap(client) && overlap(chosen)
}

// mayOverlap reports whether exchanges on the leg may go on at once, as far as is known
// of one that cannot be read: HTTP/2 inside of TLS has to be offered (RFC 9113 §3.2).
func mayOverlap(l *graph.Leg) bool {
	heard := len(l.TLS.ALPN) > 0 || l.TLS.Version != "" && !l.Midstream
	return l.SpeaksHTTP2() || !l.Readable() && (!heard || slices.Contains(l.TLS.ALPN, "h2") || slices.Contains(l.TLS.ALPN, "istio-h2"))
}

// torn reports whether something before the last exchange is missing, so that the
// answers are not those of the requests one by one, or the end of one is not to be
// found.
func torn(es []*graph.Exchange) bool {
	whole := func(m *scan.Message) bool { return m != nil && m.Is(scan.MsgComplete) }
	return slices.ContainsFunc(es[:max(len(es)-1, 0)], func(e *graph.Exchange) bool { return !whole(e.Req) || !whole(e.Resp) })
}

// overlap reports whether some exchange began before one that is written before it was
// over.
func overlap(es []*graph.Exchange) bool {
	for i, e := range es {
		if i > 0 && e.KnownBy() < es[i-1].End() {
			return true
		}
	}
	return false
}

// addPieces gives c the messages of those chosen exchanges that were HTTP/1.1.
func (pl *Planner) addPieces(c *Conversation, chosen []*graph.Exchange) {
	for i, e := range chosen {
		if onHTTP2(e) {
			continue
		}
		add := func(dir int, h index.HalfNo, m *scan.Message) {
			if m == nil {
				return
			}
			p := pl.piece(h, m)
			p.Turn, p.Message = i, m
			c.Pieces[dir] = append(c.Pieces[dir], p)
		}
		add(0, e.Leg.Conn.Orig, e.Req)
		add(1, e.Leg.Conn.Reply, e.Resp)
	}
}

// modeOf tells how the chosen exchanges are written, seen from a path's client.
func (c *Conversation) modeOf(client *graph.Leg, chosen []*graph.Exchange) flow.Mode {
	switch {
	case len(c.Calls) > 0 && !slices.ContainsFunc(c.Calls, onHTTP2):
		return flow.H11To2
	case len(c.Calls) == 0 && len(chosen) > 0 && client.SpeaksHTTP2() && !slices.ContainsFunc(chosen, onHTTP2):
		return flow.H2To11
	}
	return ""
}

// form says in comments how exchanges are written, if not as they were.
func (c *Conversation) form() (cs []string) {
	again := slices.ContainsFunc(c.Calls, func(e *graph.Exchange) bool { return !onHTTP2(e) })
	if len(c.Calls) > 0 {
		cs = append(cs, "pcapmesh: HTTP/2 written anew, with a preface, settings, header tables and stream numbers of its own")
	}
	switch {
	case c.Path.Mode == flow.H2To11:
		cs = append(cs, "pcapmesh: h2→1.1: the client spoke HTTP/2; its exchanges as HTTP/1.1, one after the other")
	case c.Path.Mode == flow.H11To2:
		cs = append(cs, "pcapmesh: 1.1→h2: read as HTTP/1.1 behind the proxy; re-encoded as HTTP/2, since exchanges of the client overlapped")
	case again:
		cs = append(cs, "pcapmesh: exchanges that were read as HTTP/1.1 are re-encoded as HTTP/2")
	}
	return cs
}
