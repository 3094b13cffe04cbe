package crossing

import (
	"testing"
	"time"

	"github.com/pcapmesh/pcapmesh/internal/test/pcap"
	"github.com/pcapmesh/pcapmesh/mesh/internal/testindex"
	"github.com/pcapmesh/pcapmesh/mesh/internal/testlegs"
)

// A leg was cut short if the other side of the crossing shows that something was on its
// way to it after the capture of its point had ended. What is on its way to the other end
// of the crossing says nothing.
func TestCutShort(t *testing.T) {
	const late = 300 * time.Microsecond
	for _, tt := range []struct {
		name     string
		last     func(down, up *pcap.Connection)
		down, up bool
	}{
		{"all at once", func(down, up *pcap.Connection) { up.Reply("an"); down.Reply("an") }, false, false},
		{"an answer goes out last", func(down, up *pcap.Connection) { up.Reply("an"); down.Wait(late); down.Reply("an") }, false, false},
		{"a request comes in last", func(down, up *pcap.Connection) { up.Reply("an"); down.Reply("an"); down.Wait(late); down.Send("more") }, false, true},
		{"an answer comes in last", func(down, up *pcap.Connection) { down.Wait(late); up.Reply("an") }, true, false},
		{"a closed leg", func(down, up *pcap.Connection) {
			up.Reply("an")
			up.Close()
			down.Reply("an")
			down.Wait(late)
			down.Send("more")
		}, false, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tr := new(pcap.Trace)
			down, up := testindex.On(tr, "eth0", "192.0.2.1:40000", "10.0.0.1:8080"), testindex.On(tr, "lo", "127.0.0.6:50000", "10.0.0.1:8080").ISN(70000, 80000)
			down.Handshake()
			down.Send("ask")
			up.Handshake()
			up.Send("ask")
			tt.last(down, up)
			s := testlegs.Read(t, tr, "eth0")
			c := New(s.Index, nil, nil)
			c.Down, c.Up = s.Down, s.Up
			c.Trust = NewTrust(c)
			if got := c.CutShort(s.Down[0]); got != tt.down {
				t.Errorf("downstream cut short: %v, want %v", got, tt.down)
			}
			if got := c.CutShort(s.Up[0]); got != tt.up {
				t.Errorf("upstream cut short: %v, want %v", got, tt.up)
			}
			if c.Holes() != (tt.down || tt.up) {
				t.Errorf("holes: %v", c.Holes())
			}
		})
	}
}
