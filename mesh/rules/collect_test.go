package rules_test

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/pcapmesh/pcapmesh/mesh/rules"
	"github.com/pcapmesh/pcapmesh/mesh/rules/netfilter"
)

// What single rules say of a mesh, by the conditions under which they are
// reached.
func TestCollect(t *testing.T) {
	const out, in = "-A OUTPUT -p tcp -j REDIRECT --to-ports 1\n", "-A PREROUTING -p tcp -j REDIRECT --to-ports 2\n"
	for _, tt := range []struct {
		name, text string
		want       rules.Facts
	}{
		{"nothing", "-A OUTPUT -j RETURN\n", rules.Facts{}},
		{"outbound", out, rules.Facts{OutboundPorts: []uint16{1}, OutboundAll: true}},
		{"inbound", in, rules.Facts{InboundPorts: []uint16{2}, InboundAll: true}},
		{"not redirected anew", "-A INPUT -p tcp -j REDIRECT --to-ports 1\n-A POSTROUTING -p tcp -j REDIRECT --to-ports 1\n", rules.Facts{}},
		{"not nat's", "*filter\n-A OUTPUT -p tcp -j REDIRECT --to-ports 1\n", rules.Facts{}},
		{"some networks", "-A OUTPUT -d 10.0.0.0/8 -p tcp -j REDIRECT --to-ports 1\n", rules.Facts{OutboundPorts: []uint16{1}, OutboundIncluded: nets("10.0.0.0/8")}},
		{"some ports", "-A OUTPUT -p tcp --dport 80 -j REDIRECT --to-ports 1\n", rules.Facts{OutboundPorts: []uint16{1}, OutboundIncludedPorts: one(80)}},
		{"some inbound ports", "-A PREROUTING -p tcp -m multiport --dports 80,90 -j REDIRECT --to-ports 2\n", rules.Facts{InboundPorts: []uint16{2}, InboundIncluded: spans(80, 90)}},
		{"all but some inbound ports", "-A PREROUTING -p tcp ! --dport 80 -j REDIRECT --to-ports 2\n", rules.Facts{InboundPorts: []uint16{2}, InboundAll: true, TunnelPorts: []uint16{80}}},
		{"all but ranges and DNS", "-A PREROUTING -p tcp -m multiport ! --dports 53,80:81 -j REDIRECT --to-ports 2\n", rules.Facts{InboundPorts: []uint16{2}, InboundAll: true}},
		{"of any protocol", "-A OUTPUT -j REDIRECT --to-ports 1\n", rules.Facts{OutboundPorts: []uint16{1}, OutboundAll: true}},
		{"of UDP", "-A OUTPUT -p udp -j REDIRECT --to-ports 1\n", rules.Facts{}},
		{"to no port", "-A OUTPUT -p tcp -j REDIRECT\n", rules.Facts{}},
		{"DNAT is none", "-A OUTPUT -p tcp -j DNAT --to-destination 127.0.0.1:1\n", rules.Facts{}},
		{"queries", "-A OUTPUT -p udp --dport 53 -j REDIRECT --to-ports 3\n", rules.Facts{DNSPorts: []uint16{3}, DNSUDP: true}},
		{"queries over TCP to one server", "-A OUTPUT -d 10.96.0.10/32 -p tcp --dport 53 -j DNAT --to-destination :3\n",
			rules.Facts{DNSPorts: []uint16{3}, DNSTCP: true, DNSServers: nets("10.96.0.10/32")}},
		{"queries, the port kept", "-A OUTPUT -p udp --dport 53 -j DNAT --to-destination 10.0.0.1\n", rules.Facts{DNSUDP: true}},
		{"a list with 53 is no query", "-A OUTPUT -p tcp -m multiport --dports 53,80 -j REDIRECT --to-ports 1\n", rules.Facts{OutboundPorts: []uint16{1}, OutboundIncludedPorts: spans(53, 80)}},
		{"zones", "*raw\n-A OUTPUT -j CT --zone 2\n-A PREROUTING -j CT --zone 1\n-A X -j CT --zone 2\n-A OUTPUT -j CT --notrack\n", rules.Facts{DNSZones: []uint16{1, 2}}},
		{"a virtual interface", "-A PREROUTING -i tap0 -p tcp -j REDIRECT --to-ports 1\n", rules.Facts{OutboundPorts: []uint16{1}, VirtualInterfaces: []string{"tap0"}}},
		{"a virtual interface, in a chain", "-A PREROUTING -i tap0 -j A\n-A A -p tcp -j REDIRECT --to-ports 1\n", rules.Facts{OutboundPorts: []uint16{1}, VirtualInterfaces: []string{"tap0"}}},
		{"lo is none", "-A PREROUTING -i lo -p tcp -j REDIRECT --to-ports 2\n", rules.Facts{InboundPorts: []uint16{2}, InboundAll: true}},
		{"a virtual interface that is left out too", "-A PREROUTING -i tap0 -p tcp -j REDIRECT --to-ports 1\n-A PREROUTING -i tap0 -j RETURN\n-A PREROUTING -i eth1 -j RETURN\n",
			rules.Facts{OutboundPorts: []uint16{1}, VirtualInterfaces: []string{"tap0"}, ExcludedInterfaces: []string{"eth1"}}},
		{"interfaces that are left out", "-A OUTPUT -o eth1 -j RETURN\n-A OUTPUT -o lo -j RETURN\n-A PREROUTING -i lo -j RETURN\n-A PREROUTING -i eth1 -j ACCEPT\n", rules.Facts{ExcludedInterfaces: []string{"eth1"}}},
		{"a mark of the proxy's", "-A OUTPUT -p tcp -m mark ! --mark 0x539/0xfff -j REDIRECT --to-ports 1\n", rules.Facts{OutboundPorts: []uint16{1}, OutboundAll: true, Mark: 0x539, MarkMask: 0xfff}},
		{"a mark of others", "-A OUTPUT -p tcp -m mark --mark 0x539/0xfff -j REDIRECT --to-ports 1\n", rules.Facts{OutboundPorts: []uint16{1}, OutboundAll: true}},
		{"a mark, in a chain", "-A OUTPUT -m mark ! --mark 0x539/0xfff -j A\n-A A -p tcp -j REDIRECT --to-ports 1\n", rules.Facts{OutboundPorts: []uint16{1}, OutboundAll: true, Mark: 0x539, MarkMask: 0xfff}},
		{"the proxy's user", out + "-A OUTPUT -m owner --uid-owner 7 -j RETURN\n", rules.Facts{OutboundPorts: []uint16{1}, OutboundAll: true, UIDs: one(7)}},
		{"the proxy's group", out + "-A OUTPUT -m owner --gid-owner 7 -j ACCEPT\n", rules.Facts{OutboundPorts: []uint16{1}, OutboundAll: true, GIDs: one(7)}},
		{"the proxy's user and others", out + "-A OUTPUT -m owner --uid-owner 7 -o lo -p tcp ! --dport 9 -j REDIRECT --to-ports 2\n-A OUTPUT -m owner --uid-owner 7 -j RETURN\n-A OUTPUT -m owner --uid-owner 8-9 -j RETURN\n",
			rules.Facts{OutboundPorts: []uint16{1}, OutboundAll: true, InboundPorts: []uint16{2}, UIDs: one(7), ExcludedUIDs: []netfilter.Span{{Lo: 8, Hi: 9}}, TunnelPorts: []uint16{9}}},
		{"the proxy's group and others", out + "-A OUTPUT -m owner --gid-owner 7 -j A\n-A A -o lo -p tcp -j REDIRECT --to-ports 2\n-A OUTPUT -m owner --gid-owner 8 -j RETURN\n",
			rules.Facts{OutboundPorts: []uint16{1}, OutboundAll: true, InboundPorts: []uint16{2}, GIDs: one(7), ExcludedGIDs: one(8)}},
		{"users but one", out + "-A OUTPUT -m owner ! --uid-owner 7 -j RETURN\n", rules.Facts{OutboundPorts: []uint16{1}, OutboundAll: true}},
		{"what the proxy may do is no exception", "-A OUTPUT -m owner --uid-owner 7 -j A\n-A A -p tcp --dport 80 -j RETURN\n", rules.Facts{}},
		{"the proxy's addresses", "-A OUTPUT -s 127.0.0.6/32 -o lo -j RETURN\n-A OUTPUT -s 127.0.0.0/8 -j RETURN\n", rules.Facts{BindSources: []netip.Addr{netip.MustParseAddr("127.0.0.6")}}},
		{"clients", "-A PREROUTING -s 10.0.0.0/8,11.0.0.1 -j RETURN\n", rules.Facts{InboundSources: nets("10.0.0.0/8", "11.0.0.1/32")}},
		{"destinations", "-A OUTPUT -d 127.0.0.1/32 -j RETURN\n-A OUTPUT -d 10.0.0.0/8 -j RETURN\n-A PREROUTING -d 11.0.0.0/8 -j RETURN\n",
			rules.Facts{Loopback: nets("127.0.0.1/32"), OutboundExcluded: nets("10.0.0.0/8")}},
		{"inbound ports", "-A PREROUTING -p tcp --dport 80 -j RETURN\n-A PREROUTING -p udp --dport 81 -j RETURN\n", rules.Facts{InboundExcluded: one(80)}},
		{"outbound ports", "-A OUTPUT -p tcp --dport 80 -j RETURN\n-A OUTPUT -p udp --dport 81 -j RETURN\n-A OUTPUT -p tcp --dport 82 -o eth0 -j RETURN\n", rules.Facts{OutboundExcludedPorts: one(80)}},
		{"a port by lo", "-A OUTPUT -p tcp --dport 80 -o lo -j RETURN\n", rules.Facts{}},
		{"two conditions", "-A OUTPUT -d 10.0.0.0/8 -p tcp --dport 80 -j RETURN\n", rules.Facts{}},
		{"a condition that is not known", "-A OUTPUT -p tcp --dport 80 -m string --string x -j RETURN\n", rules.Facts{}},
		{"all but one", "-A OUTPUT ! -d 10.0.0.0/8 -j RETURN\n-A OUTPUT -p tcp ! --dport 80 -j RETURN\n", rules.Facts{}},
		{"a condition beside one that is not", "-A OUTPUT -d 10.0.0.0/8 ! -o lo -j RETURN\n", rules.Facts{}},
		{"a mark alone", "-A OUTPUT -m mark --mark 1 -j RETURN\n", rules.Facts{}},
		{"a comment is no condition", "-A OUTPUT -d 10.0.0.0/8 -m comment --comment x -j RETURN\n", rules.Facts{OutboundExcluded: nets("10.0.0.0/8")}},
		{"a chain of one network", "-A OUTPUT -d 10.0.0.0/8 -j A\n-A A -p tcp -j REDIRECT --to-ports 1\n", rules.Facts{OutboundPorts: []uint16{1}, OutboundIncluded: nets("10.0.0.0/8")}},
		{"a chain of some ports", "-A PREROUTING -p tcp --dport 80 -j A\n-A A -j REDIRECT --to-ports 2\n", rules.Facts{InboundPorts: []uint16{2}, InboundIncluded: one(80)}},
		{"a chain of all ports but one", "-A PREROUTING -p tcp ! --dport 80 -j A\n-A A -j REDIRECT --to-ports 2\n", rules.Facts{InboundPorts: []uint16{2}, InboundAll: true, TunnelPorts: []uint16{80}}},
		{"a chain of UDP", "-A OUTPUT -p udp -j A\n-A A -j REDIRECT --to-ports 1\n", rules.Facts{}},
		{"an exception within a condition", "-A OUTPUT -d 10.0.0.0/8 -j A\n-A A -p tcp --dport 80 -j RETURN\n", rules.Facts{}},
		{"a chain that nobody reaches", "-A A -p tcp -j REDIRECT --to-ports 1\n", rules.Facts{}},
		{"a goto", "-A OUTPUT -g A\n-A A -p tcp -j REDIRECT --to-ports 1\n", rules.Facts{OutboundPorts: []uint16{1}, OutboundAll: true}},
		{"a built-in chain is not called", "-A OUTPUT -j PREROUTING\n" + in, rules.Facts{InboundPorts: []uint16{2}, InboundAll: true}},
		{"the tunnel's port is no exception", "-A PREROUTING -p tcp --dport 9 -j RETURN\n-A PREROUTING -p tcp ! --dport 9 -j REDIRECT --to-ports 2\n",
			rules.Facts{InboundPorts: []uint16{2}, InboundAll: true, TunnelPorts: []uint16{9}}},
		{"TPROXY", "*mangle\n-A PREROUTING -p tcp -j TPROXY --on-port 2 --tproxy-mark 7/7\n", rules.Facts{InboundPorts: []uint16{2}, InboundAll: true, TPROXY: true, TPROXYMark: 7}},
		{"TPROXY of nftables", "add chain inet t c { type filter hook prerouting priority mangle; policy accept; }\nadd rule inet t c meta mark set 7 tproxy ip to :2\n",
			rules.Facts{InboundPorts: []uint16{2}, InboundAll: true, TPROXY: true, TPROXYMark: 7}},
		{"TPROXY of nftables, marked behind it", "add chain inet t c { type filter hook prerouting priority mangle; policy accept; }\nadd rule inet t c tproxy ip to :2 meta mark set 7\n",
			rules.Facts{InboundPorts: []uint16{2}, InboundAll: true, TPROXY: true, TPROXYMark: 7}},
		{"sorted, and once", "-A OUTPUT -d 11.0.0.0/8 -j RETURN\n-A OUTPUT -d 10.1.0.0/16 -j RETURN\n-A OUTPUT -d 10.0.0.0/8 -j RETURN\n-A OUTPUT -d 10.0.0.0/16 -j RETURN\n-A OUTPUT -d 11.0.0.0/8 -j RETURN\n",
			rules.Facts{OutboundExcluded: nets("10.0.0.0/8", "10.0.0.0/16", "10.1.0.0/16", "11.0.0.0/8")}},
		{"spans, sorted", "-A OUTPUT -p tcp --dport 5:9 -j RETURN\n-A OUTPUT -p tcp --dport 5:7 -j RETURN\n-A OUTPUT -p tcp --dport 1 -j RETURN\n",
			rules.Facts{OutboundExcludedPorts: []netfilter.Span{{Lo: 1, Hi: 1}, {Lo: 5, Hi: 7}, {Lo: 5, Hi: 9}}}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, parse(t, tt.text).Facts(), exact, cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("%s- want, + got:\n%s", tt.text, diff)
			}
		})
	}
}

