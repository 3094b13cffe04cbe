package walk_test

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/pcapmesh/pcapmesh/mesh/rules/netfilter"
	"github.com/pcapmesh/pcapmesh/mesh/rules/walk"
)

// drops returns yes or no: a rule with such matches, the last of which may be
// negated, drops a packet; or why that is not known.
func drops(t *testing.T, matches string, not bool, p walk.Packet) string {
	t.Helper()
	tables := parse(t, "*filter\n-A OUTPUT -j F\n-A INPUT -j F\n-A F "+matches+" -j DROP\nCOMMIT\n")
	tables[0].Family = netfilter.Inet
	rule := &tables[0].ByName()["F"].Rules[0]
	rule.Matches[len(rule.Matches)-1].Not = not
	switch got := walk.Walk(tables, p); got.Outcome {
	case walk.Dropped:
		return "yes"
	case walk.Untouched:
		return "no"
	default:
		return got.Reason
	}
}

// Of each match, the packets that it holds for, negated or not.
func TestMatches(t *testing.T) {
	out := made(1000, "eth0", pod+":40000", "10.96.10.1:80")
	in := came("eth0", client, pod+":8080")
	udp := out
	udp.Proto = 17
	icmp := out
	icmp.Proto = 1
	sctp := out
	sctp.Proto = 132
	marked := out
	marked.Mark, marked.ConnMark = 0x539, 0x111
	group := out
	group.GID = 2000
	v6 := made(1000, "eth0", "[fd00::10]:40000", "[fd00::20]:80")
	for _, tt := range []struct {
		name, match string
		p           walk.Packet
		want, not   string
	}{
		{"protocol", "-p tcp", out, "yes", "no"},
		{"another protocol", "-p tcp", udp, "no", "yes"},
		{"in", "-i eth0", in, "yes", "no"},
		{"in by another", "-i eth1", in, "no", "yes"},
		{"in, of what is made here", "-i eth0", out, "no", "yes"},
		{"in by several", "-i eth+", in, "yes", "no"},
		{"in by any", "-i +", in, "yes", "no"},
		{"in by any, of what is made here", "-i +", out, "no", "yes"},
		{"in by names as long", "-i eth0+", in, "yes", "no"},
		{"in by longer names", "-i eth00+", in, "no", "yes"},
		{"in by other names", "-i ens+", in, "no", "yes"},
		{"out", "-o eth0", out, "yes", "no"},
		{"out, of what came in", "-o eth0", in, "no", "yes"},
		{"source", "-s 10.244.1.10/32", out, "yes", "no"},
		{"another source", "-s 10.244.1.11/32", out, "no", "yes"},
		{"network", "-d 10.96.0.0/16", out, "yes", "no"},
		{"another network", "-d 10.97.0.0/16", out, "no", "yes"},
		{"source port", "-p tcp --sport 40000", out, "yes", "no"},
		{"another source port", "-p tcp --sport 80", out, "no", "yes"},
		{"ports up to it", "-p tcp --dport 79:80", out, "yes", "no"},
		{"ports from it", "-p tcp --dport 80:81", out, "yes", "no"},
		{"ports below", "-p tcp --dport 1:79", out, "no", "yes"},
		{"ports above", "-p tcp --dport 81:", out, "no", "yes"},
		{"list of source ports", "-p tcp -m multiport --sports 1,40000", out, "yes", "no"},
		{"list of destination ports", "-p tcp -m multiport --dports 1,80", out, "yes", "no"},
		{"list of destination ports, of the source", "-p tcp -m multiport --dports 1,40000", out, "no", "yes"},
		{"list of source ports, of the destination", "-p tcp -m multiport --sports 1,80", out, "no", "yes"},
		{"list of either, the source", "-p tcp -m multiport --ports 40000,1", out, "yes", "no"},
		{"list of either, the destination", "-p tcp -m multiport --ports 1,80", out, "yes", "no"},
		{"list of either, none", "-p tcp -m multiport --ports 1,2", out, "no", "yes"},
		{"ports of SCTP", "-p sctp --dport 80", sctp, "yes", "no"},
		{"ports of ICMP, which has none", "-m multiport --dports 80", icmp, "no", "no"},
		{"user", "-m owner --uid-owner 1000", out, "yes", "no"},
		{"another user", "-m owner --uid-owner 1337", out, "no", "yes"},
		{"users", "-m owner --uid-owner 999-1001", out, "yes", "no"},
		{"group", "-m owner --gid-owner 2000", group, "yes", "no"},
		{"group as a user", "-m owner --uid-owner 2000", group, "no", "yes"},
		{"owner of what came in", "-m owner --uid-owner 0", in, "no", "yes"},
		{"mark", "-m mark --mark 0x539", marked, "yes", "no"},
		{"another mark", "-m mark --mark 0x538", marked, "no", "yes"},
		{"masked mark", "-m mark --mark 0x9/0xf", marked, "yes", "no"},
		{"no mark", "-m mark --mark 0", out, "yes", "no"},
		{"mark of the connection", "-m connmark --mark 0x111", marked, "yes", "no"},
		{"another mark of the connection", "-m connmark --mark 0x539", marked, "no", "yes"},
		{"state", "-m conntrack --ctstate NEW", out, "yes", "no"},
		{"states", "-m conntrack --ctstate ESTABLISHED,NEW", out, "yes", "no"},
		{"another state", "-m conntrack --ctstate ESTABLISHED", out, "no", "yes"},
		{"comment", "-m comment --comment x", out, "yes", ""},
		{"type of the destination", "-m addrtype --dst-type LOCAL", in, "yes", "no"},
		{"type of another's address", "-m addrtype --dst-type LOCAL", out, "no", "yes"},
		{"type of the source", "-m addrtype --src-type LOCAL", out, "yes", "no"},
		{"another type", "-m addrtype --dst-type UNICAST", out, "rule 1 of filter F: unknown match on the type of an address, without the pod's address",
			"rule 1 of filter F: unknown match on the type of an address, without the pod's address"},
		{"not known", "-m string --string x", out, "rule 1 of filter F: unknown match -m string --string x", ""},
		{"two not known", "-m string --string x -m socket", out, "rule 1 of filter F: unknown match -m string --string x -m socket", ""},
		{"not known, and one that fails", "-m socket -p udp", out, "no", ""},
		{"not known, behind one that holds", "-p tcp -m socket", out, "rule 1 of filter F: unknown match -m socket", ""},
		{"IPv6 network", "-d fd00::/8", v6, "yes", "no"},
		{"IPv4 network, of IPv6", "-d 10.0.0.0/8", v6, "no", "no"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := drops(t, tt.match, false, tt.p); got != tt.want {
				t.Errorf("%s: %s, want %s", tt.match, got, tt.want)
			}
			if got := drops(t, tt.match, true, tt.p); tt.not != "" && got != tt.not {
				t.Errorf("not %s: %s, want %s", tt.match, got, tt.not)
			}
		})
	}
}

