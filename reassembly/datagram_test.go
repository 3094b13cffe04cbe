package reassembly_test

import (
	"fmt"
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pcapmesh/pcapmesh/capture/tcpip"
	"github.com/pcapmesh/pcapmesh/internal/test/pcap"
	"github.com/pcapmesh/pcapmesh/reassembly"
)

// Datagrams of the wanted ports are handed out in the order of time over all
// inputs; they are no TCP and have no half.
func TestIndexDatagrams(t *testing.T) {
	pod, dns, agent := netip.MustParseAddrPort("10.244.1.10:40000"), netip.MustParseAddrPort("10.96.0.10:53"), netip.MustParseAddrPort("127.0.0.1:15053")
	file := func(name string, ds ...pcap.Datagram) string {
		return pcap.WriteFile(t, name, pcap.UDPFile(ds))
	}
	inputs := openInputs(t,
		file("lo.pcapng", pcap.Datagram{Interface: "lo", Nanos: 1000, Src: pod, Dst: agent, Payload: []byte("one")},
			pcap.Datagram{Interface: "lo", Nanos: 4000, Src: dns, Dst: pod, Payload: []byte("four")}),
		file("eth0.pcapng", pcap.Datagram{Interface: "eth0", Nanos: 2000, Src: pod, Dst: dns, Payload: []byte("two")},
			pcap.Datagram{Interface: "eth0", Nanos: 3000, Src: pod, Dst: netip.MustParseAddrPort("192.0.2.1:123"), Payload: []byte("time")}))
	var got []string
	table := new(reassembly.Table)
	facts, err := reassembly.Index(t.Context(), inputs, tcpip.NewPoints(), table, newRecorder(t), &reassembly.Options{
		Datagrams:     func(g *tcpip.Datagram) { got = append(got, fmt.Sprint(g.Tuple(), g.Ref, string(g.Bytes))) },
		DatagramPorts: []uint16{53, 15053},
	})
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		"10.244.1.10:40000 > 127.0.0.1:15053 {0 1}one",
		"10.244.1.10:40000 > 10.96.0.10:53 {1 1}two",
		"10.96.0.10:53 > 10.244.1.10:40000 {0 2}four",
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("datagrams (-want +got):\n%s", d)
	}
	for i, f := range facts.Inputs {
		if f.Packets != 2 || f.NonTCP != 2 || table.Packets(uint32(i)) != 0 {
			t.Errorf("input %d: %+v, want 2 packets that are no TCP", i, f)
		}
	}
}
