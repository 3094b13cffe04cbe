package mesh

import (
	"github.com/pcapmesh/pcapmesh/capture"
	"github.com/pcapmesh/pcapmesh/internal/http1"
	"github.com/pcapmesh/pcapmesh/reassembly"
)

// reread reads those halves again that were read with a wrong idea of the other
// side. A side that speaks HTTP/2 shows that the other does. And responses need
// their requests: the answer to HEAD announces a body and has none, and the
// request may come later in the captures or be bound by numbers only at the
// end.
// Of each group it reads the inputs given.
func reread(x *index, inputs [][]*capture.Input, pairs []pair) error {
	wrong := make(map[halfNo]pair)
	want := make([]reassembly.HalfSet, len(x.groups))
	for _, c := range pairs {
		if misread(x, c) {
			g, id := x.locate(c.reply)
			want[g].Add(id)
			wrong[c.reply] = c
		}
		if h := unframed(x, c); h != 0 {
			g, id := x.locate(h)
			want[g].Add(id)
			wrong[h] = c
		}
	}
	for g := range want {
		if want[g].Empty() {
			continue
		}
		s := x.secondScan(g, wrong)
		if err := reassembly.Read(inputs[g], x.groups[g].table, &want[g], x.decrypted(g, s)); err != nil {
			return err
		}
		x.adopt(g, s, &want[g])
	}
	return nil
}

// secondScan returns a scan that asks the requests, all of them known by now,
// what a response answers.
func (x *index) secondScan(g int, wrong map[halfNo]pair) *scan {
	s := newScan(x.groups[g].table, x.groups[g].points)
	asking := make(map[reassembly.HalfID]*pairing)
	s.knownH2 = func(h reassembly.HalfID) bool {
		return unframed(x, wrong[x.number(g, h)]) == x.number(g, h)
	}
	s.asked = func(h reassembly.HalfID, resp *message) http1.BodyRule {
		p := asking[h]
		if p == nil {
			p = newPairing(x, wrong[x.number(g, h)])
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
func unframed(x *index, c pair) halfNo {
	if c.orig == 0 || c.reply == 0 {
		return 0
	}
	a, b := x.facts(c.orig).proto, x.facts(c.reply).proto
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
func misread(x *index, c pair) bool {
	if c.orig == 0 || c.reply == 0 || x.facts(c.reply).proto != protoResponses {
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
