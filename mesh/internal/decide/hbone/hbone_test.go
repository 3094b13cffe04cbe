package hbone_test

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/pcapmesh/pcapmesh/internal/test/pcap"
	"github.com/pcapmesh/pcapmesh/internal/test/sim"
	"github.com/pcapmesh/pcapmesh/mesh/flow"
)

// tunnelOptions describe connections that an ambient pod's proxy takes into
// tunnels, or out of them.
type tunnelOptions struct {
	inbound bool
	tunnels int
	conns   int
	turns   int
	packing pcap.Packing
	alike   bool    // all turns are of one length
	updates float64 // of turns, share with a WINDOW_UPDATE in a record of its own
	halved  float64 // share that is written in two frames
	packed  float64 // share whose frame shares its record with a frame of the tunnel's own
	loss    float64 // of packets
	long    bool    // answers of several reads of ztunnel, among which others go through
	twice   float64 // of these, share that the application writes in two
	sizes   int     // how many different lengths they have; 0 = any
}

// A tunnelWorld is a capture in which it is known what is in which tunnel.
type tunnelWorld struct {
	opts    tunnelOptions
	rand    *rand.Rand
	tr      pcap.Trace
	tunnels []*pcap.TLSConnection
	truth   map[netip.AddrPort]netip.AddrPort // by the client's end of a connection: that of its tunnel
}

// A tunnelled is a connection with what is still to be done on it.
type tunnelled struct {
	conn *pcap.Connection
	over *pcap.TLSConnection
	todo []func()
}

func playTunnels(seed uint64, o tunnelOptions) *tunnelWorld {
	w := &tunnelWorld{opts: o, rand: rand.New(rand.NewPCG(seed, 7)), truth: make(map[netip.AddrPort]netip.AddrPort)}
	for i := range o.tunnels {
		src, dst := fmt.Sprintf("%s:%d", sim.Pod, 50001+2*i), "10.244.9.9:15008"
		if o.inbound {
			src, dst = fmt.Sprintf("10.244.9.9:%d", 50001+2*i), sim.Pod+":15008"
		}
		c := sim.On(&w.tr, "eth0", src, dst).ISN(w.rand.Uint32(), w.rand.Uint32())
		c.Handshake()
		w.tunnels = append(w.tunnels, c.TLS(pcap.TLSConfig{Packing: o.packing, Mutual: true, ALPN: []string{"h2"}, Seed: seed}))
	}
	var open []*tunnelled
	for i := 0; i < o.conns || len(open) > 0; {
		w.tr.Wait(time.Duration(w.rand.IntN(200)) * time.Microsecond)
		if i < o.conns && (len(open) == 0 || len(open) < 8 && w.rand.IntN(3) == 0) {
			open = append(open, w.open(i))
			i++
		}
		k := w.rand.IntN(len(open))
		c := open[k]
		c.todo[0]()
		if c.todo = c.todo[1:]; len(c.todo) == 0 {
			open = append(open[:k], open[k+1:]...)
		}
	}
	if o.loss > 0 {
		w.tr.Filter(func(*pcap.Packet) bool { return w.rand.Float64() >= o.loss })
	}
	return w
}

// open plans the i-th connection.
func (w *tunnelWorld) open(i int) *tunnelled {
	n := w.rand.IntN(len(w.tunnels))
	c := &tunnelled{over: w.tunnels[n]}
	src := fmt.Sprintf("%s:%d", sim.Pod, 20000+2*i)
	if w.opts.inbound {
		src = fmt.Sprintf("10.244.9.9:%d", 20000+2*i)
		c.conn = sim.On(&w.tr, "lo", src, sim.App)
		w.truth[netip.MustParseAddrPort(src)] = netip.AddrPortFrom(netip.MustParseAddr("10.244.9.9"), uint16(50001+2*n))
	} else {
		c.conn = sim.Torn(&w.tr, 20000+2*i, "10.96.10.1:80")
		w.truth[netip.MustParseAddrPort(src)] = netip.AddrPortFrom(netip.MustParseAddr(sim.Pod), uint16(50001+2*n))
	}
	c.conn.ISN(w.rand.Uint32(), w.rand.Uint32())
	connect := func() { c.over.Send(60 + w.rand.IntN(90)); c.over.Reply(20) }
	if w.opts.inbound {
		c.todo = append(c.todo, connect, c.conn.Handshake)
	} else {
		c.todo = append(c.todo, c.conn.Handshake, connect)
	}
	for t := range w.opts.turns {
		c.todo = append(c.todo, w.turn(c, t%2 == 1)...)
	}
	c.todo = append(c.todo, c.conn.Close)
	return c
}

