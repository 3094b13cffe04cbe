package walk_test

import (
	"fmt"
	"net/netip"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pcapmesh/pcapmesh/capture/tcpip"
	"github.com/pcapmesh/pcapmesh/mesh/rules"
	"github.com/pcapmesh/pcapmesh/mesh/rules/netfilter"
	"github.com/pcapmesh/pcapmesh/mesh/rules/walk"
)

const (
	pod    = "10.244.1.10"
	client = "192.0.2.10:40112"
)

// read returns the rules of a file.
func read(t *testing.T, name string) []*netfilter.Table {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return parse(t, string(text))
}

func parse(t *testing.T, text string) []*netfilter.Table {
	t.Helper()
	s, err := rules.Parse(strings.NewReader(text))
	if n, first := s.Malformed(); err != nil || n > 0 {
		t.Fatalf("%v, %+v in\n%s", err, first, text)
	}
	return s.Tables
}

func packet(proto tcpip.Proto, src, dst string) walk.Packet {
	return walk.Packet{Tuple: tcpip.Tuple{Proto: proto, Src: netip.MustParseAddrPort(src), Dst: netip.MustParseAddrPort(dst)},
		Local: []netip.Addr{netip.MustParseAddr(pod)}}
}

// made returns a packet that the pod makes.
func made(uid uint32, out, src, dst string) walk.Packet {
	p := packet(6, src, dst)
	p.Out, p.UID, p.GID = out, uid, uid
	return p
}

func came(in, src, dst string) walk.Packet {
	p := packet(6, src, dst)
	p.In = in
	return p
}

