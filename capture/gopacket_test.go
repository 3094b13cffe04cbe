package capture_test

import (
	"bytes"
	"errors"
	"io"
	"testing"
	"time"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"

	"github.com/pcapmesh/pcapmesh/capture"
)

// linkSamples is the same segment behind every link header.
func linkSamples() []capture.Packet {
	samples := []capture.Packet{
		{Link: capture.LinkEthernet, Data: ethFrame}, {Link: capture.LinkSLL2, Data: sll2(2, 1)},
		{Link: capture.LinkSLL, Data: join(sllHeader(4, 1, 0x0800), ip4())}, {Link: capture.LinkNull, Data: join([]byte{2, 0, 0, 0}, ip4())},
		{Link: capture.LinkLoop, Data: join([]byte{0, 0, 0, 2}, ip4())}, {Link: capture.LinkRaw, Data: ip4()}, {Link: capture.LinkRawBSD, Data: ip4()},
		{Link: capture.LinkRawOBSD, Data: ip4()}, {Link: capture.LinkIPv4, Data: ip4()}, {Link: capture.LinkIPv6, Data: ip6()},
	}
	for i := range samples {
		samples[i].Ref = capture.Ref{Input: 5, Packet: uint32(i + 1)}
		samples[i].Nanos, samples[i].WireLen = 1_700_000_000_123_456_789+int64(i), uint32(len(samples[i].Data))
	}
	return samples
}

// pcapngOf writes packets into a pcapng file, an interface for each.
func pcapngOf(t testing.TB, packets []capture.Packet) []byte {
	var file bytes.Buffer
	w := capture.NewWriter(&file, nil)
	for _, p := range packets {
		n, err := w.AddInterface(capture.Interface{Link: p.Link})
		check(t, err)
		check(t, w.WritePacket(n, p.Nanos, p.WireLen, 0, nil, p.Data))
	}
	check(t, w.Flush())
	return file.Bytes()
}

func openBytes(t testing.TB, file []byte) *capture.Reader {
	r, err := capture.NewReader(bytes.NewReader(file), &capture.Options{Input: 5})
	check(t, err)
	t.Cleanup(func() { r.Close() })
	return r
}

func TestPacketSourceDecodesEveryLink(t *testing.T) {
	samples := linkSamples()
	src := capture.NewPacketSource(openBytes(t, pcapngOf(t, samples)))
	n := 0
	for got := range gopacket.NewPacketSource(src, src).Packets() {
		want := samples[n]
		n++
		tcp, ok := got.TransportLayer().(*layers.TCP)
		if !ok || tcp.Seq != 1000 || tcp.DstPort != 8080 || string(tcp.Payload) != "hello" {
			t.Errorf("link type %d:\n%v", want.Link, got)
		}
		ci := got.Metadata().CaptureInfo
		if !ci.Timestamp.Equal(time.Unix(0, want.Nanos)) || ci.CaptureLength != len(want.Data) || ci.Length != len(want.Data) || ci.InterfaceIndex != n-1 || ci.AncillaryData[0] != want.Ref {
			t.Errorf("link type %d: %+v", want.Link, ci)
		}
	}
	if n != len(samples) {
		t.Errorf("%d packets of %d", n, len(samples))
	}
}

// gopacket.PacketSource would retry after our errors for ever.
func TestPacketSourceEndsAfterAnError(t *testing.T) {
	file := pcapngOf(t, linkSamples())
	src := capture.NewPacketSource(openBytes(t, file[:len(file)-3]))
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
	src := capture.NewPacketSource(openBytes(t, pcapngOf(t, linkSamples())))
	data, ci, err := src.ReadPacketData()
	check(t, err)
	for err == nil {
		_, _, err = src.ZeroCopyReadPacketData()
	}
	if !bytes.Equal(data, ethFrame) || ci.AncillaryData[0] != (capture.Ref{Input: 5, Packet: 1}) {
		t.Errorf("%x %v changed", data, ci)
	}
}

