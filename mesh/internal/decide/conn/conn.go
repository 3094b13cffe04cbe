package conn

import (
	"net/netip"

	"github.com/pcapmesh/pcapmesh/capture"
	"github.com/pcapmesh/pcapmesh/capture/tcpip"
	"github.com/pcapmesh/pcapmesh/mesh/internal/index"
	"github.com/pcapmesh/pcapmesh/mesh/internal/recorded"
	"github.com/pcapmesh/pcapmesh/mesh/profile"
	"github.com/pcapmesh/pcapmesh/reassembly"
)

// A Conn is one TCP connection as one capture point saw it: the half of its
// originator and the half that answers.
type Conn struct {
	index.Pair
	Strays   []Stray
	Entry    *recorded.Entry // of conntrack; nil when none is known
	Pod      string
	Place    index.Place
	Loopback bool
	Inferred bool // orientation was guessed: no SYN
	HalfFlow bool // orig's destination is not reply's source
	Start    int64
	End      int64
	First    capture.Ref
}

// A Stray is a half that is written with a conn: packets of it that NAT forgot to
// rewrite after its entry was gone, so that their tuple differs, or what its client
// disowned of an earlier connection.
type Stray struct {
	Half  index.HalfNo
	Reply bool // it runs in the direction of the conn's reply
}

// ByZtunnel reports whether conntrack's mark says that ztunnel has an end of c on the
// pod's loopback interface; known is false if it does not tell. The event that tells of a
// new entry comes before its mark.
func (c *Conn) ByZtunnel() (by, known bool) {
	e := c.Entry
	if e == nil || !c.Loopback || e.State == "" || e.State == "SYN_SENT" {
		return false, false
	}
	return e.Mark&profile.ZtunnelMask == profile.ZtunnelMark, true
}

// Pairs lists the halves of conns.
func Pairs(conns []*Conn) []index.Pair {
	pairs := make([]index.Pair, len(conns))
	for i, c := range conns {
		pairs[i] = c.Pair
	}
	return pairs
}

// fill makes c the conn of one or two halves, not oriented yet.
func (c *Conn) fill(x *index.Index, a, b index.HalfNo) {
	*c = Conn{Pair: index.Pair{Orig: a, Reply: b}, Place: x.Place(a)}
	info := x.Point(a)
	c.Pod, c.Loopback = info.Pod, info.Loopback
	h := x.Half(a)
	c.Start, c.End, c.First = int64(h.FirstTime), int64(max(h.LastTime, h.FirstTime)), h.First
	if b != 0 {
		g := x.Half(b)
		if int64(g.FirstTime) < c.Start || int64(g.FirstTime) == c.Start && index.Before(g.First, c.First) {
			c.Start, c.First = int64(g.FirstTime), g.First
		}
		c.End = max(c.End, int64(g.LastTime))
		c.HalfFlow = h.Key.Reverse() != g.Key // whichever is whose
	}
}

// OrigTuple returns the tuple as the originator dialled it. REDIRECT leaves
// it in the reply half: the source of an answer is what had been dialled. Where
// that was not captured, conntrack may tell.
func (c *Conn) OrigTuple(x *index.Index) tcpip.Tuple {
	switch {
	case c.Reply != 0:
		return x.Half(c.Reply).Key.Tuple().Reverse()
	case c.TornEntry():
		return c.Entry.Orig
	}
	return x.Half(c.Orig).Key.Tuple()
}

// ReplyTuple returns conntrack's reply tuple: its source is who answered.
func (c *Conn) ReplyTuple(x *index.Index) tcpip.Tuple {
	switch {
	case c.Orig != 0:
		return x.Half(c.Orig).Key.Tuple().Reverse()
	case c.TornEntry():
		return c.Entry.Reply
	}
	return x.Half(c.Reply).Key.Tuple()
}

// TornEntry reports whether conntrack knows that the two halves of c have
// different tuples: elsewhere than on the loopback interface NAT shows in both
// or in none.
func (c *Conn) TornEntry() bool { return c.Entry != nil && c.Loopback && c.Entry.NAT() }

// Client returns the originator's endpoint as dialled.
func (c *Conn) Client(x *index.Index) netip.AddrPort { return c.OrigTuple(x).Src }

// Server returns the endpoint that the originator dialled.
func (c *Conn) Server(x *index.Index) netip.AddrPort { return c.OrigTuple(x).Dst }

// HasSYN reports whether a SYN of either side was captured.
func (c *Conn) HasSYN(x *index.Index) bool {
	for h := range c.Halves {
		if x.Half(h).SYN {
			return true
		}
	}
	return false
}

// Bytes returns the distinct bytes seen on both halves.
func (c *Conn) Bytes(x *index.Index) (n int64) {
	for h := range c.Halves {
		n += x.Half(h).Bytes
	}
	return n
}

// Missing returns the bytes missing on both halves.
func (c *Conn) Missing(x *index.Index) (n int64) {
	for h := range c.Halves {
		n += x.Half(h).Missing
	}
	return n
}

// ClosedBy tells which side ended the connection first.
func (c *Conn) ClosedBy(x *index.Index) string {
	who, when := "open", int64(0)
	for i, h := range [2]index.HalfNo{c.Orig, c.Reply} {
		if h == 0 {
			continue
		}
		half := x.Half(h)
		if half.EndTime == 0 || when != 0 && int64(half.EndTime) >= when {
			continue
		}
		when = int64(half.EndTime)
		who = [2]string{"orig", "reply"}[i]
		if half.RST && !half.FIN {
			who += "-rst"
		}
	}
	return who
}

// SeqRange returns the raw sequence numbers that a half covers: from its SYN
// or first byte to after its last byte and FIN.
func SeqRange(h *reassembly.Half) (lo, hi uint32) {
	lo, hi = h.Base, h.Next
	if h.SYN {
		lo = h.ISN
	}
	if h.FIN {
		hi++
	}
	return lo, hi
}

// InRange reports whether seq lies in [lo-slack, hi+slack] modulo 2³².
func InRange(seq, lo, hi, slack uint32) bool {
	return seq-(lo-slack) <= hi-lo+2*slack
}

// Mirrored reports whether both directions were captured, under one tuple.
func (c *Conn) Mirrored() bool { return c.Orig != 0 && c.Reply != 0 && !c.HalfFlow }
