package mesh

import (
	"fmt"
	"time"

	"github.com/pcapmesh/pcapmesh/capture"
	"github.com/pcapmesh/pcapmesh/internal/fingerprint"
	"github.com/pcapmesh/pcapmesh/mesh/flow"
)

// causality is how much earlier than its cause an effect may be stamped, in
// nanoseconds: packets of two interfaces are stamped on different CPUs.
const causality = int64(50 * time.Microsecond)

// nests tells whether the upstream exchange u may have been sent on behalf of
// the downstream exchange d: cause before effect, at both ends of both
// messages, as far as they were captured.
func nests(d, u *exchange) bool {
	if !mayServe(d.leg, u.leg) || u.begun() < d.start()-causality || d.end() < u.start()-causality && d.resp != nil {
		return false
	}
	if d.req != nil && u.req != nil && u.req.is(msgComplete) && d.req.is(msgComplete) && u.req.to.nanos < d.req.to.nanos-causality {
		return false
	}
	if d.resp == nil {
		return true
	}
	if u.resp == nil {
		return u.begun() <= d.resp.from.nanos+causality
	}
	return u.resp.from.nanos <= d.resp.from.nanos+causality &&
		(!final(d, u) || !u.resp.is(msgComplete) || !d.resp.is(msgComplete) || u.resp.to.nanos <= d.resp.to.nanos+causality)
}

// final tells whether u's response may be the one that d was answered with,
// rather than a failed attempt.
func final(d, u *exchange) bool {
	return !d.knowsStatus() || !u.knowsStatus() || d.resp.status == u.resp.status
}

// knowsStatus tells whether the status that e was answered with is known.
func (e *exchange) knowsStatus() bool {
	return e.resp != nil && e.hidden == nil && (e.resp.status != 0 || !e.resp.is(msgPartial))
}

// A resemblance is how much two exchanges have in common.
type resemblance struct {
	sameID, otherID bool                // both have a request id, equal or not
	final           bool                // the responses may be one and the same
	cut             bool                // heads are cut: only the beginnings of start lines were compared
	sameLine        bool                // the request lines are whole and equal
	otherLine       bool                // what there is of the request lines differs
	seen            uint8               // what was compared
	request         fingerprint.Verdict // bodies
	response        fingerprint.Verdict
	content         bool     // some body is not empty and equal
	differ          []uint32 // names of request fields that are not the same on both, sorted
	differBack      []uint32 // of response fields
	common          int      // fields that are the same
}

// What a resemblance compared. Of a part of a head the fields do not count.
const (
	seenRequest = 1 << iota
	seenResponse
	seenPartRequest
	seenPartResponse
)

// compare measures how much d and u have in common.
func compare(d, u *exchange) resemblance {
	var r resemblance
	if d.req != nil && u.req != nil {
		r.compareRequests(d, u)
	}
	if r.final = final(d, u); r.final && d.resp != nil && u.resp != nil {
		r.compareResponses(d, u)
	}
	return r
}

func (r *resemblance) compareRequests(d, u *exchange) {
	r.otherLine = !sameLine(d.scan, d.req, u.scan, u.req)
	if d.req.is(msgCut) || u.req.is(msgCut) {
		r.cut = true
		return
	}
	r.sameLine = !r.otherLine && d.req.hasLine() && u.req.hasLine()
	if p, q := d.req.id.Len() > 0, u.req.id.Len() > 0; p && q {
		r.sameID = string(d.scan.text.Bytes(d.req.id)) == string(u.scan.text.Bytes(u.req.id))
		r.otherID = !r.sameID && !d.req.is(msgLooseID) && !u.req.is(msgLooseID)
	}
	r.request = d.req.body.Match(u.req.body)
	r.content = r.request == fingerprint.Equal && d.req.body.Len > 0
	if d.req.is(msgPartial) || u.req.is(msgPartial) {
		r.seen |= seenPartRequest
		return
	}
	r.seen |= seenRequest
	r.differ, r.common = diffFields(d.scan, d.req, u.scan, u.req)
	if d.req.trace != 0 && d.req.trace != u.req.trace {
		r.differ = append(r.differ, ^uint32(0))
	}
}

func (r *resemblance) compareResponses(d, u *exchange) {
	if d.resp.is(msgCut) || u.resp.is(msgCut) {
		r.cut = true
		return
	}
	r.response = d.resp.body.Match(u.resp.body)
	r.content = r.content || r.response == fingerprint.Equal && d.resp.body.Len > 0
	if d.resp.is(msgPartial) || u.resp.is(msgPartial) {
		r.seen |= seenPartResponse
		return
	}
	r.seen |= seenResponse
	back, common := diffFields(d.respScan, d.resp, u.respScan, u.resp)
	r.differBack = back
	r.common += common
}

// contradicted tells whether contents that were seen whole differ.
func (r *resemblance) contradicted() bool {
	return r.otherLine || r.request == fingerprint.Different || r.response == fingerprint.Different
}

// diffFields returns the names of the fields of two heads that are missing in
// one or have another value there, and the number of equal fields. Fields are
// sorted by hash.
func diffFields(s *scan, m *message, t *scan, n *message) (names []uint32, common int) {
	add := func(name uint32) {
		if k := len(names); k == 0 || names[k-1] != name {
			names = append(names, name)
		}
	}
	i, j := m.fields.first, n.fields.first
	iEnd, jEnd := i+m.fields.n, j+n.fields.n
	for i < iEnd || j < jEnd {
		switch {
		case j == jEnd || i < iEnd && fieldLess(*s.fields.At(i), *t.fields.At(j)):
			add(s.fields.At(i).name)
			i++
		case i == iEnd || fieldLess(*t.fields.At(j), *s.fields.At(i)):
			add(t.fields.At(j).name)
			j++
		default:
			common++
			i++
			j++
		}
	}
	return names, common
}

