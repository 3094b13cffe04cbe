package mesh

import (
	"github.com/pcapmesh/pcapmesh/internal/tls"
	"github.com/pcapmesh/pcapmesh/reassembly"
)

// What cannot be read still has turns: who sent how much before it heard from
// the other side again. Pass 1 keeps them as bursts of halves that are TLS, and
// of halves of plain bytes that a proxy may carry on as TLS. Everything else,
// what of a TLS half is handshake and what a turn is, follows in Decide.

// A burst is what a side sends without hearing from the other in between.
type burst struct {
	next    uint32  // next burst of the half; 0 = last
	records uint32  // TLS: records of application type that begin in it
	off     int64   // stream offset of its first byte; TLS: of its first record
	from    instant // packet with that byte
	until   int64   // time of its last byte, nanoseconds
	sealed  int64   // TLS: bytes of the fragments of those records
	other   int64   // TLS: bytes of records of other types, with headers
	hole    int64   // bytes in which anything may have begun unseen
}

const (
	// maxBursts bounds what is kept of one half; the last burst then takes
	// all that follows. Legs that talk so much are told apart long before.
	maxBursts = 1 << 14
	// maxMarks is how many of the first records of application type are kept
	// one by one: more than a handshake and its tickets have.
	maxMarks = 16
)

// A mark is one TLS record: where it stands and when it went by.
type mark struct {
	off int64
	len int32 // of the fragment
	at  instant
}

// turns is what pass 1 keeps of the turns of one half.
type turns struct {
	first, last uint32 // bursts, linked by burst.next; 0 = none
	count       uint32
	fresh       bool   // more was heard: what comes next begins a burst
	ack         uint32 // the most that was heard of the other side
	heard       bool   // ack is valid
	seal        *seal  // nil unless TLS
}

// A seal is what pass 1 keeps of a TLS half beside its bursts.
type seal struct {
	reading *reading  // nil when the half has been read
	facts   tls.Facts // what the handshake says
	marks   []mark    // the first records of application type
	last    mark      // the last record
	lastTyp uint8
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

// close ends the reading at offset off.
func (s *seal) close(off int64, h tls.Handler) {
	s.reading.scanner.Close(off, h)
	s.facts = s.reading.shake.Facts()
	s.reading = nil
}

// seal returns what pass 1 kept of TLS on half h; nil if that is not TLS.
func (x *index) seal(h halfNo) *seal {
	r := x.record(h)
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
		t.seal = newSeal(l.record.start)
	}
}

// loopback tells whether the half was captured on the loopback interface.
func (s *scan) loopback(h reassembly.HalfID) bool {
	return s.points != nil && s.points.Info(s.table.Half(h).Key.Point).Loopback
}

// hear notes bytes of a half whose turns are kept.
func (s *scan) hear(l *live, at reassembly.At, p []byte) {
	t := l.turns
	if !t.heard || int32(at.Ack-t.ack) > 0 {
		t.ack, t.heard, t.fresh = at.Ack, true, true
	}
	if t.seal == nil {
		s.burst(t, at.Off, instantOf(at))
	} else {
		l.at, s.pass = instantOf(at), l
		t.seal.reading.scanner.Feed(at.Off, p, s)
	}
	if t.last != 0 {
		b := s.bursts.At(t.last)
		b.until = max(b.until, at.Nanos)
	}
}

// missHeard notes n bytes that are missing. What the snapshot length cut off
// belongs to the packet before it.
func (s *scan) missHeard(l *live, at reassembly.At, n int64, why reassembly.GapKind) {
	switch t := l.turns; {
	case t.seal != nil:
		l.at, s.pass = instantOf(at), l
		t.seal.reading.scanner.Gap(at.Off, n, s)
	case why == reassembly.GapLost && t.last != 0:
		s.bursts.At(t.last).hole += n
	}
}

// burst returns the burst that what begins at off belongs to.
func (s *scan) burst(t *turns, off int64, at instant) *burst {
	if t.last != 0 && (!t.fresh || t.count == maxBursts) {
		return s.bursts.At(t.last)
	}
	i, b := s.bursts.Add()
	b.off, b.from, b.until = off, at, at.nanos
	if t.last == 0 {
		t.first = i
	} else {
		s.bursts.At(t.last).next = i
	}
	t.last, t.fresh = i, false
	t.count++
	return b
}

// Header implements tls.Handler.
func (s *scan) Header(r tls.Record) (want bool) {
	l := s.pass
	t := l.turns
	b := s.burst(t, r.Off, l.at)
	m := mark{r.Off, int32(r.Len), l.at}
	t.seal.last, t.seal.lastTyp = m, r.Type
	if r.Type != tls.TypeApplicationData {
		b.other += tls.HeaderLen + int64(r.Len)
		if r.Type == tls.TypeChangeCipherSpec {
			t.seal.reading.shake.ChangeCipherSpec()
		}
		return r.Type == tls.TypeHandshake && !t.seal.reading.shake.Done()
	}
	b.records++
	b.sealed += int64(r.Len)
	if len(t.seal.marks) < maxMarks {
		t.seal.marks = append(t.seal.marks, m)
	}
	return false
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
	if t.last != 0 {
		s.bursts.At(t.last).hole += n
	}
}

// listBursts lists the bursts of a half.
func (s *scan) listBursts(t *turns) []*burst {
	var bs []*burst
	for i := t.first; i != 0; {
		b := s.bursts.At(i)
		bs = append(bs, b)
		i = b.next
	}
	return bs
}
