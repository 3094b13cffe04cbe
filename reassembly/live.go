package reassembly

import (
	"github.com/pcapmesh/pcapmesh/capture"
	"github.com/pcapmesh/pcapmesh/capture/tcpip"
)

// A live is the state of a half while it is read: one cache line, used again
// when the half and the one bound to it are closed, so that the states of the
// connections open at one time stay together in the cache.
//
// What decides about delivery stands here and not in the Half, because a later
// reading, whose counters go nowhere, has to decide the same.
type live struct {
	off  int64  // stream offset of the next byte to deliver
	skip int64  // bytes from off on that the consumer does not want
	next serial // sequence number of off; provisional while unfixed
	ack  serial // highest acknowledgement sent; valid iff hasAck
	peer uint32 // state of the half bound to this one; 0 = none
	id   HalfID

	head, tail   uint32 // chunks held back, in stream order
	bytes        uint32 // payload bytes in them
	chunks, runs uint16
	ackNew       serial // what the peer had acknowledged at the last two counts of settleAfter packets
	ackOld       serial

	slow  uint8 // reasons why a segment needs more than the short way
	known uint8 // which of the acknowledgement numbers are valid
	ticks uint8 // packets since the last count; while unfixed, since the first payload
	far   uint8 // segments far outside the window in a row
}

// Bits of live.slow.
const (
	unfixed   = 1 << iota // the base is not known: payload is held back
	holding               // chunks are held back
	closed                // nothing more is delivered
	astray                // far is not 0
	peerWaits             // the peer wants to know of this half's packets
)

// Bits of live.known.
const (
	hasAck = 1 << iota
	hasNew
	hasOld
)

// heard notes what a segment acknowledges.
func (l *live) heard(s *tcpip.Segment) {
	switch {
	case s.Flags&tcpip.FlagACK == 0 || s.Flags&tcpip.FlagRST != 0:
	case l.known&hasAck == 0:
		l.known |= hasAck
		l.ack = serial(s.Ack)
	case l.ack.Less(serial(s.Ack)):
		l.ack = serial(s.Ack)
	}
}

// offset returns the stream offset of a sequence number.
func (l *live) offset(s serial) int64 { return l.off + s.Sub(l.next) }

// seq returns the sequence number of a stream offset less than 2³¹ from off.
func (l *live) seq(off int64) serial { return l.next.Add(off - l.off) }

// at says where the half stands, shown by no packet.
func (l *live) at(nanos capture.Time) At {
	return At{Half: l.id, Off: l.off, Ack: uint32(l.ack), Time: nanos}
}