func TestWalk(t *testing.T) {
	udp := made(2000, "eth0", pod+":5353", "10.96.0.10:53")
	udp.Proto = 17
	agent := udp
	agent.UID, agent.GID = 1337, 1337
	later := came("eth0", client, pod+":8080")
	later.State = "ESTABLISHED"
	for _, tt := range []struct {
		name, file string
		p          walk.Packet
		outcome    walk.Outcome
		dst, path  string
		zone       uint16
	}{
		{"app → service", "istio-init.log", made(1000, "eth0", pod+":40000", "10.96.10.1:80"), walk.Redirected, "127.0.0.1:15001",
			"OUTPUT → ISTIO_OUTPUT (rule 9) → ISTIO_REDIRECT", 0},
		{"Envoy → endpoint", "istio-init.log", made(1337, "eth0", pod+":40000", "10.244.2.20:80"), walk.Untouched, "10.244.2.20:80",
			"OUTPUT → ISTIO_OUTPUT (rule 4) → POSTROUTING", 0},
		{"Envoy → own pod", "istio-init.log", made(1337, "lo", pod+":40000", pod+":8080"), walk.Redirected, "127.0.0.1:15006",
			"OUTPUT → ISTIO_OUTPUT (rule 2) → ISTIO_IN_REDIRECT", 0},
		{"Envoy → own pod, tunnel", "istio-init.log", made(1337, "lo", pod+":40000", pod+":15008"), walk.Untouched, pod + ":15008",
			"OUTPUT → ISTIO_OUTPUT (rule 4) → POSTROUTING", 0},
		{"Envoy → app", "istio-init.log", made(1337, "lo", "127.0.0.6:40001", pod+":8080"), walk.Untouched, pod + ":8080",
			"OUTPUT → ISTIO_OUTPUT (rule 1) → POSTROUTING", 0},
		{"client", "istio-init.log", came("eth0", client, pod+":8080"), walk.Redirected, pod + ":15006",
			"PREROUTING → ISTIO_INBOUND (rule 5) → ISTIO_IN_REDIRECT", 0},
		{"client, excluded", "istio-init.log", came("eth0", client, pod+":15020"), walk.Untouched, pod + ":15020",
			"PREROUTING → ISTIO_INBOUND (rule 4) → INPUT", 0},
		{"not the first packet", "istio-init.log", later, walk.Untouched, pod + ":8080", "PREROUTING → INPUT", 0},
		{"from the manifest", "istio-init.yaml", came("eth0", client, pod+":15021"), walk.Untouched, pod + ":15021",
			"PREROUTING → ISTIO_INBOUND (rule 3) → INPUT", 0},
		{"query", "all-save.txt", udp, walk.Redirected, "127.0.0.1:15053",
			"OUTPUT (raw) → ISTIO_OUTPUT_DNS (rule 3) → OUTPUT (mangle, rule 6) → OUTPUT → ISTIO_OUTPUT (rule 9) → ISTIO_OUTPUT_DNS (rule 2)", 2},
		{"the agent's query", "all-save.txt", agent, walk.Untouched, "10.96.0.10:53",
			"OUTPUT (raw) → ISTIO_OUTPUT_DNS (rule 3) → OUTPUT (mangle, rule 6) → OUTPUT → ISTIO_OUTPUT (rule 4) → POSTROUTING", 1},
		{"ambient, app", "ambient.rules", made(1000, "eth0", pod+":40000", "10.96.10.1:80"), walk.Redirected, "127.0.0.1:15001",
			"OUTPUT → ISTIO_OUTPUT (rule 6)", 0},
		{"ambient, client", "ambient.rules", came("eth0", client, pod+":8080"), walk.Redirected, pod + ":15006", "PREROUTING → ISTIO_PRERT (rule 2)", 0},
		{"ambient, kubelet", "ambient.rules", came("eth0", "169.254.7.127:4000", pod+":8080"), walk.Untouched, pod + ":8080", "PREROUTING → ISTIO_PRERT (rule 1) → INPUT", 0},
		{"nftables", "native.txt", made(1337, "lo", pod+":40000", pod+":8080"), walk.Redirected, "127.0.0.1:15006",
			"OUTPUT (istio-proxy-mangle, rule 5) → OUTPUT → istio-output (rule 3) → istio-in-redirect", 0},
		{"Linkerd", "linkerd.txt", came("eth0", client, pod+":8080"), walk.Redirected, pod + ":4143", "PREROUTING → PROXY_INIT_REDIRECT (rule 2)", 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := walk.Walk(read(t, "../testdata/"+tt.file), tt.p)
			if got.Outcome != tt.outcome || got.Dst.String() != tt.dst || got.Zone != tt.zone {
				t.Errorf("%v to %v in zone %d (%s), want %v to %s in zone %d", got.Outcome, got.Dst, got.Zone, got.Reason, tt.outcome, tt.dst, tt.zone)
			}
			if got.Path() != tt.path {
				t.Errorf("path %q, want %q", got.Path(), tt.path)
			}
		})
	}
}

// What is not understood ends the walk, if it matters.
func TestWalkDoesNotGuess(t *testing.T) {
	for _, tt := range []struct{ rules, reason string }{
		{"-A OUTPUT -p tcp -m string --string x -j RETURN", "rule 1 of nat OUTPUT: unknown match -m string --string x"},
		{"-A OUTPUT -p udp -m string --string x -j RETURN", ""},
		{"-A OUTPUT -m string --string x -j LOG", ""},
		{"-A OUTPUT -p tcp -j NFQUEUE --queue-num 1", "rule 1 of nat OUTPUT: unknown target NFQUEUE"},
		{"-A OUTPUT -p tcp -j DNAT --to-destination 10.0.0.1-10.0.0.9", "rule 1 of nat OUTPUT: unknown choice of -j DNAT --to-destination 10.0.0.1-10.0.0.9"},
		{"-A OUTPUT -p tcp -j REDIRECT --to-ports 1-9", "rule 1 of nat OUTPUT: unknown choice of -j REDIRECT --to-ports 1-9"},
		{"-A OUTPUT -j A\n-A A -j A", "rule 1 of nat A: chains call each other too deep"},
	} {
		got := walk.Walk(parse(t, "*nat\n"+tt.rules+"\nCOMMIT\n"), made(1000, "eth0", pod+":40000", "10.96.10.1:80"))
		if got.Reason != tt.reason || (got.Outcome == walk.Unknown) != (tt.reason != "") {
			t.Errorf("%s: %v, %q; want %q", tt.rules, got.Outcome, got.Reason, tt.reason)
		}
	}
}

