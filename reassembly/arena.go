package reassembly

// slabLen is the number of elements a slab grows by. A chunk is never moved or
// copied: doubling slices cost half the run time and twice the memory on
// captures of small packets.
const slabLen = 1 << 8

// A slab is a growing array of T in chunks of fixed size. Elements keep their
// address. Index 0 is never handed out, so that 0 can mean "none".
type slab[T any] struct {
	chunks []*[slabLen]T
	n      uint32   // indexes handed out, 0 included
	free   []uint32 // given back, last first
}

// at returns the element with index i, which must have been handed out.
func (s *slab[T]) at(i uint32) *T { return &s.chunks[i/slabLen][i%slabLen] }

// get hands out an element. It holds whatever its last user left.
func (s *slab[T]) get() uint32 {
	if k := len(s.free); k > 0 {
		i := s.free[k-1]
		s.free = s.free[:k-1]
		return i
	}
	if s.n == 0 {
		s.n = 1
	}
	if int(s.n/slabLen) == len(s.chunks) {
		s.chunks = append(s.chunks, new([slabLen]T))
	}
	s.n++
	return s.n - 1
}

// put takes an element back.
func (s *slab[T]) put(i uint32) { s.free = append(s.free, i) }

// pageLen is small because most payloads that are out of order are: an MTU-size
// packet takes three pages.
const pageLen = 508

// A page stores a part of an out-of-order payload.
type page struct {
	next uint32
	data [pageLen]byte
}

// An arena stores payloads in chains of pages. What is given back is used
// again, whatever the sizes, so it never takes more than its peak.
type arena struct {
	pages slab[page]
	joint []byte // a chain put together for delivery
}

// pagesFor returns the number of pages that n payload bytes take.
func pagesFor(n int) int { return (n + pageLen - 1) / pageLen }

// store copies p and returns the first page of the chain, 0 for an empty p.
func (a *arena) store(p []byte) uint32 {
	var first, last uint32
	for len(p) > 0 {
		i := a.pages.get()
		g := a.pages.at(i)
		g.next = 0
		p = p[copy(g.data[:], p):]
		if last == 0 {
			first = i
		} else {
			a.pages.at(last).next = i
		}
		last = i
	}
	return first
}

// bytes returns the n bytes of a chain. The slice is valid until the next call.
func (a *arena) bytes(first uint32, n int) []byte {
	if n <= pageLen {
		return a.pages.at(first).data[:n]
	}
	a.joint = a.joint[:0]
	for i := first; i != 0; i = a.pages.at(i).next {
		a.joint = append(a.joint, a.pages.at(i).data[:min(n-len(a.joint), pageLen)]...)
	}
	return a.joint
}

// differ counts the positions at which the chain, from byte skip on, differs
// from p.
func (a *arena) differ(first uint32, skip int, p []byte) int64 {
	var d int64
	for i := first; i != 0 && len(p) > 0; i = a.pages.at(i).next {
		if skip >= pageLen {
			skip -= pageLen
			continue
		}
		q := a.pages.at(i).data[skip:]
		skip = 0
		n := min(len(q), len(p))
		for k := range n {
			if q[k] != p[k] {
				d++
			}
		}
		p = p[n:]
	}
	return d
}

// drop gives a chain back.
func (a *arena) drop(first uint32) {
	for i := first; i != 0; {
		next := a.pages.at(i).next
		a.pages.put(i)
		i = next
	}
}
