package turn

import (
	"slices"

	"github.com/pcapmesh/pcapmesh/internal/wire/tls"
	"github.com/pcapmesh/pcapmesh/mesh/internal/index"
	"github.com/pcapmesh/pcapmesh/mesh/internal/index/scan"
)

// A Side is one direction of a leg whose bytes are counted instead of read:
// TLS, of which record headers tell the plaintext length, or plain bytes.
// Offsets are those of the wire stream.
type Side struct {
	units  []*scan.Unit
	Data   []*scan.Unit     // of them those of application type, handshake included
	base   uint32           // raw sequence number of offset 0
	opened *index.Plaintext // nil unless it was decrypted
	end    int64            // where data end: before a closing alert
	Plain  bool             // not TLS
	Over   int64            // bytes that a fragment is longer than its plaintext, at the least
	slack  int64            // and how much longer it may be: padding of CBC suites
	Starts []int64          // where data may begin, the likeliest first
}

// newSealed returns the direction of half h; nil if nothing of it was kept.
func newSealed(x *index.Index, h index.HalfNo, over, slack int64) *Side {
	if h == 0 {
		return nil
	}
	us := x.UnitsOf(h)
	if len(us) == 0 {
		return nil
	}
	if x.TLS(h) == nil {
		return newBytes(x, h)
	}
	s := &Side{units: us, base: x.Half(h).Base, opened: x.Plain[h], end: x.Length(h), Over: over, slack: slack}
	for _, u := range us {
		if u.Kind == scan.UnitData {
			s.Data = append(s.Data, u)
		}
	}
	s.endData()
	return s
}

// newBytes returns the direction of half h as bytes, all of which count; nil if nothing
// of it was kept.
func newBytes(x *index.Index, h index.HalfNo) *Side {
	if h == 0 {
		return nil
	}
	us := x.UnitsOf(h)
	if len(us) == 0 {
		return nil
	}
	return &Side{units: us, base: x.Half(h).Base, opened: x.Plain[h], end: x.Length(h), Plain: true, Starts: []int64{us[0].Off}}
}

const (
	over13 = 17 // of a record in TLS 1.3
)

// endData finds where data end. In TLS 1.3 the last record of a side is an
// alert if it has the length of one.
func (s *Side) endData() {
	if len(s.Data) == 0 {
		return
	}
	last := s.Data[len(s.Data)-1]
	s.end = last.Off + tls.HeaderLen + int64(last.Len)
	if s.Over == over13 && int64(last.Len) == over13+scan.AlertLen && last == s.units[len(s.units)-1] {
		s.end = last.Off
		s.Data = s.Data[:len(s.Data)-1]
	}
}

// Size returns the plaintext length of a record, at the most.
func (s *Side) Size(u *scan.Unit) int64 { return int64(u.Len) - s.Over }

// after returns the offset after the first k records of application type.
func (s *Side) after(k int) int64 {
	if k < len(s.Data) {
		return s.Data[k].Off
	}
	return s.end
}

// first returns the index of the first unit at or after offset off.
func (s *Side) first(off int64) int {
	i, _ := slices.BinarySearchFunc(s.units, off, func(u *scan.Unit, off int64) int {
		switch {
		case u.Off < off:
			return -1
		case u.Off > off:
			return 1
		}
		return 0
	})
	return i
}

// broken reports whether bytes are missing between the hello and the first data,
// so that it is not known what of what follows is handshake. A hello ends with
// ChangeCipherSpec, which TLS 1.3 keeps for appearances (RFC 8446 §D.4).
func (s *Side) broken() bool {
	missing := false
	for _, u := range s.units {
		switch {
		case u.Off > s.Starts[0]:
			return missing
		case u.Kind == scan.UnitHole:
			missing = true
		case u.Kind == scan.UnitKind(tls.TypeChangeCipherSpec):
			missing = false
		}
	}
	return missing
}

// missing reports whether something of [from, to) is missing in the capture.
func (s *Side) missing(from, to int64) bool {
	for _, u := range s.units[max(s.first(from)-1, 0):] {
		if u.Off >= to {
			break
		}
		if u.Kind == scan.UnitHole && u.Off+int64(u.Len) > from {
			return true
		}
	}
	return false
}

// add makes early data part of the first message: the handshake that stands
// between them is taken out.
func (s *Side) add(early []*scan.Unit) {
	if len(early) == 0 {
		return
	}
	rest := s.units[s.first(s.Starts[0]):]
	s.units = append(slices.Clone(early), rest...)
	s.Data = append(slices.Clone(early), s.Data...)
	s.Starts = []int64{early[0].Off}
}

// at returns the unit of data that begins at off, nil if none is known to.
func (s *Side) at(off int64) *scan.Unit {
	for i := s.first(off); i < len(s.units) && s.units[i].Off == off; i++ {
		if u := s.units[i]; s.counts(u) {
			return u
		}
	}
	return nil
}

// counts reports whether a unit is data: of bytes all are, also what in them is a
// handshake of TLS.
func (s *Side) counts(u *scan.Unit) bool {
	return u.Kind == scan.UnitData || u.Kind == scan.UnitPlain || s.Plain && u.Kind != scan.UnitHole
}

// last returns the last unit that begins in [from, to), nil if there is none.
func (s *Side) last(from, to int64) *scan.Unit {
	if i := s.first(to) - 1; i >= 0 && s.units[i].Off >= from {
		return s.units[i]
	}
	return nil
}

// heard turns a raw acknowledgement number of the other side into an offset
// near the given one.
func (s *Side) heard(ack uint32, near int64) int64 { return s.opened.Heard(ack, s.base, near) }

// maxSizes is how many lengths are tried; a range with more is not known.
const maxSizes = 24

// between returns the plaintext length of the range [from, to).
func (s *Side) between(from, to int64) scan.Sizes {
	if s.Plain {
		return scan.Sizes{to - from}
	}
	n, lost, records := int64(0), int64(0), int64(0)
	for _, u := range s.units[s.first(from):] {
		switch {
		case u.Off >= to || u.Off >= s.end:
			return s.sizes(n, lost, records)
		case u.Kind == scan.UnitData:
			n, records = n+s.Size(u), records+1
		case u.Kind == scan.UnitHole:
			lost += int64(u.Len)
		}
	}
	return s.sizes(n, lost, records)
}

// sizes lists the plaintext lengths of n bytes in records whose headers were
// read and lost bytes with any number of records.
func (s *Side) sizes(n, lost, records int64) scan.Sizes {
	if s.slack > 0 {
		if lost > 0 || records != 1 {
			return nil
		}
		out := make(scan.Sizes, 0, s.slack+1)
		for k := range s.slack + 1 {
			out = append(out, n-k)
		}
		return out
	}
	if lost == 0 {
		return scan.Sizes{n}
	}
	var out scan.Sizes
	for left := lost - s.Over - tls.HeaderLen; left >= 0; left -= s.Over + tls.HeaderLen {
		if len(out) == maxSizes {
			return nil
		}
		out = append(out, n+left)
	}
	return out
}
