package rules_test

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/pcapmesh/pcapmesh/mesh/rules"
	"github.com/pcapmesh/pcapmesh/mesh/rules/istio"
	"github.com/pcapmesh/pcapmesh/mesh/rules/netfilter"
	"github.com/pcapmesh/pcapmesh/mesh/rules/walk"
)

// The flows of a sidecar as they are known from drawings, with the numbers of
// the rules given.
func TestFlows(t *testing.T) {
	want := []string{
		"Remote Pod → PREROUTING → ISTIO_INBOUND (rule 5) → ISTIO_IN_REDIRECT → Envoy 15006 (inbound) → OUTPUT → ISTIO_OUTPUT (rule 1) → POSTROUTING → Local Pod",
		"Local Pod → OUTPUT → ISTIO_OUTPUT (rule 9) → ISTIO_REDIRECT → Envoy 15001 (outbound) → OUTPUT → ISTIO_OUTPUT (rule 4) → POSTROUTING → Remote Pod",
		"Prometheus → PREROUTING → ISTIO_INBOUND (rule 4) → INPUT → Local Pod",
		"Local Pod → OUTPUT → ISTIO_OUTPUT (rule 9) → ISTIO_REDIRECT → Envoy 15001 (outbound) → OUTPUT → ISTIO_OUTPUT (rule 2) → ISTIO_IN_REDIRECT → Envoy 15006 (inbound) → OUTPUT → ISTIO_OUTPUT (rule 1) → POSTROUTING → Local Pod",
		"Local Pod → OUTPUT → ISTIO_OUTPUT (rule 3) → POSTROUTING → Local Pod",
		"Envoy → OUTPUT → ISTIO_OUTPUT (rule 4) → POSTROUTING → Envoy",
		"Agent → OUTPUT → ISTIO_OUTPUT (rule 4) → POSTROUTING → Control Plane",
	}
	a := istio.DefaultArgs()
	for _, tt := range []struct {
		name string
		set  *rules.Ruleset
		pod  string
	}{
		{"istio-init.log", read(t, "testdata/istio-init.log"), "10.244.1.10"},
		{"default", rules.Made(&a), "10.244.1.10"},
		{"default, IPv6", rules.Made(&a), "fd00:10:244:1::10"},
	} {
		for i, f := range tt.set.Flows(rules.Cast{Pod: netip.MustParseAddr(tt.pod)}) {
			if got := f.Path(); got != want[i] {
				t.Errorf("%s: %s:\n got %s\nwant %s", tt.name, f.Name, got, want[i])
			}
		}
	}
}

// TPROXY leaves addresses as they are; the proxy's own packets to its pod carry
// a mark.
func TestFlowsTPROXY(t *testing.T) {
	a := istio.DefaultArgs()
	a.Mode = "TPROXY"
	flows := rules.Made(&a).Flows(rules.Cast{})
	const want = "Remote Pod → PREROUTING (mangle, rule 1) → ISTIO_INBOUND (rule 8) → ISTIO_TPROXY → Envoy 15006 (inbound)" +
		" → OUTPUT (mangle, rule 3) → OUTPUT → ISTIO_OUTPUT (rule 1) → POSTROUTING → Local Pod"
	if got := flows[0].Path(); got != want {
		t.Errorf("%s:\n got %s\nwant %s", flows[0].Name, got, want)
	}
	if in := flows[0].Parts[0]; in.Outcome != walk.Proxied || in.Dst != in.Packet.Dst || in.Mark != 1337 {
		t.Errorf("outcome %v, destination %v, mark %d", in.Outcome, in.Dst, in.Mark)
	}
}

// Rules for IPv6 only are played in a pod of that family.
func TestFlowsOfIPv6Only(t *testing.T) {
	a := istio.DefaultArgs()
	set := rules.Made(&a)
	set.Tables = slices.DeleteFunc(set.Tables, func(t *netfilter.Table) bool { return t.Family == netfilter.IPv4 })
	for _, f := range set.Flows(rules.Cast{}) {
		if src := f.Parts[0].Packet.Src.Addr(); src.Is4() {
			t.Errorf("%s: from %v", f.Name, src)
		}
	}
}

// ends prints who dials whom in the parts of a flow, and from where to where.
func ends(f *rules.Flow) string {
	var out []string
	for _, p := range f.Parts {
		out = append(out, fmt.Sprintf("%s > %s: %v > %v", p.From, p.To, p.Packet.Src, p.Packet.Dst))
	}
	return strings.Join(out, "; ")
}

