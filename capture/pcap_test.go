package capture_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/pcapmesh/pcapmesh/capture"
	"github.com/pcapmesh/pcapmesh/capture/linktype"
)

func TestPcap(t *testing.T) {
	for _, c := range []struct {
		name         string
		magic        uint32
		extra        string // between record header and data
		first, later int64  // nanoseconds
	}{
		{"microseconds", 0xa1b2c3d4, "", 1_000_000_007_000, 4_294_967_295_999_999_000},
		{"nanoseconds", 0xa1b23c4d, "", 1_000_000_000_007, 4_294_967_295_000_999_999},
		{"modified", 0xa1b2cd34, "ifaceABC", 1_000_000_007_000, 4_294_967_295_999_999_000},
	} {
		for _, o := range fileOrders {
			t.Run(fmt.Sprint(c.name, "/", o), func(t *testing.T) {
				file := pcapFile(o, c.magic, 276)
				file = fields(o, file, uint32(1000), uint32(7), uint32(3), uint32(1500), c.extra, "abc")
				second := int64(len(file))
				file = fields(o, file, ^uint32(0), uint32(999999), uint32(4), uint32(0), c.extra, "wxyz")
				got, r := mustRead(t, file)
				samePackets(t, got, []capture.Packet{
					{Ref: capture.Ref{Packet: 1}, Time: capture.Time(c.first), Offset: 24, Link: linktype.SLL2, WireLen: 1500, Data: []byte("abc")},
					{Ref: capture.Ref{Packet: 2}, Time: capture.Time(c.later), Offset: second, Link: linktype.SLL2, WireLen: 4, Data: []byte("wxyz")},
				})
				if got, want := r.Interfaces()[0], (capture.Interface{Link: 276, SnapLen: 262144}); got.Link != want.Link || got.SnapLen != want.SnapLen {
					t.Errorf("interface = %+v, want %+v", got, want)
				}
				if got := r.Format(); got != "pcap" {
					t.Errorf("format = %q", got)
				}
			})
		}
	}
}

func TestPcapLinkTypeWithFCS(t *testing.T) {
	file := append(pcapFile(binary.LittleEndian, 0xa1b2c3d4, 0x2400_0001), pcapRecord(binary.LittleEndian, 1, 0, 1, "x")...)
	got, _ := mustRead(t, file)
	if got[0].Link != linktype.Ethernet {
		t.Errorf("link = %d, want 1", got[0].Link)
	}
}

func TestPcapFaults(t *testing.T) {
	le := binary.LittleEndian
	header := pcapFile(le, 0xa1b2c3d4, 1)
	good := pcapRecord(le, 1, 2, 3, "abc")
	at := int64(len(header) + len(good))
	for _, c := range []struct {
		name   string
		tail   []byte
		kind   error
		offset int64
		text   string
	}{
		{"huge", fields(le, uint32(1), uint32(1), ^uint32(0), uint32(60)), capture.ErrCorrupt, at, "captured length 4294967295 is too large"},
		{"limit", fields(le, uint32(1), uint32(1), uint32(16<<20+1), uint32(60)), capture.ErrTooLarge, at, "limit 16777216"},
		{"cut data", fields(le, uint32(1), uint32(1), uint32(60), uint32(60), "abcd"), capture.ErrTruncated, at, "have 20 of 76 bytes"},
		{"cut header", fields(le, uint32(1)), capture.ErrTruncated, at, "have 4 of 16 bytes"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, _, err := readBytes(t, bytes.Join([][]byte{header, good, c.tail}, nil), nil)
			if len(got) != 1 || string(got[0].Data) != "abc" {
				t.Fatalf("packets = %v, want the good one", got)
			}
			faultAt(t, err, c.kind, 2, c.offset)
			if !strings.Contains(err.Error(), c.text) || strings.Contains(err.Error(), "\n") {
				t.Errorf("error = %q, want %q in it", err, c.text)
			}
		})
	}
}

func TestPcapVersion(t *testing.T) {
	file := pcapFile(binary.LittleEndian, 0xa1b2c3d4, 1)
	file[6] = 2
	_, _, err := readBytes(t, file, nil)
	faultAt(t, err, capture.ErrUnsupported, 0, 0)
}

// TestPcapLargePackets reads what tcpdump records of TSO and BIG TCP, and what
// exceeds the buffer.
func TestPcapLargePackets(t *testing.T) {
	le := binary.LittleEndian
	file := pcapFile(le, 0xa1b2c3d4, 1)
	sizes := []int{0, 65536, 262144, 1, 600_000, 16 << 20, 2}
	for i, n := range sizes {
		file = append(file, pcapRecord(le, uint32(i), 0, uint32(n), strings.Repeat(string(rune('a'+i)), n))...)
	}
	got, _ := mustRead(t, file)
	if len(got) != len(sizes) {
		t.Fatalf("%d packets, want %d", len(got), len(sizes))
	}
	for i, p := range got {
		if len(p.Data) != sizes[i] || bytes.Count(p.Data, []byte{byte('a' + i)}) != sizes[i] {
			t.Errorf("packet %d has %d bytes or wrong ones, want %d", i+1, len(p.Data), sizes[i])
		}
	}
}

