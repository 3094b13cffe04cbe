package rules_test

import (
	"fmt"
	"net/netip"
	"os"
	"strings"

	"github.com/pcapmesh/pcapmesh/capture/tcpip"
	"github.com/pcapmesh/pcapmesh/mesh/rules"
	"github.com/pcapmesh/pcapmesh/mesh/rules/istio"
	"github.com/pcapmesh/pcapmesh/mesh/rules/netfilter"
	"github.com/pcapmesh/pcapmesh/mesh/rules/walk"
)

// saved is what iptables-save wrote in a pod.
const saved = `*nat
:PREROUTING ACCEPT [0:0]
:OUTPUT ACCEPT [0:0]
-A PREROUTING -p tcp -j ISTIO_INBOUND
-A OUTPUT -j ISTIO_OUTPUT
-A ISTIO_INBOUND -p tcp --dport 15020 -j RETURN
-A ISTIO_INBOUND -p tcp -j REDIRECT --to-ports 15006
-A ISTIO_OUTPUT -m owner --uid-owner 1337 -j RETURN
-A ISTIO_OUTPUT -d 127.0.0.1/32 -j RETURN
-A ISTIO_OUTPUT -p tcp -j REDIRECT --to-ports 15001
COMMIT
`

// Where does a packet go that a client sends to the pod?
func ExampleParse() {
	set, err := rules.Parse(strings.NewReader(saved))
	if err != nil {
		fmt.Println(err)
		return
	}
	tuple := tcpip.Tuple{Proto: tcpip.ProtoTCP, Src: netip.MustParseAddrPort("192.0.2.10:40112"), Dst: netip.MustParseAddrPort("10.244.1.10:8080")}
	t := set.Walk(walk.Packet{Tuple: tuple, In: "eth0"})
	fmt.Println(t.Path())
	fmt.Println(t.Outcome, t.Port)
	// Output:
	// PREROUTING → ISTIO_INBOUND (rule 2)
	// redirected 15006
}

// Arguments of Istio's init container do as well as rules: they say which it
// would write.
func ExampleParse_arguments() {
	set, err := rules.Parse(strings.NewReader("istio-iptables -p 15001 -z 15006 -u 1337 -b '*' -d 15020 -i '*'"))
	if err != nil {
		fmt.Println(err)
		return
	}
	if set.Args != nil { // made, not read
		fmt.Println("outbound to", set.Args.ProxyPort, "but what", set.Args.UID, "sends")
	}
	fmt.Println(set.Rules(), "rules, of IPv6 too:", set.Covers(netfilter.IPv6))
	// Output:
	// outbound to 15001 but what 1337 sends
	// 32 rules, of IPv6 too: true
}

// A packet of the application, rule by rule, and what a capture shows of its
// connection: the two directions look like two connections.
func ExampleRuleset_Walk() {
	set, err := rules.Parse(strings.NewReader(saved))
	if err != nil {
		fmt.Println(err)
		return
	}
	tuple := tcpip.Tuple{Proto: tcpip.ProtoTCP, Src: netip.MustParseAddrPort("10.244.1.10:40000"), Dst: netip.MustParseAddrPort("10.96.10.1:80")}
	t := set.Walk(walk.Packet{Tuple: tuple, Out: "eth0", UID: 1000, GID: 1000})
	for _, s := range t.Steps {
		fmt.Printf("%s: rule %d of %s %s: %s\n", s.Hook, s.Rule, s.Table, s.Chain, s.Target)
	}
	fmt.Println(t.Outcome, "to", t.Dst)
	for _, s := range t.Sights() {
		fmt.Println(s.Interface, "shows", s.Request, "and", s.Reply)
	}
	// Output:
	// OUTPUT: rule 1 of nat OUTPUT: ISTIO_OUTPUT
	// OUTPUT: rule 3 of nat ISTIO_OUTPUT: REDIRECT
	// redirected to 127.0.0.1:15001
	// lo shows 10.244.1.10:40000 > 127.0.0.1:15001 and 10.96.10.1:80 > 10.244.1.10:40000
}

