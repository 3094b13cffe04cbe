package reassembly

import (
	"github.com/pcapmesh/pcapmesh/capture"
	"github.com/pcapmesh/pcapmesh/capture/tcpip"
)

const (
	// bindWindow is how far an acknowledgement may be from the other half's
	// position when the two are bound in the middle: the largest default
	// receive buffer of Linux is 6 MiB (tcp_rmem).
	bindWindow = 8 << 20
	// answerWait is how long after the last SYN its answer may come. Linux
	// gives a connect up after 127 s (tcp_syn_retries).
	answerWait = 180e9 // nanoseconds
	// reuseOpen and reuseClosed are how far both numbers of a packet must be
	// from a half's for the packet to start a new incarnation without SYN.
	// Linux advances initial sequence numbers by 15.6 MB/s, so a tuple used
	// again after 4 s is 64 MB on; a closed half gets late packets only.
	reuseOpen   = 64 << 20
	reuseClosed = 1 << 20
	// reuseEnded is how far behind a FIN a packet belongs to the next
	// incarnation: Linux adds 65,537 to the last sequence number of TIME-WAIT
	// (tcp_timewait_state_process in net/ipv4/tcp_minisocks.c).
	reuseEnded = 1<<16 - 1
	// lateWindow is how far behind the first payload seen a SYN may be that
	// was captured after it.
	lateWindow = 1 << 20
	// tsSlack is what timestamps may run on in addition to the time passed, in
	// their unit, nearly always milliseconds.
	tsSlack = 10_000
)

// A verdict says what a segment is to the newest half of its key.
type verdict int

const (
	sameHalf  verdict = iota
	lateSYN           // the half's SYN, captured after a later packet
	newHalf           // the first of a new incarnation
	elsewhere         // of an earlier one, of which nothing was captured
)

// whose judges a segment that has a SYN or is far from h.
func (a *Assembler) whose(h *Half, s *tcpip.Segment) verdict {
	switch {
	case s.Flags&tcpip.FlagSYN != 0:
		return a.whoseSYN(h, s)
	case s.Flags&(tcpip.FlagRST|tcpip.FlagACK) == tcpip.FlagRST && a.disowns(h, s):
		return elsewhere
	case s.Flags&tcpip.FlagRST != 0 || !a.isOther(h, s):
		return sameHalf
	}
	return newHalf
}

func (a *Assembler) whoseSYN(h *Half, s *tcpip.Segment) verdict {
	switch {
	case h.SYN && h.ISN == s.Seq:
		return sameHalf
	case h.SYN || h.slot == 0 || h.End != EndOpen:
		return newHalf
	}
	l := a.lives.at(h.slot)
	if l.slow&unfixed == 0 {
		if h.Base == s.Seq+1 {
			return lateSYN
		}
		return newHalf
	}
	first := l.next
	if l.head != 0 {
		first = l.seq(a.held.at(l.head).off)
	}
	if d := first.Sub(dataSeq(s)); 0 <= d && d <= lateWindow {
		return lateSYN
	}
	return newHalf
}

// disowns reports whether s resets, as one does who has sent nothing but a SYN, what the
// server sends of an earlier connection: with the number of that (RFC 5961 §4), however
// near. As long as nobody answered, only that of the SYN was used.
func (a *Assembler) disowns(h *Half, s *tcpip.Segment) bool {
	return h.SYN && !h.HasAck && h.slot != 0 && (!a.acceptable(a.lives.at(h.slot), s) || a.lives.at(h.slot).peer == 0 && s.Seq != h.ISN && s.Seq != h.Next) &&
		(h.prev == 0 || !serial(s.Seq).near(serial(a.t.Half(h.prev).Next), resetAhead))
}

// isOther reports whether the numbers of a segment without SYN cannot continue h.
func (a *Assembler) isOther(h *Half, s *tcpip.Segment) bool {
	if a.isAfterEnd(h, s) {
		return true
	}
	limit := int64(reuseOpen)
	if h.End != EndOpen {
		limit = reuseClosed
	}
	if serial(s.Seq).near(serial(h.Next), limit) {
		return false
	}
	if !h.HasAck || s.Flags&tcpip.FlagACK == 0 {
		return h.End != EndOpen
	}
	if serial(s.Ack).near(serial(h.LastAck), limit) {
		return false
	}
	return h.End != EndOpen || !continuesTS(h, s)
}

