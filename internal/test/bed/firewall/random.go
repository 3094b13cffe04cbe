//go:build linux

package firewall

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
)

// randomRule is one rule in the words of both tools.
type randomRule struct{ table, chain, iptables, nft string }

// ruleMaker draws rules as meshes write them, in no mesh's order.
type ruleMaker struct {
	rng   *rand.Rand
	v6    bool
	ports []uint16
	rules []randomRule
	ipt   []string // words of the rule at hand
	nft   []string
	proto string
}

// RandomRules draws a rule set for the addresses of a Firewall, and returns it
// in the words of iptables-restore (ip6tables-restore with v6) and of nft. Both
// say the same.
func RandomRules(rng *rand.Rand, v6 bool, ports []uint16) (iptables, nft string) {
	m := &ruleMaker{rng: rng, v6: v6, ports: ports}
	m.draw()
	return m.iptables(), m.native()
}

// inner returns the chains that rules may jump to; each only to later ones.
func inner(table string) []string {
	switch table {
	case "raw":
		return []string{"MESH_A"}
	case "mangle":
		return []string{"MESH_A", "MESH_B"}
	}
	return []string{"MESH_INBOUND", "MESH_OUTPUT", "MESH_X", "MESH_REDIRECT", "MESH_IN_REDIRECT"}
}

func (m *ruleMaker) draw() {
	m.fixed("nat", "MESH_REDIRECT", "-p tcp -j REDIRECT --to-ports 15001", "meta l4proto tcp redirect to :15001")
	m.fixed("nat", "MESH_IN_REDIRECT", "-p tcp -j REDIRECT --to-ports 15006", "meta l4proto tcp redirect to :15006")
	for _, table := range []string{"raw", "mangle", "nat"} {
		for _, base := range []string{"PREROUTING", "OUTPUT"} {
			for range m.rng.IntN(4) {
				m.rule(table, base)
			}
		}
		for _, chain := range inner(table) {
			for range m.rng.IntN(7) {
				m.rule(table, chain)
			}
		}
	}
	m.fixed("nat", "PREROUTING", "-p tcp -j MESH_INBOUND", "meta l4proto tcp jump MESH_INBOUND")
	m.fixed("nat", "OUTPUT", "-j MESH_OUTPUT", "jump MESH_OUTPUT")
}

func (m *ruleMaker) fixed(table, chain, ipt, nft string) {
	m.rules = append(m.rules, randomRule{table, chain, ipt, nft})
}

// say adds words to the rule at hand.
func (m *ruleMaker) say(ipt, nft string) {
	m.ipt = append(m.ipt, ipt)
	m.nft = append(m.nft, nft)
}

func (m *ruleMaker) chance(percent int) bool { return m.rng.IntN(100) < percent }

// isOut reports whether only packets made in the pod come to a chain.
func isOut(chain string) bool { return chain == "OUTPUT" || chain == "MESH_OUTPUT" }

// not draws a negation in both tools.
func (m *ruleMaker) not() (ipt, nft string) {
	if m.chance(30) {
		return "! ", "!= "
	}
	return "", ""
}

func pick[T any](rng *rand.Rand, list ...T) T { return list[rng.IntN(len(list))] }

// rule draws a rule.
func (m *ruleMaker) rule(table, chain string) {
	m.ipt, m.nft, m.proto = nil, nil, ""
	if m.chance(80) {
		m.proto = pick(m.rng, "tcp", "tcp", "tcp", "udp")
		m.say("-p "+m.proto, "meta l4proto "+m.proto)
	}
	if m.chance(30) {
		m.address()
	}
	if m.chance(30) {
		m.face(chain)
	}
	if m.chance(40) && m.proto != "" {
		m.port()
	}
	if m.chance(40) && isOut(chain) {
		m.owner()
	}
	if m.chance(15) {
		m.mark()
	}
	if m.chance(10) && table != "raw" {
		not, ne := m.not()
		m.say("-m conntrack "+not+"--ctstate NEW,RELATED", "ct state "+ne+"{ new, related }")
	}
	if m.chance(10) {
		not, ne := m.not()
		m.say("-m addrtype "+not+"--dst-type LOCAL", "fib daddr type "+ne+"local")
	}
	m.target(table, chain)
	m.fixed(table, chain, strings.Join(m.ipt, " "), strings.Join(m.nft, " "))
}

