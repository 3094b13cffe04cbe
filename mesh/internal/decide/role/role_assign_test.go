package role

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/pcapmesh/pcapmesh/mesh/cluster"
	"github.com/pcapmesh/pcapmesh/mesh/flow"
	"github.com/pcapmesh/pcapmesh/mesh/internal/decide/conn"
	"github.com/pcapmesh/pcapmesh/mesh/internal/decide/graph"
	"github.com/pcapmesh/pcapmesh/mesh/internal/testindex"
	"github.com/pcapmesh/pcapmesh/mesh/profile"
	"github.com/pcapmesh/pcapmesh/mesh/record"
)

// viewsOf is what a leg is in each pod: "client-proxy", "a:proxy-app?" if that is
// tentative, with "-" behind where nothing tells of a proxy.
func viewsOf(l *graph.Leg) string {
	var s []string
	for _, v := range l.Views {
		name := v.Role.String()
		if v.Pod != "" {
			name = v.Pod + ":" + name
		}
		if v.Tentative {
			name += "?"
		}
		if v.Bare {
			name += "-"
		}
		s = append(s, name)
	}
	return strings.Join(s, " ")
}

// knownPod tells the address of the pod without a name.
func knownPod() *cluster.Known {
	return &cluster.Known{Pods: []cluster.Pod{{Addrs: []netip.Addr{netip.MustParseAddr(pod)}}}}
}