// Chains that call each other many times over end the walk too, behind a million
// rules and some.
func TestWalkIsBounded(t *testing.T) {
	calls := func(levels int) string { // each chain calls the next four times
		text := "*nat\n-A OUTPUT -j A\n"
		for c := 'A'; c < 'A'+rune(levels); c++ {
			text += strings.Repeat(fmt.Sprintf("-A %c -j %c\n", c, c+1), 4)
		}
		return text + strings.Repeat(fmt.Sprintf("-A %c -p udp -j RETURN\n", 'A'+levels), 200)
	}
	p := made(1000, "eth0", pod+":40000", "10.96.10.1:80")
	if got := walk.Walk(parse(t, calls(6)), p); got.Outcome != walk.Untouched { // 820,000
		t.Errorf("%v: %q", got.Outcome, got.Reason)
	}
	got := walk.Walk(parse(t, calls(7)), p)
	if got.Outcome != walk.Unknown || !strings.HasSuffix(got.Reason, "too many rules call each other") {
		t.Errorf("%v: %q", got.Outcome, got.Reason)
	}
}

// What targets do to marks, zones and the destination, and whether the rules
// behind them are asked.
func TestTargets(t *testing.T) {
	marked := made(1000, "eth0", pod+":40000", "10.96.10.1:80")
	marked.Mark, marked.ConnMark = 0xff, 0xf0f
	in := came("eth0", client, pod+":8080")
	in.Mark = 0xff
	home := in
	home.InAddr = netip.MustParseAddr("10.0.2.1")
	v6 := made(1000, "eth0", "[fd00::10]:40000", "[fd00::20]:80")
	type end struct {
		outcome        walk.Outcome
		dst            string
		mark, connMark uint32
		zone, port     uint16
	}
	const service = "10.96.10.1:80"
	for _, tt := range []struct {
		name, rules string
		p           walk.Packet
		want        end
	}{
		{"none", "*mangle\n", marked, end{walk.Untouched, service, 0xff, 0xf0f, 0, 0}},
		{"set", "*mangle\n-A OUTPUT -j MARK --set-mark 0x10\n", marked, end{walk.Untouched, service, 0x10, 0xf0f, 0, 0}},
		{"clear some, flip some", "*mangle\n-A OUTPUT -j MARK --set-xmark 0x3/0xf0\n", marked, end{walk.Untouched, service, 0x0c, 0xf0f, 0, 0}},
		{"set the connection's", "*mangle\n-A OUTPUT -j CONNMARK --set-xmark 0x3/0xf00\n", marked, end{walk.Untouched, service, 0xff, 0x0c, 0, 0}},
		{"save", "*mangle\n-A OUTPUT -j CONNMARK --save-mark --nfmask 0xf0 --ctmask 0xf\n", marked, end{walk.Untouched, service, 0xff, 0xff0, 0, 0}},
		{"restore", "*mangle\n-A OUTPUT -j CONNMARK --restore-mark --nfmask 0xf0 --ctmask 0xf\n", marked, end{walk.Untouched, service, 0x00, 0xf0f, 0, 0}},
		{"restore more", "*mangle\n-A OUTPUT -j CONNMARK --restore-mark --nfmask 0xf0 --ctmask 0xf00\n", marked, end{walk.Untouched, service, 0xf0f, 0xf0f, 0, 0}},
		{"no connection to save to", "*raw\n-A OUTPUT -j CONNMARK --save-mark\n", marked, end{walk.Untouched, service, 0xff, 0xf0f, 0, 0}},
		{"no connection to restore from", "*raw\n-A OUTPUT -j CONNMARK --restore-mark\n", marked, end{walk.Untouched, service, 0xff, 0xf0f, 0, 0}},
		{"a template is marked for nothing", "*raw\n-A OUTPUT -j CT --zone 1\n-A OUTPUT -j CONNMARK --save-mark\n", marked, end{walk.Untouched, service, 0xff, 0xf0f, 1, 0}},
		{"a template has no mark", "*raw\n-A OUTPUT -j CT --zone 1\n-A OUTPUT -j CONNMARK --restore-mark --nfmask 0xf0 --ctmask 0xff\n", marked, end{walk.Untouched, service, 0x0f, 0xf0f, 1, 0}},
		{"the first zone", "*raw\n-A OUTPUT -j CT --zone 1\n-A OUTPUT -j CT --zone 2\n", marked, end{walk.Untouched, service, 0xff, 0xf0f, 1, 0}},
		{"a zone too late", "*mangle\n-A OUTPUT -j CT --zone 1\n", marked, end{walk.Untouched, service, 0xff, 0xf0f, 0, 0}},
		{"a zone of what is untracked", "*raw\n-A OUTPUT -j NOTRACK\n-A OUTPUT -j CT --zone 1\n", marked, end{walk.Untouched, service, 0xff, 0xf0f, 0, 0}},
		{"other words of CT", "*raw\n-A OUTPUT -j CT --ctevents new\n-A OUTPUT -j CT --zone 1\n", marked, end{walk.Untouched, service, 0xff, 0xf0f, 1, 0}},
		{"untracked is not rewritten", "*raw\n-A OUTPUT -j NOTRACK\n*nat\n-A OUTPUT -p tcp -j REDIRECT --to-ports 1\n", marked, end{walk.Untouched, service, 0xff, 0xf0f, 0, 0}},
		{"redirect", "*nat\n-A OUTPUT -p tcp -j REDIRECT --to-ports 1\n", marked, end{walk.Redirected, "127.0.0.1:1", 0xff, 0xf0f, 0, 1}},
		{"redirect that keeps the port", "*nat\n-A OUTPUT -p tcp -j REDIRECT\n", marked, end{walk.Redirected, "127.0.0.1:80", 0xff, 0xf0f, 0, 80}},
		{"redirect of IPv6", "*nat\n-A OUTPUT -s ::/0 -p tcp -j REDIRECT --to-ports 1\n", v6, end{walk.Redirected, "[::1]:1", 0, 0, 0, 1}},
		{"redirect of what came in", "*nat\n-A PREROUTING -p tcp -j REDIRECT --to-ports 1\n", in, end{walk.Redirected, pod + ":1", 0xff, 0, 0, 1}},
		{"redirect to the face's address", "*nat\n-A PREROUTING -p tcp -j REDIRECT --to-ports 1\n", home, end{walk.Redirected, "10.0.2.1:1", 0xff, 0, 0, 1}},
		{"DNAT", "*nat\n-A OUTPUT -p tcp -j DNAT --to-destination 10.0.0.1:1\n", marked, end{walk.Redirected, "10.0.0.1:1", 0xff, 0xf0f, 0, 1}},
		{"DNAT to an address", "*nat\n-A OUTPUT -p tcp -j DNAT --to-destination 10.0.0.1\n", marked, end{walk.Redirected, "10.0.0.1:80", 0xff, 0xf0f, 0, 80}},
		{"DNAT to a port", "*nat\n-A OUTPUT -p tcp -j DNAT --to-destination :1\n", marked, end{walk.Redirected, "10.96.10.1:1", 0xff, 0xf0f, 0, 1}},
		{"DNAT to nothing known", "*nat\n-A OUTPUT -p tcp -j DNAT\n", marked, end{walk.Unknown, service, 0xff, 0xf0f, 0, 0}},
		{"DNAT to a choice", "*nat\n-A OUTPUT -p tcp -j DNAT --to-destination 10.0.0.1:1-2\n", marked, end{walk.Unknown, service, 0xff, 0xf0f, 0, 0}},
		{"rewritten once", "*nat\n-A OUTPUT -p tcp -j REDIRECT --to-ports 1\n-A OUTPUT -p tcp -j REDIRECT --to-ports 2\n", marked, end{walk.Redirected, "127.0.0.1:1", 0xff, 0xf0f, 0, 1}},
		{"TPROXY", "*mangle\n-A PREROUTING -p tcp -j TPROXY --on-port 1 --tproxy-mark 0x3/0xf0\n-A PREROUTING -j DROP\n", in, end{walk.Proxied, pod + ":8080", 0x0c, 0, 0, 1}},
		{"TPROXY without a port", "*mangle\n-A PREROUTING -p tcp -j TPROXY\n", in, end{walk.Unknown, pod + ":8080", 0xff, 0, 0, 0}},
		{"TPROXY to a choice", "*mangle\n-A PREROUTING -p tcp -j TPROXY --on-port 1-2\n", in, end{walk.Unknown, pod + ":8080", 0xff, 0, 0, 0}},
		{"TPROXY, then dropped", "*mangle\n-A PREROUTING -p tcp -j TPROXY --on-port 1\n-A INPUT -j DROP\n", in, end{walk.Dropped, pod + ":8080", 0xff, 0, 0, 0}},
		{"mark in a way that is not known", "*mangle\n-A OUTPUT -j MARK --copy\n", marked, end{walk.Unknown, service, 0xff, 0xf0f, 0, 0}},
		{"accept", "*mangle\n-A OUTPUT -j ACCEPT\n-A OUTPUT -j DROP\n", marked, end{walk.Untouched, service, 0xff, 0xf0f, 0, 0}},
		{"accept in one table", "*mangle\n-A OUTPUT -j ACCEPT\n*filter\n-A OUTPUT -j DROP\n", marked, end{walk.Dropped, service, 0xff, 0xf0f, 0, 0}},
		{"reject", "*filter\n-A OUTPUT -j REJECT --reject-with tcp-reset\n", marked, end{walk.Dropped, service, 0xff, 0xf0f, 0, 0}},
		{"policy", "*filter\n:OUTPUT DROP\n-A OUTPUT -p udp -j ACCEPT\n", marked, end{walk.Dropped, service, 0xff, 0xf0f, 0, 0}},
		{"policy behind RETURN", "*filter\n:OUTPUT DROP\n-A OUTPUT -j RETURN\n", marked, end{walk.Dropped, service, 0xff, 0xf0f, 0, 0}},
		{"policy behind ACCEPT", "*filter\n:OUTPUT DROP\n-A OUTPUT -j ACCEPT\n", marked, end{walk.Untouched, service, 0xff, 0xf0f, 0, 0}},
		{"return", "*filter\n-A OUTPUT -j A\n-A OUTPUT -j DROP\n-A A -j RETURN\n-A A -j ACCEPT\n", marked, end{walk.Dropped, service, 0xff, 0xf0f, 0, 0}},
		{"goto", "*filter\n-A OUTPUT -g A\n-A OUTPUT -j DROP\n-A A -p udp -j ACCEPT\n", marked, end{walk.Untouched, service, 0xff, 0xf0f, 0, 0}},
		{"jump", "*filter\n-A OUTPUT -j A\n-A OUTPUT -j DROP\n-A A -p udp -j ACCEPT\n", marked, end{walk.Dropped, service, 0xff, 0xf0f, 0, 0}},
		{"goto, then accept", "*filter\n-A OUTPUT -g A\n-A OUTPUT -j DROP\n-A A -j ACCEPT\n", marked, end{walk.Untouched, service, 0xff, 0xf0f, 0, 0}},
		{"what changes nothing", "*filter\n-A OUTPUT -j LOG\n-A OUTPUT -j NFLOG\n-A OUTPUT -j TRACE\n-A OUTPUT -j AUDIT\n-A OUTPUT -j CONTINUE\n-A OUTPUT -j DROP\n", marked, end{walk.Dropped, service, 0xff, 0xf0f, 0, 0}},
		{"of the source", "*nat\n-A POSTROUTING -j SNAT\n-A POSTROUTING -j DROP\n", marked, end{walk.Untouched, service, 0xff, 0xf0f, 0, 0}},
		{"masquerade", "*nat\n-A POSTROUTING -j MASQUERADE\n-A POSTROUTING -j DROP\n", marked, end{walk.Untouched, service, 0xff, 0xf0f, 0, 0}},
		{"no target", "*filter\n-A OUTPUT -p tcp\n-A OUTPUT -j DROP\n", marked, end{walk.Dropped, service, 0xff, 0xf0f, 0, 0}},
		{"not known", "*filter\n-A OUTPUT -j X\n", marked, end{walk.Unknown, service, 0xff, 0xf0f, 0, 0}},
		{"a base chain's name is none of a chain", "*filter\n-A OUTPUT -j INPUT\n-A INPUT -j ACCEPT\n", marked, end{walk.Unknown, service, 0xff, 0xf0f, 0, 0}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := walk.Walk(parse(t, tt.rules), tt.p)
			if is := (end{got.Outcome, got.Dst.String(), got.Mark, got.ConnMark, got.Zone, got.Port}); is != tt.want {
				t.Errorf("got %+v (%s), want %+v", is, got.Reason, tt.want)
			}
			if got.Packet.Dst != tt.p.Dst || got.Packet.Mark != tt.p.Mark {
				t.Errorf("the packet is told as %+v", got.Packet)
			}
		})
	}
}

