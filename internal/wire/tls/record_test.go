package tls_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	mytls "github.com/pcapmesh/pcapmesh/internal/wire/tls"
)

// found is what a scanner told, as text, and the fragments it brought.
type found struct {
	events []string
	want   bool
}

func (f *found) Header(r mytls.Record) bool {
	f.events = append(f.events, fmt.Sprintf("%d: type %d, %d bytes", r.Off, r.Type, r.Len))
	return f.want
}

func (f *found) Fragment(r mytls.Record, p []byte) {
	f.events = append(f.events, fmt.Sprintf("%d: fragment %x", r.Off, p))
}

func (f *found) Lost(off, n int64) { f.events = append(f.events, fmt.Sprintf("lost %d+%d", off, n)) }

// someRecords returns n records of random types and lengths with random bytes,
// and where they stand.
func someRecords(rnd *rand.Rand, n int) (stream []byte, at []mytls.Record) {
	for range n {
		r := mytls.Record{Off: int64(len(stream)), Type: 23, Version: 0x0303, Len: 1 + rnd.IntN(600)}
		if rnd.IntN(5) == 0 {
			r.Type = 20 + uint8(rnd.IntN(3))
		}
		stream = append(stream, r.Type, 3, 3)
		stream = binary.BigEndian.AppendUint16(stream, uint16(r.Len))
		for range r.Len {
			stream = append(stream, byte(rnd.IntN(256)))
		}
		at = append(at, r)
	}
	return stream, at
}

// wanted lists the events that a whole stream must give.
func wanted(stream []byte, at []mytls.Record) []string {
	var f found
	for _, r := range at {
		f.Header(r)
		f.Fragment(r, stream[r.Off+mytls.HeaderLen:r.End()])
	}
	return f.events
}

func TestScannerInPieces(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	for range 200 {
		stream, at := someRecords(rnd, 12)
		var s mytls.Scanner
		s.Reset(true)
		f := found{want: true}
		for off := 0; off < len(stream); {
			n := min(1+rnd.IntN(900), len(stream)-off)
			s.Feed(int64(off), stream[off:off+n], &f)
			off += n
		}
		s.Close(int64(len(stream)), &f)
		if want := wanted(stream, at); !slices.Equal(f.events, want) {
			t.Fatalf("events\n%q, want\n%q", f.events, want)
		}
	}
}

// With a hole of any place and length, whatever is told must be true, a
// record before the hole must not be missed, and the chain must be found again
// at the first packet after the hole that begins with a record.
func TestScannerWithHole(t *testing.T) {
	rnd := rand.New(rand.NewPCG(3, 4))
	for range 500 {
		stream, at := someRecords(rnd, 20)
		truth := wanted(stream, at)
		from := rnd.IntN(len(stream))
		to := min(from+1+rnd.IntN(2000), len(stream))
		var s mytls.Scanner
		s.Reset(true)
		f := found{want: true}
		s.Feed(0, stream[:from], &f)
		s.Gap(int64(from), int64(to-from), &f)
		i, _ := slices.BinarySearchFunc(at, int64(to), func(r mytls.Record, off int64) int { return int(r.Off - off) })
		if i == len(at) {
			continue
		}
		s.Feed(int64(to), stream[to:at[i].Off], &f)
		s.Feed(at[i].Off, stream[at[i].Off:], &f)
		for _, e := range f.events {
			if !slices.Contains(truth, e) && !bytes.Contains([]byte(e), []byte("lost")) && !bytes.HasSuffix([]byte(e), []byte("fragment ")) {
				t.Fatalf("hole %d-%d: %q is not so", from, to, e)
			}
		}
		for k, r := range at {
			if (r.End() <= int64(from) || k >= i) && !slices.Contains(f.events, truth[2*k+1]) {
				t.Fatalf("hole %d-%d: record %d at %d was missed", from, to, k, r.Off)
			}
		}
	}
}