// What the first of some connections is for the pod, by its shape and the port.
func TestAssign(t *testing.T) {
	inbound := dialled{"lo", "127.0.0.6:41000", app, "", ""}
	from := func(orig, dst string) dialled { return dialled{"eth0", orig, dst, "", ""} }
	for _, tt := range []struct {
		name   string
		mesh   string
		agents map[string]bool
		ds     []dialled
		want   string
	}{
		// On the wire.
		{"a client", "istio", nil, []dialled{from(client, app), inbound}, "client-proxy"},
		{"a client, nothing of a proxy", "istio", nil, []dialled{from(client, app)}, "client-proxy-"},
		{"a server", "istio", nil, []dialled{from(out, peer), inbound}, "proxy-server"},
		{"two strangers", "istio", nil, []dialled{from(client, peer), inbound}, "unknown"},
		{"two strangers, at a port of the mesh", "istio", nil, []dialled{from(client, "192.0.2.9:15020"), inbound}, "unknown"},
		{"a port of the mesh in the pod", "istio", nil, []dialled{from(client, pod+":15020"), inbound}, "control"},
		{"a port of the mesh elsewhere", "istio", nil, []dialled{from(out, "10.244.9.9:15012"), inbound}, "control"},
		{"that port in another mesh", "kuma", nil, []dialled{from(out, "10.244.9.9:15012"), inbound}, "proxy-server"},
		{"a probe of an ambient pod", "istio-ambient", nil, []dialled{from("169.254.7.127:40000", app), inbound}, "direct"},
		{"its sender is nobody elsewhere", "linkerd", nil, []dialled{from("169.254.7.127:40000", app), inbound}, "client-proxy"},
		{"a name asked for where an agent answers", "istio", map[string]bool{"": true}, []dialled{from(out, "10.96.0.10:53"), inbound}, "control"},
		{"a name asked for where none does", "istio", map[string]bool{"x": true}, []dialled{from(out, "10.96.0.10:53"), inbound}, "proxy-server"},
		{"the next port, where an agent answers", "istio", map[string]bool{"": true}, []dialled{from(out, "10.96.0.10:54"), inbound}, "proxy-server"},
		{"a name server in the pod", "istio", map[string]bool{"": true}, []dialled{from(client, pod+":53"), inbound}, "client-proxy"},

		// Redirected on loopback.
		{"an application's call", "istio", nil, []dialled{{"lo", out, vip, proxy, ""}}, "app-proxy"},
		{"the proxy to its own side", "istio", nil, []dialled{{"lo", out, app, accepts, ""}}, "proxy-proxy"},
		{"a name over TCP", "istio", nil, []dialled{{"lo", out, "10.96.0.10:53", "127.0.0.1:15053", ""}}, "control"},
		{"a call to a port of the mesh", "istio", nil, []dialled{{"lo", out, "10.96.0.10:15012", proxy, ""}}, "control"},
		{"127.0.0.1 sent to the pod", "istio", nil, []dialled{{"lo", "127.0.0.1:40000", "127.0.0.1:8080", app, ""}}, "proxy-app"},
		{"a lone request", "istio", nil, []dialled{{"lo", out, vip, proxy, "orig"}}, "app-proxy"},
		{"a lone answer of a stranger", "istio", nil, []dialled{{"lo", out, vip, proxy, "reply"}}, "app-proxy"},
		{"a lone answer of the pod", "istio", nil, []dialled{{"lo", out, app, "", "reply"}}, "direct"},
		{"a lone answer of 127.0.0.1", "istio", nil, []dialled{{"lo", out, "127.0.0.1:8080", "", "reply"}}, "unknown"},
		{"a lone answer to a stranger", "istio", nil, []dialled{{"lo", client, vip, "", "reply"}}, "unknown"},
		{"a lone request of a stranger to 127.0.0.1", "istio", nil, []dialled{{"lo", client, "127.0.0.1:8080", "", "orig"}}, "app-proxy"},
		{"a lone request within loopback", "istio", nil, []dialled{{"lo", "127.0.0.1:40000", "127.0.0.1:8080", "", "orig"}}, "direct"},
		{"a lone request to a stranger", "istio", nil, []dialled{{"lo", out, vip, "", "orig"}}, "unknown"},

		// Else on loopback.
		{"from 127.0.0.6", "istio", nil, []dialled{inbound}, "proxy-app"},
		{"from 127.0.0.6 to a port of the mesh", "istio", nil, []dialled{{"lo", "127.0.0.6:41000", pod + ":15020", "", ""}}, "proxy-app"},
		{"a port of the mesh", "istio", nil, []dialled{{"lo", "127.0.0.1:40000", "127.0.0.1:15000", "", ""}}, "control"},
		{"a name server", "istio", nil, []dialled{{"lo", "127.0.0.1:40000", "127.0.0.1:53", "", ""}}, "control"},
		{"within loopback", "istio", nil, []dialled{{"lo", "127.0.0.1:40000", "127.0.0.1:8080", "", ""}}, "direct"},
		{"the pod to itself", "istio", nil, []dialled{{"lo", out, app, "", ""}}, "direct"},
		{"within loopback, at a port that clients dial", "istio", nil, []dialled{{"lo", "127.0.0.1:40000", "127.0.0.1:8080", "", ""}, from(client, app)}, "proxy-app?"},
		{"the pod to itself, likewise", "istio", nil, []dialled{{"lo", out, app, "", ""}, from(client, app)}, "proxy-app?"},
		{"at another port than clients dial", "istio", nil, []dialled{{"lo", out, app, "", ""}, from(client, pod+":9090")}, "direct"},
		{"at a port that 127.0.0.6 dials as well", "istio", nil, []dialled{{"lo", out, app, "", ""}, from(client, app), inbound}, "direct"},
		{"where peers dial the proxy", "linkerd", nil, []dialled{{"lo", out, app, "", ""}, from(client, pod+":4143")}, "proxy-app?"},
		{"a client's address", "istio-ambient", nil, []dialled{{"lo", client, app, "", ""}}, "proxy-app"},
		{"a client's address to 127.0.0.1", "istio-ambient", nil, []dialled{{"lo", client, "127.0.0.1:8080", "", ""}}, "proxy-app"},
		{"from 127.0.0.1 to the pod", "istio", nil, []dialled{{"lo", "127.0.0.1:40000", app, "", ""}}, "proxy-app"},
		{"from 127.0.0.1 to what must be the pod too", "istio", nil, []dialled{{"lo", "127.0.0.1:40000", peer, "", ""}}, "proxy-app"},
		{"from the pod to 127.0.0.1", "istio", nil, []dialled{{"lo", out, "127.0.0.1:8080", "", ""}}, "unknown"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r, legs := legsOf(t, testindex.Of(play(tt.ds)))
			Assign(r.Index, r.Records, knownPod(), legs, profile.Named(tt.mesh), tt.agents)
			l := legs[0]
			if got := viewsOf(l); got != tt.want {
				t.Errorf("%s is %s, want %s", l.Orig, got, tt.want)
			}
			if name, _, _ := strings.Cut(strings.TrimRight(tt.want, "?-"), " "); l.Role.String() != name {
				t.Errorf("role %s, want %s", l.Role, name)
			}
		})
	}
}

