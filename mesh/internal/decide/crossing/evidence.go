package crossing

import (
	"fmt"

	"github.com/pcapmesh/pcapmesh/capture"
	"github.com/pcapmesh/pcapmesh/internal/wire/fingerprint"
	"github.com/pcapmesh/pcapmesh/mesh/flow"
	"github.com/pcapmesh/pcapmesh/mesh/internal/decide/graph"
	"github.com/pcapmesh/pcapmesh/mesh/internal/index"
	"github.com/pcapmesh/pcapmesh/mesh/internal/index/scan"
)

// Nests reports whether the upstream exchange u may have been sent on behalf of
// the downstream exchange d: cause before effect, at both ends of both
// messages, as far as they were captured.
func Nests(d, u *graph.Exchange) bool {
	if !graph.MayServe(d.Leg, u.Leg) || u.KnownBy() < d.Start()-index.Causality || d.End() < u.Start()-index.Causality && d.Resp != nil {
		return false
	}
	if d.Req != nil && u.Req != nil && u.Req.Ended() && d.Req.Is(scan.MsgComplete) && u.Req.To.Nanos < d.Req.To.Nanos-index.Causality {
		return false
	}
	if d.Resp == nil {
		return true
	}
	if u.Resp == nil {
		return u.KnownBy() <= d.Resp.From.Nanos+index.Causality
	}
	return u.Resp.From.Nanos <= d.Resp.From.Nanos+index.Causality &&
		(!graph.Final(d, u) || !u.Resp.Is(scan.MsgComplete) || !d.Resp.Ended() || u.Resp.To.Nanos <= d.Resp.To.Nanos+index.Causality)
}

// A Resemblance is how much two exchanges have in common.
type Resemblance struct {
	sameID, OtherID bool                // both have a request id, equal or not
	final           bool                // the responses may be one and the same
	cut             bool                // heads are cut: only the beginnings of start lines were compared
	sameLine        bool                // the request lines are whole and equal
	otherLine       bool                // what there is of the request lines differs
	seen            uint8               // what was compared
	Request         fingerprint.Verdict // bodies
	Response        fingerprint.Verdict
	content         bool     // some body is not empty and equal
	differ          []uint32 // names of fields of the request that did not come through as they were, sorted
	differBack      []uint32 // of the response
	common          int      // fields that are the same
}

// What a resemblance compared. Of a part of a head the fields do not count.
const (
	seenRequest = 1 << iota
	seenResponse
	seenPartRequest
	seenPartResponse
)

// Compare measures how much d and u have in common.
func Compare(d, u *graph.Exchange) Resemblance {
	var r Resemblance
	if d.Req != nil && u.Req != nil {
		r.compareRequests(d, u)
	}
	if r.final = graph.Final(d, u); r.final && d.Resp != nil && u.Resp != nil {
		r.compareResponses(d, u)
	}
	return r
}

func (r *Resemblance) compareRequests(d, u *graph.Exchange) {
	r.otherLine = !scan.SameLine(d.Scan, d.Req, u.Scan, u.Req)
	if d.Req.Is(scan.MsgCut) || u.Req.Is(scan.MsgCut) {
		r.cut = true
		return
	}
	r.sameLine = !r.otherLine && d.Req.HasLine() && u.Req.HasLine()
	if p, q := d.Req.ID.Len() > 0, u.Req.ID.Len() > 0; p && q {
		r.sameID = string(d.Scan.Text.Bytes(d.Req.ID)) == string(u.Scan.Text.Bytes(u.Req.ID))
		r.OtherID = !r.sameID && !d.Req.Is(scan.MsgLooseID) && !u.Req.Is(scan.MsgLooseID)
	}
	r.Request = d.Req.Body.Match(u.Req.Body)
	r.content = r.Request == fingerprint.Equal && d.Req.Body.Len > 0
	if d.Req.Is(scan.MsgPartial) || u.Req.Is(scan.MsgPartial) {
		r.seen |= seenPartRequest
		return
	}
	r.seen |= seenRequest
	r.differ, r.common = diffFields(d.Scan, d.Req, u.Scan, u.Req)
	if d.Req.Trace != 0 && d.Req.Trace != u.Req.Trace {
		r.differ = append(r.differ, ^uint32(0))
	}
}

