package reassembly

import (
	"github.com/pcapmesh/pcapmesh/capture"
	"github.com/pcapmesh/pcapmesh/capture/tcpip"
)

// A piece is a part of a segment's payload on its way to its place.
type piece struct {
	off   int64  // stream offset of its first byte
	n     int64  // bytes on the wire
	p     []byte // the captured ones of them; not owned
	ack   uint32
	nanos capture.Time
	ref   capture.Ref
}

func pieceOf(l *live, s *tcpip.Segment) piece {
	return piece{l.offset(dataSeq(s)), int64(s.Wire), s.Bytes, s.Ack, s.Time, s.Ref}
}

func (x *piece) end() int64 { return x.off + x.n }

// cut takes d bytes off the front, 0 ≤ d ≤ n.
func (x *piece) cut(d int64) {
	x.off += d
	x.n -= d
	x.p = x.p[min(d, int64(len(x.p))):]
}

// split takes up to d bytes off the front and returns them as a piece.
func (x *piece) split(d int64) piece {
	y := *x
	y.n = min(d, x.n)
	y.p = x.p[:min(y.n, int64(len(x.p)))]
	x.cut(y.n)
	return y
}

// A chunk is a piece held back. Chunks of a half form a list in stream order;
// chunks without a gap between them form a run. The first and the last chunk of
// a run know each other, so that a search steps over whole runs:
//
//	delivered | gap | c1 c2 c3 | gap | c4 c5 FIN |
//	         off      head  run         run  tail
//
// c1 and c3 are mates here, c4 and FIN are, and a lone chunk is its own.
// A sender's packets nearly always extend the last run or fill the first gap,
// so a search goes from the tail and a fill from the head. A FIN that has to
// wait is a chunk without bytes, always the last.
type chunk struct {
	off        int64
	nanos      capture.Time
	ref        capture.Ref
	n          uint32 // bytes on the wire; 0 for a FIN
	have       uint32 // captured bytes of them
	ack        uint32
	pages      uint32 // 0 when not copied, because not wanted
	next, prev uint32
	mate       uint32 // of the first chunk of a run the last, and the reverse
	fin        bool   // the sender's last: closes the half
}

func (c *chunk) end() int64 { return c.off + int64(c.n) }

// place brings a payload to its place: to the consumer if it is the next, else
// into the list. It reports whether the limit of all held bytes was at fault
// that gaps became final; force repeats that decision.
func (a *Assembler) place(l *live, h *Half, x piece, force bool) (forced bool) {
	if !a.trim(l, h, &x) {
		return false
	}
	h.saw(l.seq(x.end()))
	if l.slow&unfixed != 0 || x.off > l.off {
		forced = force || a.pages+pagesFor(len(x.p)) > a.allowance(l)
		if !a.makeRoom(l, h, &x, forced) {
			return forced
		}
	}
	if !a.thread(l, h, x) {
		h.Retrans++
	}
	return forced
}

// trim cuts off what lies before the stream's position or behind its FIN, and
// reports whether anything is left.
func (a *Assembler) trim(l *live, h *Half, x *piece) bool {
	if l.tail != 0 && l.slow&holding != 0 {
		if c := a.held.at(l.tail); c.fin && x.end() > c.off {
			*x = x.split(max(c.off-x.off, 0))
		}
	}
	if x.n == 0 || l.slow&unfixed != 0 {
		return x.n != 0
	}
	if x.off < 0 && !h.SYN {
		h.Before += uint32(min(-x.off, x.n))
	}
	if x.end() <= l.off {
		// A keep-alive probe repeats the last byte, or sends garbage in its
		// place (RFC 9293 §3.8.4); it is not a retransmission.
		if x.n > 1 || x.end() < l.off {
			h.Retrans++
		}
		return false
	}
	x.cut(max(l.off-x.off, 0))
	return true
}

// makeRoom gives gaps up until the piece may be held back or has become the
// next, and reports whether anything of it is left.
func (a *Assembler) makeRoom(l *live, h *Half, x *piece, forced bool) bool {
	for forced || a.full(l, x.n) {
		switch {
		case l.slow&unfixed != 0:
			base := a.fix(l, h, x.off)
			x.off += base
		case x.off <= l.off:
			return a.trim(l, h, x)
		case l.head == 0 || x.off <= a.held.at(l.head).off:
			a.lose(l, h, x.off, At{Ack: x.ack, Time: x.nanos, Ref: x.ref})
			return true
		default:
			a.giveUp(l, h)
		}
		if l.slow&closed != 0 {
			return false
		}
	}
	return a.trim(l, h, x)
}

// allowance returns the pages of all halves up to which l may hold back more.
// A quarter is for halves that hold little, so that those with long gaps do not
// turn every swapped pair of the others into a gap.
func (a *Assembler) allowance(l *live) int {
	if l.chunks < swapPackets {
		return a.limits.pages
	}
	return a.limits.pages - a.limits.pages/4
}

// full reports whether n more bytes exceed what one half may hold back.
func (a *Assembler) full(l *live, n int64) bool {
	return int64(l.bytes)+n > int64(a.limits.bytes) || int(l.chunks) >= a.limits.packets || l.runs >= maxRuns
}

