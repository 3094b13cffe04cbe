package reassembly_test

import (
	"fmt"

	"github.com/pcapmesh/pcapmesh/capture"
	"github.com/pcapmesh/pcapmesh/internal/test/pcap"
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
func (printer) Gap(at reassembly.At, n int64, _ reassembly.GapKind, next capture.Ref) {
	fmt.Printf("half %d: %d bytes missing at %d, before packet %d\n", at.Half, n, at.Off, next.Packet)
}
func (printer) Close(h reassembly.HalfID, how reassembly.End, _ reassembly.At) {
	fmt.Printf("half %d: closed (%v)\n", h, how)
}

func ExampleAssembler() {
	c := pcap.Conn("10.244.1.10:40112", "10.96.10.1:80").Redirect("127.0.0.1:15001")
	c.Handshake()
	c.Send("GET / ")
	c.Send("HTTP/1.1\r\n")
	c.Lose(1)
	c.Send("\r\n")
	c.Reply("HTTP/1.1 200 OK\r\n\r\n")
	c.Close()

	var t reassembly.Table
	a := reassembly.NewAssembler(&t, printer{}, nil)
	for _, s := range c.Segments() {
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
	// half 1: 10 bytes missing at 6, before packet 5
	// half 1: "\r\n" at 16 in packet 5
	// half 1: closed (fin)
}
