package fingerprint

import (
	"math"

	"github.com/cespare/xxhash/v2"
)

// Window is the number of bytes that are hashed together: a content that is
// shorter is one window.
//
// It is part of what a Print means, as is where the windows lie: prints taken
// with other values must not be compared.
const Window = 64

const (
	window     = Window
	stride     = 16 << 10 // bytes from the start of a window to that of the next
	maxWindows = 64       // windows at fixed offsets, the first included: they reach to 1 MiB
)

// A Sampler takes the Print of one content at a time from its bytes in order.
// It holds no pointers and may be copied; the zero Sampler is ready for a
// content of length 0, Reset makes it ready for any other.
type Sampler struct {
	length        int64 // of the content, UnknownLen if its end tells
	off           int64 // bytes of the content passed so far
	first, middle uint64
	tail          [window]byte // tail[:have] are the last bytes before off
	have          uint8
	lost          Parts // parts of which something was not seen
	cut           bool  // the content ended at an unknown place
}

// Reset makes s ready for a content of the given length in bytes, or of
// UnknownLen: then the end of the content is where Sum is called.
func (s *Sampler) Reset(length int64) {
	*s = Sampler{length: max(length, UnknownLen)}
}

// Len returns the number of bytes passed so far, those not seen included.
func (s *Sampler) Len() int64 { return s.off }

// Write takes the next bytes of the content. Bytes beyond a known length are
// ignored. It does not keep p.
func (s *Sampler) Write(p []byte) {
	p = p[:s.clamp(int64(len(p)))]
	if len(p) == 0 {
		return
	}
	for k, end := nextWindow(s.off), s.off+int64(len(p)); k < maxWindows && windowEnd(k) <= end; k++ {
		s.take(k, p)
	}
	s.keep(p)
	s.off += int64(len(p))
}

// Gap passes over the next n bytes of the content, which are missing.
func (s *Sampler) Gap(n int64) {
	n = s.clamp(n)
	if n <= 0 {
		return
	}
	for k := nextWindow(s.off); k < maxWindows && windowEnd(k) <= s.off+n; k++ {
		s.lost |= partOf(k)
	}
	s.have = 0
	s.off += n
}

// Skip passes over the next n bytes of the content, which were not looked at.
// Where Want allows it, that changes nothing; elsewhere it is a Gap.
func (s *Sampler) Skip(n int64) { s.Gap(n) }

// Cut tells that the content goes on for an unknown number of bytes that will
// not come: the length and all but the first window are unknown.
func (s *Sampler) Cut() { s.cut = true }

// Want returns how many of the next bytes s does not need to see; 0 means that
// it needs the next byte, or that no more can come.
func (s *Sampler) Want() int64 { return s.WantAhead(0) }

// WantAhead is Want for a content of which at least the next n bytes are known
// to come: of a content of unknown length it needs only the last bytes of them.
func (s *Sampler) WantAhead(n int64) int64 {
	end := s.off + n
	if s.length >= 0 {
		end = s.length
	}
	next := max(end-window, 0)
	if k := nextWindow(s.off); k < maxWindows {
		next = min(next, k*stride) // one that does not fit begins after next anyway
	}
	return max(next-s.off, 0)
}

// Sum returns the print of the content. Of a content of known length that did
// not come whole the rest counts as missing. It does not change s.
func (s *Sampler) Sum() Print {
	if rest := s.length - s.off; rest > 0 {
		whole := *s
		whole.Gap(rest)
		return whole.sum()
	}
	return s.sum()
}

// sum is Sum at the end of the content.
func (s *Sampler) sum() Print {
	p := Print{Len: s.off, First: s.first, Middle: s.middle, Known: knownAll &^ s.lost}
	if last := min(s.off, window); int64(s.have) == last {
		p.Last = xxhash.Sum64(s.tail[:s.have])
	} else {
		p.Known &^= KnownLast
	}
	if s.off < window {
		p.First = p.Last
		p.Known &^= KnownFirst
		p.Known |= (p.Known & KnownLast) >> 2 // KnownLast moved to KnownFirst
	}
	if s.cut {
		p = p.beheaded(s.off)
	}
	return p.normal()
}

// beheaded leaves of p only what holds if the content goes on after its first
// n bytes.
func (p Print) beheaded(n int64) Print {
	p.Len = UnknownLen
	p.Known &= KnownFirst
	if n < window {
		p.Known = 0
	}
	return p
}

// normal zeroes what is not known, so that equal knowledge is equal by ==.
func (p Print) normal() Print {
	if p.Known&KnownFirst == 0 {
		p.First = 0
	}
	if p.Known&KnownMiddle == 0 {
		p.Middle = 0
	}
	if p.Known&KnownLast == 0 {
		p.Last = 0
	}
	return p
}

// clamp returns how many of n bytes belong to the content.
func (s *Sampler) clamp(n int64) int64 {
	rest := int64(math.MaxInt64) - s.off
	if s.length >= 0 {
		rest = s.length - s.off
	}
	return max(min(n, rest), 0)
}

// take hashes window k, which ends in p, the bytes at s.off.
func (s *Sampler) take(k int64, p []byte) {
	start := k*stride - s.off
	if start >= 0 {
		s.add(k, xxhash.Sum64(p[start:start+window]))
		return
	}
	before := int(-start)
	if before > int(s.have) {
		s.lost |= partOf(k)
		return
	}
	var w [window]byte
	n := copy(w[:], s.tail[int(s.have)-before:s.have])
	copy(w[n:], p)
	s.add(k, xxhash.Sum64(w[:]))
}

// add records the hash of window k.
func (s *Sampler) add(k int64, hash uint64) {
	if k == 0 {
		s.first = hash
		return
	}
	s.middle = fold(s.middle, hash)
}

// keep makes the tail end with p.
func (s *Sampler) keep(p []byte) {
	if len(p) >= window {
		copy(s.tail[:], p[len(p)-window:])
		s.have = window
		return
	}
	if over := int(s.have) + len(p) - window; over > 0 {
		copy(s.tail[:], s.tail[over:s.have])
		s.have -= uint8(over)
	}
	s.have += uint8(copy(s.tail[s.have:], p))
}

// partOf returns the part of a Print that window k belongs to.
func partOf(k int64) Parts {
	if k == 0 {
		return KnownFirst
	}
	return KnownMiddle
}

// windowEnd returns the offset after window k.
func windowEnd(k int64) int64 { return k*stride + window }

// nextWindow returns the first window that ends after offset off.
func nextWindow(off int64) int64 {
	if off < window {
		return 0
	}
	return (off-window)/stride + 1
}