// steps prints the rules that applied: "OUTPUT raw/OUTPUT:1".
func steps(tr *walk.Trace) string {
	var out []string
	for _, s := range tr.Steps {
		out = append(out, fmt.Sprintf("%s %s/%s:%d", s.Hook, s.Table, s.Chain, s.Rule))
	}
	return strings.Join(out, ", ")
}

// every is a rule set with one rule in each base chain of each table.
func every() string {
	var b strings.Builder
	for _, table := range []string{"filter", "security", "nat", "mangle", "raw"} {
		b.WriteString("*" + table + "\n")
		for _, hook := range []string{"POSTROUTING", "OUTPUT", "FORWARD", "INPUT", "PREROUTING"} {
			b.WriteString("-A " + hook + " -j LOG\n")
		}
		b.WriteString("COMMIT\n")
	}
	return b.String()
}

// Packets go through hooks in the order that routing gives, and through tables
// in the order of their priorities. What lo receives is known already, and nat is
// not asked again.
func TestHooks(t *testing.T) {
	all := func(hook string, tables ...string) string {
		var out []string
		for _, table := range tables {
			out = append(out, hook+" "+table+"/"+hook+":1")
		}
		return strings.Join(out, ", ")
	}
	later := func(p walk.Packet, state string) walk.Packet {
		p.State = state
		return p
	}
	in, out := came("eth0", client, pod+":80"), made(1000, "eth0", pod+":40000", "10.96.10.1:80")
	prerouting, input := all("PREROUTING", "raw", "mangle", "nat", "filter", "security"), all("INPUT", "raw", "mangle", "filter", "security", "nat")
	output, postrouting := all("OUTPUT", "raw", "mangle", "nat", "filter", "security"), all("POSTROUTING", "raw", "mangle", "filter", "security", "nat")
	without := func(list string) string {
		return strings.Join(slices.DeleteFunc(strings.Split(list, ", "), func(s string) bool { return strings.Contains(s, " nat/") }), ", ")
	}
	for _, tt := range []struct {
		name string
		p    walk.Packet
		want []string
	}{
		{"in", in, []string{prerouting, input}},
		{"out", out, []string{output, postrouting}},
		{"to itself", made(1000, "lo", pod+":40000", pod+":80"), []string{output, postrouting, without(prerouting), input}},
		{"in, of a connection that is known", later(in, "ESTABLISHED"), []string{without(prerouting), without(input)}},
		{"in, of one that is expected", later(in, "RELATED"), []string{prerouting, input}},
		{"in, the first", later(in, "NEW"), []string{prerouting, input}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := walk.Walk(parse(t, every()), tt.p)
			if diff := cmp.Diff(strings.Join(tt.want, ", "), steps(got)); diff != "" {
				t.Errorf("- want, + got:\n%s", diff)
			}
			if want := tt.name == "to itself"; got.Looped != want {
				t.Errorf("received by lo: %v, want %v", got.Looped, want)
			}
		})
	}
}

