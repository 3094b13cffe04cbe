package nft_test

import "testing"

// What nft asks for is what iptables asks for, in its words.
func TestMatches(t *testing.T) {
	for _, tt := range []struct{ name, rule, want string }{
		{"out", "oifname lo", "-o lo"},
		{"in", `iifname "eth0"`, "-i eth0"},
		{"by index", "oif lo iif eth0", "-i eth0 -o lo"},
		{"with meta", "meta oifname lo meta iifname eth0", "-i eth0 -o lo"},
		{"with meta, by index", "meta oif != lo meta iif eth0", "-i eth0 ! -o lo"},
		{"not in", "iifname != lo", "! -i lo"},
		{"faces of a name", "oifname eth*", "-o eth+"},
		{"several faces", "oifname { lo, eth0 }", `-m nft "--text=oifname lo eth0"`},

		{"destination", "ip daddr 127.0.0.1", "-d 127.0.0.1/32"},
		{"not a source", "ip saddr != 10.0.0.0/8", "! -s 10.0.0.0/8"},
		{"destination of IPv6", "ip6 daddr ::1", "-d ::1/128"},
		{"several destinations", "ip daddr { 10.0.0.1, 10.0.0.2 }", "-d 10.0.0.1/32,10.0.0.2/32"},
		{"a range", "ip daddr 10.0.0.1-10.0.0.9", `-m nft "--text=ip 10.0.0.1-10.0.0.9"`},
		{"protocol of the header", "ip protocol tcp", "-p tcp"},
		{"protocol of IPv6's header", "ip6 nexthdr 58", "-p ipv6-icmp"},
		{"another field", "ip ttl 1 accept", `-m nft "--text=ip ttl 1" -j ACCEPT`},

		{"protocol", "meta l4proto udp", "-p udp"},
		{"not a protocol", "meta l4proto != tcp", "! -p tcp"},
		{"several protocols", "meta l4proto { tcp, udp }", `-m nft "--text=l4proto tcp udp"`},
		{"all protocols", "meta l4proto 0", `-m nft "--text=l4proto 0"`},

		{"port", "tcp dport 80", "-p tcp -m tcp --dport 80"},
		{"source port", "udp sport 53", "-p udp -m udp --sport 53"},
		{"not a port", "tcp dport != 80", "-p tcp -m tcp ! --dport 80"},
		{"equal", "tcp dport == 80", "-p tcp -m tcp --dport 80"},
		{"range of ports", "tcp dport 1-9", "-p tcp -m tcp --dport 1:9"},
		{"several ports", "tcp dport != { 53, 15008 }", "-p tcp -m multiport ! --dports 53,15008"},
		{"several source ports", "tcp sport { 1, 2 }", "-p tcp -m multiport --sports 1,2"},
		{"both ports", "tcp sport 1 tcp dport 2", "-p tcp -m tcp --sport 1 --dport 2"},
		{"of a protocol that was given", "meta l4proto tcp tcp dport 1", "-p tcp -m tcp --dport 1"},
		{"of all protocols but one", "meta l4proto != udp tcp dport 1", "! -p udp -p tcp -m tcp --dport 1"},
		{"of any protocol", "th dport 53", "-m tcp --dport 53"},
		{"of any protocol, then of one", "th dport 53 udp sport 1", "-p udp -m udp --dport 53 --sport 1"},
		{"another field of TCP", "tcp flags syn", `-m nft "--text=tcp flags syn"`},

		{"user", "skuid 1337", "-m owner --uid-owner 1337"},
		{"not a group", "skgid != 1337", "-m owner ! --gid-owner 1337"},
		{"users, with meta", "meta skuid { 1, 5-9 }", "-m owner --uid-owner 1,5-9"},
		{"group, with meta", "meta skgid 1337", "-m owner --gid-owner 1337"},

		{"mark", "mark 0x539", "-m mark --mark 0x539"},
		{"mark, with meta", "meta mark != 1338", "-m mark ! --mark 0x53a"},
		{"masked mark", "meta mark and 0xfff == 0x539", "-m mark --mark 0x539/0xfff"},
		{"masked mark, in other words", "meta mark & 0xfff != 0x539", "-m mark ! --mark 0x539/0xfff"},
		{"none of some bits", "meta mark & 0xff ! 0x1", "-m mark ! --mark 0x1/0xff"},
		{"several marks", "meta mark { 1, 2 }", `-m nft "--text=mark 1 2"`},
		{"mark of the connection", "ct mark and 0xfff == 0x111", "-m connmark --mark 0x111/0xfff"},

		{"states", "ct state established,related", "-m conntrack --ctstate ESTABLISHED,RELATED"},
		{"states in braces", "ct state { new, untracked }", "-m conntrack --ctstate NEW,UNTRACKED"},
		{"not a state", "ct state != invalid", "-m conntrack ! --ctstate INVALID"},
		{"another key of conntrack", "ct status dnat accept", `-m nft "--text=ct status dnat" -j ACCEPT`},
		{"not another key of conntrack", "ct status != dnat accept", `-m nft "--text=ct status != dnat" -j ACCEPT`},
		{"equal to another key of conntrack", "ct status == dnat accept", `-m nft "--text=ct status == dnat" -j ACCEPT`},
		{"several of another key", "ct status dnat,snat accept", `-m nft "--text=ct status dnat , snat" -j ACCEPT`},
		{"zone asked for", "ct zone 1", `-m nft "--text=ct zone 1"`},

		{"type of the source", "fib saddr type local", "-m addrtype --src-type LOCAL"},
		{"not the type of the destination", "fib daddr type != local", "-m addrtype ! --dst-type LOCAL"},
		{"several types", "fib daddr type { local, broadcast }", "-m addrtype --dst-type LOCAL,BROADCAST"},
		{"another field of routes", "fib daddr oif lo accept", `-m nft "--text=fib daddr oif lo" -j ACCEPT`},
		{"another key of routes", "fib mark type local drop", `-m nft "--text=fib mark type local" -j DROP`},

		{"faces and addresses together", "iifname . ip saddr { lo . 10.0.0.1 } accept", `-m nft "--text=iifname . ip saddr { lo . 10.0.0.1 }" -j ACCEPT`},
		{"addresses and ports together", "tcp sport 1 ip daddr . tcp dport != { 10.0.0.1 . 80 } log", `-p tcp -m tcp --sport 1 -m nft "--text=ip daddr . tcp dport != { 10.0.0.1 . 80 }" -j LOG`},
		{"routes of addresses and faces", "fib daddr . iif type local counter", `-m nft "--text=fib daddr . iif type local"`},
		{"nothing done behind", "ip daddr . tcp dport @s", `-m nft "--text=ip daddr . tcp dport @s"`},

		{"another key of meta", "meta nfproto ipv4", `-m nft "--text=meta nfproto ipv4"`},
		{"another header", "icmp type echo-request accept", `-m nft "--text=icmp type echo-request" -j ACCEPT`},
		{"a set of what is not known", "icmp type { 1, tcp } accept", `-m nft "--text=icmp type { 1 , tcp }" -j ACCEPT`},
		{"sets within sets", "x { { tcp } tcp } accept", `-m nft "--text=x { { tcp } tcp }" -j ACCEPT`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got, problem := one(tt.rule); got != tt.want || problem != "" {
				t.Errorf("got %s %s, want %s", got, problem, tt.want)
			}
		})
	}
}

