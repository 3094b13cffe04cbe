package istio_test

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pcapmesh/pcapmesh/mesh/rules/istio"
	"github.com/pcapmesh/pcapmesh/mesh/rules/netfilter"
)

// made returns the rules of one chain that arguments make, "nat ISTIO_OUTPUT",
// for one family.
func made(a *istio.Args, f netfilter.Family, chain string) []string {
	var out []string
	for _, t := range a.Tables() {
		for _, c := range t.Chains {
			if t.Family != f || t.Name+" "+c.Name != chain {
				continue
			}
			for i := range c.Rules {
				out = append(out, c.Rules[i].String())
			}
		}
	}
	return out
}

// sidecar returns injection's arguments but for what f sets.
func sidecar(f func(a *istio.Args)) *istio.Args {
	a := istio.DefaultArgs()
	f(&a)
	return &a
}

// The rules of one chain, in Istio's order.
func TestTables(t *testing.T) {
	const (
		back  = "! -d 127.0.0.1/32 -o lo -p tcp -m tcp ! --dport 15008 -m owner --uid-owner 1337 -j ISTIO_IN_REDIRECT"
		alone = "-o lo -m owner ! --uid-owner 1337 -j RETURN"
		out   = "-m owner --uid-owner 1337 -j RETURN"
	)
	dns := func(a *istio.Args) {
		a.RedirectDNS, a.DNSServers = true, []netip.Addr{netip.MustParseAddr("10.96.0.10"), netip.MustParseAddr("fd00::a"), netip.MustParseAddr("10.96.0.11")}
	}
	for _, tt := range []struct {
		name  string
		set   func(a *istio.Args)
		v6    bool
		chain string
		want  []string
	}{
		{"inbound", func(*istio.Args) {}, false, "nat ISTIO_INBOUND", []string{"-p tcp -m tcp --dport 15008 -j RETURN", "-p tcp -m tcp --dport 15090 -j RETURN",
			"-p tcp -m tcp --dport 15021 -j RETURN", "-p tcp -m tcp --dport 15020 -j RETURN", "-p tcp -j ISTIO_IN_REDIRECT"}},
		{"some ports only", func(a *istio.Args) { a.InboundInclude = "80, 443" }, false, "nat ISTIO_INBOUND", []string{"-p tcp -m tcp --dport 15008 -j RETURN",
			"-p tcp -m tcp --dport 80 -j ISTIO_IN_REDIRECT", "-p tcp -m tcp --dport 443 -j ISTIO_IN_REDIRECT"}},
		{"no ports", func(a *istio.Args) { a.InboundInclude = "" }, false, "nat PREROUTING", nil},
		{"outbound", func(a *istio.Args) { a.GID = "1" }, false, "nat ISTIO_OUTPUT", []string{"-s 127.0.0.6/32 -o lo -j RETURN", back, alone, out,
			strings.Replace(back, "uid-owner 1337", "gid-owner 1", 1), strings.Replace(alone, "uid-owner 1337", "gid-owner 1", 1), strings.Replace(out, "uid-owner 1337", "gid-owner 1", 1),
			"-d 127.0.0.1/32 -j RETURN", "-j ISTIO_REDIRECT"}},
		{"outbound of IPv6", func(a *istio.Args) { a.UID, a.GID = "", "7" }, true, "nat ISTIO_OUTPUT", []string{"-s ::6/128 -o lo -j RETURN",
			"! -d ::1/128 -o lo -p tcp -m tcp ! --dport 15008 -m owner --gid-owner 7 -j ISTIO_IN_REDIRECT", "-o lo -m owner ! --gid-owner 7 -j RETURN",
			"-m owner --gid-owner 7 -j RETURN", "-d ::1/128 -j RETURN", "-j ISTIO_REDIRECT"}},
		{"groups that stay", func(a *istio.Args) { a.UID, a.GID, a.OwnerGroupsExclude = "", " ", "5,6" }, false, "nat ISTIO_OUTPUT", []string{"-s 127.0.0.6/32 -o lo -j RETURN",
			"-m owner --gid-owner 5 -j RETURN", "-m owner --gid-owner 6 -j RETURN", "-d 127.0.0.1/32 -j RETURN", "-j ISTIO_REDIRECT"}},
		{"groups that stay, of all that are named", func(a *istio.Args) { a.UID, a.GID, a.OwnerGroups, a.OwnerGroupsExclude = "", " ", "", "5" }, false, "nat ISTIO_OUTPUT",
			[]string{"-s 127.0.0.6/32 -o lo -j RETURN", "-m owner --gid-owner 5 -j RETURN", "-d 127.0.0.1/32 -j RETURN", "-j ISTIO_REDIRECT"}},
		{"groups that go", func(a *istio.Args) { a.UID, a.GID, a.OwnerGroups, a.OwnerGroupsExclude = "", " ", "5,6", "7" }, false, "nat ISTIO_OUTPUT", []string{"-s 127.0.0.6/32 -o lo -j RETURN",
			"-m owner ! --gid-owner 5 -m owner ! --gid-owner 6 -j RETURN", "-d 127.0.0.1/32 -j RETURN", "-j ISTIO_REDIRECT"}},
		{"networks", func(a *istio.Args) {
			a.UID, a.GID, a.OutboundInclude, a.OutboundExclude = "", " ", "10.0.0.0/8,fd00::/8,x", "10.9.0.0/16,fd09::/16,y"
		}, false, "nat ISTIO_OUTPUT",
			[]string{"-s 127.0.0.6/32 -o lo -j RETURN", "-d 127.0.0.1/32 -j RETURN", "-d 10.9.0.0/16 -j RETURN", "-d 10.0.0.0/8 -j ISTIO_REDIRECT"}},
		{"networks of IPv6", func(a *istio.Args) {
			a.UID, a.GID, a.OutboundInclude, a.OutboundExclude = "", " ", "10.0.0.0/8,fd00::/8", "10.9.0.0/16,fd09::/16"
		}, true, "nat ISTIO_OUTPUT",
			[]string{"-s ::6/128 -o lo -j RETURN", "-d ::1/128 -j RETURN", "-d fd09::/16 -j RETURN", "-d fd00::/8 -j ISTIO_REDIRECT"}},
		{"a network of the loopback", func(a *istio.Args) { a.GID, a.OutboundInclude = " ", "127.1.2.3/32" }, false, "nat ISTIO_OUTPUT", []string{"-s 127.0.0.6/32 -o lo -j RETURN",
			back, out, "-d 127.0.0.1/32 -j RETURN", "-d 127.1.2.3/32 -j ISTIO_REDIRECT"}},
		{"another loopback", func(a *istio.Args) { a.UID, a.GID, a.LoopbackCIDR = "", " ", "127.0.0.0/8" }, false, "nat ISTIO_OUTPUT", []string{"-s 127.0.0.6/32 -o lo -j RETURN",
			"-d 127.0.0.0/8 -j RETURN", "-j ISTIO_REDIRECT"}},
		{"no loopback", func(a *istio.Args) { a.UID, a.GID, a.LoopbackCIDR = "", " ", "x" }, false, "nat ISTIO_OUTPUT", []string{"-s 127.0.0.6/32 -o lo -j RETURN",
			"-d 127.0.0.1/32 -j RETURN", "-j ISTIO_REDIRECT"}},
		{"ports", func(a *istio.Args) {
			a.UID, a.GID, a.OutboundInclude, a.OutboundPorts, a.OutboundPortsExclude = "", " ", "", "80,443", "22"
		}, false, "nat ISTIO_OUTPUT",
			[]string{"-p tcp -m tcp --dport 22 -j RETURN", "-p udp -m udp --dport 22 -j RETURN", "-s 127.0.0.6/32 -o lo -j RETURN", "-d 127.0.0.1/32 -j RETURN",
				"-p tcp -m tcp --dport 80 -j ISTIO_REDIRECT", "-p tcp -m tcp --dport 443 -j ISTIO_REDIRECT"}},
		{"virtual faces", func(a *istio.Args) { a.VirtualInterfaces, a.ExcludeInterfaces = "eth1", "eth2,eth3" }, false, "nat PREROUTING", []string{"-i eth1 -j ISTIO_REDIRECT", "-i eth1 -j RETURN",
			"-i eth2 -j RETURN", "-i eth3 -j RETURN", "-p tcp -j ISTIO_INBOUND"}},
		{"virtual faces, some networks", func(a *istio.Args) { a.VirtualInterfaces, a.OutboundInclude = "eth1", "10.0.0.0/8,11.0.0.0/8" }, false, "nat PREROUTING", []string{
			"-d 11.0.0.0/8 -i eth1 -j ISTIO_REDIRECT", "-d 10.0.0.0/8 -i eth1 -j ISTIO_REDIRECT", "-i eth1 -j RETURN", "-p tcp -j ISTIO_INBOUND"}},
		{"faces left out", func(a *istio.Args) { a.ExcludeInterfaces = "eth2" }, false, "nat OUTPUT", []string{"-o eth2 -j RETURN", "-j ISTIO_OUTPUT"}},
		{"queries", dns, false, "nat ISTIO_OUTPUT_DNS", []string{"-d 10.96.0.10/32 -p tcp -m tcp --dport 53 -j REDIRECT --to-ports 15053", "-d 10.96.0.11/32 -p tcp -m tcp --dport 53 -j REDIRECT --to-ports 15053",
			"-d 10.96.0.10/32 -p udp -m udp --dport 53 -j REDIRECT --to-ports 15053", "-d 10.96.0.11/32 -p udp -m udp --dport 53 -j REDIRECT --to-ports 15053"}},
		{"queries of IPv6", dns, true, "raw ISTIO_INBOUND", []string{"-s fd00::a/128 -p udp -m udp --sport 53 -j CT --zone 1"}},
		{"all queries", func(a *istio.Args) { dns(a); a.CaptureAllDNS = true }, false, "nat ISTIO_OUTPUT_DNS", []string{"-p tcp -m tcp --dport 53 -j REDIRECT --to-ports 15053",
			"-p udp -m udp --dport 53 -j REDIRECT --to-ports 15053"}},
		{"zones", func(a *istio.Args) { dns(a); a.GID = "7" }, false, "raw ISTIO_OUTPUT_DNS", []string{
			"-p udp -m udp --dport 53 -m owner --uid-owner 1337 -j CT --zone 1", "-p udp -m udp --sport 15053 -m owner --uid-owner 1337 -j CT --zone 2",
			"-p udp -m udp --dport 53 -m owner --gid-owner 7 -j CT --zone 1", "-p udp -m udp --sport 15053 -m owner --gid-owner 7 -j CT --zone 2",
			"-d 10.96.0.10/32 -p udp -m udp --dport 53 -j CT --zone 2", "-d 10.96.0.11/32 -p udp -m udp --dport 53 -j CT --zone 2"}},
		{"owners beside queries", func(a *istio.Args) { dns(a); a.GID = "7" }, false, "nat ISTIO_OUTPUT", []string{"-s 127.0.0.6/32 -o lo -j RETURN",
			"! -d 127.0.0.1/32 -o lo -p tcp -m multiport ! --dports 53,15008 -m owner --uid-owner 1337 -j ISTIO_IN_REDIRECT", "-o lo -p tcp -m tcp ! --dport 53 -m owner ! --uid-owner 1337 -j RETURN", out,
			"! -d 127.0.0.1/32 -o lo -p tcp -m tcp ! --dport 15008 -m owner --gid-owner 7 -j ISTIO_IN_REDIRECT", "-o lo -p tcp -m tcp ! --dport 53 -m owner ! --gid-owner 7 -j RETURN",
			"-m owner --gid-owner 7 -j RETURN", "-j ISTIO_OUTPUT_DNS", "-d 127.0.0.1/32 -j RETURN", "-j ISTIO_REDIRECT"}},
		{"no servers of a family", func(a *istio.Args) {
			a.RedirectDNS, a.DNSServers = true, []netip.Addr{netip.MustParseAddr("10.96.0.10")}
		}, true, "raw PREROUTING", nil},
		{"no servers of a family, no jump", func(a *istio.Args) {
			a.UID, a.GID, a.RedirectDNS, a.DNSServers = "", " ", true, []netip.Addr{netip.MustParseAddr("10.96.0.10")}
		}, true, "nat ISTIO_OUTPUT", []string{"-s ::6/128 -o lo -j RETURN", "-d ::1/128 -j RETURN", "-j ISTIO_REDIRECT"}},
		{"TPROXY", func(a *istio.Args) { a.Mode, a.GID = "TPROXY", "7" }, false, "mangle ISTIO_INBOUND", []string{"-p tcp -m mark --mark 0x539 -j RETURN", "-s 127.0.0.6/32 -i lo -p tcp -j RETURN",
			"-i lo -p tcp -m mark ! --mark 0x53a -j RETURN", "-p tcp -m tcp --dport 15090 -j RETURN", "-p tcp -m tcp --dport 15021 -j RETURN", "-p tcp -m tcp --dport 15020 -j RETURN",
			"-p tcp -m conntrack --ctstate RELATED,ESTABLISHED -j ISTIO_DIVERT", "-p tcp -j ISTIO_TPROXY"}},
		{"TPROXY of some ports", func(a *istio.Args) { a.Mode, a.InboundInclude = "TPROXY", "80" }, false, "mangle ISTIO_INBOUND", []string{"-p tcp -m mark --mark 0x539 -j RETURN", "-s 127.0.0.6/32 -i lo -p tcp -j RETURN",
			"-i lo -p tcp -m mark ! --mark 0x53a -j RETURN", "-p tcp -m tcp --dport 80 -m conntrack --ctstate RELATED,ESTABLISHED -j ISTIO_DIVERT", "-p tcp -m tcp --dport 80 -j ISTIO_TPROXY"}},
		{"TPROXY, marks", func(a *istio.Args) { a.Mode, a.GID, a.ExcludeInterfaces = "TPROXY", "7", "eth2" }, false, "mangle OUTPUT", []string{"-o eth2 -j RETURN", "-o lo -p tcp -m mark --mark 0x539 -j RETURN",
			"! -d 127.0.0.1/32 -o lo -p tcp -m owner --uid-owner 1337 -j MARK --set-xmark 0x53a/0xffffffff", "! -d 127.0.0.1/32 -o lo -p tcp -m owner --gid-owner 7 -j MARK --set-xmark 0x53a/0xffffffff",
			"-p tcp -m connmark --mark 0x539 -j CONNMARK --restore-mark --nfmask 0xffffffff --ctmask 0xffffffff"}},
		{"TPROXY, in", func(a *istio.Args) { a.Mode, a.ExcludeInterfaces, a.DropInvalid = "TPROXY", "eth2", true }, false, "mangle PREROUTING", []string{"-i eth2 -j RETURN",
			"-m conntrack --ctstate INVALID -j ISTIO_DROP", "-p tcp -j ISTIO_INBOUND", "-p tcp -m mark --mark 0x539 -j CONNMARK --save-mark --nfmask 0xffffffff --ctmask 0xffffffff"}},
		{"TPROXY diverts", func(a *istio.Args) { a.Mode, a.TPROXYMark = "TPROXY", "7" }, false, "mangle ISTIO_DIVERT", []string{"-j MARK --set-xmark 0x7/0xffffffff", "-j ACCEPT"}},
		{"TPROXY redirects nothing", func(a *istio.Args) { a.Mode = "TPROXY" }, false, "nat PREROUTING", nil},
		{"TPROXY of nothing", func(a *istio.Args) { a.Mode, a.InboundInclude = "TPROXY", "" }, false, "mangle ISTIO_DIVERT", nil},
		{"invalid packets only", func(a *istio.Args) { a.DropInvalid, a.ExcludeInterfaces = true, "eth2" }, false, "mangle PREROUTING", []string{"-m conntrack --ctstate INVALID -j ISTIO_DROP"}},
		{"other listeners", func(a *istio.Args) { a.ProxyPort, a.InboundPort = "1", "2" }, false, "nat ISTIO_REDIRECT", []string{"-p tcp -j REDIRECT --to-ports 1"}},
		{"other listeners, in", func(a *istio.Args) { a.ProxyPort, a.InboundPort = "1", "2" }, false, "nat ISTIO_IN_REDIRECT", []string{"-p tcp -j REDIRECT --to-ports 2"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, made(sidecar(tt.set), netfilter.FamilyOf(tt.v6), tt.chain)); diff != "" {
				t.Errorf("%s (- want, + got):\n%s", tt.chain, diff)
			}
		})
	}
}

