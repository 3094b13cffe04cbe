package reassembly

import (
	"github.com/pcapmesh/pcapmesh/capture"
	"github.com/pcapmesh/pcapmesh/capture/tcpip"
)

const (
	// settleAfter is how many packets of either side follow, at least, between
	// an acknowledgement that passes a gap and the gap being final. On loopback
	// the kernel's two CPUs record an acknowledgement a few packets before the
	// data it answers, not more.
	settleAfter = 8
	// baseAfter is how many packets after the first payload of a half without
	// SYN its base is fixed at the latest.
	baseAfter = 8
	// farWindow is the largest TCP window (RFC 7323 §2.3): what lies further
	// ahead or behind cannot have been sent.
	farWindow = 1 << 30
	// farPackets in a row beyond farWindow are believed nevertheless: the
	// capture was interrupted for so long.
	farPackets = 8
	// tailWindow bounds a gap at the end of a half, which only the peer's
	// acknowledgement shows.
	tailWindow = 1 << 24
	// resetAhead is how far ahead of the next sequence number a reset is
	// believed. Most carry that number itself (RFC 5961 §3.2), but packets
	// between may not have been captured. resetBehind is how far behind, while
	// it is not known what the peer has acknowledged.
	resetAhead  = 64 << 10
	resetBehind = 1 << 20
)

// settle decides, after a packet of either side, whether what l waits for has
// come or will not come any more.
func (a *Assembler) settle(l *live, h *Half) {
	switch {
	case l.head == 0 || l.slow&closed != 0:
	case l.slow&unfixed != 0:
		l.ticks++
		if l.ticks >= baseAfter || a.acked(l, a.held.at(l.head).off) {
			a.fix(l, h, a.held.at(l.head).off)
		}
	default:
		a.tick(l)
		for l.head != 0 && l.known&hasOld != 0 && !l.ackOld.Less(l.seq(a.held.at(l.head).off)) {
			a.giveUp(l, h)
		}
	}
}

// tick notes every settleAfter packets what the peer has acknowledged, and
// keeps the note before: what that covers was acknowledged long enough ago.
func (a *Assembler) tick(l *live) {
	l.ticks++
	if l.ticks < settleAfter || l.peer == 0 {
		return
	}
	l.ticks = 0
	if l.known&hasNew != 0 {
		l.ackOld, l.known = l.ackNew, l.known|hasOld
	}
	if p := a.lives.at(l.peer); p.known&hasAck != 0 {
		l.ackNew, l.known = p.ack, l.known|hasNew
	}
}

// wake lets the peer of l, which waits for something, count a packet of l.
func (a *Assembler) wake(l *live) {
	if l.peer == 0 {
		return
	}
	p := a.lives.at(l.peer)
	if p.head == 0 {
		l.slow &^= peerWaits
		return
	}
	a.settle(p, a.half(p.id))
}

// startHold notes that l begins to wait. What the peer had acknowledged long
// ago is forgotten: after 2 GiB it would look like the future.
func (a *Assembler) startHold(l *live) {
	l.slow |= holding
	l.ticks = 0
	l.known &^= hasNew | hasOld
	if l.peer != 0 {
		a.lives.at(l.peer).slow |= peerWaits
	}
}

// acked reports whether the peer has acknowledged the byte at off.
func (a *Assembler) acked(l *live, off int64) bool {
	if l.peer == 0 {
		return false
	}
	p := a.lives.at(l.peer)
	return p.known&hasAck != 0 && l.seq(off).Less(p.ack)
}

// fix makes the first byte seen, or the one at first if that is before it, the
// base of a half without SYN. It returns what to add to offsets from before.
func (a *Assembler) fix(l *live, h *Half, first int64) (shift int64) {
	if l.head != 0 {
		first = min(first, a.held.at(l.head).off)
	}
	for i := l.head; i != 0; i = a.held.at(i).next {
		a.held.at(i).off -= first
	}
	l.next = l.next.Add(first)
	l.slow &^= unfixed
	l.ticks = 0
	h.Base = uint32(l.next)
	a.flush(l, h)
	return -first
}

