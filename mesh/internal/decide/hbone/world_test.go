package hbone

import (
	"net/netip"
	"testing"

	"github.com/pcapmesh/pcapmesh/capture"
	"github.com/pcapmesh/pcapmesh/internal/test/pcap"
	"github.com/pcapmesh/pcapmesh/mesh/flow"
	"github.com/pcapmesh/pcapmesh/mesh/internal/decide/conn"
	"github.com/pcapmesh/pcapmesh/mesh/internal/decide/graph"
	"github.com/pcapmesh/pcapmesh/mesh/internal/index"
	"github.com/pcapmesh/pcapmesh/mesh/internal/testindex"
)

// Ends in the worlds of these tests.
const (
	client = "10.244.9.9:40000"
	pod    = "10.244.1.10"
	app    = pod + ":8080"
	vip    = "10.96.10.1:80"
)

// legsOf reads a world as far as exchanges.
func legsOf(t *testing.T, w *testindex.World) (*index.Index, []*graph.Leg) {
	t.Helper()
	r := w.Read(t)
	conns := conn.Bind(r.Index, r.Records.NAT)
	r.Again(t, conn.Pairs(conns))
	legs := graph.Legs(r.Index, conns)
	graph.FindExchanges(r.Index, legs)
	return r.Index, legs
}

// indexOf is an index of two connections with a byte each, so that evidence has
// packets to show.
func indexOf(t *testing.T) (*index.Index, []*graph.Leg) {
	t.Helper()
	tr := new(pcap.Trace)
	for i, src := range []string{client, "10.244.9.9:40002"} {
		c := testindex.On(tr, "eth0", src, app).ISN(uint32(i)*1_000_000+5, uint32(i)*2_000_000+7)
		c.Handshake()
		c.Send("a")
		c.Reply("b")
	}
	return legsOf(t, testindex.Of(tr))
}

// between is a leg that lives from one time to another.
func between(from, to int64) *graph.Leg {
	l := &graph.Leg{Leg: new(flow.Leg), Conn: &conn.Conn{Pair: index.Pair{Orig: 1, Reply: 2}}}
	l.Orig.Src, l.Orig.Dst = netip.MustParseAddrPort(client), netip.MustParseAddrPort(app)
	l.Start, l.End = capture.Time(from), capture.Time(to)
	return l
}

// tunnelWith is a tunnel whose records went by at times that are written down.
func tunnelWith(known bool, orig, reply []record) *tunnel {
	m := &tunnel{leg: between(0, 1<<40), bySize: [2]map[int64][]int{make(map[int64][]int), make(map[int64][]int)}, known: known}
	for d, rs := range [2][]record{orig, reply} {
		for _, r := range rs {
			m.put(d, r)
		}
	}
	return m
}

// run makes records of lengths, one every hundred nanoseconds.
func run(lengths ...int64) []record {
	var rs []record
	for i, n := range lengths {
		rs = append(rs, record{n: n, at: int64(i+1) * 100})
	}
	return rs
}
