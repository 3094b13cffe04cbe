package outside

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pcapmesh/pcapmesh/capture"
	"github.com/pcapmesh/pcapmesh/capture/filter"
	"github.com/pcapmesh/pcapmesh/capture/gopackets"
	"github.com/pcapmesh/pcapmesh/capture/linktype"
	"github.com/pcapmesh/pcapmesh/capture/tcpip"
)

const pcaps = "../../../testdata/pcaps/"

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// segment is a packet of a connection, as tcpdump would have captured it on eth0.
func segment(seq uint32, flags uint16, payload string) []byte {
	return tcpip.AppendTCP(nil, &tcpip.Header{
		SrcMAC: [6]byte{2, 0, 0, 0, 0, 1}, DstMAC: [6]byte{2, 0, 0, 0, 0, 2},
		Src: netip.MustParseAddrPort("10.244.1.10:40000"), Dst: netip.MustParseAddrPort("10.96.10.1:80"),
		Seq: seq, Flags: flags, Window: 512, IPID: 7, TTL: 63, WScale: -1, HasTS: true, TSVal: 100, TSEcr: 99,
	}, []byte(payload))
}

// written returns a capture of packets, a millisecond apart.
func written(t *testing.T, packets ...[]byte) []byte {
	t.Helper()
	var file bytes.Buffer
	w := capture.NewWriter(&file, &capture.WriterOptions{Application: "outside", Hardware: "x86-64", OS: "Linux", Comments: []string{"of a test"}, Background: true})
	eth0, err := w.AddInterface(capture.Interface{Name: "eth0", Link: linktype.Ethernet, Hardware: "veth", Description: "of the pod"})
	must(t, err)
	start := capture.TimeOf(time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC))
	for i, p := range packets {
		must(t, w.WritePacket(eth0, start.Add(time.Duration(i)*time.Millisecond), 0, 0, nil, p))
	}
	must(t, w.Flush())
	return file.Bytes()
}

func TestWriteAndRead(t *testing.T) {
	file := written(t, segment(1, tcpip.FlagACK, "hello"), segment(6, tcpip.FlagACK, "world"))
	r, err := capture.NewReader(bytes.NewReader(file), &capture.Options{Input: 3, Buffer: 4096})
	must(t, err)
	defer r.Close()
	var times []capture.Time
	for p, err := range r.Packets() {
		must(t, err)
		times = append(times, p.Time)
	}
	in := r.Interfaces()[0]
	if r.Format() != "pcapng" || r.Number() != 3 || in.Hardware != "veth" || in.Description == "" || r.Comments()[0] != "of a test" {
		t.Errorf("%s of input %d, interface %+v, comments %q", r.Format(), r.Number(), in, r.Comments())
	}
	if d := times[1].Sub(times[0]); d != time.Millisecond || times[0].String() != "2026-11-30T12:00:00Z" || !times[0].Time().Before(times[1].Time()) {
		t.Errorf("times %v, %v apart", times, d)
	}
}

// Readers of any origin are merged in the order of time.
func TestMerge(t *testing.T) {
	var readers []*capture.Reader
	for i := range uint32(2) {
		r, err := capture.NewReader(bytes.NewReader(written(t, segment(1, tcpip.FlagACK, "x"))), &capture.Options{Input: i})
		must(t, err)
		defer r.Close()
		readers = append(readers, r)
	}
	var m *capture.Merger = capture.NewMerger(readers...)
	var refs []capture.Ref
	for {
		p, err := m.Next()
		if err == io.EOF {
			break
		}
		must(t, err)
		refs = append(refs, p.Ref)
	}
	if want := []capture.Ref{{Input: 0, Packet: 1}, {Input: 1, Packet: 1}}; !slices.Equal(refs, want) {
		t.Errorf("packets %v, want %v", refs, want)
	}
}

// Every cause that an error may have can be told.
func TestErrors(t *testing.T) {
	whole := written(t, segment(1, tcpip.FlagACK, "hello"))
	corrupt, huge := bytes.Clone(whole), bytes.Clone(whole)
	corrupt[len(corrupt)-1] ^= 0x40 // the length at the end of the last block
	copy(huge[4:], "\xfc\xff\xff\x7f")
	for name, tt := range map[string]struct {
		file []byte
		is   error
	}{
		"cut": {whole[:len(whole)-3], capture.ErrTruncated}, "corrupt": {corrupt, capture.ErrCorrupt},
		"huge": {huge, capture.ErrTooLarge}, "a text": {[]byte("hello, world"), capture.ErrNotCapture},
	} {
		r, err := capture.NewReader(bytes.NewReader(tt.file), nil)
		if err == nil {
			defer r.Close()
			for _, err = range r.Packets() {
			}
		}
		var e *capture.Error
		if !errors.As(err, &e) || !errors.Is(err, tt.is) || !errors.Is(e.Unwrap(), tt.is) || e.Err == nil || e.Offset < 0 || e.Error() != err.Error() {
			t.Errorf("%s: %v, want %v", name, err, tt.is)
		}
	}
}

