package capture

import (
	"fmt"
	"io"
	"math"
	"net/netip"
	"os"
	"slices"
	"strings"
)

const (
	// writeBuffer is the size of one write; with a second goroutine that writes
	// it beat writev and bufio on ext4 (2026-11).
	writeBuffer = 1 << 20

	// defaultSnapLen is tcpdump's. Some builds of libpcap reject 0.
	defaultSnapLen = 262144

	// namesPerBlock keeps name resolution blocks far below maxBlock.
	namesPerBlock = 128

	// maxName leaves room for the address and the NUL in a record's length.
	maxName = math.MaxUint16 - 17
)

// WriterOptions describe the section that a Writer writes. The zero value, and
// nil, write a section header without options.
type WriterOptions struct {
	Application string   // shb_userappl: the program that writes
	Hardware    string   // shb_hardware
	OS          string   // shb_os
	Comments    []string // of the section

	// Background makes a goroutine write one buffer while the next is filled.
	// The io.Writer is then in use until Flush or Abort has returned.
	Background bool
}

// A Writer writes one pcapng section, little endian, with times in nanoseconds.
// It collects blocks in a large buffer and allocates nothing per packet. Its
// first error is sticky. It is not safe for concurrent use.
//
// libpcap, and so tcpdump, refuses a pcapng file whose interfaces differ in
// link type or snaplen; Wireshark reads it.
type Writer struct {
	dst        io.Writer
	buf        []byte
	interfaces int
	err        error // of dst, sticky
	bad        error // of the block being composed

	spare   []byte     // the buffer being written in the background
	written chan error // gets the result; nil without Background
	busy    bool
}

// NewWriter returns a Writer to dst. Nothing reaches dst before a buffer is
// full or Flush is called. An option longer than 65535 bytes is an error of the
// first call that can return one.
func NewWriter(dst io.Writer, o *WriterOptions) *Writer {
	if o == nil {
		o = &WriterOptions{}
	}
	w := &Writer{dst: dst, buf: make([]byte, 0, writeBuffer)}
	if o.Background {
		w.spare = make([]byte, 0, writeBuffer)
		w.written = make(chan error, 1)
	}
	at := w.begin(blockSection)
	w.uint32(byteOrderMagic)
	w.uint32(1)              // version 1.0
	w.uint32(math.MaxUint32) // section length unknown
	w.uint32(math.MaxUint32)
	fixed := len(w.buf)
	w.commentOptions(o.Comments)
	w.stringOption(optSectionHardware, o.Hardware)
	w.stringOption(optSectionOS, o.OS)
	w.stringOption(optSectionApplication, o.Application)
	w.endOptions(fixed)
	w.err = w.finish(at)
	return w
}

// AddInterface describes the next interface and returns its number for
// WritePacket. SnapLen 0 is written as 262144.
func (w *Writer) AddInterface(in Interface) (int, error) {
	if w.err != nil {
		return 0, w.err
	}
	if in.SnapLen == 0 {
		in.SnapLen = defaultSnapLen
	}
	at := w.begin(blockInterface)
	w.uint32(uint32(in.Link)) // and 16 reserved bits
	w.uint32(in.SnapLen)
	fixed := len(w.buf)
	w.commentOptions(in.Comments)
	w.stringOption(optInterfaceName, in.Name)
	w.stringOption(optInterfaceDescription, in.Description)
	w.option(optInterfaceResolution, []byte{9})
	if in.Filter != "" {
		w.stringOption(optInterfaceFilter, "\x00"+in.Filter)
	}
	w.stringOption(optInterfaceOS, in.OS)
	w.stringOption(optInterfaceHardware, in.Hardware)
	w.endOptions(fixed)
	if err := w.finish(at); err != nil {
		return 0, err
	}
	w.interfaces++
	return w.interfaces - 1, nil
}

// WritePacket writes a packet whose bytes are the data pieces put together. It
// keeps none of its arguments. Times before 1970 become the zero Time; wireLen is raised to the length of data; flags are
// epb_flags, and with comments cost space only when given. An argument that
// does not fit is an error that leaves the Writer usable.
func (w *Writer) WritePacket(iface int, when Time, wireLen, flags uint32, comments []string, data ...[]byte) error {
	if w.err != nil {
		return w.err
	}
	captured := 0
	for _, d := range data {
		captured += len(d)
	}
	size := enhancedPacketLen + (captured+3)&^3 + packetOptionsLen(flags, comments)
	if err := w.checkPacket(iface, captured, size); err != nil {
		return err
	}
	if len(w.buf)+size > cap(w.buf) {
		if err := w.emit(); err != nil {
			return err
		}
	}
	at := len(w.buf)
	w.buf = slices.Grow(w.buf, size)[:at+size]
	b := w.buf[at:]
	putEnhancedPacket(b, uint32(iface), uint64(max(when, 0)), uint32(captured), max(wireLen, uint32(captured)))
	n := enhancedPacketLen - 4
	for _, d := range data {
		n += copy(b[n:], d)
	}
	for ; n%4 != 0; n++ {
		b[n] = 0
	}
	if n < size-4 {
		putPacketOptions(b[n:size-4], flags, comments)
	}
	return nil
}

