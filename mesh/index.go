package mesh

import (
	"math"

	"github.com/pcapmesh/pcapmesh/capture"
	"github.com/pcapmesh/pcapmesh/internal/arena"
	"github.com/pcapmesh/pcapmesh/internal/fingerprint"
	"github.com/pcapmesh/pcapmesh/internal/http1"
	"github.com/pcapmesh/pcapmesh/internal/http2"
	"github.com/pcapmesh/pcapmesh/internal/tls"
	"github.com/pcapmesh/pcapmesh/reassembly"
)

// A protocol is what the bytes of a half turned out to be.
type protocol uint8

const (
	protoNone        protocol = iota // no byte seen
	protoTCP                         // bytes that nothing here reads
	protoRequests                    // HTTP/1 requests
	protoResponses                   // HTTP/1 responses
	protoTLS                         // TLS records
	protoH2                          // HTTP/2, either side's
	protoH2Requests                  // HTTP/2, a client's half
	protoH2Responses                 // HTTP/2, a server's half
)

// A halfFacts is what pass 1 keeps of one half beside reassembly.Half.
type halfFacts struct {
	first, last uint32 // messages, linked by message.next; 0 = none
	count       uint32 // of messages
	proto       protocol
	start       bool    // offset 0 is the connection's first byte
	open        bool    // the capture ended before the half did
	unknown     bool    // HTTP/2: header fields are unknown
	unframed    bool    // HTTP/2: frames may have been missed
	adrift      span    // HTTP/2: when frames may have been missed; 0 = never
	tunnel      int64   // offset from which the stream is no HTTP any more; -1 = nowhere
	data        instant // first byte
	lastNanos   int64   // last packet with payload
	lost        int64   // bytes that no packet carried: missing ones but for those the snapshot length cut off
	hole        int64   // stream offset after the last of them
	late        bool    // bytes before the first one seen are missing
	ragged      bool    // bytes after the last one seen are missing
	print       fingerprint.Print
	turns       uint32 // index into scan.turns; 0 = none kept
}

// A live is the state needed only while a half is being read. What every
// packet of a half that is no HTTP needs comes first: it is what the cache of
// the processor has to hold when many connections are open at once.
type live struct {
	record    *halfFacts
	lastNanos int64
	raw       bool // the sampler runs
	plain     bool // and nothing else: this is no HTTP
	cut       bool // heads are cut: messages are told apart by turns
	hasHead   bool
	sampler   fingerprint.Sampler
	turns     *turns     // nil when they are not kept
	h2        *h2Reading // nil unless this is HTTP/2

	next    uint32 // free list
	half    reassembly.HalfID
	scanner http1.Scanner
	at      instant // packet at hand
	last    instant // packet before it
	segOff  int64   // offset of its first byte
	segEnd  int64   // offset after its last byte
	head    instant // packet with the first byte of the message at hand
	msg     uint32  // the message at hand; 0 = none
	turn    turn

	answered uint32 // the partner's request that the last response answered; 0 = none yet
}

// A scan is the consumer that reads exchanges, fingerprints and protocol facts
// from the halves of one group of inputs. Pass 1 runs it over all halves; it
// may run again over chosen ones once more is known about them.
type scan struct {
	table    *reassembly.Table
	points   *capture.Points       // nil: no half is known to be on loopback
	records  arena.Slab[halfFacts] // by HalfID
	messages arena.Slab[message]   // index 0 is unused
	muxed    arena.Slab[h2Message] // index 0 is unused
	fields   arena.Slab[field]
	text     arena.Text
	turns    arena.Slab[turns] // index 0 is unused
	units    arena.Slab[unit]  // index 0 is unused
	sealed   bool              // some half was TLS
	lives    arena.Slab[live]
	liveOf   []uint32 // by HalfID: 1 + index of the live state while the half is open; 0 = none
	free     uint32   // 1 + index of a free live; 0 = none
	scratch  http1.Scratch
	frames   http2.Scratch
	pass     *live // the half being fed

	// asked tells what a response answers, on a second reading; nil on the
	// first.
	asked    func(h reassembly.HalfID, resp *message) http1.BodyRule
	partners []reassembly.HalfID // by HalfID, as bound while reading

	// knownH2 tells whether a half is known to be HTTP/2, on a second reading;
	// nil on the first.
	knownH2 func(h reassembly.HalfID) bool
}

func newScan(t *reassembly.Table, points *capture.Points) *scan {
	s := &scan{table: t, points: points}
	s.messages.Add()
	s.muxed.Add()
	s.turns.Add()
	s.units.Add()
	s.records.Add()
	s.liveOf = append(s.liveOf, 0)
	return s
}

// unwanted is the answer of a consumer that needs no more bytes of a half.
const unwanted = math.MaxInt64

// Open implements reassembly.Consumer.
func (s *scan) Open(h reassembly.HalfID, syn bool, at reassembly.At) {
	for s.records.Len() <= int(h) {
		_, r := s.records.Add()
		r.tunnel = -1
		s.liveOf = append(s.liveOf, 0)
	}
	s.records.At(uint32(h)).start = syn
}

// Bind implements reassembly.Consumer.
func (s *scan) Bind(a, b reassembly.HalfID) {
	for len(s.partners) <= int(max(a, b)) {
		s.partners = append(s.partners, 0)
	}
	s.partners[a], s.partners[b] = b, a
}

