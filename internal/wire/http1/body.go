package http1

import "bytes"

// content takes bytes of a body of known length, of a chunk's data, or of a
// body that ends with the stream.
func (s *Scanner) content(p []byte, ev Handler) []byte {
	if s.flags.has(guessBody) && s.isNextHead(p, ev) {
		return p
	}
	n := len(p)
	if s.state != untilClose {
		n = int(min(int64(n), s.left))
		s.left -= int64(n)
	}
	s.body.Write(p[:n])
	if s.flags.has(everything) && n > 0 {
		ev.(Reader).Body(s.pos, p[:n], int64(n))
	}
	p = s.take(p, n)
	s.bodyDone(ev)
	return p
}

// bodyDone moves on when the body of known length or the chunk has come to its
// end.
func (s *Scanner) bodyDone(ev Handler) {
	switch {
	case s.left > 0:
	case s.state == inLength:
		s.finish(true, ev)
	case s.state == chunkData:
		s.state, s.seen = chunkEnd, lineStart
	}
}

// isNextHead reports whether p, where the body of a response to an unknown
// request should begin, is the next response: then there is no body, as after
// a HEAD request.
func (s *Scanner) isNextHead(p []byte, ev Handler) bool {
	s.flags &^= guessBody
	line, _ := cutLine(p)
	if len(line) == len(p) || !(&Head{}).statusLine(line) {
		return false
	}
	s.body.Reset(0)
	s.finish(true, ev)
	return true
}

// beginChunk expects a chunk's first line (RFC 9112 §7.1).
func (s *Scanner) beginChunk() {
	s.state, s.left, s.digits = chunkSize, 0, 0
}

// maxDigits bounds the digits of a chunk size, as net/http does; leading zeros
// count.
const maxDigits = 16

// size takes the digits of a chunk size.
func (s *Scanner) size(p []byte, ev Handler) []byte {
	if s.flags.has(guessBody) && s.isNextHead(p, ev) {
		return p
	}
	for i, c := range p {
		d, ok := hexDigit(c)
		switch {
		case ok && s.digits < maxDigits && s.left < 1<<58:
			s.left = s.left<<4 | d
			s.digits++
		case s.digits > 0 && (c == '\r' || c == '\n' || c == ';' || isSpace(c)):
			s.state = chunkExt
			return s.take(p, i)
		default:
			p = s.take(p, i)
			s.lose(ev)
			return s.take(p, len(p))
		}
	}
	return s.take(p, len(p))
}

// hexDigit returns the value of a hexadecimal digit.
func hexDigit(c byte) (int64, bool) {
	switch {
	case c >= '0' && c <= '9':
		return int64(c - '0'), true
	case lower(c) >= 'a' && lower(c) <= 'f':
		return int64(lower(c)-'a') + 10, true
	}
	return 0, false
}

// extension takes the rest of a chunk's first line, the extensions unread.
func (s *Scanner) extension(p []byte) []byte {
	i := bytes.IndexByte(p, '\n')
	if i < 0 {
		return s.take(p, len(p))
	}
	s.state = chunkData
	if s.left == 0 {
		s.state, s.seen = inTrailer, lineStart
	}
	return s.take(p, i+1)
}

// endOfChunk takes the line end after a chunk's data.
func (s *Scanner) endOfChunk(p []byte, ev Handler) []byte {
	switch {
	case p[0] == '\n':
		s.beginChunk()
	case p[0] == '\r' && s.seen == lineStart:
		s.seen = lineCR
	default:
		s.lose(ev)
		return s.take(p, len(p))
	}
	return s.take(p, 1)
}

// trailer takes bytes of the trailer section, which is not part of the body.
func (s *Scanner) trailer(p []byte, ev Handler) []byte {
	n, seen, whole := emptyLine(p, s.seen)
	if s.left += int64(n); s.left > maxHead {
		s.lose(ev)
		return s.take(p, len(p))
	}
	s.seen = seen
	if s.flags.has(everything) {
		s.buf = append(s.buf, p[:n]...)
	}
	p = s.take(p, n)
	if whole {
		s.tellTrailer(ev)
		s.finish(true, ev)
	}
	return p
}

// tellTrailer gives a whole trailer section to a Reader, if it has fields.
func (s *Scanner) tellTrailer(ev Handler) {
	if !s.flags.has(everything) {
		return
	}
	h := &s.mem.head
	h.reset()
	if h.fields = s.buf; !isSpace(s.buf[0]) && h.readFields() && len(h.fields) > 0 {
		ev.(Reader).Trailer(h)
	}
	s.release()
}
