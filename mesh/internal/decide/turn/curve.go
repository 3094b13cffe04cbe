package turn

import (
	"slices"

	"github.com/pcapmesh/pcapmesh/mesh/flow"
	"github.com/pcapmesh/pcapmesh/mesh/internal/decide/graph"
	"github.com/pcapmesh/pcapmesh/mesh/internal/index"
	"github.com/pcapmesh/pcapmesh/mesh/internal/index/scan"
)

// A Curve is a leg as what went over it in both directions, and in which turns.
type Curve struct {
	Whole graph.Exchange
	Turns []uint64 // hashes of the two lengths of each turn, sorted
}

// Wholes lists the items that stand for whole connections.
func Wholes(cs []Curve) []*graph.Exchange {
	es := make([]*graph.Exchange, len(cs))
	for i := range cs {
		es[i] = &cs[i].Whole
	}
	return es
}

// Curve measures the leg.
func (v *Leg) Curve(x *index.Index) Curve {
	l := v.Leg
	k := Curve{Whole: graph.Exchange{Leg: l, Scan: x.ScanOf(l.Conn.Orig), RespScan: x.ScanOf(l.Conn.Reply), Floor: int64(l.Start)}}
	e := &k.Whole
	e.Req, e.Resp = v.Orig.all(x, l.Conn.Orig), v.Reply.all(x, l.Conn.Reply)
	if (l.Protocol == flow.ProtocolTLS || l.Decrypted) && !v.bytes {
		e.Outline = new(graph.Outline)
		e.Outline.Vague = v.vague
		if !v.vague[0] {
			e.Outline.Req, e.Outline.ReqAt = v.Orig.totals(e.Req)
		}
		if !v.vague[1] {
			e.Outline.Resp, e.Outline.RespAt = v.Reply.totals(e.Resp)
		}
	}
	if v.Orig != nil && v.Reply != nil && len(v.Orig.Starts) > 0 && len(v.Reply.Starts) > 0 {
		k.Turns = v.turns()
	}
	return k
}

// Cut makes the lengths of both directions unknown: the leg went on after what was seen of
// it.
func (k *Curve) Cut() {
	k.Whole.Req, k.Whole.Resp = cutShort(k.Whole.Req), cutShort(k.Whole.Resp)
	if o := k.Whole.Outline; o != nil {
		o.Req, o.Resp = nil, nil
	}
}

// cutShort returns m without its end.
func cutShort(m *scan.Message) *scan.Message {
	if m == nil {
		return nil
	}
	part := *m
	part.Flags &^= scan.MsgComplete
	return &part
}

// all returns what went in one direction as one message; nil if nothing did.
func (s *Side) all(x *index.Index, h index.HalfNo) *scan.Message {
	r := x.Content(h)
	if r.Proto == scan.ProtoNone || s != nil && !s.Plain && (len(s.Starts) == 0 || s.Starts[0] >= s.end) {
		return nil
	}
	m := &scan.Message{End: x.Length(h), From: r.Data, To: r.Data, ServiceMillis: -1}
	m.To.Nanos = r.LastNanos
	if s != nil && !s.Plain {
		m.Start, m.Before, m.End = s.Starts[0], s.Starts[0], s.end
		if u := s.at(m.Start); u != nil {
			m.From = u.At
		}
		if u := s.last(m.Start, m.End); u != nil {
			m.To.Nanos = u.Until
		}
	}
	if r.Start {
		m.Flags = scan.MsgComplete
	}
	if r.Open {
		m.Flags |= scan.MsgOpen
	}
	return m
}

// totals lists the plaintext lengths that a direction may have, and when it
// began if it has that length; none if it was not seen from beginning to end.
func (s *Side) totals(m *scan.Message) (n scan.Sizes, at []int64) {
	if s == nil || s.Plain || m != nil && !m.Is(scan.MsgComplete) {
		return nil, nil
	}
	if m == nil {
		return scan.Sizes{0}, nil
	}
	for i, from := range s.Starts {
		began := m.From.Nanos
		if u := s.at(from); u != nil {
			began = u.At.Nanos
		}
		lengths := s.between(from, s.end)
		if i == 0 && lengths == nil {
			return nil, nil
		}
		for _, k := range lengths {
			n, at = append(n, k), append(at, began)
		}
	}
	return n, at
}

// turns lists the turns of a leg as hashes of their two lengths, as far as these
// are known, sorted.
func (v *Leg) turns() []uint64 {
	bs := v.boundaries()
	turns := make([]uint64, 0, len(bs))
	for i, b := range bs {
		next := boundary{v.Orig.end, v.Reply.end}
		if i+1 < len(bs) {
			next = bs[i+1]
		}
		req, resp := v.Orig.between(b.orig, next.orig), v.Reply.between(b.reply, next.reply)
		if len(req) == 1 && len(resp) == 1 {
			turns = append(turns, uint64(req[0])*0x9e3779b97f4a7c15+uint64(resp[0]))
		}
	}
	slices.Sort(turns)
	return turns
}
