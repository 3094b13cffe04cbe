package conn_test

import (
	"slices"
	"testing"

	"github.com/pcapmesh/pcapmesh/capture/tcpip"
	"github.com/pcapmesh/pcapmesh/internal/test/pcap"
	"github.com/pcapmesh/pcapmesh/internal/test/sim"
	"github.com/pcapmesh/pcapmesh/mesh"
)

// Halves find each other by numbers, never by ports alone.
func TestBind(t *testing.T) {
	for _, tt := range []struct {
		name string
		make func(*pcap.Trace)
		want []string
	}{
		{"two half-flows are one leg", func(tr *pcap.Trace) {
			c := sim.Torn(tr, 40000, sim.VIP)
			c.Handshake()
			c.Send("ping")
			c.Reply("pong")
			c.Close()
		}, []string{"app-proxy 10.244.1.10:40000 > 10.96.10.1:80, 5+3 packets"}},

		{"the proxy may listen anywhere", func(tr *pcap.Trace) {
			c := sim.On(tr, "lo", "10.244.1.10:40000", sim.VIP).Redirect("127.0.0.1:25001")
			c.Handshake()
			c.Send("ping")
			c.Reply("pong")
		}, []string{"app-proxy 10.244.1.10:40000 > 10.96.10.1:80, 3+2 packets"}},

		{"one source port to two servers at once", func(tr *pcap.Trace) {
			a := sim.Torn(tr, 40000, sim.VIP).ISN(1000, 2000)
			a.Handshake()
			b := sim.On(tr, "lo", "10.244.1.10:40000", "10.96.10.2:80").ISN(7000, 9000)
			b.RedirectFrom("10.244.1.10:40663", "127.0.0.1:15001")
			b.Handshake()
			a.Send("a")
			b.Send("bb")
			a.Reply("A")
			b.Reply("BB")
			b.Reply("BB")
		}, []string{
			"app-proxy 10.244.1.10:40000 > 10.96.10.1:80, 3+2 packets",
			"app-proxy 10.244.1.10:40000 > 10.96.10.2:80, 3+3 packets",
		}},

		{"the same in mid-connection", func(tr *pcap.Trace) {
			a := sim.Torn(tr, 40000, sim.VIP).ISN(1_000_000_000, 2_000_000_000)
			b := sim.On(tr, "lo", "10.244.1.10:40000", "10.96.10.2:80").ISN(3_000_000_000, 4_000_000_000)
			b.RedirectFrom("10.244.1.10:40663", "127.0.0.1:15001")
			for range 2 {
				a.Send("a")
				b.Send("b")
				a.Reply("A")
				b.Reply("B")
			}
		}, []string{
			"app-proxy 10.244.1.10:40000 > 10.96.10.1:80, 2+2 packets",
			"app-proxy 10.244.1.10:40000 > 10.96.10.2:80, 2+2 packets",
		}},

		{"a refused connection", func(tr *pcap.Trace) {
			c := sim.Torn(tr, 40000, sim.VIP)
			c.SYN()
			c.Refuse()
		}, []string{"app-proxy 10.244.1.10:40000 > 10.96.10.1:80, 1+1 packets"}},

		{"a port used again", func(tr *pcap.Trace) {
			for i := range uint32(3) {
				c := sim.Torn(tr, 40000, sim.VIP).ISN(1000+i*500_000_000, 5000+i*700_000_000)
				c.Handshake()
				c.Send("ping")
				c.Close()
			}
		}, []string{
			"app-proxy 10.244.1.10:40000 > 10.96.10.1:80, 5+2 packets",
			"app-proxy 10.244.1.10:40000 > 10.96.10.1:80, 5+2 packets",
			"app-proxy 10.244.1.10:40000 > 10.96.10.1:80, 5+2 packets",
		}},

		{"a half without its other", func(tr *pcap.Trace) {
			c := sim.Torn(tr, 40000, sim.VIP)
			c.Handshake()
			c.Send("ping")
			tr.Filter(func(p *pcap.Packet) bool { return p.Key.Dst.IsLoopback() })
		}, []string{"app-proxy 10.244.1.10:40000 > 127.0.0.1:15001, 3+0 packets"}},

		{"the answer without what was asked", func(tr *pcap.Trace) {
			c := sim.Torn(tr, 40000, sim.VIP)
			c.Handshake()
			c.Send("ping")
			c.Reply("pong")
			d := sim.Torn(tr, 40002, sim.VIP).ISN(77, 88) // tells the pod's address
			d.Handshake()
			tr.Filter(func(p *pcap.Packet) bool { return !p.Key.Dst.IsLoopback() || p.Key.SrcPort == 40002 })
		}, []string{
			"app-proxy 10.244.1.10:40000 > 10.96.10.1:80, 0+2 packets",
			"app-proxy 10.244.1.10:40002 > 10.96.10.1:80, 2+1 packets",
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var tr pcap.Trace
			tt.make(&tr)
			if got := sim.LegList(sim.Stitch(t, &tr)); !slices.Equal(got, tt.want) {
				t.Errorf("legs %q, expected %q", got, tt.want)
			}
		})
	}
}

