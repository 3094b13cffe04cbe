package capture

import (
	"context"
	"io"
	"iter"
	"math"
	"os"
)

const (
	// defaultBuffer is the size of one read: it fits into the L2 cache, and
	// larger ones were slower (MTU-sized packets, 1 GB, x86-64, 2026-11).
	defaultBuffer = 512 << 10

	// maxRecord bounds the captured length of one packet. libpcap's largest
	// snaplen is 262144; its USB and D-Bus ones reach 128 MiB, which no TCP needs.
	maxRecord = 16 << 20
)

// Options change how a capture is read. The zero value, and nil, are the
// defaults.
type Options struct {
	Input         uint32        // goes into Ref.Input of every packet
	InterfaceName string        // replaces the name of every interface unless ""
	Buffer        int           // initial size of the read buffer in bytes, less for very many inputs; 0 = 512 KiB
	Progress      func(n int64) // told the file bytes consumed so far after each read; may be nil

	// Reread says that an Input will be read more than once. A pipe or a
	// compressed file is then copied, decompressed, to an unlinked temporary
	// file of mode 0600 while it is first read, and read from there later; every
	// Reader calls Progress from 0 on, and later ones may count the copy.
	Reread bool

	clock func(Time) Time // Input.SetClock
}

// A Reader reads the packets of one capture in file order. It is not safe for
// concurrent use.
type Reader struct {
	win    window
	packet Packet
	err    error // sticky

	pcap pcapFormat
	ng   *pcapngFormat // nil for classic pcap

	name    string // for errors
	rename  string // Options.InterfaceName
	clock   func(Time) Time
	closers []io.Closer
	onEnd   func() // called once, when err is set
	order   *order // told of every packet, may be nil

	interfaces  []Interface
	secrets     []Secret
	names       []Name
	comments    []string
	application string
}

// Open opens the named capture file; "-" is standard input. The caller closes
// the Reader.
func Open(name string, o *Options) (*Reader, error) {
	in, err := OpenInput(context.Background(), name, nil)
	if err != nil {
		return nil, err
	}
	r, err := in.open(context.Background(), o)
	if err != nil {
		in.Close()
		return nil, err
	}
	r.closers = append(r.closers, in)
	return r, nil
}

// NewReader reads a capture from src, in any format and compression of this
// package. It reads ahead. The caller closes the Reader, which does not close
// src. The error is an *Error: it matches ErrNotCapture when src is something
// else, and ErrTruncated when it ends inside the file header.
func NewReader(src io.Reader, o *Options) (*Reader, error) {
	return newReader(src, o, readerHooks{})
}

// readerHooks is what an Input adds to a Reader.
type readerHooks struct {
	name    string
	wrap    func(src io.Reader, compressed bool) (io.Reader, error) // goes around the unpacked bytes; may be nil
	onEnd   func()                                                  // may be nil
	order   *order                                                  // of the packets, filled; may be nil
	closers []io.Closer                                             // closed with the Reader
}

func newReader(src io.Reader, o *Options, h readerHooks) (*Reader, error) {
	if o == nil {
		o = &Options{}
	}
	r := &Reader{name: h.name, rename: o.InterfaceName, clock: o.clock, order: h.order}
	r.packet.Ref.Input = o.Input
	size := o.Buffer
	if size <= 0 {
		size = defaultBuffer
	}
	err := r.start(src, max(size, sniffLen), o.Progress, h.wrap)
	r.closers = append(r.closers, h.closers...) // last: what is above may still read
	if err != nil {
		r.Close()
		return nil, &Error{File: r.name, Err: err}
	}
	r.onEnd = h.onEnd // not before: a Reader that never was has no end
	return r, nil
}

// start puts the layers on top of each other (source, progress, decompressor,
// spool, window) and reads the file header.
func (r *Reader) start(src io.Reader, size int, progress func(int64), wrap func(io.Reader, bool) (io.Reader, error)) error {
	raw, err := sniff(&meteredSource{src: src, report: progress})
	if err != nil {
		return err
	}
	in := io.Reader(raw)
	packed := compressionOf(raw.head)
	if packed != nil {
		d, err := packed.open(raw)
		if err != nil {
			return err
		}
		r.closers = append(r.closers, d)
		in = d
	}
	if wrap != nil {
		if in, err = wrap(in, packed != nil); err != nil {
			return err
		}
	}
	r.win = window{src: in, buf: make([]byte, size)}
	return r.readHeader()
}

// readHeader tells the formats apart by their first four bytes.
func (r *Reader) readHeader() error {
	w := &r.win
	w.fill(4) // no more: a pipe may have nothing beyond the file header for long
	head := w.buf[:min(w.end, sniffLen)]
	switch {
	case len(head) < 4 && w.err != io.EOF:
		return w.err
	case isPcapng(head):
		r.ng = &pcapngFormat{}
		return r.readSection()
	case r.pcap.recognise(head):
		return r.readPcapHeader()
	case len(head) > 0 && len(head) < 4 && startsLikeCapture(head):
		return &truncation{have: len(head), need: pcapHeaderLen}
	}
	return notCapture(head)
}

