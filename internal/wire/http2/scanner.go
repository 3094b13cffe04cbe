package http2

import "golang.org/x/net/http2"

// A Scanner finds the messages in one direction of a connection. It must be
// Reset before use, and not be copied after. It is not safe for concurrent use.
type Scanner struct {
	mem     *Scratch
	table   table
	streams streams
	block   block
	frame   frame   // being read
	buf     []byte  // owned: a wanted frame so far, while it is split over pieces
	body    *stream // whose DATA frame is being read
	seekers []int64 // offsets in coming pieces where a frame header stands, if what led there was one

	pos        int64  // stream offset of the next byte
	left       int64  // bytes of the frame's payload to come, padding included
	data       int64  // of them, those of a DATA frame that are no padding
	longest    int64  // payload seen, or what every peer must take
	highest    uint32 // stream seen
	epoch      uint32 // how often the framing was lost
	held       [len(Preface)]byte
	have       uint8 // bytes of held
	state      state
	kind       Kind
	everything bool // bodies are wanted whole
	spoiled    bool // the frame being passed over was wanted
	lossy      bool // fields of some header block are unknown
	first      bool // no frame was seen yet, and the next one is the connection's first
	resync     bool // the framing was lost, and no header block was seen since
}

// state is what the next byte belongs to.
type state uint8

const (
	seeking   state = iota // unknown
	inPreface              // the client's preface
	inHeader               // a frame header
	inFrame                // the payload of a frame that is wanted
	inPadding              // the pad length of a DATA frame
	inData                 // the data of a DATA frame
	passing                // payload that is not wanted
	declined               // of no interest; this and the next ones are final
	ended                  // nothing: the stream ended
)

// defaultLongest is the payload that every peer must take (RFC 9113 §4.2).
const defaultLongest = 16 << 10

// Reset makes s ready for a new stream whose first byte has offset 0. start
// tells that this is the first byte of the connection; else the stream begins
// somewhere in the middle. mem is kept and may be shared by all scanners of
// one goroutine.
func (s *Scanner) Reset(mem *Scratch, start bool) {
	*s = Scanner{mem: mem, longest: defaultLongest, highest: maxSpread}
	s.table.mem = mem
	if start {
		s.state, s.first = inHeader, true
		return
	}
	s.highest = unseenSpread
	s.forget()
}

// Everything makes s want the payload of all DATA frames, so that the handler
// is given it. It is called after Reset.
func (s *Scanner) Everything() { s.everything = true }

// Kind returns what the stream carries, as far as is known.
func (s *Scanner) Kind() Kind { return s.kind }

// Lossy reports whether fields of some header block were unknown.
func (s *Scanner) Lossy() bool { return s.lossy }

// Lost reports whether the framing was lost, so that messages may have been
// missed.
func (s *Scanner) Lost() bool { return s.epoch > 0 }

// Seeking reports whether frame headers are being looked for.
func (s *Scanner) Seeking() bool { return s.state == seeking }

// Began returns the stream offset of the frame being read, or of the first one
// of the header block being read; -1 if there is none. Called after each piece
// it tells which one a message began in.
func (s *Scanner) Began() int64 {
	switch {
	case s.block.open:
		return s.block.off
	case s.state == inHeader && s.have > 0:
		return s.pos - int64(s.have)
	case s.state > inHeader && s.state < declined:
		return s.frame.off
	}
	return -1
}

// Feed pushes the bytes at stream offset off. It returns how many of the bytes
// after p are not wanted: the caller passes them to Skip or Gap. It does not
// keep p.
func (s *Scanner) Feed(off int64, p []byte, ev Handler) (skip int64) {
	if s.state >= declined {
		return 0
	}
	p = p[s.align(off, int64(len(p)), ev):]
	for len(p) > 0 {
		p = s.step(p, ev)
	}
	return s.want()
}

// Skip passes over n bytes at stream offset off that were captured but not
// wanted.
func (s *Scanner) Skip(off, n int64, ev Handler) {
	n -= s.align(off, n, ev)
	s.pass(n, false, ev)
}

// Gap passes over n bytes at stream offset off that are missing.
func (s *Scanner) Gap(off, n int64, ev Handler) {
	n -= s.align(off, n, ev)
	s.pass(n, true, ev)
}

// Close tells that the stream ends at offset off. Messages that were not over
// end there, those with the lowest stream numbers first.
func (s *Scanner) Close(off int64, ev Handler) {
	s.align(off, 0, ev)
	s.cutFrame()
	for _, st := range s.streams.inOrder() {
		s.endStream(st, false, ev)
	}
	s.release()
	s.state = ended
}

// align brings s to stream offset off: what lies between is a gap. It returns
// how many of the n bytes at off were passed before.
func (s *Scanner) align(off, n int64, ev Handler) int64 {
	if off > s.pos {
		s.pass(off-s.pos, true, ev)
	}
	return max(min(s.pos-off, n), 0)
}

// step takes some of p and returns the rest.
func (s *Scanner) step(p []byte, ev Handler) []byte {
	switch s.state {
	case seeking:
		return s.seek(p)
	case inPreface:
		return s.preface(p)
	case inHeader:
		return s.header(p, ev)
	case inFrame:
		return s.collect(p, ev)
	case inPadding:
		return s.padding(p, ev)
	case inData:
		return s.content(p, ev)
	case passing:
		n := min(s.left, int64(len(p)))
		s.left -= n
		p = s.take(p, int(n))
		s.frameDone(ev)
		return p
	}
	return s.take(p, len(p))
}

