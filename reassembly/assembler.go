package reassembly

import "github.com/pcapmesh/pcapmesh/capture/tcpip"

// The limits of what an assembler holds back while bytes before it may still
// come. A gap is given up (declared final) when one of them is reached.
const (
	// maxHoldBytes and maxHoldPackets bound one half. A sender can have a
	// window of unacknowledged data behind one packet lost before the capture
	// point; Linux lets a window grow to 6 MiB (tcp_rmem), hardly ever past 4.
	maxHoldBytes   = 4 << 20
	maxHoldPackets = 4096
	// maxHoldTotal bounds the memory of all halves together.
	maxHoldTotal = 16 << 20
	// swapPackets is how many packets a half holds back when it has no gap but
	// only packets that changed places.
	swapPackets = 8
	// maxRuns bounds the gaps of one half, and so the steps to find the place
	// of a packet. A connection that works has a few (RFC 2018 reports four).
	maxRuns = 256
)

// Options lower the limits of an Assembler, and say what else Index finds. The
// zero value of a limit, and any value above it, means the default.
type Options struct {
	HoldBytes   int // payload bytes held back per half; default 4 MiB
	HoldPackets int // packets held back per half; default 4096
	HoldTotal   int // memory for payload held back, of all halves, in bytes; default 16 MiB

	// Datagrams, if not nil, is given every UDP datagram to or from one of
	// DatagramPorts in the first reading, between the events of halves, in the
	// order of time; it is not owned. A later reading has none.
	Datagrams     func(*tcpip.Datagram)
	DatagramPorts []uint16

	// Segments, if not nil, is given every segment of the first reading and its half,
	// in the order of time, but for second copies; it is not owned.
	Segments func(HalfID, *tcpip.Segment)
}

// limits are Options with the defaults filled in.
type limits struct{ bytes, packets, pages int }

func (o *Options) limits() limits {
	l := limits{maxHoldBytes, maxHoldPackets, maxHoldTotal / pageLen}
	if o == nil {
		return l
	}
	lower := func(p *int, n int) {
		if n > 0 {
			*p = min(*p, n)
		}
	}
	lower(&l.bytes, o.HoldBytes)
	lower(&l.packets, o.HoldPackets)
	lower(&l.pages, o.HoldTotal/pageLen)
	return l
}

// An Assembler puts segments into the order of their streams and hands the
// bytes to a Consumer. It is not safe for concurrent use and owns no
// goroutines.
//
// In the first reading it fills a Table; reading again, it takes the half of
// every packet from the Table and repeats the decisions of the first reading
// exactly: they depend on a half's own packets, on the acknowledgements of the
// half bound to it, and on the marks kept with the packets' ids.
type Assembler struct {
	t      *Table
	out    Consumer
	limits limits
	keys   keyIndex
	asks   numberIndex // SYN halves without an answer
	tells  numberIndex // SYN-ACK halves without a question

	last  HalfID // the half of the last segment; 0 = none
	lives slab[live]
	held  slab[chunk]
	arena arena
	pages int // held back by all halves, counted as if nothing was skipped

	again *again // set when reading again
	spare Half   // counters of a second reading go nowhere
	steps uint64 // list steps taken, for the guard against quadratic time
}

// NewAssembler returns an assembler that fills t, which must be empty, and
// delivers to c. A nil o means the default limits.
func NewAssembler(t *Table, c Consumer, o *Options) *Assembler {
	t.limits = o.limits()
	a := &Assembler{t: t, out: c, limits: t.limits}
	a.keys.reserve()
	return a
}

// Add takes the next segment in time order and returns its half's id, with
// Dup if the segment is a duplicate. The first reading stores the id in the
// table for the packet and its earlier fragments; a later one takes it from
// there. The segment is not kept.
func (a *Assembler) Add(s *tcpip.Segment) HalfID {
	if a.again != nil {
		return a.repeat(s)
	}
	id, h, fresh := a.find(s)
	mark := id
	switch {
	case s.Dup:
		h.Dups++
		mark |= dupMark
	default:
		h.count(s)
		if fresh && a.seek(id, h, s) {
			mark |= bindMark
		}
		if h.slot != 0 {
			l := a.lives.at(h.slot)
			if a.run(l, h, s, false) {
				mark |= forceMark
			}
		} else if s.Wire != 0 {
			h.Retrans++
		}
	}
	a.store(s, mark)
	return mark &^ (forceMark | bindMark)
}

// store writes the id of a segment's packets.
func (a *Assembler) store(s *tcpip.Segment, id HalfID) {
	*a.t.idsOf(s.Ref.Input).slot(s.Ref.Packet) = id
	for _, r := range s.Parts {
		*a.t.idsOf(r.Input).slot(r.Packet) = id &^ (forceMark | bindMark)
	}
}

// find returns the half that the segment belongs to, opening one if there is
// none or if the segment starts a new incarnation. fresh reports whether its
// SYN was seen just now or it has just been opened.
func (a *Assembler) find(s *tcpip.Segment) (id HalfID, h *Half, fresh bool) {
	if id, h = a.recent(s); h != nil {
		return id, h, false
	}
	id, h, fresh = a.search(s)
	a.last = id
	return id, h, fresh
}

// recent finds the half of a segment that carries on where the last one stood,
// in the same direction or the other: packets come in bursts, and this saves
// the way through a table that is too large for the cache.
func (a *Assembler) recent(s *tcpip.Segment) (HalfID, *Half) {
	if a.last == 0 || s.Flags&(tcpip.FlagSYN|tcpip.FlagRST) != 0 {
		return 0, nil
	}
	id := a.last
	h := a.t.halves.at(uint32(id))
	if s.Key.SrcPort != h.Key.SrcPort {
		if id = h.Partner; id == 0 {
			return 0, nil
		}
		h = a.t.halves.at(uint32(id))
	}
	if !sameKey(&h.Key, &s.Key) || h.ending || !serial(s.Seq).near(serial(h.Next), reuseClosed) {
		return 0, nil
	}
	a.last = id
	return id, h
}

