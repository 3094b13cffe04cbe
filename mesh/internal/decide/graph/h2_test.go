package graph_test

import (
	"slices"
	"testing"

	"github.com/pcapmesh/pcapmesh/internal/test/pcap"
	"github.com/pcapmesh/pcapmesh/internal/test/sim"
	"github.com/pcapmesh/pcapmesh/mesh/flow"
)

// Exchanges of HTTP/2 pair by stream, whatever the order.
func TestStreamsPair(t *testing.T) {
	tr := new(pcap.Trace)
	c := sim.Mux(sim.On(tr, "eth0", "192.0.2.1:40000", sim.App))
	c.Ask(1, "GET", "/a", "")
	c.Ask(3, "POST", "/b", "body")
	c.Ask(5, "GET", "/c", "")
	c.Answer(5, 404, "")
	c.Reply(c.Server.Headers(1, false, ":status", "200") + c.Part(1, false, "so"))
	c.Answer(3, 201, "done")
	c.Reply(c.Server.Data(1, true, " far"))
	c.Ask(7, "GET", "/d", "")
	c.Reply(c.Server.Reset(7, 2))
	c.Close()
	r := sim.Stitch(t, tr)
	if got, want := sim.ExchangeList(r), []string{"GET /a 200", "POST /b 201", "GET /c 404", "GET /d 0"}; !slices.Equal(got, want) {
		t.Errorf("exchanges %q, want %q", got, want)
	}
	if l := r.Legs[0]; l.Protocol != flow.ProtocolHTTP2 || l.LostHeaders || l.ExchangeCount != 4 {
		t.Errorf("leg %+v", l)
	}
	if a, b := r.Paths[0].Exchanges[0].Hops[0], r.Paths[0].Exchanges[1].Hops[0]; a.ResponseEnd <= b.ResponseEnd || a.RequestEnd >= b.RequestEnd {
		t.Errorf("times %+v and %+v", a, b)
	}
}

// A gRPC call has a status of its own and counts its messages.
func TestGRPCCall(t *testing.T) {
	tr := new(pcap.Trace)
	c := sim.Mux(sim.On(tr, "eth0", "192.0.2.1:40000", sim.App))
	c.Ask(1, "POST", "/echo.Echo/Say", "\x00\x00\x00\x00\x02hi", "content-type", "application/grpc", "te", "trailers")
	c.Reply(c.Server.Headers(1, false, ":status", "200", "content-type", "application/grpc") +
		c.Part(1, false, "\x00\x00\x00\x00\x02hi\x00\x00\x00\x00\x00") + c.Server.Headers(1, true, "grpc-status", "5", "grpc-message", "none"))
	c.Ask(3, "GET", "/", "")
	c.Answer(3, 200, "")
	c.Close()
	r := sim.Stitch(t, tr)
	if g := r.Paths[0].Exchanges[0].GRPC; g == nil || *g != (flow.GRPC{Status: 5, Sent: 1, Received: 2}) {
		t.Errorf("grpc = %+v", g)
	}
	if g := r.Paths[0].Exchanges[1].GRPC; g != nil {
		t.Errorf("grpc = %+v, want none", g)
	}
}
