package capture_test

import (
	"bytes"
	"encoding/binary"
	"io"
	"testing"

	"github.com/pcapmesh/pcapmesh/capture"
	"github.com/pcapmesh/pcapmesh/capture/linktype"
)

// benchPackets returns a classic pcap file of n packets of the given size.
func benchPackets(n, size int) []byte {
	file := make([]byte, 0, 24+n*(16+size))
	file = append(file, 0xd4, 0xc3, 0xb2, 0xa1, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 4, 0, 1, 0, 0, 0)
	for i := range n {
		file = binary.LittleEndian.AppendUint32(file, uint32(i))
		file = binary.LittleEndian.AppendUint32(file, uint32(i%1e6))
		file = binary.LittleEndian.AppendUint32(file, uint32(size))
		file = binary.LittleEndian.AppendUint32(file, uint32(size))
		file = append(file, make([]byte, size)...)
	}
	return file
}

// asPcapng rewrites a capture as pcapng.
func asPcapng(tb testing.TB, file []byte) []byte {
	tb.Helper()
	var out bytes.Buffer
	w := capture.NewWriter(&out, nil)
	if _, err := w.AddInterface(capture.Interface{Link: linktype.Ethernet}); err != nil {
		tb.Fatal(err)
	}
	r, err := capture.NewReader(bytes.NewReader(file), nil)
	if err != nil {
		tb.Fatal(err)
	}
	for p, err := range r.Packets() {
		if err == nil {
			err = w.WritePacket(0, p.Time, p.WireLen, 0, nil, p.Data)
		}
		if err != nil {
			tb.Fatal(err)
		}
	}
	if err := w.Flush(); err != nil {
		tb.Fatal(err)
	}
	return out.Bytes()
}

func BenchmarkReader(b *testing.B) {
	small := benchPackets(100_000, 66)
	mtu := benchPackets(10_000, 1514)
	for _, c := range []struct {
		name string
		file []byte
	}{
		{"pcap/small", small},
		{"pcap/mtu", mtu},
		{"pcapng/small", asPcapng(b, small)},
		{"pcapng/mtu", asPcapng(b, mtu)},
	} {
		b.Run(c.name, func(b *testing.B) {
			b.SetBytes(int64(len(c.file)))
			n := 0
			for b.Loop() {
				r, err := capture.NewReader(bytes.NewReader(c.file), nil)
				if err != nil {
					b.Fatal(err)
				}
				for {
					if _, err = r.Next(); err != nil {
						break
					}
					n++
				}
				if err != io.EOF {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "packets/s")
		})
	}
}

func BenchmarkWriter(b *testing.B) {
	header, payload := make([]byte, 14), make([]byte, 52)
	w := capture.NewWriter(io.Discard, &capture.WriterOptions{Background: true})
	if _, err := w.AddInterface(capture.Interface{Link: linktype.Ethernet}); err != nil {
		b.Fatal(err)
	}
	b.SetBytes(66)
	for b.Loop() {
		if err := w.WritePacket(0, 1, 66, 0, nil, header, payload); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "packets/s")
}

func BenchmarkMerger(b *testing.B) {
	file := benchPackets(100_000, 66)
	b.SetBytes(2 * int64(len(file)))
	n := 0
	for b.Loop() {
		var rs [2]*capture.Reader
		for i := range rs {
			var err error
			if rs[i], err = capture.NewReader(bytes.NewReader(file), nil); err != nil {
				b.Fatal(err)
			}
		}
		m := capture.NewMerger(rs[:]...)
		for {
			if _, err := m.Next(); err == io.EOF {
				break
			} else if err != nil {
				b.Fatal(err)
			}
			n++
		}
	}
	b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "packets/s")
}
