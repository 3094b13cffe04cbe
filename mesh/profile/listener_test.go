package profile_test

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/pcapmesh/pcapmesh/mesh/profile"
)

func TestListener(t *testing.T) {
	const (
		proxied4 = "eth0: clients; lo: the proxy from 127.0.0.6"
		proxied6 = "eth0: clients; lo: the proxy from ::6"
		proxied  = "eth0: clients; lo: the proxy from 127.0.0.6 or ::6"
		loOnly   = "lo only: the pod itself; the proxy dials POD"
		listed   = "(as listed)" // the profile's own words
	)
	for _, tc := range []struct {
		name, profile, addr, processes string
		uid                            int64
		component, signs, shows        string // component "" is the application
	}{
		{"all signs", "istio", "0.0.0.0:15001", "envoy", 1337, "Envoy", "process uid port", listed},
		{"agent", "istio", "[::]:15020", "pilot-agent", 1337, "pilot-agent", "process uid port", listed},
		{"nothing but the port", "istio", "0.0.0.0:15006", "", -1, "Envoy", "port", listed},
		{"uid and port", "istio", "127.0.0.1:15000", "", 1337, "Envoy", "uid port", listed},
		{"another proxy, uid not known", "istio", "127.0.0.1:15001", "haproxy", -1, "Envoy", "port", listed},
		{"another proxy, same uid", "istio", "127.0.0.1:15001", "haproxy", 1337, "Envoy", "uid port", listed},
		{"process is not the one listed", "istio", "0.0.0.0:15021", "pilot-agent", 1337, "pilot-agent", "process uid port", listed},
		{"one process of several", "istio", "0.0.0.0:15090", "sh envoy", -1, "Envoy", "process port", listed},
		{"application on a port of the mesh", "istio", "0.0.0.0:15020", "java", 1000, "", "process uid", proxied4},
		{"another uid, process not known", "istio", "0.0.0.0:15020", "", 0, "pilot-agent", "port", listed},
		{"another uid, 0", "istio", "127.0.0.1:4000", "", 0, "", "uid port", loOnly},
		{"a mesh without uids", "istio-ambient", "0.0.0.0:15008", "ztunnel", 0, "ztunnel, waypoint", "process port", listed},
		{"a part that is named with others", "istio-ambient", "0.0.0.0:15008", "", -1, "ztunnel, waypoint", "port", listed},
		{"another process on a port with a component", "istio", "0.0.0.0:15020", "envoy", 1337, "Envoy", "process uid port", listed},
		{"a stranger with the proxy's uid", "istio", "0.0.0.0:15008", "sleep", 1337, "Envoy, waypoint", "uid port", listed},
		{"gateway", "istio", "0.0.0.0:8443", "envoy", 1337, "Envoy", "process uid", "eth0: clients"},
		{"unlisted, uid only", "istio", "127.0.0.1:4000", "", 1337, "proxy", "uid", "lo only"},
		{"unlisted, named by its process", "kuma", "127.0.0.1:4000", "coredns", 5678, "coredns", "uid", "lo only"},
		{"app, nothing known", "istio", "0.0.0.0:9080", "", -1, "", "port", proxied4},
		{"app", "istio", "10.244.1.5:9080", "java", 1000, "", "process uid port", proxied4},
		{"app, both families", "istio", "[::]:9080", "java", 1000, "", "process uid port", proxied},
		{"app, IPv6", "istio", "[fd00::5]:9080", "java", -1, "", "process port", proxied6},
		{"app, loopback", "istio", "127.0.0.1:9080", "java", -1, "", "process port", loOnly},
		{"app, loopback IPv6", "istio", "[::1]:9080", "java", -1, "", "process port", loOnly},
		{"port that applications use too", "istio", "0.0.0.0:8080", "", -1, "", "port", proxied4},
		{"istiod's port, istiod", "istio", "0.0.0.0:8080", "pilot-discovery", -1, "istiod", "process", listed},
		{"ambient, in no process of the pod", "istio-ambient", "127.0.0.1:15001", "", 0, "ztunnel", "port", listed},
		{"ambient app", "istio-ambient", "0.0.0.0:80", "nginx", 0, "", "process port", "eth0: clients; lo: the proxy from the client's address, another port"},
		{"linkerd, name cut by lsof", "linkerd", "127.0.0.1:4140", "linkerd2-", -1, "linkerd2-proxy", "process port", listed},
		{"consul, name cut by the kernel", "consul", "0.0.0.0:21000", "consul-dataplan", 5995, "consul-dataplane", "process uid port", listed},
		{"cut too short to tell", "consul", "0.0.0.0:9000", "consul-d", -1, "", "process port", "eth0: clients; lo: the proxy from POD or 127.0.0.1"},
		{"consul app, loopback", "consul", "127.0.0.1:9000", "app", -1, "", "process port", "lo only: the pod itself, and the proxy if it dials 127.0.0.1"},
		{"another mesh's proxy", "istio", "127.0.0.1:4140", "linkerd2-proxy", 2102, "linkerd2-proxy", "process", "lo only"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			p := profile.Named(tc.profile)
			addr := netip.MustParseAddrPort(tc.addr)
			got := p.Listener(addr, strings.Fields(tc.processes), tc.uid)
			if signs := strings.Join(got.Signs, " "); got.Mesh != (tc.component != "") || got.Component != tc.component || signs != tc.signs || got.Number != addr.Port() {
				t.Errorf("mesh %v, %q by %q at %d; want %q by %q", got.Mesh, got.Component, signs, got.Number, tc.component, tc.signs)
			}
			want := tc.shows
			for _, l := range p.Ports {
				if want == listed && l.Number == addr.Port() {
					want = l.Shows
				}
			}
			if got.Shows != want {
				t.Errorf("shows %q, want %q", got.Shows, want)
			}
			if local := got.Scope == profile.ScopeLoopback; tc.shows != listed && local != addr.Addr().IsLoopback() {
				t.Errorf("scope %s of %s", got.Scope, addr)
			}
		})
	}
}