// A packet that NAT sends to an address of the pod stays in it.
func TestLooped(t *testing.T) {
	for _, tt := range []struct {
		name, rules string
		out         string
		want        bool
	}{
		{"nothing", "*nat\n", "eth0", false},
		{"redirected", "*nat\n-A OUTPUT -p tcp -j REDIRECT --to-ports 1\n", "eth0", true},
		{"to the pod's own address", "*nat\n-A OUTPUT -p tcp -j DNAT --to-destination " + pod + ":1\n", "eth0", true},
		{"elsewhere", "*nat\n-A OUTPUT -p tcp -j DNAT --to-destination 10.0.0.1:1\n", "eth0", false},
		{"by lo", "*nat\n", "lo", true},
		{"dropped before", "*filter\n-A OUTPUT -j DROP\n", "lo", false},
		{"dropped behind routing", "*mangle\n-A POSTROUTING -j DROP\n", "lo", false},
		{"dropped when received", "*filter\n-A INPUT -i lo -j DROP\n", "lo", true},
		{"not known when received", "*mangle\n-A PREROUTING -i lo -j X\n-A INPUT -j DROP\n", "lo", true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := walk.Walk(parse(t, tt.rules), made(1000, tt.out, pod+":40000", "10.96.10.1:80"))
			if got.Looped != tt.want {
				t.Errorf("got %v, want %v", got.Looped, tt.want)
			}
		})
	}
}

