package fingerprint

import "math/bits"

// UnknownLen is the length of a content or a Print that is not known.
const UnknownLen = -1

// A Print is the identity of a content as far as it was seen. It is comparable
// and holds no pointers. The zero Print is that of a content of length 0 of
// which nothing was seen; it is never returned by Sum.
type Print struct {
	// Len is the exact length in bytes, missing bytes included; UnknownLen if
	// the content was cut off at an unknown place.
	Len    int64
	First  uint64 // hash of the first 64 bytes, or of the whole content if shorter; valid iff Known has KnownFirst
	Middle uint64 // hashes of the windows after the first, folded in order; valid iff Known has KnownMiddle; 0 if there are none
	Last   uint64 // hash of the last 64 bytes; equal to First in a shorter content; valid iff Known has KnownLast
	Known  Parts  // which of the hashes are valid
}

// Parts is a set of parts of a Print.
type Parts uint8

// The parts of a Print.
const (
	KnownFirst  Parts = 1 << iota
	KnownMiddle       // all windows after the first were seen
	KnownLast

	knownAll = KnownFirst | KnownMiddle | KnownLast
)

// A Verdict is the result of comparing two prints.
type Verdict uint8

// The verdicts.
const (
	Unknown   Verdict = iota // nothing contradicts, but a part of one of them is missing
	Different                // the contents differ
	Equal                    // all parts are known and equal
)

// String returns the verdict's name in lower case.
func (v Verdict) String() string {
	switch v {
	case Different:
		return "different"
	case Equal:
		return "equal"
	}
	return "unknown"
}

// Complete reports whether the length and all windows are known.
func (p Print) Complete() bool { return p.Len >= 0 && p.Known == knownAll }

// Match compares what is known of both prints. It is symmetric.
func (p Print) Match(q Print) Verdict {
	both := p.Known & q.Known
	switch {
	case p.Len >= 0 && q.Len >= 0 && p.Len != q.Len,
		both&KnownFirst != 0 && p.First != q.First,
		both&KnownMiddle != 0 && p.Middle != q.Middle,
		both&KnownLast != 0 && p.Last != q.Last:
		return Different
	case p.Complete() && q.Complete():
		return Equal
	}
	return Unknown
}

// Cut leaves of p what holds if the length of the content is not known, nor how
// many bytes are missing in it: its first window.
func (p *Print) Cut() { *p = p.beheaded(max(p.Len, 0)).normal() }

// fold adds the hash of the next window to the folded hash of those before it.
// The multiplier is odd, so that no bit is lost, and the rotation makes the
// order count.
func fold(middle, hash uint64) uint64 {
	return bits.RotateLeft64(middle^hash, 31) * 0x9E3779B185EBCA87
}