// Chains that call each other end the collecting: by their depth, and by a
// budget.
func TestCollectIsBounded(t *testing.T) {
	chains := func(n int) string {
		text := "*nat\n-A OUTPUT -j C1\n"
		for i := 1; i < n; i++ {
			text += fmt.Sprintf("-A C%d -j C%d\n", i, i+1)
		}
		return text + fmt.Sprintf("-A C%d -p tcp -j REDIRECT --to-ports 1\n", n)
	}
	for n, want := range map[int]bool{netfilter.MaxDepth - 1: true, netfilter.MaxDepth: false} {
		if f := parse(t, chains(n)).Facts(); f.OutboundAll != want {
			t.Errorf("%d chains deep: collected %v, want %v", n, f.OutboundAll, want)
		}
	}
	// Each chain calls the next four times: behind the first, a rule is found; behind
	// a million, none.
	text := "*nat\n-A OUTPUT -p tcp -j REDIRECT --to-ports 1\n-A OUTPUT -j A\n"
	for c := 'A'; c < 'L'; c++ {
		text += strings.Repeat(fmt.Sprintf("-A %c -j %c\n", c, c+1), 4)
	}
	f := parse(t, text+"-A L -p udp\n-A OUTPUT -p tcp -j REDIRECT --to-ports 2\n").Facts()
	if diff := cmp.Diff([]uint16{1}, f.OutboundPorts); diff != "" {
		t.Errorf("ports (- want, + got):\n%s", diff)
	}
}
