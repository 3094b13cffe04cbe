package gopackets

import (
	"bufio"
	"fmt"
	"io"
	"time"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"
	"github.com/google/gopacket/pcapgo"

	"github.com/pcapmesh/pcapmesh/capture"
)

const (
	bufferSize = 1 << 20 // of one write

	// snapLen is tcpdump's.
	snapLen = 262144
)

// A Writer writes a classic pcap file of LINKTYPE_ETHERNET with times in
// nanoseconds, for programs that do not read pcapng. It is not safe for
// concurrent use.
type Writer struct {
	out   *bufio.Writer
	w     *pcapgo.Writer
	frame []byte // reused
}

// NewWriter writes a file header to dst and returns a Writer. What it
// writes reaches dst at the latest with Flush.
func NewWriter(dst io.Writer) (*Writer, error) {
	out := bufio.NewWriterSize(dst, bufferSize)
	w := &Writer{out: out, w: pcapgo.NewWriterNanos(out)}
	if err := w.w.WriteFileHeader(snapLen, layers.LinkTypeEthernet); err != nil {
		return nil, fmt.Errorf("write file header: %w", err)
	}
	return w, nil
}

// Write writes a packet. A classic file has one link type, so other link
// headers are replaced as linktype.Type.EthernetHeader does; packets longer than 262144 bytes
// are cut, since other programs refuse them. A packet whose link header cannot
// be replaced is an error that matches capture.ErrUnsupported, and the Writer
// remains usable. The bytes of p are not kept.
func (w *Writer) Write(p *capture.Packet) error {
	hdr, next := p.Link.EthernetHeader(p.Data)
	if next < 0 {
		return fmt.Errorf("write packet of link type %d and %d bytes: %w", p.Link, len(p.Data), capture.ErrUnsupported)
	}
	w.frame = append(append(w.frame[:0], hdr[:]...), p.Data[next:]...)
	wire := max(int(p.WireLen), len(p.Data)) + len(hdr) - next
	w.frame = w.frame[:min(len(w.frame), snapLen)]
	ci := gopacket.CaptureInfo{Timestamp: time.Unix(0, int64(max(p.Time, 0))), CaptureLength: len(w.frame), Length: wire}
	if err := w.w.WritePacket(ci, w.frame); err != nil {
		return fmt.Errorf("write packet: %w", err)
	}
	return nil
}

// Flush writes what is buffered.
func (w *Writer) Flush() error { return w.out.Flush() }
