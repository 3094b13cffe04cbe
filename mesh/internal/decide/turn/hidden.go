package turn

import (
	"slices"

	"github.com/pcapmesh/pcapmesh/internal/wire/tls"
	"github.com/pcapmesh/pcapmesh/mesh/internal/decide/conn"
	"github.com/pcapmesh/pcapmesh/mesh/internal/decide/graph"
	"github.com/pcapmesh/pcapmesh/mesh/internal/index"
	"github.com/pcapmesh/pcapmesh/mesh/internal/index/scan"
)

// Exchanges on a leg that cannot be read are told apart by turns: a request
// begins with what its sender sends after it has heard more of the other side.
// Their lengths follow from record headers. They have no content, so turn
// algebra is all that can tie them.

// A Leg is a leg seen from outside.
type Leg struct {
	Leg         *graph.Leg
	Orig, Reply *Side   // nil when not captured
	flight      int     // records of the server's flight
	sure        int     // records after it that are tickets for sure; -1 = the handshake was not seen, or TLS before 1.3
	vague       [2]bool // by direction: it is not known where data begin
	bytes       bool    // it is measured as bytes, whatever is in them
}

// NewLeg returns what is known of leg l from outside; its directions are nil
// if no turns of them were kept.
func NewLeg(x *index.Index, l *graph.Leg) *Leg {
	over, slack := overhead(x, l.Conn)
	v := &Leg{Leg: l, Orig: newSealed(x, l.Conn.Orig, over, slack), Reply: newSealed(x, l.Conn.Reply, over, slack), sure: -1}
	if v.Sealed() {
		v.shake(x, l.Conn)
	}
	return v
}

// NewBytes returns the same of a leg of which all is passed on, whatever TLS is in it.
func NewBytes(x *index.Index, l *graph.Leg) *Leg {
	return &Leg{Leg: l, Orig: newBytes(x, l.Conn.Orig), Reply: newBytes(x, l.Conn.Reply), sure: -1, bytes: true}
}

// Sealed reports whether both directions were captured and are TLS: what one of
// them shows is not enough to tell exchanges apart.
func (v *Leg) Sealed() bool {
	return v.Orig != nil && v.Reply != nil && !v.Orig.Plain && !v.Reply.Plain
}

// overhead returns by how much the fragments of c are longer than their
// plaintext.
func overhead(x *index.Index, c *conn.Conn) (over, slack int64) {
	s := x.TLS(c.Reply)
	if s == nil || !s.Facts.Known {
		return over13, 0
	}
	return tls.Overhead(s.Facts.Hello.Version, s.Facts.Hello.Suite)
}

// shake finds where the handshake of TLS ends on both sides. Before TLS 1.3 all
// records of application type are data.
//
// In TLS 1.3 the server's flight is what it sends before it has anything
// encrypted of the client, and the client's flight ends with Finished, which
// OpenSSL and Go put in a record of its own, whose length is known; BoringSSL
// packs the whole flight into one record. Tickets follow the client's flight.
func (v *Leg) shake(x *index.Index, c *conn.Conn) {
	orig, reply := &x.TLS(c.Orig).Facts, &x.TLS(c.Reply).Facts
	begun := x.Content(c.Orig).Start || x.Content(c.Reply).Start || orig.Known || reply.Known
	if !begun || v.Orig.Over != over13 {
		v.Orig.Starts, v.Reply.Starts = []int64{v.Orig.after(0)}, []int64{v.Reply.after(0)}
		v.vague = [2]bool{!begun, !begun} // the first message may have begun before
		return
	}
	early := v.early()
	v.Orig.Starts = v.Orig.afterFlight(tls.FinishedLen(reply.Hello.Suite))
	first := v.Orig.after(0)
	for v.flight < len(v.Reply.Data) && v.Orig.heard(v.Reply.Data[v.flight].At.Ack, first) <= first {
		v.flight++
	}
	for v.sure = 0; v.ticket(v.sure) && v.Orig.heard(v.Reply.Data[v.flight+v.sure].At.Ack, first) <= v.Orig.Starts[0]; {
		v.sure++
	}
	v.begin(v.sure)
	v.vague = [2]bool{v.Orig.broken(), v.Reply.broken()}
	v.Orig.add(early)
}

// early takes from the client what it sent before it had heard anything, and
// what it says after that, if the server accepted it (RFC 8446 §2.3): then it
// is data. What was not accepted is sent again.
func (v *Leg) early() []*scan.Unit {
	n := 0
	for n < len(v.Orig.Data) && v.Reply.heard(v.Orig.Data[n].At.Ack, 0) <= 0 {
		n++
	}
	data := v.Orig.Data[:n]
	v.Orig.Data = v.Orig.Data[n:]
	if n == 0 || len(v.Orig.Data) == 0 || v.Orig.Size(v.Orig.Data[0]) != endOfEarlyData {
		return nil
	}
	v.Orig.Data = v.Orig.Data[1:]
	return data
}

// endOfEarlyData is the length of the message with that name (RFC 8446 §4.5).
const endOfEarlyData = 4

const (
	// maxFlight is how many records a client's flight may have before
	// Finished: certificates, their signature, and what extensions add.
	maxFlight = 4
	// maxTickets is how many records of tickets a server may send; OpenSSL
	// sends two.
	maxTickets = 4
	// minTicket is the plaintext length of the shortest session ticket that
	// servers make: a message header, lifetime, nonce and an opaque of at least
	// a secret and a name (RFC 8446 §4.6.1).
	minTicket = 64
	emptyCert = 8 // a Certificate message without certificates
)

