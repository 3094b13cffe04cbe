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