// The proxy dials its application in the mesh's own way.
func TestFlowsServe(t *testing.T) {
	const saved = "*nat\n-A PREROUTING -p tcp -j %s\n-A %[1]s -p tcp -j REDIRECT --to-ports 20000\nCOMMIT\n"
	for _, tt := range []struct{ name, text, want string }{
		{"from the client's address", fmt.Sprintf(saved, "ISTIO_PRERT"), "ztunnel > Local Pod: 10.244.2.20:40001 > 10.244.1.10:8080"},
		{"at the loopback", fmt.Sprintf(saved, "CONSUL_X"), "Envoy > Local Pod: 127.0.0.1:40001 > 127.0.0.1:8080"},
		{"from the pod's address", fmt.Sprintf(saved, "PROXY_INIT_X"), "linkerd2-proxy > Local Pod: 10.244.1.10:40001 > 10.244.1.10:8080"},
		{"from its own address", fmt.Sprintf(saved, "X") + "*nat\n-A PREROUTING -p tcp -j REDIRECT --to-ports 20000\n-A OUTPUT -s 127.0.0.7/32 -j RETURN\nCOMMIT\n",
			"Envoy > Local Pod: 127.0.0.7:40001 > 10.244.1.10:8080"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f := parse(t, tt.text).Flows(rules.Cast{})[0]
			if len(f.Parts) != 2 {
				t.Fatalf("parts: %s", ends(&f))
			}
			f.Parts = f.Parts[1:]
			if got := ends(&f); got != tt.want || f.Parts[0].Packet.Out != "lo" {
				t.Errorf("got %s by %s, want %s", got, f.Parts[0].Packet.Out, tt.want)
			}
		})
	}
}

// Where nothing is redirected, the flows are one connection each.
func TestFlowsPastTheProxy(t *testing.T) {
	want := []string{
		"Remote Pod > Local Pod: 10.244.2.20:40000 > 10.244.1.10:8080",
		"Local Pod > Remote Pod: 10.244.1.10:40000 > 10.96.10.1:80",
		"Prometheus > Local Pod: 10.244.2.20:40000 > 10.244.1.10:15020",
		"Local Pod > Local Pod: 10.244.1.10:40000 > 10.96.10.1:80",
		"Local Pod > Local Pod: 10.244.1.10:40000 > 10.244.1.10:8080",
		"Envoy > Envoy: 127.0.0.1:40000 > 127.0.0.1:15000",
		"Agent > Control Plane: 10.244.1.10:40000 > 10.96.0.2:15012",
	}
	for i, f := range parse(t, "*nat\n-A OUTPUT -j RETURN\nCOMMIT\n").Flows(rules.Cast{}) {
		if got := ends(&f); got != want[i] {
			t.Errorf("%s: got %s, want %s", f.Name, got, want[i])
		}
	}
}

// What is not given of a cast is an example, of the pod's family and port.
func TestCast(t *testing.T) {
	const text = "*nat\n-A PREROUTING -p tcp -m multiport --dports 9080:9081 -j REDIRECT --to-ports 15006\n-A PREROUTING -p tcp --dport 7 -j RETURN\n" +
		"-A OUTPUT -p tcp -j REDIRECT --to-ports 15001\n-A OUTPUT -m owner --uid-owner 1000-1001 -j RETURN\n-A OUTPUT -m owner --gid-owner 1002 -j RETURN\nCOMMIT\n"
	for _, tt := range []struct {
		name string
		c    rules.Cast
		want [2]string // remote → app, app → remote
		uid  uint32
	}{
		{"examples", rules.Cast{}, [2]string{"Remote Pod > Envoy 15006 (inbound): 10.244.2.20:40000 > 10.244.1.10:9080", "Local Pod > Envoy 15001 (outbound): 10.244.1.10:40000 > 10.96.10.1:80"}, 1003},
		{"all given", rules.Cast{Pod: netip.MustParseAddr("10.0.0.1"), Port: 9081, UID: 7, Peer: netip.MustParseAddr("10.0.0.2"), Remote: netip.MustParseAddrPort("10.0.0.3:443")},
			[2]string{"Remote Pod > Envoy 15006 (inbound): 10.0.0.2:40000 > 10.0.0.1:9081", "Local Pod > Envoy 15001 (outbound): 10.0.0.1:40000 > 10.0.0.3:443"}, 7},
		{"of IPv6", rules.Cast{Pod: netip.MustParseAddr("fd00::1")},
			[2]string{"Remote Pod > Local Pod: [fd00:10:244:2::20]:40000 > [fd00::1]:9080", "Local Pod > Remote Pod: [fd00::1]:40000 > [fd00:10:96::1]:80"}, 1003},
	} {
		t.Run(tt.name, func(t *testing.T) {
			flows := parse(t, text).Flows(tt.c)
			for i, want := range tt.want {
				f := flows[i]
				f.Parts = f.Parts[:1]
				if got := ends(&f); got != want {
					t.Errorf("%s: got %s, want %s", f.Name, got, want)
				}
			}
			if got := flows[1].Parts[0].Packet; got.UID != tt.uid || got.GID != tt.uid {
				t.Errorf("the application is user %d of group %d, want %d", got.UID, got.GID, tt.uid)
			}
		})
	}
}

