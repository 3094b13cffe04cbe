package emit

import (
	"cmp"
	"context"
	"encoding/binary"
	"slices"

	"github.com/pcapmesh/pcapmesh/capture"
	"github.com/pcapmesh/pcapmesh/internal/wire/http2"
	"github.com/pcapmesh/pcapmesh/mesh/internal/decide/graph"
	"github.com/pcapmesh/pcapmesh/mesh/internal/decide/plan"
	"github.com/pcapmesh/pcapmesh/mesh/internal/index"
	"github.com/pcapmesh/pcapmesh/mesh/internal/index/scan"
	"github.com/pcapmesh/pcapmesh/reassembly"
)

// Exchanges of HTTP/2 cannot be cut out of a connection as bytes: their frames
// stand among those of others, and their header blocks refer to a table that
// all share. They are read again frame by frame and written anew.

// A callPart is what one packet carried of one direction of an exchange: a header
// block, content, or a reset.
type callPart struct {
	conv, call int32 // the exchange: index into conversations, and into its calls
	reply      bool
	kind       callPartKind
	end        bool // nothing of this direction follows
	at         index.Moment
	spot, n    int64 // in the spool: fields, or content; of a hole only how long it is
	code       uint32
}

type callPartKind uint8

const (
	partFields callPartKind = iota
	partData
	partHole  // content that is missing
	partReset // RST_STREAM with code
)

// A callReader is the consumer that collects the parts of exchanges on a later
// reading.
type callReader struct {
	reassembly.Discard
	halves  map[reassembly.HalfID]*callHalf
	scratch http2.Scratch
	spool   *spool
	parts   []callPart
	pass    *callHalf
	buf     []byte
	err     error
}

// A callHalf is a half being read, and what of it is wanted.
type callHalf struct {
	scanner http2.Scanner
	begun   bool
	start   bool
	reply   bool
	calls   map[uint32][2]int32 // by stream: conversation and call
	last    map[uint32]int      // by stream: the last part
	at      index.Moment
}

// gatherCalls reads the exchanges of HTTP/2 that are written anew and returns
// the chunks of their conversations. all are the parts of those that were HTTP/1.1.
func (s *Source) gatherCalls(ctx context.Context, convs []*plan.Conversation, all []callPart, sp *spool) ([]chunk, error) {
	for g := range s.Index.Groups {
		parts, err := s.readCalls(ctx, g, convs, sp)
		if err != nil {
			return nil, err
		}
		all = append(all, parts...)
	}
	slices.SortStableFunc(all, func(a, b callPart) int { return cmp.Or(cmp.Compare(a.conv, b.conv), a.at.Compare(b.at)) })
	var chunks []chunk
	for len(all) > 0 {
		n := 1
		for n < len(all) && all[n].conv == all[0].conv {
			n++
		}
		w := newCallWriter(all[0].conv, sp)
		w.write(all[:n])
		if w.err != nil {
			return nil, w.err
		}
		chunks = append(chunks, w.chunks...)
		all = all[n:]
	}
	return chunks, nil
}

// readCalls reads what group g has of them.
func (s *Source) readCalls(ctx context.Context, g int, convs []*plan.Conversation, sp *spool) ([]callPart, error) {
	c := &callReader{halves: make(map[reassembly.HalfID]*callHalf), spool: sp}
	var want reassembly.HalfSet
	for i, conv := range convs {
		for k, e := range conv.Calls {
			c.want(s.Index, g, &want, e, int32(i), int32(k))
		}
	}
	if want.Empty() {
		return nil, nil
	}
	if err := reassembly.Read(ctx, s.Groups[g], s.Index.Groups[g].Table, &want, s.Index.Decrypted(g, c)); err != nil {
		return nil, err
	}
	return c.parts, c.err
}

// want adds the messages of an exchange in group g to those that are wanted.
func (c *callReader) want(x *index.Index, g int, want *reassembly.HalfSet, e *graph.Exchange, conv, call int32) {
	add := func(h index.HalfNo, s *scan.Scan, m *scan.Message, reply bool) {
		q := s.H2Of(m)
		if q == nil {
			return
		}
		group, id := x.Locate(h)
		if group != g {
			return
		}
		want.Add(id)
		if c.halves[id] == nil {
			c.halves[id] = &callHalf{start: x.Content(h).Start, reply: reply, calls: make(map[uint32][2]int32), last: make(map[uint32]int)}
		}
		c.halves[id].calls[q.Stream] = [2]int32{conv, call}
	}
	add(e.Leg.Conn.Orig, e.Scan, e.Req, false)
	add(e.Leg.Conn.Reply, e.RespScan, e.Resp, true)
}