// Lines that should be rules and are none are told; the rest is used.
func ExampleMalformed() {
	set, err := rules.Parse(strings.NewReader("*nat\n-A OUTPUT -d 10.0.0.300 -j RETURN\n-A OUTPUT -p tcp -j ISTIO_OUTPUT\nCOMMIT\n"))
	if err != nil {
		fmt.Println(err)
		return
	}
	n, first := set.Malformed()
	fmt.Println(n, "of", set.Lines(), "lines; rules:", set.Rules())
	var m rules.Malformed = first[0]
	fmt.Println(m.Error())
	fmt.Println(m.Text)
	// Output:
	// 1 of 4 lines; rules: 1
	// line 2: -d: "10.0.0.300" is no address: "-A OUTPUT -d 10.0.0.300 -j RETURN"
	// -A OUTPUT -d 10.0.0.300 -j RETURN
}

// What the rules of a sidecar with DNS and TPROXY say of it.
func ExampleRuleset_Facts() {
	a := istio.DefaultArgs()
	a.Mode, a.IPv6 = "TPROXY", false
	a.RedirectDNS, a.DNSServers = true, []netip.Addr{netip.MustParseAddr("10.96.0.10")}
	a.OwnerGroupsExclude, a.ExcludeInterfaces, a.VirtualInterfaces = "2000", "eth1", "tap0"
	f := rules.Made(&a).Facts()
	fmt.Println(f.Mesh, f.OutboundPorts, f.InboundPorts, f.TunnelPorts)
	fmt.Println("the proxy:", f.UIDs, f.GIDs, "dials the application from", f.BindSources)
	fmt.Println("TPROXY:", f.TPROXY, "marks", f.TPROXYMark)
	fmt.Println("keeps clear of users", f.ExcludedUIDs, "groups", f.ExcludedGIDs, "interfaces", f.ExcludedInterfaces, "loopback", f.Loopback)
	fmt.Println("outbound comes in by", f.VirtualInterfaces)
	fmt.Println("DNS:", f.DNSPorts, "UDP", f.DNSUDP, "TCP", f.DNSTCP, "to", f.DNSServers, "in zones", f.DNSZones)
	// Output:
	// istio [15001] [15006] [15008]
	// the proxy: [{1337 1337}] [{1337 1337}] dials the application from [127.0.0.6]
	// TPROXY: true marks 1337
	// keeps clear of users [] groups [{2000 2000}] interfaces [eth1] loopback [127.0.0.1/32]
	// outbound comes in by [tap0]
	// DNS: [15053] UDP true TCP true to [10.96.0.10/32] in zones [1 2]
}

// In ambient mode a mark tells the proxy's packets from others, and the kubelet's
// address clients that are not redirected.
func ExampleFacts() {
	file, err := os.Open("testdata/ambient.rules")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer file.Close()
	set, err := rules.Parse(file)
	if err != nil {
		fmt.Println(err)
		return
	}
	f := set.Facts()
	fmt.Printf("%s: mark %#x of %#x, but for %v\n", f.Mesh, f.Mark, f.MarkMask, f.InboundSources)
	// Output:
	// istio-ambient: mark 0x539 of 0xfff, but for [169.254.7.127/32]
}

// The application calls a service that leads to its own pod.
func ExampleRuleset_Flows() {
	a := istio.DefaultArgs()
	flows := rules.Made(&a).Flows(rules.Cast{
		Pod: netip.MustParseAddr("10.244.1.10"), Port: 9080, UID: 1000,
		Peer: netip.MustParseAddr("10.244.2.20"), Remote: netip.MustParseAddrPort("10.96.10.1:80"),
	})
	f := flows[3]
	fmt.Println(f.Name)
	for _, p := range f.Parts {
		fmt.Printf("%s to %s: %v > %v, delivered to %v\n", p.From, p.To, p.Packet.Src, p.Packet.Dst, p.Trace.Dst)
	}
	// Output:
	// app → itself through a service
	// Local Pod to Envoy 15001 (outbound): 10.244.1.10:40000 > 10.96.10.1:80, delivered to 127.0.0.1:15001
	// Envoy to Envoy 15006 (inbound): 10.244.1.10:40002 > 10.244.1.10:9080, delivered to 127.0.0.1:15006
	// Envoy to Local Pod: 127.0.0.6:40001 > 10.244.1.10:9080, delivered to 10.244.1.10:9080
}
