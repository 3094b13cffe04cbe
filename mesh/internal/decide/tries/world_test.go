package tries

import (
	"fmt"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/pcapmesh/pcapmesh/capture"
	"github.com/pcapmesh/pcapmesh/internal/test/pcap"
	"github.com/pcapmesh/pcapmesh/internal/wire/fingerprint"
	"github.com/pcapmesh/pcapmesh/mesh/flow"
	"github.com/pcapmesh/pcapmesh/mesh/internal/decide/crossing"
	"github.com/pcapmesh/pcapmesh/mesh/internal/decide/graph"
	"github.com/pcapmesh/pcapmesh/mesh/internal/index/scan"
	"github.com/pcapmesh/pcapmesh/mesh/internal/testlegs"
)

// Exchanges made by hand begin and end at whole microseconds.
const us = int64(time.Microsecond)

const (
	get = "GET /a HTTP/1.1\r\nhost: app\r\n\r\n"
	ok  = "HTTP/1.1 204 No Content\r\n\r\n"
	// unavailable is what a proxy answers itself.
	unavailable = "HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\n\r\n"
)

// leg returns a leg from one end to another.
func leg(src, dst string) *graph.Leg {
	l := &graph.Leg{Leg: &flow.Leg{Protocol: flow.ProtocolHTTP1}}
	l.Orig.Src, l.Orig.Dst = netip.MustParseAddrPort(src), netip.MustParseAddrPort(dst)
	return l
}

// clientLeg and proxyLeg return the i-th leg that came to the proxy, and that it
// dialled.
func clientLeg(i int) *graph.Leg { return leg(fmt.Sprintf("192.0.2.%d:40000", i+1), "10.0.0.1:8080") }

func proxyLeg(i int) *graph.Leg { return leg(fmt.Sprintf("127.0.0.6:%d", 50000+i), "10.0.0.1:8080") }

// texts keeps what exchanges made by hand say: a scan is too large for one of them.
// Tests that make exchanges do not run at once.
var texts = scan.New(nil, nil)

// A made is an exchange made by hand.
type made struct{ *graph.Exchange }

// exchange returns a GET of / on a leg, from one time to another, that is answered
// with 200. Both messages take a tenth of the time.
func exchange(l *graph.Leg, from, to int64) made {
	e := &graph.Exchange{Leg: l, No: len(l.Exchanges), Scan: texts, RespScan: texts, Floor: from}
	tenth := (to - from) / 10
	e.Req = &scan.Message{Flags: scan.MsgRequest | scan.MsgComplete, ServiceMillis: -1}
	e.Resp = &scan.Message{Flags: scan.MsgComplete, ServiceMillis: -1, Status: 200}
	moveTo(e.Req, from, from+tenth)
	moveTo(e.Resp, to-tenth, to)
	return made{e}.asks("GET", "/").body(0).returns(0)
}

// moveTo moves a message in time.
func moveTo(m *scan.Message, begin, end int64) { m.From.Nanos, m.To.Nanos = begin, end }

// asks sets the request line.
func (e made) asks(method, target string) made {
	e.Req.Method, e.Req.Target = e.Scan.Text.Keep([]byte(method)), e.Scan.Text.Keep([]byte(target))
	return e
}

// id sets the request id.
func (e made) id(id string) made { e.Req.ID = e.Scan.Text.Keep([]byte(id)); return e }

// whole returns the print of a content of n bytes, that tells it from others of
// another mark.
func whole(n int64, mark uint64) fingerprint.Print {
	return fingerprint.Print{Len: n, First: mark, Middle: mark + 1, Last: mark + 2, Known: fingerprint.KnownFirst | fingerprint.KnownMiddle | fingerprint.KnownLast}
}

// body sets the request's body, to one of n bytes that are like no others' of another
// length.
func (e made) body(n int64) made { e.Req.Body = whole(n, uint64(n)); return e }

// returns sets the response's.
func (e made) returns(n int64) made { e.Resp.Body = whole(n, uint64(n)); return e }

// status sets the response's status.
func (e made) status(n uint16) made { e.Resp.Status = n; return e }

// between returns a crossing of exchanges made by hand, each on its leg. Everything
// was captured.
func between(downs, ups []made) *crossing.Crossing {
	c := crossing.New(nil, nil, nil)
	c.Trust = new(crossing.Trust)
	c.Down, c.Up = settle(downs), settle(ups)
	return c
}

// settle puts exchanges on their legs.
func settle(es []made) (legs []*graph.Leg) {
	for _, e := range es {
		if !slices.Contains(legs, e.Leg) {
			legs = append(legs, e.Leg)
		}
		e.No = len(e.Leg.Exchanges)
		e.Leg.Exchanges = append(e.Leg.Exchanges, *e.Exchange)
	}
	for _, l := range legs {
		l.Start, l.End = capture.Time(l.Exchanges[0].Start()), capture.Time(l.Exchanges[len(l.Exchanges)-1].End())
	}
	return legs
}

// links describes links, one string each: exchanges by leg and number, ? before those
// that are ambiguous, and rivals after a stroke.
func links(ls []*graph.Link) (out []string) {
	end := func(l *graph.Leg, e *graph.Exchange) string {
		n := int(l.Orig.Src.Port()) - 50000
		if a := l.Orig.Src.Addr(); a.As4()[0] == 192 {
			n = int(a.As4()[3]) - 1
		}
		if e == nil {
			return fmt.Sprint(n)
		}
		return fmt.Sprintf("%d.%d", n, e.No)
	}
	for _, l := range ls {
		s := end(l.From, l.Down) + ">" + end(l.To, l.Up)
		if l.Ambiguous {
			s = "?" + s
		}
		for _, r := range l.Rivals {
			s += "|" + end(r.Leg, r.Ex)
		}
		out = append(out, s)
	}
	return out
}

// onEth0 and onLo add the i-th connection of a client, and that of the proxy.
func onEth0(tr *pcap.Trace, i int) *pcap.Connection {
	return tr.Conn(fmt.Sprintf("192.0.2.%d:40000", i+1), "10.244.1.10:8080").At(0, "eth0").ISN(uint32(i+1)<<22, uint32(i+101)<<22)
}

func onLo(tr *pcap.Trace, i int) *pcap.Connection {
	return tr.Conn(fmt.Sprintf("127.0.0.6:%d", 50000+i), "10.244.1.10:8080").At(1, "lo").ISN(uint32(i+201)<<22, uint32(i+301)<<22)
}

// crossed reads a trace of client's legs on eth0.
func crossed(t *testing.T, tr *pcap.Trace) *crossing.Crossing {
	t.Helper()
	s := testlegs.Read(t, tr, "eth0")
	c := crossing.New(s.Index, nil, nil)
	c.Down, c.Up = s.Down, s.Up
	c.Trust = crossing.NewTrust(c)
	return c
}