// A leg that a proxy dials for a client shows in the pods of both; what only
// passes by says nothing.
func TestAssignTwoPods(t *testing.T) {
	d := dialled{"eth0", out, peer, "", ""}
	both := func(a, b []dialled) *testindex.World {
		return &testindex.World{Pods: []testindex.Pod{{Name: "a", Trace: play(append([]dialled{d}, a...))}, {Name: "b", Trace: play(append([]dialled{d}, b...))}}}
	}
	known := &cluster.Known{Pods: []cluster.Pod{
		{Name: "a", Addrs: []netip.Addr{netip.MustParseAddr(pod)}}, {Name: "b", Addrs: []netip.Addr{netip.MustParseAddr("10.244.9.9")}},
	}}
	lo := dialled{"lo", "127.0.0.1:40001", "127.0.0.1:9999", "", ""}
	for _, tt := range []struct {
		name  string
		w     *testindex.World
		views string
		role  flow.Role
	}{
		{"a proxy in each", both([]dialled{lo}, []dialled{lo}), "a:proxy-server b:client-proxy", flow.RoleProxyProxy},
		{"one of them without", both([]dialled{lo}, nil), "a:proxy-server b:client-proxy-", flow.RoleProxyServer},
		{"the other without", both(nil, []dialled{lo}), "a:proxy-server- b:client-proxy", flow.RoleClientProxy},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r, legs := legsOf(t, tt.w)
			Assign(r.Index, r.Records, known, legs, profile.Istio(), nil)
			if got := viewsOf(legs[0]); got != tt.views || legs[0].Role != tt.role {
				t.Errorf("%s, %s; want %s, %s", got, legs[0].Role, tt.views, tt.role)
			}
		})
	}
}

// A connection that two points of one pod show has one role there.
func TestAssignOnce(t *testing.T) {
	w := &testindex.World{Pods: []testindex.Pod{{Trace: play([]dialled{{"eth0", client, app, "", ""}})}, {Trace: play([]dialled{{"eth0", client, app, "", ""}})}}}
	r, legs := legsOf(t, w)
	Assign(r.Index, r.Records, knownPod(), legs, profile.Istio(), nil)
	if got := viewsOf(legs[0]); len(legs) != 1 || got != "client-proxy-" {
		t.Errorf("%d legs, the first is %s, want one that is client-proxy-", len(legs), got)
	}
}

// Who dialled a connection corrects what it is: a call within loopback is the
// application's own or a proxy's, and what the application dials past the
// redirect is direct.
func TestAssignByProcess(t *testing.T) {
	within := dialled{"lo", "127.0.0.1:40000", "127.0.0.1:8080", "", ""}
	call := dialled{"lo", out, vip, proxy, ""}
	const back = "127.0.0.1:40000 127.0.0.1:8080 "
	for _, tt := range []struct {
		name  string
		ds    []dialled
		ss    []string
		want  string
		maybe bool
	}{
		{"within loopback, by nobody known", []dialled{within, {"eth0", client, app, "", ""}}, nil, "proxy-app?", true},
		{"by the proxy", []dialled{within, {"eth0", client, app, "", ""}}, []string{back + "envoy 1"}, "proxy-app", false},
		{"by the application", []dialled{within, {"eth0", client, app, "", ""}, call}, []string{back + "curl 7", proxy + " " + out + " envoy 1"}, "direct", false},
		{"not at a port that clients dial, by the proxy", []dialled{within, call}, []string{back + "envoy 1"}, "direct", false},
		{"to a server, by the application", []dialled{{"eth0", out, peer, "", ""}, {"lo", pod + ":40001", vip, proxy, ""}}, []string{out + " " + peer + " curl 7", proxy + " " + pod + ":40001 envoy 1"}, "direct", false},
		{"to a server, by the proxy", []dialled{{"eth0", out, peer, "", ""}, {"lo", pod + ":40001", vip, proxy, ""}}, []string{out + " " + peer + " envoy 1", proxy + " " + pod + ":40001 envoy 1"}, "proxy-server", false},
		{"redirected, by the application", []dialled{call}, []string{out + " " + vip + " curl 7", proxy + " " + out + " envoy 1"}, "app-proxy", false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r, legs := legsOf(t, testindex.Of(play(tt.ds), ss("", tt.ss...)))
			NameProcesses(r.Index, r.Records, legs, profile.Istio())
			roster := Assign(r.Index, r.Records, knownPod(), legs, profile.Istio(), nil)
			if got := viewsOf(legs[0]); got != tt.want {
				t.Errorf("%s, want %s", got, tt.want)
			}
			if got := roster.Pods[""].maybe; got[8080] != tt.maybe || len(got) > 1 {
				t.Errorf("ports dialled as older proxies do: %v, want 8080: %v", got, tt.maybe)
			}
		})
	}
}

