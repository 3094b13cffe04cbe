package mesh

import (
	"net/netip"

	"github.com/pcapmesh/pcapmesh/capture"
	"github.com/pcapmesh/pcapmesh/reassembly"
)

// A conn is one TCP connection as one capture point saw it: the half of its
// originator and the half that answers.
type conn struct {
	pair
	strays   []stray
	entry    *natEntry // of conntrack; nil when none is known
	pod      string
	place    place
	loopback bool
	inferred bool // orientation was guessed: no SYN
	halfFlow bool // orig's destination is not reply's source
	start    int64
	end      int64
	first    capture.Ref
}

// A stray is a half that belongs to a conn though its tuple differs: packets
// that NAT forgot to rewrite after its entry was gone.
type stray struct {
	half  halfNo
	reply bool // it runs in the direction of the conn's reply
}

// pairsOf lists the halves of conns.
func pairsOf(conns []*conn) []pair {
	pairs := make([]pair, len(conns))
	for i, c := range conns {
		pairs[i] = c.pair
	}
	return pairs
}

// fill makes c the conn of one or two halves, not oriented yet.
func (c *conn) fill(x *index, a, b halfNo) {
	*c = conn{pair: pair{a, b}, place: x.place(a)}
	info := x.point(a)
	c.pod, c.loopback = info.Pod, info.Loopback
	h := x.half(a)
	c.start, c.end, c.first = h.FirstNanos, max(h.LastNanos, h.FirstNanos), h.First
	if b != 0 {
		g := x.half(b)
		if g.FirstNanos < c.start || g.FirstNanos == c.start && before(g.First, c.first) {
			c.start, c.first = g.FirstNanos, g.First
		}
		c.end = max(c.end, g.LastNanos)
	}
}

// before orders packets of one moment: by input, then by number.
func before(a, b capture.Ref) bool {
	return a.Input < b.Input || a.Input == b.Input && a.Packet < b.Packet
}

// origTuple returns the tuple as the originator dialled it. REDIRECT leaves
// it in the reply half: the source of an answer is what had been dialled. Where
// that was not captured, conntrack may tell.
func (c *conn) origTuple(x *index) capture.Tuple {
	switch {
	case c.reply != 0:
		return x.half(c.reply).Key.Tuple().Reverse()
	case c.tornEntry():
		return c.entry.Orig
	}
	return x.half(c.orig).Key.Tuple()
}

// replyTuple returns conntrack's reply tuple: its source is who answered.
func (c *conn) replyTuple(x *index) capture.Tuple {
	switch {
	case c.orig != 0:
		return x.half(c.orig).Key.Tuple().Reverse()
	case c.tornEntry():
		return c.entry.Reply
	}
	return x.half(c.reply).Key.Tuple()
}

// tornEntry tells whether conntrack knows that the two halves of c have
// different tuples: elsewhere than on the loopback interface NAT shows in both
// or in none.
func (c *conn) tornEntry() bool { return c.entry != nil && c.loopback && c.entry.NAT() }

// client returns the originator's endpoint as dialled.
func (c *conn) client(x *index) netip.AddrPort { return c.origTuple(x).Src }

// server returns the endpoint that the originator dialled.
func (c *conn) server(x *index) netip.AddrPort { return c.origTuple(x).Dst }

// hasSYN tells whether a SYN of either side was captured.
func (c *conn) hasSYN(x *index) bool {
	for h := range c.halves {
		if x.half(h).SYN {
			return true
		}
	}
	return false
}

// bytes returns the distinct bytes seen on both halves.
func (c *conn) bytes(x *index) (n int64) {
	for h := range c.halves {
		n += x.half(h).Bytes
	}
	return n
}

// missing returns the bytes missing on both halves.
func (c *conn) missing(x *index) (n int64) {
	for h := range c.halves {
		n += x.half(h).Missing
	}
	return n
}

// closedBy tells which side ended the connection first.
func (c *conn) closedBy(x *index) string {
	who, when := "open", int64(0)
	for i, h := range [2]halfNo{c.orig, c.reply} {
		if h == 0 {
			continue
		}
		half := x.half(h)
		if half.EndNanos == 0 || when != 0 && half.EndNanos >= when {
			continue
		}
		when = half.EndNanos
		who = [2]string{"orig", "reply"}[i]
		if half.RST && !half.FIN {
			who += "-rst"
		}
	}
	return who
}

// seqRange returns the raw sequence numbers that a half covers: from its SYN
// or first byte to after its last byte and FIN.
func seqRange(h *reassembly.Half) (lo, hi uint32) {
	lo, hi = h.Base, h.Next
	if h.SYN {
		lo = h.ISN
	}
	if h.FIN {
		hi++
	}
	return lo, hi
}

// inRange tells whether seq lies in [lo-slack, hi+slack] modulo 2³².
func inRange(seq, lo, hi, slack uint32) bool {
	return seq-(lo-slack) <= hi-lo+2*slack
}