// Tables are made as far as arguments ask for them, those of IPv4 first.
func TestTableNames(t *testing.T) {
	for _, tt := range []struct {
		name string
		set  func(a *istio.Args)
		want string
	}{
		{"both families", func(*istio.Args) {}, "ip nat, ip6 nat"},
		{"IPv4", func(a *istio.Args) { a.IPv6 = false }, "ip nat"},
		{"TPROXY", func(a *istio.Args) { a.IPv6, a.Mode = false, "TPROXY" }, "ip nat, ip mangle"},
		{"invalid packets", func(a *istio.Args) { a.IPv6, a.DropInvalid = false, true }, "ip nat, ip mangle"},
		{"queries", func(a *istio.Args) { a.IPv6, a.RedirectDNS = false, true }, "ip nat, ip raw"},
		{"everything", func(a *istio.Args) { a.Mode, a.RedirectDNS = "TPROXY", true }, "ip nat, ip mangle, ip raw, ip6 nat, ip6 mangle, ip6 raw"},
		{"another mode", func(a *istio.Args) { a.IPv6, a.Mode = false, "NONE" }, "ip nat"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var got []string
			for _, table := range sidecar(tt.set).Tables() {
				got = append(got, table.Family.String()+" "+table.Name)
			}
			if strings.Join(got, ", ") != tt.want {
				t.Errorf("got %s, want %s", strings.Join(got, ", "), tt.want)
			}
		})
	}
}

// An argument that makes no rule makes none, and the others theirs.
func TestTablesOfNonsense(t *testing.T) {
	a := sidecar(func(a *istio.Args) { a.InboundExclude, a.ProxyPort, a.UID = "x,15090", "y", "z" })
	want := []string{"-p tcp -m tcp --dport 15008 -j RETURN", "-p tcp -m tcp --dport 15090 -j RETURN", "-p tcp -j ISTIO_IN_REDIRECT"}
	if diff := cmp.Diff(want, made(a, netfilter.IPv4, "nat ISTIO_INBOUND")); diff != "" {
		t.Errorf("- want, + got:\n%s", diff)
	}
	if got := made(a, netfilter.IPv4, "nat ISTIO_REDIRECT"); got != nil {
		t.Errorf("got %q", got)
	}
}
