package capture

import (
	"encoding/binary"
	"fmt"
	"io"
	"math/bits"

	"github.com/pcapmesh/pcapmesh/capture/linktype"
)

// A blockType is the first word of a pcapng block (draft-ietf-opsawg-pcapng).
// Every block is framed alike, in the byte order of its section:
//
//	0 type  4 total length  8 body …  total length again
type blockType uint32

const (
	blockInterface blockType = 1
	blockPacket    blockType = 2 // obsolete
	blockSimple    blockType = 3
	blockNames     blockType = 4
	blockEnhanced  blockType = 6
	blockSecrets   blockType = 10
	blockSection   blockType = 0x0a0d0d0a // the same in either byte order
)

const (
	blockFrame = 12 // type and both lengths

	// maxBlock leaves room around the largest packet for its options.
	maxBlock = maxRecord + 1<<16

	// maxMetadata bounds the blocks whose contents a Reader keeps beside packets.
	// A key log has about 700 bytes per connection.
	maxMetadata = 256 << 20

	byteOrderMagic = 0x1a2b3c4d
)

// String names the block as errors do.
func (t blockType) String() string {
	switch t {
	case blockInterface:
		return "interface description block"
	case blockPacket, blockSimple, blockEnhanced:
		return "packet block"
	case blockNames:
		return "name resolution block"
	case blockSecrets:
		return "decryption secrets block"
	case blockSection:
		return "section header block"
	}
	return fmt.Sprintf("block of type %#x", uint32(t))
}

// isPacket reports whether blocks of type t hold a packet and so have a number.
func (t blockType) isPacket() bool {
	return t == blockEnhanced || t == blockSimple || t == blockPacket
}

// known reports whether blocks of type t are read; others are skipped.
func (t blockType) known() bool {
	return t.isPacket() || t == blockInterface || t == blockNames || t == blockSecrets
}

// pcapngFormat is the state of the section being read.
type pcapngFormat struct {
	swapped    bool
	sections   int // before this one
	first      int // index in Reader.interfaces of the section's first
	interfaces []sectionInterface
	metadata   int // bytes of blocks kept beside packets
}

// A sectionInterface is what packets need to know of their interface.
type sectionInterface struct {
	link    linktype.Type
	snapLen uint32
	clock   blockClock
}

// isPcapng reports whether head begins a pcapng file.
func isPcapng(head []byte) bool {
	return len(head) >= 4 && blockType(binary.LittleEndian.Uint32(head)) == blockSection
}

func (g *pcapngFormat) u16(b []byte) uint16 {
	v := binary.LittleEndian.Uint16(b)
	if g.swapped {
		v = bits.ReverseBytes16(v)
	}
	return v
}

func (g *pcapngFormat) u32(b []byte) uint32 {
	v := binary.LittleEndian.Uint32(b)
	if g.swapped {
		v = bits.ReverseBytes32(v)
	}
	return v
}

// keep accounts for n bytes of metadata.
func (g *pcapngFormat) keep(n int) error {
	if g.metadata += n; g.metadata > maxMetadata {
		return fmt.Errorf("names, secrets, interfaces and comments are %w (limit %d bytes)", ErrTooLarge, maxMetadata)
	}
	return nil
}

// nextBlock returns the next packet of a pcapng file and notes the blocks
// before it.
func (r *Reader) nextBlock() (*Packet, error) {
	g, w := r.ng, &r.win
	for {
		if w.end-w.pos < blockFrame && !w.fill(blockFrame) {
			return nil, r.ended(r.nextNumber(), blockFrame)
		}
		b := w.buf[w.pos:w.end]
		kind, total := blockType(g.u32(b)), g.u32(b[4:])
		if !kind.isPacket() {
			if err := r.otherBlock(kind, total); err != nil {
				return nil, err
			}
			continue
		}
		if total < blockFrame || total%4 != 0 || total > maxBlock {
			return nil, r.fail(r.nextNumber(), w.offset(), badBlockLength(total))
		}
		n := int(total)
		if len(b) < n {
			if !w.fill(n) {
				return nil, r.ended(r.nextNumber(), n)
			}
			b = w.buf[w.pos:w.end]
		}
		if err := r.packetBlock(kind, b[:n]); err != nil {
			return nil, r.fail(r.nextNumber(), w.offset(), err)
		}
		w.pos += n
		return &r.packet, nil
	}
}

