package mesh

import (
	"slices"

	"github.com/pcapmesh/pcapmesh/capture"
	"github.com/pcapmesh/pcapmesh/internal/arena"
	"github.com/pcapmesh/pcapmesh/mesh/flow"
	"github.com/pcapmesh/pcapmesh/mesh/internal/index"
	"github.com/pcapmesh/pcapmesh/mesh/internal/index/scan"
	"github.com/pcapmesh/pcapmesh/mesh/internal/recorded"
	"github.com/pcapmesh/pcapmesh/reassembly"
)

// A workLeg is a leg as it is being decided upon: what is told of it, and what only
// deciding needs.
type workLeg struct {
	*flow.Leg
	log       *recorded.Line
	fixed     bool                // a client's leg beside others dialled by proxies: its port is the application's
	plain     [2]*index.Plaintext // of the conn's halves, if it is decrypted
	conn      *conn
	others    []*conn // the same connection seen at other points
	views     []view  // its role in each pod that shows it
	exchanges []exchange
	hidden    []exchange // its exchanges as told by turns, when they cannot be read
	loose     bool       // bytes were seen that belong to no exchange
	kept      bool       // dialled by a proxy from its client's address
	tunnel    bool       // HBONE
	streams   []exchange // of a tunnel that is decrypted
	opened    bool       // a tunnel whose streams are its exchanges
	spent     bool       // all that a tunnel carried is tied
	across    *workLeg   // what the tunnel carried on in another pod that was captured
}

// A view is a leg's role as one pod sees it.
type view struct {
	pod       string
	role      flow.Role
	tentative bool // only a join can confirm it
	bare      bool // nothing there tells of a proxy
}

// readable tells whether the bytes of the leg are plaintext.
func (l *workLeg) readable() bool { return l.Protocol != "tls" && !l.tunnel || l.opened }

// multiplexed tells whether exchanges on the leg may go on at once.
func (l *workLeg) multiplexed() bool { return l.Protocol == "h2" || l.opened }

// speaksHTTP2 tells whether the leg carries HTTP/2, inside of TLS as far as the
// client's first choice tells.
func (l *workLeg) speaksHTTP2() bool {
	return l.multiplexed() || !l.readable() && len(l.TLS.ALPN) > 0 && (l.TLS.ALPN[0] == "h2" || l.TLS.ALPN[0] == "istio-h2")
}

// view returns the role of l in the given pod.
func (l *workLeg) view(pod string) flow.Role {
	for _, v := range l.views {
		if v.pod == pod {
			return v.role
		}
	}
	return flow.RoleUnknown
}

// makeLegs turns conns into legs; a connection seen at two points is one.
func makeLegs(x *index.Index, conns []*conn) []*workLeg {
	var memory arena.Slab[workLeg]
	var told arena.Slab[flow.Leg] // apart, so that who keeps a leg keeps no more than that
	legs := make([]*workLeg, 0, len(conns))
	seen := newSightings(x)
	several := severalPlaces(conns)
	for _, c := range conns {
		if several {
			if l := seen.find(c); l != nil {
				l.others = append(l.others, c)
				continue
			}
		}
		_, l := memory.Add()
		_, l.Leg = told.Add()
		l.conn = c
		legs = append(legs, l)
		if several {
			seen.add(l)
		}
	}
	for i, l := range legs {
		l.ID = i
		l.choose(x)
		l.describe(x)
	}
	judgeResumed(legs)
	return legs
}

// severalPlaces tells whether more than one capture point shows connections,
// so that one may have been seen twice.
func severalPlaces(conns []*conn) bool {
	return slices.ContainsFunc(conns, func(c *conn) bool { return c.place != conns[0].place })
}

// choose makes the fullest of the leg's observations the one that is used; of
// equals the first.
func (l *workLeg) choose(x *index.Index) {
	best := -1
	score := func(c *conn) int64 { return c.bytes(x) - c.missing(x) + int64(min(c.Orig, 1)+min(c.Reply, 1)) }
	for i, o := range l.others {
		if score(o) > score(l.conn) && (best < 0 || score(o) > score(l.others[best])) {
			best = i
		}
	}
	if best >= 0 {
		l.conn, l.others[best] = l.others[best], l.conn
	}
}

// describe fills the public fields that follow from the leg's halves.
func (l *workLeg) describe(x *index.Index) {
	c := l.conn
	l.Pod, l.Interface = l.where(x)
	l.Orig, l.Reply = c.origTuple(x), c.replyTuple(x)
	l.Start, l.End, l.Inferred = c.start, c.end, c.inferred
	l.Midstream = !c.hasSYN(x)
	l.ClosedBy = c.closedBy(x)
	if c.Orig != 0 {
		h := x.Half(c.Orig)
		l.OrigPackets, l.OrigBytes, l.OrigMissing = int(h.Packets), h.Bytes, h.Missing
	}
	if c.Reply != 0 {
		h := x.Half(c.Reply)
		l.ReplyPackets, l.ReplyBytes, l.ReplyMissing = int(h.Packets), h.Bytes, h.Missing
	}
	l.Captured = make([]capture.Tuple, 0, 2)
	for o := range l.sightings {
		l.observe(x, o)
	}
	slices.Sort(l.Inputs)
	l.Protocol = protocolOf(x, c)
	l.TLS = tlsOf(x.OnWire(), c)
	l.plain = [2]*index.Plaintext{x.Plain[c.Orig], x.Plain[c.Reply]}
	l.Decrypted = l.plain[0] != nil || l.plain[1] != nil
	for h := range c.Halves {
		l.LostHeaders = l.LostHeaders || x.Content(h).Unknown
		l.Notes = append(l.Notes, x.Notes[h]...)
	}
}

// where names the pod of the leg and the interface, of several that of a
// capture taken on one interface alone, which is known better than what "any"
// shows.
func (l *workLeg) where(x *index.Index) (pod, name string) {
	info := x.Point(l.conn.Lead())
	for _, o := range l.others {
		if i := x.Point(o.Lead()); info.Cooked && !i.Cooked && i.Pod == info.Pod {
			info = i
		}
	}
	return info.Pod, info.Name
}

// observe notes where one observation of the leg was made.
func (l *workLeg) observe(x *index.Index, o *conn) {
	for h := range o.Halves {
		l.show(x.Half(h))
	}
	for _, s := range o.strays {
		l.show(x.Half(s.half))
	}
}

// show notes one half of an observation.
func (l *workLeg) show(h *reassembly.Half) {
	if in := int(h.First.Input); !slices.Contains(l.Inputs, in) {
		l.Inputs = append(l.Inputs, in)
	}
	if t := h.Key.Tuple(); !slices.Contains(l.Captured, t) {
		l.Captured = append(l.Captured, t)
	}
}

// protocolOf names what the connection speaks.
func protocolOf(x *index.Index, c *conn) string {
	a, b := x.Content(c.Orig).Proto, x.Content(c.Reply).Proto
	is := func(p scan.Proto) bool { return a == p || b == p }
	switch {
	case is(scan.ProtoTLS):
		return "tls"
	case a.IsH2() || b.IsH2():
		return "h2"
	case is(scan.ProtoRequests) || is(scan.ProtoResponses):
		return "http/1.1"
	case slices.Contains(x.Ports, c.server(x).Port()):
		return "dns"
	}
	return "tcp"
}

// plainLegs returns what is told of legs.
func plainLegs(legs []*workLeg) []*flow.Leg {
	out := make([]*flow.Leg, len(legs))
	for i, l := range legs {
		l.ExchangeCount = max(len(l.exchanges), len(l.streams))
		out[i] = l.Leg
	}
	return out
}
