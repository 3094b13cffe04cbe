package turn

import (
	"testing"

	"github.com/pcapmesh/pcapmesh/mesh/internal/decide/graph"
	"github.com/pcapmesh/pcapmesh/mesh/internal/index/scan"
)

// Of a leg that was cut short the last message may be a part, and what comes after it is
// not known.
func TestCutLast(t *testing.T) {
	whole := func() *scan.Message { return &scan.Message{Flags: scan.MsgComplete | scan.MsgHidden} }
	known := func() *graph.Outline { return &graph.Outline{Req: scan.Sizes{5}, Resp: scan.Sizes{7}} }
	es := []graph.Exchange{{Req: whole(), Resp: whole(), Outline: known()}, {Req: whole(), Resp: whole(), Outline: known()}}
	last := es[1].Resp
	cutLast(es)
	if e := es[1]; e.Outline.Resp != nil || e.Outline.Req == nil || e.Resp.Is(scan.MsgComplete) || !e.Req.Is(scan.MsgComplete) {
		t.Errorf("after its response: %+v", e)
	}
	if es[0].Outline.Resp == nil || !es[0].Resp.Is(scan.MsgComplete) || !last.Is(scan.MsgComplete) {
		t.Error("what came before was cut too")
	}
	es[1] = graph.Exchange{Req: whole(), Outline: known()}
	cutLast(es)
	if e := es[1]; e.Outline.Resp != nil || e.Outline.Req != nil || e.Req.Is(scan.MsgComplete) {
		t.Errorf("after its request: %+v", e)
	}
	cutLast(nil)
}

// A connection forwarded byte for byte has no known lengths if it was cut short.
func TestCutCurve(t *testing.T) {
	k := Curve{Whole: graph.Exchange{Req: &scan.Message{End: 5, Flags: scan.MsgComplete}, Outline: &graph.Outline{Req: scan.Sizes{5}, Resp: scan.Sizes{0}}}}
	if k.Cut(); k.Whole.Req.Length() != nil || k.Whole.Resp != nil || k.Whole.Outline.Req != nil || k.Whole.Outline.Resp != nil {
		t.Errorf("%+v", k.Whole)
	}
}
