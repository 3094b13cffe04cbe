package recorded

import (
	"net/netip"
	"testing"

	"golang.org/x/net/dns/dnsmessage"

	"github.com/pcapmesh/pcapmesh/capture/tcpip"
	"github.com/pcapmesh/pcapmesh/internal/test/pcap"
	"github.com/pcapmesh/pcapmesh/mesh/rules"
)

// queries is a capture of one query.
func queries() []byte {
	m := dnsmessage.Message{Header: dnsmessage.Header{ID: 7}, Questions: []dnsmessage.Question{
		{Name: dnsmessage.MustNewName("a.example."), Type: dnsmessage.TypeA, Class: dnsmessage.ClassINET}}}
	payload, err := m.Pack()
	if err != nil {
		panic(err)
	}
	return pcap.UDPFile([]pcap.Datagram{{Interface: "eth0", Nanos: 1_800_000_000e9, Src: ap(asker), Dst: ap(resolver), Payload: payload}})
}

// What was captured is known by its tuples, in the direction in which packets went,
// by its ends, and by its time.
func TestTouched(t *testing.T) {
	early := pcap.Conn("10.0.0.1:1", "10.0.0.2:2")
	early.Handshake()
	late := pcap.Conn(client, service).Redirect(listener)
	late.Wait(1e9)
	late.SYN()
	x := captured(t, late.PCAPNG(), early.PCAPNG(), queries())
	seen := newTouched(x, []*Rules{{Facts: rules.Facts{InboundPorts: []uint16{4444}}}})
	for _, tc := range []struct {
		name  string
		tuple tcpip.Tuple
		want  bool
	}{
		{"sent", tuple("10.0.0.1:1", "10.0.0.2:2"), true},
		{"answered", tuple("10.0.0.2:2", "10.0.0.1:1"), true},
		{"as redirected", tuple(client, listener), true},
		{"as dialled, never answered", tuple(client, service), false},
		{"not answered", tuple(listener, client), false},
		{"a query", udp(asker, resolver), true},
		{"its answer, which is not there", udp(resolver, asker), false},
		{"TCP at ports of UDP", tuple(asker, resolver), false},
		{"UDP at ports of TCP", udp("10.0.0.1:1", "10.0.0.2:2"), false},
	} {
		if got := seen.tuple(tc.tuple); got != tc.want {
			t.Errorf("%s: tuple touched %v, want %v", tc.name, got, tc.want)
		}
	}
	for end, want := range map[string]bool{
		client: true, listener: true, service: false, "10.0.0.1:1": true, "10.0.0.2:2": true, "10.0.0.1:2": false, "10.0.0.2:1": false, "10.0.0.1:257": false,
		"": false, "[::]:0": false,
	} {
		if got := seen.end(ap(end)); got != want {
			t.Errorf("end %q touched %v, want %v", end, got, want)
		}
	}
	if first, last := firstTime(x, 2), lastTime(x, 1); seen.from != first || seen.to != last || first >= last {
		t.Errorf("from %d to %d, want %d to %d", seen.from, seen.to, first, last)
	}
	for port, want := range map[uint16]bool{15006: true, 4143: true, 4444: true, 15001: false, 80: false} {
		if seen.inbound[port] != want {
			t.Errorf("port %d takes clients: %v, want %v", port, seen.inbound[port], want)
		}
	}
}

// The address that no packet has is no end, whatever it hashes to.
func TestNoAddressIsNoEnd(t *testing.T) {
	seen := &touched{ends: map[uint64]struct{}{hashEnd(netip.AddrPort{}): {}}}
	if seen.end(netip.AddrPort{}) {
		t.Error("an address that is none was captured")
	}
}

// Ends with other ports or addresses hash to something else.
func TestHashEnd(t *testing.T) {
	by := make(map[uint64]string)
	for _, s := range []string{"10.0.0.1:1", "10.0.0.1:256", "10.0.0.1:257", "10.0.0.1:2", "10.0.0.2:1", "[::1]:1", "[2001:db8::1]:1"} {
		h := hashEnd(ap(s))
		if by[h] != "" {
			t.Errorf("%s hashes like %s", s, by[h])
		}
		by[h] = s
	}
}