func fieldLess(a, b field) bool {
	return a.name < b.name || a.name == b.name && a.value < b.value
}

// better tells whether r's fields fit strictly better than o's: all that
// differ in r differ in o too, and o has more. What a proxy adds or changes
// differs in every candidate, so it does not count.
func (r *resemblance) better(o *resemblance) bool {
	return r.final == o.final && r.seen == o.seen && subset(r.differ, o.differ) && subset(r.differBack, o.differBack) &&
		len(r.differ)+len(r.differBack) < len(o.differ)+len(o.differBack)
}

// subset tells whether the sorted set a is contained in the sorted set b.
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
func explain(d, u *exchange, r *resemblance, sole bool) []flow.Evidence {
	shown := []capture.Ref{d.ref(), u.ref()}
	var es []flow.Evidence
	if r.sameID {
		es = append(es, flow.Evidence{Kind: flow.RequestID, Detail: "x-request-id " + d.scan.text.String(d.req.id), Packets: shown})
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

func sameHeadDetail(d *exchange, r *resemblance) string {
	if r.cut {
		return fmt.Sprintf("what is left of the request line %q is equal, no other exchange in time has it", d.method()+" "+d.target())
	}
	if r.seen&seenRequest == 0 {
		return fmt.Sprintf("status %d and %d header fields equal, no other exchange in time has them", d.status(), r.common)
	}
	return fmt.Sprintf("request line %q and %d header fields equal, no other exchange in time has them", d.method()+" "+d.target(), r.common)
}

func sameBytesDetail(d *exchange, r *resemblance) string {
	if r.response == fingerprint.Equal && d.resp != nil && d.resp.body.Len > 0 {
		return fmt.Sprintf("response bodies of %d bytes equal", d.resp.body.Len)
	}
	return fmt.Sprintf("request bodies of %d bytes equal", d.req.body.Len)
}

// legNests tells whether leg u may have been opened or used on behalf of leg
// d, by the times of their SYNs and bytes alone.
func legNests(x *index, d, u *workLeg) bool {
	if !mayServe(d, u) || !u.Midstream && !d.Midstream && u.Start < d.Start-causality || u.Start > d.End+causality {
		return false
	}
	du, uu := x.facts(d.conn.orig), x.facts(u.conn.orig)
	if du.proto == protoNone && uu.proto != protoNone && d.conn.orig != 0 {
		return false
	}
	if du.proto != protoNone && uu.proto != protoNone && !u.Midstream && !du.late && uu.data.nanos < du.data.nanos-causality {
		return false
	}
	dr, ur := x.facts(d.conn.reply), x.facts(u.conn.reply)
	if dr.proto == protoNone || ur.proto == protoNone || d.Midstream {
		return true
	}
	// The first bytes of an encrypted answer are the proxy's own handshake.
	return (!d.readable() || !u.readable() || ur.late || dr.data.nanos >= ur.data.nanos-causality) &&
		(dr.open || dr.ragged || dr.lastNanos >= ur.lastNanos-causality)
}

// A legMatch is the result of comparing the raw streams of two legs.
type legMatch struct {
	verdict fingerprint.Verdict // of both directions together
	bytes   int64               // length of the directions of which something was seen to be equal
}

// compareLegs compares the raw streams of two legs in both directions.
func compareLegs(x *index, d, u *workLeg) legMatch {
	m := legMatch{verdict: fingerprint.Equal}
	for _, h := range [2][2]halfNo{{d.conn.orig, u.conn.orig}, {d.conn.reply, u.conn.reply}} {
		m.add(x, h[0], h[1])
	}
	return m
}

// add compares one direction.
func (m *legMatch) add(x *index, h, g halfNo) {
	p, q := x.facts(h), x.facts(g)
	v := fingerprint.Unknown
	switch {
	case h == 0 || g == 0:
	case p.proto == protoNone || q.proto == protoNone:
		v = fingerprint.Equal
		if a, b := x.half(h), x.half(g); x.length(h) != x.length(g) {
			v = fingerprint.Different
			if p.proto == protoNone && a.EndNanos == 0 || q.proto == protoNone && b.EndNanos == 0 {
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
		} else if v = p.print.Match(q.print); v != fingerprint.Different && p.print.Len == q.print.Len && p.print.Known&q.print.Known != 0 {
			m.bytes += max(p.print.Len, 0)
		}
	}
	if m.verdict != fingerprint.Different && v != fingerprint.Equal {
		m.verdict = v
	}
}

// shorter returns the record of the two streams that is behind because the
// capture ended; nil if none is.
func shorter(p, q *halfFacts) *halfFacts {
	switch {
	case p.open && p.print.Len < q.print.Len:
		return p
	case q.open && q.print.Len < p.print.Len:
		return q
	}
	return nil
}

// beginAlike compares the beginnings of two streams: the length of the shorter
// one if they are equal, -1 if they are not, 0 if that is not known.
func beginAlike(p, q *halfFacts) int64 {
	n := min(p.print.Len, q.print.Len)
	if n < fingerprint.Window || p.print.Known&q.print.Known&fingerprint.KnownFirst == 0 {
		return 0
	}
	if p.print.First != q.print.First {
		return -1
	}
	return n
}
