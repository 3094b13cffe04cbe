package scan

import (
	"math"

	"github.com/pcapmesh/pcapmesh/capture"
	"github.com/pcapmesh/pcapmesh/capture/tcpip"
	"github.com/pcapmesh/pcapmesh/internal/arena"
	"github.com/pcapmesh/pcapmesh/internal/wire/fingerprint"
	"github.com/pcapmesh/pcapmesh/internal/wire/http1"
	"github.com/pcapmesh/pcapmesh/internal/wire/http2"
	"github.com/pcapmesh/pcapmesh/internal/wire/tls"
	"github.com/pcapmesh/pcapmesh/reassembly"
)

// A Proto is what the bytes of a half turned out to be.
type Proto uint8

const (
	ProtoNone        Proto = iota // no byte seen
	ProtoTCP                      // bytes that nothing here reads
	ProtoRequests                 // HTTP/1 requests
	ProtoResponses                // HTTP/1 responses
	ProtoTLS                      // TLS records
	protoH2                       // HTTP/2, either side's
	ProtoH2Requests               // HTTP/2, a client's half
	ProtoH2Responses              // HTTP/2, a server's half
)

// A Content is what pass 1 keeps of one half beside reassembly.Half.
type Content struct {
	first, last uint32 // messages, linked by Message.Next; 0 = none
	count       uint32 // of messages
	Proto       Proto
	Start       bool    // offset 0 is the connection's first byte
	Open        bool    // the capture ended before the half did
	Unknown     bool    // HTTP/2: header fields are unknown
	Unframed    bool    // HTTP/2: frames may have been missed
	Adrift      Span    // HTTP/2: when frames may have been missed; 0 = never
	Tunnel      int64   // offset from which the stream is no HTTP any more; -1 = nowhere
	Data        Instant // first byte
	LastNanos   int64   // last packet with payload
	Lost        int64   // bytes that no packet carried: missing ones but for those the snapshot length cut off
	hole        int64   // stream offset after the last of them
	Late        bool    // bytes before the first one seen are missing
	Ragged      bool    // bytes after the last one seen are missing
	Print       fingerprint.Print
	Turns       uint32 // index into Scan.Turns; 0 = none kept
}

// A live is the state needed only while a half is being read. What every
// packet of a half that is no HTTP needs comes first: it is what the cache of
// the processor has to hold when many connections are open at once.
type live struct {
	content   *Content
	lastNanos int64
	raw       bool // the sampler runs
	plain     bool // and nothing else: this is no HTTP
	cut       bool // heads are cut: messages are told apart by turns
	hasHead   bool
	sampler   fingerprint.Sampler
	turns     *Turns     // nil when they are not kept
	h2        *h2Reading // nil unless this is HTTP/2

	next    uint32 // free list
	half    reassembly.HalfID
	scanner http1.Scanner
	at      Instant // packet at hand
	last    Instant // packet before it that was captured
	segOff  int64   // offset of its first byte
	segEnd  int64   // offset after its last byte
	lost    bool    // it was not captured: at is when what comes after it went by
	head    Instant // packet with the first byte of the message at hand
	msg     uint32  // the message at hand; 0 = none
	turn    turn

	answered uint32 // the partner's request that the last response answered; 0 = none yet
}

// A Scan is the consumer that reads exchanges, fingerprints and protocol facts
// from the halves of one group of inputs. Pass 1 runs it over all halves; it
// may run again over chosen ones once more is known about them.
type Scan struct {
	table    *reassembly.Table
	points   *tcpip.Points         // nil: no half is known to be on loopback
	Contents arena.Slab[Content]   // by HalfID
	messages arena.Slab[Message]   // index 0 is unused
	muxed    arena.Slab[H2Message] // index 0 is unused
	Fields   arena.Slab[Field]
	Text     arena.Text
	Turns    arena.Slab[Turns] // index 0 is unused
	Units    arena.Slab[Unit]  // index 0 is unused
	Sealed   bool              // some half was TLS
	lives    arena.Slab[live]
	liveOf   []uint32 // by HalfID: 1 + index of the live state while the half is open; 0 = none
	free     uint32   // 1 + index of a free live; 0 = none
	scratch  http1.Scratch
	frames   http2.Scratch
	pass     *live // the half being fed

	// Asked tells what a response answers, on a second reading; nil on the
	// first.
	Asked    func(h reassembly.HalfID, resp *Message) http1.BodyRule
	partners []reassembly.HalfID // by HalfID, as bound while reading

	// KnownH2 reports whether a half is known to be HTTP/2, on a second reading;
	// nil on the first.
	KnownH2 func(h reassembly.HalfID) bool
}