func TestScannerMidstream(t *testing.T) {
	stream, at := someRecords(rand.New(rand.NewPCG(5, 6)), 10)
	for cut := range at[0].Len {
		var s mytls.Scanner
		s.Reset(false)
		f := found{want: true}
		s.Feed(0, stream[cut+1:], &f)
		if len(f.events) == 0 || f.events[0] != fmt.Sprintf("lost 0+%d", at[1].Off-int64(cut)-1) {
			t.Fatalf("from byte %d: first event %q, want the first record lost", cut+1, f.events[:min(1, len(f.events))])
		}
		if got, want := len(f.events), 1+2*9; got != want {
			t.Fatalf("from byte %d: %d events, want %d", cut+1, got, want)
		}
	}
}

func TestScannerKeepsNothing(t *testing.T) {
	stream, _ := someRecords(rand.New(rand.NewPCG(7, 8)), 50)
	var s mytls.Scanner
	if n := testing.AllocsPerRun(20, func() {
		s.Reset(true)
		for off := 0; off < len(stream); off += 100 {
			s.Feed(int64(off), stream[off:min(off+100, len(stream))], nothing{})
		}
	}); n != 0 {
		t.Errorf("%v allocations for a stream of which nothing is wanted", n)
	}
}

type nothing struct{}

func (nothing) Header(mytls.Record) bool      { return false }
func (nothing) Fragment(mytls.Record, []byte) {}
func (nothing) Lost(off, n int64)             {}

// record returns a record of zeros.
func record(typ uint8, version uint16, n int) []byte {
	b := binary.BigEndian.AppendUint16([]byte{typ}, version)
	return append(binary.BigEndian.AppendUint16(b, uint16(n)), make([]byte, n)...)
}

// What a header may be.
func TestHeaders(t *testing.T) {
	for _, tc := range []struct {
		name    string
		typ     uint8
		version uint16
		n       int
		want    bool
	}{
		{"data", 23, 0x0303, 1, true}, {"change of cipher", 20, 0x0303, 1, true}, {"alert", 21, 0x0303, 2, true}, {"handshake", 22, 0x0303, 4, true},
		{"type too low", 19, 0x0303, 1, false}, {"type too high", 24, 0x0303, 1, false},
		{"SSL 3.0", 23, 0x0300, 1, true}, {"TLS 1.3", 23, 0x0304, 1, true}, {"version too low", 23, 0x02ff, 1, false}, {"version too high", 23, 0x0305, 1, false},
		{"empty", 23, 0x0303, 0, false}, {"longest", 23, 0x0303, 1<<14 + 2048, true}, {"too long", 23, 0x0303, 1<<14 + 2049, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			b := record(tc.typ, tc.version, tc.n)
			want := []string{fmt.Sprintf("0: type %d, %d bytes", tc.typ, tc.n), fmt.Sprintf("0: fragment %x", b[5:])}
			if !tc.want {
				want = []string{fmt.Sprintf("lost 0+%d", len(b))}
			}
			for _, piece := range []int{1, 4, len(b)} {
				var s mytls.Scanner
				s.Reset(true)
				f := found{want: true}
				for off := 0; off < len(b); off += piece {
					s.Feed(int64(off), b[off:min(off+piece, len(b))], &f)
				}
				s.Close(int64(len(b)), &f)
				if !slices.Equal(f.events, want) {
					t.Errorf("in pieces of %d: %.100q, want %.100q", piece, f.events, want)
				}
			}
		})
	}
}

