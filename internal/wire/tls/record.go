package tls

import "encoding/binary"

// Content types of records (RFC 8446 §5.1).
const (
	TypeChangeCipherSpec uint8 = 20
	TypeAlert            uint8 = 21
	TypeHandshake        uint8 = 22
	TypeApplicationData  uint8 = 23
)

// HeaderLen is the length of a record's header in bytes.
const HeaderLen = 5

// MaxFragment is the longest fragment in bytes: that of TLS 1.2 ciphertext
// (RFC 5246 §6.2.3). TLS 1.3 allows less.
const MaxFragment = 1<<14 + 2048

// A Record is one record as its header tells it.
type Record struct {
	Off     int64  // stream offset of the header
	Len     int    // bytes of the fragment, without the header
	Type    uint8  // as written; TLS 1.3 writes 23 for whatever is encrypted
	Version uint16 // as written; 0x0303 in TLS 1.2 and 1.3
}

// End returns the stream offset after the record.
func (r Record) End() int64 { return r.Off + HeaderLen + int64(r.Len) }

// A Handler is told what a Scanner finds, in the order of the stream.
type Handler interface {
	// Header brings a header; want asks for the record's fragment.
	Header(r Record) (want bool)
	// Fragment brings the fragment of a wanted record when its last byte has
	// come. p is not owned; it is nil if bytes of it are missing.
	Fragment(r Record, p []byte)
	// Lost tells that n bytes were passed in which headers may stand. What
	// comes next begins at a record that was found again.
	Lost(off, n int64)
}

// A Scanner reads the record layer of one half: bytes in, records out. It
// keeps no more than one wanted fragment. Reset makes it ready.
type Scanner struct {
	pos     int64 // stream offset of the next byte
	lost    int64 // where the chain of records broke; valid while seeking
	left    int64 // bytes of the fragment still to come
	rec     Record
	window  uint64 // last bytes while seeking
	seen    uint8  // how many of them, up to HeaderLen; or of the header
	head    [HeaderLen]byte
	state   scanState
	want    bool
	hole    bool // bytes of the fragment are missing
	pending []byte
}

type scanState uint8

const (
	inHeader scanState = iota
	inFragment
	seeking
)

// Reset makes s ready for a half. start tells that stream offset 0 is the
// connection's first byte; otherwise s looks for a record to begin with.
func (s *Scanner) Reset(start bool) {
	*s = Scanner{pending: s.pending[:0]}
	if !start {
		s.state = seeking
	}
}

// Feed pushes the bytes at stream offset off. It returns how many of the bytes
// after p are not wanted: the caller may pass them to Skip. It does not keep p.
func (s *Scanner) Feed(off int64, p []byte, h Handler) (skip int64) {
	p = p[s.align(off, int64(len(p)), h):]
	for len(p) > 0 {
		switch s.state {
		case inHeader:
			p = s.header(p, h)
		case inFragment:
			p = s.fragment(p, h)
		case seeking:
			p = s.seek(p, h)
		}
	}
	if s.state == inFragment && !s.want {
		return s.left
	}
	return 0
}

// Skip passes over n bytes at stream offset off that were captured but not
// wanted.
func (s *Scanner) Skip(off, n int64, h Handler) { s.Gap(off, n, h) }

// Gap passes over n bytes at stream offset off that are missing.
func (s *Scanner) Gap(off, n int64, h Handler) {
	n -= s.align(off, n, h)
	s.pass(n, h)
}

// Close tells that the stream ends at offset off.
func (s *Scanner) Close(off int64, h Handler) {
	s.align(off, 0, h)
	if s.state == seeking && s.pos > s.lost {
		h.Lost(s.lost, s.pos-s.lost)
		s.lost = s.pos
	}
}

// align brings s to stream offset off: what lies between is a gap. It returns
// how many of the n bytes at off were passed before.
func (s *Scanner) align(off, n int64, h Handler) int64 {
	if off > s.pos {
		s.pass(off-s.pos, h)
	}
	return max(min(s.pos-off, n), 0)
}

// pass moves past n bytes that are not seen.
func (s *Scanner) pass(n int64, h Handler) {
	if n <= 0 {
		return
	}
	if s.state == inFragment {
		k := min(n, s.left)
		s.hole = true
		s.advance(k, h)
		n -= k
	}
	if n == 0 {
		return
	}
	if s.state == inHeader {
		s.state, s.lost = seeking, s.pos-int64(s.seen)
	}
	s.seen, s.window = 0, 0
	s.pos += n
}

