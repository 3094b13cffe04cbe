package http2

import (
	"slices"
	"strconv"
	"strings"

	"golang.org/x/net/http2"
)

// maxBlock bounds the bytes of a header block, and so of a frame that is kept.
// Envoy takes 60 KiB of fields by default, Go 1 MiB.
const maxBlock = 1 << 20

// A block is the header block being read: a HEADERS or PUSH_PROMISE frame and
// the CONTINUATION frames after it (RFC 9113 §4.3).
type block struct {
	text      []byte // owned: what came so far, while it is split over frames
	off, end  int64  // of its frames
	wire      int64  // bytes of its frames
	carrier   uint32 // stream of its frames
	stream    uint32 // that it speaks of: another one only in a promise
	endStream bool
	promise   bool
	open      bool    // begun, and not told of yet
	headless  bool    // its first frame was not seen
	lost      bool    // parts of it are missing
	known     []Field // what is known of one that is lost
}

// readFrame reads a wanted frame whose bytes are all there; b is nil if it was
// not captured whole, or is too long.
func (s *Scanner) readFrame(b []byte, ev Handler) {
	var parsed http2.Frame
	if b != nil {
		parsed, _ = s.mem.read(b) // nil when malformed: as if it had not been captured
	}
	switch s.frame.kind {
	case http2.FrameRSTStream:
		s.reset(parsed, ev)
	case http2.FrameGoAway:
		if g, ok := parsed.(*http2.GoAwayFrame); ok {
			ev.GoAway(g.LastStreamID, uint32(g.ErrCode))
		}
	default:
		s.readBlock(parsed, ev)
	}
}

// readBlock reads a frame that carries a part of a header block.
func (s *Scanner) readBlock(parsed http2.Frame, ev Handler) {
	f, b := &s.frame, &s.block
	if !b.open {
		*b = block{off: f.off, carrier: f.stream, stream: f.stream, open: true,
			endStream: f.kind == http2.FrameHeaders && f.has(http2.FlagHeadersEndStream),
			promise:   f.kind == http2.FramePushPromise, headless: f.kind == http2.FrameContinuation}
	}
	if p, ok := parsed.(*http2.PushPromiseFrame); ok {
		b.stream = p.PromiseID
	}
	b.end, b.wire = f.end(), b.wire+frameHeaderLen+f.length
	text, ok := fragment(parsed)
	if first := b.wire == frameHeaderLen+f.length; !ok && first && f.kind == http2.FrameHeaders {
		s.readStart()
	}
	b.lost = b.lost || !ok || b.headless
	if f.has(http2.FlagHeadersEndHeaders) { // the same bit in all of them
		s.endBlock(text, ev)
		return
	}
	s.holdBlock(text)
}

// readStart takes from a HEADERS frame that was not captured whole the fields
// with which it begins.
func (s *Scanner) readStart() {
	if skip := frameHeaderLen + int(s.frame.overhead()); len(s.buf) > skip {
		s.block.known = slices.Clone(s.table.begin(s.buf[skip:]))
	}
}

// fragment returns the part of a header block that a frame carries.
func fragment(f http2.Frame) (text []byte, ok bool) {
	switch f := f.(type) {
	case *http2.HeadersFrame:
		return f.HeaderBlockFragment(), true
	case *http2.PushPromiseFrame:
		return f.HeaderBlockFragment(), true
	case *http2.ContinuationFrame:
		return f.HeaderBlockFragment(), true
	}
	return nil, false
}

// goesOn reports whether a frame goes on with the block at hand.
func (b *block) goesOn(f *frame) bool {
	return b.open && f.kind == http2.FrameContinuation && b.carrier == f.stream
}

// holdBlock keeps a part of a block until the rest comes.
func (s *Scanner) holdBlock(text []byte) {
	b := &s.block
	if len(b.text)+len(text) > maxBlock {
		b.lost = true
	}
	if b.lost {
		s.mem.put(b.text)
		b.text = nil
		return
	}
	if b.text == nil {
		b.text = s.mem.get()
	}
	b.text = append(b.text, text...)
}

// dropBlock gives up a block that other frames follow.
func (s *Scanner) dropBlock(ev Handler) {
	if s.block.open {
		s.block.lost = true
		s.endBlock(nil, ev)
	}
}

