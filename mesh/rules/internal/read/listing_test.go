package read_test

import (
	"strings"
	"testing"
)

const (
	header = "Chain OUTPUT (policy ACCEPT 0 packets, 0 bytes)\n pkts bytes target     prot opt in     out     source               destination\n"
)

// listed returns the listing of one chain with a rule.
func listed(row string) string { return header + row + "\n" }

// The columns of a listing, whichever were asked for.
func TestColumns(t *testing.T) {
	for _, tt := range []struct{ name, header, row, want string }{
		{"verbose", "pkts bytes target prot opt in out source destination", "1 60 RETURN tcp -- lo eth0 10.0.0.1 10.0.0.2", "-s 10.0.0.1/32 -d 10.0.0.2/32 -i lo -o eth0 -p tcp -j RETURN"},
		{"with numbers", "num pkts bytes target prot opt in out source destination", "1 1 60 RETURN tcp -- * * 10.0.0.1 0.0.0.0/0", "-s 10.0.0.1/32 -p tcp -j RETURN"},
		{"short", "target prot opt source destination", "RETURN tcp -- anywhere 10.0.0.2", "-d 10.0.0.2/32 -p tcp -m interfaces --not-listed -j RETURN"},
		{"short, with numbers", "num target prot opt source destination", "1 RETURN 0 -- anywhere anywhere", "-m interfaces --not-listed -j RETURN"},
		{"names of all faces", "pkts bytes target prot opt in out source destination", "0 0 RETURN all -- any any anywhere anywhere", "-j RETURN"},
		{"IPv6 without options", "pkts bytes target prot opt in out source destination", "0 0 RETURN tcp lo * ::/0 fd00::/8", "-d fd00::/8 -i lo -p tcp -j RETURN"},
		{"not", "pkts bytes target prot opt in out source destination", "0 0 RETURN !udp -- !lo !eth0 !10.0.0.1 !10.0.0.0/8", "! -s 10.0.0.1/32 ! -d 10.0.0.0/8 ! -i lo ! -o eth0 ! -p udp -j RETURN"},
		{"no address at all", "pkts bytes target prot opt in out source destination", "0 0 RETURN tcp -- * * !0.0.0.0/0 0.0.0.0/0", "! -s 0.0.0.0/0 -p tcp -j RETURN"},
		{"no target", "pkts bytes target prot opt in out source destination", "0 0 tcp -- * * 0.0.0.0/0 0.0.0.0/0", "-p tcp"},
		{"no target, fragments", "pkts bytes target prot opt in out source destination", "0 0 tcp -f * * 0.0.0.0/0 0.0.0.0/0", "-p tcp"},
		{"all but fragments", "pkts bytes target prot opt in out source destination", "0 0 A tcp !f * * 0.0.0.0/0 0.0.0.0/0", "-p tcp -j A"},
		{"four dashes", "pkts bytes target prot opt in out source destination", "0 0 A tcp ---- * * 0.0.0.0/0 0.0.0.0/0", "-p tcp -j A"},
		{"thousands", "pkts bytes target prot opt in out source destination", "12K 3M A tcp -- * * 0.0.0.0/0 0.0.0.0/0", "-p tcp -j A"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			want := "ip nat\n -A OUTPUT " + tt.want + "\n"
			if strings.Contains(tt.row, "::") {
				want = strings.Replace(want, "ip ", "ip6 ", 1)
			}
			check(t, "Chain OUTPUT (policy ACCEPT)\n"+tt.header+"\n"+tt.row+"\n", want)
		})
	}
}

func TestListedCounters(t *testing.T) {
	found, _ := text(t, listed("12K 720 RETURN tcp -- * * 0.0.0.0/0 0.0.0.0/0"))
	if r := found.Tables[0].Chains[0].Rules[0]; !r.Counted || r.Packets != 12000 || r.Bytes != 720 || r.Line != 3 {
		t.Errorf("got %+v", r)
	}
	found, _ = text(t, "Chain OUTPUT (policy ACCEPT)\ntarget prot opt source destination\nRETURN tcp -- anywhere anywhere\n")
	if r := found.Tables[0].Chains[0].Rules[0]; r.Counted || r.Packets != 0 {
		t.Errorf("no counters were listed: %+v", r)
	}
}

