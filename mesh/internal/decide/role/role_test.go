package role_test

import (
	"net/netip"
	"testing"

	"github.com/pcapmesh/pcapmesh/internal/test/pcap"
	"github.com/pcapmesh/pcapmesh/internal/test/sim"
	"github.com/pcapmesh/pcapmesh/mesh/flow"
)

// What a connection's shape says of its role, beside a proxy at work.
func TestRoles(t *testing.T) {
	for _, tt := range []struct {
		name             string
		iface, orig, dst string
		listener         string // of a redirect; "" = none
		tls              bool
		want             flow.Role
	}{
		{"a client to a port that the proxy serves", "eth0", "192.0.2.1:40000", sim.App, "", true, flow.RoleClientProxy},
		{"a client to a port that it does not", "eth0", "192.0.2.1:40000", sim.Pod + ":9999", "", false, flow.RoleDirect},
		{"a client to the agent", "eth0", "192.0.2.1:40000", sim.Pod + ":15020", "", false, flow.RoleControl},
		{"from 127.0.0.6", "lo", "127.0.0.6:40001", sim.App, "", false, flow.RoleProxyApp},
		{"an application's call", "lo", sim.Pod + ":40000", sim.VIP, "127.0.0.1:15001", false, flow.RoleAppProxy},
		{"an application's call, other proxy", "lo", sim.Pod + ":40000", sim.VIP, "127.0.0.1:4140", false, flow.RoleAppProxy},
		{"the proxy to its own inbound side", "lo", sim.Pod + ":40000", sim.App, "127.0.0.1:15006", false, flow.RoleProxyProxy},
		{"a name looked up over TCP", "lo", sim.Pod + ":40000", "10.96.0.10:53", "127.0.0.1:15053", false, flow.RoleControl},
		{"the application to itself", "lo", sim.Pod + ":40000", sim.Pod + ":9999", "", false, flow.RoleDirect},
		{"within loopback", "lo", "127.0.0.1:40000", "127.0.0.1:9999", "", false, flow.RoleDirect},
		{"the proxy's own admin port", "lo", "127.0.0.1:40000", "127.0.0.1:15000", "", false, flow.RoleControl},
		{"a call past the proxy", "eth0", sim.Pod + ":40000", "203.0.113.9:443", "", false, flow.RoleDirect},
		{"from a client's address, on loopback", "lo", "192.0.2.1:40000", sim.App, "", false, flow.RoleProxyApp},
		{"from a client's address to 127.0.0.1", "lo", "192.0.2.1:40000", "127.0.0.1:8080", "", false, flow.RoleProxyApp},
		{"the kubelet's probe of an ambient pod", "eth0", "169.254.7.127:40000", sim.App, "", false, flow.RoleDirect},
		{"a tunnel to the pod", "eth0", "192.0.2.1:40000", sim.Pod + ":15008", "", true, flow.RoleClientProxy},
		{"a tunnel of the pod's", "eth0", sim.Pod + ":40000", "10.244.9.9:15008", "", true, flow.RoleProxyServer},
		{"a stranger's", "eth0", "192.0.2.1:40000", "192.0.2.2:80", "", false, flow.RoleUnknown},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var tr pcap.Trace
			sim.Meshed(&tr)
			c := sim.On(&tr, tt.iface, tt.orig, tt.dst)
			if tt.listener != "" {
				c.Redirect(tt.listener)
			}
			c.Handshake()
			if tt.tls {
				c.Send("\x16\x03\x01\x00\x05hello")
			} else {
				c.Send("hello")
				c.Reply("hello")
			}
			sim.Talk(sim.On(&tr, "lo", "127.0.0.6:41007", sim.App).ISN(9_000_001, 9_500_001), "/last") // lo was watched to the end
			r := sim.Stitch(t, &tr)
			for _, l := range r.Legs {
				if l.Orig.Src == netip.MustParseAddrPort(tt.orig) && l.Orig.Dst == netip.MustParseAddrPort(tt.dst) {
					if l.Role != tt.want {
						t.Errorf("role %s, expected %s", l.Role, tt.want)
					}
					return
				}
			}
			t.Errorf("no such leg: %q", sim.LegList(r))
		})
	}
}

// A proxy before Istio 1.10 dials the application from 127.0.0.1.
func TestRolesOldProxy(t *testing.T) {
	var tr pcap.Trace
	client := sim.On(&tr, "eth0", "192.0.2.1:40000", sim.App).ISN(1000, 2000)
	up := sim.On(&tr, "lo", "127.0.0.1:40001", "127.0.0.1:8080").ISN(3000, 4000)
	own := sim.On(&tr, "lo", "127.0.0.1:40003", "127.0.0.1:9999").ISN(5000, 6000)
	client.Handshake()
	up.Handshake()
	sim.Talk(own, "/own")
	client.Send(sim.Request("GET", "/"))
	up.Send(sim.Request("GET", "/"))
	up.Reply(sim.Response(200, "x"))
	client.Reply(sim.Response(200, "x"))
	var roles []flow.Role
	for _, l := range sim.Stitch(t, &tr).Legs {
		roles = append(roles, l.Role)
	}
	want := []flow.Role{flow.RoleClientProxy, flow.RoleProxyApp, flow.RoleDirect}
	for i, w := range want {
		if roles[i] != w {
			t.Errorf("leg %d: role %s, expected %s", i, roles[i], w)
		}
	}
}