// network picks one of those that probes go between.
func (m *ruleMaker) network() string {
	if m.v6 {
		return pick(m.rng, "::1/128", "::6/128", "fd00:10:244:1::/64", "fd00:10:244:1::10/128", "fd00:10:96::/112", "2001:db8::/32")
	}
	return pick(m.rng, "127.0.0.1/32", "127.0.0.6/32", "127.0.0.0/8", "10.244.1.0/24", "10.244.1.10/32", "10.96.0.0/16", "203.0.113.0/24")
}

func (m *ruleMaker) address() {
	not, ne := m.not()
	family := "ip"
	if m.v6 {
		family = "ip6"
	}
	net := m.network()
	if m.chance(25) {
		m.say(not+"-s "+net, family+" saddr "+ne+net)
		return
	}
	m.say(not+"-d "+net, family+" daddr "+ne+net)
}

func (m *ruleMaker) face(chain string) {
	not, ne := m.not()
	name := pick(m.rng, "lo", "eth0", "eth+")
	star := strings.Replace(name, "+", "*", 1)
	switch {
	case isOut(chain):
		m.say(not+"-o "+name, fmt.Sprintf("oifname %s%q", ne, star))
	case chain == "PREROUTING" || strings.Contains(chain, "_IN"):
		m.say(not+"-i "+name, fmt.Sprintf("iifname %s%q", ne, star))
	}
}

func (m *ruleMaker) port() {
	not, ne := m.not()
	a, b := pick(m.rng, m.ports...), pick(m.rng, m.ports...)
	if a > b {
		a, b = b, a
	}
	switch c := pick(m.rng, m.ports...); {
	case m.chance(50) || a == b || c >= a && c <= b: // sets must not overlap
		m.say(fmt.Sprintf("%s--dport %d", not, c), fmt.Sprintf("%s dport %s%d", m.proto, ne, c))
	case m.chance(50):
		m.say(fmt.Sprintf("%s--dport %d:%d", not, a, b), fmt.Sprintf("%s dport %s%d-%d", m.proto, ne, a, b))
	default:
		m.say(fmt.Sprintf("-m multiport %s--dports %d:%d,%d", not, a, b, c), fmt.Sprintf("%s dport %s{ %d-%d, %d }", m.proto, ne, a, b, c))
	}
}

func (m *ruleMaker) owner() {
	not, ne := m.not()
	kind, key := "uid", "skuid"
	if m.chance(40) {
		kind, key = "gid", "skgid"
	}
	who := pick(m.rng, "1337", "1000", "0-1000", "1000-2000")
	m.say(fmt.Sprintf("-m owner %s--%s-owner %s", not, kind, who), fmt.Sprintf("meta %s %s%s", key, ne, who))
}

func (m *ruleMaker) mark() {
	not, ne := m.not()
	if ne == "" {
		ne = "== "
	}
	if m.chance(50) {
		m.say("-m mark "+not+"--mark 0x539/0xfff", "meta mark & 0xfff "+ne+"0x539")
		return
	}
	m.say("-m connmark "+not+"--mark 0x111", "ct mark "+ne+"0x111")
}

// target draws what the rule does.
func (m *ruleMaker) target(table, chain string) {
	if to := m.later(table, chain); to != "" && m.chance(40) {
		if m.chance(15) {
			m.say("-g "+to, "goto "+to)
			return
		}
		m.say("-j "+to, "jump "+to)
		return
	}
	if m.chance(45) {
		m.say("-j RETURN", "return")
		return
	}
	switch table {
	case "nat":
		m.natTarget()
	case "mangle":
		m.mangleTarget()
	default:
		m.rawTarget()
	}
}