// Beside ports that peers dial, a client's port is the application's.
func TestAssignFixed(t *testing.T) {
	ds := []dialled{{"eth0", client, pod + ":4143", "", ""}, {"eth0", "192.0.2.2:1", app, "", ""}, {"eth0", out, peer, "", ""}}
	for _, tt := range []struct{ mesh, want string }{{"linkerd", "[false true false]"}, {"istio", "[false false false]"}} {
		r, legs := legsOf(t, testindex.Of(play(ds)))
		Assign(r.Index, r.Records, knownPod(), legs, profile.Named(tt.mesh), nil)
		var fixed []bool
		for _, l := range legs {
			fixed = append(fixed, l.Fixed)
		}
		if got := fmt.Sprint(fixed); got != tt.want {
			t.Errorf("%s: fixed %s, want %s", tt.mesh, got, tt.want)
		}
	}
}

// The rules of a pod move ports of the mesh for that pod only.
func TestControlByRules(t *testing.T) {
	rules := testindex.Text{Kind: record.Rules, Pod: "a", Text: "*nat\n:PREROUTING ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n:ISTIO_OUTPUT - [0:0]\n-A OUTPUT -j ISTIO_OUTPUT\n" +
		"-A ISTIO_OUTPUT -p udp --dport 53 -j REDIRECT --to-ports 16053\n-A ISTIO_OUTPUT -p tcp -j REDIRECT --to-ports 16001\nCOMMIT\n"}
	r, _ := rosterOf(t, testindex.Of(play([]dialled{{"eth0", client, app, "", ""}}), rules), knownPod(), profile.Istio())
	for _, tt := range []struct {
		pod  string
		port uint16
		want bool
	}{{"a", 16053, true}, {"b", 16053, false}, {"a", 15053, true}, {"b", 15053, true}, {"a", 16054, false}} {
		if got := r.control(tt.pod, tt.port); got != tt.want {
			t.Errorf("port %d of pod %s is of the mesh: %v, want %v", tt.port, tt.pod, got, tt.want)
		}
	}
}

// Ports that the rules leave out pass by the proxy, unless it was seen to dial the
// application there.
func TestPasses(t *testing.T) {
	rules := testindex.Text{Kind: record.Rules, Pod: "a", Text: "*nat\n:PREROUTING ACCEPT [0:0]\n:ISTIO_INBOUND - [0:0]\n-A PREROUTING -p tcp -j ISTIO_INBOUND\n" +
		"-A ISTIO_INBOUND -p tcp --dport 9100 -j RETURN\n-A ISTIO_INBOUND -p tcp -j REDIRECT --to-ports 15006\nCOMMIT\n"}
	r, _ := rosterOf(t, testindex.Of(play([]dialled{{"eth0", client, app, "", ""}}), rules), knownPod(), profile.Istio())
	f := &PodFacts{apps: map[uint16]bool{9101: true}}
	for _, tt := range []struct {
		pod  string
		f    *PodFacts
		port uint16
		want bool
	}{
		{"a", f, 9100, true}, {"a", f, 9101, false}, {"b", f, 9100, false},
		{"a", &PodFacts{apps: map[uint16]bool{9100: true}}, 9100, false},
	} {
		if got := r.passes(tt.f, tt.pod, tt.port); got != tt.want {
			t.Errorf("port %d of pod %s passes: %v, want %v", tt.port, tt.pod, got, tt.want)
		}
	}
}

// A half-flow goes by what had been dialled, however its answers are missing.
func TestRedirected(t *testing.T) {
	_, legs := legsOf(t, testindex.Of(play([]dialled{{"lo", out, vip, proxy, ""}})))
	r := &Roster{profile: profile.Istio(), Records: emptyRecords()}
	f := &PodFacts{addrs: map[netip.Addr]bool{netip.MustParseAddr(pod): true}}
	got := []flow.Role{}
	for _, to := range []string{vip, app, "10.96.0.10:53", "10.96.0.10:54", pod + ":15020", "10.9.9.9:15014"} {
		tuple := legs[0].Orig
		tuple.Dst = netip.MustParseAddrPort(to)
		got = append(got, r.redirected(&conn.Conn{}, f, tuple))
	}
	want := []flow.Role{flow.RoleAppProxy, flow.RoleProxyProxy, flow.RoleControl, flow.RoleAppProxy, flow.RoleControl, flow.RoleControl}
	if !slices.Equal(got, want) {
		t.Errorf("roles %v, want %v", got, want)
	}
}
