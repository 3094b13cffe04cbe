package emit

import (
	"bytes"
	"math"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"

	"github.com/pcapmesh/pcapmesh/mesh/internal/index"
)

// A callWriter makes of the parts of exchanges a connection of their own: with
// a preface, settings, header tables and stream numbers that belong to nothing
// else.
type callWriter struct {
	conv    int32
	spool   *spool
	sides   [2]*callSide // sent by the client, by the server
	streams map[int32]uint32
	chunks  []chunk
	err     error
}

// A callSide is one direction.
type callSide struct {
	out    bytes.Buffer // frames that one packet carries
	at     index.Moment // that packet
	framer *http2.Framer
	block  bytes.Buffer
	fields *hpack.Encoder
	pieces int32
	off    int64
	begun  bool
	acked  bool // the other side's settings
}

const (
	// maxFrame is the longest payload that every peer takes (RFC 9113 §4.2).
	maxFrame = 16 << 10
	// maxWindow is the largest flow-control window (RFC 9113 §6.9.1): the
	// exchanges come from connections that had windows of their own.
	maxWindow = math.MaxInt32
	// initialWindow is the one that a connection begins with (RFC 9113 §6.9.2).
	initialWindow = 65535
)

func newCallWriter(conv int32, sp *spool) *callWriter {
	w := &callWriter{conv: conv, spool: sp, streams: make(map[int32]uint32)}
	for d := range w.sides {
		s := new(callSide)
		s.framer = http2.NewFramer(&s.out, nil)
		s.framer.AllowIllegalWrites = true // what was captured is written as it was
		s.fields = hpack.NewEncoder(&s.block)
		w.sides[d] = s
	}
	return w
}

// write makes the chunks of one conversation from its parts, which are in the
// order of time.
func (w *callWriter) write(parts []callPart) {
	w.number(parts)
	w.begin(0, parts[0].at)
	for i := range parts {
		p := &parts[i]
		d := side(p.reply)
		w.begin(d, p.at)
		w.move(d, p.at)
		w.part(w.sides[d], d, p)
	}
	for d := range w.sides {
		w.flush(d)
	}
}

// number gives the exchanges stream numbers in the order in which they were
// asked, as RFC 9113 §5.1.1 wants it.
func (w *callWriter) number(parts []callPart) {
	next := uint32(1)
	for _, replies := range [2]bool{false, true} {
		for i := range parts {
			if p := &parts[i]; p.reply == replies && w.streams[p.call] == 0 {
				w.streams[p.call] = next
				next += 2
			}
		}
	}
}

// begin makes what side d begins with, in the packet at.
func (w *callWriter) begin(d int, at index.Moment) {
	s := w.sides[d]
	if s.begun {
		return
	}
	s.begun, s.at = true, at
	if d == 0 {
		s.out.WriteString(http2.ClientPreface)
	}
	settings := []http2.Setting{{ID: http2.SettingInitialWindowSize, Val: maxWindow}}
	if d == 0 {
		settings = append(settings, http2.Setting{ID: http2.SettingEnablePush, Val: 0})
	}
	w.check(s.framer.WriteSettings(settings...))
	w.check(s.framer.WriteWindowUpdate(0, maxWindow-initialWindow))
	if d == 1 {
		w.check(s.framer.WriteSettingsAck())
	}
}

// move makes at the packet that what side d sends next is in.
func (w *callWriter) move(d int, at index.Moment) {
	s, o := w.sides[d], w.sides[1-d]
	if s.at != at {
		w.flush(d)
		s.at = at
	}
	if d == 0 && o.begun && !s.acked && o.at.Compare(at) < 0 {
		s.acked = true
		w.check(s.framer.WriteSettingsAck())
	}
}

// part makes the frames of one part.
func (w *callWriter) part(s *callSide, d int, p *callPart) {
	id := w.streams[p.call]
	switch p.kind {
	case partFields:
		w.headers(s, id, p)
	case partReset:
		w.check(s.framer.WriteRSTStream(id, http2.ErrCode(p.code)))
	case partData:
		b, err := w.spool.read(p.spot, int(p.n))
		w.check(err)
		for first := true; first || len(b) > 0; first = false {
			k := min(len(b), maxFrame)
			w.check(s.framer.WriteData(id, p.end && k == len(b), b[:k]))
			b = b[k:]
		}
	case partHole:
		w.hole(s, d, id, p)
	}
}

// headers makes HEADERS and CONTINUATION frames.
func (w *callWriter) headers(s *callSide, id uint32, p *callPart) {
	text, err := w.spool.read(p.spot, int(p.n))
	w.check(err)
	s.block.Reset()
	readFields(text, func(name, value string) {
		w.check(s.fields.WriteField(hpack.HeaderField{Name: name, Value: value}))
	})
	b := s.block.Bytes()
	k := min(len(b), maxFrame)
	w.check(s.framer.WriteHeaders(http2.HeadersFrameParam{StreamID: id, BlockFragment: b[:k], EndStream: p.end, EndHeaders: k == len(b)}))
	for b = b[k:]; len(b) > 0; b = b[k:] {
		k = min(len(b), maxFrame)
		w.check(s.framer.WriteContinuation(id, k == len(b), b[:k]))
	}
}

// hole makes DATA frames whose content is missing.
func (w *callWriter) hole(s *callSide, d int, id uint32, p *callPart) {
	for left := p.n; left > 0; {
		k := min(left, maxFrame)
		left -= k
		flags := http2.Flags(0)
		if p.end && left == 0 {
			flags = http2.FlagDataEndStream
		}
		s.out.Write([]byte{byte(k >> 16), byte(k >> 8), byte(k), byte(http2.FrameData), byte(flags),
			byte(id >> 24), byte(id >> 16), byte(id >> 8), byte(id)})
		w.flush(d)
		w.chunk(s, d, chunk{gap: true, n: k})
	}
}

// flush makes a chunk of the frames of one packet.
func (w *callWriter) flush(d int) {
	s := w.sides[d]
	if s.out.Len() == 0 {
		return
	}
	spot, err := w.spool.add(s.out.Bytes())
	w.check(err)
	w.chunk(s, d, chunk{spot: spot, n: int64(s.out.Len())})
	s.out.Reset()
}

// chunk adds a chunk of side d.
func (w *callWriter) chunk(s *callSide, d int, c chunk) {
	c.conv, c.reply, c.piece, c.off, c.from, c.at = w.conv, d == 1, s.pieces, s.off, s.at, s.at
	s.pieces++
	s.off += c.n
	w.chunks = append(w.chunks, c)
}

func (w *callWriter) check(err error) {
	if w.err == nil {
		w.err = err
	}
}