func TestLinkDecoder(t *testing.T) {
	p := gopacket.NewPacket(edit(sll2(2, 1), func(b []byte) { b[10] = 4 }), capture.LinkDecoder(capture.LinkSLL2), gopacket.Lazy)
	sll, ok := p.LinkLayer().(*layers.LinuxSLL)
	if !ok || sll.PacketType != layers.LinuxSLLPacketTypeOutgoing || sll.AddrType != 1 || !bytes.Equal(sll.Addr, macA[:]) || sll.EthernetType != layers.EthernetTypeIPv4 {
		t.Errorf("%v", p)
	}
	for _, data := range [][]byte{nil, sll2(2, 1)[:19]} {
		p = gopacket.NewPacket(data, capture.LinkDecoder(capture.LinkSLL2), gopacket.Default)
		if p.ErrorLayer() == nil || !errors.Is(p.ErrorLayer().Error(), capture.ErrTruncated) {
			t.Errorf("%d bytes: %v", len(data), p)
		}
	}
	long := edit(sll2(2, 1), func(b []byte) { b[11] = 200 })
	if p = gopacket.NewPacket(long, capture.LinkDecoder(capture.LinkSLL2), gopacket.Default); p.TransportLayer() == nil {
		t.Errorf("address length 200: %v", p)
	}
	if p = gopacket.NewPacket(ip4(), capture.LinkDecoder(300), gopacket.Default); p.ErrorLayer() == nil {
		t.Errorf("link type 300: %v", p)
	}
}

func TestPcapWriterConvertsEveryLink(t *testing.T) {
	var file bytes.Buffer
	w, err := capture.NewPcapWriter(&file)
	check(t, err)
	samples := linkSamples()
	for i := range samples {
		samples[i].WireLen += 100
		check(t, w.Write(&samples[i]))
	}
	if err := w.Write(packetOf(105, ip4())); !errors.Is(err, capture.ErrUnsupported) {
		t.Errorf("wifi: %v", err)
	}
	check(t, w.Flush())
	r := openBytes(t, file.Bytes())
	d, _ := decoderOf()
	for _, want := range samples {
		p, err := r.Next()
		check(t, err)
		var s capture.Segment
		if p.Link != capture.LinkEthernet || !d.Decode(p, &s) || p.Nanos != want.Nanos || int(p.WireLen) != len(p.Data)+100 {
			t.Fatalf("link type %d: %+v", want.Link, p)
		}
		checkHello(t, &s, want.Link == capture.LinkIPv6)
	}
	if _, err := r.Next(); err != io.EOF {
		t.Errorf("at the end: %v", err)
	}
}

func TestPcapWriterCutsLongPackets(t *testing.T) {
	var file bytes.Buffer
	w, err := capture.NewPcapWriter(&file)
	check(t, err)
	check(t, w.Write(packetOf(capture.LinkRaw, append(edit(ip4(), setLen(2, 0)), pattern(300000)...))))
	check(t, w.Flush())
	p, err := openBytes(t, file.Bytes()).Next()
	check(t, err)
	if len(p.Data) != 262144 || int(p.WireLen) != 14+len(ip4())+300000 {
		t.Errorf("%d of %d bytes", len(p.Data), p.WireLen)
	}
}

// A brokenPipe fails all writes.
type brokenPipe struct{}

func (brokenPipe) Write([]byte) (int, error) { return 0, io.ErrClosedPipe }

func TestPcapWriterReportsErrors(t *testing.T) {
	w, err := capture.NewPcapWriter(brokenPipe{})
	check(t, err)
	if err := w.Flush(); !errors.Is(err, io.ErrClosedPipe) {
		t.Errorf("Flush: %v", err)
	}
	if err := w.Write(packetOf(capture.LinkEthernet, ethFrame)); err == nil {
		t.Error("Write after a failed Flush succeeds")
	}
}