// thread puts the parts of x that are not there yet into the gaps between the
// runs and hands over what has become the next. It reports whether x brought
// anything new.
func (a *Assembler) thread(l *live, h *Half, x piece) (fresh bool) {
	var direct piece
	at := a.before(l, x.off) // last chunk of the run that reaches into x or ends before it
	for x.n > 0 {
		if a.shadow(h, at, &x) {
			continue
		}
		next, room := a.room(l, at, &x)
		y := x.split(room)
		fresh = fresh || y.n > 0
		if y.off == l.off && l.slow&unfixed == 0 {
			direct = y
			if next != 0 {
				at = a.held.at(next).mate
			}
			continue
		}
		at = a.link(l, h, at, &y, false) // in one run with next now, if x goes on
	}
	if direct.n > 0 {
		a.take(l, h, direct)
		a.flush(l, h)
	}
	return fresh
}

// shadow cuts off the front of x what the run that ends with chunk at has
// already, and reports whether that was anything.
func (a *Assembler) shadow(h *Half, at uint32, x *piece) bool {
	if at == 0 {
		return false
	}
	d := min(a.held.at(at).end()-x.off, x.n)
	if d <= 0 {
		return false
	}
	h.Conflict += a.compare(a.held.at(at).mate, x, d)
	x.cut(d)
	return true
}

// room returns the first chunk after chunk at, 0 for none, and how much of x
// fits before it.
func (a *Assembler) room(l *live, at uint32, x *piece) (next uint32, n int64) {
	next = l.head
	if at != 0 {
		next = a.held.at(at).next
	}
	if next == 0 {
		return 0, x.n
	}
	return next, a.held.at(next).off - x.off
}

// before returns the last chunk of the last run that starts at or before off,
// 0 when there is none.
func (a *Assembler) before(l *live, off int64) uint32 {
	if l.head == 0 || a.held.at(l.head).off > off {
		return 0
	}
	for i := l.tail; ; {
		a.steps++
		c := a.held.at(i)
		first := c.mate
		if a.held.at(first).off <= off {
			return i
		}
		i = a.held.at(first).prev
	}
}

// link puts y into the list behind chunk at, joins it with the runs that it
// touches and returns the last chunk of the run it is in now.
func (a *Assembler) link(l *live, h *Half, at uint32, y *piece, fin bool) uint32 {
	i := a.held.get()
	c := a.held.at(i)
	*c = chunk{off: y.off, nanos: y.nanos, ref: y.ref, n: uint32(y.n), have: uint32(len(y.p)), ack: y.ack, prev: at, mate: i, fin: fin}
	if l.slow&unfixed != 0 || y.end()-l.off > l.skip {
		c.pages = a.arena.store(y.p)
	}
	a.count(l, c, 1)
	h.Bytes += int64(len(y.p))
	a.chain(l, i, c)
	return a.merge(l, i, c)
}

// chain hooks chunk i in behind c.prev.
func (a *Assembler) chain(l *live, i uint32, c *chunk) {
	if l.head == 0 {
		a.startHold(l)
	}
	if c.prev == 0 {
		c.next, l.head = l.head, i
	} else {
		p := a.held.at(c.prev)
		c.next, p.next = p.next, i
	}
	if c.next == 0 {
		l.tail = i
	} else {
		a.held.at(c.next).prev = i
	}
}

// merge joins the run of one chunk i with its neighbours and returns the last
// chunk of the joined run.
func (a *Assembler) merge(l *live, i uint32, c *chunk) uint32 {
	first, last := i, i
	l.runs++
	if c.prev != 0 && a.held.at(c.prev).end() == c.off {
		first = a.held.at(c.prev).mate
		l.runs--
	}
	if c.next != 0 && a.held.at(c.next).off == c.end() {
		last = a.held.at(c.next).mate
		l.runs--
	}
	a.held.at(first).mate, a.held.at(last).mate = last, first
	return last
}

// count adds a chunk to what is held back, or takes it off.
func (a *Assembler) count(l *live, c *chunk, sign int) {
	l.bytes += uint32(sign) * c.n
	l.chunks += uint16(sign)
	a.pages += sign * pagesFor(int(c.have))
}

// compareSteps bounds the chunks looked at for a comparison. The bytes of an
// overlap further on in a run go uncompared.
const compareSteps = 64

// compare counts the bytes among the first d of x that differ from the ones
// held back in the run that starts with chunk i.
func (a *Assembler) compare(i uint32, x *piece, d int64) (differ int64) {
	p := x.p[:min(d, int64(len(x.p)))]
	off := x.off
	for range compareSteps {
		if i == 0 || len(p) == 0 {
			break
		}
		a.steps++
		c := a.held.at(i)
		i = c.next
		if c.end() <= off {
			continue
		}
		k := min(c.end()-off, int64(len(p)))
		differ += a.differ(c, off-c.off, p[:k])
		p, off = p[k:], off+k
	}
	return differ
}

// differ counts the bytes of p that differ from those of the chunk from byte
// from on.
func (a *Assembler) differ(c *chunk, from int64, p []byte) int64 {
	have := int64(c.have) - from
	if c.pages == 0 || have <= 0 {
		return 0
	}
	return a.arena.differ(c.pages, int(from), p[:min(have, int64(len(p)))])
}
