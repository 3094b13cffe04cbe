package http1

import "bytes"

// begin passes over empty lines (RFC 9112 §2.2) and begins a head.
func (s *Scanner) begin(p []byte, ev Handler) []byte {
	for len(p) > 0 && (p[0] == '\r' || p[0] == '\n') {
		p = s.take(p, 1)
	}
	if len(p) == 0 {
		return nil
	}
	s.beginHead()
	if !mayStart(p, s.kind) {
		return s.fail(p, ev)
	}
	return s.head(p, ev)
}

// beginHead begins a head at s.pos.
func (s *Scanner) beginHead() {
	s.state, s.start, s.seen = inHead, s.pos, lineStart
	s.flags &^= lineOK
}

// seek begins a head at the beginning of a piece if it looks like one.
func (s *Scanner) seek(p []byte) {
	if len(p) > 0 && looksLikeStart(p, s.kind) {
		s.beginHead()
	}
}

// feedDoubtful goes on with a split head that seek began. If it was none, p
// may begin one itself: it is returned whole.
func (s *Scanner) feedDoubtful(p []byte, ev Handler) []byte {
	off := s.pos
	if len(p) == 0 {
		return p
	}
	rest := s.head(p, ev)
	if s.state == seeking {
		s.pos = off
		return p
	}
	return rest
}

// head takes bytes of a head.
func (s *Scanner) head(p []byte, ev Handler) []byte {
	n, seen, whole := emptyLine(p, s.seen)
	if len(s.buf)+n > maxHead {
		s.hold(p[:min(len(p), maxHead)]) // for its start line only
		return s.fail(p, ev)
	}
	s.seen = seen
	if !whole {
		if !s.hold(p) {
			return s.fail(p, ev)
		}
		return s.take(p, len(p))
	}
	text := p[:n]
	if len(s.buf) > 0 {
		s.buf = append(s.buf, text...)
		text = s.buf
	}
	h := &s.mem.head
	if !s.parse(h, text) {
		return s.fail(p, ev)
	}
	p = s.take(p, n)
	s.headDone(h, ev)
	s.release()
	return p
}

// parse fills h from a whole head. It returns false if that is none, or one
// whose body has no certain length.
func (s *Scanner) parse(h *Head, text []byte) bool {
	h.reset()
	line, rest := cutLine(text)
	if !h.startLine(line, s.kind) {
		return false
	}
	s.flags |= lineOK
	return h.parseFields(rest)
}

// hold keeps the bytes of a head that is not whole. It returns false as soon as
// its start line shows that it is none.
func (s *Scanner) hold(p []byte) bool {
	before := len(s.buf)
	if before == 0 {
		s.buf = s.mem.get()
	}
	s.buf = append(s.buf, p...)
	return s.flags.has(lineOK) || s.checkLine(before, p)
}

// checkLine checks what there is of the start line after p was added at before.
func (s *Scanner) checkLine(before int, p []byte) bool {
	if bytes.IndexByte(p, '\n') < 0 {
		return before >= prefixLen || mayStart(s.buf, s.kind)
	}
	line, _ := cutLine(s.buf)
	if !(&Head{}).startLine(line, s.kind) {
		return false
	}
	s.flags |= lineOK
	return true
}

// fail gives up a head, at p. If not even its start line is one, the stream is
// something else wherever that is possible.
func (s *Scanner) fail(p []byte, ev Handler) []byte {
	switch {
	case s.flags.has(lineOK):
		s.lose(ev)
	case s.flags.has(mayTunnel):
		s.tunnel(ev)
	case s.kind == Unknown && !s.flags.has(resync):
		s.release()
		s.state, s.kind = declined, NotHTTP
	default:
		s.lose(ev)
	}
	return s.take(p, len(p))
}

// headDone tells of a head and settles what follows it (RFC 9112 §6.3).
func (s *Scanner) headDone(h *Head, ev Handler) {
	h.Off, h.EndOff, h.Resync = s.start, s.pos, s.flags.has(resync)
	s.kind = Responses
	s.flags &^= mayTunnel
	if h.Request {
		s.kind = Requests
		if h.Upgrade || string(h.Method) == "CONNECT" {
			s.flags |= mayTunnel
		}
	}
	if h.Informational() {
		s.flags |= informational
	}
	s.headEnd, s.missing, s.left = s.pos, 0, 0
	rule := ev.Head(h)
	if h.Request {
		rule = BodyNormal
	}
	s.beginBody(h, rule, ev)
}

// beginBody begins the body of a message, or ends it if there is none.
func (s *Scanner) beginBody(h *Head, rule BodyRule, ev Handler) {
	length := bodyLength(h, rule)
	s.body.Reset(length)
	if rule == BodyGuess {
		s.flags |= guessBody
	}
	switch {
	case length > 0:
		s.state, s.left = inLength, length
	case length == 0:
		s.finish(true, ev)
	case h.Chunked:
		s.beginChunk()
	default:
		s.state = untilClose
	}
	if opensTunnel(h, rule) {
		s.tunnel(ev)
	}
}

// bodyLength returns the length of the body, -1 if its end will show.
func bodyLength(h *Head, rule BodyRule) int64 {
	switch {
	case h.Request && !h.Chunked && h.ContentLength < 0,
		!h.Request && (rule == BodyNone || h.Status < 200 || h.Status == 204 || h.Status == 304),
		opensTunnel(h, rule):
		return 0
	}
	return h.ContentLength
}

// opensTunnel reports whether a tunnel follows the head.
func opensTunnel(h *Head, rule BodyRule) bool {
	return !h.Request && (h.Status == statusSwitching || rule == BodyConnect && h.Status/100 == 2)
}
