package capture

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"unicode/utf8"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4/v4"
)

const (
	// sniffLen is how much of a file its kind is told from.
	sniffLen = 64

	// compressedBuffer keeps the decompressors from reading in small pieces.
	compressedBuffer = 256 << 10

	// maxZstdWindow is what RFC 8878 §3.1.1.1.2 asks decoders to support, and
	// what zstd writes up to level 19 without --long. The decoder reserves the
	// window at once, whatever the file holds.
	maxZstdWindow = 8 << 20
)

// A meteredSource counts what is read from src and remembers how it ended, so
// that a failing disk is not mistaken for damaged compression.
type meteredSource struct {
	src    io.Reader
	head   []byte // read for sniffing and not yet handed out
	n      int64
	err    error
	report func(int64)
}

// sniff reads the beginning of m ahead.
func sniff(m *meteredSource) (*meteredSource, error) {
	w := window{src: m, buf: make([]byte, sniffLen)}
	if !w.fill(4) && w.err != io.EOF {
		return nil, w.err
	}
	if w.end == 0 {
		return nil, notCapture(nil)
	}
	m.head = w.buf[:w.end]
	return m, nil
}

// Read implements io.Reader.
func (m *meteredSource) Read(p []byte) (int, error) {
	if len(m.head) > 0 {
		n := copy(p, m.head)
		m.head = m.head[n:]
		return n, nil
	}
	if m.err != nil {
		return 0, m.err
	}
	n, err := m.src.Read(p)
	m.n += int64(n)
	m.err = err
	if m.report != nil && n > 0 {
		m.report(m.n)
	}
	return n, err
}

// compressionOf returns how a file that begins with head is compressed, nil if
// it is not.
func compressionOf(head []byte) *compression {
	if len(head) < 4 {
		return nil
	}
	switch magic := binary.LittleEndian.Uint32(head); {
	case magic&0xffff == 0x8b1f: // RFC 1952 §2.3.1
		return &compression{"gzip", openGzip}
	case magic == 0xfd2fb528, magic&^0xf == 0x184d2a50: // RFC 8878 §3.1.1, §3.1.2 (pzstd begins with a skippable frame)
		return &compression{"zstd", openZstd}
	case magic == 0x184d2204, magic == 0x184c2102: // LZ4 frame format, and its legacy form
		return &compression{"lz4", openLZ4}
	}
	return nil
}

// A compression is one way to pack a file.
type compression struct {
	name   string
	unpack func(io.Reader) (io.ReadCloser, error)
}

// open returns the decompressed bytes of m. One goroutine is enough: the
// decompressors that use several are slower on the two cores of a small pod.
func (c *compression) open(m *meteredSource) (io.ReadCloser, error) {
	u := &unpacker{name: c.name, raw: m}
	d, err := c.unpack(bufio.NewReaderSize(m, compressedBuffer))
	if err != nil {
		return nil, u.explain(err)
	}
	u.ReadCloser = d
	return u, nil
}

func openGzip(r io.Reader) (io.ReadCloser, error) { return gzip.NewReader(r) }

func openZstd(r io.Reader) (io.ReadCloser, error) {
	d, err := zstd.NewReader(r, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true),
		zstd.WithDecoderMaxWindow(maxZstdWindow))
	if err != nil {
		return nil, err
	}
	return d.IOReadCloser(), nil
}

func openLZ4(r io.Reader) (io.ReadCloser, error) { return io.NopCloser(lz4.NewReader(r)), nil }

// An unpacker gives the errors of a decompressor the meaning they have for a
// capture.
type unpacker struct {
	io.ReadCloser
	name string
	raw  *meteredSource
}

// Read implements io.Reader.
func (u *unpacker) Read(p []byte) (int, error) {
	n, err := u.ReadCloser.Read(p)
	if err != nil && err != io.EOF {
		err = u.explain(err)
	}
	return n, err
}

// explain tells damage in the compressed data from a source that failed and
// from one that ended early.
func (u *unpacker) explain(err error) error {
	switch {
	case u.raw.err != nil && u.raw.err != io.EOF:
		return u.raw.err
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return fmt.Errorf("%w %s data: %w", ErrTruncated, u.name, io.ErrUnexpectedEOF)
	case errors.Is(err, zstd.ErrWindowSizeExceeded), errors.Is(err, zstd.ErrDecoderSizeExceeded):
		return fmt.Errorf("%s window is %w (limit %d bytes): decompress it first with zstd -d --long=31", u.name, ErrTooLarge, maxZstdWindow)
	}
	return fmt.Errorf("%w %s data: %w", ErrCorrupt, u.name, err)
}

// startsLikeCapture reports whether head, of less than four bytes, is how a
// capture file begins.
func startsLikeCapture(head []byte) bool {
	for _, magic := range []uint32{magicMicros, magicNanos, magicModified, uint32(blockSection)} {
		var b [8]byte
		binary.LittleEndian.PutUint32(b[:], magic)
		binary.BigEndian.PutUint32(b[4:], magic)
		if bytes.HasPrefix(b[:4], head) || bytes.HasPrefix(b[4:], head) {
			return true
		}
	}
	return false
}

// notCapture says what a file that begins with head is instead.
func notCapture(head []byte) error {
	return fmt.Errorf("%w: %s", ErrNotCapture, kindOfFile(head))
}

// kindOfFile names what begins with head, in words that follow "no capture
// file: ".
func kindOfFile(head []byte) string {
	if len(head) == 0 {
		return "empty"
	}
	if c := compressionOf(head); c != nil {
		return c.name + " data inside compressed data"
	}
	for _, k := range []struct{ magic, name string }{
		{"snoop\x00\x00\x00", "a snoop file"},
		{"GMBU", "a Network Monitor file"},
		{"RTSS", "a Network Monitor file"},
		{"\xfd7zXZ", "an xz file"},
		{"BZh", "a bzip2 file"},
		{"PK\x03\x04", "a zip file"},
		{"\x7fELF", "a program"},
	} {
		if bytes.HasPrefix(head, []byte(k.magic)) {
			return k.name
		}
	}
	if line, ok := firstLine(head); ok {
		return fmt.Sprintf("text that begins with %q", line)
	}
	return fmt.Sprintf("data that begins with % x", head[:min(len(head), 8)])
}

// firstLine returns the first line of text, or what stands of it in head, and
// whether it is text at all.
func firstLine(head []byte) (string, bool) {
	line, _, _ := bytes.Cut(head, []byte("\n"))
	for i := 0; i < len(line); {
		c, size := utf8.DecodeRune(line[i:])
		if c == utf8.RuneError && len(line)-i >= utf8.UTFMax || c < ' ' && c != '\t' && c != '\r' {
			return "", false
		}
		i += size
	}
	return string(bytes.ToValidUTF8(line, nil)), true
}
