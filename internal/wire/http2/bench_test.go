package http2_test

import (
	"fmt"
	"testing"

	ours "github.com/pcapmesh/pcapmesh/internal/wire/http2"
)

// feedAll pushes text as an assembler does, in segments of 1460 bytes, and
// returns the number of messages.
func feedAll(text []byte, mem *ours.Scratch) int {
	var s ours.Scanner
	var n counter
	s.Reset(mem, true)
	for off := 0; off < len(text); {
		k := min(1460, len(text)-off)
		skip := min(int(s.Feed(int64(off), text[off:off+k], &n)), len(text)-off-k)
		if off += k; skip > 0 {
			s.Skip(int64(off), int64(skip), &n)
			off += skip
		}
	}
	s.Close(int64(len(text)), &n)
	return int(n)
}

type counter int

func (*counter) Headers(*ours.Headers) uint32 { return 0 }
func (*counter) Data(*ours.Data)              {}
func (c *counter) End(*ours.Message)          { *c++ }
func (*counter) GoAway(last, code uint32)     {}

func benchmark(b *testing.B, streams, body int) {
	h := newHalf(1, true)
	for i := range streams {
		id := uint32(2*i + 1)
		h.headers(id, body == 0, 1<<14, append(h.head(true), ours.Field{Name: "x-n", Value: fmt.Sprint(i)})...)
		for left := body; left > 0; left -= 16 << 10 {
			h.framer.WriteData(id, left <= 16<<10, make([]byte, min(left, 16<<10)))
		}
	}
	text := h.out.Bytes()
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	var mem ours.Scratch
	for b.Loop() {
		if n := feedAll(text, &mem); n != streams {
			b.Fatalf("found %d messages of %d", n, streams)
		}
	}
	b.ReportMetric(float64(b.N*streams)/b.Elapsed().Seconds(), "messages/s")
}

func BenchmarkHeads(b *testing.B)  { benchmark(b, 10000, 0) }
func BenchmarkBodies(b *testing.B) { benchmark(b, 20, 4<<20) }
