package index

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/pcapmesh/pcapmesh/internal/wire/tls"
)

// A Plaintext is what is known of a half that is decrypted: everything that
// was found in it counts plaintext bytes, and this leads back to the wire.
type Plaintext struct {
	session *tls.Session
	client  bool
	spans   []recordSpan // in stream order
	Len     int64        // plaintext bytes, those missing included
	vague   bool         // how many bytes are missing is not certain
	cut     int64        // bytes on the wire that the snapshot length cut off
	opened  int          // encrypted records that were opened
	failed  int          // records that do not authenticate
	early   int          // records of early data for which there is no secret
	err     error        // why nothing more can be opened
}

// A recordSpan is the bytes that one record holds, or a run of records that could
// not be opened.
type recordSpan struct {
	off  int64 // plaintext offset of its first byte
	wire int64 // stream offset of the record's header
	n    int64 // bytes on the wire, header included
}

// arrived returns how many plaintext bytes are in records that end at or
// before the given stream offset: what a receiver of the bytes before it has.
func (p *Plaintext) arrived(wire int64) int64 {
	i, _ := slices.BinarySearchFunc(p.spans, wire, func(s recordSpan, wire int64) int { return cmp.Compare(s.wire+s.n, wire+1) })
	if i == len(p.spans) {
		return p.Len
	}
	return p.spans[i].off
}

// Carriers returns the range [from, to) of stream offsets of the whole records
// that carry the given plaintext range.
func (p *Plaintext) Carriers(r [2]int64) [2]int64 {
	if len(p.spans) == 0 {
		return [2]int64{}
	}
	first := p.spanOf(r[0])
	last := max(first, p.spanOf(max(r[0], r[1]-1)))
	return [2]int64{p.spans[first].wire, p.spans[last].wire + p.spans[last].n}
}

// spanOf returns the span with the byte at plaintext offset off, the last one
// for offsets behind the end.
func (p *Plaintext) spanOf(off int64) int {
	i, _ := slices.BinarySearchFunc(p.spans, off, func(s recordSpan, off int64) int { return cmp.Compare(s.off, off+1) })
	return max(i-1, 0)
}

// notes says what is wrong with the decryption.
func (p *Plaintext) notes() []string {
	side := "server"
	if p.client {
		side = "client"
	}
	var notes []string
	if p.failed > 0 {
		notes = append(notes, fmt.Sprintf("%d of %d records that the %s sent do not authenticate", p.failed, p.failed+p.opened, side))
	}
	if p.early > 0 {
		notes = append(notes, fmt.Sprintf("%d records of early data: %v", p.early, tls.ErrNoSecret))
	}
	if p.err != nil {
		notes = append(notes, fmt.Sprintf("the %s's records cannot be decrypted to the end: %v", side, p.err))
	}
	return notes
}

// heard returns how many bytes of half h, as its scan counts them, the sender
// of an acknowledgement had received; of the numbers that are the same modulo
// 2³² the one nearest to near.
func (x *Index) heard(h HalfNo, ack uint32, near int64) int64 {
	return x.Plain[h].Heard(ack, x.Half(h).Base, near)
}

// Heard is index.heard for a half whose offset 0 has the raw sequence number
// base; p is nil if it is not decrypted.
func (p *Plaintext) Heard(ack, base uint32, near int64) int64 {
	if p == nil {
		return offsetOf(ack, base, near)
	}
	return p.arrived(offsetOf(ack, base, p.Carriers([2]int64{near, near})[0]))
}

// Seen returns how many bytes of half h were captured, as its scan counts them.
func (x *Index) Seen(h HalfNo) int64 {
	if p := x.Plain[h]; p != nil {
		return p.Len - x.Content(h).Lost
	}
	return x.Half(h).Bytes
}

// Length returns how many bytes half h has, as its scan counts them.
func (x *Index) Length(h HalfNo) int64 {
	if p := x.Plain[h]; p != nil {
		return p.Len
	}
	half := x.Half(h)
	return half.Bytes + half.Missing
}

// OnWire returns x as it was before anything was read again: TLS is TLS.
func (x *Index) OnWire() *Index {
	if len(x.Plain) == 0 {
		return x
	}
	w := *x
	w.again, w.Plain = nil, nil
	return &w
}
