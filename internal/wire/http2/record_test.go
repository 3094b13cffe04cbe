package http2_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"slices"

	"github.com/pcapmesh/pcapmesh/internal/wire/fingerprint"
	"github.com/pcapmesh/pcapmesh/internal/wire/http2"
)

// record is a Handler that keeps what it is told.
type record struct {
	log      []string // one line per call but those of Data
	blocks   []http2.Headers
	messages []http2.Message
	data     map[uint32][]byte // what was seen of bodies, by stream
	counted  map[uint32]int64  // bytes of bodies, by stream
	tags     uint32
}

func (r *record) Headers(h *http2.Headers) uint32 {
	b := *h
	b.Fields = slices.Clone(h.Fields)
	r.blocks = append(r.blocks, b)
	r.log = append(r.log, fmt.Sprintf("headers %+v", b))
	r.tags++
	return r.tags
}

func (r *record) Data(d *http2.Data) {
	if r.data == nil {
		r.data, r.counted = make(map[uint32][]byte), make(map[uint32]int64)
	}
	r.counted[d.Stream] += d.Len
	r.data[d.Stream] = append(r.data[d.Stream], d.Bytes...)
}

func (r *record) End(m *http2.Message) {
	n := *m
	n.GRPC.Lengths = slices.Clone(m.GRPC.Lengths)
	r.messages = append(r.messages, n)
	r.log = append(r.log, fmt.Sprintf("end %+v", n))
}

func (r *record) GoAway(last, code uint32) {
	r.log = append(r.log, fmt.Sprintf("goaway %d %d", last, code))
}

// ended returns the message of a stream, nil if none ended.
func (r *record) ended(stream uint32) *http2.Message {
	for i := range r.messages {
		if r.messages[i].Stream == stream {
			return &r.messages[i]
		}
	}
	return nil
}

// An op is one call on a scanner: the text of a piece, or a hole.
type op struct {
	text string
	gap  int64
}

// run pushes ops through a new scanner and closes it. It obeys what the
// scanner does not want by cutting the next texts.
func run(start, everything bool, ops ...op) (*record, *http2.Scanner) {
	r, s := new(record), new(http2.Scanner)
	s.Reset(new(http2.Scratch), start)
	if everything {
		s.Everything()
	}
	var off, skip int64
	for _, o := range ops {
		if o.gap > 0 {
			s.Gap(off, o.gap, r)
			off, skip = off+o.gap, max(skip-o.gap, 0)
			continue
		}
		p := []byte(o.text)
		if k := min(skip, int64(len(p))); k > 0 {
			s.Skip(off, k, r)
			off, skip, p = off+k, skip-k, p[k:]
		}
		if len(p) > 0 {
			q := bytes.Clone(p)
			skip = s.Feed(off, q, r)
			clear(q) // what the scanner kept of q would show
			off += int64(len(p))
		}
	}
	s.Close(off, r)
	return r, s
}

// pieces cuts text into pieces of random lengths up to size.
func pieces(rnd *rand.Rand, text string, size int) []op {
	var ops []op
	for len(text) > 0 {
		k := min(1+rnd.IntN(size), len(text))
		ops = append(ops, op{text: text[:k]})
		text = text[k:]
	}
	return ops
}

// printOf returns the print of a whole body.
func printOf(body string) fingerprint.Print {
	var s fingerprint.Sampler
	s.Reset(int64(len(body)))
	s.Write([]byte(body))
	return s.Sum()
}
