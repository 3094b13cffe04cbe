package pcap_test

import (
	"io"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pcapmesh/pcapmesh/capture"
	"github.com/pcapmesh/pcapmesh/capture/tcpip"
	"github.com/pcapmesh/pcapmesh/internal/test/pcap"
)

// build returns a trace that uses what a file can show.
func build() *pcap.Connection {
	c := pcap.Conn("10.244.1.10:40000", "10.96.0.1:80").Redirect("127.0.0.1:15001").At(0, "lo").Timestamps()
	c.MSS(1460, 65495).Handshake()
	c.Send("GET / HTTP/1.1\r\n\r\n")
	c.Snap(5).Reply("HTTP/1.1 200 OK\r\n\r\n")
	c.Snap(-1).Close()
	d := c.Trace.Conn("[fd00::1]:40000", "[fd00::2]:443").At(1, "eth0")
	d.Handshake()
	d.RST()
	return c
}

// TestFile compares the segments that capture decodes from the files with the
// ones handed out directly.
func TestFile(t *testing.T) {
	c := build()
	for name, data := range map[string][]byte{"t.pcap": c.PCAP(), "t.pcapng": c.PCAPNG()} {
		t.Run(name, func(t *testing.T) {
			got := decode(t, pcap.WriteFile(t, name, data))
			want := c.Segments()
			for i := range want {
				if name == "t.pcap" {
					want[i].Key.Point = got[i].Key.Point // told by the addresses only
				}
			}
			if d := cmp.Diff(want, got, cmp.AllowUnexported(tcpip.Addr{})); d != "" {
				t.Errorf("segments (-built +decoded):\n%s", d)
			}
		})
	}
}

func decode(t *testing.T, path string) (out []tcpip.Segment) {
	t.Helper()
	r, err := capture.Open(path, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	d := tcpip.NewDecoder(tcpip.NewPoints(), func(uint32) []capture.Interface { return r.Interfaces() })
	for {
		p, err := r.Next()
		if err == io.EOF {
			return out
		}
		if err != nil {
			t.Fatal(err)
		}
		var s tcpip.Segment
		if !d.Decode(p, &s) {
			t.Fatalf("packet %d is no segment", p.Ref.Packet)
		}
		s.Bytes = append([]byte{}, s.Bytes...)
		s.Offset, s.L3, s.L4, s.Data = 0, 0, 0, 0 // a trace has no frames
		out = append(out, s)
	}
}