// Halves that fit two others equally well stay alone: a wrong pair would be
// worse than none.
func TestBindAmbiguous(t *testing.T) {
	var tr pcap.Trace
	a := sim.On(&tr, "lo", "10.244.1.10:40000", sim.VIP).RedirectFrom("10.244.1.10:40661", "127.0.0.1:15001")
	b := sim.On(&tr, "lo", "10.244.1.10:40000", "10.96.10.2:80").RedirectFrom("10.244.1.10:40663", "127.0.0.1:15001")
	for _, c := range []*pcap.Connection{a, b} {
		c.ISN(1000, 5000)
	}
	for range 2 {
		a.Send("x")
		b.Send("x")
		a.Reply("y")
		b.Reply("y")
	}
	r := sim.Stitch(t, &tr)
	for _, l := range r.Legs {
		if l.OrigPackets > 0 && l.ReplyPackets > 0 {
			t.Errorf("leg %s has two halves, though either request half fits either reply half", l.Orig)
		}
	}
	if len(r.Legs) != 4 {
		t.Errorf("legs %q, expected the four halves", sim.LegList(r))
	}
}

// Where a connection began before the capture, its direction is found in the
// stated order.
func TestOrient(t *testing.T) {
	for _, tt := range []struct {
		name string
		make func(*pcap.Trace)
		want string // client of the first leg
	}{
		{"127.0.0.6 only dials", func(tr *pcap.Trace) {
			c := sim.On(tr, "lo", "127.0.0.6:80", "10.244.1.10:40000")
			c.Reply("x")
			c.Send("y")
		}, "127.0.0.6:80"},
		{"half-flows end at the client", func(tr *pcap.Trace) {
			c := sim.Torn(tr, 79, sim.VIP)
			c.Reply("x")
			c.Send("y")
			c.Reply("x")
		}, "10.244.1.10:79"},
		{"a server that answered a SYN", func(tr *pcap.Trace) {
			c := sim.On(tr, "eth0", "192.0.2.1:70", "10.244.1.10:9000").ISN(11, 22)
			c.Reply("x")
			c.Send("y")
			d := sim.On(tr, "eth0", "192.0.2.2:71", "10.244.1.10:9000").ISN(33333333, 44444444)
			d.Handshake()
		}, "192.0.2.1:70"},
		{"a server of two peers", func(tr *pcap.Trace) {
			for i, peer := range []string{"192.0.2.1:70", "192.0.2.2:71"} {
				c := sim.On(tr, "eth0", peer, "10.244.1.10:9000").ISN(uint32(i)*33333333, uint32(i)*44444444)
				c.Reply("x")
				c.Send("y")
			}
		}, "192.0.2.1:70"},
		{"who sends requests", func(tr *pcap.Trace) {
			c := sim.On(tr, "eth0", "192.0.2.1:70", "10.244.1.10:9000")
			c.Reply("x")
			c.Send(sim.Request("GET", "/"))
			c.Reply(sim.Response(200, ""))
		}, "192.0.2.1:70"},
		{"the lower port serves", func(tr *pcap.Trace) {
			c := sim.On(tr, "eth0", "192.0.2.1:40000", "10.244.1.10:9000")
			c.Reply("x")
			c.Send("y")
		}, "192.0.2.1:40000"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var tr pcap.Trace
			tt.make(&tr)
			l := sim.Stitch(t, &tr).Legs[0]
			if got := l.Orig.Src.String(); got != tt.want || !l.Inferred || !l.Midstream {
				t.Errorf("client %s, inferred %v, midstream %v; expected %s, true, true", got, l.Inferred, l.Midstream, tt.want)
			}
		})
	}
}

