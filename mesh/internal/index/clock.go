package index

import (
	"github.com/pcapmesh/pcapmesh/capture"
	"github.com/pcapmesh/pcapmesh/capture/tcpip"
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
	x.CorrectPoints(group, func(tcpip.Point) func(int64) int64 { return clock })
	x.Groups[group].marks = nil // nobody asks for them any more
}

// CorrectPoints puts right all times that were read at some points of a group: of returns
// the clock of a point, nil if it needs none.
func (x *Index) CorrectPoints(group int, of func(tcpip.Point) func(int64) int64) {
	g := x.Groups[group]
	clockOf := func(id reassembly.HalfID) func(int64) int64 { return of(g.Table.Half(id).Key.Point) }
	for i := range g.Table.Len() {
		id := reassembly.HalfID(i + 1)
		clock := clockOf(id)
		if clock == nil {
			continue
		}
		h := g.Table.Half(id)
		for _, t := range []*capture.Time{&h.FirstTime, &h.LastTime, &h.EndTime} {
			if *t != 0 {
				*t = capture.Time(clock(int64(*t)))
			}
		}
		if g.marks != nil {
			g.marks.correct(id, clock)
		}
	}
	g.scan.Correct(clockOf)
	for i := range uint32(g.DNS.Messages.Len()) {
		m := g.DNS.Messages.At(i)
		if clock := of(m.Key.Point); clock != nil {
			m.Nanos = clock(m.Nanos)
		}
	}
}
