package scan

import (
	"github.com/pcapmesh/pcapmesh/internal/wire/tls"
	"github.com/pcapmesh/pcapmesh/reassembly"
)

// What cannot be read still has turns: who sent how much before it heard from
// the other side again. Pass 1 keeps the records of halves that are TLS, and
// the bursts of halves of plain bytes that a proxy may carry on as TLS.
// Everything else, what of a TLS half is handshake and what a turn is, follows
// in Decide.

// An Unit is a piece of a stream whose length is told in the clear: a TLS
// record, or the plain bytes that a side sends without hearing from the other
// in between.
type Unit struct {
	Next  uint32  // next unit of the half; 0 = last
	Len   int32   // TLS: of the fragment; of a hole: bytes in which anything may have begun unseen
	Off   int64   // stream offset of its first byte; TLS: of the header
	At    Instant // packet with that byte
	Until int64   // time of its last byte, nanoseconds
	Kind  UnitKind
}

// An UnitKind says what a unit is. TLS records have the number of their content
// type.
type UnitKind uint8

const (
	UnitHole  UnitKind = 0
	UnitPlain UnitKind = 1
	UnitData           = UnitKind(tls.TypeApplicationData)
)

// maxUnits bounds what is kept of one half. Legs that talk so much are told
// apart long before.
const maxUnits = 1 << 17

// Turns is what pass 1 keeps of the turns of one half.
type Turns struct {
	First, last uint32 // units, linked by unit.next; 0 = none
	Count       uint32
	ack         uint32 // of plain bytes: the most that was heard of the other side
	cut         bool   // more units came than are kept
	TLS         *TLS   // nil unless TLS
}

// A TLS is what pass 1 keeps of a TLS half beside its records.
type TLS struct {
	reading *reading  // nil when the half has been read
	Facts   tls.Facts // what the handshake says
}

// A reading is the state needed only while a TLS half is being read.
type reading struct {
	scanner tls.Scanner
	shake   tls.Handshake
}

func newSeal(start bool) *TLS {
	s := &TLS{reading: new(reading)}
	s.reading.scanner.Reset(start)
	return s
}

// begin shows the first bytes of the half. A hello is where TLS begins, even if
// the SYN before it was not captured.
func (s *TLS) begin(p []byte) {
	if _, ok := tls.ParseHello(p); ok {
		s.reading.scanner.Reset(true)
		s.reading.shake.Peek(p)
	}
}

// close ends the reading at offset off.
func (s *TLS) close(off int64, h tls.Handler) {
	s.reading.scanner.Close(off, h)
	s.Facts = s.reading.shake.Facts()
	s.reading = nil
}

// watch begins to keep the turns of a half. TLS always has them; plain bytes
// only where a proxy can have encrypted them: on loopback, or where TLS was
// seen already.
func (s *Scan) watch(l *live, h reassembly.HalfID) {
	encrypted := l.content.Proto == ProtoTLS
	if !encrypted && !s.Sealed && !s.loopback(h) {
		return
	}
	i, t := s.Turns.Add()
	l.content.Turns, l.turns = i, t
	if encrypted {
		s.Sealed = true
		t.TLS = newSeal(l.content.Start && !l.content.Late)
	}
}

// loopback reports whether the half was captured on the loopback interface.
func (s *Scan) loopback(h reassembly.HalfID) bool {
	return s.points != nil && s.points.Info(s.table.Half(h).Key.Point).Loopback
}

// hear notes bytes of a half whose turns are kept.
func (s *Scan) hear(l *live, at reassembly.At, p []byte) {
	t := l.turns
	if t.TLS != nil {
		s.stretch(t, at)
		l.at, s.pass = instantOf(at), l
		t.TLS.reading.scanner.Feed(at.Off, p, s)
		return
	}
	if t.last == 0 || int32(at.Ack-t.ack) > 0 || s.Units.At(t.last).Kind == UnitHole {
		t.ack = at.Ack
		s.unit(t, Unit{Off: at.Off, At: instantOf(at), Until: int64(at.Time), Kind: UnitPlain})
		return
	}
	u := s.Units.At(t.last)
	u.Until = max(u.Until, int64(at.Time))
}

// stretch notes that a packet goes on with the record at hand.
func (s *Scan) stretch(t *Turns, at reassembly.At) {
	if t.last == 0 {
		return
	}
	if u := s.Units.At(t.last); u.Off+tls.HeaderLen+int64(u.Len) > at.Off {
		u.Until = max(u.Until, int64(at.Time))
	}
}

// missHeard notes n bytes that are missing. What the snapshot length cut off
// belongs to the packet before it.
func (s *Scan) missHeard(l *live, at reassembly.At, n int64, why reassembly.GapKind) {
	l.at, s.pass = instantOf(at), l
	switch t := l.turns; {
	case t.TLS != nil:
		t.TLS.reading.scanner.Gap(at.Off, n, s)
	case why == reassembly.GapLost:
		s.hole(t, at.Off, n)
	}
}

// unit appends a unit to those of a half.
func (s *Scan) unit(t *Turns, u Unit) {
	if t.Count == maxUnits {
		t.cut = true
		return
	}
	i, v := s.Units.Add()
	*v = u
	if t.last == 0 {
		t.First = i
	} else {
		s.Units.At(t.last).Next = i
	}
	t.last = i
	t.Count++
}

// hole notes bytes in which anything may have begun.
func (s *Scan) hole(t *Turns, off, n int64) {
	at := s.pass.at
	s.unit(t, Unit{Off: off, Len: int32(min(n, 1<<30)), At: at, Until: at.Nanos, Kind: UnitHole})
}

// Header implements tls.Handler.
func (s *Scan) Header(r tls.Record) (want bool) {
	at, t := s.pass.at, s.pass.turns
	s.unit(t, Unit{Off: r.Off, Len: int32(r.Len), At: at, Until: at.Nanos, Kind: UnitKind(r.Type)})
	shake := &t.TLS.reading.shake
	if r.Type == tls.TypeChangeCipherSpec {
		shake.ChangeCipherSpec()
	}
	return r.Type == tls.TypeHandshake && !shake.Done()
}

// Fragment implements tls.Handler.
func (s *Scan) Fragment(r tls.Record, p []byte) {
	shake := &s.pass.turns.TLS.reading.shake
	if p == nil {
		shake.Miss()
		return
	}
	shake.Feed(p)
}

// Lost implements tls.Handler.
func (s *Scan) Lost(off, n int64) {
	t := s.pass.turns
	t.TLS.reading.shake.Miss()
	s.hole(t, off, n)
}

const AlertLen = 2 // RFC 8446 §6