// endBlock tells of a block, of which text is the last part.
func (s *Scanner) endBlock(text []byte, ev Handler) {
	if s.block.text != nil {
		s.holdBlock(text)
		text = s.block.text
	}
	b := s.block
	s.block = block{}
	h := &s.mem.headers
	*h = Headers{Off: b.off, EndOff: b.end, Stream: b.stream, EndStream: b.endStream, Promise: b.promise, Resync: s.resync, Unknown: true}
	if b.lost {
		h.Fields = b.known
		s.table.lose()
	} else {
		h.Fields, h.Unknown = s.table.decode(text)
	}
	s.mem.put(b.text)
	s.lossy = s.lossy || h.Unknown
	s.resync = false
	s.headers(h, &b, ev)
}

// headers settles what the header block b is and tells of it.
func (s *Scanner) headers(h *Headers, b *block, ev Handler) {
	pseudo, status := s.pseudo(h)
	h.Request = h.Promise || s.kind == Requests
	if h.Promise {
		ev.Headers(h)
		return
	}
	st := s.open(h.Stream, h.Off, ev)
	st.wire, st.last = st.wire+b.wire, h.EndOff
	if b.headless {
		st.flags |= torn
	}
	h.Trailers = st.flags.has(hasHead) || !pseudo && s.trails(st, h)
	h.Informational = !h.Trailers && status/100 == 1
	if h.Request {
		st.flags |= isRequest
	}
	st.readStatus(h)
	s.tell(st, h, ev)
	if h.EndStream {
		s.endStream(st, true, ev)
	}
}

// tell tells of the header block h of stream st.
func (s *Scanner) tell(st *stream, h *Headers, ev Handler) {
	switch {
	case h.Trailers:
		told := *h
		s.behead(st, ev)
		*h = told
		ev.Headers(h)
	case h.Informational:
		ev.Headers(h)
	default:
		st.flags |= hasHead
		st.start, st.headEnd = h.Off, h.EndOff
		st.readContentType(h)
		st.tag = ev.Headers(h)
	}
}

// trails reports whether a block without pseudo-header fields on a stream without
// a head is its trailers. Where all fields are known, or a body came before, it
// must be; else, after a loss, the one that ends the stream is taken to be.
func (s *Scanner) trails(st *stream, h *Headers) bool {
	return !h.Unknown || st.body.Len() > 0 || h.EndStream && s.epoch > 0
}

// pseudo reports whether h has pseudo-header fields, and what they say: the
// status of a response, 0 if it is unknown, and which side the half is.
func (s *Scanner) pseudo(h *Headers) (found bool, status int) {
	for i := range h.Fields {
		f := &h.Fields[i]
		switch {
		case f.Name == ":status":
			found = true
			status, _ = strconv.Atoi(f.Value)
			if s.kind == Unknown {
				s.kind = Responses
			}
		case strings.HasPrefix(f.Name, ":"):
			found = true
			if s.kind == Unknown && !h.Promise {
				s.kind = Requests
			}
		}
	}
	return found, status
}

// readContentType looks whether the body is gRPC.
func (st *stream) readContentType(h *Headers) {
	v, ok := h.Field("content-type")
	rest, grpc := strings.CutPrefix(v, "application/grpc")
	st.grpc.found = ok && grpc && (rest == "" || rest[0] == '+' || rest[0] == ';')
}

// readStatus reads the status of a gRPC call, which stands in the trailers, or
// in the head if there is nothing else.
func (st *stream) readStatus(h *Headers) {
	if v, ok := h.Field("grpc-status"); ok {
		if n, err := strconv.ParseUint(v, 10, 31); err == nil {
			st.status = int32(n)
		}
	}
}

// reset ends a stream that its sender gave up.
func (s *Scanner) reset(parsed http2.Frame, ev Handler) {
	st := s.streams.byID[s.frame.stream]
	if st == nil {
		return // over already
	}
	st.count(&s.frame)
	st.flags |= wasReset
	if r, ok := parsed.(*http2.RSTStreamFrame); ok {
		st.code = uint32(r.ErrCode)
	}
	s.endStream(st, false, ev)
}
