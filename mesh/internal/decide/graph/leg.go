package graph

import (
	"slices"
	"strings"

	"github.com/pcapmesh/pcapmesh/capture"
	"github.com/pcapmesh/pcapmesh/capture/tcpip"
	"github.com/pcapmesh/pcapmesh/internal/arena"
	"github.com/pcapmesh/pcapmesh/mesh/flow"
	"github.com/pcapmesh/pcapmesh/mesh/internal/decide/conn"
	"github.com/pcapmesh/pcapmesh/mesh/internal/index"
	"github.com/pcapmesh/pcapmesh/mesh/internal/index/scan"
	"github.com/pcapmesh/pcapmesh/mesh/internal/recorded"
	"github.com/pcapmesh/pcapmesh/reassembly"
)

// A Leg is a leg as it is being decided upon: what is told of it, and what only
// deciding needs.
type Leg struct {
	*flow.Leg
	Log       *recorded.Line
	Fixed     bool                // a client's leg beside others dialled by proxies: its port is the application's
	plain     [2]*index.Plaintext // of the conn's halves, if it is decrypted
	Conn      *conn.Conn
	others    []*conn.Conn              // the same connection seen at other points
	best      *conn.Conn                // the fullest observation; nil until somebody watches
	from      *conn.Conn                // the one whose times count; nil: Conn's
	points    map[index.Place]scan.Span // when packets were captured at each point
	Views     []View                    // its role in each pod that shows it
	Exchanges []Exchange
	Hidden    []Exchange // its exchanges as told by turns, when they cannot be read
	Loose     bool       // bytes were seen that belong to no exchange
	Kept      bool       // dialled by a proxy from its client's address
	Tunnel    bool       // HBONE
	Streams   []Exchange // of a tunnel that is decrypted
	Opened    bool       // a tunnel whose streams are its exchanges
	Spent     bool       // all that a tunnel carried is tied
	Across    *Leg       // what the tunnel carried on in another pod that was captured
}

// A View is a leg's role as one pod sees it.
type View struct {
	Pod       string
	Role      flow.Role
	Tentative bool // only a join can confirm it
	Bare      bool // nothing there tells of a proxy
}

// Readable reports whether the bytes of the leg are plaintext.
func (l *Leg) Readable() bool { return l.Protocol != flow.ProtocolTLS && !l.Tunnel || l.Opened }

// Multiplexed reports whether exchanges on the leg may go on at once.
func (l *Leg) Multiplexed() bool { return l.Protocol == flow.ProtocolHTTP2 || l.Opened }

// OnlyHTTP2 reports whether nothing but HTTP/2 can be spoken inside of the leg's TLS: the
// client offers nothing else. Istio's own word for the mesh may stand beside it.
func (l *Leg) OnlyHTTP2() bool {
	other := func(p string) bool { return p != "h2" && p != "istio-h2" && p != "istio" }
	return l.SpeaksHTTP2() && !l.Readable() && !slices.ContainsFunc(l.TLS.ALPN, other)
}

// SpeaksHTTP2 reports whether the leg carries HTTP/2, inside of TLS as far as the
// client's first choice tells.
func (l *Leg) SpeaksHTTP2() bool {
	return l.Multiplexed() || !l.Readable() && len(l.TLS.ALPN) > 0 && (l.TLS.ALPN[0] == "h2" || l.TLS.ALPN[0] == "istio-h2")
}

// CarriesBytes reports whether the client of a TLS leg is a proxy of Istio that sends on
// one connection of its own client, byte for byte: it says so in ALPN, and offers no HTTP.
func (l *Leg) CarriesBytes() bool {
	http := func(p string) bool { return strings.HasSuffix(p, "h2") || strings.Contains(p, "http") }
	return slices.Contains(l.TLS.ALPN, "istio-peer-exchange") && !slices.ContainsFunc(l.TLS.ALPN, http)
}

