package capture_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"runtime"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"github.com/pcapmesh/pcapmesh/capture"
	"github.com/pierrec/lz4/v4"
)

// packed returns file compressed in every way that a Reader undoes.
func packed(tb testing.TB, file []byte) map[string][]byte {
	tb.Helper()
	pack := func(open func(io.Writer) io.WriteCloser, parts ...[]byte) []byte {
		var b bytes.Buffer
		for _, part := range parts { // each a member or frame of its own
			w := open(&b)
			if _, err := w.Write(part); err != nil {
				tb.Fatal(err)
			}
			if err := w.Close(); err != nil {
				tb.Fatal(err)
			}
		}
		return b.Bytes()
	}
	toGzip := func(w io.Writer) io.WriteCloser { return gzip.NewWriter(w) }
	toZstd := func(w io.Writer) io.WriteCloser {
		z, err := zstd.NewWriter(w)
		if err != nil {
			tb.Fatal(err)
		}
		return z
	}
	toLZ4 := func(w io.Writer) io.WriteCloser {
		z := lz4.NewWriter(w)
		if err := z.Apply(lz4.BlockSizeOption(lz4.Block64Kb)); err != nil {
			tb.Fatal(err)
		}
		return z
	}
	half := len(file) / 2
	return map[string][]byte{
		"gzip":           pack(toGzip, file),
		"gzip 2 members": pack(toGzip, file[:half], file[half:]),
		"zstd":           pack(toZstd, file),
		"zstd 2 frames":  pack(toZstd, file[:half], file[half:]),
		"zstd skippable": append([]byte{0x50, 0x2a, 0x4d, 0x18, 4, 0, 0, 0, 1, 2, 3, 4}, pack(toZstd, file)...),
		"lz4":            pack(toLZ4, file),
		"lz4 2 frames":   pack(toLZ4, file[:half], file[half:]),
	}
}

// noisyCapture does not compress to nothing, so that cuts hit it anywhere.
func noisyCapture(packets int) []byte {
	file := pcapFile(binary.LittleEndian, 0xa1b2c3d4, 1)
	x := uint32(1)
	for i := range packets {
		data := make([]byte, 1400)
		for j := range data {
			x ^= x << 13
			x ^= x >> 17
			x ^= x << 5
			data[j] = byte(x)
		}
		file = append(file, pcapRecord(binary.LittleEndian, uint32(i), 0, 1400, string(data))...)
	}
	return file
}

func TestCompressed(t *testing.T) {
	for name, file := range sampleCaptures() {
		want, _ := mustRead(t, file)
		for how, b := range packed(t, file) {
			got, r, err := readBytes(t, b, nil)
			if err != nil {
				t.Fatalf("%s, %s: %v", name, how, err)
			}
			samePackets(t, got, want)
			if !strings.HasPrefix(name, r.Format()+" ") {
				t.Errorf("format of %s = %q", name, r.Format())
			}
		}
	}
}

// TestCompressedTruncation cuts compressed files: packets come out as far as
// they can be unpacked, unchanged, and then an error.
func TestCompressedTruncation(t *testing.T) {
	file := noisyCapture(400)
	want, _ := mustRead(t, file)
	for how, b := range packed(t, file) {
		last := 0
		for n := 5; n < len(b); n += len(b) / 7 {
			got, _, err := readBytes(t, b[:n], nil)
			if !errors.Is(err, capture.ErrTruncated) || !errors.Is(err, io.ErrUnexpectedEOF) {
				t.Fatalf("%s cut at %d of %d: error = %v, want a truncation", how, n, len(b), err)
			}
			if strings.Contains(err.Error(), "\n") {
				t.Errorf("%s: error %q has two lines", how, err)
			}
			samePackets(t, got, want[:len(got)])
			if len(got) < last {
				t.Errorf("%s cut at %d: %d packets, fewer than with less of the file", how, n, len(got))
			}
			last = len(got)
		}
		if last < 250 {
			t.Errorf("%s: %d packets of a nearly whole file, want more", how, last)
		}
	}
}

// TestCompressedCorruption changes one byte in the middle.
func TestCompressedCorruption(t *testing.T) {
	file := noisyCapture(400)
	for how, b := range packed(t, file) {
		b = bytes.Clone(b)
		b[len(b)-6] ^= 0x55 // a checksum, or the end mark before it
		_, _, err := readBytes(t, b, nil)
		var e *capture.Error
		if !errors.As(err, &e) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: error = %v, want a one-line *Error", how, err)
		}
	}
}

// TestSourceFailure keeps a failing disk apart from damaged data.
func TestSourceFailure(t *testing.T) {
	broken := errors.New("input/output error")
	file := noisyCapture(400)
	files := packed(t, file)
	files["plain"] = file
	for how, b := range files {
		src := io.MultiReader(bytes.NewReader(b[:len(b)/2]), iotest.ErrReader(broken))
		r, err := capture.NewReader(src, nil)
		if err != nil {
			t.Fatal(how, err)
		}
		got, err := drain(t, r)
		if !errors.Is(err, broken) || errors.Is(err, capture.ErrCorrupt) || errors.Is(err, capture.ErrTruncated) {
			t.Errorf("%s: error = %v, want %v", how, err, broken)
		}
		if len(got) == 0 {
			t.Errorf("%s: no packets before the failure", how)
		}
	}
	if _, err := capture.NewReader(iotest.ErrReader(broken), nil); !errors.Is(err, broken) {
		t.Errorf("error = %v, want %v", err, broken)
	}
}

// idleReader neither reads nor fails, against the advice of io.Reader.
type idleReader struct{}

func (idleReader) Read([]byte) (int, error) { return 0, nil }