// isAfterEnd reports whether s cannot belong to h because one side has ended its
// stream. No byte follows a FIN, and nothing is acknowledged behind one; but a
// tuple that is used again during TIME-WAIT takes an initial sequence number
// only a little above the last one.
func (a *Assembler) isAfterEnd(h *Half, s *tcpip.Segment) bool {
	if s.Wire > 0 && h.End != EndOpen &&
		(h.End == EndFIN && serial(s.Seq).Sub(serial(h.finSeq)) > 0 || !serial(s.Seq).near(serial(h.Next), reuseClosed)) ||
		h.FIN && serial(s.Seq).Sub(serial(h.finSeq)) >= reuseEnded {
		return true
	}
	if h.Partner == 0 || s.Flags&tcpip.FlagACK == 0 {
		return false
	}
	p := a.t.Half(h.Partner)
	return p.FIN && serial(s.Ack).Sub(serial(p.finSeq)) >= reuseEnded
}

// continuesTS reports whether the timestamps of s can be the next ones of h.
func continuesTS(h *Half, s *tcpip.Segment) bool {
	if !h.HasTS || !s.HasTS {
		return false
	}
	passed := max(int64(s.Time)-int64(h.LastTime), 0) / 1e6
	return serial(s.TSVal).near(serial(h.LastTSVal), 2*passed+tsSlack)
}

// seek looks for the half that h answers or that answers h, when h has just
// been opened or its SYN seen. It reports whether the states of the two were
// linked.
func (a *Assembler) seek(id HalfID, h *Half, s *tcpip.Segment) (linked bool) {
	if h.Partner != 0 {
		return false
	}
	r := a.keys.lookup(a.t, h.Key.Reverse())
	if r == 0 || r == id || a.t.Half(r).Partner != 0 || !agree(a.t.Half(r), h) {
		r = a.seekNumber(id, h, s)
	}
	return r != 0 && a.bind(id, r)
}

// seekNumber finds the other half of a half-flow: an iptables REDIRECT shows
// one direction with its addresses changed and the other without, and on a
// collision of tuples even the client's port differs. The client's address and
// the numbers of the handshake are the same on both. What finds nothing is
// remembered.
func (a *Assembler) seekNumber(id HalfID, h *Half, s *tcpip.Segment) HalfID {
	refused := !h.SYN && s.Flags&tcpip.FlagRST != 0 && s.Flags&tcpip.FlagACK != 0
	switch {
	case h.SYNACK || refused:
		n := number{h.Key.Point, h.Key.Dst, h.FirstAck}
		if r := a.asks.find(a.t, n, s.Time); r != 0 {
			return r
		}
		a.tells.add(a.t, n, id)
	case h.SYN:
		n := number{h.Key.Point, h.Key.Src, h.ISN + 1}
		if r := a.tells.find(a.t, n, s.Time); r != 0 {
			return r
		}
		a.asks.add(a.t, n, id)
		if n.ack = h.tfoEnd(); n.ack != h.ISN+1 {
			if r := a.tells.find(a.t, n, s.Time); r != 0 {
				return r
			}
			a.asks.add(a.t, n, id)
		}
	}
	return 0
}

// agree reports whether the numbers of two halves of reverse keys fit together.
func agree(p, q *Half) bool {
	switch {
	case p.SYN && q.SYNACK:
		return p.asked(q.FirstAck)
	case q.SYN && p.SYNACK:
		return q.asked(p.FirstAck)
	}
	return p.HasAck && follows(q, p) && (!q.HasAck || follows(p, q)) ||
		!p.HasAck && q.HasAck && follows(p, q)
}

// follows reports whether what q acknowledges can be what p has sent.
func follows(p, q *Half) bool {
	ack := serial(q.LastAck)
	return !(p.SYN && ack.Less(serial(p.ISN))) && ack.near(serial(p.Next), bindWindow)
}

// bind makes two halves partners, tells the consumer and lets their states
// know each other if both still have one.
func (a *Assembler) bind(x, y HalfID) (linked bool) {
	p, q := a.t.Half(x), a.t.Half(y)
	p.Partner, q.Partner = y, x
	p.ending = p.ending || q.FIN
	q.ending = q.ending || p.FIN
	a.out.Bind(inOrder(a.t, x, y))
	if p.slot == 0 || q.slot == 0 {
		return false
	}
	a.join(p.slot, q.slot)
	return true
}