// On lo nothing is rewritten anew, but nat's sources are looked at.
func TestNATOfLoop(t *testing.T) {
	p := made(1000, "lo", pod+":40000", pod+":80")
	if got := walk.Walk(parse(t, "*nat\n-A PREROUTING -p tcp -j REDIRECT --to-ports 1\n"), p); got.Outcome != walk.Untouched {
		t.Errorf("%v to %v", got.Outcome, got.Dst)
	}
	if got := walk.Walk(parse(t, "*nat\n-A OUTPUT -p tcp -j REDIRECT --to-ports 1\n-A INPUT -p tcp --dport 1 -j LOG\n"), p); steps(got) != "OUTPUT nat/OUTPUT:1, INPUT nat/INPUT:1" {
		t.Errorf("%s", steps(got))
	}
}

// Where a walk ends, it says why.
func TestReasons(t *testing.T) {
	for _, tt := range []struct {
		rules, reason string
		looked        string // the last step: what was looked at, and did what
	}{
		{"*filter\n-A OUTPUT -p udp\n-A OUTPUT -j DROP\n", "rule 2 of filter OUTPUT drops", "-j DROP: DROP"},
		{"*filter\n-A OUTPUT -j A\n-A A -j REJECT\n", "rule 1 of filter A drops", "-j REJECT: REJECT"},
		{"*filter\n:OUTPUT DROP\n", "the policy of filter OUTPUT drops", "policy DROP: DROP"},
		{"*mangle\n-A OUTPUT -j MARK --copy\n", "rule 1 of mangle OUTPUT: unknown target -j MARK --copy", "-j MARK --copy: MARK"},
		{"*mangle\n-A OUTPUT -j TPROXY --on-port 1-2\n", "rule 1 of mangle OUTPUT: unknown target -j TPROXY --on-port 1-2", "-j TPROXY --on-port 1-2: TPROXY"},
		{"table ip t {\n\tchain c {\n\t\ttype filter hook output priority 0; policy accept;\n\t\tmeta mark set 1 log drop\n\t}\n}\n", "rule 1 of t c drops", "meta mark set 1 log drop: MARK, LOG, DROP"},
		{"table ip raw {\n\tchain OUTPUT {\n\t\ttype filter hook output priority raw; policy accept;\n\t\txt target CT\n\t}\n}\n", "rule 1 of raw OUTPUT: unknown target CT, whose zone nft does not show", "xt target CT: CT"},
	} {
		t.Run(tt.reason, func(t *testing.T) {
			got := walk.Walk(parse(t, tt.rules), made(1000, "eth0", pod+":40000", "10.96.10.1:80"))
			looked := ""
			if n := len(got.Steps); n > 0 {
				looked = got.Steps[n-1].Text + ": " + got.Steps[n-1].Target
			}
			if got.Reason != tt.reason || looked != tt.looked {
				t.Errorf("got %q behind %q, want %q behind %q", got.Reason, looked, tt.reason, tt.looked)
			}
		})
	}
}

