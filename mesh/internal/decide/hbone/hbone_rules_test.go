package hbone

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/pcapmesh/pcapmesh/internal/test/pcap"
	"github.com/pcapmesh/pcapmesh/mesh/flow"
	"github.com/pcapmesh/pcapmesh/mesh/internal/decide/graph"
	"github.com/pcapmesh/pcapmesh/mesh/internal/index"
	"github.com/pcapmesh/pcapmesh/mesh/internal/testindex"
	"github.com/pcapmesh/pcapmesh/mesh/profile"
)

// What is dialled at the port of tunnels is one, unless the client's hello or what
// can be read speaks against it.
func TestMarkTunnels(t *testing.T) {
	for _, tt := range []struct {
		name string
		mesh string
		to   string
		alpn []string
		tls  bool
		want bool
	}{
		{"TLS", "istio-ambient", pod + ":15008", nil, true, true},
		{"TLS that offers HTTP/2", "istio-ambient", pod + ":15008", []string{"http/1.1", "h2"}, true, true},
		{"TLS that does not", "istio-ambient", pod + ":15008", []string{"http/1.1"}, true, false},
		{"another port", "istio-ambient", pod + ":15009", nil, true, false},
		{"another mesh", "linkerd", pod + ":15008", nil, true, false},
		{"plain bytes", "istio-ambient", pod + ":15008", nil, false, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tr := new(pcap.Trace)
			c := testindex.On(tr, "eth0", client, tt.to)
			c.Handshake()
			if tt.tls {
				c.TLS(pcap.TLSConfig{ALPN: tt.alpn}).Send(100)
			} else {
				c.Send("hello")
			}
			x, legs := legsOf(t, testindex.Of(tr))
			MarkTunnels(x, legs, profile.Named(tt.mesh))
			if l := legs[0]; l.Tunnel != tt.want || (l.Protocol == flow.ProtocolHBONE) != tt.want {
				t.Errorf("a tunnel %v, speaks %s; want %v", l.Tunnel, l.Protocol, tt.want)
			}
		})
	}
}

// Tunnels and connections are on one side of a pod by their roles; what another leg
// carries on is not looked for.
func TestJoinSides(t *testing.T) {
	const words = 12
	for _, tt := range []struct {
		name   string
		change func(tunnel, c *graph.Leg, links *[]*graph.Link)
		want   string
	}{
		{"out of the pod", func(tunnel, c *graph.Leg, links *[]*graph.Link) {}, "1>0"},
		{"into the pod", func(tunnel, c *graph.Leg, links *[]*graph.Link) {
			tunnel.Views[0].Role, c.Views[0].Role, c.Kept = flow.RoleClientProxy, flow.RoleProxyApp, true
			c.Orig.Src = netip.AddrPortFrom(tunnel.Orig.Src.Addr(), 7)
		}, "0>1"},
		{"into the pod, from the proxy's own address", func(tunnel, c *graph.Leg, links *[]*graph.Link) {
			tunnel.Views[0].Role, c.Views[0].Role = flow.RoleClientProxy, flow.RoleProxyApp
		}, ""},
		{"into the pod, of another client", func(tunnel, c *graph.Leg, links *[]*graph.Link) {
			tunnel.Views[0].Role, c.Views[0].Role, c.Kept = flow.RoleClientProxy, flow.RoleProxyApp, true
			c.Orig.Src = netip.MustParseAddrPort("10.244.9.8:7")
		}, ""},
		{"no tunnel", func(tunnel, c *graph.Leg, links *[]*graph.Link) { tunnel.Tunnel = false }, ""},
		{"a tunnel into it, a connection out of it", func(tunnel, c *graph.Leg, links *[]*graph.Link) { tunnel.Views[0].Role = flow.RoleClientProxy }, ""},
		{"a tunnel out of it, a connection into it", func(tunnel, c *graph.Leg, links *[]*graph.Link) { c.Views[0].Role, c.Kept = flow.RoleProxyApp, true }, ""},
		{"another pod", func(tunnel, c *graph.Leg, links *[]*graph.Link) { tunnel.Views[0].Pod = "q" }, ""},
		{"tied from there", func(tunnel, c *graph.Leg, links *[]*graph.Link) {
			*links = []*graph.Link{{From: c, To: between(0, 1)}}
		}, ""},
		{"tied to it", func(tunnel, c *graph.Leg, links *[]*graph.Link) {
			*links = []*graph.Link{{From: between(0, 1), To: c}}
		}, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tr := new(pcap.Trace)
			tunnel := testindex.On(tr, "eth0", client, pod+":15008")
			tunnel.Handshake()
			over := tunnel.TLS(pcap.TLSConfig{ALPN: []string{"h2"}})
			c := testindex.On(tr, "lo", "10.244.9.9:20000", app).ISN(9, 99)
			c.Handshake()
			for i := range words {
				n := 100 + 7*i
				steps := []func(){func() { c.Send(strings.Repeat("a", n)) }, func() { over.Send(n + 9) }, func() { over.Reply(n + 10) }, func() { c.Reply(strings.Repeat("b", n+1)) }}
				if strings.HasPrefix(tt.name, "into") {
					steps[0], steps[1], steps[2], steps[3] = steps[1], steps[0], steps[3], steps[2]
				}
				for _, step := range steps {
					step()
				}
			}
			x, legs := legsOf(t, testindex.Of(tr))
			legs[0].Tunnel = true
			legs[0].Views, legs[1].Views = []graph.View{{Pod: "p", Role: flow.RoleProxyServer}}, []graph.View{{Pod: "p", Role: flow.RoleAppProxy}}
			var links []*graph.Link
			tt.change(legs[0], legs[1], &links)
			var got []string
			for _, l := range Join(x, legs, "p", links, nil, new(graph.Ledger)) {
				got = append(got, fmt.Sprintf("%d>%d", l.From.ID, l.To.ID))
			}
			if s := strings.Join(got, " "); s != tt.want {
				t.Errorf("links %s, want %s", s, tt.want)
			}
		})
	}
}

