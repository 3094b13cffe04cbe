package mesh

import (
	"github.com/pcapmesh/pcapmesh/internal/http1"
	"github.com/pcapmesh/pcapmesh/reassembly"
)

// reread reads those halves again that were read with a wrong idea of the other
// side. A side that speaks HTTP/2 shows that the other does. And responses need
// their requests: the answer to HEAD announces a body and has none, and the
// request may come later in the captures or be bound by numbers only at the
// end.
func (r *Result) reread(conns []*conn) error {
	wrong := make(map[halfNo]*conn)
	want := make([]reassembly.HalfSet, len(r.x.groups))
	for _, c := range conns {
		if misread(r.x, c) {
			g, id := r.x.locate(c.reply)
			want[g].Add(id)
			wrong[c.reply] = c
		}
		if h := unframed(r.x, c); h != 0 {
			g, id := r.x.locate(h)
			want[g].Add(id)
			wrong[h] = c
		}
	}
	for g := range want {
		if want[g].Empty() {
			continue
		}
		s := r.secondScan(g, wrong)
		if err := reassembly.Read(r.groups[g], r.x.groups[g].table, &want[g], r.x.decrypted(g, s)); err != nil {
			return err
		}
		r.x.adopt(g, s, &want[g])
	}
	return nil
}

// secondScan returns a scan that asks the requests, all of them known by now,
// what a response answers.
func (r *Result) secondScan(g int, wrong map[halfNo]*conn) *scan {
	s := newScan(r.x.groups[g].table, r.x.groups[g].points)
	asking := make(map[reassembly.HalfID]*pairing)
	s.knownH2 = func(h reassembly.HalfID) bool {
		c := wrong[r.x.number(g, h)]
		return c != nil && unframed(r.x, c) == r.x.number(g, h)
	}
	s.asked = func(h reassembly.HalfID, resp *message) http1.BodyRule {
		p := asking[h]
		if p == nil {
			p = newPairing(r.x, wrong[r.x.number(g, h)])
			asking[h] = p
		}
		if req := p.request(resp); req != nil {
			return ruleOf(p.reqScan.text.Bytes(req.method))
		}
		return http1.BodyGuess
	}
	return s
}

// unframed returns the half of c that was not read as HTTP/2 though the other
// one is: a capture may begin in the middle of a frame. 0 = none.
func unframed(x *index, c *conn) halfNo {
	if c.orig == 0 || c.reply == 0 {
		return 0
	}
	a, b := x.record(c.orig).proto, x.record(c.reply).proto
	switch {
	case a == protoTCP && b.isH2():
		return c.orig
	case b == protoTCP && a.isH2():
		return c.reply
	}
	return 0
}

// adopt makes s the scan of the halves it has read again.
func (x *index) adopt(group int, s *scan, halves *reassembly.HalfSet) {
	if x.again == nil {
		x.again = make(map[halfNo]*scan)
	}
	for id := reassembly.HalfID(1); int(id) < s.records.Len(); id++ {
		if halves.Has(id) {
			x.again[x.number(group, id)] = s
		}
	}
}

// misread tells whether a response of c was read with the wrong rule for its
// body.
func misread(x *index, c *conn) bool {
	if c.orig == 0 || c.reply == 0 || x.record(c.reply).proto != protoResponses {
		return false
	}
	p := newPairing(x, c)
	for _, resp := range p.resps {
		req := p.request(resp)
		if req == nil || !resp.is(msgHasBody) {
			continue
		}
		if wrongly(resp, ruleOf(p.reqScan.text.Bytes(req.method))) {
			return true
		}
	}
	return false
}

// wrongly tells whether resp, whose head announces a body, was read otherwise
// than the rule asks for.
func wrongly(resp *message, rule http1.BodyRule) bool {
	bare := resp.end == resp.headEnd && resp.is(msgComplete) // taken to have no body
	switch {
	case resp.is(msgConnect) != (rule == http1.BodyConnect):
		return resp.status < 300
	case rule == http1.BodyNone:
		return !bare
	}
	return bare && resp.status != 204 && resp.status != 304
}
