package reassembly_test

import (
	"testing"

	"github.com/pcapmesh/pcapmesh/capture"
	"github.com/pcapmesh/pcapmesh/capture/tcpip"
	"github.com/pcapmesh/pcapmesh/internal/test/pcap"
	"github.com/pcapmesh/pcapmesh/reassembly"
)

// Options.Segments is given every segment with its half, in order, and no second copy.
func TestSegments(t *testing.T) {
	c := pcap.Conn("127.0.0.1:4000", "127.0.0.1:80").At(0, "lo")
	c.Handshake()
	c.Send("hello")
	c.Repeat() // as AF_PACKET gives it again
	c.Reply("hi")
	in, err := capture.OpenInput(t.Context(), pcap.WriteFile(t, "lo.pcapng", c.PCAPNG()), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	points := tcpip.NewPoints()
	points.Add(0, "")
	var table reassembly.Table
	var halves []reassembly.HalfID
	var bytes uint32
	if _, err := reassembly.Index(t.Context(), []*capture.Input{in}, points, &table, reassembly.Discard{}, &reassembly.Options{
		Segments: func(id reassembly.HalfID, s *tcpip.Segment) {
			halves = append(halves, id)
			bytes += s.Wire
		}}); err != nil {
		t.Fatal(err)
	}
	want := []reassembly.HalfID{1, 2, 1, 1, 2}
	if len(halves) != len(want) || bytes != 7 {
		t.Fatalf("halves %v with %d bytes, want %v with 7", halves, bytes, want)
	}
	for i := range want {
		if halves[i] != want[i] {
			t.Errorf("segment %d is of half %d, want %d", i+1, halves[i], want[i])
		}
	}
}
