// Package arena stores millions of small values without pointers for the
// garbage collector to follow and without slices that are copied as they grow.
package arena

// chunkLen is the number of values in a chunk. Chunks of fixed length instead
// of one slice that doubles halved time and memory on captures with many
// connections, because nothing is ever moved.
const chunkLen = 1 << 10

// A Slab is a growing sequence of values whose addresses do not change. Its
// zero value is empty and ready to use. It is not safe for concurrent use.
type Slab[T any] struct {
	chunks []*[chunkLen]T
	n      uint32
}

// Len returns the number of values.
func (s *Slab[T]) Len() int { return int(s.n) }

// Add appends a zero value and returns its 0-based index and its address,
// which stays valid as long as the slab.
func (s *Slab[T]) Add() (uint32, *T) {
	i := s.n
	if int(i/chunkLen) == len(s.chunks) {
		s.chunks = append(s.chunks, new([chunkLen]T))
	}
	s.n++
	return i, &s.chunks[i/chunkLen][i%chunkLen]
}

// At returns the address of value i, which must be below Len.
func (s *Slab[T]) At(i uint32) *T { return &s.chunks[i/chunkLen][i%chunkLen] }

// A Span names bytes kept in a Text. The zero Span is empty.
type Span struct{ off, n uint32 }

// Len returns the number of bytes.
func (s Span) Len() int { return int(s.n) }

// textChunk is the size in bytes of one chunk of a Text, and so the longest
// piece that it keeps whole.
const textChunk = 64 << 10

// A Text keeps short byte strings one after another. Its zero value is empty
// and ready to use. It is not safe for concurrent use.
type Text struct {
	chunks [][]byte
}

// Keep copies b, of which it keeps at most 64 KiB, and returns where it is.
func (t *Text) Keep(b []byte) Span {
	if len(b) == 0 {
		return Span{}
	}
	b = b[:min(len(b), textChunk)]
	last := len(t.chunks) - 1
	if last < 0 || len(t.chunks[last])+len(b) > textChunk {
		t.chunks = append(t.chunks, make([]byte, 0, textChunk))
		last++
	}
	at := len(t.chunks[last])
	t.chunks[last] = append(t.chunks[last], b...)
	return Span{uint32(last*textChunk + at), uint32(len(b))}
}

// Bytes returns the bytes that s names. The slice must not be changed.
func (t *Text) Bytes(s Span) []byte {
	if s.n == 0 {
		return nil
	}
	c := t.chunks[s.off/textChunk]
	return c[s.off%textChunk:][:s.n:s.n]
}

// String returns the bytes that s names as a string.
func (t *Text) String(s Span) string { return string(t.Bytes(s)) }