// packetBlock reads the packet in the block b. On an error r.packet is not to
// be handed out.
func (r *Reader) packetBlock(kind blockType, b []byte) error {
	n := len(b) - 4
	if trailer := r.ng.u32(b[n:]); trailer != uint32(len(b)) {
		return lengthsDiffer(len(b), trailer)
	}
	r.packet.Offset = r.win.offset()
	r.packet.Flags, r.packet.Comments = 0, nil
	var err error
	switch body := b[8:n:n]; kind {
	case blockEnhanced:
		err = r.enhancedPacket(body)
	case blockSimple:
		err = r.simplePacket(body)
	default:
		err = r.obsoletePacket(body)
	}
	if err == nil && !r.countPacket() {
		err = errPacketNumbers
	}
	return err
}

// enhancedPacket reads the body of an enhanced packet block (§4.3):
//
//	0 interface  4 time, high and low  12 captured  16 on the wire  20 data, options
func (r *Reader) enhancedPacket(b []byte) error {
	if len(b) < 20 {
		return blockTooShort(len(b), 20)
	}
	g := r.ng
	ticks := uint64(g.u32(b[4:]))<<32 | uint64(g.u32(b[8:]))
	return r.timedPacket(g.u32(b), ticks, g.u32(b[12:]), g.u32(b[16:]), b[20:])
}

// obsoletePacket reads the body of a packet block (§A.1):
//
//	0 interface  2 drops  4 time, high and low  12 captured  16 on the wire  20 data, options
func (r *Reader) obsoletePacket(b []byte) error {
	if len(b) < 20 {
		return blockTooShort(len(b), 20)
	}
	g := r.ng
	ticks := uint64(g.u32(b[4:]))<<32 | uint64(g.u32(b[8:]))
	return r.timedPacket(uint32(g.u16(b)), ticks, g.u32(b[12:]), g.u32(b[16:]), b[20:])
}

// timedPacket sets r.packet; b is its data, padded to four bytes, and options.
func (r *Reader) timedPacket(iface uint32, ticks uint64, captured, wire uint32, b []byte) error {
	g := r.ng
	if uint64(iface) >= uint64(len(g.interfaces)) {
		return unknownInterface(iface, len(g.interfaces))
	}
	if captured > maxRecord || uint64(captured) > uint64(len(b)) {
		return tooLongForBlock(captured, len(b))
	}
	in, p := &g.interfaces[iface], &r.packet
	p.Time = Time(in.clock.nanos(ticks))
	p.Interface = g.first + int(iface)
	p.Link = in.link
	p.WireLen = max(wire, captured)
	p.Data = b[:captured:captured]
	if options := b[(captured+3)&^3:]; len(options) > 0 {
		return r.packetOptions(options)
	}
	return nil
}

// simplePacket reads the body of a simple packet block (§4.4), which has the
// length on the wire and the data. It belongs to the first interface and has
// no time of its own: it gets that of the packet before.
func (r *Reader) simplePacket(b []byte) error {
	g := r.ng
	if len(b) < 4 {
		return blockTooShort(len(b), 4)
	}
	if len(g.interfaces) == 0 {
		return unknownInterface(0, 0)
	}
	in, p := &g.interfaces[0], &r.packet
	captured := g.u32(b)
	if in.snapLen > 0 {
		captured = min(captured, in.snapLen)
	}
	if captured > maxRecord || uint64(captured) > uint64(len(b)-4) {
		return tooLongForBlock(captured, len(b)-4)
	}
	p.Interface, p.Link = g.first, in.link
	p.WireLen = g.u32(b)
	p.Data = b[4 : 4+captured : 4+captured]
	return nil
}

