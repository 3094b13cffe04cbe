package mesh

import (
	"slices"

	"github.com/pcapmesh/pcapmesh/internal/tls"
)

// A sealed is one direction of a leg whose bytes are counted instead of read:
// TLS, of which record headers tell the plaintext length, or plain bytes.
// Offsets are those of the wire stream.
type sealed struct {
	units  []*unit
	data   []*unit    // of them those of application type, handshake included
	base   uint32     // raw sequence number of offset 0
	opened *plaintext // nil unless it was decrypted
	end    int64      // where data end: before a closing alert
	plain  bool       // not TLS
	whole  bool       // the stream was seen from its first byte to its last
	over   int64      // bytes that a fragment is longer than its plaintext, at the least
	slack  int64      // and how much longer it may be: padding of CBC suites
	starts []int64    // where data may begin, the likeliest first
}

// newSealed returns the direction of half h; nil if nothing of it was kept.
func newSealed(x *index, h halfNo, over, slack int64) *sealed {
	if h == 0 {
		return nil
	}
	us := x.unitsOf(h)
	if len(us) == 0 {
		return nil
	}
	half, r := x.half(h), x.facts(h)
	s := &sealed{units: us, base: half.Base, opened: x.plain[h], end: x.length(h), over: over, slack: slack, plain: x.seal(h) == nil}
	s.whole = r.start && !r.open && r.lost == 0
	if s.plain {
		s.starts = []int64{us[0].off}
		return s
	}
	for _, u := range us {
		if u.kind == unitData {
			s.data = append(s.data, u)
		}
	}
	s.endData()
	return s
}

const (
	over13   = 17 // of a record in TLS 1.3
	alertLen = 2  // RFC 8446 §6
)

// endData finds where data end. In TLS 1.3 the last record of a side is an
// alert if it has the length of one.
func (s *sealed) endData() {
	if len(s.data) == 0 {
		return
	}
	last := s.data[len(s.data)-1]
	s.end = last.off + tls.HeaderLen + int64(last.len)
	if s.over == over13 && int64(last.len) == over13+alertLen && last == s.units[len(s.units)-1] {
		s.end = last.off
		s.data = s.data[:len(s.data)-1]
	}
}

// size returns the plaintext length of a record, at the most.
func (s *sealed) size(u *unit) int64 { return int64(u.len) - s.over }

// after returns the offset after the first k records of application type.
func (s *sealed) after(k int) int64 {
	if k < len(s.data) {
		return s.data[k].off
	}
	return s.end
}

// first returns the index of the first unit at or after offset off.
func (s *sealed) first(off int64) int {
	i, _ := slices.BinarySearchFunc(s.units, off, func(u *unit, off int64) int {
		switch {
		case u.off < off:
			return -1
		case u.off > off:
			return 1
		}
		return 0
	})
	return i
}

// broken tells whether bytes are missing between the hello and the first data,
// so that it is not known what of what follows is handshake. A hello ends with
// ChangeCipherSpec, which TLS 1.3 keeps for appearances (RFC 8446 §D.4).
func (s *sealed) broken() bool {
	missing := false
	for _, u := range s.units {
		switch {
		case u.off > s.starts[0]:
			return missing
		case u.kind == unitHole:
			missing = true
		case u.kind == unitKind(tls.TypeChangeCipherSpec):
			missing = false
		}
	}
	return missing
}

// missing tells whether something of [from, to) is missing in the capture.
func (s *sealed) missing(from, to int64) bool {
	for _, u := range s.units[max(s.first(from)-1, 0):] {
		if u.off >= to {
			break
		}
		if u.kind == unitHole && u.off+int64(u.len) > from {
			return true
		}
	}
	return false
}

// add makes early data part of the first message: the handshake that stands
// between them is taken out.
func (s *sealed) add(early []*unit) {
	if len(early) == 0 {
		return
	}
	rest := s.units[s.first(s.starts[0]):]
	s.units = append(slices.Clone(early), rest...)
	s.data = append(slices.Clone(early), s.data...)
	s.starts = []int64{early[0].off}
}

// at returns the unit of data that begins at off, nil if none is known to.
func (s *sealed) at(off int64) *unit {
	for i := s.first(off); i < len(s.units) && s.units[i].off == off; i++ {
		if u := s.units[i]; u.kind == unitData || u.kind == unitPlain {
			return u
		}
	}
	return nil
}

// last returns the last unit that begins in [from, to), nil if there is none.
func (s *sealed) last(from, to int64) *unit {
	if i := s.first(to) - 1; i >= 0 && s.units[i].off >= from {
		return s.units[i]
	}
	return nil
}

// heard turns a raw acknowledgement number of the other side into an offset
// near the given one.
func (s *sealed) heard(ack uint32, near int64) int64 { return s.opened.heard(ack, s.base, near) }

// sizes are the plaintext lengths that a range of a sealed direction may have,
// the likeliest first; none when that is not known.
type sizes []int64

// maxSizes is how many lengths are tried; a range with more is not known.
const maxSizes = 24

// between returns the plaintext length of the range [from, to).
func (s *sealed) between(from, to int64) sizes {
	if s.plain {
		return sizes{to - from}
	}
	n, lost, records := int64(0), int64(0), int64(0)
	for _, u := range s.units[s.first(from):] {
		switch {
		case u.off >= to || u.off >= s.end:
			return s.sizes(n, lost, records)
		case u.kind == unitData:
			n, records = n+s.size(u), records+1
		case u.kind == unitHole:
			lost += int64(u.len)
		}
	}
	return s.sizes(n, lost, records)
}

// sizes lists the plaintext lengths of n bytes in records whose headers were
// read and lost bytes with any number of records.
func (s *sealed) sizes(n, lost, records int64) sizes {
	if s.slack > 0 {
		if lost > 0 || records != 1 {
			return nil
		}
		out := make(sizes, 0, s.slack+1)
		for k := range s.slack + 1 {
			out = append(out, n-k)
		}
		return out
	}
	if lost == 0 {
		return sizes{n}
	}
	var out sizes
	for left := lost - s.over - tls.HeaderLen; left >= 0; left -= s.over + tls.HeaderLen {
		if len(out) == maxSizes {
			return nil
		}
		out = append(out, n+left)
	}
	return out
}