// A tunnel may carry what was there while it was, up to how far clocks are apart;
// into the pod it must have been there before.
func TestMay(t *testing.T) {
	const slack, ms = index.Causality, int64(1_000_000)
	for _, tt := range []struct {
		name       string
		inbound    bool
		start, end int64 // of the tunnel
		bursts     []burst
		want       bool
	}{
		{"all the time", true, 0, 100 * ms, nil, true},
		{"it began as late as may be", true, 10*ms + slack, 100 * ms, nil, true},
		{"it began later", true, 10*ms + slack + 1, 100 * ms, nil, false},
		{"it ended as early as may be", true, 0, 10*ms - slack, nil, true},
		{"it ended before", true, 0, 10*ms - slack - 1, nil, false},
		{"it ended as early as the first burst", true, 0, 15*ms - slack, []burst{{at: 14 * ms, until: 15 * ms}, {at: 16 * ms, until: 17 * ms}}, true},
		{"it ended before the first burst", true, 0, 15*ms - slack - 1, []burst{{at: 14 * ms, until: 15 * ms}}, false},
		{"out: it began as late as may be", false, 20*ms + slack, 100 * ms, nil, true},
		{"out: it began later", false, 20*ms + slack + 1, 100 * ms, nil, false},
		{"out: it began as late as the last answer", false, 16*ms + slack, 100 * ms, []burst{{at: 14 * ms, until: 15 * ms}, {reply: true, at: 16 * ms, until: 17 * ms}, {at: 18 * ms, until: 19 * ms}}, true},
		{"out: it began later than that", false, 16*ms + slack + 1, 100 * ms, []burst{{at: 14 * ms, until: 15 * ms}, {reply: true, at: 16 * ms, until: 17 * ms}, {at: 18 * ms, until: 19 * ms}}, false},
		{"out: what was said waited for it", false, 20*ms + slack, 100 * ms, []burst{{at: 14 * ms, until: 15 * ms}}, true},
		{"out: it ended as early as may be", false, 0, 10*ms - slack, nil, true},
		{"out: it ended before", false, 0, 10*ms - slack - 1, nil, false},
	} {
		u := &tunnelling{inbound: tt.inbound}
		c := &inner{leg: between(10*ms, 20*ms), bursts: tt.bursts}
		if got := u.may(c, &tunnel{leg: between(tt.start, tt.end)}); got != tt.want {
			t.Errorf("%s: may carry %v, want %v", tt.name, got, tt.want)
		}
	}
	u, c, m := &tunnelling{inbound: true}, &inner{leg: between(10, 20)}, &tunnel{leg: between(0, 30)}
	c.leg.Kept, c.leg.Orig.Src = true, netip.MustParseAddrPort("10.9.9.9:1")
	if u.may(c, m) {
		t.Error("a tunnel of another client's may carry a connection into the pod")
	}
	if u.inbound = false; !u.may(c, m) {
		t.Error("a tunnel may not carry a connection out of the pod, for whose address it is")
	}
}

