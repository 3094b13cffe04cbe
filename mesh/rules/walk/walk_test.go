package walk_test

import (
	"net/netip"
	"os"
	"strings"
	"testing"

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

// Chains that call each other many times over end the walk too.
func TestWalkIsBounded(t *testing.T) {
	text := "*nat\n-A OUTPUT -j A\n"
	for c := byte('A'); c < 'M'; c++ {
		for range 4 {
			text += "-A " + string(c) + " -j " + string(c+1) + "\n"
		}
	}
	got := walk.Walk(parse(t, text+"-A M -p udp -j RETURN\nCOMMIT\n"), made(1000, "eth0", pod+":40000", "10.96.10.1:80"))
	if got.Outcome != walk.Unknown || !strings.HasSuffix(got.Reason, "too many rules call each other") {
		t.Errorf("%v: %q", got.Outcome, got.Reason)
	}
}

// Captures show half-flows where OUTPUT redirects, and only there.
func TestSights(t *testing.T) {
	tables := read(t, "../testdata/istio-init.log")
	for _, tt := range []struct {
		p              walk.Packet
		face           string
		request, reply string
	}{
		{made(1000, "eth0", pod+":40000", "10.96.10.1:80"), "lo", "10.244.1.10:40000 > 127.0.0.1:15001", "10.96.10.1:80 > 10.244.1.10:40000"},
		{made(1337, "lo", pod+":40000", pod+":8080"), "lo", "10.244.1.10:40000 > 127.0.0.1:15006", "10.244.1.10:8080 > 10.244.1.10:40000"},
		{came("eth0", client, pod+":8080"), "eth0", "192.0.2.10:40112 > 10.244.1.10:8080", "10.244.1.10:8080 > 192.0.2.10:40112"},
	} {
		s := walk.Walk(tables, tt.p).Sights()
		if len(s) != 1 || s[0].Interface != tt.face || s[0].Request.String() != tt.request || s[0].Reply.String() != tt.reply {
			t.Errorf("%v: %+v", tt.p.Tuple, s)
		}
	}
}

// A tuple that the rules leave no way to is told.
func TestStrays(t *testing.T) {
	tr := walk.Walk(read(t, "../testdata/istio-init.log"), made(1000, "eth0", pod+":40000", "10.96.10.1:80"))
	seen := tr.Sights()[0]
	odd := seen.Request
	odd.Dst = netip.MustParseAddrPort("127.0.0.1:15006")
	if got := tr.Strays([]tcpip.Tuple{seen.Request, odd, seen.Reply}); len(got) != 1 || got[0] != odd {
		t.Errorf("strays %v, want %v", got, odd)
	}
}
