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