// What holds records in mid-stream: one at the beginning that may go on, or one that
// ends with the bytes or before another one.
func TestMidstream(t *testing.T) {
	data, old, bad := record(23, 0x0303, 3), record(23, 0x0301, 3), []byte("no header")
	for _, tc := range []struct {
		name string
		in   []byte
		want bool
	}{
		{"nothing", nil, false}, {"most of a header", data[:4], false}, {"a header", data[:5], true}, {"a record cut", data[:7], true}, {"a record", data, true},
		{"a record of an old version", old, true}, {"two records", slices.Concat(data, data), true}, {"a record and most of a header", slices.Concat(data, data[:4]), false}, {"a record and a header", slices.Concat(data, data[:5]), true},
		{"a record and no header", slices.Concat(data, bad), false}, {"behind other bytes", slices.Concat(bad, data), true}, {"behind other bytes, cut", slices.Concat(bad, data[:7]), false}, {"behind other bytes, a header", slices.Concat(bad, data[:5]), false},
		{"behind other bytes, two", slices.Concat(bad, data, data), true}, {"behind other bytes, and a header", slices.Concat(bad, data, data[:5]), true}, {"behind other bytes, and most of a header", slices.Concat(bad, data, data[:4]), false},
		{"behind other bytes, and no header", slices.Concat(bad, data, bad), false}, {"behind other bytes, of an old version", slices.Concat(bad, old), false}, {"behind one byte", slices.Concat([]byte{0}, data), true}, {"text", bytes.Repeat(bad, 9), false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if got := mytls.Midstream(tc.in); got != tc.want {
				t.Errorf("%v, want %v", got, tc.want)
			}
		})
	}
}

// What is told of a stream with a hole, or that begins in the middle, byte by byte.
func TestScannerEvents(t *testing.T) {
	a, b := record(22, 0x0303, 3), record(23, 0x0303, 2)
	for _, tc := range []struct {
		name  string
		start bool
		want  bool  // fragments are wanted
		ops   []any // bytes, or the length of a hole
		told  []string
	}{
		{"a hole in a fragment", true, true, []any{a[:6], 1, a[7:], b}, []string{"0: type 22, 3 bytes", "0: fragment ", "8: type 23, 2 bytes", "8: fragment 0000"}},
		{"a hole up to the end of a fragment", true, true, []any{a[:6], 2, b}, []string{"0: type 22, 3 bytes", "0: fragment ", "8: type 23, 2 bytes", "8: fragment 0000"}},
		{"a hole of a whole fragment", true, true, []any{a[:5], 3, b}, []string{"0: type 22, 3 bytes", "0: fragment ", "8: type 23, 2 bytes", "8: fragment 0000"}},
		{"a hole beyond a fragment", true, true, []any{a[:6], 3, b[1:], b}, []string{"0: type 22, 3 bytes", "0: fragment ", "lost 8+7", "15: type 23, 2 bytes", "15: fragment 0000"}},
		{"a hole in a header", true, true, []any{a, b[:2], 1, b[3:], a}, []string{"0: type 22, 3 bytes", "0: fragment 000000", "lost 8+7", "15: type 22, 3 bytes", "15: fragment 000000"}},
		{"a hole between records", true, true, []any{a, 4, b}, []string{"0: type 22, 3 bytes", "0: fragment 000000", "lost 8+4", "12: type 23, 2 bytes", "12: fragment 0000"}},
		{"a hole at the start", true, true, []any{9, b}, []string{"lost 0+9", "9: type 23, 2 bytes", "9: fragment 0000"}},
		{"no hole", true, true, []any{a, 0, b}, []string{"0: type 22, 3 bytes", "0: fragment 000000", "8: type 23, 2 bytes", "8: fragment 0000"}},
		{"no hole in a fragment", true, true, []any{a[:6], 0, a[6:]}, []string{"0: type 22, 3 bytes", "0: fragment 000000"}},
		{"not wanted", true, false, []any{a, b}, []string{"0: type 22, 3 bytes", "8: type 23, 2 bytes"}},
		{"not wanted, with a hole", true, false, []any{a[:6], 2, b}, []string{"0: type 22, 3 bytes", "8: type 23, 2 bytes"}},
		{"in the middle, at once", false, true, []any{b}, []string{"0: type 23, 2 bytes", "0: fragment 0000"}},
		{"in the middle", false, true, []any{append([]byte{1, 2}, b...)}, []string{"lost 0+2", "2: type 23, 2 bytes", "2: fragment 0000"}},
		{"in the middle, no record behind it", false, true, []any{append(slices.Clone(b), "no header"...)}, []string{"lost 0+16"}},
		{"in the middle, what follows is cut", false, true, []any{append(slices.Clone(b), "no h"...), []byte("eader")}, []string{"0: type 23, 2 bytes", "0: fragment 0000", "lost 7+9"}},
		{"in the middle, of an old version", false, true, []any{record(23, 0x0301, 2)}, []string{"lost 0+7"}},
		{"nothing after a loss", true, true, []any{a, 7}, []string{"0: type 22, 3 bytes", "0: fragment 000000", "lost 8+7"}},
		{"no header after a record", true, true, []any{a, []byte("no header"), b}, []string{"0: type 22, 3 bytes", "0: fragment 000000", "lost 8+9", "17: type 23, 2 bytes", "17: fragment 0000"}},
		{"a header within what should be one", true, true, []any{a, append([]byte{23, 9}, b...)}, []string{"0: type 22, 3 bytes", "0: fragment 000000", "lost 8+2", "10: type 23, 2 bytes", "10: fragment 0000"}},
		{"a header that ends what should be one", true, true, []any{a, append([]byte{9, 9, 9, 9}, b...)}, []string{"0: type 22, 3 bytes", "0: fragment 000000", "lost 8+4", "12: type 23, 2 bytes", "12: fragment 0000"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var s mytls.Scanner
			s.Reset(tc.start)
			f := found{want: tc.want}
			var off int64
			for _, o := range tc.ops {
				if p, ok := o.([]byte); ok {
					s.Feed(off, p, &f)
					off += int64(len(p))
					continue
				}
				n := int64(o.(int))
				s.Gap(off, n, &f)
				off += n
			}
			s.Close(off, &f)
			s.Close(off, &f) // tells nothing twice
			if !slices.Equal(f.events, tc.told) {
				t.Errorf("%q, want %q", f.events, tc.told)
			}
		})
	}
}

