package decide

import (
	"fmt"
	"hash/fnv"
	"net/netip"
	"testing"

	"github.com/pcapmesh/pcapmesh/capture/tcpip"
	"github.com/pcapmesh/pcapmesh/internal/test/pcap"
	"github.com/pcapmesh/pcapmesh/mesh/cluster"
	"github.com/pcapmesh/pcapmesh/mesh/flow"
	"github.com/pcapmesh/pcapmesh/mesh/internal/decide/conn"
	"github.com/pcapmesh/pcapmesh/mesh/internal/decide/graph"
	"github.com/pcapmesh/pcapmesh/mesh/internal/testindex"
)

// Ends in the worlds of these tests.
const (
	podAddr = "10.244.1.10"
	app     = podAddr + ":8080"
	client  = "192.0.2.1:40000"
	inside  = "127.0.0.6:41000" // whence the proxy dials the application
	out     = podAddr + ":42000"
	onward  = podAddr + ":43000"
	vip     = "10.96.10.1:80"
	server  = "10.244.9.9:8080"
	proxy   = "127.0.0.1:15001"
)

// get is a request for a target with more fields, and ok its response.
func get(target string, fields ...string) string {
	s := "GET " + target + " HTTP/1.1\r\nhost: app\r\n"
	for _, f := range fields {
		s += f + "\r\n"
	}
	return s + "\r\n"
}

func ok(content string) string {
	return fmt.Sprintf("HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%s", len(content), content)
}

// fail is the response of a proxy that found no server.
const fail = "HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\n\r\n"

// on adds a connection whose numbers are like no other's of the trace.
func on(tr *pcap.Trace, iface, orig, dst string) *pcap.Connection {
	h := fnv.New64a()
	fmt.Fprint(h, orig, dst, tr.Len())
	n := h.Sum64()
	return testindex.On(tr, iface, orig, dst).ISN(uint32(n), uint32(n>>32))
}

// pass lets one exchange go over a proxy.
func pass(down, up *pcap.Connection, request, response string) {
	down.Send(request)
	up.Send(request)
	up.Reply(response)
	down.Reply(response)
}

// inbound adds what a client asks of the pod's application.
func inbound(tr *pcap.Trace, requests ...string) {
	down := on(tr, "eth0", client, app)
	down.Handshake()
	up := on(tr, "lo", inside, app)
	up.Handshake()
	for _, r := range requests {
		pass(down, up, r, ok("in"))
	}
	down.Close()
	up.Close()
}

// outbound adds what the application asks of a server.
func outbound(tr *pcap.Trace, requests ...string) {
	down := on(tr, "lo", out, vip).Redirect(proxy)
	down.Handshake()
	up := on(tr, "eth0", onward, server)
	up.Handshake()
	for _, r := range requests {
		pass(down, up, r, ok("out"))
	}
	down.Close()
	up.Close()
}

// bothWays is a pod whose application is asked, and asks.
func bothWays() *pcap.Trace {
	tr := new(pcap.Trace)
	inbound(tr, get("/in", "x-request-id: 1"))
	outbound(tr, get("/out", "x-request-id: 2"))
	return tr
}

// inputOf reads a world as far as deciding starts.
func inputOf(t *testing.T, w *testindex.World) *Input {
	t.Helper()
	r := w.Read(t)
	conns := conn.Bind(r.Index, r.Records.NAT)
	r.Again(t, conn.Pairs(conns))
	return &Input{Index: r.Index, Records: r.Records, Conns: conns, Known: new(cluster.Known)}
}

// legTo returns the leg from an end.
func legFrom(t *testing.T, legs []*graph.Leg, from string) *graph.Leg {
	t.Helper()
	for _, l := range legs {
		if l.Orig.Src == netip.MustParseAddrPort(from) {
			return l
		}
	}
	t.Fatalf("no leg from %s", from)
	return nil
}

// tuple is the tuple from an end to another.
func tuple(src, dst string) tcpip.Tuple {
	return tcpip.Tuple{Proto: tcpip.ProtoTCP, Src: netip.MustParseAddrPort(src), Dst: netip.MustParseAddrPort(dst)}
}

// bareLeg is a leg of which only ends and its role in a pod are known.
func bareLeg(id int, pod string, role flow.Role, src, dst string) *graph.Leg {
	l := &graph.Leg{Leg: &flow.Leg{ID: id, Role: role, Orig: tuple(src, dst)}, Conn: &conn.Conn{Pod: pod}, Views: []graph.View{{Pod: pod, Role: role}}}
	l.Reply = l.Orig.Reverse()
	return l
}