func (r *Resemblance) compareResponses(d, u *graph.Exchange) {
	if d.Resp.Is(scan.MsgCut) || u.Resp.Is(scan.MsgCut) {
		r.cut = true
		return
	}
	r.Response = d.Resp.Body.Match(u.Resp.Body)
	r.content = r.content || r.Response == fingerprint.Equal && d.Resp.Body.Len > 0
	if d.Resp.Is(scan.MsgPartial) || u.Resp.Is(scan.MsgPartial) {
		r.seen |= seenPartResponse
		return
	}
	r.seen |= seenResponse
	back, common := diffFields(u.RespScan, u.Resp, d.RespScan, d.Resp)
	r.differBack = back
	r.common += common
}

// SameLine reports whether the request lines are whole and equal.
func (r *Resemblance) SameLine() bool { return r.sameLine }

// SameID reports whether both have one request id.
func (r *Resemblance) SameID() bool { return r.sameID }

// Contradicted reports whether contents that were seen whole differ.
func (r *Resemblance) Contradicted() bool {
	return r.otherLine || r.Request == fingerprint.Different || r.Response == fingerprint.Different
}

// diffFields returns the names of the fields of a head that the proxy was given, m, which
// what it made of that, n, does not have or has with another value, and the number of
// equal fields. What n has alone the proxy may have added. Fields are sorted by hash.
func diffFields(s *scan.Scan, m *scan.Message, t *scan.Scan, n *scan.Message) (names []uint32, common int) {
	i, j := m.Fields.First, n.Fields.First
	iEnd, jEnd := i+m.Fields.N, j+n.Fields.N
	for i < iEnd {
		switch f := *s.Fields.At(i); {
		case j == jEnd || fieldLess(f, *t.Fields.At(j)):
			if k := len(names); k == 0 || names[k-1] != f.Name {
				names = append(names, f.Name)
			}
			i++
		case fieldLess(*t.Fields.At(j), f):
			j++
		default:
			common++
			i++
			j++
		}
	}
	return names, common
}

func fieldLess(a, b scan.Field) bool {
	return a.Name < b.Name || a.Name == b.Name && a.Value < b.Value
}

// better reports whether r's fields fit strictly better than o's: all that
// differ in r differ in o too, and o has more. What a proxy adds or changes
// differs in every candidate, so it does not count.
func (r *Resemblance) better(o *Resemblance) bool {
	return r.final == o.final && r.seen == o.seen && subset(r.differ, o.differ) && subset(r.differBack, o.differBack) &&
		len(r.differ)+len(r.differBack) < len(o.differ)+len(o.differBack)
}

// subset reports whether the sorted set a is contained in the sorted set b.
func subset(a, b []uint32) bool {
	j := 0
	for _, v := range a {
		for j < len(b) && b[j] < v {
			j++
		}
		if j == len(b) || b[j] != v {
			return false
		}
	}
	return true
}

// explain returns the evidence for a join of two exchanges.
func explain(d, u *graph.Exchange, r *Resemblance, sole bool) []flow.Evidence {
	shown := []capture.Ref{d.Ref(), u.Ref()}
	var es []flow.Evidence
	if r.sameID {
		es = append(es, flow.Evidence{Kind: flow.RequestID, Detail: "x-request-id " + d.Scan.Text.String(d.Req.ID), Packets: shown})
	}
	if r.content {
		es = append(es, flow.Evidence{Kind: flow.SameBytes, Detail: sameBytesDetail(d, r), Packets: shown})
	}
	switch {
	case !sole:
		es = append(es, flow.Evidence{Kind: flow.OnlyCandidate, Detail: "every other assignment leaves an upstream exchange without its request", Packets: shown})
	case len(es) == 0:
		es = append(es, flow.Evidence{Kind: flow.SameBytes, Detail: sameHeadDetail(d, r), Packets: shown})
	}
	return es
}

