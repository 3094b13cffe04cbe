package mesh

import (
	"github.com/pcapmesh/pcapmesh/internal/tls"
	"github.com/pcapmesh/pcapmesh/reassembly"
)

// What cannot be read still has turns: who sent how much before it heard from
// the other side again. Pass 1 keeps the records of halves that are TLS, and
// the bursts of halves of plain bytes that a proxy may carry on as TLS.
// Everything else, what of a TLS half is handshake and what a turn is, follows
// in Decide.

// A unit is a piece of a stream whose length is told in the clear: a TLS
// record, or the plain bytes that a side sends without hearing from the other
// in between.
type unit struct {
	next  uint32  // next unit of the half; 0 = last
	len   int32   // TLS: of the fragment; of a hole: bytes in which anything may have begun unseen
	off   int64   // stream offset of its first byte; TLS: of the header
	at    instant // packet with that byte
	until int64   // time of its last byte, nanoseconds
	kind  unitKind
}

// A unitKind says what a unit is. TLS records have the number of their content
// type.
type unitKind uint8

const (
	unitHole  unitKind = 0
	unitPlain unitKind = 1
	unitData           = unitKind(tls.TypeApplicationData)
)

// maxUnits bounds what is kept of one half. Legs that talk so much are told
// apart long before.
const maxUnits = 1 << 17

// turns is what pass 1 keeps of the turns of one half.
type turns struct {
	first, last uint32 // units, linked by unit.next; 0 = none
	count       uint32
	ack         uint32 // of plain bytes: the most that was heard of the other side
	cut         bool   // more units came than are kept
	seal        *seal  // nil unless TLS
}

// A seal is what pass 1 keeps of a TLS half beside its records.
type seal struct {
	reading *reading  // nil when the half has been read
	facts   tls.Facts // what the handshake says
}

// A reading is the state needed only while a TLS half is being read.
type reading struct {
	scanner tls.Scanner
	shake   tls.Handshake
}

func newSeal(start bool) *seal {
	s := &seal{reading: new(reading)}
	s.reading.scanner.Reset(start)
	return s
}

// begin shows the first bytes of the half. A hello is where TLS begins, even if
// the SYN before it was not captured.
func (s *seal) begin(p []byte) {
	if _, ok := tls.ParseHello(p); ok {
		s.reading.scanner.Reset(true)
		s.reading.shake.Peek(p)
	}
}

// close ends the reading at offset off.
func (s *seal) close(off int64, h tls.Handler) {
	s.reading.scanner.Close(off, h)
	s.facts = s.reading.shake.Facts()
	s.reading = nil
}

// seal returns what pass 1 kept of TLS on half h; nil if that is not TLS.
func (x *index) seal(h halfNo) *seal {
	r := x.facts(h)
	if r.turns == 0 {
		return nil
	}
	return x.scanOf(h).turns.At(r.turns).seal
}

// watch begins to keep the turns of a half. TLS always has them; plain bytes
// only where a proxy can have encrypted them: on loopback, or where TLS was
// seen already.
func (s *scan) watch(l *live, h reassembly.HalfID) {
	encrypted := l.record.proto == protoTLS
	if !encrypted && !s.sealed && !s.loopback(h) {
		return
	}
	i, t := s.turns.Add()
	l.record.turns, l.turns = i, t
	if encrypted {
		s.sealed = true
		t.seal = newSeal(l.record.start && !l.record.late)
	}
}

// loopback tells whether the half was captured on the loopback interface.
func (s *scan) loopback(h reassembly.HalfID) bool {
	return s.points != nil && s.points.Info(s.table.Half(h).Key.Point).Loopback
}

// hear notes bytes of a half whose turns are kept.
func (s *scan) hear(l *live, at reassembly.At, p []byte) {
	t := l.turns
	if t.seal != nil {
		s.stretch(t, at)
		l.at, s.pass = instantOf(at), l
		t.seal.reading.scanner.Feed(at.Off, p, s)
		return
	}
	if t.last == 0 || int32(at.Ack-t.ack) > 0 || s.units.At(t.last).kind == unitHole {
		t.ack = at.Ack
		s.unit(t, unit{off: at.Off, at: instantOf(at), until: at.Nanos, kind: unitPlain})
		return
	}
	u := s.units.At(t.last)
	u.until = max(u.until, at.Nanos)
}

// stretch notes that a packet goes on with the record at hand.
func (s *scan) stretch(t *turns, at reassembly.At) {
	if t.last == 0 {
		return
	}
	if u := s.units.At(t.last); u.off+tls.HeaderLen+int64(u.len) > at.Off {
		u.until = max(u.until, at.Nanos)
	}
}

// missHeard notes n bytes that are missing. What the snapshot length cut off
// belongs to the packet before it.
func (s *scan) missHeard(l *live, at reassembly.At, n int64, why reassembly.GapKind) {
	l.at, s.pass = instantOf(at), l
	switch t := l.turns; {
	case t.seal != nil:
		t.seal.reading.scanner.Gap(at.Off, n, s)
	case why == reassembly.GapLost:
		s.hole(t, at.Off, n)
	}
}

// unit appends a unit to those of a half.
func (s *scan) unit(t *turns, u unit) {
	if t.count == maxUnits {
		t.cut = true
		return
	}
	i, v := s.units.Add()
	*v = u
	if t.last == 0 {
		t.first = i
	} else {
		s.units.At(t.last).next = i
	}
	t.last = i
	t.count++
}

// hole notes bytes in which anything may have begun.
func (s *scan) hole(t *turns, off, n int64) {
	at := s.pass.at
	s.unit(t, unit{off: off, len: int32(min(n, 1<<30)), at: at, until: at.nanos, kind: unitHole})
}

// Header implements tls.Handler.
func (s *scan) Header(r tls.Record) (want bool) {
	at, t := s.pass.at, s.pass.turns
	s.unit(t, unit{off: r.Off, len: int32(r.Len), at: at, until: at.nanos, kind: unitKind(r.Type)})
	shake := &t.seal.reading.shake
	if r.Type == tls.TypeChangeCipherSpec {
		shake.ChangeCipherSpec()
	}
	return r.Type == tls.TypeHandshake && !shake.Done()
}

// Fragment implements tls.Handler.
func (s *scan) Fragment(r tls.Record, p []byte) {
	shake := &s.pass.turns.seal.reading.shake
	if p == nil {
		shake.Miss()
		return
	}
	shake.Feed(p)
}

// Lost implements tls.Handler.
func (s *scan) Lost(off, n int64) {
	t := s.pass.turns
	t.seal.reading.shake.Miss()
	s.hole(t, off, n)
}

// unitsOf lists the units of half h; none if they were not kept.
func (x *index) unitsOf(h halfNo) []*unit {
	r := x.facts(h)
	if r.turns == 0 {
		return nil
	}
	s := x.scanOf(h)
	t := s.turns.At(r.turns)
	us := make([]*unit, 0, t.count)
	for i := t.first; i != 0; {
		u := s.units.At(i)
		us = append(us, u)
		i = u.next
	}
	return us
}
