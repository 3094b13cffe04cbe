package graph

import (
	"net/netip"
	"testing"

	"github.com/pcapmesh/pcapmesh/capture"
	"github.com/pcapmesh/pcapmesh/capture/tcpip"
	"github.com/pcapmesh/pcapmesh/internal/test/pcap"
	"github.com/pcapmesh/pcapmesh/mesh/flow"
	"github.com/pcapmesh/pcapmesh/mesh/internal/decide/conn"
	"github.com/pcapmesh/pcapmesh/mesh/internal/index"
	"github.com/pcapmesh/pcapmesh/mesh/internal/index/scan"
	"github.com/pcapmesh/pcapmesh/mesh/internal/testindex"
	"github.com/pcapmesh/pcapmesh/reassembly"
)

// Ends in the worlds of these tests.
const (
	client = "192.0.2.1:40000"
	app    = "10.244.1.10:8080"
	pod    = "10.244.1.10:40000"
	vip    = "10.96.10.1:80"
)

// traceOf is a capture of one connection.
func traceOf(iface, orig, dst string, talk func(*pcap.Connection)) *pcap.Trace {
	tr := new(pcap.Trace)
	c := testindex.On(tr, iface, orig, dst)
	c.Handshake()
	if talk != nil {
		talk(c)
	}
	return tr
}

// bound reads a world as far as conns.
func bound(t *testing.T, w *testindex.World) (*index.Index, []*conn.Conn) {
	t.Helper()
	r := w.Read(t)
	conns := conn.Bind(r.Index, r.Records.NAT)
	r.Again(t, conn.Pairs(conns))
	return r.Index, conns
}

// legsOf reads a world as far as legs.
func legsOf(t *testing.T, w *testindex.World) (*index.Index, []*Leg) {
	t.Helper()
	x, conns := bound(t, w)
	return x, Legs(x, conns)
}

// lives sets when a half was seen first and last.
func lives(h *reassembly.Half, from, to int64) {
	h.FirstTime, h.LastTime = capture.Time(from), capture.Time(to)
}

// rename gives a conn other ends, and keeps those that are "".
func rename(x *index.Index, c *conn.Conn, src, dst string) {
	set := func(a *tcpip.Addr, port *uint16, end string) {
		if end != "" {
			e := netip.MustParseAddrPort(end)
			*a, *port = tcpip.AddrFrom(e.Addr()), e.Port()
		}
	}
	if c.Orig != 0 {
		k := &x.Half(c.Orig).Key
		set(&k.Src, &k.SrcPort, src)
		set(&k.Dst, &k.DstPort, dst)
	}
	if c.Reply != 0 {
		k := &x.Half(c.Reply).Key
		set(&k.Dst, &k.DstPort, src)
		set(&k.Src, &k.SrcPort, dst)
	}
}

// bare is a leg of which nothing is known.
func bare() *Leg { return &Leg{Leg: new(flow.Leg), Conn: new(conn.Conn)} }

// at is an instant.
func at(when int64) scan.Instant { return scan.Instant{Nanos: when} }

// message lasts from one time to another.
func message(from, to int64) *scan.Message { return &scan.Message{From: at(from), To: at(to)} }