// A Writer that is given up leaves its io.Writer alone.
func TestGiveUpWriting(t *testing.T) {
	var file bytes.Buffer
	w := capture.NewWriter(&file, &capture.WriterOptions{Background: true})
	w.Abort()
	if err := w.Flush(); !errors.Is(err, os.ErrClosed) || file.Len() != 0 {
		t.Errorf("%v after %d bytes", err, file.Len())
	}
}

// An Input is read as often as one wants, and ends when the context does.
func TestInput(t *testing.T) {
	file := written(t, segment(1, tcpip.FlagACK, "hello"))
	in := capture.NewInput("memory", func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(file)), nil }, nil)
	defer in.Close()
	for range 2 {
		r, err := in.Reader(t.Context())
		must(t, err)
		_, err = r.Next()
		must(t, err)
		must(t, r.Close())
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := in.Reader(ctx); !errors.Is(err, context.Canceled) || !strings.HasPrefix(err.Error(), "memory: ") {
		t.Errorf("%v, want that it was cancelled", err)
	}
	stream := capture.StreamInput("stream", bytes.NewReader(file), &capture.Options{Reread: true})
	if stream.Name() != "stream" || stream.Number() != 0 || stream.FileInfo() != nil {
		t.Errorf("%s, %d, %v", stream.Name(), stream.Number(), stream.FileInfo())
	}
	must(t, stream.Close())
}

// gopacket reads without copies, too.
func TestGopacket(t *testing.T) {
	r, err := capture.NewReader(bytes.NewReader(written(t, segment(1, tcpip.FlagACK, "hello"))), nil)
	must(t, err)
	defer r.Close()
	var s *gopackets.Source = gopackets.NewSource(r)
	data, info, err := s.ZeroCopyReadPacketData()
	must(t, err)
	var out bytes.Buffer
	w, err := gopackets.NewWriter(&out)
	must(t, err)
	must(t, w.Write(&capture.Packet{Time: capture.TimeOf(info.Timestamp), Link: linktype.Ethernet, Data: data}))
	must(t, w.Flush())
	if out.Len() != 24+16+len(data) {
		t.Errorf("%d bytes of %d of a packet", out.Len(), len(data))
	}
}

// What a Decoder met is counted. Link type 127 is of wireless networks.
func TestDecodeStats(t *testing.T) {
	d := tcpip.NewDecoder(tcpip.NewPoints(), func(uint32) []capture.Interface { return nil })
	var s tcpip.Segment
	cut := segment(1, tcpip.FlagACK, "hello")[:40]
	for i, p := range []capture.Packet{
		{Link: linktype.Ethernet, Data: segment(1, tcpip.FlagACK, "hello"), Offset: 24},
		{Link: linktype.Ethernet, Data: cut}, {Link: 127, Data: cut},
		{Link: linktype.SLL, Data: append([]byte{0, 4, 0, 1, 0, 6, 2, 0, 0, 0, 0, 1, 0, 0, 8, 0}, segment(1, tcpip.FlagACK, "hello")[14:]...)},
	} {
		p.Ref.Packet = uint32(i + 1)
		if d.Decode(&p, &s) && (s.Tuple().Dst.Port() != 80 || !s.HasTS || s.TSVal != 100 || s.Offset != p.Offset) {
			t.Errorf("packet %d is %+v", i+1, s)
		}
	}
	stats := d.Stats()
	var notes []tcpip.Note = stats.Notes
	var links []tcpip.LinkCount = stats.UnsupportedPackets
	if len(notes) != 1 || len(links) != 1 || stats.Packets != 4 || stats.FragmentsPending+stats.FragmentsEvicted+stats.Duplicates != 0 {
		t.Errorf("%+v", stats)
	}
}

// What is no IP is told from what is.
func TestNetworkLayer(t *testing.T) {
	llc := append(make([]byte, 12), 0, 38, 0x42, 0x42, 3) // spanning tree: a length in place of a type
	if _, typ := linktype.Ethernet.Network(llc); typ != linktype.Other {
		t.Errorf("spanning tree is of type %x", typ)
	}
	if l3, typ := linktype.Ethernet.Network(segment(1, tcpip.FlagACK, "x")); l3 != 14 || typ != linktype.EtherIPv4 {
		t.Errorf("IPv4 is of type %x at %d", typ, l3)
	}
}

// An error about a network says what to write instead.
func TestNetworks(t *testing.T) {
	n, err := filter.ParseNetwork("192.168.0.0/12")
	must(t, err)
	if n.Addr.String() != "192.168.0.0" || n.Prefix.String() != "192.160.0.0/12" {
		t.Errorf("%v is %v", n.Addr, n.Prefix)
	}
	_, err = filter.ParseNetwork("10.0.0.0/33")
	var e *filter.Error
	if !errors.As(err, &e) || e.Text != "10.0.0.0/33" || e.Reason == "" || e.Remedy != e.Hint() || e.Offset != 0 || e.Error() != fmt.Sprint(err) {
		t.Errorf("%v: %+v", err, e)
	}
}