// New returns a scan of the halves in t. points may be nil: then no half is known to
// be on loopback.
func New(t *reassembly.Table, points *tcpip.Points) *Scan {
	s := &Scan{table: t, points: points}
	s.messages.Add()
	s.muxed.Add()
	s.Turns.Add()
	s.Units.Add()
	s.Contents.Add()
	s.liveOf = append(s.liveOf, 0)
	return s
}

// Unwanted is the answer of a consumer that needs no more bytes of a half.
const Unwanted = math.MaxInt64

// Open implements reassembly.Consumer.
func (s *Scan) Open(h reassembly.HalfID, syn bool, at reassembly.At) {
	for s.Contents.Len() <= int(h) {
		_, r := s.Contents.Add()
		r.Tunnel = -1
		s.liveOf = append(s.liveOf, 0)
	}
	s.Contents.At(uint32(h)).Start = syn
}

// Bind implements reassembly.Consumer.
func (s *Scan) Bind(a, b reassembly.HalfID) {
	for len(s.partners) <= int(max(a, b)) {
		s.partners = append(s.partners, 0)
	}
	s.partners[a], s.partners[b] = b, a
}

// partnerIs reports whether the half that answers h, as far as known, speaks p.
func (s *Scan) partnerIs(h reassembly.HalfID, p Proto) bool {
	o := s.partner(h)
	return o != 0 && s.Contents.At(uint32(o)).Proto == p
}

func (s *Scan) partner(h reassembly.HalfID) reassembly.HalfID {
	if int(h) >= len(s.partners) {
		return 0
	}
	return s.partners[h]
}

// Bytes implements reassembly.Consumer.
func (s *Scan) Bytes(at reassembly.At, p []byte) int64 {
	l := s.liveState(at.Half)
	if l == nil {
		if l = s.begin(at, p); l == nil {
			return Unwanted
		}
	}
	l.lastNanos = int64(at.Time)
	if l.turns != nil {
		s.hear(l, at, p)
	}
	if l.plain {
		l.sampler.Write(p)
		return 0
	}
	return s.feed(l, at, p)
}

// liveState returns the live state of an open half, nil if it has none.
func (s *Scan) liveState(h reassembly.HalfID) *live {
	if i := s.liveOf[h]; i != 0 {
		return s.lives.At(i - 1)
	}
	return nil
}

// take makes the n bytes at hand those that are read.
func (s *Scan) take(l *live, at reassembly.At, n int64) {
	if !l.lost {
		l.last = l.at
	}
	l.at, l.segOff, l.segEnd, l.lost = instantOf(at), at.Off, at.Off+n, false
	s.pass = l
}

// feed reads bytes of a half that is HTTP, or may be.
func (s *Scan) feed(l *live, at reassembly.At, p []byte) int64 {
	s.take(l, at, int64(len(p)))
	if !l.hasHead {
		l.head, l.hasHead = l.at, true
	}
	if l.h2 != nil {
		return s.feedH2(l, at, p)
	}
	fresh := l.turn.turnTo(at, p)
	if l.cut {
		s.feedCut(l, fresh)
		return 0
	}
	raw := l.raw
	skip := l.scanner.Feed(at.Off, p, s)
	if !l.raw {
		if raw { // its messages tell it apart from now on
			l.sampler.Write(p)
			l.content.Print = l.sampler.Sum()
			l.content.Print.Cut()
		}
		return skip
	}
	l.plain = l.scanner.Kind() == http1.NotHTTP
	l.sampler.Write(p)
	return 0
}

// begin looks at the first bytes of a half and decides what reads it: nil for
// nothing, since no more of its bytes are wanted.
func (s *Scan) begin(at reassembly.At, p []byte) *live {
	r := s.Contents.At(uint32(at.Half))
	r.LastNanos = int64(at.Time)
	if r.Proto != ProtoNone {
		return nil
	}
	r.Data = instantOf(at)
	r.Late = r.Lost > 0
	r.Proto = ProtoTCP
	switch {
	case looksLikeTLS(p, r.Start && !r.Late) || (!r.Start || r.Late) && s.partnerIs(at.Half, ProtoTLS):
		r.Proto = ProtoTLS
		l := s.sampleOnly(at, r)
		l.turns.TLS.begin(p)
		return l
	}
	l := s.sampleOnly(at, r)
	if proto := s.speaksH2(at.Half, p); proto != ProtoNone {
		s.beginH2(l, proto)
		return l
	}
	l.plain = false
	l.scanner.Reset(&s.scratch, r.Start)
	return l
}

