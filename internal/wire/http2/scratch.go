package http2

import (
	"bytes"

	"golang.org/x/net/http2"
)

// Memory for split frames.
const (
	heldCap = 4 << 10 // bytes a buffer starts with: most header blocks fit
	maxFree = 16      // buffers and streams kept for the next ones
)

// Scratch is memory that the scanners of one goroutine share: what is needed
// only during a call, and buffers for what is split over pieces. The zero
// Scratch is ready. It is not safe for concurrent use.
type Scratch struct {
	headers Headers
	message Message
	data    Data
	fields  []Field       // of the last header block
	input   bytes.Reader  // what framer reads: one whole frame
	framer  *http2.Framer // nil until needed
	free    [][]byte
	streams []*stream
}

// read parses one whole frame, header included. The result is valid until the
// next call.
func (m *Scratch) read(b []byte) (http2.Frame, error) {
	if m.framer == nil {
		m.framer = http2.NewFramer(nil, &m.input)
		m.framer.AllowIllegalReads = true // frames come singly: their order is checked here
		m.framer.SetReuseFrames()
	}
	m.input.Reset(b)
	return m.framer.ReadFrame()
}

// get returns an empty buffer.
func (m *Scratch) get() []byte {
	if n := len(m.free); n > 0 {
		b := m.free[n-1]
		m.free = m.free[:n-1]
		return b
	}
	return make([]byte, 0, heldCap)
}

// put takes a buffer back. One that grew is left to the garbage collector, so
// that a few large blocks do not hold memory for ever.
func (m *Scratch) put(b []byte) {
	if cap(b) == heldCap && len(m.free) < maxFree {
		m.free = append(m.free, b[:0])
	}
}

// getStream returns a cleared stream.
func (m *Scratch) getStream() *stream {
	if n := len(m.streams); n > 0 {
		st := m.streams[n-1]
		m.streams = m.streams[:n-1]
		*st = stream{}
		return st
	}
	return new(stream)
}

func (m *Scratch) putStream(st *stream) {
	if len(m.streams) < maxFree {
		m.streams = append(m.streams, st)
	}
}