// TestBufferSizes checks that results do not depend on where the buffer or a
// read ends.
func TestBufferSizes(t *testing.T) {
	for name, file := range sampleCaptures() {
		want, _ := mustRead(t, file)
		for _, size := range []int{1, 64, 65, 67, 100, 128, 257} {
			got, _, err := readBytes(t, file, &capture.Options{Buffer: size})
			if err != nil {
				t.Fatalf("%s, buffer of %d: %v", name, size, err)
			}
			samePackets(t, got, want)
		}
		r, err := capture.NewReader(iotest.OneByteReader(bytes.NewReader(file)), nil)
		if err != nil {
			t.Fatal(name, err)
		}
		got, err := drain(t, r)
		if err != nil {
			t.Fatal(name, err)
		}
		samePackets(t, got, want)
	}
}

// sampleCaptures are small files of every format with several packets each.
func sampleCaptures() map[string][]byte {
	files := map[string][]byte{}
	for i, o := range fileOrders {
		name := [...]string{"little", "big"}[i]
		file := pcapFile(o, 0xa1b2c3d4, 1)
		for n := range uint32(5) {
			file = append(file, pcapRecord(o, n, n, 200, strings.Repeat("p", int(n*31)))...)
		}
		files["pcap "+name] = file
		files["pcapng "+name] = samplePcapng(o)
	}
	files["pcapng mixed"] = append(samplePcapng(binary.BigEndian), samplePcapng(binary.LittleEndian)...)
	return files
}

// samplePcapng is a section with every kind of block.
func samplePcapng(o fileOrder) []byte {
	end := ngOption(o, 0)
	return bytes.Join([][]byte{
		ngSection(o, ngOption(o, 1, "section"), ngOption(o, 4, "writer"), end),
		ngInterface(o, 1, 0, ngOption(o, 2, "eth0"), end),
		ngInterface(o, 276, 96, ngOption(o, 2, "any"), ngOption(o, 9, uint8(9)), end),
		ngBlock(o, 10, uint32(0x544c534b), uint32(5), padTo4([]byte("CLIEN"))),
		ngPacket(o, 1, 1_000_000_000, 100, "first", ngOption(o, 2, uint32(2)), ngOption(o, 1, "note"), end),
		ngBlock(o, 4, uint16(1), uint16(10), "\x0a\x00\x00\x01host\x00\x00\x00", uint16(0), uint16(0)),
		ngPacket(o, 0, 2_000_000, 6, "second"),
		ngBlock(o, 3, uint32(5), "third"),
		ngBlock(o, 0x0bad, uint32(32473), "custom"),
		ngBlock(o, 2, uint16(1), uint16(3), uint32(0), uint32(2_000_000_001), uint32(6), uint32(6), "fourth"),
		ngBlock(o, 5, uint32(0), uint32(0), uint32(0)),
	}, nil)
}

// TestTruncation cuts files everywhere: every packet that is whole comes out,
// and then an error that says so, unless the cut is between records.
func TestTruncation(t *testing.T) {
	for name, file := range sampleCaptures() {
		whole, _ := mustRead(t, file)
		ends := recordEnds(t, file)
		for n := range file {
			got, r, err := readBytes(t, file[:n], &capture.Options{Buffer: 4096})
			count := 0
			for i, e := range ends {
				if e.packet && ends[i].offset <= n {
					count++
				}
			}
			samePackets(t, got, whole[:count])
			between := false
			for _, e := range ends {
				between = between || e.offset == n
			}
			switch {
			case n == 0:
				faultAt(t, err, capture.ErrNotCapture, 0, 0)
			case between && err != nil, !between && err == nil:
				t.Fatalf("%s cut at %d: error = %v, between records: %v", name, n, err, between)
			case err != nil && !(errors.Is(err, capture.ErrTruncated) && errors.Is(err, io.ErrUnexpectedEOF)):
				t.Fatalf("%s cut at %d: error = %v, want a truncation", name, n, err)
			}
			if err != nil && r != nil {
				checkFaultPlace(t, err, ends, n, count)
			}
		}
	}
}

// A recordEnd is where a record or block ends.
type recordEnd struct {
	offset int
	packet bool
}

// recordEnds walks over a file by its lengths alone.
func recordEnds(t *testing.T, file []byte) []recordEnd {
	t.Helper()
	var ends []recordEnd
	var o fileOrder = binary.LittleEndian
	if bytes.Equal(file[:4], []byte{0xa1, 0xb2, 0xc3, 0xd4}) {
		o = binary.BigEndian
	}
	ng := file[0] == 0x0a
	at := 0
	if !ng {
		at = 24
		ends = append(ends, recordEnd{at, false})
	}
	for at < len(file) {
		if !ng {
			at += 16 + int(o.Uint32(file[at+8:]))
			ends = append(ends, recordEnd{at, true})
			continue
		}
		kind := o.Uint32(file[at:])
		if kind == 0x0a0d0d0a {
			o = binary.LittleEndian
			if file[at+8] == 0x1a {
				o = binary.BigEndian
			}
		}
		at += int(o.Uint32(file[at+4:]))
		ends = append(ends, recordEnd{at, kind == 2 || kind == 3 || kind == 6})
	}
	return ends
}

// checkFaultPlace wants the error to name the start of the record that was cut,
// and the packet if it was one.
func checkFaultPlace(t *testing.T, err error, ends []recordEnd, cut, packets int) {
	t.Helper()
	var e *capture.Error
	errors.As(err, &e)
	start := 0
	for _, end := range ends {
		if end.offset <= cut {
			start = end.offset
			continue
		}
		if e.Offset != int64(start) {
			t.Fatalf("cut at %d: %v, want offset %d", cut, err, start)
		}
		if end.packet && e.Packet != packets+1 {
			t.Fatalf("cut at %d: %v, want packet %d", cut, err, packets+1)
		}
		return
	}
}
