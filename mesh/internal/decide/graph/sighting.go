package graph

import (
	"github.com/pcapmesh/pcapmesh/capture/tcpip"
	"github.com/pcapmesh/pcapmesh/mesh/internal/decide/conn"
	"github.com/pcapmesh/pcapmesh/mesh/internal/index"
	"github.com/pcapmesh/pcapmesh/reassembly"
)

// sightings finds connections that two capture points saw: equal initial
// sequence numbers, or, without SYN, sequence numbers that cover each other.
// NAT between the points may have changed every address and port but leaves
// the numbers alone.
type sightings struct {
	x      *index.Index
	bySYN  map[[2]uint32][]*Leg
	byPort map[uint16][]*Leg         // by the client's port, which no NAT of a mesh changes
	byNAT  map[[2]tcpip.Tuple][]*Leg // by what conntrack knows of both sides of NAT
}

func newSightings(x *index.Index) *sightings {
	return &sightings{x, make(map[[2]uint32][]*Leg), make(map[uint16][]*Leg), make(map[[2]tcpip.Tuple][]*Leg)}
}

// isns returns the initial sequence numbers of both sides of c; ok is false
// unless both are known.
func (s *sightings) isns(c *conn.Conn) (isns [2]uint32, ok bool) {
	if c.Orig == 0 || c.Reply == 0 {
		return isns, false
	}
	p, q := s.x.Half(c.Orig), s.x.Half(c.Reply)
	if !p.SYN {
		return isns, false
	}
	if !q.SYN { // refused: the reset acknowledges the SYN
		return [2]uint32{p.ISN, 0}, q.RST && q.Bytes == 0
	}
	return [2]uint32{p.ISN, q.ISN}, true
}

func (s *sightings) add(l *Leg) {
	if k, ok := s.isns(l.Conn); ok {
		s.bySYN[k] = append(s.bySYN[k], l)
	}
	p := l.Conn.Client(s.x).Port()
	s.byPort[p] = append(s.byPort[p], l)
	if e := l.Conn.Entry; e != nil {
		s.byNAT[e.Tuples()] = append(s.byNAT[e.Tuples()], l)
	}
}

// find returns the leg that c is another sighting of, or nil.
func (s *sightings) find(c *conn.Conn) *Leg {
	if k, ok := s.isns(c); ok {
		for _, l := range s.bySYN[k] {
			if s.elsewhere(l, c) && s.akin(l.Conn, c) {
				return l
			}
		}
	}
	for _, l := range s.byPort[c.Client(s.x).Port()] {
		if s.elsewhere(l, c) && s.covers(l.Conn, c) {
			return l
		}
	}
	if c.Entry == nil {
		return nil
	}
	for _, l := range s.byNAT[c.Entry.Tuples()] {
		if s.elsewhere(l, c) && !s.knownApart(l.Conn, c) && s.together(l.Conn, c) {
			return l
		}
	}
	return nil
}

// elsewhere reports whether c is at a point that does not show l yet. A
// connection between loopback addresses never leaves its pod.
func (s *sightings) elsewhere(l *Leg, c *conn.Conn) bool {
	for o := range l.Sightings {
		if o.Place == c.Place {
			return false
		}
	}
	t := c.OrigTuple(s.x)
	inside := t.Src.Addr().IsLoopback() || t.Dst.Addr().IsLoopback()
	return !inside || l.Conn.Pod == c.Pod
}

// akin reports whether two conns with equal initial sequence numbers have more in
// common than those: their time, and an end that NAT left alone or the first
// timestamp, which no NAT touches.
func (s *sightings) akin(c, d *conn.Conn) bool {
	if s.comparable(c, d) && !s.together(c, d) {
		return false
	}
	a, b := c.OrigTuple(s.x), d.OrigTuple(s.x)
	if a.Src == b.Src || a.Dst == b.Dst {
		return true
	}
	p, q := s.x.Half(c.Orig), s.x.Half(d.Orig)
	return p.HasTS && q.HasTS && p.TSVal == q.TSVal
}

// covers reports whether the halves of c and d overlap in time and in sequence
// space in both directions, and echo each other's timestamps.
func (s *sightings) covers(c, d *conn.Conn) bool {
	if c.Orig == 0 || c.Reply == 0 || d.Orig == 0 || d.Reply == 0 {
		return false
	}
	if s.knownApart(c, d) || !s.together(c, d) {
		return false
	}
	return overlap(s.x.Half(c.Orig), s.x.Half(d.Orig)) && overlap(s.x.Half(c.Reply), s.x.Half(d.Reply))
}

// comparable reports whether times of c and d are by one clock.
func (s *sightings) comparable(c, d *conn.Conn) bool {
	return s.x.Comparable(c.Place.Group, d.Place.Group)
}

// together reports whether c and d were seen at one time, as far as that can be told.
func (s *sightings) together(c, d *conn.Conn) bool {
	return s.comparable(c, d) && c.Start <= d.End && d.Start <= c.End
}

// knownApart reports whether both SYNs were seen, so that the initial sequence
// numbers have decided already.
func (s *sightings) knownApart(c, d *conn.Conn) bool {
	_, ok := s.isns(c)
	_, ko := s.isns(d)
	return ok && ko
}

// overlap reports whether two halves may be sightings of one: their lives, their
// sequence ranges and their timestamps share something.
func overlap(p, q *reassembly.Half) bool {
	if int64(p.FirstTime) > int64(q.LastTime) || int64(q.FirstTime) > int64(p.LastTime) || p.HasTS != q.HasTS {
		return false
	}
	plo, phi := conn.SeqRange(p)
	qlo, qhi := conn.SeqRange(q)
	if !conn.InRange(qlo, plo, phi, 0) && !conn.InRange(plo, qlo, qhi, 0) {
		return false
	}
	if !p.HasTS {
		return p.DataSeq == q.DataSeq && p.DataIPID == q.DataIPID || p.DataSeq != q.DataSeq
	}
	return conn.InRange(q.TSVal, p.TSVal, p.LastTSVal, 0) || conn.InRange(p.TSVal, q.TSVal, q.LastTSVal, 0)
}