// take hands over the piece that is next.
func (a *Assembler) take(l *live, h *Half, x piece) {
	h.Bytes += int64(len(x.p))
	at := At{l.id, l.off, x.ack, x.nanos, x.ref}
	a.pass(l, at, x.p)
	a.snap(l, h, at, x.n-int64(len(x.p)))
}

// pass hands bytes to the consumer, as far as it wants them.
func (a *Assembler) pass(l *live, at At, p []byte) {
	if l.skip > 0 {
		k := min(l.skip, int64(len(p)))
		a.skip(l, at, k)
		p = p[k:]
		at.Off += k
	}
	if len(p) > 0 {
		l.skip = max(a.out.Bytes(at, p), 0)
		l.off += int64(len(p))
		l.next = l.next.Add(int64(len(p)))
	}
}

func (a *Assembler) skip(l *live, at At, n int64) {
	if n > 0 {
		a.out.Skip(at, n)
		a.advance(l, n)
	}
}

// advance moves over n bytes that count as skipped where skipping is on.
func (a *Assembler) advance(l *live, n int64) {
	l.off += n
	l.next = l.next.Add(n)
	l.skip = max(l.skip-n, 0)
}

// snap reports the n bytes that the snapshot length cut off a packet.
func (a *Assembler) snap(l *live, h *Half, at At, n int64) {
	if n > 0 {
		at.Off = l.off
		a.out.Gap(at, n, GapSnaplen, at.Ref)
		h.Missing += n
		a.advance(l, n)
	}
}

// lose reports everything before to as missing. at names the packet after the
// gap.
func (a *Assembler) lose(l *live, h *Half, to int64, at At) {
	n := to - l.off
	if n <= 0 {
		return
	}
	at.Half, at.Off = l.id, l.off
	a.out.Gap(at, n, GapLost, at.Ref)
	h.Missing += n
	a.advance(l, n)
}

// giveUp makes the first gap of l final and hands over what stands behind it.
func (a *Assembler) giveUp(l *live, h *Half) {
	c := a.held.at(l.head)
	a.lose(l, h, c.off, At{Ack: c.ack, Time: c.nanos, Ref: c.ref})
	a.flush(l, h)
}

// flush hands over the chunks that have become the next.
func (a *Assembler) flush(l *live, h *Half) {
	for l.head != 0 && a.held.at(l.head).off == l.off {
		i := l.head
		c := a.held.at(i)
		a.release(l, h, c)
		l.head = c.next
		if c.mate == i {
			l.runs--
		} else {
			a.held.at(c.next).mate, a.held.at(c.mate).mate = c.mate, c.next
		}
		a.count(l, c, -1)
		a.arena.drop(c.pages)
		a.held.put(i)
		if c.fin {
			a.close(l, h, EndFIN, At{l.id, l.off, c.ack, c.nanos, c.ref})
		}
	}
	if l.head == 0 {
		l.tail = 0
		l.slow &^= holding
	} else {
		a.held.at(l.head).prev = 0
	}
}

// release hands over one chunk.
func (a *Assembler) release(l *live, h *Half, c *chunk) {
	at := At{l.id, l.off, c.ack, c.nanos, c.ref}
	switch {
	case c.have == 0:
	case c.pages == 0:
		a.skip(l, at, int64(c.have))
	default:
		a.pass(l, at, a.arena.bytes(c.pages, int(c.have)))
	}
	a.snap(l, h, at, int64(c.n-c.have))
}

// stray reports whether a segment is so far from the stream's position that it
// cannot be meant, and follows it after a number of such segments in a row.
func (a *Assembler) stray(l *live, h *Half, s *tcpip.Segment) bool {
	if dataSeq(s).near(l.next, farWindow) {
		l.far = 0
		l.slow &^= astray
		return false
	}
	l.far++
	l.slow |= astray
	if l.far < farPackets {
		return true
	}
	l.far = 0
	l.slow &^= astray
	a.drain(l, h)
	if l.slow&closed == 0 {
		n := int64(uint32(dataSeq(s) - l.next))
		a.lose(l, h, l.off+n, At{Ack: s.Ack, Time: s.Time, Ref: s.Ref})
	}
	return l.slow&closed != 0
}

