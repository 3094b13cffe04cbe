package fingerprint_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"testing"
	"unsafe"

	"github.com/cespare/xxhash/v2"

	"github.com/pcapmesh/pcapmesh/internal/wire/fingerprint"
)

const (
	stride = 16 << 10
	window = 64
)

// lengths covers the places where windows begin, end and meet the end.
var lengths = []int64{
	0, 1, 63, 64, 65, 127, 128, 1000,
	stride - 1, stride, stride + 1, stride + 63, stride + 64, stride + 65, stride + 100,
	3*stride + 5, 63*stride + 64, 63*stride + 65, 64*stride + 64, 70*stride + 7,
}

func content(seed uint64, n int64) []byte {
	r := rand.New(rand.NewPCG(seed, 1))
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	return b
}

func sum(length int64, b []byte) fingerprint.Print {
	var s fingerprint.Sampler
	s.Reset(length)
	s.Write(b)
	return s.Sum()
}

func TestSize(t *testing.T) {
	if got := unsafe.Sizeof(fingerprint.Print{}); got > 40 {
		t.Errorf("Print has %d bytes, want at most 40", got)
	}
	if got := unsafe.Sizeof(fingerprint.Sampler{}); got > 104 {
		t.Errorf("Sampler has %d bytes, want at most 104", got)
	}
}

// TestDefinition checks prints against the windows they are defined by.
func TestDefinition(t *testing.T) {
	for _, n := range lengths {
		b := content(3, n)
		got := sum(n, b)
		first, last := b[:min(n, window)], b[max(0, n-window):]
		if got.First != xxhash.Sum64(first) || got.Last != xxhash.Sum64(last) {
			t.Errorf("length %d: %+v, want the hashes %x of the first window and %x of the last", n, got, xxhash.Sum64(first), xxhash.Sum64(last))
		}
		if inner := len(windowsOf(n)) - 2; (got.Middle != 0) != (inner > 0) {
			t.Errorf("length %d: middle %x of %d windows", n, got.Middle, inner)
		}
	}
}

func TestSplitAnywhere(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 7))
	for _, n := range lengths {
		b := content(3, n)
		want := sum(n, b)
		if !want.Complete() || want.Len != n {
			t.Fatalf("length %d: print %+v is not complete", n, want)
		}
		for _, declared := range []int64{n, fingerprint.UnknownLen} {
			for range 20 {
				if got := splitSum(r, declared, b); got != want {
					t.Errorf("length %d (declared %d) in pieces: %+v, want %+v", n, declared, got, want)
				}
			}
		}
	}
}

func splitSum(r *rand.Rand, declared int64, b []byte) fingerprint.Print {
	var s fingerprint.Sampler
	s.Reset(declared)
	most := []int{3, 70, 1460, 65536}[r.IntN(4)]
	if len(b) > 1<<16 {
		most = max(most, 70)
	}
	for len(b) > 0 {
		n := min(1+r.IntN(most), len(b))
		s.Write(b[:n])
		b = b[n:]
	}
	return s.Sum()
}

func TestWantedBytesSuffice(t *testing.T) {
	r := rand.New(rand.NewPCG(9, 9))
	for _, n := range lengths {
		b := content(4, n)
		want := sum(n, b)
		if got, seen := wantedSum(r, n, b); got != want {
			t.Errorf("length %d: wanted bytes give %+v, all give %+v", n, got, want)
		} else if most := min(n, 66*(window+100)); seen > most {
			t.Errorf("length %d: wanted %d bytes, want at most %d", n, seen, most)
		}
	}
}

// wantedSum shows a sampler pieces of at most 100 bytes, skipping what it does
// not want.
func wantedSum(r *rand.Rand, declared int64, b []byte) (p fingerprint.Print, seen int64) {
	var s fingerprint.Sampler
	s.Reset(declared)
	for len(b) > 0 {
		if skip := s.Want(); skip > 0 {
			s.Skip(skip)
			b = b[skip:]
			continue
		}
		n := min(1+r.IntN(100), len(b))
		s.Write(b[:n])
		seen += int64(n)
		b = b[n:]
	}
	return s.Sum(), seen
}

