package fingerprint_test

import (
	"fmt"
	"math/bits"
	"testing"

	"github.com/cespare/xxhash/v2"

	"github.com/pcapmesh/pcapmesh/internal/wire/fingerprint"
)

// The middle is folded of all windows between the first and the last.
func TestMiddle(t *testing.T) {
	for _, n := range lengths {
		b, want := content(3, n), uint64(0)
		for k := int64(1); k < 64 && k*stride+window <= n; k++ {
			want = bits.RotateLeft64(want^xxhash.Sum64(b[k*stride:k*stride+window]), 31) * 0x9E3779B185EBCA87
		}
		if got := sum(n, b).Middle; got != want {
			t.Errorf("length %d: middle %x, want %x", n, got, want)
		}
	}
}

// How much is not needed, of a content of known length and of one of which some
// bytes are known to come.
func TestWanted(t *testing.T) {
	const unknown = fingerprint.UnknownLen
	for _, tc := range []struct {
		name               string
		length, off, ahead int64
		want               int64
	}{
		{"the first window", 1000, 0, 0, 0},
		{"inside the first window", 1000, 63, 0, 0},
		{"up to the last window", 1000, 64, 0, 1000 - 64 - 64},
		{"at the last window", 1000, 1000 - 64, 0, 0},
		{"inside the last window", 1000, 1000 - 63, 0, 0},
		{"one byte before the last window", 1000, 1000 - 65, 0, 1},
		{"at the end", 1000, 1000, 0, 0},
		{"the first window is the last", 64, 0, 0, 0},
		{"shorter than a window", 10, 0, 0, 0},
		{"nothing", 0, 0, 100, 0},
		{"up to the second window", 3 * stride, 64, 0, stride - 64},
		{"at the second window", 3 * stride, stride, 0, 0},
		{"inside the second window", 3 * stride, stride + 63, 0, 0},
		{"behind the second window", 3 * stride, stride + 64, 0, stride - 64},
		{"before the last of the fixed windows", 100 * stride, 62*stride + 64, 0, stride - 64},
		{"behind the last of the fixed windows", 100 * stride, 63*stride + 64, 0, 37*stride - 128},
		{"what comes does not matter if the length is known", 1000, 64, 5000, 1000 - 64 - 64},
		{"length not known", unknown, 64, 0, 0},
		{"length not known, a window ahead", unknown, 64, 64, 0},
		{"length not known, more ahead", unknown, 64, 1000, 1000 - 64},
		{"length not known, up to the second window", unknown, 64, 2 * stride, stride - 64},
		{"length not known, the first window", unknown, 0, 1000, 0},
		{"length not known, far behind", unknown, 70 * stride, 3 * stride, 3*stride - 64},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var s fingerprint.Sampler
			s.Reset(tc.length)
			s.Gap(tc.off)
			if got := s.WantAhead(tc.ahead); got != tc.want || s.Len() != tc.off {
				t.Errorf("%d of %d, want %d", got, s.Len(), tc.want)
			}
			if tc.ahead == 0 && s.Want() != tc.want {
				t.Errorf("Want = %d, want %d", s.Want(), tc.want)
			}
		})
	}
}

