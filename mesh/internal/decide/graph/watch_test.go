package graph

import (
	"strings"
	"testing"
	"time"

	"github.com/pcapmesh/pcapmesh/capture"
	"github.com/pcapmesh/pcapmesh/internal/test/pcap"
	"github.com/pcapmesh/pcapmesh/mesh/internal/index"
	"github.com/pcapmesh/pcapmesh/mesh/internal/testindex"
)

// late is how much later the second pod sees every packet.
const late = 200 * time.Microsecond

// watched is a connection that pods a and b saw; edit changes what b has of it.
func watched(t *testing.T, edit func(*pcap.Trace)) (*index.Index, *Leg) {
	t.Helper()
	see := func() *pcap.Trace {
		return traceOf("eth0", client, app, func(c *pcap.Connection) {
			c.Send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\n")
			c.Send("body")
			c.Reply("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
			c.Close()
		})
	}
	b := see()
	b.Filter(func(p *pcap.Packet) bool { p.Time += capture.Time(late); return true })
	edit(b)
	x, conns := bound(t, &testindex.World{Pods: []testindex.Pod{{Name: "a", Trace: see()}, {Name: "b", Trace: b}}})
	legs := Legs(x, conns)
	if len(legs) != 1 {
		t.Fatalf("%d legs", len(legs))
	}
	FindExchanges(x, legs)
	return x, legs[0]
}

// A leg that two pods saw has the times of the one that looks at it; its exchanges stay
// the same, and afterwards all is as it was.
func TestWatch(t *testing.T) {
	for _, tt := range []struct {
		name string
		edit func(*pcap.Trace)
		own  bool  // all that b looks at is b's
		none int64 // how many of the four times b did not see
	}{
		{"whole", func(*pcap.Trace) {}, true, 0},
		{"the body was lost", func(tr *pcap.Trace) {
			tr.Filter(func(p *pcap.Packet) bool { return !strings.HasPrefix(string(p.Bytes), "body") })
		}, false, 2},
	} {
		t.Run(tt.name, func(t *testing.T) {
			x, l := watched(t, tt.edit)
			e := &l.Exchanges[0]
			at := func() [4]int64 {
				return [4]int64{e.Req.From.Nanos, e.Req.To.Nanos, e.Resp.From.Nanos, e.Resp.To.Nanos}
			}
			home, start, conn := at(), l.Start, l.Conn
			Watch(x, []*Leg{l}, "a")
			if at() != home || l.Conn != conn {
				t.Error("its own pod sees something else")
			}
			Watch(x, []*Leg{l}, "b")
			moved := int64(0)
			for i, n := range at() {
				switch n - home[i] {
				case int64(late):
					moved++
				case 0:
				default:
					t.Errorf("time %d is %d later", i, n-home[i])
				}
			}
			if moved != 4-tt.none || l.Start != start+capture.Time(late) || (l.Conn != conn) != tt.own || e.Req.End != 51 {
				t.Errorf("%d times are b's, its conn %v, start %d later", moved, l.Conn != conn, l.Start-start)
			}
			Watch(x, []*Leg{l}, "c")
			Watch(x, []*Leg{l}, "")
			if at() != home || l.Start != start || l.Conn != conn || e != &l.Exchanges[0] {
				t.Error("it is not as it was")
			}
		})
	}
}
