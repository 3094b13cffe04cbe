package crossing_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pcapmesh/pcapmesh/internal/test/pcap"
	"github.com/pcapmesh/pcapmesh/internal/test/sim"
	"github.com/pcapmesh/pcapmesh/mesh"
	"github.com/pcapmesh/pcapmesh/mesh/flow"
)

// A crossing is a trace of clients of the pod and of the proxy's connections
// to the application.
type crossing struct {
	pcap.Trace
	clients, ups []*pcap.Connection
}

// newCrossing opens n client connections and as many to the application.
func newCrossing(n int) *crossing {
	c := new(crossing)
	for i := range n {
		k := uint32(i+1) * 100_000_000
		client := sim.On(&c.Trace, "eth0", fmt.Sprintf("192.0.2.%d:40000", i+1), sim.App).ISN(k, k+10_000_000)
		up := sim.On(&c.Trace, "lo", fmt.Sprintf("127.0.0.6:%d", 50001+2*i), sim.App).ISN(k+20_000_000, k+30_000_000)
		client.Handshake()
		up.Handshake()
		c.clients, c.ups = append(c.clients, client), append(c.ups, up)
	}
	return c
}

// hopList describes how the exchanges of each client's path went on: the
// upstream legs by number, marked ? when ambiguous.
func (c *crossing) hopList(r *mesh.Result) []string {
	var out []string
	for i := range c.clients {
		var s []string
		for _, p := range r.Paths {
			if p.Client.Addr().String() != fmt.Sprintf("192.0.2.%d", i+1) {
				continue
			}
			for _, e := range p.Exchanges {
				s = append(s, c.hops(r, e))
			}
		}
		out = append(out, strings.Join(s, " "))
	}
	return out
}

func (c *crossing) hops(r *mesh.Result, e flow.Exchange) string {
	s := "-"
	for i, h := range e.Hops[1:] {
		if i > 0 {
			s += ","
		} else {
			s = ""
		}
		s += fmt.Sprint((int(r.Legs[h.Leg].Orig.Src.Port()) - 50001) / 2)
		if h.Ambiguous {
			s += fmt.Sprintf("?%d", len(h.Rivals))
		}
	}
	return s
}

// A call is an exchange as it stands on both sides of the proxy.
type call struct {
	client, up  int // numbers of connections
	req, upReq  string
	resp, upRes string
}

// plain returns a call that the proxy passes on with one header more. The
// fields go into the request of both sides.
func plain(client, up int, target string, fields ...string) call {
	return call{client, up, sim.Request("GET", target, fields...), sim.Request("GET", target, append(fields, "x-proxy: yes")...), sim.Response(200, "content"), sim.Response(200, "content")}
}

// overlap lets calls go on at once, so that each may be the cause of each.
func (c *crossing) overlap(calls ...call) {
	for _, k := range calls {
		c.clients[k.client].Send(k.req)
	}
	for _, k := range calls {
		c.ups[k.up].Send(k.upReq)
	}
	for _, k := range calls {
		c.ups[k.up].Reply(k.upRes)
	}
	for _, k := range calls {
		c.clients[k.client].Reply(k.resp)
	}
}

// What ties two exchanges of two clients, served at once over the two
// connections crosswise.
func TestJoinEvidence(t *testing.T) {
	id := func(s string) string { return "x-request-id: " + s }
	answer := func(k call, content string) call {
		k.resp, k.upRes = sim.Response(200, content), sim.Response(200, content)
		return k
	}
	post := func(client, up int, content string) call {
		k := plain(client, up, "/")
		head := fmt.Sprintf("POST / HTTP/1.1\r\nhost: app\r\ncontent-length: %d\r\n", len(content))
		k.req, k.upReq = head+"\r\n"+content, head+"x-proxy: yes\r\n\r\n"+content
		return k
	}
	for _, tt := range []struct {
		name   string
		calls  [2]call
		want   []string
		kind   flow.EvidenceKind
		proven bool
	}{
		{"request ids", [2]call{plain(0, 1, "/", id("a")), plain(1, 0, "/", id("b"))}, []string{"1", "0"}, flow.RequestID, true},
		{"ids against equal contents", [2]call{answer(plain(0, 1, "/", id("a")), "same"), answer(plain(1, 0, "/", id("b")), "same")},
			[]string{"1", "0"}, flow.RequestID, true},
		{"targets", [2]call{plain(0, 1, "/a"), plain(1, 0, "/b")}, []string{"1", "0"}, flow.SameBytes, true},
		{"a field", [2]call{plain(0, 1, "/", "user-agent: a"), plain(1, 0, "/", "user-agent: b")}, []string{"1", "0"}, flow.SameBytes, true},
		{"contents of requests", [2]call{post(0, 1, "one"), post(1, 0, "two")}, []string{"1", "0"}, flow.SameBytes, true},
		{"contents of responses", [2]call{answer(plain(0, 1, "/"), "one"), answer(plain(1, 0, "/"), "two")}, []string{"1", "0"}, flow.SameBytes, true},
		{"one id settles the other call", [2]call{plain(0, 1, "/", id("a")), plain(1, 0, "/")}, []string{"1", "0"}, flow.RequestID, true},
		{"nothing", [2]call{plain(0, 1, "/"), plain(1, 0, "/")}, []string{"1?1", "0?1"}, flow.SameBytes, false},
		{"one id for both", [2]call{plain(0, 1, "/", id("a")), plain(1, 0, "/", id("a"))}, []string{"1?1", "0?1"}, flow.RequestID, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := newCrossing(2)
			c.overlap(tt.calls[:]...)
			r := sim.Stitch(t, &c.Trace)
			if got := c.hopList(r); !slices.Equal(got, tt.want) {
				t.Fatalf("served by %q, expected %q", got, tt.want)
			}
			h := r.Paths[0].Exchanges[0].Hops[1]
			if len(h.Evidence) == 0 || h.Evidence[0].Kind != tt.kind || h.Proven != tt.proven {
				t.Errorf("evidence %v, proven %v; expected %v, %v", h.Evidence, h.Proven, tt.kind, tt.proven)
			}
			if h.Ambiguous && h.Confidence > 0.5 || !h.Ambiguous && h.Confidence < 0.9 {
				t.Errorf("confidence %v", h.Confidence)
			}
		})
	}
}