// fin notes where the sender said that its stream ends.
func (a *Assembler) fin(l *live, h *Half, s *tcpip.Segment) {
	x := pieceOf(l, s)
	x.cut(x.n)
	switch {
	case l.slow&unfixed == 0 && x.off < l.off:
		return // its byte was delivered as payload: not the end
	case l.tail != 0 && (a.held.at(l.tail).fin || a.held.at(l.tail).end() > x.off):
		return
	}
	h.FIN = true
	h.finSeq = h.Base + uint32(x.off)
	h.EndTime = s.Time
	a.noteEnding(h)
	if l.slow&unfixed == 0 && x.off == l.off {
		a.close(l, h, EndFIN, At{l.id, l.off, s.Ack, s.Time, s.Ref})
		return
	}
	a.link(l, h, l.tail, &x, true)
}

// noteEnding lets the packets of h and of its partner be looked at closely from
// now on: they may be those of a new connection.
func (a *Assembler) noteEnding(h *Half) {
	h.ending = true
	if h.Partner != 0 && a.again == nil {
		a.t.Half(h.Partner).ending = true
	}
}

// reset ends a half if the reset is in its window (RFC 5961 §3): not before what
// the receiver has acknowledged, and little ahead.
func (a *Assembler) reset(l *live, h *Half, s *tcpip.Segment) {
	if !a.acceptable(l, s) {
		return
	}
	a.drain(l, h)
	h.RST = true
	if l.slow&closed != 0 {
		return
	}
	at := At{l.id, l.off, s.Ack, s.Time, s.Ref}
	a.loseTail(l, h, at)
	at.Off = l.off
	h.EndTime = s.Time
	a.close(l, h, EndRST, at)
}

// acceptable reports whether a reset with the sequence number of s ends l.
func (a *Assembler) acceptable(l *live, s *tcpip.Segment) bool {
	behind := int64(resetBehind)
	if l.peer != 0 && a.lives.at(l.peer).known&hasAck != 0 {
		behind = max(l.next.Sub(a.lives.at(l.peer).ack), 0)
	}
	d := serial(s.Seq).Sub(l.next)
	return -behind <= d && d <= resetAhead
}

// drain hands over all that is held back, with the gaps before it.
func (a *Assembler) drain(l *live, h *Half) {
	if l.slow&unfixed != 0 {
		first := int64(0) // nothing but acknowledgements so far
		if l.head != 0 {
			first = a.held.at(l.head).off
		}
		a.fix(l, h, first)
	}
	for l.head != 0 {
		a.giveUp(l, h)
	}
}

// loseTail reports the bytes that the peer has acknowledged and that were never
// seen. One alone may be a FIN.
func (a *Assembler) loseTail(l *live, h *Half, at At) {
	if l.peer == 0 || a.lives.at(l.peer).known&hasAck == 0 {
		return
	}
	if n := a.lives.at(l.peer).ack.Sub(l.next); 1 < n && n <= tailWindow {
		a.lose(l, h, l.off+n, at)
	}
}

// closeLeft ends a half that nothing in its own packets ended.
func (a *Assembler) closeLeft(id HalfID, how End) {
	slot := a.slot(id)
	if slot == 0 || a.lives.at(slot).slow&closed != 0 {
		return
	}
	l, h := a.lives.at(slot), a.half(id)
	nanos := a.t.Half(id).LastTime
	a.drain(l, h)
	if l.slow&closed != 0 {
		return
	}
	a.loseTail(l, h, At{Ack: uint32(l.ack), Time: capture.Time(int64(nanos))})
	a.close(l, h, how, l.at(capture.Time(int64(nanos))))
}

// close ends a half. Its state stays while the one bound to it is open, which
// wants to know what it goes on to acknowledge.
func (a *Assembler) close(l *live, h *Half, how End, at At) {
	a.out.Close(l.id, how, at)
	h.End = how
	l.slow |= closed
	if l.peer != 0 {
		p := a.lives.at(l.peer)
		if p.slow&closed == 0 {
			return
		}
		a.free(p)
	}
	a.free(l)
}