// OfIstio reports whether the client of a TLS leg calls itself a proxy of Istio.
func (l *Leg) OfIstio() bool {
	return slices.ContainsFunc(l.TLS.ALPN, func(p string) bool { return strings.HasPrefix(p, "istio") })
}

// OwnTLS reports whether the TLS of a leg that cannot be read is not that of a proxy of
// Istio.
func (l *Leg) OwnTLS() bool { return l.Protocol == flow.ProtocolTLS && !l.Tunnel && !l.OfIstio() }

// View returns the role of l in the given pod.
func (l *Leg) View(pod string) flow.Role {
	for _, v := range l.Views {
		if v.Pod == pod {
			return v.Role
		}
	}
	return flow.RoleUnknown
}

// Legs turns conns into legs; a connection seen at two points is one.
func Legs(x *index.Index, conns []*conn.Conn) []*Leg {
	var memory arena.Slab[Leg]
	var told arena.Slab[flow.Leg] // apart, so that who keeps a leg keeps no more than that
	legs := make([]*Leg, 0, len(conns))
	seen := newSightings(x)
	several := severalPlaces(conns)
	points := spansOf(conns)
	for _, c := range index.Each(x, conns) {
		if several {
			if l := seen.find(c); l != nil {
				l.others = append(l.others, c)
				continue
			}
		}
		_, l := memory.Add()
		_, l.Leg = told.Add()
		l.Conn = c
		legs = append(legs, l)
		if several {
			seen.add(l)
		}
	}
	for i, l := range index.Each(x, legs) {
		l.ID = i
		l.choose(x)
		l.points = points
		l.describe(x)
	}
	judgeResumed(legs)
	return legs
}

// severalPlaces reports whether more than one capture point shows connections,
// so that one may have been seen twice.
func severalPlaces(conns []*conn.Conn) bool {
	return slices.ContainsFunc(conns, func(c *conn.Conn) bool { return c.Place != conns[0].Place })
}

// choose makes the fullest of the leg's observations the one that is used; of
// equals the first.
func (l *Leg) choose(x *index.Index) {
	best := -1
	for i, o := range l.others {
		if full := fullness(x, o); full > fullness(x, l.Conn) && (best < 0 || full > fullness(x, l.others[best])) {
			best = i
		}
	}
	if best >= 0 {
		l.Conn, l.others[best] = l.others[best], l.Conn
	}
}

// fullness is how much c shows of a connection.
func fullness(x *index.Index, c *conn.Conn) int64 {
	return c.Bytes(x) - c.Missing(x) + int64(min(c.Orig, 1)+min(c.Reply, 1))
}

