package http1

import "github.com/pcapmesh/pcapmesh/internal/wire/fingerprint"

// maxHead bounds the bytes of a head and of a trailer. Envoy takes heads of 60
// KiB by default (max_request_headers_kb), nginx and Apache less.
const maxHead = 64 << 10

// A Scanner finds the messages in one direction of a connection. It must be
// Reset before use. It is not safe for concurrent use.
type Scanner struct {
	mem  *Scratch
	buf  []byte              // owned: the head so far, while it is split over pieces
	body fingerprint.Sampler // of the message being read

	pos     int64 // stream offset of the next byte
	start   int64 // of the message being read
	headEnd int64 // of the message being read; between messages the end of the last one
	left    int64 // bytes to come of a body or chunk; bytes of a trailer so far; value of a chunk size so far
	missing int64 // bytes of the body that were not captured

	state  state
	kind   Kind
	seen   uint8 // of a head's or trailer's line, see emptyLine
	digits uint8 // of a chunk size so far
	flags  flags
}

// state is what the next byte belongs to.
type state uint8

const (
	seeking    state = iota // unknown; a piece may begin a head
	between                 // an empty line, or a head
	inHead                  // a head
	inLength                // a body of known length
	untilClose              // a body that ends with the stream
	chunkSize               // the digits of a chunk size
	chunkExt                // the rest of a chunk's first line
	chunkData               // the data of a chunk
	chunkEnd                // the line end after it
	inTrailer               // the trailer section
	declined                // of no interest; this and the next ones are final
	tunnelled               // of a tunnel
	ended                   // nothing: the stream ended
)

type flags uint8

const (
	resync        flags = 1 << iota // see Message.Resync; also until the first message of a stream seen from the middle
	lineOK                          // the start line of the head being read is one
	mayTunnel                       // the last message asked for a tunnel
	informational                   // see Message.Informational
	guessBody                       // BodyGuess, and nothing of the body was seen
	everything                      // the handler is a Reader
)

func (f flags) has(g flags) bool { return f&g != 0 }

// Reset makes s ready for a new stream whose first byte has offset 0. start
// tells that this is the first byte of the connection; else the stream begins
// somewhere in the middle. mem is kept and may be shared by all scanners of
// one goroutine.
func (s *Scanner) Reset(mem *Scratch, start bool) {
	mem.put(s.buf)
	*s = Scanner{mem: mem, flags: resync}
	if start {
		s.flags, s.state = 0, between
	}
}

// Everything makes s want all bytes and give what messages say to its handler,
// which must be a Reader. It is called after Reset.
func (s *Scanner) Everything() { s.flags |= everything }

// Kind returns what the stream carries, as far as is known.
func (s *Scanner) Kind() Kind { return s.kind }

// Began returns the stream offset of the start line of the message being read,
// -1 if there is none. Called after each piece it tells which one a message
// began in.
func (s *Scanner) Began() int64 {
	if s.state <= between || s.state >= declined {
		return -1
	}
	return s.start
}

// Feed pushes the bytes at stream offset off. It returns how many of the bytes
// after p are not wanted: the caller passes them to Skip or Gap. It does not
// keep p.
func (s *Scanner) Feed(off int64, p []byte, ev Handler) (skip int64) {
	if s.state >= declined {
		return 0
	}
	p = p[s.align(off, int64(len(p)), ev):]
	if s.state == inHead && s.flags.has(resync) {
		p = s.feedDoubtful(p, ev)
	}
	if s.state == seeking {
		s.seek(p)
	}
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

// Close tells that the stream ends at offset off; fin that its sender ended it
// there, which completes a body without a length.
func (s *Scanner) Close(off int64, fin bool, ev Handler) {
	s.align(off, 0, ev)
	switch s.state {
	case inLength:
		s.finish(false, ev)
	case untilClose:
		if !fin {
			s.body.Cut()
		}
		s.finish(fin, ev)
	case inHead:
		if s.flags.has(mayTunnel) && !s.flags.has(lineOK) {
			s.tunnel(ev)
		}
	case chunkSize, chunkExt, chunkData, chunkEnd, inTrailer:
		s.body.Cut()
		s.finish(false, ev)
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
	case between:
		return s.begin(p, ev)
	case inHead:
		return s.head(p, ev)
	case inLength, untilClose, chunkData:
		return s.content(p, ev)
	case chunkSize:
		return s.size(p, ev)
	case chunkExt:
		return s.extension(p)
	case chunkEnd:
		return s.endOfChunk(p, ev)
	case inTrailer:
		return s.trailer(p, ev)
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
	switch {
	case s.flags.has(everything):
	case s.state == inLength:
		return s.body.Want()
	case s.state == chunkData:
		return s.body.WantAhead(s.left)
	}
	return 0
}

// pass moves past n bytes that are not seen.
func (s *Scanner) pass(n int64, missing bool, ev Handler) {
	for n > 0 {
		k := n
		switch s.state {
		case inLength, chunkData:
			k = min(n, s.left)
			s.passBody(k, missing, ev)
			s.left -= k
		case untilClose:
			s.passBody(k, missing, ev)
		case seeking, declined, tunnelled, ended:
		default:
			s.lose(ev)
		}
		s.pos += k
		s.bodyDone(ev)
		n -= k
	}
}

// passBody moves past n bytes of the body.
func (s *Scanner) passBody(n int64, missing bool, ev Handler) {
	s.flags &^= guessBody
	s.body.Gap(n)
	if s.flags.has(everything) {
		ev.(Reader).Body(s.pos, nil, n)
	}
	if missing {
		s.missing += n
	}
}

// lose gives up the message being read, if any, because the next byte's place
// in it is not known.
func (s *Scanner) lose(ev Handler) {
	if s.state > inHead && s.state < declined {
		s.body.Cut()
		s.finish(false, ev)
	}
	s.release()
	s.state = seeking
	s.flags = s.flags&^(mayTunnel|lineOK) | resync
}

// finish ends the message being read at s.pos.
func (s *Scanner) finish(complete bool, ev Handler) {
	m := &s.mem.message
	*m = Message{
		Start: s.start, HeadEnd: s.headEnd, End: s.pos,
		Request: s.kind == Requests, Informational: s.flags.has(informational), Resync: s.flags.has(resync),
		Complete: complete,
		BodyLen:  s.body.Len(), MissingBytes: s.missing, Body: s.body.Sum(),
	}
	s.state = between
	s.headEnd = s.pos
	s.flags &^= resync | informational | guessBody
	ev.End(m)
}

// tunnel declares the stream from the end of the last message on to be none.
func (s *Scanner) tunnel(ev Handler) {
	s.release()
	s.state, s.kind = tunnelled, Tunnel
	ev.Tunnel(s.headEnd)
}

// release gives the memory of a split head back.
func (s *Scanner) release() {
	s.mem.put(s.buf)
	s.buf = nil
}