func (m *ruleMaker) natTarget() {
	switch {
	case m.chance(30):
		m.say("-j ACCEPT", "accept")
	case m.proto == "" || m.chance(20):
		m.say("-j RETURN", "return")
	case m.chance(20):
		m.say("-j REDIRECT", "redirect")
	case m.chance(25):
		to, family := "10.244.1.11:8080", "ip"
		if m.v6 {
			to, family = "[fd00:10:244:1::11]:8080", "ip6"
		}
		m.say("-j DNAT --to-destination "+to, "dnat "+family+" to "+to)
	default:
		port := pick(m.rng, 15001, 15006, 15053)
		m.say(fmt.Sprintf("-j REDIRECT --to-ports %d", port), fmt.Sprintf("redirect to :%d", port))
	}
}

func (m *ruleMaker) mangleTarget() {
	switch m.rng.IntN(7) {
	case 0:
		m.say("-j DROP", "drop")
	case 1:
		m.say("-j ACCEPT", "accept")
	case 2:
		m.say("-j MARK --set-xmark 0x539/0xffffffff", "meta mark set 0x539")
	case 3:
		m.say("-j MARK --set-xmark 0x9/0xff", "meta mark set meta mark & 0xffffff00 | 0x9")
	case 4:
		m.say("-j CONNMARK --set-xmark 0x111/0xfff", "ct mark set ct mark & 0xfffff000 | 0x111")
	case 5:
		m.say("-j CONNMARK --save-mark", "ct mark set meta mark")
	default:
		m.say("-j CONNMARK --restore-mark", "meta mark set ct mark")
	}
}

func (m *ruleMaker) rawTarget() {
	switch m.rng.IntN(4) {
	case 0:
		m.say("-j ACCEPT", "accept")
	case 1:
		m.say("-j CT --zone 1", "ct zone set 1")
	case 2:
		m.say("-j CT --zone 2", "ct zone set 2")
	default:
		m.say("-j MARK --set-xmark 0x539/0xffffffff", "meta mark set 0x539")
	}
}

// later draws a chain that the given one may jump to; "" if there is none.
// Rules about owners are allowed below OUTPUT only.
func (m *ruleMaker) later(table, chain string) string {
	var list []string
	all := inner(table)
	for _, name := range all[slices.Index(all, chain)+1:] {
		if isOut(chain) || name != "MESH_OUTPUT" {
			list = append(list, name)
		}
	}
	if len(list) == 0 {
		return ""
	}
	return pick(m.rng, list...)
}

// iptables writes the rules for iptables-restore.
func (m *ruleMaker) iptables() string {
	var w strings.Builder
	for _, table := range []string{"raw", "mangle", "nat"} {
		fmt.Fprintf(&w, "*%s\n", table)
		for _, chain := range inner(table) {
			fmt.Fprintf(&w, "-N %s\n", chain)
		}
		for _, r := range m.rules {
			if r.table == table {
				fmt.Fprintf(&w, "-A %s %s\n", r.chain, r.iptables)
			}
		}
		w.WriteString("COMMIT\n")
	}
	return w.String()
}

// native writes the rules for nft, in tables of the family inet.
func (m *ruleMaker) native() string {
	var w strings.Builder
	for _, table := range []struct{ name, in, out string }{
		{"raw", "type filter hook prerouting priority -300", "type filter hook output priority -300"},
		{"mangle", "type filter hook prerouting priority -150", "type route hook output priority -150"},
		{"nat", "type nat hook prerouting priority -100", "type nat hook output priority -100"},
	} {
		fmt.Fprintf(&w, "add table inet mesh-%s\n", table.name)
		fmt.Fprintf(&w, "add chain inet mesh-%s PREROUTING { %s ; }\n", table.name, table.in)
		fmt.Fprintf(&w, "add chain inet mesh-%s OUTPUT { %s ; }\n", table.name, table.out)
		for _, chain := range inner(table.name) {
			fmt.Fprintf(&w, "add chain inet mesh-%s %s\n", table.name, chain)
		}
		for _, r := range m.rules {
			if r.table == table.name {
				fmt.Fprintf(&w, "add rule inet mesh-%s %s %s\n", table.name, r.chain, r.nft)
			}
		}
	}
	return w.String()
}
