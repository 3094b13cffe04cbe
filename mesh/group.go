package mesh

import (
	"github.com/pcapmesh/pcapmesh/capture"
	"github.com/pcapmesh/pcapmesh/internal/tls"
	"github.com/pcapmesh/pcapmesh/reassembly"
)

// A group is a set of inputs that may share capture points, read together in
// the order of time, and what pass 1 found in them.
type group struct {
	points *capture.Points
	table  *reassembly.Table
	scan   *scan
	dns    *dnsScan
}

// A halfNo names a half across groups: the half's id plus the number of halves
// in the groups before its own. 0 = none.
type halfNo uint32

// An index is all that pass 1 found: what Decide looks at.
type index struct {
	groups []*group
	base   []uint32         // halves in the groups before group i
	again  map[halfNo]*scan // halves that were read again, and what reads them now
	keys   *tls.KeyLog
	plain  map[halfNo]*plaintext // halves that are decrypted
	notes  map[halfNo][]string   // what went wrong with a half
	ports  []uint16              // UDP ports where DNS is spoken
}

// add appends a group.
func (x *index) add(g *group) {
	n := uint32(0)
	if k := len(x.groups); k > 0 {
		n = x.base[k-1] + uint32(x.groups[k-1].table.Len())
	}
	x.groups, x.base = append(x.groups, g), append(x.base, n)
}

// len returns the number of halves.
func (x *index) len() int {
	if len(x.groups) == 0 {
		return 0
	}
	last := len(x.groups) - 1
	return int(x.base[last]) + x.groups[last].table.Len()
}

// locate returns the group of h and its id there.
func (x *index) locate(h halfNo) (int, reassembly.HalfID) {
	i := len(x.base) - 1
	for i > 0 && uint32(h) <= x.base[i] {
		i--
	}
	return i, reassembly.HalfID(uint32(h) - x.base[i])
}

// number is the inverse of locate.
func (x *index) number(group int, h reassembly.HalfID) halfNo {
	if h == 0 {
		return 0
	}
	return halfNo(x.base[group] + uint32(h))
}

// A pair is the two halves of one connection: what the originator sent, and what
// answers it. 0 = not captured.
type pair struct{ orig, reply halfNo }

// halves iterates over the captured halves of p.
func (p pair) halves(yield func(halfNo) bool) {
	if p.orig != 0 && !yield(p.orig) {
		return
	}
	if p.reply != 0 {
		yield(p.reply)
	}
}

// lead returns the originator's half, or the other if that was not captured.
func (p pair) lead() halfNo {
	if p.orig != 0 {
		return p.orig
	}
	return p.reply
}

func (x *index) half(h halfNo) *reassembly.Half {
	g, id := x.locate(h)
	return x.groups[g].table.Half(id)
}

// facts returns what the scanners found in h; the zero record when no byte of
// it was read.
func (x *index) facts(h halfNo) *halfFacts {
	if h == 0 {
		return &halfFacts{tunnel: -1}
	}
	_, id := x.locate(h)
	s := x.scanOf(h)
	if int(id) >= s.records.Len() {
		return &halfFacts{tunnel: -1}
	}
	return s.records.At(uint32(id))
}

// scanOf returns the scan that holds what was found in h.
func (x *index) scanOf(h halfNo) *scan {
	if s := x.again[h]; s != nil {
		return s
	}
	g, _ := x.locate(h)
	return x.groups[g].scan
}

// point describes the capture point of h.
func (x *index) point(h halfNo) capture.PointInfo {
	g, id := x.locate(h)
	return x.groups[g].points.Info(x.groups[g].table.Half(id).Key.Point)
}

// A place is a capture point across groups. It is comparable.
type place struct {
	group int
	point capture.Point
}

func (x *index) place(h halfNo) place {
	g, id := x.locate(h)
	return place{g, x.groups[g].table.Half(id).Key.Point}
}