// turn is what one side says, on both legs in the order in which it passes.
func (w *tunnelWorld) turn(c *tunnelled, reply bool) []func() {
	n := 40 + w.rand.IntN(800)
	if w.opts.alike {
		n = 200
	}
	if w.opts.long && reply {
		return w.answer(c)
	}
	inside := func() { c.conn.Send(w.text(n)) }
	write := c.over.Send
	if reply {
		inside, write = func() { c.conn.Reply(w.text(n)) }, c.over.Reply
	}
	outside := func() {
		switch r := w.rand.Float64(); {
		case r < w.opts.updates:
			write(13)
			write(n + 9)
		case r < w.opts.updates+w.opts.halved:
			write(n/2 + 9)
			write(n - n/2 + 9)
		case r < w.opts.updates+w.opts.halved+w.opts.packed:
			write(n + 9 + 13)
		default:
			write(n + 9)
		}
	}
	if reply == w.opts.inbound {
		return []func(){inside, outside}
	}
	return []func(){outside, inside}
}

// answer is what the server says, cut into what one read gives ztunnel.
func (w *tunnelWorld) answer(c *tunnelled) (steps []func()) {
	n := 1000 + w.rand.IntN(7000)
	if w.opts.sizes > 0 {
		n = 1000 + 137*w.rand.IntN(w.opts.sizes)
	}
	rests := []int{n}
	if w.rand.Float64() < w.opts.twice {
		rests = []int{n - 3, 3}
	}
	for _, left := range rests {
		for ; left > 0; left -= 1024 {
			read := min(left, 1024)
			steps = append(steps, func() { c.over.Reply(read + 9) })
		}
	}
	inside := func() { c.conn.Reply(w.text(n)) }
	if w.opts.inbound {
		return append([]func(){inside}, steps...)
	}
	return append(steps, inside)
}

func (w *tunnelWorld) text(n int) string {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(w.rand.Uint32())
	}
	return string(b)
}

// score counts the connections that are tied to their tunnel, those that are
// tied to another, and those of which the true one is a rival.
func (w *tunnelWorld) score(t *testing.T) (right, wrong, named int) {
	r := sim.Stitch(t, &w.tr)
	for i := range r.Joins {
		j := &r.Joins[i]
		inner, tunnel := r.Legs[j.From], r.Legs[j.To]
		if w.opts.inbound {
			inner, tunnel = tunnel, inner
		}
		if tunnel.Protocol != flow.ProtocolHBONE {
			t.Errorf("%s is tied to %s, which is %s", inner.Orig, tunnel.Orig, tunnel.Protocol)
		}
		want := w.truth[inner.Orig.Src]
		switch {
		case !j.Ambiguous && tunnel.Orig.Src == want:
			right++
		case !j.Ambiguous:
			wrong++
		case tunnel.Orig.Src == want:
			named++
		}
		for _, k := range j.Rivals {
			if j.Ambiguous && r.Legs[k].Orig.Src == want {
				named++
			}
		}
	}
	return right, wrong, named
}