// header takes the bytes of a header and, if it is one, begins its fragment.
func (s *Scanner) header(p []byte, h Handler) []byte {
	n := copy(s.head[s.seen:], p)
	s.seen += uint8(n)
	s.pos += int64(n)
	if s.seen == HeaderLen {
		s.seen = 0
		if r, ok := parseHeader(s.head[:]); ok {
			s.begin(r, h)
		} else {
			s.state, s.lost, s.window = seeking, s.pos-HeaderLen, 0
			s.seek(s.head[1:], nil)
			s.pos = s.lost + HeaderLen
		}
	}
	return p[n:]
}

// begin starts the record whose header ends at s.pos.
func (s *Scanner) begin(r Record, h Handler) {
	r.Off = s.pos - HeaderLen
	s.rec, s.left, s.hole, s.state = r, int64(r.Len), false, inFragment
	s.pending = s.pending[:0]
	s.want = h.Header(r)
}

// fragment takes bytes of the fragment.
func (s *Scanner) fragment(p []byte, h Handler) []byte {
	n := min(int64(len(p)), s.left)
	if !s.want || s.hole {
		s.advance(n, h)
		return p[n:]
	}
	if n == int64(s.rec.Len) { // in one piece: no copy
		s.pos, s.left, s.state = s.pos+n, 0, inHeader
		h.Fragment(s.rec, p[:n])
		return p[n:]
	}
	s.pending = append(s.pending, p[:n]...)
	s.advance(n, h)
	return p[n:]
}

// advance moves past n bytes of the fragment and ends it after the last one.
func (s *Scanner) advance(n int64, h Handler) {
	s.pos += n
	if s.left -= n; s.left > 0 {
		return
	}
	s.state = inHeader
	switch {
	case !s.want:
	case s.hole:
		h.Fragment(s.rec, nil)
	default:
		h.Fragment(s.rec, s.pending)
	}
}

// seek looks for a header that begins a chain of records: random bytes look
// like one once in 2²⁵ places, and where the next header stands in the same
// piece it must be one too. With h nil it only takes the bytes in.
func (s *Scanner) seek(p []byte, h Handler) []byte {
	for i, c := range p {
		s.window = s.window<<8 | uint64(c)
		s.seen = min(s.seen+1, HeaderLen)
		s.pos++
		if h == nil || s.seen < HeaderLen || s.window>>16&0xffff != 0x0303 {
			continue
		}
		binary.BigEndian.PutUint32(s.head[:], uint32(s.window>>8))
		s.head[4] = c
		r, ok := parseHeader(s.head[:])
		if !ok || !follows(p[i+1:], r.Len) {
			continue
		}
		s.seen = 0
		if off := s.pos - HeaderLen; off > s.lost {
			h.Lost(s.lost, off-s.lost)
		}
		s.begin(r, h)
		return p[i+1:]
	}
	return nil
}

// follows reports whether a header may stand behind a fragment of n bytes that
// begins with p, as far as p reaches.
func follows(p []byte, n int) bool {
	if len(p) < n+HeaderLen {
		return true
	}
	_, ok := parseHeader(p[n : n+HeaderLen])
	return ok
}

// Midstream reports whether p, bytes from the middle of a half, holds TLS
// records: whether p begins with a header, or one stands in it whose record is
// followed by another header or ends where p ends.
func Midstream(p []byte) bool {
	for i := 0; i+HeaderLen <= len(p); i++ {
		r, ok := parseHeader(p[i:])
		if !ok || r.Version != 0x0303 && i > 0 {
			continue
		}
		end := i + HeaderLen + r.Len
		if i == 0 && end >= len(p) || end == len(p) || end < len(p) && follows(p[end-r.Len:], r.Len) && end+HeaderLen <= len(p) {
			return true
		}
	}
	return false
}

// parseHeader reads a record header; ok is false when it is none. A fragment
// is never empty once it is encrypted, and TLS has no empty handshake records.
func parseHeader(b []byte) (r Record, ok bool) {
	r = Record{Type: b[0], Version: binary.BigEndian.Uint16(b[1:]), Len: int(binary.BigEndian.Uint16(b[3:]))}
	if r.Type < TypeChangeCipherSpec || r.Type > TypeApplicationData || r.Version < 0x0300 || r.Version > 0x0304 {
		return r, false
	}
	return r, r.Len > 0 && r.Len <= MaxFragment
}