// sampleOnly makes a live state that takes nothing but the fingerprint of the
// stream: bytes that cannot be read can still be the same on two legs.
func (s *Scan) sampleOnly(at reassembly.At, r *Content) *live {
	i := s.newLive()
	s.liveOf[at.Half] = i + 1
	l := s.lives.At(i)
	l.content, l.half, l.raw, l.plain = r, at.Half, true, true
	l.sampler.Reset(-1)
	l.sampler.Gap(at.Off) // what is missing before the first byte seen
	s.watch(l, at.Half)
	return l
}

// Skip implements reassembly.Consumer.
func (s *Scan) Skip(at reassembly.At, n int64) {
	l := s.liveState(at.Half)
	if l == nil {
		s.Contents.At(uint32(at.Half)).LastNanos = int64(at.Time)
		return
	}
	l.lastNanos = int64(at.Time)
	s.take(l, at, n)
	if l.h2 != nil {
		l.h2.scanner.Skip(at.Off, n, (*h2Scan)(s))
		return
	}
	l.turn.turnTo(at, nil)
	l.scanner.Skip(at.Off, n, s)
}

// Gap implements reassembly.Consumer.
func (s *Scan) Gap(at reassembly.At, n int64, why reassembly.GapKind, next capture.Ref) {
	if why == reassembly.GapLost {
		r := s.Contents.At(uint32(at.Half))
		r.Lost += n
		r.hole = at.Off + n
	}
	l := s.liveState(at.Half)
	if l == nil {
		return
	}
	s.take(l, at, n)
	l.lost = why == reassembly.GapLost
	if l.h2 != nil {
		s.gapH2(l, at, n, why)
		return
	}
	if why == reassembly.GapSnaplen {
		s.cutHead(l)
	}
	if l.cut {
		s.endCut(l, l.segEnd)
		return
	}
	l.hasHead = l.hasHead && l.msg != 0
	l.scanner.Gap(at.Off, n, s)
	if l.raw {
		l.sampler.Gap(n)
	}
	if l.turns != nil {
		s.missHeard(l, at, n, why)
	}
}

// Close implements reassembly.Consumer.
func (s *Scan) Close(h reassembly.HalfID, how reassembly.End, at reassembly.At) {
	r := s.Contents.At(uint32(h))
	r.Ragged = r.Lost > 0 && r.hole == at.Off
	l := s.liveState(h)
	if l == nil {
		return
	}
	s.take(l, at, 0)
	if l.h2 != nil {
		s.closeH2(l, at.Off)
	} else if !l.cut && !l.plain {
		l.scanner.Close(at.Off, how == reassembly.EndFIN, s)
	}
	if l.raw {
		l.content.Print = l.sampler.Sum()
	}
	if l.turns != nil && l.turns.TLS != nil {
		l.turns.TLS.close(at.Off, s)
	}
	l.content.LastNanos, l.content.Open = l.lastNanos, how == reassembly.EndOpen
	l.next, s.free = s.free, s.liveOf[h]
	s.liveOf[h] = 0
}

// newLive returns the index of a cleared live state.
func (s *Scan) newLive() uint32 {
	if s.free == 0 {
		i, _ := s.lives.Add()
		return i
	}
	i := s.free - 1
	l := s.lives.At(i)
	s.free = l.next
	*l = live{}
	return i
}

// looksLikeTLS reports whether p begins a stream of TLS records (RFC 8446 §5.1).
// At the start of a connection it must begin with a handshake record; in the
// middle of one some record must begin in it.
func looksLikeTLS(p []byte, start bool) bool {
	if !start {
		return tls.Midstream(p)
	}
	if len(p) < 5 || p[0] != tls.TypeHandshake || p[1] != 3 || p[2] > 4 {
		return false
	}
	n := int(p[3])<<8 | int(p[4])
	return n > 0 && n <= 1<<14+256
}

// Wholly reports whether the half was seen from its first byte to its last.
func (r *Content) Wholly() bool { return r.Lost == 0 && r.Start && !r.Open }

// LostAfter reports whether bytes from a stream offset on are missing.
func (r *Content) LostAfter(off int64) bool { return r.Lost > 0 && r.hole > off }

// A Span is an interval of time, in nanoseconds.
type Span struct{ From, To int64 }
