package mesh

import (
	"math"
	"slices"

	"github.com/pcapmesh/pcapmesh/mesh/internal/decide/graph"
	"github.com/pcapmesh/pcapmesh/mesh/internal/index"
	"github.com/pcapmesh/pcapmesh/mesh/internal/index/scan"
)

// A connection that is proxied byte for byte carries the same on both legs: as
// much in each direction, and in a dialogue, the same turns. The whole leg is
// one item to turn algebra, and turns that both legs have count for it.

// joinCurves ties whole legs of which one is encrypted and the other is plain
// bytes.
func joinCurves(c *crossing) {
	down, up := curves(c, c.down), curves(c, c.up)
	if len(down) == 0 || len(up) == 0 {
		return
	}
	a := &algebra{holes: c.holes(), shifts: [2]shifts{{exact: true}, {exact: true}}}
	a.fill(wholes(down), wholes(up))
	a.candidates()
	a.weighTurns(down, up)
	a.solve()
	t := &tier{a: a, least: believed, ordered: true, link: func(d, u *item) *graph.Link { return &graph.Link{From: d.ex.Leg, To: u.ex.Leg, Attempt: 1} }}
	for _, l := range t.links() {
		c.add(l)
	}
}

// A curve is a leg as what went over it in both directions, and in which turns.
type curve struct {
	whole graph.Exchange
	turns []uint64 // hashes of the two lengths of each turn, sorted
}

// curves measures the legs of one side that are TLS or plain bytes.
func curves(c *crossing, legs []*graph.Leg) []curve {
	var out []curve
	var veils []*veil
	for _, l := range legs {
		if c.busy[l] || l.Empty() || len(l.Exchanges) > 0 || l.Protocol != "tls" && l.Protocol != "tcp" || l.Conn.Orig == 0 || l.Conn.Reply == 0 {
			continue
		}
		veils = append(veils, newVeil(c.x, l))
	}
	settleTickets(veils)
	for _, v := range veils {
		if k := v.curve(c.x); k.whole.Req != nil || k.whole.Resp != nil {
			out = append(out, k)
		}
	}
	return out
}

func wholes(cs []curve) []*graph.Exchange {
	es := make([]*graph.Exchange, len(cs))
	for i := range cs {
		es[i] = &cs[i].whole
	}
	return es
}

// curve measures the leg.
func (v *veil) curve(x *index.Index) curve {
	l := v.leg
	k := curve{whole: graph.Exchange{Leg: l, Scan: x.ScanOf(l.Conn.Orig), RespScan: x.ScanOf(l.Conn.Reply), Floor: l.Start}}
	e := &k.whole
	e.Req, e.Resp = v.orig.all(x, l.Conn.Orig), v.reply.all(x, l.Conn.Reply)
	if l.Protocol == "tls" {
		e.Outline = new(graph.Outline)
		e.Outline.Vague = v.vague
		if !v.vague[0] {
			e.Outline.Req, e.Outline.ReqAt = v.orig.totals(e.Req)
		}
		if !v.vague[1] {
			e.Outline.Resp, e.Outline.RespAt = v.reply.totals(e.Resp)
		}
	}
	if v.orig != nil && v.reply != nil && len(v.orig.starts) > 0 && len(v.reply.starts) > 0 {
		k.turns = v.turns()
	}
	return k
}

// all returns what went in one direction as one message; nil if nothing did.
func (s *sealed) all(x *index.Index, h index.HalfNo) *scan.Message {
	r := x.Content(h)
	if r.Proto == scan.ProtoNone || s != nil && !s.plain && (len(s.starts) == 0 || s.starts[0] >= s.end) {
		return nil
	}
	m := &scan.Message{End: x.Length(h), From: r.Data, To: r.Data, ServiceMillis: -1}
	m.To.Nanos = r.LastNanos
	if s != nil && !s.plain {
		m.Start, m.Before, m.End = s.starts[0], s.starts[0], s.end
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
func (s *sealed) totals(m *scan.Message) (n scan.Sizes, at []int64) {
	if s == nil || s.plain || m != nil && !m.Is(scan.MsgComplete) {
		return nil, nil
	}
	if m == nil {
		return scan.Sizes{0}, nil
	}
	for i, from := range s.starts {
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
func (v *veil) turns() []uint64 {
	bs := v.boundaries()
	turns := make([]uint64, 0, len(bs))
	for i, b := range bs {
		next := boundary{v.orig.end, v.reply.end}
		if i+1 < len(bs) {
			next = bs[i+1]
		}
		req, resp := v.orig.between(b.orig, next.orig), v.reply.between(b.reply, next.reply)
		if len(req) == 1 && len(resp) == 1 {
			turns = append(turns, uint64(req[0])*0x9e3779b97f4a7c15+uint64(resp[0]))
		}
	}
	slices.Sort(turns)
	return turns
}

// weighTurns weighs for each pair of legs the turns that both have, by how rare
// they are. Where lengths of whole directions are not known, turns that only
// one has count against it.
func (a *algebra) weighTurns(down, up []curve) {
	rare := make(map[uint64]int32)
	for i := range up {
		for _, k := range slices.Compact(slices.Clone(up[i].turns)) {
			rare[k]++
		}
	}
	for i := range a.web.Edges {
		s := a.strand(int32(i))
		s.base = inCommon(down[s.D].turns, up[s.U].turns, rare, len(up))
		if d, u := &a.down[s.D], &a.up[s.U]; len(d.req) > 0 && len(u.req) > 0 && len(d.resp) > 0 && len(u.resp) > 0 {
			s.base = max(s.base, 1)
		}
	}
}

// maxTurnWeight bounds what turns say: e to its power.
const maxTurnWeight = 30

// inCommon returns how much likelier two legs belong together for the turns
// that they have in common: of each kind by how many of n legs have it. A turn
// that only the leg with fewer has counts against it.
func inCommon(d, u []uint64, rare map[uint64]int32, n int) float64 {
	if len(d) > len(u) {
		d, u = u, d
	}
	weight, j := 0.0, 0
	for _, k := range d {
		for j < len(u) && u[j] < k {
			j++
		}
		if j == len(u) || u[j] != k {
			weight--
			continue
		}
		weight += math.Log(float64(n+1) / float64(rare[k]+1))
		j++
	}
	return math.Exp(min(max(weight, -maxTurnWeight), maxTurnWeight))
}
