package algebra

import (
	"testing"

	"github.com/pcapmesh/pcapmesh/mesh/flow"
	"github.com/pcapmesh/pcapmesh/mesh/internal/decide/graph"
	"github.com/pcapmesh/pcapmesh/mesh/internal/index/scan"
)

// What frames chunks is what a message has beside its head and its body.
func TestFraming(t *testing.T) {
	for _, tt := range []struct {
		name string
		make func(e *graph.Exchange, m *scan.Message)
		want int64
	}{
		{"chunks", func(*graph.Exchange, *scan.Message) {}, 30},
		{"no chunks", func(_ *graph.Exchange, m *scan.Message) { m.Body.Len = 130 }, 0},
		{"hidden", func(e *graph.Exchange, _ *scan.Message) { set(&e.Outline) }, 0},
		{"HTTP/2", func(e *graph.Exchange, _ *scan.Message) { e.Leg.Protocol = flow.ProtocolHTTP2 }, 0},
		{"not whole", func(_ *graph.Exchange, m *scan.Message) { m.Flags = 0 }, 0},
		{"not over", func(_ *graph.Exchange, m *scan.Message) { m.Flags |= scan.MsgOpen }, 0},
		{"body not known", func(_ *graph.Exchange, m *scan.Message) { m.Body.Len = -1 }, 0},
	} {
		e := exchange(proxyLeg(0), 200, 0, 50, 1000*us)
		e.Leg.Protocol = flow.ProtocolHTTP1
		m := e.Req
		m.Flags, m.HeadEnd, m.Body.Len = scan.MsgComplete, m.End-130, 100
		if tt.make(e, m); framing(e, m) != tt.want {
			t.Errorf("%s: %d bytes, want %d", tt.name, framing(e, m), tt.want)
		}
	}
	if framing(exchange(proxyLeg(0), 200, 0, 50, 1000*us), nil) != 0 {
		t.Error("no message has chunks")
	}
}

// A message in chunks fits another one of the same body, in one piece or cut otherwise,
// as one fits that was not in chunks; on whichever side it can be read.
func TestReframed(t *testing.T) {
	a := guessed(40, 40, backed(0, 20, plainShift)...)
	for _, tt := range []struct {
		name   string
		framed [2]int64
		x      int64 // difference of the lengths
		want   int64
		likely bool
	}{
		{"in one piece on the other side", [2]int64{0, 70}, 40 - 70, 40, true},
		{"in fewer chunks", [2]int64{0, 70}, 40 - 70 + 24, 40, true},
		{"in more chunks", [2]int64{0, 70}, 40 - 70 + 120, 40, true},
		{"in very many", [2]int64{0, 70}, 40 - 70 + 400, 370, false},
		{"less than in one piece", [2]int64{0, 70}, 40 - 70 - 20, 20, false},
		{"read by the client, in one piece behind", [2]int64{70, 0}, 40 + 70, 40, true},
		{"read by the client, in fewer chunks behind", [2]int64{70, 0}, 40 + 70 - 24, 40, true},
	} {
		m := &message{k: 0, peer: a.peer(a.strand(0)), framed: tt.framed}
		x, p := a.reframed(m, 1000+tt.x, 1000)
		if likely := p > 1; likely != tt.likely || tt.likely && x != tt.want {
			t.Errorf("%s: differs by %d, likelier %v; want %d", tt.name, x, p, tt.want)
		}
	}
}

// Exchanges of which only the chunks differ are tied, though no other has their
// difference of lengths.
func TestWeighChunks(t *testing.T) {
	a := guessed(40, 40, append(backed(0, 20, plainShift), guess{30, 30, 1, plainShift, anyDelay})...)
	d, u := &a.down[30], &a.up[30]
	d.req, u.req = scan.Sizes{1000}, scan.Sizes{1000 - 40 + 70 - 24}
	for _, framed := range []int64{0, 70} {
		u.framed[0] = framed
		s := a.strand(20)
		if a.weighOne(s); (s.shift[0] == plainShift[0]) != (framed > 0) {
			t.Errorf("with %d bytes of framing the difference is %d", framed, s.shift[0])
		}
	}
}