// The port of metrics is one that is not redirected.
func TestMetrics(t *testing.T) {
	for _, tt := range []struct {
		name, excluded string
		want           uint16
	}{
		{"Istio's", "15090,15020", 15020},
		{"the other of Istio's", "15090", 15090},
		{"Linkerd's", "1,4191", 4191},
		{"an unknown one", "7,8", 7},
		{"none", "", 15020},
	} {
		t.Run(tt.name, func(t *testing.T) {
			text := "*nat\n"
			if tt.excluded != "" {
				text += "-A PREROUTING -p tcp -m multiport --dports " + tt.excluded + " -j RETURN\n"
			}
			f := parse(t, text+"-A PREROUTING -p tcp -j REDIRECT --to-ports 15006\nCOMMIT\n").Flows(rules.Cast{})[2]
			if got := f.Parts[0].Packet.Dst.Port(); got != tt.want {
				t.Errorf("got %d, want %d", got, tt.want)
			}
		})
	}
}

// An end is named by what became of the packet.
func TestEnds(t *testing.T) {
	for _, tt := range []struct {
		name, text string
		flow       int
		want       string
	}{
		{"dropped", "*filter\n-A INPUT -i eth0 -j DROP\nCOMMIT\n", 0, "dropped"},
		{"not known", "*filter\n-A INPUT -i eth0 -j X\nCOMMIT\n", 0, "unknown"},
		{"DNS", "*nat\n-A OUTPUT -p tcp --dport 53 -j REDIRECT --to-ports 15053\n-A OUTPUT -p tcp -j REDIRECT --to-ports 15053\nCOMMIT\n", 1, "Envoy 15053 (DNS)"},
		{"of both ways", "*nat\n-A OUTPUT -p tcp -m owner --uid-owner 5 -j REDIRECT --to-ports 2\n-A OUTPUT -p tcp -j REDIRECT --to-ports 1\nCOMMIT\n", 1, "Envoy 1 (outbound)"},
		{"of the proxy", "*nat\n-A OUTPUT -p tcp -m owner --uid-owner 5 -o lo -j REDIRECT --to-ports 1\n-A OUTPUT -p tcp -j REDIRECT --to-ports 1\nCOMMIT\n", 5, "Envoy 1 (inbound)"},
		{"of no known way", "*nat\n-A OUTPUT -p tcp -j DNAT --to-destination 127.0.0.1:9\nCOMMIT\n", 1, "Envoy 9 (inbound)"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := parse(t, tt.text).Flows(rules.Cast{})[tt.flow].Parts[0].To; got != tt.want {
				t.Errorf("got %s, want %s", got, tt.want)
			}
		})
	}
}

// An application's user is one of whom the rules say nothing; where they speak of
// all, it is the last that was tried.
func TestAppID(t *testing.T) {
	for _, tt := range []struct {
		name string
		f    rules.Facts
		want uint32
	}{
		{"nobody", rules.Facts{}, 1000},
		{"users", rules.Facts{UIDs: spans(1000), ExcludedUIDs: spans(1001)}, 1002},
		{"groups", rules.Facts{GIDs: []netfilter.Span{{Lo: 900, Hi: 1005}}, ExcludedGIDs: spans(1006)}, 1007},
		{"all but one", rules.Facts{UIDs: []netfilter.Span{{Lo: 0, Hi: 1998}}}, 1999},
		{"all", rules.Facts{UIDs: []netfilter.Span{{Lo: 0, Hi: 1<<32 - 1}}}, 2000},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := tt.f.AppID(); got != tt.want {
				t.Errorf("got %d, want %d", got, tt.want)
			}
		})
	}
}
