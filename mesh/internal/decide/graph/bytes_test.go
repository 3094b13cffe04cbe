package graph

import (
	"testing"

	"github.com/pcapmesh/pcapmesh/internal/test/pcap"
	"github.com/pcapmesh/pcapmesh/mesh/internal/decide/conn"
	"github.com/pcapmesh/pcapmesh/mesh/internal/index"
	"github.com/pcapmesh/pcapmesh/mesh/internal/index/scan"
	"github.com/pcapmesh/pcapmesh/mesh/internal/testindex"
	"github.com/pcapmesh/pcapmesh/reassembly"
)

func TestEmpty(t *testing.T) {
	for _, tt := range []struct {
		sent, received int64
		want           bool
	}{{0, 0, true}, {1, 0, false}, {0, 1, false}, {1, 1, false}} {
		l := bare()
		l.OrigBytes, l.ReplyBytes = tt.sent, tt.received
		if got := l.Empty(); got != tt.want {
			t.Errorf("%d and %d bytes: empty %v, want %v", tt.sent, tt.received, got, tt.want)
		}
	}
	l := bare()
	l.OrigBytes, l.ReplyBytes = 500, 600
	l.plain = [2]*index.Plaintext{{}, {}}
	if !l.Empty() || l.Sent() != 0 || l.Received() != 0 {
		t.Errorf("%d and %d bytes of a leg that carried records without plaintext", l.Sent(), l.Received())
	}
}

// A connection was refused if its SYN had no answer but a reset.
func TestRefused(t *testing.T) {
	for _, tt := range []struct {
		name   string
		change func(c *conn.Conn, l *Leg, p, q *reassembly.Half)
		want   bool
	}{
		{"reset", func(*conn.Conn, *Leg, *reassembly.Half, *reassembly.Half) {}, true},
		{"no SYN", func(c *conn.Conn, l *Leg, p, q *reassembly.Half) { p.SYN = false }, false},
		{"no answer", func(c *conn.Conn, l *Leg, p, q *reassembly.Half) {
			c.Reply = 0
			l.points[c.Place] = scan.Span{To: int64(l.Start) + 1e9}
		}, true},
		{"no answer before the capture ended", func(c *conn.Conn, l *Leg, p, q *reassembly.Half) {
			c.Reply = 0
			l.points[c.Place] = scan.Span{To: int64(l.Start) + 1e9 - 1}
		}, false},
		{"no answer to what was there before", func(c *conn.Conn, l *Leg, p, q *reassembly.Half) { c.Reply, p.SYN = 0, false }, false},
		{"the reset only", func(c *conn.Conn, l *Leg, p, q *reassembly.Half) { c.Orig = 0 }, false},
		{"answered, not reset", func(c *conn.Conn, l *Leg, p, q *reassembly.Half) { q.RST = false }, false},
		{"accepted, then reset", func(c *conn.Conn, l *Leg, p, q *reassembly.Half) { q.SYN = true }, false},
		{"reset after bytes", func(c *conn.Conn, l *Leg, p, q *reassembly.Half) { q.Bytes = 1 }, false},
		{"it began before the capture", func(c *conn.Conn, l *Leg, p, q *reassembly.Half) { l.Midstream = true }, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tr := new(pcap.Trace)
			k := testindex.On(tr, "eth0", client, app)
			k.SYN()
			k.Refuse()
			x, legs := legsOf(t, testindex.Of(tr))
			l := legs[0]
			tt.change(l.Conn, l, x.Half(l.Conn.Orig), x.Half(l.Conn.Reply))
			if got := l.Refused(x); got != tt.want {
				t.Errorf("refused %v, want %v", got, tt.want)
			}
		})
	}
}