// Connections are tied to the tunnels that carry them, and to no others.
func TestTunnels(t *testing.T) {
	base := tunnelOptions{tunnels: 3, conns: 40, turns: 8}
	with := func(f func(*tunnelOptions)) tunnelOptions {
		o := base
		f(&o)
		return o
	}
	for _, tt := range []struct {
		name  string
		o     tunnelOptions
		least float64 // share that is tied rightly
	}{
		{"plain", base, 1},
		{"crypto/tls", with(func(o *tunnelOptions) { o.packing = pcap.PackGo }), 1},
		{"one tunnel", with(func(o *tunnelOptions) { o.tunnels = 1 }), 1},
		{"ten tunnels", with(func(o *tunnelOptions) { o.tunnels = 10 }), 1},
		{"two turns", with(func(o *tunnelOptions) { o.turns = 2 }), 0.4},
		{"window updates", with(func(o *tunnelOptions) { o.updates = 0.5 }), 1},
		{"cut in two", with(func(o *tunnelOptions) { o.halved = 0.3 }), 0.99},
		{"packed with others", with(func(o *tunnelOptions) { o.packed = 0.3 }), 0.97},
		{"packets missing", with(func(o *tunnelOptions) { o.loss = 0.02 }), 0.9},
		{"long answers", with(func(o *tunnelOptions) { o.long = true }), 1},
		{"one long answer each", with(func(o *tunnelOptions) { o.long, o.turns = true, 2 }), 0.9},
		{"one long answer each, all asked alike", with(func(o *tunnelOptions) { o.long, o.turns, o.alike, o.tunnels = true, 2, true, 2 }), 0.5},
		{"one long answer each, in two writes", with(func(o *tunnelOptions) { o.long, o.turns, o.twice = true, 2, 0.5 }), 0.75},
		{"one long answer each, of ten sizes", with(func(o *tunnelOptions) { o.long, o.turns, o.alike, o.sizes, o.twice = true, 2, true, 10, 0.3 }), 0},
		{"one long answer each, of sixty sizes", with(func(o *tunnelOptions) { o.long, o.turns, o.alike, o.sizes, o.twice = true, 2, true, 60, 0.3 }), 0.1},
		{"alike", with(func(o *tunnelOptions) { o.alike = true }), 0},
		{"alike, many turns", with(func(o *tunnelOptions) { o.alike, o.turns = true, 30 }), 0},
	} {
		for _, inbound := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, inbound %v", tt.name, inbound), func(t *testing.T) {
				t.Parallel()
				o := tt.o
				o.inbound = inbound
				var right, wrong, named int
				const rounds = 6
				for seed := range uint64(rounds) {
					r, x, n := playTunnels(seed, o).score(t)
					right, wrong, named = right+r, wrong+x, named+n
				}
				all := rounds * o.conns
				t.Logf("of %d: %d right, %d wrong, %d ambiguous with the true one", all, right, wrong, named)
				if float64(right) < tt.least*float64(all) || wrong > 0 {
					t.Errorf("of %d: %d right, %d wrong, %d ambiguous with the true one", all, right, wrong, named)
				}
				if o.loss == 0 && right+named < all {
					t.Errorf("of %d the true tunnel is named for %d", all, right+named)
				}
			})
		}
	}
}

// A tunnel of which all is tied is no stream of its own; one of which something
// was not captured is.
func TestTunnelSpent(t *testing.T) {
	for _, tt := range []struct {
		name string
		hide bool
		want int // streams
	}{{"all captured", false, 6}, {"one connection not captured", true, 6}} {
		w := playTunnels(1, tunnelOptions{tunnels: 1, conns: 6, turns: 6})
		if tt.hide {
			w.tr.Filter(func(p *pcap.Packet) bool {
				s := fmt.Sprint(p.Key.SrcPort, " ", p.Key.DstPort)
				return !strings.Contains(s, "20004")
			})
		}
		r := sim.Stitch(t, &w.tr)
		if len(r.Paths) != tt.want {
			t.Errorf("%s: %d paths, expected %d", tt.name, len(r.Paths), tt.want)
		}
		for _, p := range r.Paths {
			if l := r.Legs[p.Lead]; l.Protocol == flow.ProtocolHBONE != (tt.hide && len(p.Legs) == 1) {
				t.Errorf("%s: path %s > %s of a leg that is %s", tt.name, p.Client, p.Server, l.Protocol)
			}
		}
	}
}

// Not everything at port 15008 is a tunnel.
func TestNoTunnel(t *testing.T) {
	var tr pcap.Trace
	sim.Meshed(&tr)
	a := sim.On(&tr, "eth0", "192.0.2.1:40000", sim.Pod+":15008")
	a.Handshake()
	a.Send(sim.Request("GET", "/"))
	a.Reply(sim.Response(200, "x"))
	b := sim.On(&tr, "eth0", "192.0.2.1:40002", sim.Pod+":15008").ISN(1, 2)
	b.Handshake()
	b.TLS(pcap.TLSConfig{ALPN: []string{"http/1.1"}}).Send(100)
	for _, l := range sim.Stitch(t, &tr).Legs {
		if l.Protocol == flow.ProtocolHBONE {
			t.Errorf("%s is taken for a tunnel", l.Orig)
		}
	}
}