// search finds the half of a segment by its key.
func (a *Assembler) search(s *tcpip.Segment) (id HalfID, h *Half, fresh bool) {
	hash := s.Key.Hash()
	e := a.keys.find(a.t, &s.Key, hash)
	if e.id != 0 {
		h = a.t.halves.at(uint32(e.id))
		if s.Flags&tcpip.FlagSYN == 0 && !h.ending && (h.HasAck || s.Flags&tcpip.FlagRST == 0) && serial(s.Seq).near(serial(h.Next), reuseClosed) {
			return e.id, h, false
		}
		switch a.whose(h, s) {
		case sameHalf:
			return e.id, h, false
		case lateSYN:
			h.syn(s) // the base follows when the segment is run
			return e.id, h, true
		case elsewhere:
			id = a.open(s, 0)
			a.t.Half(id).ending = true // the SYN's half is still the newest
			return id, a.t.Half(id), false
		}
		a.closeLeft(e.id, EndReuse)
		e.id = a.open(s, e.id)
		return e.id, a.t.Half(e.id), true
	}
	id = a.open(s, 0)
	*e = keySlot{uint32(hash), id}
	a.keys.used++
	a.keys.reserve()
	return id, a.t.Half(id), true
}

// open makes a half of its first segment.
func (a *Assembler) open(s *tcpip.Segment, prev HalfID) HalfID {
	id := HalfID(a.t.halves.get())
	h := a.t.Half(id)
	h.first(s, dataSeq(s))
	h.prev = prev
	if s.Flags&tcpip.FlagSYN != 0 {
		h.syn(s)
	}
	h.slot = a.start(id, s)
	return id
}

// start makes the state of a half and announces it.
func (a *Assembler) start(id HalfID, s *tcpip.Segment) uint32 {
	slot := a.lives.get()
	l := a.lives.at(slot)
	*l = live{id: id, next: dataSeq(s)}
	syn := s.Flags&tcpip.FlagSYN != 0
	if !syn {
		l.slow = unfixed
	}
	a.out.Open(id, syn, At{Half: id, Ack: s.Ack, Time: s.Time, Ref: s.Ref})
	return slot
}

// dataSeq returns the sequence number of the segment's first payload byte: a
// SYN takes one number itself (RFC 9293 §3.4).
func dataSeq(s *tcpip.Segment) serial {
	if s.Flags&tcpip.FlagSYN != 0 {
		return serial(s.Seq) + 1
	}
	return serial(s.Seq)
}

// run advances a half by one segment. It reports whether the limit of all held
// bytes forced gaps to become final; force repeats that decision.
func (a *Assembler) run(l *live, h *Half, s *tcpip.Segment, force bool) (forced bool) {
	l.heard(s)
	const ends = tcpip.FlagSYN | tcpip.FlagFIN | tcpip.FlagRST
	switch {
	case l.slow&^unfixed == 0 && s.Wire == 0 && s.Flags&ends == 0:
		if l.slow != 0 && l.next.Less(serial(s.Seq)) {
			l.next = serial(s.Seq)
		}
	case l.slow == 0 && serial(s.Seq) == l.next && s.Flags&ends == 0:
		h.saw(l.next.Add(int64(s.Wire)))
		h.Bytes += int64(len(s.Bytes))
		at := At{l.id, l.off, s.Ack, s.Time, s.Ref}
		a.pass(l, at, s.Bytes)
		a.snap(l, h, at, int64(s.Wire)-int64(len(s.Bytes)))
	default:
		forced = a.runSlowly(l, h, s, force)
	}
	return forced
}

// runSlowly is run for all segments but pure acknowledgements and payload in
// order.
func (a *Assembler) runSlowly(l *live, h *Half, s *tcpip.Segment, force bool) (forced bool) {
	if s.Flags&tcpip.FlagSYN != 0 && l.slow&unfixed != 0 {
		a.fix(l, h, l.offset(dataSeq(s)))
	}
	switch {
	case l.slow&closed != 0:
		if s.Wire != 0 {
			h.Retrans++
		}
		h.RST = h.RST || s.Flags&tcpip.FlagRST != 0 && a.acceptable(l, s)
	case s.Flags&tcpip.FlagRST != 0:
		a.reset(l, h, s)
	case a.stray(l, h, s):
	default:
		if s.Wire != 0 {
			forced = a.place(l, h, pieceOf(l, s), force)
		}
		if s.Flags&tcpip.FlagFIN != 0 {
			a.fin(l, h, s)
		}
	}
	a.settle(l, h)
	if l.slow&peerWaits != 0 {
		a.wake(l)
	}
	return forced
}

// half returns the place for the counters of a half: the table in the first
// reading, nowhere in a later one.
func (a *Assembler) half(id HalfID) *Half {
	if a.again != nil {
		return &a.spare
	}
	return a.t.Half(id)
}

// Finish delivers what is held, with the gaps before it, and closes the halves
// that are still open, in the order of their ids. Nothing may be added after it.
func (a *Assembler) Finish() {
	for id := HalfID(1); int(id) <= a.t.Len(); id++ {
		if a.again != nil && !a.again.want.Has(id) {
			continue
		}
		a.closeLeft(id, EndOpen)
	}
}
