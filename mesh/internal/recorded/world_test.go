package recorded

import (
	"net/netip"
	"testing"

	"github.com/pcapmesh/pcapmesh/capture"
	"github.com/pcapmesh/pcapmesh/capture/tcpip"
	"github.com/pcapmesh/pcapmesh/internal/test/pcap"
	"github.com/pcapmesh/pcapmesh/mesh/internal/index"
	"github.com/pcapmesh/pcapmesh/mesh/record"
)

// Ends of the connections of these tests.
const (
	client   = "10.244.1.10:40000"
	service  = "10.96.10.1:80"
	listener = "127.0.0.1:15001"
	server   = "10.244.9.9:8080"
)

func ap(s string) netip.AddrPort {
	if s == "" {
		return netip.AddrPort{}
	}
	return netip.MustParseAddrPort(s)
}

func tuple(src, dst string) tcpip.Tuple {
	return tcpip.Tuple{Proto: tcpip.ProtoTCP, Src: ap(src), Dst: ap(dst)}
}

func udp(src, dst string) tcpip.Tuple {
	return tcpip.Tuple{Proto: tcpip.ProtoUDP, Src: ap(src), Dst: ap(dst)}
}

// captured indexes captures, each a group of its own.
func captured(t *testing.T, files ...[]byte) *index.Index {
	t.Helper()
	x := &index.Index{Ports: []uint16{53}}
	for i, file := range files {
		in, err := capture.OpenInput(t.Context(), pcap.WriteFile(t, "trace.pcapng", file), &capture.Options{Input: uint32(i)})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { in.Close() })
		g, _, err := index.Read(t.Context(), []*capture.Input{in}, "", x.Ports, false)
		if err != nil {
			t.Fatal(err)
		}
		x.Add(g)
	}
	return x
}

// dialled is a capture of one connection, redirected to the proxy's listener, and
// when it was.
func dialled(t *testing.T) (x *index.Index, from, to int64) {
	t.Helper()
	c := pcap.Conn(client, service).Redirect(listener)
	c.Handshake()
	c.Send("hello")
	c.Close()
	x = captured(t, c.PCAPNG())
	return x, firstTime(x, 1), lastTime(x, 1)
}

func firstTime(x *index.Index, h index.HalfNo) int64 { return int64(x.Half(h).FirstTime) }
func lastTime(x *index.Index, h index.HalfNo) int64  { return int64(x.Half(h).LastTime) }

// given writes a text to a file of a kind.
func given(t *testing.T, kind record.Kind, text string) (*record.Files, record.File) {
	t.Helper()
	file := record.File{Name: pcap.WriteFile(t, kind.String(), []byte(text)), Pod: "p"}
	files := new(record.Files)
	files.Add(kind, file)
	return files, file
}

// readBeside reads the records of files beside the capture x.
func readBeside(t *testing.T, files *record.Files, x *index.Index) *Records {
	t.Helper()
	rs, err := ReadRules(t.Context(), files)
	if err != nil {
		t.Fatal(err)
	}
	if err := rs.Read(t.Context(), files, x); err != nil {
		t.Fatal(err)
	}
	return rs
}