// A listing tells its tables by their chains, as iptables -S does.
func TestListedChains(t *testing.T) {
	const head = "target prot opt source destination\n"
	for _, tt := range []struct{ name, text, want string }{
		{"policy", "Chain INPUT (policy DROP)\n" + head + "\nChain OUTPUT (policy DROP 1 packets, 60 bytes)\n" + head, "ip filter\n -P INPUT DROP\n -P OUTPUT DROP\n"},
		{"of a mesh", "Chain ISTIO_OUTPUT (1 references)\n" + head + "RETURN tcp -- anywhere anywhere\n", "ip nat\n -A ISTIO_OUTPUT -p tcp -m interfaces --not-listed -j RETURN\n"},
		{"two tables", "Chain PREROUTING (policy ACCEPT)\n" + head + "\nChain OUTPUT (policy DROP)\n" + head + "Chain PREROUTING (policy DROP)\n" + head +
			"\nChain INPUT (policy ACCEPT)\n" + head + "\nChain OUTPUT (policy ACCEPT)\n" + head + "\nChain POSTROUTING (policy ACCEPT)\n" + head,
			"ip raw\n -P OUTPUT DROP\nip nat\n -P PREROUTING DROP\n"},
		{"a header within", "Chain A (1 references)\n" + head + "RETURN tcp -- anywhere anywhere\n" + head + "ACCEPT tcp -- anywhere anywhere\n",
			"ip nat\n -A A -p tcp -m interfaces --not-listed -j RETURN\n -A A -p tcp -m interfaces --not-listed -j ACCEPT\n"},
		{"IPv6", "Chain A (1 references)\n" + head + "RETURN tcp -- ::/0 ::/0\n", "ip6 nat\n -A A -p tcp -m interfaces --not-listed -j RETURN\n"},
		{"all of IPv6", "Chain A (1 references)\npkts bytes target prot opt in out source destination\n0 0 RETURN tcp -- * * anywhere ::/0\n", "ip6 nat\n -A A -p tcp -j RETURN\n"},
	} {
		t.Run(tt.name, func(t *testing.T) { check(t, tt.text, tt.want) })
	}
}

// Lines around a listing are no rows of it.
func TestNoListing(t *testing.T) {
	check(t, "Chain reaction of events (policy)\nChain A\nChain A (2 links)\nChain two words (policy ACCEPT)\ntarget prot opt source destination\n", "")
	check(t, "Chain A (0 references)\nRETURN tcp -- anywhere anywhere\ntarget prot opt source destination\n", "ip nat\n")
	check(t, header+"\nRETURN tcp -- anywhere anywhere\n", "ip nat\n")
}

func TestListedMalformed(t *testing.T) {
	for _, tt := range []struct{ name, row, want string }{
		{"no counters", "x 60 RETURN tcp -- * * 0.0.0.0/0 0.0.0.0/0", "no counters in the first two columns"},
		{"half of them", "1 x RETURN tcp -- * * 0.0.0.0/0 0.0.0.0/0", "no counters in the first two columns"},
		{"one counter alone", "1", "no counters in the first two columns"},
		{"nothing behind", "1 60", "too few columns"},
		{"no destination", "1 60 RETURN tcp -- * * 0.0.0.0/0", "too few columns"},
		{"no faces", "1 60 RETURN tcp --", "too few columns"},
		{"a not alone", "1 60 RETURN tcp -- ! * 0.0.0.0/0 0.0.0.0/0", "too few columns"},
		{"another protocol", "1 60 RETURN x -- * * 0.0.0.0/0 0.0.0.0/0", `"x" is no protocol`},
		{"a name of a host", "1 60 RETURN tcp -- * * localhost 0.0.0.0/0", `"localhost" is no address`},
		{"a port of words", "1 60 RETURN tcp -- * * 0.0.0.0/0 0.0.0.0/0 tcp dpt:x", `"x" is no number below 65536`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			check(t, listed(tt.row)+"1 60 A tcp -- * * 0.0.0.0/0 0.0.0.0/0\n", "ip nat\n -A OUTPUT -p tcp -j A\n", "3: "+tt.want)
		})
	}
}
