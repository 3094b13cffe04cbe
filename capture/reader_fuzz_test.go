package capture_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"testing"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"
	"github.com/google/gopacket/pcapgo"

	"github.com/pcapmesh/pcapmesh/capture"
)

// FuzzReader reads any bytes. What comes out is either a packet or an error;
// written and read again it is the same; and the size of the buffer changes
// nothing.
func FuzzReader(f *testing.F) {
	for _, file := range sampleCaptures() {
		f.Add(file)
		f.Add(file[:len(file)-3])
		for _, b := range packed(f, file) {
			f.Add(b)
		}
	}
	f.Add(fields(binary.LittleEndian, pcapFile(binary.LittleEndian, 0xa1b2cd34, 113), make([]byte, 48)))
	f.Fuzz(func(t *testing.T, file []byte) {
		got, r, err := readBytes(t, file, &capture.Options{Buffer: 1 << 12})
		again, _, againErr := readBytes(t, file, &capture.Options{Buffer: 64})
		if fmt.Sprint(err) != fmt.Sprint(againErr) {
			t.Fatalf("error = %v, with a smaller buffer: %v", err, againErr)
		}
		samePackets(t, again, got)
		for i, p := range got {
			if p.Ref.Packet != uint32(i+1) || p.WireLen < uint32(len(p.Data)) || p.Interface >= len(r.Interfaces()) ||
				p.Link != r.Interfaces()[p.Interface].Link || i > 0 && p.Offset <= got[i-1].Offset {
				t.Fatalf("packet %d is %+v of %d interfaces", i+1, p, len(r.Interfaces()))
			}
		}
		if r != nil {
			writeAndCompare(t, r, got)
		}
	})
}

// writeAndCompare writes what r gave and reads it back.
func writeAndCompare(t *testing.T, r *capture.Reader, packets []capture.Packet) {
	t.Helper()
	var file bytes.Buffer
	w := capture.NewWriter(&file, &capture.WriterOptions{Application: r.Application(), Comments: r.Comments()})
	err := w.WriteNames(r.Names())
	for _, in := range r.Interfaces() {
		_, e := w.AddInterface(in)
		err = errors.Join(err, e)
	}
	for _, s := range r.Secrets() {
		err = errors.Join(err, w.WriteSecret(s))
	}
	for _, p := range packets {
		err = errors.Join(err, w.WritePacket(p.Interface, p.Time, p.WireLen, p.Flags, p.Comments, p.Data))
	}
	if err = errors.Join(err, w.Flush()); err != nil {
		t.Fatal(err)
	}
	got, back := mustRead(t, file.Bytes())
	for i := range got {
		got[i].Offset = packets[i].Offset
		packets[i].Time = max(packets[i].Time, 0)
	}
	samePackets(t, got, packets)
	interfaces := append([]capture.Interface(nil), r.Interfaces()...)
	for i := range interfaces {
		if interfaces[i].SnapLen == 0 {
			interfaces[i].SnapLen = 262144
		}
	}
	for _, c := range [][2]any{
		{back.Interfaces(), interfaces}, {back.Names(), r.Names()}, {back.Secrets(), r.Secrets()},
		{back.Comments(), r.Comments()}, {back.Application(), r.Application()},
	} {
		if got, want := fmt.Sprintf("%+q", c[0]), fmt.Sprintf("%+q", c[1]); got != want {
			t.Fatalf("read back %s, want %s", got, want)
		}
	}
}

// pcapgoPackets reads a capture with gopacket's readers.
func pcapgoPackets(tb testing.TB, file []byte) []capture.Packet {
	tb.Helper()
	var src interface {
		ReadPacketData() ([]byte, gopacket.CaptureInfo, error)
	}
	var err error
	if file[0] == 0x0a {
		src, err = pcapgo.NewNgReader(bytes.NewReader(file), pcapgo.NgReaderOptions{WantMixedLinkType: true})
	} else {
		src, err = pcapgo.NewReader(bytes.NewReader(file))
	}
	if err != nil {
		tb.Fatal(err)
	}
	var packets []capture.Packet
	for {
		data, info, err := src.ReadPacketData()
		if err == io.EOF {
			return packets
		}
		if err != nil {
			tb.Fatal(err)
		}
		packets = append(packets, capture.Packet{
			Ref: capture.Ref{Packet: uint32(len(packets) + 1)}, Time: capture.Time(info.Timestamp.UnixNano()),
			Interface: info.InterfaceIndex, WireLen: uint32(info.Length), Data: data,
		})
	}
}

// TestReaderAgainstPcapgo reads well-formed files with both.
func TestReaderAgainstPcapgo(t *testing.T) {
	files := sampleCaptures()
	for i, magic := range []uint32{0xa1b2c3d4, 0xa1b23c4d} {
		for j, o := range fileOrders {
			file := pcapFile(o, magic, 1)
			for n := range uint32(300) {
				file = append(file, pcapRecord(o, 4e9+n, n*3000, n+9, string(make([]byte, n)))...)
			}
			files[fmt.Sprint("pcap ", i, j)] = file
		}
	}
	files["written by pcapgo"] = pcapgoFile(t)
	delete(files, "pcapng mixed") // pcapgo forgets the interfaces of earlier sections
	for name, file := range files {
		want := pcapgoPackets(t, file)
		got, _ := mustRead(t, file)
		for i := range got {
			got[i].Offset, got[i].Link, got[i].Flags, got[i].Comments = 0, 0, 0, nil // not in pcapgo
			if i == 2 && len(want) == 4 && file[0] == 0x0a {
				want[i].Time = got[i].Time // it has no time for simple packet blocks
			}
		}
		if len(want) < 4 {
			t.Fatalf("%s: pcapgo reads %d packets", name, len(want))
		}
		samePackets(t, got, want)
	}
}

func pcapgoFile(tb testing.TB) []byte {
	tb.Helper()
	var b bytes.Buffer
	w, err := pcapgo.NewNgWriter(&b, layers.LinkTypeEthernet)
	if err != nil {
		tb.Fatal(err)
	}
	for n := range 20 {
		if n == 10 {
			if _, err = w.AddInterface(pcapgo.NgInterface{Name: "second", LinkType: layers.LinkTypeRaw, TimestampResolution: 9}); err != nil {
				tb.Fatal(err)
			}
		}
		info := gopacket.CaptureInfo{CaptureLength: n, Length: n + 1, InterfaceIndex: n / 10}
		info.Timestamp = info.Timestamp.AddDate(2000, 0, n)
		if err := w.WritePacket(info, make([]byte, n)); err != nil {
			tb.Fatal(err)
		}
	}
	if err := w.Flush(); err != nil {
		tb.Fatal(err)
	}
	return b.Bytes()
}

// TestWriterAgainstPcapgo has pcapgo read what Writer writes.
func TestWriterAgainstPcapgo(t *testing.T) {
	var file bytes.Buffer
	want := plainCapture(t, &file)
	for i := range want {
		want[i].Ref.Packet = uint32(i + 1)
		want[i].Flags, want[i].Comments = 0, nil
	}
	samePackets(t, pcapgoPackets(t, file.Bytes()), want)
}
