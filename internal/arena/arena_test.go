package arena_test

import (
	"bytes"
	"testing"

	"github.com/pcapmesh/pcapmesh/internal/arena"
)

func TestSlabAddressesStay(t *testing.T) {
	var s arena.Slab[int]
	_, first := s.Add()
	*first = 42
	for i := 1; i < 5000; i++ {
		j, p := s.Add()
		if int(j) != i {
			t.Fatalf("Add returned index %d, want %d", j, i)
		}
		*p = i
	}
	if s.At(0) != first || *s.At(0) != 42 || *s.At(4999) != 4999 || s.Len() != 5000 {
		t.Errorf("values moved: At(0) = %d, At(4999) = %d, Len = %d", *s.At(0), *s.At(4999), s.Len())
	}
}

func TestTextKeepsEveryPiece(t *testing.T) {
	var text arena.Text
	var spans []arena.Span
	var want [][]byte
	for i := range 3000 {
		b := bytes.Repeat([]byte{byte(i)}, i%97)
		want, spans = append(want, b), append(spans, text.Keep(b))
	}
	for i, s := range spans {
		if got := text.Bytes(s); !bytes.Equal(got, want[i]) {
			t.Fatalf("piece %d = %x, want %x", i, got, want[i])
		}
	}
	if long := text.Keep(make([]byte, 100<<10)); long.Len() != 64<<10 {
		t.Errorf("a piece of 100 KiB was kept with %d bytes, want 64 KiB", long.Len())
	}
}

// Pieces fill a chunk to its last byte, and none is parted between two.
func TestTextAtTheEndOfAChunk(t *testing.T) {
	const chunk = 64 << 10
	for _, tt := range []struct {
		name   string
		pieces []int // their lengths
	}{
		{"one chunk each", []int{chunk, chunk, chunk}},
		{"two that fill one", []int{chunk - 1, 1, 1, chunk - 1, 7}},
		{"one byte too many", []int{chunk - 1, 2, chunk - 2, 1}},
		{"half, and more than half", []int{chunk / 2, chunk/2 + 1, chunk / 2, chunk / 2}},
		{"nothing between", []int{1, 0, chunk, 0, 1}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var text arena.Text
			var spans []arena.Span
			for i, n := range tt.pieces {
				spans = append(spans, text.Keep(bytes.Repeat([]byte{byte(i + 1)}, n)))
			}
			for i, s := range spans {
				want := bytes.Repeat([]byte{byte(i + 1)}, tt.pieces[i])
				if got := text.Bytes(s); !bytes.Equal(got, want) || s.Len() != len(want) || text.String(s) != string(want) {
					t.Errorf("piece %d has %d bytes, want %d", i, len(got), len(want))
				}
			}
		})
	}
}

// Chunks are filled before the next is begun: a thousand pieces of 64 bytes take
// one.
func TestTextFillsChunks(t *testing.T) {
	piece := make([]byte, 64)
	var text arena.Text
	n := testing.AllocsPerRun(1, func() {
		text = arena.Text{}
		for range 1024 {
			text.Keep(piece)
		}
	})
	if n > 2 { // the chunk, and the list of chunks
		t.Errorf("%v allocations, want 2", n)
	}
}

// What is kept is a copy, and what is returned cannot be appended to in place.
func TestTextIsACopy(t *testing.T) {
	var text arena.Text
	b := []byte("ab")
	first := text.Keep(b)
	second := text.Keep([]byte("cd"))
	b[0] = 'x'
	_ = append(text.Bytes(first), 'y')
	if text.String(first) != "ab" || text.String(second) != "cd" {
		t.Errorf("kept %q and %q", text.String(first), text.String(second))
	}
}

func TestEmptySpan(t *testing.T) {
	var text arena.Text
	if s := text.Keep(nil); s != (arena.Span{}) || s.Len() != 0 || text.Bytes(s) != nil || text.String(s) != "" {
		t.Errorf("nothing is kept as %v", s)
	}
}

// A slab takes memory a thousand values at a time.
func TestSlabGrowsByChunks(t *testing.T) {
	var s arena.Slab[[64]byte]
	n := testing.AllocsPerRun(1, func() {
		s = arena.Slab[[64]byte]{}
		for range 4096 {
			s.Add()
		}
	})
	if n < 4 || n > 8 { // four chunks, and the list of chunks as it grows
		t.Errorf("%v allocations for four thousand values", n)
	}
	if i, p := s.Add(); i != 4096 || s.At(i) != p || s.Len() != 4097 {
		t.Errorf("value %d of %d", i, s.Len())
	}
}