// describe fills the public fields that follow from the leg's halves.
func (l *Leg) describe(x *index.Index) {
	c := l.Conn
	l.Pod, l.Interface = l.where(x)
	l.Orig, l.Reply = c.OrigTuple(x), c.ReplyTuple(x)
	l.Start, l.End, l.Inferred = capture.Time(c.Start), capture.Time(c.End), c.Inferred
	l.Midstream = !c.HasSYN(x)
	l.ClosedBy = c.ClosedBy(x)
	if c.Orig != 0 {
		h := x.Half(c.Orig)
		l.OrigPackets, l.OrigBytes, l.OrigMissing = int(h.Packets), h.Bytes, h.Missing
	}
	if c.Reply != 0 {
		h := x.Half(c.Reply)
		l.ReplyPackets, l.ReplyBytes, l.ReplyMissing = int(h.Packets), h.Bytes, h.Missing
	}
	l.Captured = make([]tcpip.Tuple, 0, 2)
	for o := range l.Sightings {
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
func (l *Leg) where(x *index.Index) (pod, name string) {
	info := x.Point(l.Conn.Lead())
	for _, o := range l.others {
		if i := x.Point(o.Lead()); info.Cooked && !i.Cooked && i.Pod == info.Pod {
			info = i
		}
	}
	return info.Pod, info.Name
}

// observe notes where one observation of the leg was made.
func (l *Leg) observe(x *index.Index, o *conn.Conn) {
	for h := range o.Halves {
		l.show(x.Half(h))
	}
	for _, s := range o.Strays {
		l.show(x.Half(s.Half))
	}
}

// show notes one half of an observation.
func (l *Leg) show(h *reassembly.Half) {
	if in := int(h.First.Input); !slices.Contains(l.Inputs, in) {
		l.Inputs = append(l.Inputs, in)
	}
	if t := h.Key.Tuple(); !slices.Contains(l.Captured, t) {
		l.Captured = append(l.Captured, t)
	}
}

// protocolOf names what the connection speaks.
func protocolOf(x *index.Index, c *conn.Conn) flow.Protocol {
	a, b := x.Content(c.Orig).Proto, x.Content(c.Reply).Proto
	is := func(p scan.Proto) bool { return a == p || b == p }
	switch {
	case is(scan.ProtoTLS):
		return flow.ProtocolTLS
	case a.IsH2() || b.IsH2():
		return flow.ProtocolHTTP2
	case is(scan.ProtoRequests) || is(scan.ProtoResponses):
		return flow.ProtocolHTTP1
	case slices.Contains(x.Ports, c.Server(x).Port()):
		return flow.ProtocolDNS
	}
	return flow.ProtocolTCP
}

// Plain returns what is told of the legs.
func Plain(legs []*Leg) []*flow.Leg {
	out := make([]*flow.Leg, len(legs))
	for i, l := range legs {
		out[i] = l.Leg
	}
	return out
}

// CountExchanges tells of each leg how many exchanges it has, once that is known.
func CountExchanges(legs []*Leg) {
	for _, l := range legs {
		l.ExchangeCount = max(len(l.Exchanges), len(l.Streams))
	}
}

// Wire returns the range of the leg's wire stream in the given direction that
// carries a range of what was read: of a decrypted leg, whole records.
func (l *Leg) Wire(dir int, r [2]int64) [2]int64 {
	if p := l.plain[dir]; p != nil && r[1] > r[0] {
		return p.Carriers(r)
	}
	return r
}

// RangeOf returns the stream offsets [from, end) of a message; [0, 0) of nil.
func RangeOf(m *scan.Message) [2]int64 {
	if m == nil {
		return [2]int64{}
	}
	return [2]int64{m.Start, max(m.Start, m.End)}
}

// Sightings iterates over all observations of l, the used one first.
func (l *Leg) Sightings(yield func(*conn.Conn) bool) {
	if !yield(l.Conn) {
		return
	}
	for _, c := range l.others {
		if !yield(c) {
			return
		}
	}
}

// Overall is the role of l over all pods: what one pod's proxy sends and
// another pod's proxy receives runs between proxies. What only passes by says
// nothing beside that.
func (l *Leg) Overall() flow.Role {
	views := l.Views
	if slices.ContainsFunc(views, func(v View) bool { return !v.Bare }) {
		views = slices.DeleteFunc(slices.Clone(views), func(v View) bool { return v.Bare })
	}
	role := views[0].Role
	for _, v := range views[1:] {
		if role != v.Role && (v.Role == flow.RoleClientProxy || v.Role == flow.RoleProxyServer) && (role == flow.RoleClientProxy || role == flow.RoleProxyServer) {
			return flow.RoleProxyProxy
		}
		if role == flow.RoleUnknown {
			role = v.Role
		}
	}
	return role
}

// Recast gives l the role in a pod, unless it has one of those that fit.
func (l *Leg) Recast(pod string, role flow.Role, fit ...flow.Role) {
	for i := range l.Views {
		if v := &l.Views[i]; v.Pod == pod && (v.Tentative || !slices.Contains(fit, v.Role)) {
			v.Role, v.Tentative = role, false
		}
	}
	l.Role = l.Overall()
}
