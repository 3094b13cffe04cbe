package mesh_test

import (
	"testing"

	"github.com/pcapmesh/pcapmesh/internal/test/sim"
)

// QUIC is not followed, but counted: what is sent to or from UDP port 443 and begins as
// its packets do. What is sent at other ports is not.
func TestQUIC(t *testing.T) {
	var d sim.DNSTrace
	const client, server = "10.244.1.10:50000", "203.0.113.80:443"
	initial, short, other := []byte{0xc3, 0, 0, 0, 1}, []byte{0x41, 7}, []byte{0x00, 1}
	d.Add("eth0", 0, client, server, initial)
	d.Add("eth0", 1, server, client, initial)
	d.Add("eth0", 2, client, server, short)
	d.Add("eth0", 3, client, server, other)
	d.Add("eth0", 4, client, server, nil)
	d.Add("eth0", 5, client, "203.0.113.80:4433", initial)
	d.Add("eth0", 6, client, sim.Resolver, sim.DNSQuery(7, "a.example"))
	r := d.Stitch(t)
	if got := r.Inputs[0].QUIC; got != 3 {
		t.Errorf("%d packets of QUIC, want 3", got)
	}
	if len(r.Lookups) != 1 || r.NotDNS != 0 {
		t.Errorf("%d lookups, %d packets are no DNS", len(r.Lookups), r.NotDNS)
	}
}
