package http1

// Memory for split heads.
const (
	heldCap = 4 << 10 // bytes a buffer starts with: most heads fit
	maxFree = 16      // buffers kept for the next split heads
)

// Scratch is memory that the scanners of one goroutine share: what is needed
// only during a call, and buffers for heads that are split over pieces. The
// zero Scratch is ready. It is not safe for concurrent use.
type Scratch struct {
	head    Head
	message Message
	free    [][]byte
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
// that a few large heads do not hold memory for ever.
func (m *Scratch) put(b []byte) {
	if cap(b) == heldCap && len(m.free) < maxFree {
		m.free = append(m.free, b[:0])
	}
}
