package profile_test

import (
	"fmt"
	"net/netip"

	"github.com/pcapmesh/pcapmesh/mesh/profile"
)

// Which ports of a sidecar show where? Connections to loopback never leave the
// pod, and nobody dials the ports of the redirect: it writes them into packets.
func ExampleIstio() {
	scopes := [...]profile.Scope{profile.ScopeLoopback, profile.ScopeRedirected, profile.ScopeWire}
	mesh := profile.Istio()
	for _, scope := range scopes {
		fmt.Printf("%s:", scope)
		for _, p := range mesh.Ports {
			if p.Scope == scope && p.Number < 15010 {
				fmt.Printf(" %d", p.Number)
			}
		}
		fmt.Println()
	}
	health, ok := mesh.Control(15021)
	fmt.Println(health.Number, health.Component, health.Purpose, ok)
	// Output:
	// pod local: 15000 15002 15004 9876
	// redirected only: 15001 15006
	// on the wire: 15008 443 8080
	// 15021 Envoy health /healthz/ready true
}

// What to capture of a pod that is asked at port 8080, and why so.
func ExampleInboundAdvice() {
	list, err := profile.InboundAdvice(&profile.CaptureQuestion{
		Profile:  profile.Named("istio-ambient"),
		PodAddrs: []netip.Addr{netip.MustParseAddr("10.244.1.10")},
		Ports:    []uint16{8080},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, a := range list {
		fmt.Printf("tcpdump -i %s '%s'\n", a.Interface, a.Filter)
		for _, why := range a.Why {
			fmt.Println("  ", why)
		}
	}
	// Output:
	// tcpdump -i eth0 'tcp and ((dst host 10.244.1.10 and dst port (8080 or 15006 or 15008)) or (src host 10.244.1.10 and src port (8080 or 15006 or 15008)))'
	//    The clients' connections as the clients dialled them, mTLS if they are in the mesh.
	//    The redirect to the proxy happens behind the capture, so it changes no packet here.
	//    Port 15006 shows only in answers that lost their conntrack entry.
	//    Port 15008 is where proxies of peers dial instead.
	// tcpdump -i lo 'tcp and ((dst host 10.244.1.10 and dst port 8080) or (src host 10.244.1.10 and src port 8080) or (host 127.0.0.1 and port 15006))'
	//    The proxy's plaintext connections to the application, shared by many clients.
	//    The proxy dials from the client's address, with a port of its own.
	//    Port 15006: the pod calling itself through its proxy.
}

// What to capture of a pod that asks services at port 80.
func ExampleOutboundAdvice() {
	list, err := profile.OutboundAdvice(&profile.CaptureQuestion{
		PodAddrs: []netip.Addr{netip.MustParseAddr("10.244.1.10")},
		Ports:    []uint16{80},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, a := range list {
		fmt.Printf("tcpdump -i %s '%s'\n", a.Interface, a.Filter)
	}
	// Output:
	// tcpdump -i eth0 'tcp and host 10.244.1.10 and not port (15020 or 15021 or 15090 or 15010 or 15012 or 15014 or 15017)'
	// tcpdump -i lo 'tcp and ((src host 10.244.1.10 and dst host 127.0.0.1 and dst port 15001) or (src host 127.0.0.1 and src port 15001 and dst host 10.244.1.10) or (dst host 10.244.1.10 and not src host (10.244.1.10 or 127.0.0.6 or 127.0.0.1) and src port 80))'
}

// A mesh that is not built in is described by a profile of one's own. It is
// asked, and handed on, as the others are.
func ExampleProfile() {
	p := &profile.Profile{
		Name:          "house",
		Title:         "the mesh of this house",
		OutboundPorts: []uint16{7001},
		InboundPorts:  []uint16{7002},
		DialsLoopback: true,
		ProbeSources:  []netip.Addr{netip.MustParseAddr("169.254.7.127")},
		UIDs:          []uint32{7000},
		Proxy:         "gatekeeper",
		Ports: []profile.Port{
			{Number: 7001, Component: "gatekeeper", Protocol: "TCP", Purpose: "outbound capture", Scope: profile.ScopeRedirected},
			{Number: 7002, Component: "gatekeeper", Protocol: "TCP", Purpose: "inbound capture", Scope: profile.ScopeRedirected},
			{Number: 7003, Component: "gatekeeper", Protocol: "HTTP", Purpose: "health", Scope: profile.ScopeWire, Control: true},
		},
	}
	fmt.Println(p.ProxyName(), "is probed by the node:", p.Probes(netip.MustParseAddr("169.254.7.127")))
	for _, l := range []profile.Listener{
		p.Listener(netip.MustParseAddrPort("0.0.0.0:7003"), nil, 7000),
		p.Listener(netip.MustParseAddrPort("0.0.0.0:8080"), []string{"java"}, 1000),
	} {
		fmt.Println(l.Number, l.Mesh, l.Component, l.Signs)
	}
	advice, err := profile.OutboundAdvice(&profile.CaptureQuestion{Profile: p, PodAddrs: []netip.Addr{netip.MustParseAddr("10.0.0.5")}})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(advice[0].Filter)
	// Output:
	// gatekeeper is probed by the node: true
	// 7003 true gatekeeper [uid port]
	// 8080 false  [process uid port]
	// tcp and host 10.0.0.5 and not port 7003
}
