package conn

import (
	"net/netip"
	"slices"

	"github.com/pcapmesh/pcapmesh/mesh/internal/index"
)

// straySlack is how far a stray packet's numbers may lie from what was seen of
// its connection: what one side may have in flight.
const straySlack = 1 << 20

// A podEndpoint is an endpoint as one pod sees it. Loopback addresses belong
// to their pod.
type podEndpoint struct {
	pod string
	ap  netip.AddrPort
}

// attachStrays finds conns without SYN that only carry on another conn of the
// pod under a tuple that NAT forgot to rewrite (after conntrack -F, or when an
// entry expired), and ties them to that conn.
func (b *binder) attachStrays() {
	if !slices.ContainsFunc(b.conns, func(c *Conn) bool { return !c.HasSYN(b.x) }) {
		return
	}
	b.began = beginnings(b.x)
	byClient := make(map[podEndpoint][]*Conn)
	for _, c := range index.Each(b.x, b.conns) {
		e := podEndpoint{c.Pod, c.Client(b.x)}
		byClient[e] = append(byClient[e], c)
	}
	b.conns = slices.DeleteFunc(b.conns, func(c *Conn) bool {
		if c.HasSYN(b.x) || c.Bytes(b.x) > straySlack {
			return false
		}
		for _, t := range b.owners(byClient, c) {
			if t != c && b.adopt(t, c) {
				return true
			}
		}
		return false
	})
}

// owners lists the conns whose client is an end of c.
func (b *binder) owners(byClient map[podEndpoint][]*Conn, c *Conn) []*Conn {
	h := c.Orig
	if h == 0 {
		h = c.Reply
	}
	t := b.x.Half(h).Key.Tuple()
	return append(slices.Clone(byClient[podEndpoint{c.Pod, t.Src}]), byClient[podEndpoint{c.Pod, t.Dst}]...)
}

// adopt makes the halves of c strays of t if all of them carry t on.
func (b *binder) adopt(t, c *Conn) bool {
	if t.Start >= c.Start || !b.watched(c.Place, t.Start) && !t.HasSYN(b.x) {
		return false
	}
	var found []Stray
	for h := range c.Halves {
		reply, ok := b.carriesOn(t, h)
		if !ok {
			return false
		}
		found = append(found, Stray{h, reply})
	}
	t.Strays = append(t.Strays, found...)
	t.End = max(t.End, c.End)
	return true
}

// watched reports whether the capture at a place ran at the given time.
func (b *binder) watched(p index.Place, nanos int64) bool {
	t, ok := b.began[p]
	return ok && t <= nanos
}

// beginnings returns when the first segment of each place was seen.
func beginnings(x *index.Index) map[index.Place]int64 {
	began := make(map[index.Place]int64)
	for h := range x.Halves {
		q, first := x.Place(h), x.Half(h).FirstTime
		if t, ok := began[q]; !ok || int64(first) < t {
			began[q] = int64(first)
		}
	}
	return began
}

// carriesOn reports whether h continues a direction of t, and which.
func (b *binder) carriesOn(t *Conn, h index.HalfNo) (reply, ok bool) {
	half := b.x.Half(h)
	same, other := t.Orig, t.Reply
	if half.Key.Tuple().Dst == t.Client(b.x) {
		same, other, reply = t.Reply, t.Orig, true
	}
	if same == 0 || half.Key == b.x.Half(same).Key {
		return reply, false
	}
	s := b.x.Half(same)
	lo, hi := SeqRange(s)
	if half.FirstTime < s.FirstTime || half.Base == lo || !InRange(half.Base, lo, hi, straySlack) || half.Base-s.Base >= 1<<31 {
		return reply, false
	}
	if other == 0 || !half.HasAck {
		return reply, true
	}
	lo, hi = SeqRange(b.x.Half(other))
	return reply, InRange(half.FirstAck, lo, hi, straySlack)
}
