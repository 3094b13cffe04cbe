package graph_test

import (
	"crypto/tls"
	"testing"

	"github.com/pcapmesh/pcapmesh/internal/test/pcap"
	"github.com/pcapmesh/pcapmesh/internal/test/sim"
	"github.com/pcapmesh/pcapmesh/mesh/flow"
	"github.com/pcapmesh/pcapmesh/mesh/internal/decide/conn"
	"github.com/pcapmesh/pcapmesh/mesh/internal/decide/graph"
	"github.com/pcapmesh/pcapmesh/mesh/internal/testindex"
)

// Of a decrypted leg plaintext counts; ranges lead back to whole records.
func TestDecryptedLeg(t *testing.T) {
	request, response := sim.Request("GET", "/a"), sim.Response(200, "hello")
	for _, keys := range []bool{true, false} {
		tr := new(pcap.Trace)
		log := sim.SpeakTLS(t, sim.On(tr, "eth0", "192.0.2.1:40000", sim.App), tls.VersionTLS13, 1448, sim.Asks(request), sim.Answers(response))
		w := testindex.Of(tr)
		if keys {
			w.Keys = log
		}
		r := w.Read(t)
		conns := conn.Bind(r.Index, r.Records.NAT)
		r.Again(t, conn.Pairs(conns))
		l := graph.Legs(r.Index, conns)[0]
		graph.FindExchanges(r.Index, []*graph.Leg{l})
		if l.Decrypted != keys || l.Readable() != keys || l.TLS.Version != "1.3" {
			t.Fatalf("decrypted %v, readable %v, TLS %s; want %v, %v, 1.3", l.Decrypted, l.Readable(), l.TLS.Version, keys, keys)
		}
		wire := [2]int64{0, 1}
		if !keys {
			if l.Sent() != l.OrigBytes || l.Received() != l.ReplyBytes || l.Protocol != flow.ProtocolTLS || l.Wire(0, wire) != wire {
				t.Errorf("%d and %d bytes of %s, want those on the wire", l.Sent(), l.Received(), l.Protocol)
			}
			continue
		}
		if l.Sent() != int64(len(request)) || l.Received() != int64(len(response)) || l.Protocol != flow.ProtocolHTTP1 || len(l.Exchanges) != 1 {
			t.Errorf("%d and %d bytes of %s, %d exchanges; want %d, %d, HTTP/1.1 and one", l.Sent(), l.Received(), l.Protocol, len(l.Exchanges), len(request), len(response))
		}
		for dir, n := range []int{len(request), len(response)} {
			record := l.Wire(dir, [2]int64{0, int64(n)})
			if got := record[1] - record[0]; got != int64(n)+5+1+16 {
				t.Errorf("direction %d: %d bytes on the wire carry %d, want one record", dir, got, n)
			}
			if one := l.Wire(dir, [2]int64{0, 1}); one != record {
				t.Errorf("direction %d: one byte is carried by %v, want the whole record %v", dir, one, record)
			}
			if none := l.Wire(dir, [2]int64{3, 3}); none != [2]int64{3, 3} {
				t.Errorf("direction %d: no byte is carried by %v", dir, none)
			}
		}
	}
}