// checkPacket finds what WritePacket cannot write.
func (w *Writer) checkPacket(iface, captured, size int) error {
	switch {
	case iface < 0 || iface >= w.interfaces:
		return fmt.Errorf("interface %d of %d", iface, w.interfaces)
	case captured > maxRecord:
		return fmt.Errorf("packet of %d bytes is %w (limit %d)", captured, ErrTooLarge, maxRecord)
	case size > maxBlock:
		return fmt.Errorf("comments of a packet are %w (limit %d bytes each)", ErrTooLarge, math.MaxUint16)
	}
	return nil
}

// WriteSecret writes decryption secrets. Readers want them before the packets
// they decrypt.
func (w *Writer) WriteSecret(s Secret) error {
	if w.err != nil {
		return w.err
	}
	if len(s.Data) > maxBlock {
		return fmt.Errorf("secrets of %d bytes are %w (limit %d)", len(s.Data), ErrTooLarge, maxBlock)
	}
	at := w.begin(blockSecrets)
	w.uint32(s.Type)
	w.uint32(uint32(len(s.Data)))
	w.padded(s.Data)
	return w.finish(at)
}

// WriteNames writes name resolution records. Nothing is written if one of them
// has no valid address or name.
func (w *Writer) WriteNames(names []Name) error {
	if w.err != nil {
		return w.err
	}
	for _, n := range names {
		if err := checkName(n); err != nil {
			return err
		}
	}
	for part := range slices.Chunk(names, namesPerBlock) {
		at := w.begin(blockNames)
		for _, n := range part {
			w.nameRecord(n)
		}
		w.uint32(0) // the end mark
		if err := w.finish(at); err != nil {
			return err
		}
	}
	return nil
}

// checkName finds what a name record cannot hold.
func checkName(n Name) error {
	addr, err := netip.ParseAddr(n.Addr)
	switch {
	case err != nil:
		return err
	case addr.Zone() != "":
		return fmt.Errorf("name of %s: the address has a zone", n.Addr)
	case n.Name == "" || strings.Contains(n.Name, "\x00"):
		return fmt.Errorf("name of %s: %q is empty or contains NUL", n.Addr, n.Name)
	case len(n.Name) > maxName:
		return fmt.Errorf("name of %s: %d bytes are %w (limit %d)", n.Addr, len(n.Name), ErrTooLarge, maxName)
	}
	return nil
}

// nameRecord appends a checked name.
func (w *Writer) nameRecord(n Name) {
	addr := netip.MustParseAddr(n.Addr).AsSlice()
	kind := uint16(recordIPv6)
	if len(addr) == 4 {
		kind = recordIPv4
	}
	w.uint16(kind)
	w.uint16(uint16(len(addr) + len(n.Name) + 1))
	w.buf = append(append(w.buf, addr...), n.Name...)
	w.buf = append(w.buf, 0)
	w.pad(len(addr) + len(n.Name) + 1)
}

// Flush writes out what has been collected and waits for it. The Writer can be
// used further.
func (w *Writer) Flush() error {
	if w.err != nil {
		return w.err
	}
	if err := w.emit(); err != nil {
		return err
	}
	return w.wait()
}

// Abort drops what is not written yet and waits until nothing is being written: the
// io.Writer is free then. The Writer cannot be used further. It need not be called
// after a Flush.
func (w *Writer) Abort() {
	_ = w.wait() // nobody wants what it writes
	w.err = os.ErrClosed
}

// emit hands the buffer over for writing and leaves an empty one.
func (w *Writer) emit() error {
	if len(w.buf) == 0 {
		return nil
	}
	if w.written == nil {
		w.err = writeAll(w.dst, w.buf)
		w.buf = w.buf[:0]
		return w.err
	}
	if err := w.wait(); err != nil {
		return err
	}
	w.buf, w.spare = w.spare[:0], w.buf
	w.busy = true
	go func(full []byte) { w.written <- writeAll(w.dst, full) }(w.spare)
	return nil
}

// wait returns when nothing is being written in the background.
func (w *Writer) wait() error {
	if w.busy {
		w.busy = false
		w.err = <-w.written
	}
	return w.err
}

func writeAll(dst io.Writer, b []byte) error {
	n, err := dst.Write(b)
	if err == nil && n < len(b) {
		err = io.ErrShortWrite
	}
	return err
}