func TestWantAhead(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 5))
	for _, n := range lengths {
		b := content(6, n)
		want := sum(n, b)
		var s fingerprint.Sampler
		s.Reset(fingerprint.UnknownLen)
		for rest := b; len(rest) > 0; {
			chunk := min(1+r.Int64N(40000), int64(len(rest)))
			for left := chunk; left > 0; {
				k := s.WantAhead(left)
				if k > 0 {
					s.Skip(k)
				} else {
					k = min(left, 50)
					s.Write(rest[:k])
				}
				rest, left = rest[k:], left-k
			}
		}
		if got := s.Sum(); got != want {
			t.Errorf("length %d in chunks: %+v, want %+v", n, got, want)
		}
	}
}

// windowsOf returns the offsets where windows of a content of length n begin.
func windowsOf(n int64) []int64 {
	var w []int64
	for k := int64(0); k < 64 && (k == 0 || k*stride+window <= n); k++ {
		w = append(w, k*stride)
	}
	return append(w, max(n-window, 0))
}

func touches(n, at, length int64) bool {
	for _, w := range windowsOf(n) {
		if at < w+window && at+length > w {
			return true
		}
	}
	return false
}

func TestGap(t *testing.T) {
	r := rand.New(rand.NewPCG(2, 2))
	for _, n := range lengths[1:] {
		b := content(8, n)
		whole := sum(n, b)
		for range 100 {
			at := r.Int64N(n)
			length := 1 + r.Int64N(min(n-at, 3000))
			for _, declared := range []int64{n, fingerprint.UnknownLen} {
				got := gapSum(declared, b, at, length)
				want := fingerprint.Equal
				if touches(n, at, length) {
					want = fingerprint.Unknown
				}
				if v := got.Match(whole); v != want || whole.Match(got) != want {
					t.Errorf("length %d (declared %d), gap of %d at %d: %v, want %v", n, declared, length, at, v, want)
				}
			}
		}
	}
}

func gapSum(declared int64, b []byte, at, length int64) fingerprint.Print {
	var s fingerprint.Sampler
	s.Reset(declared)
	s.Write(b[:at])
	s.Gap(length)
	s.Write(b[at+length:])
	return s.Sum()
}

func TestDifferentByte(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for _, n := range lengths[1:] {
		b := content(8, n)
		whole := sum(n, b)
		for range 100 {
			at := r.Int64N(n)
			other := bytes.Clone(b)
			other[at] ^= 1 << r.IntN(8)
			want := fingerprint.Equal
			if touches(n, at, 1) {
				want = fingerprint.Different
			}
			if got := sum(n, other).Match(whole); got != want {
				t.Errorf("length %d, other byte at %d: %v, want %v", n, at, got, want)
			}
		}
	}
}

const everything = fingerprint.KnownFirst | fingerprint.KnownMiddle | fingerprint.KnownLast

func TestMatch(t *testing.T) {
	const first, middle, last = fingerprint.KnownFirst, fingerprint.KnownMiddle, fingerprint.KnownLast
	full := fingerprint.Print{Len: 9, First: 1, Middle: 2, Last: 3, Known: everything}
	with := func(edit func(*fingerprint.Print)) fingerprint.Print {
		p := full
		edit(&p)
		return p
	}
	for _, tc := range []struct {
		name string
		p, q fingerprint.Print
		want fingerprint.Verdict
	}{
		{"the same", full, full, fingerprint.Equal},
		{"another length", full, with(func(p *fingerprint.Print) { p.Len = 10 }), fingerprint.Different},
		{"nothing and something", with(func(p *fingerprint.Print) { p.Len = 0 }), full, fingerprint.Different},
		{"one byte and nothing", with(func(p *fingerprint.Print) { p.Len = 1 }), with(func(p *fingerprint.Print) { p.Len = 0 }), fingerprint.Different},
		{"nothing twice", with(func(p *fingerprint.Print) { p.Len = 0 }), with(func(p *fingerprint.Print) { p.Len = 0 }), fingerprint.Equal},
		{"length not known", with(func(p *fingerprint.Print) { p.Len = fingerprint.UnknownLen }), full, fingerprint.Unknown},
		{"length not known, nothing came", with(func(p *fingerprint.Print) { p.Len = fingerprint.UnknownLen }), with(func(p *fingerprint.Print) { p.Len = 0 }), fingerprint.Unknown},
		{"another first window", full, with(func(p *fingerprint.Print) { p.First = 9 }), fingerprint.Different},
		{"another middle", full, with(func(p *fingerprint.Print) { p.Middle = 9 }), fingerprint.Different},
		{"another last window", full, with(func(p *fingerprint.Print) { p.Last = 9 }), fingerprint.Different},
		{"first not known", full, with(func(p *fingerprint.Print) { p.First, p.Known = 0, middle|last }), fingerprint.Unknown},
		{"middle not known", full, with(func(p *fingerprint.Print) { p.Middle, p.Known = 0, first|last }), fingerprint.Unknown},
		{"last not known", full, with(func(p *fingerprint.Print) { p.Last, p.Known = 0, first|middle }), fingerprint.Unknown},
		{"nothing in common", with(func(p *fingerprint.Print) { p.Known = first }), with(func(p *fingerprint.Print) { p.First, p.Middle, p.Last, p.Known = 7, 8, 9, last }), fingerprint.Unknown},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if got, back := tc.p.Match(tc.q), tc.q.Match(tc.p); got != tc.want || back != tc.want {
				t.Errorf("%v, and the other way %v; want %v", got, back, tc.want)
			}
		})
	}
}

