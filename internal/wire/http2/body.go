package http2

import "golang.org/x/net/http2"

// beginData begins the payload of a DATA frame (RFC 9113 §6.1):
//
//	| pad length, if PADDED | data | padding |
func (s *Scanner) beginData(ev Handler) {
	s.body = s.open(s.frame.stream, s.frame.off, ev)
	if s.kind == Requests {
		s.body.flags |= isRequest
	}
	s.behead(s.body, ev)
	s.data = s.left
	s.state = inData
	if s.frame.has(http2.FlagDataPadded) {
		s.state = inPadding
	}
	s.dataDone(ev)
}

// padding takes the pad length.
func (s *Scanner) padding(p []byte, ev Handler) []byte {
	s.left--
	s.data = max(s.left-int64(p[0]), 0) // longer than the rest: an error
	s.state = inData
	p = s.take(p, 1)
	s.dataDone(ev)
	return p
}

// content takes bytes of a body.
func (s *Scanner) content(p []byte, ev Handler) []byte {
	n := min(s.data, int64(len(p)))
	s.body.body.Write(p[:n])
	s.body.grpc.write(p[:n])
	s.progress(n, p[:n], false, ev)
	s.move(n)
	p = p[n:]
	s.dataDone(ev)
	return p
}

// passData moves past n bytes of a body that are not seen.
func (s *Scanner) passData(n int64, missing bool, ev Handler) {
	st := s.body
	st.body.Gap(n)
	st.grpc.skip(n)
	if missing {
		st.missing += n
	}
	s.progress(n, nil, missing, ev)
	s.move(n)
	s.dataDone(ev)
}

// move moves past n bytes of a body.
func (s *Scanner) move(n int64) {
	s.pos += n
	s.data -= n
	s.left -= n
}

// progress tells of n bytes of a body.
func (s *Scanner) progress(n int64, p []byte, missing bool, ev Handler) {
	s.mem.data = Data{Stream: s.body.id, Tag: s.body.tag, Off: s.pos, Len: n, Bytes: p, Missing: missing}
	ev.Data(&s.mem.data)
}

// dataDone goes on with the padding when the data is over.
func (s *Scanner) dataDone(ev Handler) {
	if s.state == inData && s.data == 0 {
		s.state = passing
		s.frameDone(ev)
	}
}