// How many bytes are not wanted, and what offsets mean: bytes that came before are
// not read again, and what lies between is a hole.
func TestScannerOffsets(t *testing.T) {
	a := record(22, 0x0303, 300)
	var s mytls.Scanner
	s.Reset(true)
	var f found
	if got := s.Feed(0, a[:105], &f); got != 200 {
		t.Errorf("%d bytes are not wanted, want 200", got)
	}
	s.Skip(105, 200, &f)
	f.want = true
	if got := s.Feed(305, a[:105], &f); got != 0 {
		t.Errorf("%d bytes of a wanted fragment are not wanted", got)
	}
	s.Feed(400, a[95:105], &f) // again
	s.Feed(405, a[100:205], &f)
	s.Feed(520, a[215:], &f) // ten bytes are missing
	if want := []string{"0: type 22, 300 bytes", "305: type 22, 300 bytes", "305: fragment "}; !slices.Equal(f.events, want) {
		t.Errorf("%q, want %q", f.events, want)
	}
}

// Whatever the pieces, the same stream gives the same events.
func FuzzScanner(f *testing.F) {
	stream, _ := someRecords(rand.New(rand.NewPCG(9, 1)), 6)
	f.Add(stream, uint16(7), true)
	f.Add(stream[3:], uint16(100), false)
	f.Fuzz(func(t *testing.T, b []byte, piece uint16, start bool) {
		var one, many found
		one.want, many.want = true, true
		var s mytls.Scanner
		s.Reset(start)
		s.Feed(0, b, &one)
		s.Close(int64(len(b)), &one)
		s.Reset(start)
		n := int(piece)%len(append(b, 0)) + 1
		for off := 0; off < len(b); off += n {
			s.Feed(int64(off), b[off:min(off+n, len(b))], &many)
		}
		s.Close(int64(len(b)), &many)
		if start && bytes.Contains([]byte(fmt.Sprint(one.events)), []byte("lost")) {
			return // where the chain broke, more of it in one piece means better choices
		}
		if start && !slices.Equal(one.events, many.events) {
			t.Errorf("events\n%q in one piece,\n%q in pieces of %d", one.events, many.events, n)
		}
		at := int64(0)
		for _, e := range many.events {
			var off int64
			if k, _ := fmt.Sscanf(e, "%d: type", &off); k == 1 {
				if off < at || off > int64(len(b)) {
					t.Errorf("%q after offset %d of %d", e, at, len(b))
				}
				at = off
			}
		}
	})
}