// What nft does not show of a zone matters only while a zone could be set.
func TestZoneNotShown(t *testing.T) {
	const text = "table ip mangle {\n\tchain OUTPUT {\n\t\ttype filter hook output priority mangle; policy accept;\n\t\txt target CT\n\t}\n}\n"
	if got := walk.Walk(parse(t, text), made(1000, "eth0", pod+":40000", "10.96.10.1:80")); got.Outcome != walk.Untouched {
		t.Errorf("%v: %s", got.Outcome, got.Reason)
	}
}

// In nftables, what TPROXY was given to may still be dropped.
func TestTPROXYOfNFT(t *testing.T) {
	for _, tt := range []struct {
		rule string
		want walk.Outcome
	}{
		{"tproxy ip to :1 accept", walk.Proxied},
		{"tproxy ip to :1 drop", walk.Dropped},
		{"tproxy ip to :1 meta mark set 7", walk.Proxied},
	} {
		text := "table ip t {\n\tchain c {\n\t\ttype filter hook prerouting priority mangle; policy accept;\n\t\ttcp dport 80 " + tt.rule + "\n\t}\n}\n"
		if got := walk.Walk(parse(t, text), came("eth0", client, pod+":80")); got.Outcome != tt.want || tt.want == walk.Proxied && got.Port != 1 {
			t.Errorf("%s: %v, port %d, want %v", tt.rule, got.Outcome, got.Port, tt.want)
		}
	}
}