// Next returns the next packet. It is valid until the next call to Next. At
// the end the error is io.EOF; any other is an *Error. An error comes without
// a packet, and again from every later call.
func (r *Reader) Next() (*Packet, error) {
	if r.err != nil {
		return nil, r.err
	}
	read := (*Reader).nextRecord
	if r.ng != nil {
		read = (*Reader).nextBlock
	}
	p, err := read(r)
	if err == nil && r.order != nil {
		r.order.add(p.Ref.Packet, p.Time)
	}
	if err == nil && r.clock != nil {
		p.Time = r.clock(p.Time)
	}
	return p, err
}

// Packets iterates over the remaining packets. It can be used once; the packet
// is valid until the next step; a non-nil error ends the sequence.
func (r *Reader) Packets() iter.Seq2[*Packet, error] {
	return func(yield func(*Packet, error) bool) {
		for {
			p, err := r.Next()
			if err == io.EOF {
				return
			}
			if !yield(p, err) || err != nil {
				return
			}
		}
	}
}

// fail makes err, found at the given offset, the sticky error. Packet is the
// number of the packet being read, 0 when it is none.
func (r *Reader) fail(packet int, offset int64, err error) error {
	if err != io.EOF {
		err = &Error{File: r.name, Packet: packet, Offset: offset, Err: err}
	}
	r.err = err
	if r.onEnd != nil {
		r.onEnd()
	}
	return err
}

// ended makes the reason why need bytes are not to be had the sticky error.
func (r *Reader) ended(packet, need int) error {
	return r.fail(packet, r.win.offset(), r.win.shortage(need))
}

// nextNumber returns the number that the next packet will have.
func (r *Reader) nextNumber() int { return int(r.packet.Ref.Packet) + 1 }

// countPacket gives the packet being read its number.
func (r *Reader) countPacket() bool {
	if r.packet.Ref.Packet == math.MaxUint32 {
		return false
	}
	r.packet.Ref.Packet++
	return true
}

// Number returns what Ref.Input is in the packets of the Reader.
func (r *Reader) Number() uint32 { return r.packet.Ref.Input }

// Interfaces returns the interfaces met so far, of all sections, in file
// order; Packet.Interface indexes it. The slice is not to be changed.
func (r *Reader) Interfaces() []Interface { return r.interfaces }

// Secrets returns the decryption secrets met so far. The slice is not to be
// changed.
func (r *Reader) Secrets() []Secret { return r.secrets }

// Names returns the name resolution records met so far, in file order. The
// slice is not to be changed.
func (r *Reader) Names() []Name { return r.names }

// Comments returns the comments of the sections met so far. The slice is not
// to be changed.
func (r *Reader) Comments() []string { return r.comments }

// Application returns the program that wrote the first section, or "".
func (r *Reader) Application() string { return r.application }

// Format returns "pcap" or "pcapng".
func (r *Reader) Format() string {
	if r.ng != nil {
		return "pcapng"
	}
	return "pcap"
}

// Close releases what the Reader opened. The packet handed out last stays
// valid.
func (r *Reader) Close() error {
	var first error
	for _, c := range r.closers {
		if err := c.Close(); err != nil && first == nil {
			first = err
		}
	}
	r.closers = nil
	if r.err == nil {
		r.err = &Error{File: r.name, Err: os.ErrClosed}
	}
	return first
}

// A window is the part of a stream that has been read and not yet consumed.
type window struct {
	src      io.Reader
	buf      []byte
	pos, end int   // buf[pos:end] is unconsumed
	base     int64 // of buf[0] in the stream
	err      error // why src gives no more; io.EOF at its regular end
}

// offset returns where in the stream the unconsumed bytes begin.
func (w *window) offset() int64 { return w.base + int64(w.pos) }

// fill reads until n bytes are unconsumed, and reports whether it got there.
// Slices of buf taken before are invalid after.
func (w *window) fill(n int) bool {
	for idle := 0; w.end-w.pos < n && w.err == nil; {
		w.makeRoom(n)
		var m int
		m, w.err = w.src.Read(w.buf[w.end:])
		w.end += m
		if idle++; m > 0 {
			idle = 0
		}
		if idle >= 100 && w.err == nil { // as bufio: a reader that neither reads nor fails
			w.err = io.ErrNoProgress
		}
	}
	return w.end-w.pos >= n
}

// makeRoom moves the unconsumed bytes to the front. A full buffer grows to
// twice what has really been read, so that a length in a file costs nothing
// until the file backs it.
func (w *window) makeRoom(n int) {
	if w.pos > 0 {
		w.base += int64(w.pos)
		w.end = copy(w.buf, w.buf[w.pos:w.end])
		w.pos = 0
	}
	if w.end == len(w.buf) {
		grown := make([]byte, min(2*len(w.buf), n))
		copy(grown, w.buf)
		w.buf = grown
	}
}

// skip consumes n bytes without keeping them, and reports whether they were
// there.
func (w *window) skip(n int64) bool {
	for n > int64(w.end-w.pos) {
		n -= int64(w.end - w.pos)
		w.pos = w.end
		if !w.fill(1) {
			return false
		}
	}
	w.pos += int(n)
	return true
}

// shortage returns why fewer than need bytes are unconsumed: io.EOF when there
// are none, a truncation when there are some, or the error of the source.
func (w *window) shortage(need int) error {
	if w.err != io.EOF {
		return w.err
	}
	if have := w.end - w.pos; have > 0 {
		return &truncation{have: have, need: need}
	}
	return io.EOF
}
