package tcpip_test

import (
	"encoding/binary"
	"fmt"
	"log"
	"net/netip"

	"github.com/pcapmesh/pcapmesh/capture"
	"github.com/pcapmesh/pcapmesh/capture/linktype"
	"github.com/pcapmesh/pcapmesh/capture/tcpip"
)

func ExampleDecoder() {
	r, err := capture.Open("../../testdata/pcaps/any-sll2-any.pcap", nil)
	if err != nil {
		log.Fatal(err)
	}
	defer r.Close()
	points := tcpip.NewPoints()
	d := tcpip.NewDecoder(points, func(uint32) []capture.Interface { return r.Interfaces() })
	var s tcpip.Segment
	for p, err := range r.Packets() {
		if err != nil {
			log.Fatal(err)
		}
		if d.Decode(p, &s) && s.Flags&tcpip.FlagSYN != 0 && s.MSS > 1460 {
			fmt.Printf("from %v on %s: MSS %d\n", s.Tuple().Src.Addr(), points.Info(s.Point()).Name, s.MSS)
			break
		}
	}
	// Output: from 127.0.0.6 on lo: MSS 65495
}

func ExampleRewriteTuple() {
	packet := tcpip.AppendTCP(nil, &tcpip.Header{
		Src: netip.MustParseAddrPort("10.244.1.10:40808"), Dst: netip.MustParseAddrPort("127.0.0.1:15001"), Flags: tcpip.FlagSYN,
	}, nil)
	l3, l4, _ := tcpip.Locate(linktype.Ethernet, packet)
	err := tcpip.RewriteTuple(packet[l3:], l4-l3, netip.MustParseAddrPort("10.244.1.10:40808"), netip.MustParseAddrPort("10.96.10.1:80"))
	fmt.Println(err, netip.AddrFrom4([4]byte(packet[l3+16:])), binary.BigEndian.Uint16(packet[l4+2:]), tcpip.Checksum(packet[l3:l4]))
	// Output: <nil> 10.96.10.1 80 0
}

// The packets that are no segments, and why.
func ExampleDecoder_Stats() {
	d := tcpip.NewDecoder(tcpip.NewPoints(), func(uint32) []capture.Interface { return nil })
	var s tcpip.Segment
	syn := tcpip.AppendTCP(nil, &tcpip.Header{
		Src: netip.MustParseAddrPort("10.244.1.10:40808"), Dst: netip.MustParseAddrPort("10.96.10.1:80"), Flags: tcpip.FlagSYN,
	}, nil)
	for i, p := range []capture.Packet{
		{Link: linktype.Ethernet, Data: syn},
		{Link: linktype.Ethernet, Data: syn[:40]},
		{Link: linktype.Ethernet, Data: make([]byte, 60)},
		{Link: 127, Data: make([]byte, 64)}, // IEEE 802.11 with radiotap
	} {
		p.Ref.Packet = uint32(i + 1)
		d.Decode(&p, &s)
	}
	stats := d.Stats()
	fmt.Println(stats.Packets, "packets,", stats.NonTCP, "not TCP,", stats.Malformed, "malformed")
	for _, n := range stats.Notes {
		fmt.Printf("packet %d: %s\n", n.Ref.Packet, n.Text)
	}
	for _, n := range stats.UnsupportedPackets {
		fmt.Printf("%d of link type %s\n", n.Packets, n.Link)
	}
	// Output:
	// 4 packets, 1 not TCP, 1 malformed
	// packet 2: tcp header at offset 34: need 20 bytes, have 6 (packet)
	// 1 of link type 127
}

// What was asked of a DNS server, and what it answered.
func ExampleDatagramDecoder() {
	r, err := capture.Open("../../testdata/pcaps/dns-capture-eth0.pcap", nil)
	if err != nil {
		log.Fatal(err)
	}
	defer r.Close()
	d := tcpip.NewDatagramDecoder(tcpip.NewPoints(), func(uint32) []capture.Interface { return r.Interfaces() }, 53)
	var g tcpip.Datagram
	for p, err := range r.Packets() {
		if err != nil {
			log.Fatal(err)
		}
		if d.Decode(p, &g) {
			fmt.Println(g.Tuple(), len(g.Bytes), "bytes")
			break
		}
	}
	// Output: 10.244.1.10:57208 > 203.0.113.80:53 33 bytes
}

// Where packets were seen, as far as the file or their link headers tell.
func ExamplePoints() {
	r, err := capture.Open("../../testdata/pcaps/any-sll2-any.pcap", nil)
	if err != nil {
		log.Fatal(err)
	}
	defer r.Close()
	points := tcpip.NewPoints()
	points.Add(0, "shop-7d4f")
	d := tcpip.NewDecoder(points, func(uint32) []capture.Interface { return r.Interfaces() })
	var s tcpip.Segment
	for p, err := range r.Packets() {
		if err != nil {
			log.Fatal(err)
		}
		d.Decode(p, &s)
	}
	for i := range points.Len() {
		in := points.Info(tcpip.Point(i))
		fmt.Printf("%s: %s, index %d, loopback %v, name guessed %v\n", in.Pod, in.Name, in.Index, in.Loopback, in.Inferred)
	}
	// Output:
	// shop-7d4f: if2, index 2, loopback false, name guessed true
	// shop-7d4f: lo, index 1, loopback true, name guessed true
}

// A segment says where its headers stand, so that its packet can be changed.
func ExampleSegment() {
	p := capture.Packet{Ref: capture.Ref{Packet: 1}, Link: linktype.Ethernet, Data: tcpip.AppendTCP(nil, &tcpip.Header{
		Src: netip.MustParseAddrPort("10.244.1.10:15001"), Dst: netip.MustParseAddrPort("10.244.1.7:40808"), Flags: tcpip.FlagACK,
	}, []byte("hello"))}
	d := tcpip.NewDecoder(tcpip.NewPoints(), func(uint32) []capture.Interface { return nil })
	var s tcpip.Segment
	if !d.Decode(&p, &s) {
		log.Fatal("no segment")
	}
	ip, l4 := p.Data[s.L3:], int(s.L4-s.L3)
	err := tcpip.RewriteTuple(ip, l4, netip.MustParseAddrPort("10.96.10.1:80"), s.Tuple().Dst)
	fmt.Printf("%v %q at %d\n", err, s.Bytes, s.Data)
	fmt.Println(d.Decode(&p, &s), s.Tuple())
	// Output:
	// <nil> "hello" at 54
	// true 10.96.10.1:80 > 10.244.1.7:40808
}
