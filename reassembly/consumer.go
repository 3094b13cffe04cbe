package reassembly

import (
	"math"

	"github.com/pcapmesh/pcapmesh/capture"
)

// A HalfID names a half within its group of inputs: one incarnation of one
// directed tuple at one capture point. IDs are dense and start at 1, in the
// order of the halves' first packets; 0 means "not TCP".
type HalfID uint32

// dupMark is set in a stored HalfID when the packet is a further copy of one seen
// before (tcpip.Segment.Dup).
const dupMark HalfID = 1 << 31

// An At says where in a half an event happened and which packet showed it.
type At struct {
	Half HalfID
	Off  int64        // stream offset; 0 is the half's base: the byte after SYN, or the first byte seen
	Ack  uint32       // raw acknowledgement number of the carrying segment: how much of the other side its sender had
	Time capture.Time // capture time of the carrying segment
	Ref  capture.Ref
}

// A Consumer receives the bytes of halves, in stream order within a half and
// in no order between halves: it must accept a response before its request.
// The offsets of a half's events follow each other without holes.
type Consumer interface {
	// Open announces a half; at is its first packet. syn reports whether that is
	// its SYN. (Half.SYN also tells of one captured after other packets.)
	Open(h HalfID, syn bool, at At)
	// Bind tells that b answers a (a sent the SYN, or spoke first). It may
	// come at any time after both were opened, or never.
	Bind(a, b HalfID)
	// Bytes delivers the next bytes of a half: those of one packet, or what is
	// new of them. p is not empty, not owned and valid during the call only.
	// The consumer returns how many of the bytes after p it does not want to
	// see, up to math.MaxInt64: they come through Skip.
	Bytes(at At, p []byte) (skip int64)
	// Skip passes over n bytes that were there but not wanted: one call per
	// segment, so that times stay exact.
	Skip(at At, n int64)
	// Gap passes over n bytes that are missing. at shows the packet that next
	// names: the one after a GapLost, or the one that a GapSnaplen is the end
	// of. Both are zero when no packet of the half follows: then at.Time is
	// the time of its last packet. A gap uses up skipped bytes as present ones do.
	Gap(at At, n int64, why GapKind, next capture.Ref)
	// Close tells that nothing more comes; at is the packet that ended the
	// half. With EndOpen and EndReuse at.Ref is zero and at.Time the time of
	// the half's last packet.
	Close(h HalfID, how End, at At)
}

// Discard is a Consumer that wants nothing. A Consumer that embeds it has to say only
// what it wants to hear.
type Discard struct{}

// Open implements Consumer.
func (Discard) Open(HalfID, bool, At) {}

// Bind implements Consumer.
func (Discard) Bind(a, b HalfID) {}

// Bytes implements Consumer. It skips all that follows.
func (Discard) Bytes(At, []byte) int64 { return math.MaxInt64 }

// Skip implements Consumer.
func (Discard) Skip(At, int64) {}

// Gap implements Consumer.
func (Discard) Gap(At, int64, GapKind, capture.Ref) {}

// Close implements Consumer.
func (Discard) Close(HalfID, End, At) {}

// A GapKind says why bytes of a stream are missing.
type GapKind uint8

// The kinds of gaps.
const (
	GapLost    GapKind = iota + 1 // never captured, though the receiver acknowledged them or the stream went on
	GapSnaplen                    // captured packets cut off by the snapshot length
)

// String returns "lost" or "snaplen".
func (k GapKind) String() string { return word(uint8(k), "unknown", "lost", "snaplen") }

// An End says how a half ended.
type End uint8

// The ways a half ends.
const (
	EndOpen  End = iota // the capture ended first
	EndFIN              // FIN, all bytes before it delivered
	EndRST              // a reset by this half's sender
	EndReuse            // another incarnation took the tuple over
)

// String returns "open", "fin", "rst" or "reuse".
func (e End) String() string { return word(uint8(e), "open", "fin", "rst", "reuse") }

// word returns what i stands for.
func word(i uint8, words ...string) string {
	if int(i) >= len(words) {
		return "unknown"
	}
	return words[i]
}