// What nft does has equals in iptables too, but for the few that are kept as
// text.
func TestStatements(t *testing.T) {
	for _, tt := range []struct{ name, rule, want string }{
		{"verdicts", "accept", "-j ACCEPT"},
		{"drop", "drop", "-j DROP"},
		{"return", "return", "-j RETURN"},
		{"continue", "continue", "-j CONTINUE"},
		{"jump", "jump istio-output", "-j istio-output"},
		{"goto", "goto istio-output", "-g istio-output"},
		{"redirect", "redirect to :15001", "-j REDIRECT --to-ports 15001"},
		{"redirect that keeps the port", "redirect", "-j REDIRECT"},
		{"redirect before an address", "redirect ip daddr 10.0.0.1", "-d 10.0.0.1/32 -j REDIRECT"},
		{"DNAT", "dnat to 10.0.0.1:80", "-j DNAT --to-destination 10.0.0.1:80"},
		{"DNAT of a family", "dnat ip to 10.0.0.1", "-j DNAT --to-destination 10.0.0.1"},
		{"DNAT of IPv6", "dnat ip6 to [fd00::1]:80", "-j DNAT --to-destination [fd00::1]:80"},
		{"TPROXY", "tproxy ip to :15006", "-j TPROXY --on-port 15006"},
		{"TPROXY to an address", "tproxy ip to 10.0.0.1:15006", "-j TPROXY --on-port 15006 --on-ip 10.0.0.1"},
		{"mark", "meta mark set 0x53a", "-j MARK --set-xmark 0x53a/0xffffffff"},
		{"some bits of a mark", "meta mark set meta mark & 0xffffff0f ^ 0x10", "-j MARK --set-xmark 0x10/0xf0"},
		{"bits set", "meta mark set mark or 0x10", "-j MARK --set-xmark 0x10/0x10"},
		{"bits set, in other words", "meta mark set mark | 0x10", "-j MARK --set-xmark 0x10/0x10"},
		{"bits flipped", "meta mark set meta mark xor 0x10", "-j MARK --set-xmark 0x10/0x0"},
		{"bits kept", "meta mark set meta mark and 0xff", "-j MARK --set-xmark 0x0/0xffffff00"},
		{"bits kept, set and flipped", "meta mark set meta mark and 0xff or 0x3 xor 0x1", "-j MARK --set-xmark 0x2/0xffffff03"},
		{"mark of the connection", "ct mark set 0x111", "-j CONNMARK --set-xmark 0x111/0xffffffff"},
		{"bits of the connection's", "ct mark set ct mark or 0x1", "-j CONNMARK --set-xmark 0x1/0x1"},
		{"save", "ct mark set meta mark", "-j CONNMARK --save-mark --nfmask 0xffffffff --ctmask 0xffffffff"},
		{"save, in other words", "ct mark set mark", "-j CONNMARK --save-mark --nfmask 0xffffffff --ctmask 0xffffffff"},
		{"restore", "meta mark set ct mark", "-j CONNMARK --restore-mark --nfmask 0xffffffff --ctmask 0xffffffff"},
		{"restore some bits", "meta mark set ct mark and 0xff", "-j MARK --set-from-other-mark"},
		{"save and flip", "ct mark set meta mark xor 0x1", "-j CONNMARK --set-from-other-mark"},
		{"zone", "ct zone set 2", "-j CT --zone 2"},
		{"two things", "meta mark set 1 accept", "-j MARK --set-xmark 0x1/0xffffffff -j ACCEPT"},
		{"log", `log prefix "a b"`, `-j LOG "--text=prefix a b"`},
		{"log alone", "log accept", "-j LOG -j ACCEPT"},
		{"masquerade", "masquerade", "-j MASQUERADE"},
		{"SNAT", "snat to 10.0.0.1", `-j SNAT "--text=to 10.0.0.1"`},
		{"no tracking", "notrack", "-j NOTRACK"},
		{"reject", "reject", "-j REJECT"},
		{"reject with a packet of TCP", "reject with tcp reset", `-j REJECT "--text=with tcp reset"`},
		{"reject with one of ICMP", "reject with icmp port-unreachable accept", `-j REJECT "--text=with icmp port-unreachable" -j ACCEPT`},
		{"log what reads like a verdict", `log prefix "drop" accept`, `-j LOG "--text=prefix drop" -j ACCEPT`},
		{"log a dot", `log prefix "." accept`, `-j LOG "--text=prefix ." -j ACCEPT`},
		{"a comment of a dot", `accept comment "."`, "-m comment --comment \".\" -j ACCEPT"},
		{"queue", "queue num 1", `-j NFQUEUE "--text=num 1"`},
		{"of iptables", "xt target TPROXY", "-j TPROXY --not-shown-by-nft"},
		{"match of iptables", "xt match string", `-m nft "--text=xt match string"`},
		{"counter", "counter packets 3 bytes 180 accept", "-j ACCEPT"},
		{"counter of nothing", "counter accept", "-j ACCEPT"},
		{"comment", `accept comment "a b"`, `-m comment --comment "a b" -j ACCEPT`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got, problem := one(tt.rule); got != tt.want || problem != "" {
				t.Errorf("got %s %s, want %s", got, problem, tt.want)
			}
		})
	}
}