// inOrder returns the two ids with the half that sent the SYN, else the one
// that spoke first, in front.
func inOrder(t *Table, x, y HalfID) (a, b HalfID) {
	p, q := t.Half(x), t.Half(y)
	asks := func(h *Half) bool { return h.SYN && !h.SYNACK }
	switch {
	case asks(p) != asks(q):
		if asks(q) {
			x, y = y, x
		}
	case p.SYNACK != q.SYNACK:
		if p.SYNACK {
			x, y = y, x
		}
	case y < x:
		x, y = y, x
	}
	return x, y
}

// join makes two states peers.
func (a *Assembler) join(i, j uint32) {
	l, p := a.lives.at(i), a.lives.at(j)
	l.peer, p.peer = j, i
	if l.head != 0 {
		p.slow |= peerWaits
	}
	if p.head != 0 {
		l.slow |= peerWaits
	}
}

// A number is what the two halves of a handshake share, whatever their ports.
type number struct {
	point  tcpip.Point
	client tcpip.Addr
	ack    uint32 // what the answer to the SYN acknowledges
}

func (n number) hash() uint64 {
	k := tcpip.Key{Src: n.client, Point: n.point}
	h := (k.Hash() ^ uint64(n.ack)) * 0x9e3779b97f4a7c15
	return h ^ h>>32
}

// of reports whether h has the number, as the asking or as the answering side.
func (n number) of(h *Half) bool {
	if h.Key.Point != n.point {
		return false
	}
	if h.SYN && !h.SYNACK {
		return h.Key.Src == n.client && h.asked(n.ack)
	}
	return h.Key.Dst == n.client && h.FirstAck == n.ack
}

// A numberIndex finds halves without a partner by number. It is an
// open-addressing table; halves that found a partner are dropped when it grows.
type numberIndex struct {
	slots []keySlot
	used  int
}

// find returns the half without partner that has the number and was seen in
// the last answerWait, 0 when there are none or several: a wrong binding is
// worse than none.
func (x *numberIndex) find(t *Table, n number, now capture.Time) HalfID {
	if len(x.slots) == 0 {
		return 0
	}
	var found HalfID
	tag, mask := uint32(n.hash()), uint32(len(x.slots)-1)
	for i := tag & mask; x.slots[i].id != 0; i = (i + 1) & mask {
		e := x.slots[i]
		if e.tag != tag {
			continue
		}
		if h := t.Half(e.id); h.Partner == 0 && n.of(h) && int64(now)-int64(h.LastTime) <= answerWait {
			if found != 0 {
				return 0
			}
			found = e.id
		}
	}
	return found
}

// add puts a half in. Of halves with the same number two are enough to know
// that it is not unique; a third takes the place of one that found its partner
// or is left out, so that no flood of equal SYNs makes long searches.
func (x *numberIndex) add(t *Table, n number, id HalfID) {
	x.reserve(t)
	tag, mask := uint32(n.hash()), uint32(len(x.slots)-1)
	same := 0
	i := tag & mask
	for ; x.slots[i].id != 0; i = (i + 1) & mask {
		if x.slots[i].tag != tag {
			continue
		}
		if t.Half(x.slots[i].id).Partner != 0 {
			x.slots[i].id = id
			return
		}
		if same++; same == 2 {
			return
		}
	}
	x.slots[i] = keySlot{tag, id}
	x.used++
}

func (x *numberIndex) reserve(t *Table) {
	if 4*(x.used+1) <= 3*len(x.slots) {
		return
	}
	old := x.slots
	kept := 0
	for _, e := range old {
		if e.id != 0 && t.Half(e.id).Partner == 0 {
			kept++
		}
	}
	size := firstSlots
	for size < 2*(kept+1) {
		size *= 2
	}
	*x = numberIndex{make([]keySlot, size), kept}
	mask := uint32(size - 1)
	for _, e := range old {
		if e.id == 0 || t.Half(e.id).Partner != 0 {
			continue
		}
		i := e.tag & mask
		for x.slots[i].id != 0 {
			i = (i + 1) & mask
		}
		x.slots[i] = e
	}
}
