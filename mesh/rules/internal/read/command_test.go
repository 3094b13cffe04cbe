package read_test

import (
	"testing"
)

// iptables -S has no frames: built-in chains tell the table, and where one comes
// again, the next begins.
func TestCommandsOfTables(t *testing.T) {
	for _, tt := range []struct{ name, text, want string }{
		{"nat", "-P PREROUTING ACCEPT\n-P INPUT ACCEPT\n-P OUTPUT DROP\n-P POSTROUTING ACCEPT\n-N A\n-A OUTPUT -j A\n", "ip nat\n -P OUTPUT DROP\n -A OUTPUT -j A\n"},
		{"filter", "-P INPUT DROP\n-P FORWARD ACCEPT\n-P OUTPUT ACCEPT\n-A INPUT -p tcp\n", "ip filter\n -P INPUT DROP\n -A INPUT -p tcp\n"},
		{"filter without FORWARD", "-P INPUT ACCEPT\n-P OUTPUT ACCEPT\n-A INPUT -p tcp\n", "ip filter\n -A INPUT -p tcp\n"},
		{"mangle", "-P PREROUTING ACCEPT\n-P INPUT ACCEPT\n-P FORWARD ACCEPT\n-P OUTPUT ACCEPT\n-P POSTROUTING ACCEPT\n-A INPUT -p tcp\n", "ip mangle\n -A INPUT -p tcp\n"},
		{"raw", "-P PREROUTING ACCEPT\n-P OUTPUT ACCEPT\n-A OUTPUT -p tcp\n", "ip raw\n -A OUTPUT -p tcp\n"},
		{"one chain of nat", "-P POSTROUTING ACCEPT\n-A POSTROUTING -p tcp\n", "ip nat\n -A POSTROUTING -p tcp\n"},
		{"two tables", "-P PREROUTING ACCEPT\n-P OUTPUT ACCEPT\n-A OUTPUT -p tcp\n-P PREROUTING ACCEPT\n-P INPUT ACCEPT\n-P OUTPUT ACCEPT\n-P POSTROUTING ACCEPT\n-A INPUT -p udp\n",
			"ip raw\n -A OUTPUT -p tcp\nip nat\n -A INPUT -p udp\n"},
		{"a policy without a word", "-P OUTPUT\n-A OUTPUT -p tcp\n", "ip nat\n -A OUTPUT -p tcp\n"},
		{"a policy of no base chain", "-P A DROP\n-A A -p tcp\n", "ip nat\n -A A -p tcp\n"},
		{"a policy in a frame", "*raw\n-P OUTPUT DROP\n-P OUTPUT DROP\n-P INPUT ACCEPT\n-A OUTPUT -p tcp\nCOMMIT\n", "ip raw\n -P OUTPUT DROP\n -A OUTPUT -p tcp\n"},
		{"a new chain", "-N A\n-A A -p tcp\n", "ip nat\n -A A -p tcp\n"},
		{"a chain made empty", "*nat\n-A A -p tcp\n-A B -p tcp\n-F A\n-X B\n-F C\nCOMMIT\n", "ip nat\n"},
		{"nothing to make empty", "-F OUTPUT\n-X A\n", ""},
	} {
		t.Run(tt.name, func(t *testing.T) { check(t, tt.text, tt.want) })
	}
}

// Lines of other commands, without a table, are no rules.
func TestNoCommands(t *testing.T) {
	for _, line := range []string{"-D OUTPUT 1", "-R OUTPUT 1 -j x", "-E A B", "-Z OUTPUT", "-A", "-", "-AOUTPUT -p tcp", "--append OUTPUT", "-x y"} {
		check(t, line+"\n", "")
	}
	check(t, "-A  \n", "")
	check(t, "-A OUTPUT\n", "ip nat\n -A OUTPUT \n")
	check(t, "-A \"\"\n", "ip nat\n -A  \n")
}

