package istio_test

import (
	"fmt"
	"net/netip"
	"strings"

	"github.com/pcapmesh/pcapmesh/mesh/rules/istio"
)

// Queries of the application go to the agent, those of the agent to the server:
// which rules does that make?
func ExampleDefaultArgs() {
	a := istio.DefaultArgs()
	a.RedirectDNS = true
	for _, t := range a.Tables() {
		for _, c := range t.Chains {
			if c.Name != "ISTIO_OUTPUT_DNS" {
				continue
			}
			fmt.Println(t.Family, t.Name)
			for i := range c.Rules {
				fmt.Println(" ", c.Rules[i].String())
			}
		}
	}
	// Output:
	// ip nat
	//   -p tcp -m tcp --dport 53 -j REDIRECT --to-ports 15053
	//   -p udp -m udp --dport 53 -j REDIRECT --to-ports 15053
	// ip raw
	//   -p udp -m udp --dport 53 -m owner --uid-owner 1337 -j CT --zone 1
	//   -p udp -m udp --sport 15053 -m owner --uid-owner 1337 -j CT --zone 2
	//   -p udp -m udp --dport 53 -m owner --gid-owner 1337 -j CT --zone 1
	//   -p udp -m udp --sport 15053 -m owner --gid-owner 1337 -j CT --zone 2
	//   -p udp -m udp --dport 53 -j CT --zone 2
	// ip6 nat
	//   -p tcp -m tcp --dport 53 -j REDIRECT --to-ports 15053
	//   -p udp -m udp --dport 53 -j REDIRECT --to-ports 15053
	// ip6 raw
	//   -p udp -m udp --dport 53 -m owner --uid-owner 1337 -j CT --zone 1
	//   -p udp -m udp --sport 15053 -m owner --uid-owner 1337 -j CT --zone 2
	//   -p udp -m udp --dport 53 -m owner --gid-owner 1337 -j CT --zone 1
	//   -p udp -m udp --sport 15053 -m owner --gid-owner 1337 -j CT --zone 2
	//   -p udp -m udp --dport 53 -j CT --zone 2
}

// All that istio-iptables can be told, by the names of its flags, and what comes
// of it for applications.
func ExampleArgs() {
	a := istio.Args{
		ProxyPort: "15001", InboundPort: "15006", TunnelPort: "15008", // -p, -z, -e
		UID: "1337", GID: "1337", Mode: "REDIRECT", TPROXYMark: "1337", // -u, -g, -m, -t
		InboundInclude: "*", InboundExclude: "15090", // -b, -d
		OutboundInclude: "10.96.0.0/16", OutboundExclude: "10.96.0.1/32", // -i, -x
		OutboundPorts: "5432", OutboundPortsExclude: "6379", // -q, -o
		ExcludeInterfaces: "eth1", VirtualInterfaces: "tap0", // -c, -k
		OwnerGroups: "*", OwnerGroupsExclude: "2000", // groups of applications
		RedirectDNS: true, CaptureAllDNS: false, DNSServers: []netip.Addr{netip.MustParseAddr("10.96.0.10")},
		DropInvalid: true, LoopbackCIDR: "127.0.0.1/32", IPv6: false,
	}
	for _, t := range a.Tables() {
		if c := t.ByName()["ISTIO_OUTPUT"]; c != nil {
			for i := range c.Rules {
				fmt.Println(c.Rules[i].String())
			}
		}
	}
	// Output:
	// -p tcp -m tcp --dport 6379 -j RETURN
	// -p udp -m udp --dport 6379 -j RETURN
	// -s 127.0.0.6/32 -o lo -j RETURN
	// ! -d 127.0.0.1/32 -o lo -p tcp -m multiport ! --dports 53,15008 -m owner --uid-owner 1337 -j ISTIO_IN_REDIRECT
	// -o lo -p tcp -m tcp ! --dport 53 -m owner ! --uid-owner 1337 -j RETURN
	// -m owner --uid-owner 1337 -j RETURN
	// ! -d 127.0.0.1/32 -o lo -p tcp -m tcp ! --dport 15008 -m owner --gid-owner 1337 -j ISTIO_IN_REDIRECT
	// -o lo -p tcp -m tcp ! --dport 53 -m owner ! --gid-owner 1337 -j RETURN
	// -m owner --gid-owner 1337 -j RETURN
	// -m owner --gid-owner 2000 -j RETURN
	// -j ISTIO_OUTPUT_DNS
	// -d 127.0.0.1/32 -j RETURN
	// -d 10.96.0.1/32 -j RETURN
	// -p tcp -m tcp --dport 5432 -j ISTIO_REDIRECT
	// -d 10.96.0.0/16 -j ISTIO_REDIRECT
}

// Arguments stand in a manifest, among lines that are none.
func ExampleReader() {
	const manifest = `initContainers:
- name: istio-init
  args:
  - istio-iptables
  - -p
  - "15001"
  - -x
  - 10.96.0.1/32
  image: proxyv2`
	var r istio.Reader
	n := 0
	for line := range strings.Lines(manifest) {
		n++
		r.Line([]byte(strings.TrimSpace(line)), n)
	}
	a := r.Args(func(line int, text []byte, err error) { fmt.Printf("line %d: %v\n", line, err) })
	fmt.Println(a.ProxyPort, a.OutboundExclude)
	// Output: 15001 10.96.0.1/32
}