func TestVerdictNames(t *testing.T) {
	for v, want := range []string{"unknown", "different", "equal", "unknown"} {
		if got := fmt.Sprint(fingerprint.Verdict(v)); got != want {
			t.Errorf("%d is %s, want %s", v, got, want)
		}
	}
}

func TestWindowOrderCounts(t *testing.T) {
	a := content(1, 4*stride)
	b := bytes.Clone(a)
	copy(b[stride:], a[2*stride:2*stride+window])
	copy(b[2*stride:], a[stride:stride+window])
	if got := sum(int64(len(a)), a).Match(sum(int64(len(b)), b)); got != fingerprint.Different {
		t.Errorf("swapped windows: %v, want different", got)
	}
}

func TestIncomplete(t *testing.T) {
	b := content(1, 3*stride)
	whole := sum(int64(len(b)), b)
	cut := func(declared int64, b []byte) fingerprint.Print {
		var s fingerprint.Sampler
		s.Reset(declared)
		s.Write(b)
		if declared < 0 {
			s.Cut()
		}
		return s.Sum()
	}
	other := bytes.Clone(b)
	other[0]++
	tests := []struct {
		name string
		p    fingerprint.Print
		len  int64
		want fingerprint.Verdict
	}{
		{"declared, nothing came", cut(3*stride, nil), 3 * stride, fingerprint.Unknown},
		{"declared, start came", cut(3*stride, b[:100]), 3 * stride, fingerprint.Unknown},
		{"declared, other start came", cut(3*stride, other[:100]), 3 * stride, fingerprint.Different},
		{"declared other length", cut(3*stride+1, b[:100]), 3*stride + 1, fingerprint.Different},
		{"undeclared, nothing came", cut(-1, nil), -1, fingerprint.Unknown},
		{"undeclared, 10 bytes came", cut(-1, b[:10]), -1, fingerprint.Unknown},
		{"undeclared, 63 bytes came", cut(-1, b[:63]), -1, fingerprint.Unknown},
		{"undeclared, start came", cut(-1, b[:2*stride]), -1, fingerprint.Unknown},
		{"undeclared, other start came", cut(-1, other[:2*stride]), -1, fingerprint.Different},
		{"beyond the length", cut(3*stride, append(bytes.Clone(b), "more"...)), 3 * stride, fingerprint.Equal},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if tt.p.Len != tt.len {
				t.Errorf("Len = %d, want %d", tt.p.Len, tt.len)
			}
			if got := tt.p.Match(whole); got != tt.want {
				t.Errorf("Match = %v, want %v", got, tt.want)
			}
		})
	}
}

func TestHugeGap(t *testing.T) {
	var s fingerprint.Sampler
	s.Reset(fingerprint.UnknownLen)
	s.Gap(1 << 62)
	s.Gap(1 << 62)
	s.Gap(1 << 62)
	s.Gap(-5)
	if got := s.Sum(); got.Len < 1<<62 || got.Known != 0 {
		t.Errorf("after huge gaps: %+v, want a huge length and nothing known", got)
	}
}

func TestAllocs(t *testing.T) {
	b := content(1, 1460)
	var s fingerprint.Sampler
	if n := testing.AllocsPerRun(100, func() {
		s.Reset(fingerprint.UnknownLen)
		for range 50 {
			s.Write(b)
		}
		s.Sum()
	}); n != 0 {
		t.Errorf("%v allocations, want none", n)
	}
}

func BenchmarkWrite(b *testing.B) {
	p := content(1, 1460)
	var s fingerprint.Sampler
	s.Reset(fingerprint.UnknownLen)
	b.SetBytes(int64(len(p)))
	for b.Loop() {
		s.Write(p)
	}
}
