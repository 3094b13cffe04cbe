package profile

import (
	"cmp"
	"net/netip"
	"slices"
)

// A Profile says where the parts of one service mesh listen and how its proxy
// shows in a capture. Observed structure comes first; a profile names what
// structure alone does not. It is read only.
type Profile struct {
	Name          string       // as given to --mesh
	Title         string       // the name for people
	OutboundPorts []uint16     // the proxy takes what the application dials here, by redirect
	InboundPorts  []uint16     // the proxy takes what clients dial here, by redirect
	TunnelPorts   []uint16     // proxies of peers dial these on the wire, in place of the application's port
	Ports         []Port       // all listeners, ascending; the control plane's last
	BindSources   []netip.Addr // from which the proxy dials the application; none: no address of its own
	KeepsSource   bool         // the proxy dials the application from the client's address
	DialsLoopback bool         // the proxy dials the application at the loopback address, from there
	ProbeSources  []netip.Addr // from which the node's probes of applications come, past the proxy
	UIDs          []uint32     // of the proxy, exempt from the redirect
	MetricsPorts  []uint16     // left out of the redirect, for those who collect metrics; the first is the best known

	Proxy  string   // the proxy's name for people; empty: Envoy
	Chains []string // how the names of the firewall's chains begin
	Tables []string // how the names of its tables begin, if these tell more than chains
}

// A Port is one listener of a mesh.
type Port struct {
	Number    uint16
	Component string // the process that listens
	Protocol  string
	Purpose   string
	Scope     Scope
	Shows     string // what a capture in the pod shows of it
	Control   bool   // only the mesh itself speaks here, so no application's conversation does
}

// A Scope says where packets with a port's number can be captured.
type Scope uint8

// The scopes of ports.
const (
	ScopeLoopback   Scope = iota // lo of the pod only
	ScopeRedirected              // nobody dials it; the redirect puts it into packets
	ScopeWire                    // eth0 and beyond
)

// String returns the scope in words.
func (s Scope) String() string {
	switch s {
	case ScopeLoopback:
		return "pod local"
	case ScopeRedirected:
		return "redirected only"
	case ScopeWire:
		return "on the wire"
	}
	return "unknown"
}

// Control returns the listener at port that only the mesh itself speaks to:
// health, metrics, configuration, DNS. Numbers that applications use as well,
// such as 8080, are never control.
func (p *Profile) Control(port uint16) (Port, bool) {
	for _, l := range p.Ports {
		if l.Number == port && l.Control {
			return l, true
		}
	}
	return Port{}, false
}

// A mesh is a built-in profile, and what tells its mesh from others.
type mesh struct {
	Profile
	programs []program // what runs in its pods
	tells    []tell    // what connections show of it; one is enough. None: it is taken for Istio
}

// A program is a part of a mesh, by the name of its process.
type program struct {
	name      string // of the executable
	component string // the name for people
}

// meshes returns all that are built in, Istio first.
func meshes() []mesh {
	return []mesh{istio(), istioAmbient(), linkerd(), consul(), kuma(), osm(), appMesh()}
}

// All returns all built-in profiles, Istio first.
func All() []*Profile {
	known := meshes()
	all := make([]*Profile, len(known))
	for i := range known {
		all[i] = &known[i].Profile
	}
	return all
}

// ProxyName returns the name of the proxy for people.
func (p *Profile) ProxyName() string { return cmp.Or(p.Proxy, "Envoy") }

// Named returns the built-in profile of that name; nil if there is none.
func Named(name string) *Profile {
	for _, p := range All() {
		if p.Name == name {
			return p
		}
	}
	return nil
}

// Istio returns the profile of Istio's sidecars, release 1.4 and later: the
// default.
func Istio() *Profile {
	m := istio()
	return &m.Profile
}

