package trace

import (
	"strings"
	"testing"

	"github.com/pcapmesh/pcapmesh/capture"
	"github.com/pcapmesh/pcapmesh/internal/test/pcap"
	"github.com/pcapmesh/pcapmesh/mesh/flow"
	"github.com/pcapmesh/pcapmesh/mesh/internal/decide/conn"
	"github.com/pcapmesh/pcapmesh/mesh/internal/decide/graph"
	"github.com/pcapmesh/pcapmesh/mesh/internal/index"
	"github.com/pcapmesh/pcapmesh/mesh/internal/recorded"
)

// tunnel adds a leg that is a tunnel.
func (w *world) tunnel() *graph.Leg {
	l := w.leg(flow.RoleProxyProxy)
	l.Tunnel = true
	return l
}

// through ties what goes into a tunnel and what comes out of it in another pod.
func (w *world) through(a, tunnel, b *graph.Leg) {
	w.tie(a, whole, tunnel, whole)
	w.tie(tunnel, whole, b, whole)
	a.Across = b
}

// What goes into a tunnel and what comes out of it is one path if both are known.
func TestTunnels(t *testing.T) {
	for _, tc := range []traced{
		{"into a tunnel", func(w *world) {
			w.tie(w.leg(out, "GET /a 200"), whole, w.tunnel(), whole)
		}, []string{"outbound 0,1 joined complete: GET /a 200 proven 0", "inbound 1"}},
		{"into a tunnel, not proven", func(w *world) {
			w.tie(w.leg(out, "GET /a 200"), whole, w.tunnel(), whole).Proven = false
		}, []string{"outbound 0,1 joined complete: GET /a 200 0", "inbound 1"}},
		{"into a tunnel by a guess", func(w *world) {
			w.guess(w.leg(out, "GET /a 200"), whole, w.tunnel(), whole)
		}, []string{"outbound 0,1 ambiguous: GET /a 200 0", "inbound 1"}},
		{"out of a tunnel", func(w *world) {
			w.tie(w.tunnel(), whole, w.leg(app, "GET /a 200"), whole)
		}, []string{"inbound 0", "inbound 0,1 joined complete: GET /a 200 proven 1"}},
		{"out of a tunnel by a guess", func(w *world) {
			w.guess(w.tunnel(), whole, w.leg(app, "GET /a 200"), whole)
		}, []string{"inbound 0", "inbound 0,1 ambiguous: GET /a 200 1"}},
		{"a tunnel of which nothing is left", func(w *world) {
			s := w.tunnel()
			s.Spent = true
			w.tie(w.leg(out), whole, s, whole)
		}, []string{"outbound 1,0 joined complete"}},
		{"spent, and no tunnel", func(w *world) { w.leg(out).Spent = true }, []string{"outbound 0"}},
		{"through a tunnel", func(w *world) {
			w.through(w.leg(out, "GET /a 200", "GET /b 200"), w.tunnel(), w.leg(app, "GET /a 200", "GET /b 200"))
		}, []string{"outbound 0,1,2 joined complete: GET /a 200 proven 0 2: GET /b 200 proven 0 2", "inbound 1"}},
		{"bytes through a tunnel", func(w *world) {
			w.through(w.leg(out), w.tunnel(), w.leg(app))
		}, []string{"outbound 0,1,2 joined complete", "inbound 1"}},
	} {
		tc.run(t)
	}
}

