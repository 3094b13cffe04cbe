package rules

import (
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/pcapmesh/pcapmesh/capture/tcpip"
	"github.com/pcapmesh/pcapmesh/mesh/profile"
	"github.com/pcapmesh/pcapmesh/mesh/rules/netfilter"
	"github.com/pcapmesh/pcapmesh/mesh/rules/walk"
)

// A Flow is a conversation from end to end, as rules send it.
type Flow struct {
	Name  string
	Parts []Part // its connections, in order: to the proxy, from it
}

// A Part is one connection of a Flow.
type Part struct {
	From, To string // who dials, and who answers in the end
	*walk.Trace
}

// Path draws the flow: "Remote Pod → PREROUTING → ISTIO_INBOUND (rule 5) →
// ISTIO_IN_REDIRECT → Envoy 15006 (inbound) → OUTPUT → …".
func (f *Flow) Path() string {
	var out []string
	for i := range f.Parts {
		p := &f.Parts[i]
		if i == 0 {
			out = append(out, p.From)
		}
		out = append(append(out, p.Way...), p.To)
	}
	return strings.Join(out, " → ")
}

// A Cast names the addresses that stand for the ends of flows. The zero Cast
// has examples.
type Cast struct {
	Pod    netip.Addr
	Port   uint16 // of the application
	UID    uint32 // of the application
	Peer   netip.Addr
	Remote netip.AddrPort // the service that the application calls
}

// fill sets what is not given.
func (c *Cast) fill(f *Facts) {
	if !c.Pod.IsValid() {
		c.Pod = netip.AddrFrom4([4]byte{10, 244, 1, 10})
	}
	v6 := c.Pod.Is6()
	if !c.Peer.IsValid() {
		c.Peer = either(v6, "10.244.2.20", "fd00:10:244:2::20")
	}
	if !c.Remote.IsValid() {
		c.Remote = netip.AddrPortFrom(either(v6, "10.96.10.1", "fd00:10:96::1"), 80)
	}
	if c.Port == 0 {
		c.Port = 8080
		if !f.InboundAll && len(f.InboundIncluded) > 0 {
			c.Port = uint16(f.InboundIncluded[0].Lo)
		}
	}
	if c.UID == 0 {
		c.UID = f.AppID()
	}
}

func either(v6 bool, a, b string) netip.Addr {
	if v6 {
		a = b
	}
	return netip.MustParseAddr(a)
}

// AppID returns a user and group that the rules have nothing to say about, for
// an application's.
func (f *Facts) AppID() uint32 {
	for id := uint32(1000); ; id++ {
		if !has(f.UIDs, id) && !has(f.GIDs, id) && !has(f.ExcludedUIDs, id) && !has(f.ExcludedGIDs, id) || id == 2000 {
			return id
		}
	}
}

// proxyIDs returns a user and a group of the proxy.
func (f *Facts) proxyIDs() (uid, gid uint32) {
	switch {
	case len(f.UIDs) > 0:
		uid = f.UIDs[0].Lo
	case f.Mark == 0:
		uid = 1337
	}
	if gid = uid; len(f.GIDs) > 0 {
		gid = f.GIDs[0].Lo
	}
	return uid, gid
}

// proxyName returns the name of the mesh's proxy.
func (f *Facts) proxyName() string { return f.named().ProxyName() }

// named returns the profile of the mesh that wrote the rules, without what they
// say; one that says nothing if they tell none.
func (f *Facts) named() *profile.Profile {
	if p := profile.Named(f.Mesh); p != nil {
		return p
	}
	return &profile.Profile{}
}

// A stage plays flows.
type stage struct {
	set  *Ruleset
	f    Facts
	mesh *profile.Profile
	c    Cast
	now  Flow
}

// Flows walks the flows that everybody asks about: a client and the application,
// the application and a service, metrics past the proxy, the application and
// itself, the proxy's own loopback connections, and the agent's to the control
// plane.
func (s *Ruleset) Flows(c Cast) []Flow {
	g := &stage{set: s, f: s.Facts(), c: c}
	g.mesh = g.f.named()
	if !c.Pod.IsValid() && !s.Covers(netfilter.IPv4) && s.Covers(netfilter.IPv6) {
		g.c.Pod = netip.MustParseAddr("2001:db8::10") // RFC 3849: any will do
	}
	g.c.fill(&g.f)
	local := g.loopback()
	return []Flow{
		g.play("remote → app", func() { g.inbound("Remote Pod", g.c.Port) }),
		g.play("app → remote", func() { g.outbound(g.c.Remote, "Remote Pod", netip.AddrPortFrom(g.c.Peer, 8080)) }),
		g.play("Prometheus → excluded port", func() { g.inbound("Prometheus", g.metrics()) }),
		g.play("app → itself through a service", func() {
			g.outbound(g.c.Remote, "Local Pod", netip.AddrPortFrom(g.c.Pod, g.c.Port))
		}),
		g.play("app → itself by its own address", func() {
			g.send("Local Pod", "Local Pod", g.app(netip.AddrPortFrom(g.c.Pod, 40000), netip.AddrPortFrom(g.c.Pod, g.c.Port)))
		}),
		g.play("proxy-internal localhost", func() {
			g.send(g.f.proxyName(), g.f.proxyName(), g.proxy(netip.AddrPortFrom(local, 40000), netip.AddrPortFrom(local, 15000)))
		}),
		g.play("agent → control plane", func() {
			to := netip.AddrPortFrom(either(g.c.Pod.Is6(), "10.96.0.2", "fd00:10:96::2"), 15012)
			g.send("Agent", "Control Plane", g.proxy(netip.AddrPortFrom(g.c.Pod, 40000), to))
		}),
	}
}