// Command lines stand in scripts and logs: they name their family and table.
func TestInvocations(t *testing.T) {
	for _, tt := range []struct{ name, text, want string }{
		{"nat", "iptables -t nat -A OUTPUT -p tcp -j RETURN\n", "ip nat\n -A OUTPUT -p tcp -j RETURN\n"},
		{"no table", "iptables -A OUTPUT -p tcp\n", "ip filter\n -A OUTPUT -p tcp\n"},
		{"the table behind", "iptables -A OUTPUT -p tcp -t raw\n", "ip raw\n -A OUTPUT -p tcp\n"},
		{"long words", "iptables --table raw --append OUTPUT -p tcp\n", "ip raw\n -A OUTPUT -p tcp\n"},
		{"waiting", "iptables -w -t raw --wait -A OUTPUT -p tcp\n", "ip raw\n -A OUTPUT -p tcp\n"},
		{"by its path", "/sbin/iptables-legacy -t raw -A OUTPUT -p tcp\n", "ip raw\n -A OUTPUT -p tcp\n"},
		{"the other program", "iptables-nft -t raw -A OUTPUT -p tcp\n", "ip raw\n -A OUTPUT -p tcp\n"},
		{"IPv6", "ip6tables -t raw -A OUTPUT -p tcp\n", "ip6 raw\n -A OUTPUT -p tcp\n"},
		{"IPv6, other programs", "ip6tables-legacy -A OUTPUT -p tcp\nip6tables-nft -A OUTPUT -p udp\n", "ip6 filter\n -A OUTPUT -p tcp\n -A OUTPUT -p udp\n"},
		{"in a log", "level=info msg=\"/usr/bin/iptables -t nat -A OUTPUT -p tcp\"\n", "ip nat\n -A OUTPUT -p tcp\n"},
		{"behind sudo", "+ sudo iptables -t nat -I OUTPUT -p tcp\n", "ip nat\n -A OUTPUT -p tcp\n"},
		{"inserted", "iptables -A OUTPUT -p tcp\niptables --insert OUTPUT -p udp\niptables -I OUTPUT 3 -p icmp\n", "ip filter\n -A OUTPUT -p udp\n -A OUTPUT -p tcp\n -A OUTPUT -p icmp\n"},
		{"made and emptied", "iptables -N A\niptables -A A -p tcp\niptables -F A\niptables -A A -p udp\n", "ip filter\n -A A -p udp\n"},
		{"deleted", "iptables -A A -p tcp\niptables -X A\n", "ip filter\n"},
		{"a policy", "iptables -t raw -P OUTPUT DROP\n", "ip raw\n -P OUTPUT DROP\n"},
		{"policies of several tables", "iptables -P INPUT DROP\niptables -t mangle -P OUTPUT DROP\niptables -P OUTPUT DROP\n",
			"ip filter\n -P INPUT DROP\n -P OUTPUT DROP\nip mangle\n -P OUTPUT DROP\n"},
		{"a policy behind a table without a name", "-A POSTROUTING -p tcp\niptables -t nat -P OUTPUT DROP\n-P INPUT DROP\n",
			"ip nat\n -A POSTROUTING -p tcp\n -P OUTPUT DROP\n -P INPUT DROP\n"},
		{"to and fro", "iptables -t raw -A OUTPUT -p tcp\niptables -t nat -A OUTPUT -p tcp\niptables -t raw -A OUTPUT -p udp\n",
			"ip raw\n -A OUTPUT -p tcp\n -A OUTPUT -p udp\nip nat\n -A OUTPUT -p tcp\n"},
		{"to and fro between families", "iptables -A OUTPUT -p tcp\nip6tables -A OUTPUT -p tcp\niptables -A OUTPUT -p udp\n",
			"ip filter\n -A OUTPUT -p tcp\n -A OUTPUT -p udp\nip6 filter\n -A OUTPUT -p tcp\n"},
		{"an address of the other family", "iptables -A OUTPUT -d ::1\n", "ip6 filter\n -A OUTPUT -d ::1/128\n"},
	} {
		t.Run(tt.name, func(t *testing.T) { check(t, tt.text, tt.want) })
	}
}

func TestNoInvocations(t *testing.T) {
	for _, line := range []string{
		"iptables", "iptables -L -n -v", "iptables -t nat", "iptables -A", "iptables -t", "the iptables -t nat rule said: - 'no end", "tables -A OUTPUT",
		"iptables A OUTPUT", "xtables -A OUTPUT", "ebtables -A OUTPUT -p tcp", "iptables-save -t nat -x",
	} {
		check(t, line+"\n", "")
	}
	check(t, "iptables -A OUTPUT -p x\n", "ip filter\n", `1: -p: "x" is no protocol`)
}