// Packets that NAT forgot to rewrite belong to the connection they carry on;
// packets of another connection do not.
func TestStrays(t *testing.T) {
	begin := func(tr *pcap.Trace) *pcap.Connection {
		c := sim.Torn(tr, 40000, sim.VIP).ISN(1000, 5000)
		c.Handshake()
		c.Send("ping")
		c.Reply("pong")
		return c
	}
	for _, tt := range []struct {
		name string
		make func(*pcap.Trace)
		legs int
	}{
		{"the client's end, not redirected", func(tr *pcap.Trace) {
			begin(tr)
			p := sim.On(tr, "eth0", "10.244.1.10:40000", sim.VIP).ISN(1000, 5000).SendAt(4, "")
			p.Flags |= tcpip.FlagFIN
			p.Ack = 5005
		}, 1},
		{"the proxy's answer, not translated back", func(tr *pcap.Trace) {
			begin(tr)
			p := sim.On(tr, "lo", "10.244.1.10:40000", "127.0.0.1:15001").ISN(1000, 5000).ReplyAt(4, "late")
			p.Ack = 1005
		}, 1},
		{"another connection that begins there", func(tr *pcap.Trace) {
			begin(tr)
			sim.On(tr, "eth0", "10.244.1.10:40000", sim.VIP).ISN(1004, 5004).Handshake()
		}, 2},
		{"another connection, of which the middle was captured", func(tr *pcap.Trace) {
			begin(tr)
			s := sim.On(tr, "eth0", "10.244.1.10:40000", "10.9.9.9:80").ISN(1_000_000_000, 3_000_000_000)
			s.Send("x")
			s.Reply("y")
		}, 2},
		{"numbers that fit, but another client", func(tr *pcap.Trace) {
			begin(tr)
			p := sim.On(tr, "eth0", "10.244.1.10:40002", sim.VIP).ISN(1000, 5000).SendAt(4, "")
			p.Ack = 5005
		}, 2},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var tr pcap.Trace
			tt.make(&tr)
			r := sim.Stitch(t, &tr)
			if len(r.Legs) != tt.legs || len(r.Paths) != tt.legs {
				t.Errorf("%d legs %q and %d paths, expected %d", len(r.Legs), sim.LegList(r), len(r.Paths), tt.legs)
			}
			if l := r.Legs[0]; tt.legs == 1 && len(l.Captured) != 3 {
				t.Errorf("captured as %v: the stray's tuple is missing", l.Captured)
			}
		})
	}
}

// One connection seen at two points is one leg; equal numbers inside two pods'
// loopback interfaces are two.
func TestSeenTwice(t *testing.T) {
	say := func(tr *pcap.Trace, iface, orig, dst string) {
		c := sim.On(tr, iface, orig, dst).ISN(1000, 5000)
		c.Handshake()
		c.Send("ping")
		c.Reply("pong")
		c.Close()
	}
	for _, tt := range []struct {
		name        string
		orig, dst   string
		orig2, dst2 string
		iface       string
		legs        int
	}{
		{"the same tuple", "10.244.1.10:40000", "10.244.2.20:8080", "10.244.1.10:40000", "10.244.2.20:8080", "eth0", 1},
		{"with NAT between", "10.244.1.10:40000", sim.VIP, "10.244.1.10:40000", "10.244.2.20:8080", "eth0", 1},
		{"loopback", "127.0.0.1:40000", "127.0.0.1:9000", "127.0.0.1:40000", "127.0.0.1:9000", "lo", 2},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var a, b pcap.Trace
			say(&a, tt.iface, tt.orig, tt.dst)
			say(&b, tt.iface, tt.orig2, tt.dst2)
			r, err := mesh.Stitch(t.Context(), []mesh.Input{
				{Name: pcap.WriteFile(t, "a.pcapng", a.PCAPNG()), Pod: "a"},
				{Name: pcap.WriteFile(t, "b.pcapng", b.PCAPNG()), Pod: "b"},
			}, nil)
			if err != nil {
				t.Fatal(err)
			}
			defer r.Close()
			if len(r.Legs) != tt.legs {
				t.Errorf("legs %q, expected %d", sim.LegList(r), tt.legs)
			}
		})
	}
}
