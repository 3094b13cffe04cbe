package gopackets_test

import (
	"bytes"
	"errors"
	"io"
	"net"
	"testing"
	"time"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"

	"github.com/pcapmesh/pcapmesh/capture"
	"github.com/pcapmesh/pcapmesh/capture/gopackets"
	"github.com/pcapmesh/pcapmesh/capture/linktype"
)

// sampleIP returns a segment over IPv4 or IPv6, its payload "hello" and padding
// of the given length.
func sampleIP(t testing.TB, v6 bool, padding int) []byte {
	t.Helper()
	tcp := &layers.TCP{SrcPort: 47254, DstPort: 8080, Seq: 1000, ACK: true, PSH: true}
	var ip gopacket.SerializableLayer
	if v6 {
		l := &layers.IPv6{Version: 6, NextHeader: layers.IPProtocolTCP, HopLimit: 64, SrcIP: net.ParseIP("2001:db8::10"), DstIP: net.ParseIP("fd00::20")}
		must(t, tcp.SetNetworkLayerForChecksum(l))
		ip = l
	} else {
		l := &layers.IPv4{Version: 4, Protocol: layers.IPProtocolTCP, TTL: 64, SrcIP: net.IPv4(192, 0, 2, 10), DstIP: net.IPv4(10, 244, 2, 20)}
		must(t, tcp.SetNetworkLayerForChecksum(l))
		ip = l
	}
	buf := gopacket.NewSerializeBuffer()
	options := gopacket.SerializeOptions{FixLengths: true, ComputeChecksums: true}
	must(t, gopacket.SerializeLayers(buf, options, ip, tcp, gopacket.Payload("hello")))
	return append(buf.Bytes(), make([]byte, padding)...)
}

// Link headers of LINKTYPE_ETHERNET, LINUX_SLL and LINUX_SLL2 before IPv4.
const (
	ethernetHead = "\x02\x00\x00\x00\x00\x0b\x02\x00\x00\x00\x00\x0a\x08\x00"
	sllHead      = "\x00\x04\x00\x01\x00\x06\x02\x00\x00\x00\x00\x0a\x00\x00\x08\x00"
	sll2Head     = "\x08\x00\x00\x00\x00\x00\x00\x02\x00\x01\x04\x06\x02\x00\x00\x00\x00\x0a\x00\x00"
)

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// linkSamples is the same segment behind every link header.
func linkSamples(t testing.TB) []capture.Packet {
	samples := []capture.Packet{
		{Link: linktype.Ethernet, Data: []byte(ethernetHead)}, {Link: linktype.SLL2, Data: []byte(sll2Head)},
		{Link: linktype.SLL, Data: []byte(sllHead)}, {Link: linktype.Null, Data: []byte{2, 0, 0, 0}},
		{Link: linktype.Loop, Data: []byte{0, 0, 0, 2}}, {Link: linktype.Raw}, {Link: linktype.RawBSD},
		{Link: linktype.RawOBSD}, {Link: linktype.IPv4}, {Link: linktype.IPv6},
	}
	for i := range samples {
		samples[i].Data = append(samples[i].Data, sampleIP(t, samples[i].Link == linktype.IPv6, 0)...)
		samples[i].Ref = capture.Ref{Input: 5, Packet: uint32(i + 1)}
		samples[i].Time, samples[i].WireLen = capture.Time(1_700_000_000_123_456_789+int64(i)), uint32(len(samples[i].Data))
	}
	return samples
}

// pcapngOf writes packets into a pcapng file, an interface for each.
func pcapngOf(t testing.TB, packets []capture.Packet) []byte {
	var file bytes.Buffer
	w := capture.NewWriter(&file, nil)
	for _, p := range packets {
		n, err := w.AddInterface(capture.Interface{Link: p.Link})
		must(t, err)
		must(t, w.WritePacket(n, p.Time, p.WireLen, 0, nil, p.Data))
	}
	must(t, w.Flush())
	return file.Bytes()
}

func openBytes(t testing.TB, file []byte) *capture.Reader {
	r, err := capture.NewReader(bytes.NewReader(file), &capture.Options{Input: 5})
	must(t, err)
	t.Cleanup(func() { r.Close() })
	return r
}

func TestPacketSourceDecodesEveryLink(t *testing.T) {
	samples := linkSamples(t)
	src := gopackets.NewSource(openBytes(t, pcapngOf(t, samples)))
	n := 0
	for got := range gopacket.NewPacketSource(src, src).Packets() {
		want := samples[n]
		n++
		tcp, ok := got.TransportLayer().(*layers.TCP)
		if !ok || tcp.Seq != 1000 || tcp.DstPort != 8080 || string(tcp.Payload) != "hello" {
			t.Errorf("link type %d:\n%v", want.Link, got)
		}
		ci := got.Metadata().CaptureInfo
		if !ci.Timestamp.Equal(time.Unix(0, int64(want.Time))) || ci.CaptureLength != len(want.Data) || ci.Length != len(want.Data) || ci.InterfaceIndex != n-1 || ci.AncillaryData[0] != want.Ref {
			t.Errorf("link type %d: %+v", want.Link, ci)
		}
	}
	if n != len(samples) {
		t.Errorf("%d packets of %d", n, len(samples))
	}
}