// Before conntrack has seen a packet there is no state and no connection whose
// mark could be looked at, but what a zone's template brings.
func TestMatchesOfConnections(t *testing.T) {
	marked := made(1000, "eth0", pod+":40000", "10.96.10.1:80")
	marked.ConnMark = 1
	known := marked
	known.State = "ESTABLISHED"
	for _, tt := range []struct {
		name, rules string
		p           walk.Packet
		dropped     bool
	}{
		{"state", "*raw\n-A OUTPUT -m conntrack --ctstate INVALID -j DROP\n", marked, true},
		{"not the state to come", "*raw\n-A OUTPUT -m conntrack --ctstate NEW -j DROP\n", marked, false},
		{"mark", "*raw\n-A OUTPUT -m connmark --mark 1 -j DROP\n", marked, false},
		{"not a mark", "*raw\n-A OUTPUT -m connmark ! --mark 2 -j DROP\n", marked, false},
		{"a template's mark is none", "*raw\n-A OUTPUT -j CT --zone 1\n-A OUTPUT -m connmark --mark 0 -j DROP\n", marked, true},
		{"a template has no other mark", "*raw\n-A OUTPUT -j CT --zone 1\n-A OUTPUT -m connmark --mark 1 -j DROP\n", marked, false},
		{"a template is new", "*raw\n-A OUTPUT -j CT --zone 1\n-A OUTPUT -m conntrack --ctstate NEW -j DROP\n", marked, true},
		{"mangle comes behind conntrack", "*mangle\n-A OUTPUT -m connmark --mark 1 -m conntrack --ctstate NEW -j DROP\n", marked, true},
		{"a state that was given", "*mangle\n-A OUTPUT -m conntrack --ctstate ESTABLISHED -j DROP\n", known, true},
		{"untracked", "*raw\n-A OUTPUT -j NOTRACK\n*mangle\n-A OUTPUT -m conntrack --ctstate UNTRACKED -j DROP\n", marked, true},
		{"untracked in other words", "*raw\n-A OUTPUT -j CT --notrack\n*mangle\n-A OUTPUT -m conntrack --ctstate UNTRACKED -j DROP\n", marked, true},
		{"untracked has no mark", "*raw\n-A OUTPUT -j NOTRACK\n*mangle\n-A OUTPUT -m connmark --mark 1 -j DROP\n", marked, false},
		{"untracked too late", "*mangle\n-A OUTPUT -j NOTRACK\n-A OUTPUT -m conntrack --ctstate UNTRACKED -j DROP\n", marked, false},
		{"untracked within a zone", "*raw\n-A OUTPUT -j CT --zone 1\n-A OUTPUT -j CT --notrack\n-A OUTPUT -m conntrack --ctstate UNTRACKED -j DROP\n", marked, false},
		{"a zone too late", "*raw\n-A OUTPUT -j CT --zone 1\n-A OUTPUT -j NOTRACK\n*mangle\n-A OUTPUT -m connmark --mark 1 -j DROP\n", marked, true},
		{"rewritten", "*nat\n-A OUTPUT -p tcp -j DNAT --to-destination 10.0.0.1\n*mangle\n-A POSTROUTING -m conntrack --ctstate DNAT -j DROP\n", marked, true},
		{"not rewritten", "*mangle\n-A POSTROUTING -m conntrack --ctstate DNAT -j DROP\n", marked, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := walk.Walk(parse(t, tt.rules), tt.p)
			if dropped := got.Outcome == walk.Dropped; dropped != tt.dropped {
				t.Errorf("%v (%s), dropped %v, want %v", got.Outcome, got.Reason, dropped, tt.dropped)
			}
		})
	}
}