// istio follows istio.io "Application Requirements", and of the Istio tree
// tools/istio-iptables/pkg/constants/constants.go, pilot/cmd/pilot-agent/options
// and pilot/pkg/networking/core/listener_address.go (127.0.0.6, ::6, since 1.10).
func istio() mesh {
	return mesh{
		Profile: Profile{
			Name:          "istio",
			Title:         "Istio sidecar",
			OutboundPorts: []uint16{15001},
			InboundPorts:  []uint16{15006},
			TunnelPorts:   []uint16{15008},
			BindSources:   bindSources(),
			ProbeSources:  probeSources(),
			UIDs:          []uint32{1337},
			MetricsPorts:  []uint16{15020, 15090},
			Chains:        []string{"ISTIO_", "istio-"},
			Ports: slices.Concat([]Port{
				{15000, "Envoy", "HTTP", "admin", ScopeLoopback, "lo: 127.0.0.1 to 127.0.0.1:15000", true},
				{15001, "Envoy", "TCP", "outbound capture", ScopeRedirected, showsOutbound, false},
				{15002, "istio-validation", "TCP", "probe of the redirect rules", ScopeLoopback, "lo: only while the pod starts", true},
				{15004, "pilot-agent", "HTTP", "debug of istiod", ScopeLoopback, "lo: 127.0.0.1 to 127.0.0.1:15004", true},
				{15006, "Envoy", "TCP", "inbound capture", ScopeRedirected, showsInbound, false},
				{15008, "Envoy, waypoint", "HTTP/2 over mTLS", "HBONE tunnel", ScopeWire, "eth0: TLS, many conversations in one connection", false},
				{15020, "pilot-agent", "HTTP", "merged metrics, application probes", ScopeWire, "eth0: kubelet, Prometheus; the probe itself: lo 127.0.0.6 to the application", true},
				{15021, "Envoy", "HTTP", "health /healthz/ready", ScopeWire, "eth0: kubelet or load balancer", true},
				{15053, "pilot-agent", "DNS", "DNS proxy", ScopeRedirected, "lo: request to 127.0.0.1:15053, answer from the server's :53", true},
				{15090, "Envoy", "HTTP", "metrics /stats/prometheus", ScopeWire, "eth0: Prometheus", true},
				{15443, "gateway", "TLS", "multi-cluster, routed by SNI", ScopeWire, "eth0: TLS of applications passed through", false},
			}, istiod()),
		},
		programs: []program{envoy(), {"pilot-agent", "pilot-agent"}, {"pilot-discovery", "istiod"}},
	}
}

// envoy returns the proxy that most meshes share.
func envoy() program { return program{"envoy", "Envoy"} }

// istiod returns the listeners of Istio's control plane.
func istiod() []Port {
	return []Port{
		{443, "istiod Service", "HTTPS", "webhooks, to container port 15017", ScopeWire, "never in a sidecar pod", false},
		{8080, "istiod", "HTTP", "debug, container port only", ScopeWire, "only in istiod's pod", false},
		{9876, "istiod", "HTTP", "introspection (ControlZ)", ScopeLoopback, "only in istiod's pod", false},
		{15010, "istiod", "gRPC", "configuration and certificates, plaintext", ScopeWire, "eth0: the agent's own connection", true},
		{15012, "istiod", "gRPC over TLS", "configuration and certificates", ScopeWire, "eth0: the agent's own long connection", true},
		{15014, "istiod, istio-cni", "HTTP", "metrics, /debug", ScopeWire, "eth0 of the control plane", true},
		{15017, "istiod", "HTTPS", "webhooks", ScopeWire, "eth0 of the control plane", true},
	}
}

// bindSources returns the addresses from which Istio and Kuma dial the
// application ("6 is the magical number for inbound: 15006, 127.0.0.6, ::6").
func bindSources() []netip.Addr {
	return []netip.Addr{netip.AddrFrom4([4]byte{127, 0, 0, 6}), netip.AddrFrom16([16]byte{15: 6})}
}

// What a redirect makes of a connection. Outbound happens in the OUTPUT hook, so
// the capture sees the request after and the answer before it: two half-flows.
// Inbound happens in PREROUTING, behind the tap, and cannot be seen.
const (
	showsOutbound = "lo: request POD to 127.0.0.1, answer from the address dialled (half-flows)"
	showsInbound  = "eth0: nothing, the redirect is behind the tap; lo: POD calling itself (half-flows)"
)

// IsBindSource reports whether a is the address from which Istio's inbound
// clusters dial the application (InboundPassthroughBindIpv4 and -Ipv6 in
// Istio's pilot/pkg/networking/core/listener_address.go).
func IsBindSource(a netip.Addr) bool {
	return a == netip.AddrFrom4([4]byte{127, 0, 0, 6}) || a == netip.AddrFrom16([16]byte{15: 6})
}

// HBONEPort is where ztunnel, waypoints and sidecars take tunnels.
const HBONEPort = 15008

// ZtunnelMark is what Istio's rules of ambient pods mark connections with that ztunnel has
// an end of, in the bits of ZtunnelMask (istio: cni/pkg/iptables).
const ZtunnelMark, ZtunnelMask = 0x111, 0xfff

// Tunnels reports whether what is dialled at port is HBONE. Tunnel ports of other
// meshes carry one connection each.
func (p *Profile) Tunnels(port uint16) bool {
	return port == HBONEPort && slices.Contains(p.TunnelPorts, port)
}

// Probes reports whether the node's probes come from addr.
func (p *Profile) Probes(addr netip.Addr) bool { return slices.Contains(p.ProbeSources, addr) }

// probeSources returns the addresses to which Istio's rules translate the
// kubelet's on its way into an ambient pod (cni/pkg/iptables, default.golden).
func probeSources() []netip.Addr {
	return []netip.Addr{netip.AddrFrom4([4]byte{169, 254, 7, 127}),
		netip.MustParseAddr("e9ac:1e77:90ca:399f:4d6d:ece2:2f9b:3164"), netip.MustParseAddr("fd16:9254:7127:1337:ffff:ffff:ffff:ffff")}
}
