package index

import (
	"context"

	"github.com/pcapmesh/pcapmesh/capture"
	"github.com/pcapmesh/pcapmesh/internal/wire/http1"
	"github.com/pcapmesh/pcapmesh/mesh/internal/index/scan"
	"github.com/pcapmesh/pcapmesh/reassembly"
)

// Reread reads those halves again that were read with a wrong idea of the other
// side. A side that speaks HTTP/2 shows that the other does. And responses need
// their requests: the answer to HEAD announces a body and has none, and the
// request may come later in the captures or be bound by numbers only at the
// end.
// Of each group it reads the inputs given.
func Reread(ctx context.Context, x *Index, inputs [][]*capture.Input, pairs []Pair) error {
	wrong := make(map[HalfNo]Pair)
	want := make([]reassembly.HalfSet, len(x.Groups))
	for _, c := range Each(x, pairs) {
		if misread(x, c) {
			g, id := x.Locate(c.Reply)
			want[g].Add(id)
			wrong[c.Reply] = c
		}
		if h := unframed(x, c); h != 0 {
			g, id := x.Locate(h)
			want[g].Add(id)
			wrong[h] = c
		}
	}
	for g := range want {
		if want[g].Empty() {
			continue
		}
		s := x.secondScan(g, wrong)
		if err := reassembly.Read(ctx, inputs[g], x.Groups[g].Table, &want[g], x.Decrypted(g, s)); err != nil {
			return err
		}
		x.adopt(g, s, &want[g])
	}
	return nil
}

// secondScan returns a scan that asks the requests, all of them known by now,
// what a response answers.
func (x *Index) secondScan(g int, wrong map[HalfNo]Pair) *scan.Scan {
	s := scan.New(x.Groups[g].Table, x.Groups[g].Points)
	asking := make(map[reassembly.HalfID]*Pairing)
	s.KnownH2 = func(h reassembly.HalfID) bool {
		return unframed(x, wrong[x.Number(g, h)]) == x.Number(g, h)
	}
	s.Asked = func(h reassembly.HalfID, resp *scan.Message) http1.BodyRule {
		p := asking[h]
		if p == nil {
			p = NewPairing(x, wrong[x.Number(g, h)])
			asking[h] = p
		}
		if req := p.Request(resp); req != nil {
			return scan.RuleOf(p.ReqScan.Text.Bytes(req.Method))
		}
		return http1.BodyGuess
	}
	return s
}

// unframed returns the half of c that was not read as HTTP/2 though the other
// one is: a capture may begin in the middle of a frame. 0 = none.
func unframed(x *Index, c Pair) HalfNo {
	if c.Orig == 0 || c.Reply == 0 {
		return 0
	}
	a, b := x.Content(c.Orig).Proto, x.Content(c.Reply).Proto
	switch {
	case a == scan.ProtoTCP && b.IsH2():
		return c.Orig
	case b == scan.ProtoTCP && a.IsH2():
		return c.Reply
	}
	return 0
}

// adopt makes s the scan of the halves it has read again.
func (x *Index) adopt(group int, s *scan.Scan, halves *reassembly.HalfSet) {
	if x.again == nil {
		x.again = make(map[HalfNo]*scan.Scan)
	}
	for id := reassembly.HalfID(1); int(id) < s.Contents.Len(); id++ {
		if halves.Has(id) {
			x.again[x.Number(group, id)] = s
		}
	}
}

// misread reports whether a response of c was read with the wrong rule for its
// body.
func misread(x *Index, c Pair) bool {
	if c.Orig == 0 || c.Reply == 0 || x.Content(c.Reply).Proto != scan.ProtoResponses {
		return false
	}
	p := NewPairing(x, c)
	for _, resp := range p.Resps {
		req := p.Request(resp)
		if req == nil || !resp.Is(scan.MsgHasBody) {
			continue
		}
		if wrongly(resp, scan.RuleOf(p.ReqScan.Text.Bytes(req.Method))) {
			return true
		}
	}
	return false
}

// wrongly reports whether resp, whose head announces a body, was read otherwise
// than the rule asks for.
func wrongly(resp *scan.Message, rule http1.BodyRule) bool {
	bare := resp.End == resp.HeadEnd && resp.Is(scan.MsgComplete) // taken to have no body
	switch {
	case resp.Is(scan.MsgConnect) != (rule == http1.BodyConnect):
		return resp.Status < 300
	case rule == http1.BodyNone:
		return !bare
	}
	return bare && resp.Status != 204 && resp.Status != 304
}
