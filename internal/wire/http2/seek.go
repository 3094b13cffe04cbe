package http2

const (
	// maxStream is the highest stream number (RFC 9113 §5.1.1).
	maxStream = 1<<31 - 1
	// maxSpread is how much higher than those seen the number of a stream may
	// be that is found by the looks of its frame: a chance match is one in
	// 2^(31-20) the less likely.
	maxSpread = 1 << 20
	// unseenSpread is the highest number believed before any stream was seen.
	unseenSpread = 1 << 24
	// enough is how many frame headers in a row are looked at.
	enough = 4
	// maxSeekers bounds the chains of frames that are followed at once.
	maxSeekers = 8
)

// Looks reports whether the first bytes seen of a half are HTTP/2, and whose:
// Unknown if that does not show, NotHTTP2 if they are not. start tells that they
// are the first bytes of the connection.
func Looks(p []byte, start bool) Kind {
	if n := min(len(p), len(Preface)); n >= len("PRI ") && string(p[:n]) == Preface[:n] {
		return Requests
	}
	if len(p) < frameHeaderLen {
		return NotHTTP2
	}
	if f := parseFrame(0, p); start && f.opens() {
		return Responses
	}
	s := Scanner{longest: defaultLongest, highest: unseenSpread}
	if !start && s.chain(p, 0) > 1 {
		return Unknown
	}
	return NotHTTP2
}

// seek looks for frame headers in a piece, and moves on to the first of a chain.
//
// The beginning of a piece, which should be that of a TCP segment, is often
// that of a frame: there one header will do, if the piece has no chain of two.
// Elsewhere the second one is waited for.
func (s *Scanner) seek(p []byte) []byte {
	for _, next := range s.seekers {
		if at := next - s.pos; at >= 0 && at <= int64(len(p)) && s.chain(p, at) > 0 {
			return s.found(p, at)
		}
	}
	known := len(s.seekers)
	for i := int64(0); i+frameHeaderLen <= int64(len(p)); i++ {
		n := s.chain(p, i)
		if n > 1 {
			return s.found(p, i)
		}
		if n == 1 && len(s.seekers) < maxSeekers {
			f := parseFrame(s.pos+i, p[i:])
			s.seekers = append(s.seekers, f.end())
		}
	}
	if s.chain(p, 0) == 1 && len(s.seekers) <= known+1 {
		return s.found(p, 0)
	}
	s.seekers = pending(s.seekers, s.pos+int64(len(p)))
	return s.take(p, len(p))
}

// chain counts the frame headers in p that lead from one to the next, the first
// at offset i; 0 if what should be one is none. One that ends with the piece
// counts twice.
func (s *Scanner) chain(p []byte, i int64) (n int) {
	for ; n < enough && i+frameHeaderLen <= int64(len(p)); n++ {
		if !plausible(p[i:], s.longest, s.highest, s.kind) {
			return 0
		}
		f := parseFrame(i, p[i:])
		if i = f.end(); i == int64(len(p)) {
			return n + 2
		}
	}
	return n
}

// found goes on with the frame header at offset i of p.
func (s *Scanner) found(p []byte, i int64) []byte {
	s.seekers = nil
	s.state, s.have = inHeader, 0
	return s.take(p, int(i))
}

// pending returns the seekers whose places are still to come.
func pending(all []int64, pos int64) []int64 {
	k := 0
	for _, c := range all {
		if c >= pos {
			all[k] = c
			k++
		}
	}
	return all[:k]
}
