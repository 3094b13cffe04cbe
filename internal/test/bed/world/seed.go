//go:build linux

package world

import "fmt"

// Between returns a number of [lo, hi], drawn from the seed.
func (w *World) Between(lo, hi int) int {
	w.rngMu.Lock()
	defer w.rngMu.Unlock()
	return lo + w.rng.IntN(hi-lo+1)
}

// Random returns n bytes drawn from the seed.
func (w *World) Random(n int) []byte {
	w.rngMu.Lock()
	defer w.rngMu.Unlock()
	p := make([]byte, n)
	for i := range p {
		p[i] = byte(w.rng.Uint32())
	}
	return p
}

// UUID returns a random UUID of version 4 (RFC 9562 §5.4), drawn from the seed.
func (w *World) UUID() string {
	p := w.Random(16)
	p[6], p[8] = p[6]&0x0F|0x40, p[8]&0x3F|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", p[:4], p[4:6], p[6:8], p[8:10], p[10:])
}
