package reassembly_test

import (
	"context"
	"fmt"
	"log"
	"net/netip"

	"github.com/pcapmesh/pcapmesh/capture"
	"github.com/pcapmesh/pcapmesh/capture/tcpip"
	"github.com/pcapmesh/pcapmesh/reassembly"
)

// A printer shows what a Consumer is told.
type printer struct{}

func (printer) Open(h reassembly.HalfID, syn bool, at reassembly.At) {
	fmt.Printf("half %d: open\n", h)
}
func (printer) Bind(a, b reassembly.HalfID) { fmt.Printf("half %d answers half %d\n", b, a) }
func (printer) Bytes(at reassembly.At, p []byte) int64 {
	fmt.Printf("half %d: %q at %d in packet %d\n", at.Half, p, at.Off, at.Ref.Packet)
	return 0
}
func (printer) Skip(reassembly.At, int64) {}
func (printer) Gap(at reassembly.At, n int64, why reassembly.GapKind, next capture.Ref) {
	fmt.Printf("half %d: %d bytes %v at %d, before packet %d\n", at.Half, n, why, at.Off, next.Packet)
}
func (printer) Close(h reassembly.HalfID, how reassembly.End, _ reassembly.At) {
	fmt.Printf("half %d: closed (%v)\n", h, how)
}

// talk returns the segments of one connection, of which the third packet with data was
// not captured.
func talk() []tcpip.Segment {
	client, server := netip.MustParseAddrPort("10.244.1.10:40112"), netip.MustParseAddrPort("10.96.10.1:80")
	ask := tcpip.Key{Src: tcpip.AddrFrom(client.Addr()), Dst: tcpip.AddrFrom(server.Addr()), SrcPort: client.Port(), DstPort: server.Port()}
	packet := uint32(0)
	segment := func(k tcpip.Key, flags uint16, seq, ack uint32, payload string) tcpip.Segment {
		packet++
		return tcpip.Segment{Key: k, Ref: capture.Ref{Packet: packet}, Time: capture.Time(packet), Flags: flags, Seq: seq, Ack: ack,
			Bytes: []byte(payload), Wire: uint32(len(payload))}
	}
	const syn, ack, fin = tcpip.FlagSYN, tcpip.FlagACK, tcpip.FlagFIN
	return []tcpip.Segment{
		segment(ask, syn, 999, 0, ""), segment(ask.Reverse(), syn|ack, 4999, 1000, ""), segment(ask, ack, 1000, 5000, ""),
		segment(ask, ack, 1000, 5000, "GET / "), segment(ask, ack, 1016, 5000, "\r\n"),
		segment(ask.Reverse(), ack, 5000, 1018, "HTTP/1.1 200 OK\r\n\r\n"), segment(ask.Reverse(), fin|ack, 5019, 1018, ""),
		segment(ask, fin|ack, 1018, 5020, ""), segment(ask.Reverse(), ack, 5020, 1019, ""),
	}
}

func ExampleAssembler() {
	var t reassembly.Table
	a := reassembly.NewAssembler(&t, printer{}, nil)
	for _, s := range talk() {
		a.Add(&s)
	}
	a.Finish()
	// Output:
	// half 1: open
	// half 2: open
	// half 2 answers half 1
	// half 1: "GET / " at 0 in packet 4
	// half 2: "HTTP/1.1 200 OK\r\n\r\n" at 0 in packet 6
	// half 2: closed (fin)
	// half 1: 10 bytes lost at 6, before packet 5
	// half 1: "\r\n" at 16 in packet 5
	// half 1: closed (fin)
}

// Segments that do not come from files are delivered once more, of the halves that are
// wanted only. Where they come from may be asked before they are decoded.
func ExampleAgain() {
	var t reassembly.Table
	first := reassembly.NewAssembler(&t, reassembly.Discard{}, nil)
	for _, s := range talk() {
		first.Add(&s)
	}
	first.Finish()

	var want reassembly.HalfSet
	want.Add(2)
	a := reassembly.Again(&t, &want, printer{})
	for _, s := range talk() {
		if a.Wants(s.Ref) {
			a.Add(&s)
		}
	}
	a.Finish()
	// Output:
	// half 2: open
	// half 2: "HTTP/1.1 200 OK\r\n\r\n" at 0 in packet 6
	// half 2: closed (fin)
}

// What a capture holds, and then the bytes of one half of it.
func ExampleIndex() {
	in, err := capture.OpenInput(context.Background(), "../testdata/pcaps/inbound-plain-lo.pcap", nil)
	if err != nil {
		log.Fatal(err)
	}
	defer in.Close()
	ctx, inputs := context.Background(), []*capture.Input{in}
	var t reassembly.Table
	facts, err := reassembly.Index(ctx, inputs, tcpip.NewPoints(), &t, reassembly.Discard{}, nil)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(facts.Inputs[0].Packets, "packets,", t.Len(), "halves, read to the end:", facts.Inputs[0].Err == nil)

	for orig := range t.Connections() {
		h := t.Half(orig)
		fmt.Printf("%v: %d packets, %d bytes, %v\n", h.Key.Tuple(), h.Packets, h.Bytes, h.End)
		var want reassembly.HalfSet
		want.Add(orig)
		if err := reassembly.Read(ctx, inputs, &t, &want, &volume{bytes: make(map[reassembly.HalfID]int64)}); err != nil {
			log.Fatal(err)
		}
		break
	}
	// Output:
	// 93 packets, 10 halves, read to the end: true
	// 127.0.0.6:38370 > 10.244.2.20:8080: 10 packets, 801 bytes, rst
}