// In nftables a zone behind notrack makes the packet tracked again, as the kernel
// showed; a zone before it stays, as in iptables.
func TestTrackingOfNFT(t *testing.T) {
	for _, tt := range []struct {
		rules string
		zone  uint16
		state string
	}{
		{"notrack", 0, "UNTRACKED"},
		{"notrack\n\t\tct zone set 5", 5, "NEW"},
		{"ct zone set 5\n\t\tnotrack", 5, "NEW"},
		{"ct zone set 5\n\t\tct zone set 6", 5, "NEW"},
	} {
		text := "table ip t {\n\tchain r {\n\t\ttype filter hook output priority raw; policy accept;\n\t\t" + tt.rules +
			"\n\t}\n\tchain m {\n\t\ttype filter hook output priority mangle; policy accept;\n\t\tct state " + strings.ToLower(tt.state) + " drop\n\t}\n}\n"
		got := walk.Walk(parse(t, text), made(1000, "eth0", pod+":40000", "10.96.10.1:80"))
		if got.Zone != tt.zone || got.Outcome != walk.Dropped {
			t.Errorf("%q: zone %d, %v, want zone %d and %s", tt.rules, got.Zone, got.Outcome, tt.zone, tt.state)
		}
	}
}

// A packet that came in has no owner: iptables then takes what is negated for
// true, nftables takes nothing for true.
func TestOwnerOfNFT(t *testing.T) {
	const text = "table ip t {\n\tchain c {\n\t\ttype filter hook input priority 0; policy accept;\n\t\tskuid != 1337 drop\n\t}\n}\n"
	if got := walk.Walk(parse(t, text), came("eth0", client, pod+":80")); got.Outcome != walk.Untouched {
		t.Errorf("%v: %s", got.Outcome, got.Reason)
	}
	out := strings.Replace(text, "hook input", "hook output", 1)
	if got := walk.Walk(parse(t, out), made(1000, "eth0", pod+":40000", "10.96.10.1:80")); got.Outcome != walk.Dropped {
		t.Errorf("%v: %s", got.Outcome, got.Reason)
	}
}

// Without the pod's addresses, only those of the loopback are known to be local.
func TestAddrTypeWithoutAddresses(t *testing.T) {
	p := made(1000, "eth0", pod+":40000", "10.96.10.1:80")
	p.Local = nil
	const unknown = "rule 1 of filter F: unknown match on the type of an address, without the pod's address"
	if got := drops(t, "-m addrtype --dst-type LOCAL", false, p); got != unknown {
		t.Errorf("got %s, want %s", got, unknown)
	}
	p.Dst = netip.MustParseAddrPort("127.0.0.1:80")
	for not, want := range map[bool]string{false: "yes", true: "no"} {
		if got := drops(t, "-m addrtype --dst-type LOCAL", not, p); got != want {
			t.Errorf("not %v: %s, want %s", not, got, want)
		}
	}
}