// A stream of a tunnel that is tied is no exchange of the tunnel's own path.
func TestTunnelStreams(t *testing.T) {
	w := new(world)
	s, a := w.leg(peer, "CONNECT /a 200", "CONNECT /b 200"), w.leg(out)
	w.tie(a, whole, s, whole).Stream = &s.Exchanges[1]
	s.Tunnel, s.Opened, s.Decrypted = true, true, true
	want := []string{"outbound 0 own 1: CONNECT /a 200 0", "outbound 1,0 joined complete"}
	if got := w.paths(); strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("paths\n%s, want\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// The hop behind a tunnel is that of the same exchange, and says what ties the leg.
func TestBeyond(t *testing.T) {
	w := new(world)
	a, s, b := w.leg(out, "GET /a 200", "GET /b 200"), w.tunnel(), w.leg(app, "GET /a 200", "GET /b 200")
	w.through(a, s, b)
	w.links[1].Confidence = 0.6
	p := Trace(new(index.Index), w.legs, w.links)[0]
	for i := range p.Exchanges {
		h, step := p.Exchanges[i].Hops[1], p.Steps[i][1]
		if step.Ex != &b.Exchanges[i] || h.FromLeg != s.ID || h.Confidence != 0.6 || h.RequestStart != capture.Time(at(2, i)+1) {
			t.Errorf("exchange %d: hop %+v of %p, want one from %d of %p", i, h, step.Ex, s.ID, &b.Exchanges[i])
		}
	}
	if w.links[1].Up != nil {
		t.Error("the tie of the legs names an exchange")
	}
}

// acrossWorld is a tunnel with two legs that go into it, 0 and 1, and two that come
// out of it, 2 and 3.
func acrossWorld(exchanges ...string) *world {
	w := new(world)
	in := [2]*graph.Leg{w.leg(out, exchanges...), w.leg(out, exchanges...)}
	ends := [2]*graph.Leg{w.leg(app, exchanges...), w.leg(app, exchanges...)}
	s := w.tunnel()
	for _, l := range w.legs {
		l.Conn.Pair = index.Pair{}
		l.Start, l.End = 0, capture.Time(int64(1e9))
	}
	for i := range in {
		w.tie(in[i], whole, s, whole)
		w.tie(s, whole, ends[i], whole)
	}
	return w
}

// across tells which leg comes out of the tunnel for each that went in; - if none
// is known.
func (w *world) across() string {
	JoinAcross(&index.Index{}, w.links)
	var out []string
	for _, l := range w.legs[:2] {
		s := "-"
		if l.Across != nil {
			s = list([]int{l.Across.ID})
		}
		out = append(out, s)
	}
	return strings.Join(out, " ")
}

// The ends of a tunnel are paired if only one pairing is possible, by time and by what
// went through.
func TestJoinAcross(t *testing.T) {
	const causality = index.Causality
	for _, tc := range []struct {
		name string
		make func() *world
		want string
	}{
		{"no way to tell", func() *world { return acrossWorld() }, "- -"},
		{"one of them is later", func() *world {
			w := acrossWorld()
			w.legs[1].Start, w.legs[3].Start = causality+1, causality+1 // so that leg 2 is not of leg 1
			return w
		}, "2 3"},
		{"one of them is later by as much as clocks differ", func() *world {
			w := acrossWorld()
			w.legs[1].Start, w.legs[3].Start = causality, causality
			return w
		}, "- -"},
		{"by what was asked", func() *world {
			w := acrossWorld("GET /a 200")
			w.legs[0].Exchanges[0] = w.exchange(w.legs[0], 0, strings.Fields("GET /b 200"))
			w.legs[3].Exchanges[0] = w.exchange(w.legs[3], 0, strings.Fields("GET /b 200"))
			return w
		}, "3 2"},
		{"by ids", func() *world {
			w := acrossWorld("GET /a 200 one")
			w.legs[0].Exchanges[0] = w.exchange(w.legs[0], 0, strings.Fields("GET /a 200 two"))
			w.legs[3].Exchanges[0] = w.exchange(w.legs[3], 0, strings.Fields("GET /a 200 two"))
			return w
		}, "3 2"},
		{"by the second exchange", func() *world {
			w := acrossWorld("GET /a 200", "GET /b 200")
			w.legs[0].Exchanges[1] = w.exchange(w.legs[0], 1, strings.Fields("GET /c 200"))
			w.legs[3].Exchanges[1] = w.exchange(w.legs[3], 1, strings.Fields("GET /c 200"))
			return w
		}, "3 2"},
		{"by how many exchanges there are", func() *world {
			w := acrossWorld("GET /a 200", "GET /b 200")
			w.legs[0].Exchanges, w.legs[3].Exchanges = w.legs[0].Exchanges[:1], w.legs[3].Exchanges[:1]
			return w
		}, "3 2"},
		{"one that came out was not captured", func() *world {
			w := acrossWorld("GET /a 200")
			w.legs[0].Exchanges[0] = w.exchange(w.legs[0], 0, strings.Fields("GET /b 200"))
			w.links = w.links[:3]
			return w
		}, "- 2"},
		{"guesses do not count", func() *world {
			w := acrossWorld()
			w.links[2].Ambiguous = true
			return w
		}, "- -"},
		{"guesses leave one of each", func() *world {
			w := acrossWorld()
			w.links[2].Ambiguous, w.links[3].Ambiguous = true, true
			return w
		}, "2 -"},
		{"dialled from the client's address, or another of its pod", func() *world {
			w := acrossWorld()
			w.links = w.links[:2]
			w.legs[2].Kept = true
			return w
		}, "2 -"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			w := tc.make()
			kept := w.legs[2].Kept
			if got := w.across(); got != tc.want {
				t.Errorf("across %s, want %s", got, tc.want)
			}
			if w.legs[2].Kept != kept {
				t.Error("the leg is not what it was")
			}
		})
	}
}

// Streams without exchanges are compared as bytes.
func TestJoinAcrossByBytes(t *testing.T) {
	for _, tc := range []struct {
		name, sent, carried string
		want                bool
	}{
		{"the same", strings.Repeat("a", 100), strings.Repeat("a", 100), true},
		{"others", strings.Repeat("a", 100), strings.Repeat("b", 100), false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var tr pcap.Trace
			x := &index.Index{}
			for i, text := range []string{tc.sent, tc.carried} {
				c := tr.Conn("10.0.0.1:1", []string{"10.0.0.2:2", "10.0.0.3:3"}[i])
				c.Handshake()
				c.Send(text)
				c.Close()
			}
			in, err := capture.OpenInput(t.Context(), pcap.WriteFile(t, "trace.pcapng", tr.PCAPNG()), nil)
			if err != nil {
				t.Fatal(err)
			}
			defer in.Close()
			g, _, err := index.Read(t.Context(), []*capture.Input{in}, "", nil, false)
			if err != nil {
				t.Fatal(err)
			}
			x.Add(g)
			legs := graph.Legs(x, conn.Bind(x, new(recorded.Entries)))
			if len(legs) != 2 {
				t.Fatalf("%d legs, want 2", len(legs))
			}
			legs[0].End = legs[1].End
			s := &graph.Leg{Leg: new(flow.Leg), Tunnel: true}
			JoinAcross(x, []*graph.Link{{From: legs[0], To: s}, {From: s, To: legs[1]}})
			if got := legs[0].Across == legs[1]; got != tc.want {
				t.Errorf("across %v, want %v", got, tc.want)
			}
		})
	}
}