func TestIdleSource(t *testing.T) {
	if _, err := capture.NewReader(idleReader{}, nil); !errors.Is(err, io.ErrNoProgress) {
		t.Errorf("error = %v, want %v", err, io.ErrNoProgress)
	}
	r, err := capture.NewReader(io.MultiReader(bytes.NewReader(noisyCapture(2)), idleReader{}), nil)
	if err != nil {
		t.Fatal(err)
	}
	got, err := drain(t, r)
	if len(got) != 2 {
		t.Errorf("%d packets, want 2", len(got))
	}
	faultAt(t, err, io.ErrNoProgress, 3, 24+2*1416)
}

func TestNotCapture(t *testing.T) {
	var emptyGzip bytes.Buffer
	gzip.NewWriter(&emptyGzip).Close()
	for _, c := range []struct{ name, file, text string }{
		{"empty", "", "no capture file: empty"},
		{"empty in gzip", emptyGzip.String(), "no capture file: empty"},
		{"text", "tcpdump: listening on eth0, link-type EN10MB\n", `no capture file: text that begins with "tcpdump: listening on eth0, link-type EN10MB"`},
		{"short text", "no", `text that begins with "no"`},
		{"cut UTF-8", "a" + strings.Repeat("ü", 40), `text that begins with "a` + strings.Repeat("ü", 31) + `"`},
		{"json", "{\"a\":\n1}", `text that begins with "{\"a\":"`},
		{"binary", "\x00\x01\x02\x03\x04\x05\x06\x07\x08\x09", "data that begins with 00 01 02 03 04 05 06 07"},
		{"snoop", "snoop\x00\x00\x00\x00\x00\x00\x02", "a snoop file"},
		{"zip", "PK\x03\x04abcdefgh", "a zip file"},
		{"xz", "\xfd7zXZ\x00abcd", "an xz file"},
		{"program", "\x7fELF\x02\x01\x01", "a program"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := capture.NewReader(strings.NewReader(c.file), nil)
			faultAt(t, err, capture.ErrNotCapture, 0, 0)
			if !strings.HasSuffix(err.Error(), c.text) || strings.Contains(err.Error(), "\n") {
				t.Errorf("error = %q, want %q at its end", err, c.text)
			}
		})
	}
}

func TestCompressedTwice(t *testing.T) {
	for how, b := range packed(t, noisyCapture(1)) {
		for _, twice := range packed(t, b) {
			_, err := capture.NewReader(bytes.NewReader(twice), nil)
			want, _, _ := strings.Cut(how, " ")
			if !errors.Is(err, capture.ErrNotCapture) || !strings.Contains(err.Error(), want+" data inside compressed data") {
				t.Errorf("%s twice: error = %v, want %v", how, err, capture.ErrNotCapture)
			}
		}
	}
}

// TestHostileLengths reads headers that promise gigabytes: what is allocated
// stays near what the file holds.
func TestHostileLengths(t *testing.T) {
	o := binary.LittleEndian
	begin := append(ngSection(o), ngInterface(o, 1, 0)...)
	const huge = 16 << 20
	pcap := pcapFile(o, 0xa1b2c3d4, 1)
	for name, file := range map[string][]byte{
		"pcap record":      fields(o, pcap, uint32(0), uint32(0), uint32(huge), uint32(huge), "abc"),
		"packet block":     fields(o, begin, uint32(6), uint32(huge), "abcd"),
		"secrets block":    fields(o, begin, uint32(10), uint32(huge), "abcd"),
		"names block":      fields(o, begin, uint32(4), uint32(huge), "abcd"),
		"interface block":  fields(o, begin, uint32(1), uint32(huge), "abcd"),
		"section":          fields(o, uint32(0x0a0d0d0a), uint32(huge), uint32(0x1a2b3c4d)),
		"unknown block":    fields(o, begin, uint32(99), uint32(0xfffffffc), "abcd"),
		"secrets in block": append(bytes.Clone(begin), ngBlock(o, 10, uint32(1), ^uint32(0))...),
	} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		r, err := capture.NewReader(bytes.NewReader(file), nil)
		for err == nil {
			_, err = r.Next()
		}
		runtime.ReadMemStats(&after)
		if !errors.Is(err, capture.ErrTruncated) && !errors.Is(err, capture.ErrCorrupt) {
			t.Errorf("%s: error = %v", name, err)
		}
		if n := after.TotalAlloc - before.TotalAlloc; n > 2<<20 {
			t.Errorf("%s: %d bytes allocated for a file of %d", name, n, len(file))
		}
	}
}

// TestGrowthFollowsFile lets a record of 8 MiB arrive to a third.
func TestGrowthFollowsFile(t *testing.T) {
	o := binary.LittleEndian
	const size, there = 8 << 20, 3 << 20
	file := fields(o, pcapFile(o, 0xa1b2c3d4, 1), uint32(0), uint32(0), uint32(size), uint32(size), make([]byte, there))
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	_, _, err := readBytes(t, file, nil)
	runtime.ReadMemStats(&after)
	faultAt(t, err, capture.ErrTruncated, 1, 24)
	if n := after.TotalAlloc - before.TotalAlloc; n > 3*there {
		t.Errorf("%d bytes allocated for a file of %d", n, len(file))
	}
}

// TestZstdWindow refuses what would need more memory than zstd -d takes.
func TestZstdWindow(t *testing.T) {
	frame := []byte{0x28, 0xb5, 0x2f, 0xfd, 0x00, 20 << 3, 1, 0, 0} // a window of 1 GiB
	_, err := capture.NewReader(bytes.NewReader(frame), nil)
	faultAt(t, err, capture.ErrTooLarge, 0, 0)
}