// Tables of one family do not see packets of the other; those of both do.
func TestFamilies(t *testing.T) {
	v6 := made(1000, "eth0", "[fd00::10]:40000", "[fd00::20]:80")
	v4 := made(1000, "eth0", pod+":40000", "10.96.10.1:80")
	for _, tt := range []struct {
		family string
		v4, v6 walk.Outcome
	}{{"ip", walk.Dropped, walk.Untouched}, {"ip6", walk.Untouched, walk.Dropped}, {"inet", walk.Dropped, walk.Dropped}} {
		tables := parse(t, "table "+tt.family+" t {\n\tchain c {\n\t\ttype filter hook output priority 0; policy drop;\n\t}\n}\n")
		if a, b := walk.Walk(tables, v4).Outcome, walk.Walk(tables, v6).Outcome; a != tt.v4 || b != tt.v6 {
			t.Errorf("%s: IPv4 %v, IPv6 %v, want %v, %v", tt.family, a, b, tt.v4, tt.v6)
		}
	}
}

// Chains call each other sixteen deep at most, the base chain counted.
func TestDepth(t *testing.T) {
	chains := func(n int) string {
		text := "*filter\n-A OUTPUT -j C1\n"
		for i := 1; i < n; i++ {
			text += fmt.Sprintf("-A C%d -j C%d\n", i, i+1)
		}
		return text + fmt.Sprintf("-A C%d -j DROP\n", n)
	}
	p := made(1000, "eth0", pod+":40000", "10.96.10.1:80")
	if got := walk.Walk(parse(t, chains(netfilter.MaxDepth-1)), p); got.Outcome != walk.Dropped {
		t.Errorf("%v: %s", got.Outcome, got.Reason)
	}
	if got := walk.Walk(parse(t, chains(netfilter.MaxDepth)), p); got.Reason != "rule 1 of filter C15: chains call each other too deep" {
		t.Errorf("%v: %s", got.Outcome, got.Reason)
	}
}