// gopacket.PacketSource would retry after our errors for ever.
func TestPacketSourceEndsAfterAnError(t *testing.T) {
	file := pcapngOf(t, linkSamples(t))
	src := gopackets.NewSource(openBytes(t, file[:len(file)-3]))
	n, last := 0, error(nil)
	for ; last == nil; n++ {
		_, _, last = src.ReadPacketData()
	}
	if n != 10 || !errors.Is(last, capture.ErrTruncated) {
		t.Errorf("%d calls, %v", n, last)
	}
	if _, _, err := src.ZeroCopyReadPacketData(); err != io.EOF {
		t.Errorf("then %v, want EOF", err)
	}
}

func TestPacketSourceOwnership(t *testing.T) {
	src := gopackets.NewSource(openBytes(t, pcapngOf(t, linkSamples(t))))
	data, ci, err := src.ReadPacketData()
	must(t, err)
	for err == nil {
		_, _, err = src.ZeroCopyReadPacketData()
	}
	if !bytes.Equal(data, linkSamples(t)[0].Data) || ci.AncillaryData[0] != (capture.Ref{Input: 5, Packet: 1}) {
		t.Errorf("%x %v changed", data, ci)
	}
}

func TestLinkDecoder(t *testing.T) {
	frame := append([]byte(sll2Head), sampleIP(t, false, 0)...)
	p := gopacket.NewPacket(frame, gopackets.LinkDecoder(linktype.SLL2), gopacket.Lazy)
	sll, ok := p.LinkLayer().(*layers.LinuxSLL)
	if !ok || sll.PacketType != layers.LinuxSLLPacketTypeOutgoing || sll.AddrType != 1 || !bytes.Equal(sll.Addr, frame[12:18]) || sll.EthernetType != layers.EthernetTypeIPv4 {
		t.Errorf("%v", p)
	}
	for _, data := range [][]byte{nil, frame[:19]} {
		p = gopacket.NewPacket(data, gopackets.LinkDecoder(linktype.SLL2), gopacket.Default)
		if p.ErrorLayer() == nil || !errors.Is(p.ErrorLayer().Error(), capture.ErrTruncated) {
			t.Errorf("%d bytes: %v", len(data), p)
		}
	}
	long := bytes.Clone(frame)
	long[11] = 200
	if p = gopacket.NewPacket(long, gopackets.LinkDecoder(linktype.SLL2), gopacket.Default); p.TransportLayer() == nil {
		t.Errorf("address length 200: %v", p)
	}
	if p = gopacket.NewPacket(frame[20:], gopackets.LinkDecoder(300), gopacket.Default); p.ErrorLayer() == nil {
		t.Errorf("link type 300: %v", p)
	}
}

func TestPcapWriterConvertsEveryLink(t *testing.T) {
	var file bytes.Buffer
	w, err := gopackets.NewWriter(&file)
	must(t, err)
	samples := linkSamples(t)
	for i := range samples {
		samples[i].WireLen += 100
		must(t, w.Write(&samples[i]))
	}
	if err := w.Write(&capture.Packet{Link: 105, Data: sampleIP(t, false, 0)}); !errors.Is(err, capture.ErrUnsupported) {
		t.Errorf("wifi: %v", err)
	}
	must(t, w.Flush())
	r := openBytes(t, file.Bytes())
	for _, want := range samples {
		p, err := r.Next()
		must(t, err)
		hdr, next := want.Link.EthernetHeader(want.Data)
		if p.Link != linktype.Ethernet || p.Time != want.Time || int(p.WireLen) != len(p.Data)+100 || !bytes.Equal(p.Data, append(hdr[:], want.Data[next:]...)) {
			t.Fatalf("link type %d: %+v", want.Link, p)
		}
	}
	if _, err := r.Next(); err != io.EOF {
		t.Errorf("at the end: %v", err)
	}
}

func TestPcapWriterCutsLongPackets(t *testing.T) {
	var file bytes.Buffer
	w, err := gopackets.NewWriter(&file)
	must(t, err)
	long := sampleIP(t, false, 300000)
	must(t, w.Write(&capture.Packet{Link: linktype.Raw, Data: long}))
	must(t, w.Flush())
	p, err := openBytes(t, file.Bytes()).Next()
	must(t, err)
	if len(p.Data) != 262144 || int(p.WireLen) != 14+len(long) {
		t.Errorf("%d of %d bytes", len(p.Data), p.WireLen)
	}
}

// A brokenPipe fails all writes.
type brokenPipe struct{}

func (brokenPipe) Write([]byte) (int, error) { return 0, io.ErrClosedPipe }

func TestPcapWriterReportsErrors(t *testing.T) {
	w, err := gopackets.NewWriter(brokenPipe{})
	must(t, err)
	if err := w.Flush(); !errors.Is(err, io.ErrClosedPipe) {
		t.Errorf("Flush: %v", err)
	}
	if err := w.Write(&linkSamples(t)[0]); err == nil {
		t.Error("Write after a failed Flush succeeds")
	}
}
