package http2

import (
	"errors"

	"golang.org/x/net/http2/hpack"
)

const (
	// initialTable is the size of a header table unless the encoder says
	// otherwise (RFC 9113 §6.5.2).
	initialTable = 4096
	// maxTable bounds the size that an encoder may choose. What the other side
	// allowed it stands in the other half.
	maxTable = 64 << 10
	// minEntry is the size of an entry with an empty name and value (RFC 7541
	// §4.1).
	minEntry = 32
	// maxList bounds the fields given of one block, by the same measure: a
	// block can name one long field again and again.
	maxList = 1 << 20
)

// A table decodes the header blocks of one half. When blocks were missed, the
// entries of the dynamic table are unknown, but those added since are not, and
// they have the lowest indexes. So after a loss the table is filled with
// entries without a name, as many as can be there: what refers to one of them
// is unknown.
type table struct {
	decoder *hpack.Decoder
	mem     *Scratch
	size    uint32 // of the fields of the block at hand; not beyond maxList
	filled  uint32 // size of all unknown entries together; 0 = none
	unknown bool   // fields of the block at hand are missing
}

// lose forgets the entries.
func (t *table) lose() { t.decoder, t.filled = nil, initialTable }

// ready makes a decoder unless there is one.
func (t *table) ready() {
	if t.decoder != nil {
		return
	}
	t.decoder = hpack.NewDecoder(max(t.filled, initialTable), t.add)
	t.decoder.SetAllowedMaxDynamicTableSize(maxTable)
	if t.filled == 0 {
		return
	}
	nameless := []byte{0x40, 0, 0} // literal field with incremental indexing, RFC 7541 §6.2.1
	t.decoder.SetEmitEnabled(false)
	for range t.filled / minEntry {
		t.decoder.Write(nameless) // a whole field cannot fail
	}
	t.decoder.SetEmitEnabled(true)
}

// decode reads a whole header block. The fields are valid until the next call.
// unknown tells that there are others.
func (t *table) decode(block []byte) (fields []Field, unknown bool) {
	err := t.try(block)
	for beyond(err) && t.filled < maxTable {
		// There are more entries than known of: blocks were missed, or there
		// was more room than thought.
		known := t.filled == 0
		if t.lose(); !known {
			t.filled = maxTable
		}
		err = t.try(block)
	}
	if err != nil {
		t.lose()
		t.unknown = true
	}
	return t.mem.fields, t.unknown
}

// begin reads the whole fields at the beginning of a header block of which the
// rest is missing, so that the table must be lost after it. The fields are
// valid until the next call.
func (t *table) begin(text []byte) []Field {
	_ = t.try(text) // the error tells where it was cut off
	return t.mem.fields
}

// beyond reports whether err says that a field refers to an entry behind the last.
func beyond(err error) bool {
	var d hpack.DecodingError
	if !errors.As(err, &d) {
		return false
	}
	_, ok := d.Err.(hpack.InvalidIndexError)
	return ok
}

// try reads a block with the entries known so far.
func (t *table) try(block []byte) error {
	t.ready()
	clear(t.mem.fields)
	t.mem.fields, t.size, t.unknown = t.mem.fields[:0], 0, false
	if _, err := t.decoder.Write(block); err != nil {
		return err
	}
	return t.decoder.Close()
}

// add takes a field of the block at hand.
func (t *table) add(f hpack.HeaderField) {
	if f.Name == "" {
		t.unknown = true
	}
	if t.size+min(f.Size(), maxList) > maxList {
		t.unknown = true
		return
	}
	if f.Name == "" && f.Value == "" {
		return
	}
	t.size += f.Size()
	t.mem.fields = append(t.mem.fields, Field{f.Name, f.Value})
}