func TestRulesMalformed(t *testing.T) {
	for _, tt := range []struct{ name, rule, want string }{
		{"no face", "oifname", "a value is missing"},
		{"an empty face", `oifname ""`, "a value is missing"},
		{"no address", "ip daddr", "a value is missing"},
		{"no protocol", "meta l4proto", "a value is missing"},
		{"another protocol", "meta l4proto quic", `"quic" is no protocol`},
		{"no packet", "meta l4proto != 0", `"0" leaves no packet`},
		{"no port", "tcp dport", "a value is missing"},
		{"a name of a port", "tcp dport imap", `"imap" is no number below 65536`},
		{"no user", "skuid", "a value is missing"},
		{"a name of a user", "skuid root", `"root" is no number below 4294967296`},
		{"no mark", "mark", "a value is missing"},
		{"no mask", "meta mark and", `"" is no number below 4294967296`},
		{"a mark of words", "meta mark x", `"x" is no number below 4294967296`},
		{"no state", "ct state", "a value is missing"},
		{"another state", "ct state old", `"OLD" is no state`},
		{"no zone", "ct zone set", `"" is no number below 65536`},
		{"no type", "fib daddr type", "a value is missing"},
		{"no chain", "jump", "a value is missing"},
		{"no destination", "redirect to", "a value is missing"},
		{"a destination of words", "dnat to x", `dnat: "x" is no address`},
		{"no value of a mark", "meta mark set", `"" is no number below 4294967296`},
		{"bits of words", "meta mark set meta mark and x", `"x" is no number below 4294967296`},
		{"no counts", "counter packets x bytes 1", "no numbers behind counter"},
		{"half of the counts", "counter packets 1 bytes x", "no numbers behind counter"},
		{"an open set", "tcp dport { 1", "a set is not closed"},
		{"a set that is not known", "tcp dport @x", "set @x is not known"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got, problem := one(tt.rule); problem != tt.want {
				t.Errorf("got %s %q, want %q", got, problem, tt.want)
			}
		})
	}
}

// DNAT of one family, in a table of both, holds for that family only.
func TestFamilyOfDNAT(t *testing.T) {
	for _, tt := range []struct{ name, rule, want string }{
		{"IPv4", "dnat ip to 10.0.0.1", "-d 0.0.0.0/0 -j DNAT --to-destination 10.0.0.1"},
		{"IPv6", "dnat ip6 to fd00::1", "-d ::/0 -j DNAT --to-destination fd00::1"},
		{"either", "redirect to :1", "-j REDIRECT --to-ports 1"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := read("table inet t {\nchain c {\n" + tt.rule + "\n}\n}\n")
			if text := got.tables[0].Chains[0].Rules[0].String(); text != tt.want {
				t.Errorf("got %s, want %s", text, tt.want)
			}
		})
	}
}