// afterFlight lists where the client's data may begin.
func (s *Side) afterFlight(finished int64) []int64 {
	for k := range min(len(s.Data), maxFlight+1) {
		if s.Size(s.Data[k]) != finished {
			continue
		}
		switch {
		case k == 0, k == 1 && s.Size(s.Data[0]) == emptyCert:
			return []int64{s.after(k + 1)}
		case k == 1:
			return []int64{s.after(1), s.after(2)}
		}
		return []int64{s.after(k + 1), s.after(1)}
	}
	return []int64{s.after(1)}
}

// A boundary is where an exchange begins, in both directions.
type boundary struct{ orig, reply int64 }

// boundaries finds where exchanges begin: at each unit of the client that was
// sent when more of the server had been heard than at the one before. Where the
// request is missing in the capture, the answer to it shows the same.
func (v *Leg) boundaries() []boundary {
	floor := v.Reply.Starts[0]
	now := boundary{v.Orig.Starts[0], floor}
	bs := []boundary{now}
	missing := false
	for _, u := range v.Orig.units[v.Orig.first(now.orig):] {
		if u.Off >= v.Orig.end {
			break
		}
		if !v.Orig.counts(u) || u.Off == now.orig {
			missing = missing || u.Kind == scan.UnitHole
			continue
		}
		if heard := min(v.Reply.heard(u.At.Ack, now.reply), v.Reply.end); heard > max(now.reply, floor) {
			now = boundary{u.Off, heard}
			bs = append(bs, now)
		}
	}
	if missing {
		bs = v.answered(bs)
	}
	return bs
}

// answered adds the boundaries that answers show: a unit of the server that was
// sent when more of the client had been heard than at the one before, where of
// that something is missing.
func (v *Leg) answered(bs []boundary) []boundary {
	before := bs[0].orig
	for _, u := range v.Reply.units[v.Reply.first(bs[0].reply):] {
		if !v.Reply.counts(u) || u.Off >= v.Reply.end {
			continue
		}
		heard := v.Orig.heard(u.At.Ack, before)
		i, known := slices.BinarySearchFunc(bs, u.Off, func(b boundary, off int64) int { return int(b.reply - off) })
		fits := i > 0 && bs[i-1].orig < before && (i == len(bs) || before < bs[i].orig)
		if heard > before && !known && fits && v.Orig.missing(before, heard) {
			bs = slices.Insert(bs, i, boundary{before, u.Off})
		}
		before = max(before, heard)
	}
	return bs
}

// exchanges lists the exchanges of the leg.
func (v *Leg) exchanges(x *index.Index) []graph.Exchange {
	l := v.Leg
	if !v.Sealed() || v.Orig.Starts[0] >= v.Orig.end {
		return nil
	}
	bs := v.boundaries()
	es := make([]graph.Exchange, len(bs))
	for i, b := range bs {
		next := boundary{v.Orig.end, v.Reply.end}
		if i+1 < len(bs) {
			next = bs[i+1]
		}
		e := &es[i]
		*e = graph.Exchange{Leg: l, No: i, Scan: x.ScanOf(l.Conn.Orig), RespScan: x.ScanOf(l.Conn.Reply), Floor: int64(l.Start)}
		if i > 0 {
			e.Floor = es[i-1].End()
		}
		e.Req, e.Resp = v.Orig.message(b.orig, next.orig), v.Reply.message(b.reply, next.reply)
		if e.Req != nil {
			e.Req.Flags |= scan.MsgRequest
		}
		e.Outline = &graph.Outline{Req: v.Orig.between(b.orig, next.orig), Resp: v.Reply.between(b.reply, next.reply)}
		if e.Req == nil && e.Resp == nil {
			return es[:i]
		}
	}
	v.alternatives(es, bs)
	return es
}

// alternatives adds to the lengths of the first exchange those that it has if
// the handshake ended elsewhere.
func (v *Leg) alternatives(es []graph.Exchange, bs []boundary) {
	next := boundary{v.Orig.end, v.Reply.end}
	if len(bs) > 1 {
		next = bs[1]
	}
	h := es[0].Outline
	h.Vague = v.vague
	if v.vague[0] {
		h.Req = nil
	} else if es[0].Req != nil {
		h.Req, h.ReqAt = v.Orig.alternatives(next.orig)
	}
	if v.vague[1] {
		h.Resp = nil
	} else if es[0].Resp != nil {
		h.Resp, h.RespAt = v.Reply.alternatives(next.reply)
	}
}

// alternatives lists the lengths that the first message may have, which ends
// at offset to, and when it began if it has each of them.
func (s *Side) alternatives(to int64) (n scan.Sizes, at []int64) {
	for i, from := range s.Starts {
		u := s.at(from)
		if u == nil || from >= to {
			continue
		}
		lengths := s.between(from, to)
		if i == 0 && lengths == nil {
			return nil, nil
		}
		for _, k := range lengths {
			if k > 0 {
				n, at = append(n, k), append(at, u.At.Nanos)
			}
		}
	}
	return n, at
}

// message returns what is known of the message in [from, to); nil if its first
// byte was not seen.
func (s *Side) message(from, to int64) *scan.Message {
	first := s.at(from)
	if first == nil || from >= to {
		return nil
	}
	last := s.last(from, to)
	m := &scan.Message{Before: from, Start: from, HeadEnd: from, End: to, From: first.At, To: last.At, ServiceMillis: -1,
		Flags: scan.MsgComplete | scan.MsgHidden}
	m.To.Nanos = last.Until
	return m
}