// partnerIs tells whether the half that answers h, as far as known, speaks p.
func (s *scan) partnerIs(h reassembly.HalfID, p protocol) bool {
	o := s.partner(h)
	return o != 0 && s.records.At(uint32(o)).proto == p
}

func (s *scan) partner(h reassembly.HalfID) reassembly.HalfID {
	if int(h) >= len(s.partners) {
		return 0
	}
	return s.partners[h]
}

// Bytes implements reassembly.Consumer.
func (s *scan) Bytes(at reassembly.At, p []byte) int64 {
	l := s.liveState(at.Half)
	if l == nil {
		if l = s.begin(at, p); l == nil {
			return unwanted
		}
	}
	l.lastNanos = at.Nanos
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
func (s *scan) liveState(h reassembly.HalfID) *live {
	if i := s.liveOf[h]; i != 0 {
		return s.lives.At(i - 1)
	}
	return nil
}

// feed reads bytes of a half that is HTTP, or may be.
func (s *scan) feed(l *live, at reassembly.At, p []byte) int64 {
	l.last, l.at, l.segOff, l.segEnd = l.at, instantOf(at), at.Off, at.Off+int64(len(p))
	if !l.hasHead {
		l.head, l.hasHead = l.at, true
	}
	s.pass = l
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
			l.record.print = l.sampler.Sum()
			l.record.print.Cut()
		}
		return skip
	}
	l.plain = l.scanner.Kind() == http1.NotHTTP
	l.sampler.Write(p)
	return 0
}

// begin looks at the first bytes of a half and decides what reads it: nil for
// nothing, since no more of its bytes are wanted.
func (s *scan) begin(at reassembly.At, p []byte) *live {
	r := s.records.At(uint32(at.Half))
	r.lastNanos = at.Nanos
	if r.proto != protoNone {
		return nil
	}
	r.data = instantOf(at)
	r.late = r.lost > 0
	r.proto = protoTCP
	switch {
	case looksLikeTLS(p, r.start && !r.late) || (!r.start || r.late) && s.partnerIs(at.Half, protoTLS):
		r.proto = protoTLS
		l := s.sampleOnly(at, r)
		l.turns.seal.begin(p)
		return l
	}
	l := s.sampleOnly(at, r)
	if proto := s.speaksH2(at.Half, p); proto != protoNone {
		s.beginH2(l, proto)
		return l
	}
	l.plain = false
	l.scanner.Reset(&s.scratch, r.start)
	return l
}

// sampleOnly makes a live state that takes nothing but the fingerprint of the
// stream: bytes that cannot be read can still be the same on two legs.
func (s *scan) sampleOnly(at reassembly.At, r *halfFacts) *live {
	i := s.newLive()
	s.liveOf[at.Half] = i + 1
	l := s.lives.At(i)
	l.record, l.half, l.raw, l.plain = r, at.Half, true, true
	l.sampler.Reset(-1)
	l.sampler.Gap(at.Off) // what is missing before the first byte seen
	s.watch(l, at.Half)
	return l
}

// Skip implements reassembly.Consumer.
func (s *scan) Skip(at reassembly.At, n int64) {
	l := s.liveState(at.Half)
	if l == nil {
		s.records.At(uint32(at.Half)).lastNanos = at.Nanos
		return
	}
	l.lastNanos = at.Nanos
	l.last, l.at, l.segOff, l.segEnd = l.at, instantOf(at), at.Off, at.Off+n
	s.pass = l
	if l.h2 != nil {
		l.h2.scanner.Skip(at.Off, n, (*h2Scan)(s))
		return
	}
	l.turn.turnTo(at, nil)
	l.scanner.Skip(at.Off, n, s)
}

// Gap implements reassembly.Consumer.
func (s *scan) Gap(at reassembly.At, n int64, why reassembly.GapKind, next capture.Ref) {
	if why == reassembly.GapLost {
		r := s.records.At(uint32(at.Half))
		r.lost += n
		r.hole = at.Off + n
	}
	l := s.liveState(at.Half)
	if l == nil {
		return
	}
	l.last, l.at, l.segOff, l.segEnd = l.at, instantOf(at), at.Off, at.Off+n
	s.pass = l
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
func (s *scan) Close(h reassembly.HalfID, how reassembly.End, at reassembly.At) {
	r := s.records.At(uint32(h))
	r.ragged = r.lost > 0 && r.hole == at.Off
	l := s.liveState(h)
	if l == nil {
		return
	}
	l.last, l.at, l.segOff, l.segEnd = l.at, instantOf(at), at.Off, at.Off
	s.pass = l
	if l.h2 != nil {
		s.closeH2(l, at.Off)
	} else if !l.cut && !l.plain {
		l.scanner.Close(at.Off, how == reassembly.EndFIN, s)
	}
	if l.raw {
		l.record.print = l.sampler.Sum()
	}
	if l.turns != nil && l.turns.seal != nil {
		l.turns.seal.close(at.Off, s)
	}
	l.record.lastNanos, l.record.open = l.lastNanos, how == reassembly.EndOpen
	l.next, s.free = s.free, s.liveOf[h]
	s.liveOf[h] = 0
}

// newLive returns the index of a cleared live state.
func (s *scan) newLive() uint32 {
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

// looksLikeTLS tells whether p begins a stream of TLS records (RFC 8446 §5.1).
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