// enter makes the half of at the one being read; p is the next of its bytes.
func (c *callReader) enter(at reassembly.At, p []byte) *callHalf {
	h := c.halves[at.Half]
	if !h.begun {
		h.begun = true
		h.scanner.Reset(&c.scratch, h.start || http2.Looks(p, h.start) == http2.Requests)
		h.scanner.Everything()
	}
	h.at = index.Moment{Nanos: int64(at.Time), Ref: at.Ref}
	c.pass = h
	return h
}

// Bytes implements reassembly.Consumer.
func (c *callReader) Bytes(at reassembly.At, p []byte) int64 {
	return c.enter(at, p).scanner.Feed(at.Off, p, c)
}

// Skip implements reassembly.Consumer.
func (c *callReader) Skip(at reassembly.At, n int64) { c.enter(at, nil).scanner.Skip(at.Off, n, c) }

// Gap implements reassembly.Consumer.
func (c *callReader) Gap(at reassembly.At, n int64, why reassembly.GapKind, next capture.Ref) {
	c.enter(at, nil).scanner.Gap(at.Off, n, c)
}

// Close implements reassembly.Consumer.
func (c *callReader) Close(h reassembly.HalfID, how reassembly.End, at reassembly.At) {
	c.enter(at, nil).scanner.Close(at.Off, c)
}

// add adds a part of the given stream, if that is wanted.
func (c *callReader) add(stream uint32, p callPart) {
	h := c.pass
	call, ok := h.calls[stream]
	if !ok {
		return
	}
	p.conv, p.call, p.reply, p.at = call[0], call[1], h.reply, h.at
	if k, ok := h.last[stream]; ok { // a stream keeps its order where packets lost it
		p.at = later(p.at, c.parts[k].at)
	}
	h.last[stream] = len(c.parts)
	c.parts = append(c.parts, p)
}

// keep puts bytes into the spool.
func (c *callReader) keep(b []byte) int64 {
	spot, err := c.spool.add(b)
	if err != nil && c.err == nil {
		c.err = err
	}
	return spot
}

// Headers implements http2.Handler.
func (c *callReader) Headers(h *http2.Headers) uint32 {
	if _, ok := c.pass.calls[h.Stream]; !ok || h.Promise {
		return 0
	}
	c.buf = appendFields(c.buf[:0], h.Fields)
	c.add(h.Stream, callPart{kind: partFields, end: h.EndStream, spot: c.keep(c.buf), n: int64(len(c.buf))})
	return 0
}

// Data implements http2.Handler.
func (c *callReader) Data(d *http2.Data) {
	if _, ok := c.pass.calls[d.Stream]; !ok {
		return
	}
	if d.Bytes == nil {
		c.add(d.Stream, callPart{kind: partHole, n: d.Len})
		return
	}
	c.add(d.Stream, callPart{kind: partData, spot: c.keep(d.Bytes), n: d.Len})
}

// End implements http2.Handler.
func (c *callReader) End(m *http2.Message) {
	k, ok := c.pass.last[m.Stream]
	switch {
	case !ok:
	case m.Reset:
		c.add(m.Stream, callPart{kind: partReset, end: true, code: m.Code})
	case m.Ended && c.parts[k].at.Compare(c.pass.at) >= 0:
		c.parts[k].end = true
	case m.Ended && !c.parts[k].end:
		c.add(m.Stream, callPart{kind: partData, end: true})
	}
}

// GoAway implements http2.Handler.
func (c *callReader) GoAway(last, code uint32) {}

func later(a, b index.Moment) index.Moment {
	if a.Compare(b) < 0 {
		return b
	}
	return a
}

// appendFields appends a form of header fields that readFields reads. Of those
// whose names are lost the values are left out.
func appendFields(b []byte, fields []http2.Field) []byte {
	for _, f := range fields {
		if f.Name == "" {
			continue
		}
		b = appendField(b, f.Name, f.Value)
	}
	return b
}

// appendField appends one field in that form.
func appendField(b []byte, name, value string) []byte {
	for _, s := range [2]string{name, value} {
		b = binary.AppendUvarint(b, uint64(len(s)))
		b = append(b, s...)
	}
	return b
}

// readFields calls yield with the fields in b.
func readFields(b []byte, yield func(name, value string)) {
	next := func() string {
		n, k := binary.Uvarint(b)
		s := string(b[k : k+int(n)])
		b = b[k+int(n):]
		return s
	}
	for len(b) > 0 {
		name := next()
		yield(name, next())
	}
}