// A gap of a window, or of a piece of one, leaves the hashes of all others.
func TestGapLeavesTheRest(t *testing.T) {
	for _, tc := range []struct {
		name          string
		n, at, length int64
		known         fingerprint.Parts
	}{
		{"nothing", 3 * stride, 100, 0, everything},
		{"less than nothing", 3 * stride, 100, -1, everything},
		{"nothing within a window", 3 * stride, 10, 0, everything},
		{"nothing within the last window", 3 * stride, 3*stride - 5, 0, everything},
		{"the first byte", 3 * stride, 0, 1, fingerprint.KnownMiddle | fingerprint.KnownLast},
		{"the end of the first window", 3 * stride, 63, 1, fingerprint.KnownMiddle | fingerprint.KnownLast},
		{"behind the first window", 3 * stride, 64, 1, everything},
		{"between windows", 3 * stride, 64, stride - 64, everything},
		{"the first byte of the second window", 3 * stride, 64, stride - 63, fingerprint.KnownFirst | fingerprint.KnownLast},
		{"the end of the second window", 3 * stride, stride + 63, 1, fingerprint.KnownFirst | fingerprint.KnownLast},
		{"two windows", 3 * stride, 10, 2 * stride, fingerprint.KnownLast},
		{"before the last window", 3 * stride, 3*stride - 65, 1, everything},
		{"the last window", 3 * stride, 3*stride - 64, 64, fingerprint.KnownFirst | fingerprint.KnownMiddle},
		{"the last byte", 3 * stride, 3*stride - 1, 1, fingerprint.KnownFirst | fingerprint.KnownMiddle},
		{"all of it", 3 * stride, 0, 3 * stride, 0},
		{"the window that is first and last", 64, 63, 1, fingerprint.KnownMiddle},
		{"the start of a content of less than a window", 63, 0, 1, fingerprint.KnownMiddle},
		{"the middle of 65 bytes", 65, 10, 1, fingerprint.KnownMiddle},
		{"the last fixed window", 70 * stride, 63 * stride, 1, fingerprint.KnownFirst | fingerprint.KnownLast},
		{"behind the last fixed window", 70 * stride, 64 * stride, 64, everything},
	} {
		t.Run(tc.name, func(t *testing.T) {
			b := content(8, tc.n)
			want := sum(tc.n, b)
			if want.Known = tc.known; want.Known&fingerprint.KnownFirst == 0 {
				want.First = 0
			}
			if want.Known&fingerprint.KnownMiddle == 0 {
				want.Middle = 0
			}
			if want.Known&fingerprint.KnownLast == 0 {
				want.Last = 0
			}
			for _, declared := range []int64{tc.n, fingerprint.UnknownLen} {
				var s fingerprint.Sampler
				s.Reset(declared)
				s.Write(b[:tc.at])
				s.Gap(tc.length)
				s.Write(b[tc.at+max(tc.length, 0):])
				if got := s.Sum(); got != want {
					t.Errorf("declared %d: %+v, want %+v", declared, got, want)
				}
			}
		})
	}
}

// What is beyond a known length is no part of the content, however it comes.
func TestBeyondTheLength(t *testing.T) {
	for _, n := range []int64{0, 1, 64, 1000} {
		b := content(8, n)
		want := sum(n, b)
		var s fingerprint.Sampler
		s.Reset(n)
		s.Write(b)
		for range 3 {
			s.Write([]byte("more than there is"))
			s.Gap(7)
		}
		if got := s.Sum(); got != want || s.Len() != n {
			t.Errorf("length %d: %+v of %d bytes, want %+v", n, got, s.Len(), want)
		}
	}
}

// What a known length promised and did not come is missing, if only one byte.
func TestRestIsMissing(t *testing.T) {
	for _, n := range []int64{1, 2, 64, 65, 1000} {
		b := content(8, n)
		var s fingerprint.Sampler
		s.Reset(n)
		s.Write(b[:n-1])
		got := s.Sum()
		if got.Len != n || got.Known&fingerprint.KnownLast != 0 || got.Match(sum(n, b)) != fingerprint.Unknown {
			t.Errorf("length %d: %+v", n, got)
		}
		s.Write(b[n-1:]) // Sum changed nothing
		if got, want := s.Sum(), sum(n, b); got != want {
			t.Errorf("length %d, whole after all: %+v, want %+v", n, got, want)
		}
	}
}

// Of a content that was cut off only a whole first window is known.
func TestCut(t *testing.T) {
	for _, tc := range []struct {
		n     int64
		known fingerprint.Parts
	}{
		{0, 0}, {63, 0}, {64, fingerprint.KnownFirst}, {65, fingerprint.KnownFirst}, {3 * stride, fingerprint.KnownFirst},
	} {
		t.Run(fmt.Sprint(tc.n), func(t *testing.T) {
			b := content(8, tc.n)
			want := fingerprint.Print{Len: fingerprint.UnknownLen, Known: tc.known}
			if tc.known != 0 {
				want.First = xxhash.Sum64(b[:window])
			}
			var s fingerprint.Sampler
			s.Reset(fingerprint.UnknownLen)
			s.Write(b)
			s.Cut()
			if got := s.Sum(); got != want {
				t.Errorf("%+v, want %+v", got, want)
			}
			p := sum(tc.n, b)
			p.Cut()
			if p != want {
				t.Errorf("the print cut: %+v, want %+v", p, want)
			}
		})
	}
}
