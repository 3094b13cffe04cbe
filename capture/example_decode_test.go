package capture_test

import (
	"encoding/binary"
	"fmt"
	"log"
	"net/netip"

	"github.com/google/gopacket"

	"github.com/pcapmesh/pcapmesh/capture"
)

func ExampleDecoder() {
	r, err := capture.Open("../testdata/pcaps/any-sll2-any.pcap", nil)
	if err != nil {
		log.Fatal(err)
	}
	defer r.Close()
	points := capture.NewPoints()
	d := capture.NewDecoder(points, func(uint32) []capture.Interface { return r.Interfaces() })
	var s capture.Segment
	for p, err := range r.Packets() {
		if err != nil {
			log.Fatal(err)
		}
		if d.Decode(p, &s) && s.Flags&capture.FlagSYN != 0 && s.MSS > 1460 {
			fmt.Printf("from %v on %s: MSS %d\n", s.Tuple().Src.Addr(), points.Info(s.Point()).Name, s.MSS)
			break
		}
	}
	// Output: from 127.0.0.6 on lo: MSS 65495
}

func ExampleRewriteTuple() {
	packet := capture.AppendTCP(nil, &capture.Header{
		Src: netip.MustParseAddrPort("10.244.1.10:40808"), Dst: netip.MustParseAddrPort("127.0.0.1:15001"), Flags: capture.FlagSYN,
	}, nil)
	l3, l4, _ := capture.Locate(capture.LinkEthernet, packet)
	err := capture.RewriteTuple(packet[l3:], l4-l3, netip.MustParseAddrPort("10.244.1.10:40808"), netip.MustParseAddrPort("10.96.10.1:80"))
	fmt.Println(err, netip.AddrFrom4([4]byte(packet[l3+16:])), binary.BigEndian.Uint16(packet[l4+2:]), capture.Checksum(packet[l3:l4]))
	// Output: <nil> 10.96.10.1 80 0
}

func ExamplePacketSource() {
	r, err := capture.Open("../testdata/pcaps/any-sll2-any.pcap", nil)
	if err != nil {
		log.Fatal(err)
	}
	defer r.Close()
	src := capture.NewPacketSource(r)
	packets := gopacket.NewPacketSource(src, src) // Packets would read on in a goroutine after a break
	for {
		packet, err := packets.NextPacket()
		if err != nil {
			log.Fatal(err)
		}
		if packet.TransportLayer() != nil {
			fmt.Println(packet.LinkLayer().LayerType(), packet.NetworkLayer().LayerType(), packet.TransportLayer().LayerType())
			break
		}
	}
	// Output: Linux SLL IPv4 TCP
}
