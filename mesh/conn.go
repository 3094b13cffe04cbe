package mesh

import (
	"net/netip"

	"github.com/pcapmesh/pcapmesh/capture"
	"github.com/pcapmesh/pcapmesh/mesh/internal/index"
	"github.com/pcapmesh/pcapmesh/mesh/internal/recorded"
	"github.com/pcapmesh/pcapmesh/reassembly"
)

// A conn is one TCP connection as one capture point saw it: the half of its
// originator and the half that answers.
type conn struct {
	index.Pair
	strays   []stray
	entry    *recorded.Entry // of conntrack; nil when none is known
	pod      string
	place    index.Place
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
	half  index.HalfNo
	reply bool // it runs in the direction of the conn's reply
}

// pairsOf lists the halves of conns.
func pairsOf(conns []*conn) []index.Pair {
	pairs := make([]index.Pair, len(conns))
	for i, c := range conns {
		pairs[i] = c.Pair
	}
	return pairs
}

// fill makes c the conn of one or two halves, not oriented yet.
func (c *conn) fill(x *index.Index, a, b index.HalfNo) {
	*c = conn{Pair: index.Pair{Orig: a, Reply: b}, place: x.Place(a)}
	info := x.Point(a)
	c.pod, c.loopback = info.Pod, info.Loopback
	h := x.Half(a)
	c.start, c.end, c.first = h.FirstNanos, max(h.LastNanos, h.FirstNanos), h.First
	if b != 0 {
		g := x.Half(b)
		if g.FirstNanos < c.start || g.FirstNanos == c.start && index.Before(g.First, c.first) {
			c.start, c.first = g.FirstNanos, g.First
		}
		c.end = max(c.end, g.LastNanos)
	}
}

// origTuple returns the tuple as the originator dialled it. REDIRECT leaves
// it in the reply half: the source of an answer is what had been dialled. Where
// that was not captured, conntrack may tell.
func (c *conn) origTuple(x *index.Index) capture.Tuple {
	switch {
	case c.Reply != 0:
		return x.Half(c.Reply).Key.Tuple().Reverse()
	case c.tornEntry():
		return c.entry.Orig
	}
	return x.Half(c.Orig).Key.Tuple()
}

// replyTuple returns conntrack's reply tuple: its source is who answered.
func (c *conn) replyTuple(x *index.Index) capture.Tuple {
	switch {
	case c.Orig != 0:
		return x.Half(c.Orig).Key.Tuple().Reverse()
	case c.tornEntry():
		return c.entry.Reply
	}
	return x.Half(c.Reply).Key.Tuple()
}

// tornEntry tells whether conntrack knows that the two halves of c have
// different tuples: elsewhere than on the loopback interface NAT shows in both
// or in none.
func (c *conn) tornEntry() bool { return c.entry != nil && c.loopback && c.entry.NAT() }

// client returns the originator's endpoint as dialled.
func (c *conn) client(x *index.Index) netip.AddrPort { return c.origTuple(x).Src }

// server returns the endpoint that the originator dialled.
func (c *conn) server(x *index.Index) netip.AddrPort { return c.origTuple(x).Dst }

// hasSYN tells whether a SYN of either side was captured.
func (c *conn) hasSYN(x *index.Index) bool {
	for h := range c.Halves {
		if x.Half(h).SYN {
			return true
		}
	}
	return false
}

// bytes returns the distinct bytes seen on both halves.
func (c *conn) bytes(x *index.Index) (n int64) {
	for h := range c.Halves {
		n += x.Half(h).Bytes
	}
	return n
}

// missing returns the bytes missing on both halves.
func (c *conn) missing(x *index.Index) (n int64) {
	for h := range c.Halves {
		n += x.Half(h).Missing
	}
	return n
}

// closedBy tells which side ended the connection first.
func (c *conn) closedBy(x *index.Index) string {
	who, when := "open", int64(0)
	for i, h := range [2]index.HalfNo{c.Orig, c.Reply} {
		if h == 0 {
			continue
		}
		half := x.Half(h)
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
