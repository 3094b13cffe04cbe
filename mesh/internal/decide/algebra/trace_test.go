package algebra

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/pcapmesh/pcapmesh/internal/test/pcap"
	"github.com/pcapmesh/pcapmesh/mesh/internal/decide/crossing"
	"github.com/pcapmesh/pcapmesh/mesh/internal/decide/graph"
	"github.com/pcapmesh/pcapmesh/mesh/internal/testlegs"
)

// A pod is a trace of clients that speak TLS with a proxy, and of what the proxy says
// on loopback. The connections of one number belong together.
type pod struct {
	pcap.Trace
	r       *rand.Rand
	clients []*pcap.TLSConnection
	ups     []*pcap.Connection
}

func newPod(seed uint64) *pod { return &pod{r: rand.New(rand.NewPCG(seed, 41))} }

// client opens a client's connection.
func (p *pod) client(conf pcap.TLSConfig) *pcap.TLSConnection {
	c := p.Conn(fmt.Sprintf("192.0.2.%d:40000", len(p.clients)+1), "10.244.1.10:8443").At(0, "eth0")
	c.ISN(p.r.Uint32(), p.r.Uint32()).Step(time.Microsecond)
	c.Handshake()
	p.clients = append(p.clients, c.TLS(conf))
	return p.clients[len(p.clients)-1]
}

// dial opens a connection to the application.
func (p *pod) dial() *pcap.Connection {
	c := p.Conn(fmt.Sprintf("127.0.0.6:%d", 50000+len(p.ups)), "10.244.1.10:8080").At(1, "lo")
	c.ISN(p.r.Uint32(), p.r.Uint32()).Step(time.Microsecond)
	c.Handshake()
	p.ups = append(p.ups, c)
	return c
}

// pause lets a while pass, around the given mean.
func (p *pod) pause(mean time.Duration) {
	p.Wait(mean/4 + time.Duration(p.r.ExpFloat64()*float64(mean)*3/4))
}

// crossing reads what was captured; up tells that the proxy dialled the legs of TLS.
func (p *pod) crossing(t *testing.T, up bool) *crossing.Crossing {
	t.Helper()
	down := "eth0"
	if up {
		down = "lo"
	}
	s := testlegs.Read(t, &p.Trace, down)
	c := crossing.New(s.Index, nil, new(graph.Ledger))
	c.Down, c.Up = s.Down, s.Up
	c.Trust = crossing.NewTrust(c)
	return c
}

// number tells which connection of its side a leg is.
func number(l *graph.Leg) int {
	if a := l.Orig.Src.Addr().As4(); a[0] == 192 {
		return int(a[3]) - 1
	}
	return int(l.Orig.Src.Port()) - 50000
}

// request and response return HTTP messages with bodies of n bytes.
func request(target string, n int) string {
	return fmt.Sprintf("POST %s HTTP/1.1\r\nhost: app\r\ncontent-length: %d\r\n\r\n%s", target, n, strings.Repeat("q", n))
}

func response(n int) string {
	return fmt.Sprintf("HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%s", n, strings.Repeat("r", n))
}

// An exchanged is an exchange of a pod: the connections of both sides, by number, and
// which exchange of them.
type exchanged struct{ client, clientNo, up, upNo int }

// talk has clients ask the application, several at once, over connections that are
// shared. The proxy takes off what is 200 and 90 bytes long.
func talk(p *pod, clients, rounds int, conf pcap.TLSConfig) (truth []exchanged) {
	for range clients {
		p.client(conf)
		p.dial()
	}
	asked, carried := make([]int, clients), make([]int, clients)
	for range rounds {
		from, to := p.r.Perm(clients), p.r.Perm(clients)
		req, resp := make([]string, clients), make([]string, clients)
		for i, k := range from {
			req[i], resp[i] = request("/"+strings.Repeat("a", p.r.IntN(60)), p.r.IntN(400)), response(p.r.IntN(900))
			p.clients[k].Send(len(req[i]) + 200)
			p.pause(50 * time.Microsecond)
			truth = append(truth, exchanged{k, asked[k], to[i], carried[to[i]]})
			asked[k]++
			carried[to[i]]++
		}
		for i := range from {
			p.ups[to[i]].Send(req[i])
			p.pause(50 * time.Microsecond)
		}
		for _, i := range p.r.Perm(clients) {
			p.ups[to[i]].Reply(resp[i])
			p.pause(100 * time.Microsecond)
			p.clients[from[i]].Reply(len(resp[i]) + 90)
		}
		p.pause(500 * time.Microsecond)
	}
	return truth
}

// of names an exchange by those of its leg.
func of(e *graph.Exchange) [2]int { return [2]int{number(e.Leg), e.No} }
