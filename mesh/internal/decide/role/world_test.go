package role

import (
	"testing"

	"github.com/pcapmesh/pcapmesh/internal/test/pcap"
	"github.com/pcapmesh/pcapmesh/mesh/cluster"
	"github.com/pcapmesh/pcapmesh/mesh/internal/decide/conn"
	"github.com/pcapmesh/pcapmesh/mesh/internal/decide/graph"
	"github.com/pcapmesh/pcapmesh/mesh/internal/recorded"
	"github.com/pcapmesh/pcapmesh/mesh/internal/testindex"
	"github.com/pcapmesh/pcapmesh/mesh/profile"
)

// Ends in the worlds of these tests.
const (
	pod    = "10.244.1.10"
	app    = pod + ":8080"
	out    = pod + ":40000" // a port of the pod's application
	client = "192.0.2.1:40000"
	peer   = "10.244.9.9:8080"
	vip    = "10.96.10.1:80"
	proxy  = "127.0.0.1:15001"

	accepts = "127.0.0.1:15006" // where the proxy takes what comes in
)

// A dialled is one connection as its packets show it.
type dialled struct {
	iface, orig, dst string
	listener         string // of a redirect; "" = none
	only             string // "orig" or "reply": only that half was captured
}

// play lets connections happen one after the other.
func play(ds []dialled) *pcap.Trace {
	all := new(pcap.Trace)
	lost := make(map[*pcap.Packet]bool)
	for i, d := range ds {
		c := testindex.On(all, d.iface, d.orig, d.dst).ISN(uint32(i+1)*100_000_001, uint32(i+1)*200_000_003)
		if d.listener != "" {
			c.Redirect(d.listener)
		}
		for k, add := range []func(){func() { c.SYN() }, func() { c.SYNACK() }, func() { c.Ack() }, func() { c.Send("hello") }, func() { c.Reply("hi") }} {
			add()
			if reply := k == 1 || k == 4; d.only != "" && reply != (d.only == "reply") {
				lost[all.Last(0)] = true
			}
		}
	}
	all.Filter(func(p *pcap.Packet) bool { return !lost[p] })
	return all
}

// legsOf reads a world as far as legs.
func legsOf(t *testing.T, w *testindex.World) (*testindex.Indexed, []*graph.Leg) {
	t.Helper()
	r := w.Read(t)
	return r, graph.Legs(r.Index, conn.Bind(r.Index, r.Records.NAT))
}

// rosterOf gathers what a world says of its pods.
func rosterOf(t *testing.T, w *testindex.World, known *cluster.Known, p *profile.Profile) (*Roster, []*graph.Leg) {
	t.Helper()
	r, legs := legsOf(t, w)
	return newRoster(r.Index, r.Records, known, legs, p), legs
}

func emptyRecords() *recorded.Records { return new(recorded.Records) }