func sameHeadDetail(d *graph.Exchange, r *Resemblance) string {
	if r.cut {
		return fmt.Sprintf("what is left of the request line %q is equal, no other exchange in time has it", d.Method()+" "+d.Target())
	}
	if r.seen&seenRequest == 0 {
		return fmt.Sprintf("status %d and %d header fields equal, no other exchange in time has them", d.Status(), r.common)
	}
	return fmt.Sprintf("request line %q and %d header fields equal, no other exchange in time has them", d.Method()+" "+d.Target(), r.common)
}

func sameBytesDetail(d *graph.Exchange, r *Resemblance) string {
	if r.Response == fingerprint.Equal && d.Resp != nil && d.Resp.Body.Len > 0 {
		return fmt.Sprintf("response bodies of %d bytes equal", d.Resp.Body.Len)
	}
	return fmt.Sprintf("request bodies of %d bytes equal", d.Req.Body.Len)
}

// A LegMatch is the result of comparing the raw streams of two legs.
type LegMatch struct {
	Verdict fingerprint.Verdict // of both directions together
	bytes   int64               // length of the directions of which something was seen to be equal
}

// CompareLegs compares the raw streams of two legs in both directions.
func CompareLegs(x *index.Index, d, u *graph.Leg) LegMatch {
	m := LegMatch{Verdict: fingerprint.Equal}
	for _, h := range [2][2]index.HalfNo{{d.Conn.Orig, u.Conn.Orig}, {d.Conn.Reply, u.Conn.Reply}} {
		m.add(x, h[0], h[1])
	}
	return m
}

// add compares one direction.
func (m *LegMatch) add(x *index.Index, h, g index.HalfNo) {
	p, q := x.Content(h), x.Content(g)
	v := fingerprint.Unknown
	switch {
	case h == 0 || g == 0:
	case p.Proto == scan.ProtoNone || q.Proto == scan.ProtoNone:
		v = fingerprint.Equal
		if a, b := x.Half(h), x.Half(g); x.Length(h) != x.Length(g) {
			v = fingerprint.Different
			if p.Proto == scan.ProtoNone && a.EndTime == 0 || q.Proto == scan.ProtoNone && b.EndTime == 0 {
				v = fingerprint.Unknown // the capture may have ended too early
			}
		}
	default:
		if short := shorter(p, q); short != nil {
			v = fingerprint.Unknown
			if n := beginAlike(p, q); n > 0 {
				m.bytes += n
			} else if n < 0 {
				v = fingerprint.Different
			}
		} else if v = p.Print.Match(q.Print); v != fingerprint.Different && p.Print.Len == q.Print.Len && p.Print.Known&q.Print.Known != 0 {
			m.bytes += max(p.Print.Len, 0)
		}
	}
	if m.Verdict != fingerprint.Different && v != fingerprint.Equal {
		m.Verdict = v
	}
}

// shorter returns the record of the two streams that is behind because the
// capture ended; nil if none is.
func shorter(p, q *scan.Content) *scan.Content {
	switch {
	case p.Open && p.Print.Len < q.Print.Len:
		return p
	case q.Open && q.Print.Len < p.Print.Len:
		return q
	}
	return nil
}

// beginAlike compares the beginnings of two streams: the length of the shorter
// one if they are equal, -1 if they are not, 0 if that is not known.
func beginAlike(p, q *scan.Content) int64 {
	n := min(p.Print.Len, q.Print.Len)
	if n < fingerprint.Window || p.Print.Known&q.Print.Known&fingerprint.KnownFirst == 0 {
		return 0
	}
	if p.Print.First != q.Print.First {
		return -1
	}
	return n
}