// An ambiguous exchange names the true one, wherever it is.
func TestJoinRivals(t *testing.T) {
	const n = 4
	c := newCrossing(n)
	var calls []call
	for i := range n {
		calls = append(calls, plain(i, (i+1)%n, "/"))
	}
	c.overlap(calls...)
	r := sim.Stitch(t, &c.Trace)
	for _, p := range r.Paths {
		for _, e := range p.Exchanges {
			if p.Client.Addr().IsLoopback() {
				continue
			}
			h := e.Hops[1]
			legs := map[int]bool{h.Leg: true}
			for _, v := range h.Rivals {
				legs[v.Leg] = true
			}
			if !h.Ambiguous || len(legs) != n {
				t.Errorf("%s: ambiguous %v, legs %v; any of %d may have served it", p.Client, h.Ambiguous, legs, n)
			}
		}
	}
}

// What the order of events tells: who cannot have caused whom.
func TestJoinOrder(t *testing.T) {
	for _, tt := range []struct {
		name string
		make func(*crossing)
		want []string
	}{
		{"one after the other over one connection", func(c *crossing) {
			c.overlap(plain(0, 0, "/"))
			c.overlap(plain(1, 0, "/"))
		}, []string{"0", "0"}},
		{"one inside the other", func(c *crossing) {
			a, b := plain(0, 0, "/"), plain(1, 1, "/")
			c.clients[0].Send(a.req)
			c.ups[0].Send(a.upReq)
			c.Wait(time.Millisecond)
			c.clients[1].Send(b.req)
			c.ups[1].Send(b.upReq)
			c.ups[1].Reply(b.upRes)
			c.clients[1].Reply(b.resp)
			c.Wait(time.Millisecond)
			c.ups[0].Reply(a.upRes)
			c.clients[0].Reply(a.resp)
		}, []string{"0", "1"}},
		{"answered before the application was asked", func(c *crossing) {
			a, b := plain(0, 0, "/"), plain(1, 1, "/")
			c.clients[0].Send(a.req)
			c.clients[0].Reply(a.resp)
			c.Wait(time.Millisecond)
			c.clients[1].Send(b.req)
			c.ups[1].Send(b.upReq)
			c.ups[1].Reply(b.upRes)
			c.clients[1].Reply(b.resp)
		}, []string{"-", "1"}},
		{"the proxy asks by itself", func(c *crossing) {
			b := plain(0, 0, "/health")
			c.ups[0].Send(b.upReq)
			c.ups[0].Reply(b.upRes)
			c.Wait(time.Millisecond)
			c.overlap(plain(1, 1, "/"))
		}, []string{"", "1"}},
		{"another answer than the client got", func(c *crossing) {
			a, b := plain(0, 0, "/"), plain(1, 1, "/")
			a.resp, a.upRes = sim.Response(404, ""), sim.Response(404, "")
			c.overlap(a, b)
		}, []string{"0", "1"}},
		{"tried again", func(c *crossing) {
			a := plain(0, 0, "/", "x-request-id: a")
			c.clients[0].Send(a.req)
			c.ups[0].Send(a.upReq)
			c.ups[0].Reply(sim.Response(503, "busy"))
			c.ups[1].Send(a.upReq)
			c.ups[1].Reply(a.upRes)
			c.clients[0].Reply(a.resp)
		}, []string{"0,1", ""}},
		{"tried again without an id", func(c *crossing) {
			a := plain(0, 0, "/")
			c.clients[0].Send(a.req)
			c.ups[0].Send(a.upReq)
			c.ups[0].Reply(sim.Response(503, "busy"))
			c.ups[1].Send(a.upReq)
			c.ups[1].Reply(a.upRes)
			c.clients[0].Reply(a.resp)
		}, []string{"0,1", ""}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := newCrossing(2)
			tt.make(c)
			if got := c.hopList(sim.Stitch(t, &c.Trace)); !slices.Equal(got, tt.want) {
				t.Errorf("served by %q, expected %q", got, tt.want)
			}
		})
	}
}
