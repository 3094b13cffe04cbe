package index

import (
	"iter"

	"github.com/pcapmesh/pcapmesh/capture/tcpip"
	"github.com/pcapmesh/pcapmesh/internal/wire/tls"
	"github.com/pcapmesh/pcapmesh/mesh/internal/index/scan"
	"github.com/pcapmesh/pcapmesh/reassembly"
)

// A Group is a set of inputs that may share capture points, read together in
// the order of time, and what pass 1 found in them.
type Group struct {
	Points *tcpip.Points
	Table  *reassembly.Table
	scan   *scan.Scan
	DNS    *DNSScan
	QUIC   map[uint32]int // packets of QUIC, by input
	marks  *marks         // nil if no other group may have seen the same packets
}

// A HalfNo names a half across groups: the half's id plus the number of halves
// in the groups before its own. 0 = none.
type HalfNo uint32

// An Index is all that pass 1 found: what Decide looks at.
type Index struct {
	Groups []*Group
	base   []uint32              // halves in the groups before group i
	again  map[HalfNo]*scan.Scan // halves that were read again, and what reads them now
	Keys   *tls.KeyLog
	Plain  map[HalfNo]*Plaintext // halves that are decrypted
	Notes  map[HalfNo][]string   // what went wrong with a half
	Ports  []uint16              // UDP ports where DNS is spoken
	Clocks []int                 // by group: the group whose clock its times are by; nil: all have one
	clocks map[string]clock      // how times of pods are corrected; a pod that is not in it needs none
	Stop   func() bool           // asked while deciding: nobody wants the answer any more; may be nil
}

// Stopped reports whether nobody wants to know any more what is being decided. Who
// asks may return at once, with anything.
func (x *Index) Stopped() bool { return x != nil && x.Stop != nil && x.Stop() }

// stopEvery is after how many steps of a loop it is asked whether to stop: often enough
// for steps of some microseconds, and too seldom to cost anything.
const stopEvery = 64

// Each iterates over s as range does, and ends early once x is Stopped.
func Each[T any](x *Index, s []T) iter.Seq2[int, T] {
	return func(yield func(int, T) bool) {
		for i, v := range s {
			if i%stopEvery == 0 && x.Stopped() || !yield(i, v) {
				return
			}
		}
	}
}

// Halves iterates over all halves, and ends early once x is Stopped.
func (x *Index) Halves(yield func(HalfNo) bool) {
	for h := HalfNo(1); int(h) <= x.Len(); h++ {
		if h%stopEvery == 0 && x.Stopped() || !yield(h) {
			return
		}
	}
}

// Add appends a group.
func (x *Index) Add(g *Group) {
	n := uint32(0)
	if k := len(x.Groups); k > 0 {
		n = x.base[k-1] + uint32(x.Groups[k-1].Table.Len())
	}
	x.Groups, x.base = append(x.Groups, g), append(x.base, n)
}

// Len returns the number of halves.
func (x *Index) Len() int {
	if len(x.Groups) == 0 {
		return 0
	}
	last := len(x.Groups) - 1
	return int(x.base[last]) + x.Groups[last].Table.Len()
}

// Locate returns the group of h and its id there.
func (x *Index) Locate(h HalfNo) (int, reassembly.HalfID) {
	i := len(x.base) - 1
	for i > 0 && uint32(h) <= x.base[i] {
		i--
	}
	return i, reassembly.HalfID(uint32(h) - x.base[i])
}

// Number is the inverse of Locate.
func (x *Index) Number(group int, h reassembly.HalfID) HalfNo {
	if h == 0 {
		return 0
	}
	return HalfNo(x.base[group] + uint32(h))
}

// A Pair is the two halves of one connection: what the originator sent, and what
// answers it. 0 = not captured.
type Pair struct{ Orig, Reply HalfNo }

// Halves iterates over the captured halves of p.
func (p Pair) Halves(yield func(HalfNo) bool) {
	if p.Orig != 0 && !yield(p.Orig) {
		return
	}
	if p.Reply != 0 {
		yield(p.Reply)
	}
}

// Lead returns the originator's half, or the other if that was not captured.
func (p Pair) Lead() HalfNo {
	if p.Orig != 0 {
		return p.Orig
	}
	return p.Reply
}

// Half returns what reassembly knows of h, which must not be 0.
func (x *Index) Half(h HalfNo) *reassembly.Half {
	g, id := x.Locate(h)
	return x.Groups[g].Table.Half(id)
}

// Content returns what the scanners found in h; the zero Content when no byte of
// it was read.
func (x *Index) Content(h HalfNo) *scan.Content {
	if h == 0 {
		return &scan.Content{Tunnel: -1}
	}
	_, id := x.Locate(h)
	s := x.ScanOf(h)
	if int(id) >= s.Contents.Len() {
		return &scan.Content{Tunnel: -1}
	}
	return s.Contents.At(uint32(id))
}

// ScanOf returns the scan that holds what was found in h.
func (x *Index) ScanOf(h HalfNo) *scan.Scan {
	if s := x.again[h]; s != nil {
		return s
	}
	g, _ := x.Locate(h)
	return x.Groups[g].scan
}

// Point describes the capture point of h.
func (x *Index) Point(h HalfNo) tcpip.PointInfo {
	g, id := x.Locate(h)
	return x.Groups[g].Points.Info(x.Groups[g].Table.Half(id).Key.Point)
}

// A Place is a capture point across groups. It is comparable.
type Place struct {
	Group int
	Point tcpip.Point
}

// Place returns the capture point of h.
func (x *Index) Place(h HalfNo) Place {
	g, id := x.Locate(h)
	return Place{g, x.Groups[g].Table.Half(id).Key.Point}
}

// TLS returns what pass 1 kept of TLS on half h; nil if that is not TLS.
func (x *Index) TLS(h HalfNo) *scan.TLS {
	r := x.Content(h)
	if r.Turns == 0 {
		return nil
	}
	return x.ScanOf(h).Turns.At(r.Turns).TLS
}

// UnitsOf lists the units of half h; none if they were not kept.
func (x *Index) UnitsOf(h HalfNo) []*scan.Unit {
	r := x.Content(h)
	if r.Turns == 0 {
		return nil
	}
	s := x.ScanOf(h)
	t := s.Turns.At(r.Turns)
	us := make([]*scan.Unit, 0, t.Count)
	for i := t.First; i != 0; {
		u := s.Units.At(i)
		us = append(us, u)
		i = u.Next
	}
	return us
}
