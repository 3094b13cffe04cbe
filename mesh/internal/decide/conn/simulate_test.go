package conn_test

import (
	"fmt"
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pcapmesh/pcapmesh/capture/tcpip"
	"github.com/pcapmesh/pcapmesh/internal/test/pcap"
	"github.com/pcapmesh/pcapmesh/internal/test/sim"
	"github.com/pcapmesh/pcapmesh/mesh"
)

// A tear says what half-flows are like.
type tear struct {
	conns, ports, servers int
	loss, late            float64
	noSYN, noTimestamps   bool
	near                  bool // initial sequence numbers lie close together
	once                  bool // no tuple is used twice, for only its SYN tells the second use
}

// A call outward is one redirected connection, which says its number in every
// packet.
type outward struct {
	*pcap.Connection
	no, left int
	port     int
	server   string
}

func (o *outward) say(r *rand.Rand) {
	word := fmt.Sprintf("<%d>%s", o.no, strings.Repeat(".", r.IntN(400)))
	if r.IntN(2) == 0 {
		o.Send(word)
	} else {
		o.Reply(word)
	}
	o.left--
}

// tornPod simulates an application that uses few source ports for connections
// to a few servers, many at a time. Where conntrack would meet a tuple that is
// in use, it moves the source port.
func tornPod(seed uint64, o tear) (*pcap.Trace, int) {
	r := rand.New(rand.NewPCG(seed, 9))
	tr := new(pcap.Trace)
	var open []*outward
	used := make(map[string]bool)
	begun := 0
	for begun < o.conns || len(open) > 0 {
		tr.Wait(time.Duration(r.IntN(900)) * time.Microsecond)
		if begun < o.conns && (len(open) == 0 || r.IntN(4) == 0) {
			if c := dial(tr, r, o, open, used, begun); c != nil {
				open = append(open, c)
				begun++
			}
			continue
		}
		i := r.IntN(len(open))
		if c := open[i]; c.left > 0 {
			c.say(r)
		} else {
			c.Close()
			open = slices.Delete(open, i, i+1)
		}
	}
	tr.DropFirst(int(o.late * float64(tr.Len())))
	tr.Filter(func(p *pcap.Packet) bool {
		return r.Float64() >= o.loss && (!o.noSYN || p.Flags&tcpip.FlagSYN == 0)
	})
	return tr, begun
}

// dial opens connection number no, unless its tuple is in use.
func dial(tr *pcap.Trace, r *rand.Rand, o tear, open []*outward, used map[string]bool, no int) *outward {
	c := &outward{no: no, left: 2 + r.IntN(6), port: 40000 + 2*r.IntN(o.ports), server: fmt.Sprintf("10.96.0.%d:80", 1+r.IntN(o.servers))}
	collides := false
	for _, k := range open {
		if k.port == c.port && k.server == c.server {
			return nil
		}
		collides = collides || k.port == c.port
	}
	request, reply := fmt.Sprint(c.port), fmt.Sprint(c.port, c.server) // all that is asked from a port goes to the proxy
	if o.once && (used[request] && !collides || used[reply]) {
		return nil
	}
	used[request], used[reply] = true, true
	c.Connection = tr.Conn(fmt.Sprintf("%s:%d", sim.Pod, c.port), c.server).At(1, "lo").ISN(r.Uint32(), r.Uint32())
	if o.near {
		c.ISN(5000+r.Uint32N(1<<16), 1<<30+r.Uint32N(1<<16))
	}
	if !o.noTimestamps {
		c.Timestamps()
	}
	if collides {
		c.RedirectFrom(fmt.Sprintf("%s:%d", sim.Pod, 20000+no), "127.0.0.1:15001")
	} else {
		c.Redirect("127.0.0.1:15001")
	}
	c.Handshake()
	return c
}

var said = regexp.MustCompile(`<\d+>`)

// Two halves that were put together are two halves of one connection, however
// few ports there are and whatever was not captured; where all was, every half
// has found its other.
func TestSimulatedHalves(t *testing.T) {
	for _, tt := range []struct {
		name  string
		o     tear
		whole bool // everything was captured
	}{
		{"all", tear{conns: 30, ports: 5, servers: 4}, true},
		{"one port", tear{conns: 20, ports: 1, servers: 6}, true},
		{"no timestamps", tear{conns: 30, ports: 3, servers: 4, noTimestamps: true}, true},
		{"near numbers", tear{conns: 30, ports: 3, servers: 4, near: true}, true},
		{"no SYN", tear{conns: 30, ports: 30, servers: 9, once: true, noSYN: true}, false},
		{"no SYN, near numbers", tear{conns: 30, ports: 30, servers: 9, once: true, noSYN: true, near: true}, false},
		{"loss", tear{conns: 30, ports: 9, servers: 4, loss: 0.1}, false},
		{"late", tear{conns: 30, ports: 3, servers: 4, late: 0.5, noTimestamps: true}, false},
		{"all at once", tear{conns: 30, ports: 30, servers: 9, once: true, late: 0.3, loss: 0.1, noSYN: true, noTimestamps: true}, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			whole, halves := 0, 0
			for seed := range uint64(12) {
				tr, n := tornPod(seed, tt.o)
				r := sim.Stitch(t, tr)
				for _, s := range crossedPaths(t, r) {
					t.Errorf("seed %d: %s", seed, s)
				}
				for _, l := range r.Legs {
					halves++
					if l.OrigPackets > 0 && l.ReplyPackets > 0 {
						whole++
					}
				}
				if tt.whole && len(r.Legs) != n {
					t.Errorf("seed %d: %d legs of %d connections", seed, len(r.Legs), n)
				}
			}
			t.Logf("%d legs, %d of them with both halves", halves, whole)
		})
	}
}

// crossedPaths lists the paths that carry the words of several connections.
func crossedPaths(t *testing.T, r *mesh.Result) (bad []string) {
	t.Helper()
	for i, p := range r.Paths {
		names := make(map[string]bool)
		for c, err := range r.Follow(t.Context(), i, mesh.AllExchanges) {
			if err != nil {
				t.Fatal(err)
			}
			for _, s := range said.FindAllString(string(c.Data), -1) {
				names[s] = true
			}
		}
		if len(names) > 1 {
			bad = append(bad, fmt.Sprintf("path %d %s > %s carries connections %v", i, p.Client, p.Server, names))
		}
	}
	return bad
}
