package index

import (
	"github.com/pcapmesh/pcapmesh/capture"
	"github.com/pcapmesh/pcapmesh/reassembly"
)

// Comparable reports whether times of two groups are by one clock.
func (x *Index) Comparable(a, b int) bool { return x.Clocks == nil || x.Clocks[a] == x.Clocks[b] }

// A clock returns the time by the clock that counts, in nanoseconds.
type clock = func(int64) int64

// Corrected returns what the clock that counts showed at time t of a pod.
func (x *Index) Corrected(pod string, t int64) int64 {
	if fix := x.clocks[pod]; fix != nil {
		return fix(t)
	}
	return t
}

// Correct puts right all times of a pod's group that were read, as its inputs' clock
// has to be when they are read again, and those of its records.
func (x *Index) Correct(group int, pod string, clock func(int64) int64) {
	if x.clocks == nil {
		x.clocks = make(map[string]func(int64) int64)
	}
	x.clocks[pod] = clock
	g := x.Groups[group]
	for id := range g.Table.Len() {
		h := g.Table.Half(reassembly.HalfID(id + 1))
		for _, t := range []*capture.Time{&h.FirstTime, &h.LastTime, &h.EndTime} {
			if *t != 0 {
				*t = capture.Time(clock(int64(*t)))
			}
		}
	}
	g.scan.Correct(clock)
	for i := range uint32(g.DNS.Messages.Len()) {
		m := g.DNS.Messages.At(i)
		m.Nanos = clock(m.Nanos)
	}
	g.marks = nil // nobody asks for them any more
}