// Of two tunnels to one place the second was opened when the first had all the streams that
// it may: what began later is not in the first, and what began long before not in the second.
func TestOutOfTurn(t *testing.T) {
	const ms = int64(1_000_000)
	for _, tt := range []struct {
		name          string
		crowd         int   // connections that are open when the second is opened
		at            int64 // when the connection begins, in milliseconds; the second tunnel at 500
		elsewhere     bool  // the second goes to another server
		first, second bool  // which of them may carry it
	}{
		{"before", 100, 100, false, true, false},
		{"shortly before", 100, 450, false, true, true},
		{"after", 100, 501, false, false, true},
		{"after, in a smaller crowd", 99, 501, false, true, true},
		{"before, in a smaller crowd", 99, 100, false, true, true},
		{"after, to another server", 100, 501, true, true, true},
	} {
		one, two := &tunnel{leg: between(10*ms, 900*ms)}, &tunnel{leg: between(500*ms, 900*ms)}
		if tt.elsewhere {
			two.leg.Orig.Dst = netip.MustParseAddrPort("10.9.9.9:15008")
		}
		u := &tunnelling{tunnels: []*tunnel{one, two}}
		for range tt.crowd {
			u.inner = append(u.inner, &inner{leg: between(20*ms, 800*ms)})
		}
		u.count()
		c := &inner{leg: between(tt.at*ms, 900*ms)}
		if first, second := u.may(c, one), u.may(c, two); first != tt.first || second != tt.second {
			t.Errorf("%s: may be in the first %v, in the second %v; want %v, %v", tt.name, first, second, tt.first, tt.second)
		}
	}
}

// A tunnel is spent when all of it is tied, at either end.
func TestExhaust(t *testing.T) {
	for _, tt := range []struct {
		name   string
		tied   int
		before bool
		unseen [2]int64 // of each connection
		want   bool
	}{
		{"nothing is tied", 0, false, [2]int64{}, false},
		{"all is tied, but for a record", 1, false, [2]int64{}, false},
		{"and that may be theirs", 2, false, [2]int64{300, 0}, true},
		{"and that may be theirs, in the other direction", 2, false, [2]int64{0, 300}, false},
		{"known from the other end", 0, true, [2]int64{}, true},
	} {
		m := tunnelWith(true, run(600), nil)
		m.leg.Spent = tt.before
		u := &tunnelling{tunnels: []*tunnel{tunnelWith(true, nil, nil), m}}
		for i := range 3 {
			c := &inner{leg: between(0, 1), in: -1, unseen: tt.unseen}
			if i < tt.tied {
				c.in = 1
			}
			u.inner = append(u.inner, c)
		}
		u.exhaust()
		if m.leg.Spent != tt.want || u.tunnels[0].leg.Spent {
			t.Errorf("%s: spent %v and %v, want %v, and the empty one not", tt.name, m.leg.Spent, u.tunnels[0].leg.Spent, tt.want)
		}
	}
	m := tunnelWith(true, nil, run(600))
	u := &tunnelling{tunnels: []*tunnel{m}, inner: []*inner{{leg: between(0, 1), unseen: [2]int64{0, 300}}, {leg: between(0, 1), unseen: [2]int64{0, 300}}}}
	if u.exhaust(); !m.leg.Spent {
		t.Error("what the server sent is not spent, though all of it may be of the connections")
	}
}

// Links stand in the order of the connections, whichever way they were found.
func TestJoinInOrder(t *testing.T) {
	for _, inbound := range []bool{false, true} {
		cs := []*inner{said(100, 200), said(long(1)...), said(long(2)...)}
		for i, c := range cs {
			c.leg.Orig.Src = netip.AddrPortFrom(netip.MustParseAddr("10.244.9.9"), uint16(i))
		}
		tunnels := []*tunnel{carrying(long(2)...), carrying(long(1)...)}
		if inbound {
			for _, m := range tunnels {
				for d := range m.records {
					for i := range m.records[d] {
						m.records[d][i].at += map[int]int64{0: -200, 1: 200}[d]
					}
				}
			}
		}
		u := tied(t, inbound, tunnels, cs...)
		if inbound {
			cs[0].leg.Start = 2_000_000 // after what may be the head of its stream
		}
		u.join()
		var got []int
		for _, l := range u.links {
			got = append(got, u.inside(l).ID)
		}
		if !slices.Equal(got, []int{0, 1, 2}) {
			t.Errorf("inbound %v: links of connections %v, want 0, 1 and 2", inbound, got)
		}
		for _, l := range u.links {
			if tunnel := l.From; inbound && tunnel.ID < 100 || !inbound && l.To.ID < 100 {
				t.Errorf("inbound %v: a link from %d to %d", inbound, l.From.ID, l.To.ID)
			}
		}
	}
	none := &tunnelling{inner: []*inner{said(1)}}
	if none.join(); none.links != nil {
		t.Error("links without a tunnel")
	}
}
