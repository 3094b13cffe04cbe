package algebra

import (
	"testing"
	"time"

	"github.com/pcapmesh/pcapmesh/internal/test/pcap"
)

// A piece is what one side of a conversation sends at once.
type piece struct {
	reply bool
	bytes string
}

// ownTLS lists what a TLS connection of its own looks like on the wire.
func ownTLS(p *pod, turns int, seed uint64) []piece {
	c := pcap.Conn("192.0.2.200:1", "10.244.1.10:8443")
	s := c.TLS(pcap.TLSConfig{Seed: seed, SNI: "app.example.test"})
	for range turns {
		s.Send(20 + p.r.IntN(500))
		s.Reply(20 + p.r.IntN(900))
	}
	s.Close()
	var out []piece
	for i := c.Len() - 1; i >= 0; i-- {
		if q := c.Last(i); len(q.Bytes) > 0 {
			out = append(out, piece{q.Key.SrcPort != 1, string(q.Bytes)})
		}
	}
	return out
}

// An application's own TLS inside of that of two proxies of Istio is tied by the bytes of
// whole connections, its handshake among them, also a single one, and whoever else speaks
// TLS. Who dials without a proxy is not taken for one that has.
func TestJoinCurvesOfOwnTLS(t *testing.T) {
	mesh := pcap.TLSConfig{ALPN: []string{"istio-peer-exchange", "istio"}, Mutual: true, Packing: pcap.PackBoringSSL}
	for _, tt := range []struct {
		name     string
		n        int // clients with a proxy
		others   int // clients without one, whose TLS is passed on as it is
		from, to int // which clients, and up to which connection to the application was captured
		want     int
	}{
		{"one", 1, 0, 0, 1, 1},
		{"eight", 8, 0, 0, 8, 8},
		{"some are missing", 8, 0, 3, 5, 2},
		{"all are missing", 4, 0, 2, 2, 0},
		{"one of either kind is missing", 2, 1, 1, 1, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := newPod(5)
			var said [][]piece
			for i := range tt.n + tt.others {
				conf := mesh
				if conf.Seed = uint64(i); i >= tt.n {
					conf = pcap.TLSConfig{Seed: uint64(i)}
				}
				p.client(conf)
				p.pause(100 * time.Microsecond)
				p.dial()
				said = append(said, ownTLS(p, 4, uint64(100+i)))
			}
			for k := range said[0] {
				for i := range said {
					if k >= len(said[i]) {
						continue
					}
					s := said[i][k]
					p.pause(50 * time.Microsecond)
					if s.reply {
						p.ups[i].Reply(s.bytes)
						p.pause(50 * time.Microsecond)
						p.clients[i].Reply(len(s.bytes))
					} else {
						p.clients[i].Send(len(s.bytes))
						p.pause(50 * time.Microsecond)
						p.ups[i].Send(s.bytes)
					}
				}
			}
			for i := range p.ups {
				p.clients[i].Close()
				p.ups[i].Close()
			}
			c := p.crossing(t, false)
			c.Down, c.Up = c.Down[tt.from:], c.Up[:tt.to]
			c.FindInner()
			JoinCurves(c)
			JoinTurns(c)
			sure := 0
			for _, l := range c.Links {
				if l.Ambiguous {
					continue
				}
				sure++
				if number(l.From) != number(l.To) || l.Down != nil || l.Up != nil {
					t.Errorf("%v is tied to %v: %v", l.From.Orig, l.To.Orig, l.Evidence)
				}
			}
			if sure != tt.want {
				t.Errorf("%d are tied, want %d", sure, tt.want)
			}
		})
	}
}