func (g *stage) loopback() netip.Addr { return either(g.c.Pod.Is6(), "127.0.0.1", "::1") }

// metrics returns a port that is not redirected, a mesh's own if there is one.
func (g *stage) metrics() uint16 {
	for _, p := range profile.All() {
		for _, port := range p.MetricsPorts {
			if has(g.f.InboundExcluded, uint32(port)) {
				return port
			}
		}
	}
	if len(g.f.InboundExcluded) > 0 {
		return uint16(g.f.InboundExcluded[0].Lo)
	}
	return profile.Istio().MetricsPorts[0]
}

func (g *stage) play(name string, act func()) Flow {
	g.now = Flow{Name: name}
	act()
	return g.now
}

// inbound plays a client that dials the pod, and what the proxy does then.
func (g *stage) inbound(who string, port uint16) {
	to := netip.AddrPortFrom(g.c.Pod, port)
	t := g.send(who, "Local Pod", walk.Packet{Tuple: tcp(netip.AddrPortFrom(g.c.Peer, 40000), to), In: "eth0"})
	if t.Outcome == walk.Redirected || t.Outcome == walk.Proxied {
		g.serve(to)
	}
}

// serve plays the proxy that dials the application for a client.
func (g *stage) serve(to netip.AddrPort) {
	from := g.c.Pod
	switch {
	case g.bind().IsValid():
		from = g.bind()
	case g.mesh.KeepsSource:
		from = g.c.Peer
	case g.mesh.DialsLoopback:
		from, to = g.loopback(), netip.AddrPortFrom(g.loopback(), to.Port())
	}
	p := g.proxy(netip.AddrPortFrom(from, 40001), to)
	p.Out = netfilter.Loopback
	g.send(g.f.proxyName(), "Local Pod", p)
}

// bind returns the proxy's source address towards the application, if it has one
// of its own.
func (g *stage) bind() netip.Addr {
	for _, a := range g.f.BindSources {
		if a.Is6() == g.c.Pod.Is6() {
			return a
		}
	}
	return netip.Addr{}
}

// outbound plays the application that dials a service, and the proxy that dials
// its endpoint.
func (g *stage) outbound(service netip.AddrPort, who string, endpoint netip.AddrPort) {
	t := g.send("Local Pod", who, g.app(netip.AddrPortFrom(g.c.Pod, 40000), service))
	if t.Outcome != walk.Redirected {
		return
	}
	t = g.send(g.f.proxyName(), who, g.proxy(netip.AddrPortFrom(g.c.Pod, 40002), endpoint))
	if t.Outcome == walk.Redirected {
		g.serve(endpoint)
	}
}

// app returns a packet of the application.
func (g *stage) app(src, dst netip.AddrPort) walk.Packet {
	p := walk.Packet{Tuple: tcp(src, dst), UID: g.c.UID, GID: g.c.UID}
	p.Out = g.route(dst.Addr())
	return p
}

// proxy returns a packet of the proxy.
func (g *stage) proxy(src, dst netip.AddrPort) walk.Packet {
	p := walk.Packet{Tuple: tcp(src, dst), Mark: g.f.Mark}
	p.UID, p.GID = g.f.proxyIDs()
	p.Out = g.route(dst.Addr())
	return p
}

func tcp(src, dst netip.AddrPort) tcpip.Tuple {
	return tcpip.Tuple{Proto: tcpip.ProtoTCP, Src: src, Dst: dst}
}

// route returns the interface for a destination.
func (g *stage) route(dst netip.Addr) string {
	if dst == g.c.Pod || dst.IsLoopback() || dst == g.bind() {
		return netfilter.Loopback
	}
	return "eth0"
}

// send walks a packet and adds it to the flow.
func (g *stage) send(from, to string, p walk.Packet) *walk.Trace {
	p.Local = []netip.Addr{g.c.Pod}
	t := g.set.Walk(p)
	g.now.Parts = append(g.now.Parts, Part{from, g.f.end(t, to), t})
	return t
}

// end names where a packet ended that was to go to somebody.
func (f *Facts) end(t *walk.Trace, to string) string {
	switch t.Outcome {
	case walk.Dropped:
		return "dropped"
	case walk.Unknown:
		return "unknown"
	case walk.Untouched:
		return to
	}
	about := ""
	switch {
	case slices.Contains(f.DNSPorts, t.Port):
		about = " (DNS)"
	case t.Packet.In != "" || has(f.UIDs, t.Packet.UID) || !slices.Contains(f.OutboundPorts, t.Port):
		about = " (inbound)"
	default:
		about = " (outbound)"
	}
	return f.proxyName() + " " + strconv.Itoa(int(t.Port)) + about
}

// isProxy reports whether a socket of that user and group, marked so, is the
// proxy's.
func (f *Facts) isProxy(uid, gid, mark uint32) bool {
	if f.MarkMask != 0 && mark&f.MarkMask == f.Mark {
		return true
	}
	return has(f.UIDs, uid) || has(f.GIDs, gid)
}
