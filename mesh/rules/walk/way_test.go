package walk_test

import (
	"testing"

	"github.com/pcapmesh/pcapmesh/mesh/rules/walk"
)

// A way names the chains that decided, as people draw them.
func TestWay(t *testing.T) {
	out, in := made(1000, "eth0", pod+":40000", "10.96.10.1:80"), came("eth0", client, pod+":80")
	for _, tt := range []struct {
		name, rules string
		p           walk.Packet
		want        string
	}{
		{"no rules", "*nat\n", out, "OUTPUT → POSTROUTING"},
		{"no rules, in", "*nat\n", in, "PREROUTING → INPUT"},
		{"no rules, to itself", "*nat\n", made(1000, "lo", pod+":40000", pod+":80"), "OUTPUT → POSTROUTING"},
		{"one rule of one", "*nat\n-A OUTPUT -j A\n-A A -j RETURN\n", out, "OUTPUT → A → POSTROUTING"},
		{"one rule of two", "*nat\n-A OUTPUT -j LOG\n-A OUTPUT -j A\n-A A -p udp -j RETURN\n-A A -j RETURN\n", out, "OUTPUT (rule 2) → A (rule 2) → POSTROUTING"},
		{"none of a chain", "*nat\n-A OUTPUT -j A\n-A A -p udp -j RETURN\n", out, "OUTPUT → A (no rule) → POSTROUTING"},
		{"the last chain counts", "*nat\n-A OUTPUT -j A\n-A OUTPUT -j B\n-A A -p udp -j RETURN\n-A B -j RETURN\n", out, "OUTPUT (rule 2) → B → POSTROUTING"},
		{"redirected", "*nat\n-A OUTPUT -p tcp -j REDIRECT --to-ports 1\n-A POSTROUTING -j LOG\n", out, "OUTPUT"},
		{"redirected, in", "*nat\n-A PREROUTING -p tcp -j REDIRECT --to-ports 1\n-A INPUT -j LOG\n", in, "PREROUTING"},
		{"redirected, then dropped", "*nat\n-A PREROUTING -p tcp -j REDIRECT --to-ports 1\n*filter\n-A INPUT -j DROP\n", in, "PREROUTING → INPUT (filter)"},
		{"another table, without a say", "*filter\n-A OUTPUT -p tcp\n*nat\n", out, "OUTPUT → POSTROUTING"},
		{"another table that marks", "*mangle\n-A OUTPUT -j MARK --set-mark 1\n*nat\n", out, "OUTPUT (mangle) → POSTROUTING"},
		{"another table that marks the connection", "*mangle\n-A OUTPUT -j CONNMARK --set-mark 1\n*nat\n", out, "OUTPUT (mangle) → POSTROUTING"},
		{"another table that sets a zone", "*raw\n-A OUTPUT -j CT --zone 1\n*nat\n", out, "OUTPUT (raw) → POSTROUTING"},
		{"another table that marks, in a chain", "*mangle\n-A OUTPUT -p udp\n-A OUTPUT -j A\n-A A -j MARK --set-mark 1\n*nat\n", out, "OUTPUT (mangle, rule 2) → A → POSTROUTING"},
		{"another table that marks, and nat", "*mangle\n-A OUTPUT -j MARK --set-mark 1\n*nat\n-A OUTPUT -j LOG\n", out, "OUTPUT (mangle) → OUTPUT → POSTROUTING"},
		{"another table that marks, and nat that has nothing to say", "*mangle\n-A OUTPUT -j MARK --set-mark 1\n*nat\n-A OUTPUT -p udp\n", out, "OUTPUT (mangle) → POSTROUTING"},
		{"another table that drops", "*filter\n-A OUTPUT -p udp -j DROP\n-A OUTPUT -p tcp -j DROP\n", out, "OUTPUT (filter, rule 2)"},
		{"another table's policy", "*filter\n:OUTPUT DROP\n-A OUTPUT -p udp -j ACCEPT\n", out, ""},
		{"TPROXY", "*mangle\n-A PREROUTING -p tcp -j TPROXY --on-port 1\n*nat\n-A PREROUTING -j LOG\n", in, "PREROUTING (mangle) → PREROUTING"},
		{"marked, then given to TPROXY", "*mangle\n-A PREROUTING -j MARK --set-mark 1\n-A PREROUTING -p tcp -j TPROXY --on-port 1\n", in, "PREROUTING (mangle, rule 2)"},
		{"marked where lo receives it", "*mangle\n-A PREROUTING -j MARK --set-mark 1\n", made(1000, "lo", pod+":40000", pod+":80"), "OUTPUT → POSTROUTING"},
		{"dropped where lo receives it", "*mangle\n-A PREROUTING -j DROP\n", made(1000, "lo", pod+":40000", pod+":80"), "OUTPUT → POSTROUTING → PREROUTING (mangle)"},
		{"two tables of nftables", "table ip a {\n\tchain x {\n\t\ttype nat hook output priority -100\n\t\ttcp dport 80 return\n\t}\n}\n" +
			"table ip b {\n\tchain y {\n\t\ttype nat hook output priority -90\n\t\treturn\n\t}\n\tchain z {\n\t\ttype nat hook output priority -80\n\t}\n}\n", out, "OUTPUT → OUTPUT → POSTROUTING"},
		{"two tables of nftables, one without a rule that applies", "table ip a {\n\tchain x {\n\t\ttype nat hook output priority -100\n\t\tudp dport 80 return\n\t}\n}\n" +
			"table ip b {\n\tchain y {\n\t\ttype nat hook output priority -90\n\t\tudp dport 80 return\n\t}\n}\n", out, "OUTPUT → POSTROUTING"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := walk.Walk(parse(t, tt.rules), tt.p).Path(); got != tt.want {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
		})
	}
}