// otherBlock reads or skips a block that is not a packet. The error is sticky.
func (r *Reader) otherBlock(kind blockType, total uint32) error {
	w := &r.win
	at := w.offset()
	if kind == blockSection {
		if err := r.readSection(); err != nil {
			return r.fail(0, at, err)
		}
		return nil
	}
	if total < blockFrame || total%4 != 0 || kind.known() && total > maxBlock {
		return r.fail(0, at, fmt.Errorf("%v: %w", kind, badBlockLength(total)))
	}
	if !kind.known() {
		return r.skipBlock(kind, total)
	}
	body, err := r.blockBody(int(total))
	if err == nil {
		err = r.noteBlock(kind, body)
	}
	if err != nil {
		return r.fail(0, at, fmt.Errorf("%v: %w", kind, err))
	}
	w.pos += int(total)
	return nil
}

// noteBlock keeps what a block says that is not a packet.
func (r *Reader) noteBlock(kind blockType, body []byte) error {
	switch kind {
	case blockInterface:
		return r.interfaceBlock(body)
	case blockNames:
		return r.namesBlock(body)
	default:
		return r.secretsBlock(body)
	}
}

// skipBlock passes over a block of any length without keeping it.
func (r *Reader) skipBlock(kind blockType, total uint32) error {
	w := &r.win
	at := w.offset()
	if !w.skip(int64(total)-4) || !w.fill(4) {
		err := w.err
		if have := w.offset() + int64(w.end-w.pos) - at; err == io.EOF {
			err = &truncation{have: int(have), need: int(total)}
		}
		return r.fail(0, at, fmt.Errorf("%v: %w", kind, err))
	}
	if trailer := r.ng.u32(w.buf[w.pos:]); trailer != total {
		return r.fail(0, at, fmt.Errorf("%v: %w", kind, lengthsDiffer(int(total), trailer)))
	}
	w.pos += 4
	return nil
}

// blockBody reads a whole block and returns what stands between its lengths.
func (r *Reader) blockBody(total int) ([]byte, error) {
	w := &r.win
	if !w.fill(total) {
		return nil, w.shortage(total)
	}
	n := w.pos + total - 4
	if trailer := r.ng.u32(w.buf[n:]); trailer != uint32(total) {
		return nil, lengthsDiffer(total, trailer)
	}
	return w.buf[w.pos+8 : n : n], nil
}

// readSection reads a section header block (§4.1), which sets the byte order
// and restarts the numbering of interfaces:
//
//	8 byte-order magic  12 major, minor  16 section length  24 options
func (r *Reader) readSection() error {
	w, g := &r.win, r.ng
	if !w.fill(blockFrame) {
		return w.shortage(blockFrame)
	}
	switch binary.LittleEndian.Uint32(w.buf[w.pos+8:]) {
	case byteOrderMagic:
		g.swapped = false
	case bits.ReverseBytes32(byteOrderMagic):
		g.swapped = true
	default:
		return corruptRecord("%v: byte-order magic is % x", blockSection, w.buf[w.pos+8:w.pos+12])
	}
	total := g.u32(w.buf[w.pos+4:])
	if total < blockFrame+16 || total%4 != 0 || total > maxBlock {
		return fmt.Errorf("%v: %w", blockSection, badBlockLength(total))
	}
	body, err := r.blockBody(int(total))
	if err == nil {
		err = r.sectionBlock(body)
	}
	if err != nil {
		return fmt.Errorf("%v: %w", blockSection, err)
	}
	w.pos += int(total)
	g.sections++
	return nil
}

func badBlockLength(total uint32) error {
	if total > maxBlock && total%4 == 0 {
		return oversized("block length", total, maxBlock)
	}
	return corruptRecord("block length %d", total)
}

func lengthsDiffer(total int, trailer uint32) error {
	return corruptRecord("block length %d at its end is %d", total, trailer)
}

func blockTooShort(have, need int) error {
	return corruptRecord("%d bytes in a block that needs %d", have, need)
}

func tooLongForBlock(captured uint32, have int) error {
	if uint64(captured) <= uint64(have) {
		return oversized("captured length", captured, maxRecord)
	}
	return corruptRecord("captured length %d in a block with %d bytes", captured, have)
}

func unknownInterface(i uint32, n int) error {
	return corruptRecord("packet of interface %d where the section has described %d", i, n)
}
