package role_test

import (
	"net/netip"
	"testing"

	"github.com/pcapmesh/pcapmesh/internal/test/pcap"
	"github.com/pcapmesh/pcapmesh/internal/test/sim"
	"github.com/pcapmesh/pcapmesh/mesh/flow"
)

// What is accepted in a pod with a proxy, and not answered, the proxy may keep waiting;
// where others at the same port are answered by nobody else, it does not.
func TestWaiting(t *testing.T) {
	const client, port = "192.0.2.1:40000", sim.Pod + ":9999"
	for _, tt := range []struct {
		name string
		make func(c, other *pcap.Connection)
		want flow.Role
	}{
		{"nothing is said", func(c, _ *pcap.Connection) { c.Handshake() }, flow.RoleClientProxy},
		{"nothing is answered", func(c, _ *pcap.Connection) { c.Handshake(); c.Send("hello"); c.AckReply() }, flow.RoleClientProxy},
		{"it is closed", func(c, _ *pcap.Connection) { c.Handshake(); c.Close() }, flow.RoleClientProxy},
		{"it is answered", func(c, _ *pcap.Connection) { c.Handshake(); c.Send("hello"); c.Reply("hello") }, flow.RoleDirect},
		{"it is refused", func(c, _ *pcap.Connection) { c.SYN(); c.Refuse() }, flow.RoleDirect},
		{"another is answered", func(c, o *pcap.Connection) { o.Handshake(); c.Handshake(); o.Reply("hello") }, flow.RoleDirect},
		{"another waits too", func(c, o *pcap.Connection) { o.Handshake(); c.Handshake(); o.Send("hello") }, flow.RoleClientProxy},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var tr pcap.Trace
			sim.Meshed(&tr)
			tt.make(sim.On(&tr, "eth0", client, port).ISN(7_000_001, 7_500_001), sim.On(&tr, "eth0", "192.0.2.2:40000", port).ISN(8_000_001, 8_500_001))
			sim.Talk(sim.On(&tr, "lo", "127.0.0.6:41007", sim.App).ISN(9_000_001, 9_500_001), "/last") // lo was watched to the end
			for _, l := range sim.Stitch(t, &tr).Legs {
				if l.Orig.Src == netip.MustParseAddrPort(client) && l.Orig.Dst == netip.MustParseAddrPort(port) {
					if l.Role != tt.want {
						t.Errorf("role %s, want %s", l.Role, tt.want)
					}
					return
				}
			}
			t.Error("no such leg")
		})
	}
}
