package capture

import (
	"encoding/binary"
	"fmt"
	"math"
)

// enhancedPacketLen is the length of an enhanced packet block with neither
// data nor options.
const enhancedPacketLen = 32

// putEnhancedPacket fills the fixed fields of the block b.
func putEnhancedPacket(b []byte, iface uint32, ticks uint64, captured, wire uint32) {
	le, total := binary.LittleEndian, uint32(len(b))
	le.PutUint32(b, uint32(blockEnhanced))
	le.PutUint32(b[4:], total)
	le.PutUint32(b[8:], iface)
	le.PutUint32(b[12:], uint32(ticks>>32))
	le.PutUint32(b[16:], uint32(ticks))
	le.PutUint32(b[20:], captured)
	le.PutUint32(b[24:], wire)
	le.PutUint32(b[total-4:], total)
}

// packetOptionsLen returns the length of the options of a packet, with the end
// mark if there are any; more than maxBlock if a comment is too long.
func packetOptionsLen(flags uint32, comments []string) int {
	n := 0
	for _, c := range comments {
		if len(c) > math.MaxUint16 {
			return maxBlock
		}
		n += 4 + (len(c)+3)&^3
	}
	if flags != 0 {
		n += 8
	}
	if n > 0 {
		n += 4
	}
	return n
}

// putPacketOptions fills b, of just the right length.
func putPacketOptions(b []byte, flags uint32, comments []string) {
	le := binary.LittleEndian
	if flags != 0 {
		le.PutUint16(b, optPacketFlags)
		le.PutUint16(b[2:], 4)
		le.PutUint32(b[4:], flags)
		b = b[8:]
	}
	for _, c := range comments {
		le.PutUint16(b, optComment)
		le.PutUint16(b[2:], uint16(len(c)))
		n := 4 + copy(b[4:], c)
		for ; n%4 != 0; n++ {
			b[n] = 0
		}
		b = b[n:]
	}
	clear(b) // the end mark
}

// begin starts a block and returns where, for finish.
func (w *Writer) begin(kind blockType) int {
	at := len(w.buf)
	w.uint32(uint32(kind))
	w.uint32(0)
	return at
}

// finish sets the lengths of the block that began at the given place. A block
// that cannot be is taken back.
func (w *Writer) finish(at int) error {
	total := len(w.buf) + 4 - at
	err := w.bad
	if err == nil && total > maxBlock {
		err = fmt.Errorf("block of %d bytes is %w (limit %d)", total, ErrTooLarge, maxBlock)
	}
	if err != nil {
		w.bad = nil
		w.buf = w.buf[:at]
		return err
	}
	binary.LittleEndian.PutUint32(w.buf[at+4:], uint32(total))
	w.uint32(uint32(total))
	if len(w.buf) >= writeBuffer {
		return w.emit()
	}
	return nil
}

func (w *Writer) uint16(v uint16) { w.buf = binary.LittleEndian.AppendUint16(w.buf, v) }
func (w *Writer) uint32(v uint32) { w.buf = binary.LittleEndian.AppendUint32(w.buf, v) }

// pad adds what is missing after n bytes to a multiple of four.
func (w *Writer) pad(n int) { w.buf = append(w.buf, make([]byte, -n&3)...) }

// padded appends b and its padding.
func (w *Writer) padded(b []byte) {
	w.buf = append(w.buf, b...)
	w.pad(len(b))
}

// option appends one option.
func (w *Writer) option(code uint16, value []byte) {
	if len(value) > math.MaxUint16 {
		w.bad = fmt.Errorf("option %d of %d bytes is %w (limit %d)", code, len(value), ErrTooLarge, math.MaxUint16)
		return
	}
	w.uint16(code)
	w.uint16(uint16(len(value)))
	w.padded(value)
}

// stringOption appends an option unless it is empty.
func (w *Writer) stringOption(code uint16, value string) {
	if value != "" {
		w.option(code, []byte(value))
	}
}

// commentOptions appends comments, empty ones too.
func (w *Writer) commentOptions(comments []string) {
	for _, c := range comments {
		w.option(optComment, []byte(c))
	}
}

// endOptions appends the end mark if there are options since the given place.
func (w *Writer) endOptions(start int) {
	if len(w.buf) > start {
		w.uint32(0)
	}
}
