package capture

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/bits"

	"github.com/pcapmesh/pcapmesh/capture/linktype"
)

// The classic format (tcpdump.org/manpages/pcap-savefile.5.html):
//
//	file header   0 magic  4 major, minor  8 zone  12 sigfigs  16 snaplen  20 link type
//	record        0 seconds  4 fraction  8 captured length  12 length on the wire
const (
	pcapHeaderLen = 24
	pcapRecordLen = 16

	magicMicros   = 0xa1b2c3d4
	magicNanos    = 0xa1b23c4d
	magicModified = 0xa1b2cd34 // Alexey Kuznetzov's tcpdump: 8 more bytes per record

	pcapModifiedLen = pcapRecordLen + 8 // interface index, protocol, packet type
)

// A truncation says how much of a record the file still had.
type truncation struct{ have, need int }

func (t *truncation) Error() string {
	return fmt.Sprintf("truncated: have %d of %d bytes", t.have, t.need)
}

// Is makes a truncation match both ErrTruncated and io.ErrUnexpectedEOF.
func (t *truncation) Is(target error) bool {
	return target == ErrTruncated || target == io.ErrUnexpectedEOF
}

// corruptRecord wraps ErrCorrupt with what is wrong.
func corruptRecord(format string, args ...any) error {
	return fmt.Errorf("%w: "+format, append([]any{ErrCorrupt}, args...)...)
}

// oversized is the error for a captured length or block beyond a limit.
func oversized(what string, n, limit uint32) error {
	return corruptRecord("%s %d is %w (limit %d)", what, n, ErrTooLarge, limit)
}

var errPacketNumbers = errors.New("more than 4294967295 packets")

// pcapFormat is what the file header says about the records.
type pcapFormat struct {
	swapped   bool
	headerLen int   // of a record
	tick      int64 // nanoseconds per unit of the fraction
}

// recognise sets f from the first bytes of a file, if they are a pcap magic.
func (f *pcapFormat) recognise(head []byte) bool {
	if len(head) < 4 {
		return false
	}
	magic := binary.LittleEndian.Uint32(head)
	for _, f.swapped = range [2]bool{false, true} {
		switch magic {
		case magicMicros:
			f.headerLen, f.tick = pcapRecordLen, 1000
			return true
		case magicNanos:
			f.headerLen, f.tick = pcapRecordLen, 1
			return true
		case magicModified:
			f.headerLen, f.tick = pcapModifiedLen, 1000
			return true
		}
		magic = bits.ReverseBytes32(magic)
	}
	return false
}

// readPcapHeader reads the file header, whose magic has been recognised.
func (r *Reader) readPcapHeader() error {
	w := &r.win
	if !w.fill(pcapHeaderLen) {
		return w.shortage(pcapHeaderLen)
	}
	h := w.buf[w.pos : w.pos+pcapHeaderLen]
	order := binary.ByteOrder(binary.LittleEndian)
	if r.pcap.swapped {
		order = binary.BigEndian
	}
	if major, minor := order.Uint16(h[4:]), order.Uint16(h[6:]); major != 2 || minor != 4 {
		return fmt.Errorf("pcap version %d.%d: %w", major, minor, ErrUnsupported) // lengths are swapped before 2.3
	}
	r.packet.Link = linktype.Type(order.Uint32(h[20:])) // the FCS length is in the upper 16 bits
	r.interfaces = []Interface{{Name: r.rename, Link: r.packet.Link, SnapLen: order.Uint32(h[16:])}}
	w.pos += pcapHeaderLen
	return nil
}

// nextRecord returns the next packet of a classic pcap file.
func (r *Reader) nextRecord() (*Packet, error) {
	w := &r.win
	header := r.pcap.headerLen
	if w.end-w.pos < header && !w.fill(header) {
		return nil, r.ended(r.nextNumber(), header)
	}
	h := w.buf[w.pos:w.end]
	seconds, fraction := binary.LittleEndian.Uint32(h), binary.LittleEndian.Uint32(h[4:])
	captured, wire := binary.LittleEndian.Uint32(h[8:]), binary.LittleEndian.Uint32(h[12:])
	if r.pcap.swapped {
		seconds, fraction = bits.ReverseBytes32(seconds), bits.ReverseBytes32(fraction)
		captured, wire = bits.ReverseBytes32(captured), bits.ReverseBytes32(wire)
	}
	if captured > maxRecord {
		return nil, r.fail(r.nextNumber(), w.offset(), oversized("captured length", captured, maxRecord))
	}
	n := header + int(captured)
	if len(h) < n && !w.fill(n) {
		return nil, r.ended(r.nextNumber(), n)
	}
	h = w.buf[w.pos:w.end] // filling may have moved it
	if !r.countPacket() {
		return nil, r.fail(0, w.offset(), errPacketNumbers)
	}
	p := &r.packet
	p.Time = Time(int64(seconds)*1e9 + int64(fraction)*r.pcap.tick)
	p.Offset = w.offset()
	p.WireLen = max(wire, captured)
	p.Data = h[header:n:n]
	w.pos += n
	return p, nil
}