// take moves past n bytes of p.
func (s *Scanner) take(p []byte, n int) []byte {
	s.pos += int64(n)
	return p[n:]
}

// want returns how many of the next bytes are not wanted.
func (s *Scanner) want() int64 {
	switch s.state {
	case passing:
		return s.left
	case inData:
		if s.everything {
			return 0
		}
		return min(s.body.body.WantAhead(s.data), s.body.grpc.want())
	}
	return 0
}

// pass moves past n bytes that are not seen.
func (s *Scanner) pass(n int64, missing bool, ev Handler) {
	for n > 0 {
		k := n
		switch s.state {
		case inData:
			k = min(n, s.data)
			s.passData(k, missing, ev)
			n -= k
			continue
		case inFrame, inPadding, passing:
			k = min(n, s.left)
			s.spoil()
			s.left -= k
		case inPreface, inHeader:
			s.lose()
		}
		s.pos += k
		n -= k
		s.frameDone(ev)
	}
}

// spoil makes the payload at hand one of which bytes are missing.
func (s *Scanner) spoil() {
	switch s.state {
	case inFrame:
		s.spoiled = true // what came of it stays in s.buf
	case inPadding:
		s.body.flags |= unsure
	}
	s.state = passing
}

// lose gives up the framing: where the next frame begins is not known.
func (s *Scanner) lose() {
	s.cutFrame()
	s.release()
	s.forget()
}

// forget makes s one that knows neither frames nor the header table.
func (s *Scanner) forget() {
	s.epoch++
	s.table.lose()
	s.state, s.first, s.spoiled, s.resync, s.have = seeking, false, false, true, 0
}

// cutFrame counts what came of a DATA frame that is not whole.
func (s *Scanner) cutFrame() {
	if s.body != nil {
		s.body.wire += s.pos - s.frame.off
		s.body.last = s.pos
	}
}

// release gives the memory of split frames back.
func (s *Scanner) release() {
	s.mem.put(s.buf)
	s.mem.put(s.block.text)
	s.buf, s.block, s.body, s.seekers = nil, block{}, nil, nil
}

// preface takes bytes of the client's preface.
func (s *Scanner) preface(p []byte) []byte {
	n := copy(s.held[s.have:], p)
	s.have += uint8(n)
	if string(s.held[:s.have]) != Preface[:s.have] {
		s.state, s.kind = declined, NotHTTP2
	} else if int(s.have) == len(Preface) {
		s.state, s.kind, s.have, s.first = inHeader, Requests, 0, false
	}
	return s.take(p, n)
}

// header takes bytes of a frame header.
func (s *Scanner) header(p []byte, ev Handler) []byte {
	if s.first && s.have == 0 && p[0] == Preface[0] {
		s.state = inPreface
		return p
	}
	n := copy(s.held[s.have:frameHeaderLen], p)
	s.have += uint8(n)
	p = s.take(p, n)
	if s.have < frameHeaderLen {
		return p
	}
	s.have = 0
	s.frame = parseFrame(s.pos-frameHeaderLen, s.held[:])
	if s.first && !s.frame.opens() {
		s.state, s.kind = declined, NotHTTP2
		return p
	}
	if !s.frame.valid() {
		s.lose()
		return p
	}
	if s.first {
		s.first, s.kind = false, Responses
	}
	s.begin(ev)
	return p
}

// begin begins the payload of the frame whose header was read.
func (s *Scanner) begin(ev Handler) {
	f := &s.frame
	s.left = f.length
	s.longest = max(s.longest, f.length)
	s.highest = max(s.highest, min(f.stream, maxStream-maxSpread)+maxSpread)
	if !s.block.goesOn(f) {
		s.dropBlock(ev)
	}
	switch {
	case f.kind == http2.FrameData:
		s.beginData(ev)
		return
	case f.wanted() && f.length <= maxBlock:
		s.state = inFrame
	case f.wanted():
		s.state = inFrame
		s.spoil()
	default:
		s.state = passing
	}
	if s.left == 0 && s.state == inFrame {
		s.readWhole(s.held[:frameHeaderLen], ev)
		return
	}
	s.frameDone(ev)
}

// collect takes bytes of a wanted frame.
func (s *Scanner) collect(p []byte, ev Handler) []byte {
	n := int(min(s.left, int64(len(p))))
	if s.buf == nil {
		s.buf = append(s.mem.get(), s.held[:frameHeaderLen]...)
	}
	s.buf = append(s.buf, p[:n]...)
	s.left -= int64(n)
	p = s.take(p, n)
	if s.left == 0 {
		s.readWhole(s.buf, ev)
		s.mem.put(s.buf)
		s.buf = nil
	}
	return p
}

// readWhole reads a wanted frame that is whole.
func (s *Scanner) readWhole(b []byte, ev Handler) {
	s.state = inHeader
	s.readFrame(b, ev)
}

// frameDone begins the next frame if the payload at hand is over.
func (s *Scanner) frameDone(ev Handler) {
	if s.state != passing || s.left > 0 {
		return
	}
	s.state = inHeader
	if s.spoiled {
		s.spoiled = false
		s.readFrame(nil, ev)
		s.mem.put(s.buf)
		s.buf = nil
	}
	if st := s.body; st != nil {
		s.body = nil
		st.count(&s.frame)
		if s.frame.has(http2.FlagDataEndStream) {
			s.endStream(st, true, ev)
		}
	}
}
