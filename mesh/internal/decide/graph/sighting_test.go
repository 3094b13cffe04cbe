package graph

import (
	"testing"

	"github.com/pcapmesh/pcapmesh/internal/test/pcap"
	"github.com/pcapmesh/pcapmesh/mesh/internal/decide/conn"
	"github.com/pcapmesh/pcapmesh/mesh/internal/index"
	"github.com/pcapmesh/pcapmesh/mesh/internal/recorded"
	"github.com/pcapmesh/pcapmesh/mesh/internal/testindex"
	"github.com/pcapmesh/pcapmesh/reassembly"
)

// A seen is one connection as two pods saw it.
type seen struct {
	x    *index.Index
	a, b *conn.Conn
}

// halves lists the halves of a conn, the originator's first.
func (s *seen) halves(c *conn.Conn) [2]*reassembly.Half {
	return [2]*reassembly.Half{s.x.Half(c.Orig), s.x.Half(c.Reply)}
}

// both changes both halves of b.
func (s *seen) both(change func(h *reassembly.Half)) {
	for _, h := range s.halves(s.b) {
		change(h)
	}
}

// live sets when conns were seen.
func (s *seen) live(c *conn.Conn, from, to int64) {
	c.Start, c.End = from, to
	for _, h := range s.halves(c) {
		lives(h, from, to)
	}
}

// nat gives both ends of b other names but for the client's port.
func (s *seen) nat() { rename(s.x, s.b, "10.0.0.7:40000", "10.0.0.8:80") }

// twice is a connection of which two pods have the same packets.
func twice(t *testing.T) *seen {
	t.Helper()
	tr := func() *pcap.Trace {
		return traceOf("eth0", client, app, func(c *pcap.Connection) { c.Send("hello"); c.Reply("hi"); c.Close() })
	}
	x, conns := bound(t, &testindex.World{Pods: []testindex.Pod{{Name: "a", Trace: tr()}, {Name: "b", Trace: tr()}}})
	s := &seen{x, conns[0], conns[1]}
	s.live(s.a, 100, 200)
	s.live(s.b, 100, 200)
	return s
}

// noSYN makes it that the SYN of neither side was captured by the second pod.
func noSYN(s *seen) {
	s.both(func(h *reassembly.Half) { h.SYN, h.SYNACK, h.Base = false, false, h.ISN+1 })
}

// One connection that two pods saw is one leg: by its initial sequence numbers and
// something else in common, without them by ranges that cover each other.
func TestSightings(t *testing.T) {
	entry := new(recorded.Entry)
	for _, tt := range []struct {
		name   string
		change func(s *seen)
		one    bool
	}{
		{"the same", func(*seen) {}, true},
		{"another number of the client", func(s *seen) { s.halves(s.b)[0].ISN++ }, false},
		{"another number of the server", func(s *seen) { s.halves(s.b)[1].ISN++ }, false},
		{"the server renamed", func(s *seen) { rename(s.x, s.b, "", "10.0.0.8:80") }, true},
		{"the client renamed", func(s *seen) { rename(s.x, s.b, "10.0.0.7:7", "") }, true},
		{"both renamed", (*seen).nat, true},
		{"both renamed, other timestamps", func(s *seen) { s.nat(); s.halves(s.b)[0].TSVal++ }, false},
		{"both renamed, one without timestamps", func(s *seen) { s.nat(); s.halves(s.b)[0].HasTS = false }, false},
		{"both renamed, no timestamps at all", func(s *seen) { s.nat(); s.halves(s.a)[0].HasTS, s.halves(s.b)[0].HasTS = false, false }, false},
		{"as the first one ends", func(s *seen) { s.live(s.b, 200, 300) }, true},
		{"later", func(s *seen) { s.live(s.b, 201, 300) }, false},
		{"earlier", func(s *seen) { s.live(s.b, 50, 99) }, false},
		{"refused", func(s *seen) { refuse(s.halves(s.a)[1]); refuse(s.halves(s.b)[1]); s.nat() }, true},
		{"refused, but with bytes", func(s *seen) {
			for _, c := range []*conn.Conn{s.a, s.b} {
				h := s.halves(c)[1]
				refuse(h)
				h.Bytes, h.Base, h.Next = 1, 7, 8
			}
			s.nat()
			s.halves(s.b)[1].HasTS = false
		}, false},
		{"refused there, accepted here", func(s *seen) { refuse(s.halves(s.b)[1]); s.halves(s.b)[1].Base = 7; s.halves(s.b)[1].Next = 8 }, false},

		{"without SYN", noSYN, true},
		{"without SYN, renamed", func(s *seen) { noSYN(s); s.nat() }, true},
		{"without SYN, another port of the client", func(s *seen) { noSYN(s); rename(s.x, s.b, "192.0.2.1:40001", "") }, false},
		{"without SYN, only asked", func(s *seen) { noSYN(s); s.b.Reply = 0 }, false},
		{"without SYN, only answered", func(s *seen) { noSYN(s); s.b.Orig = 0 }, false},
		{"without SYN, only asked here", func(s *seen) { noSYN(s); s.a.Reply = 0 }, false},
		{"without SYN, only answered here", func(s *seen) { noSYN(s); s.a.Orig = 0 }, false},
		{"without SYN, later", func(s *seen) { noSYN(s); s.live(s.b, 201, 300) }, false},
		{"without SYN, other numbers of the client", func(s *seen) { noSYN(s); shift(s.halves(s.b)[0], 1<<20) }, false},
		{"without SYN, other numbers of the server", func(s *seen) { noSYN(s); shift(s.halves(s.b)[1], 1<<20) }, false},
		{"both SYN, other numbers, though ranges cover", func(s *seen) { s.both(func(h *reassembly.Half) { h.ISN += 2 }) }, false},

		{"by conntrack", func(s *seen) {
			noSYN(s)
			s.nat()
			shift(s.halves(s.b)[0], 1<<20)
			s.a.Entry, s.b.Entry = entry, entry
		}, true},
		{"conntrack, as the first one ends", func(s *seen) {
			noSYN(s)
			shift(s.halves(s.b)[0], 1<<20)
			s.live(s.b, 200, 300)
			s.a.Entry, s.b.Entry = entry, entry
		}, true},
		{"conntrack, later", func(s *seen) {
			noSYN(s)
			s.live(s.b, 201, 300)
			s.a.Entry, s.b.Entry = entry, entry
		}, false},
		{"conntrack, earlier", func(s *seen) {
			noSYN(s)
			s.live(s.b, 50, 99)
			s.a.Entry, s.b.Entry = entry, entry
		}, false},
		{"conntrack, but numbers say otherwise", func(s *seen) {
			s.halves(s.b)[0].ISN++
			s.a.Entry, s.b.Entry = entry, entry
		}, false},
		{"conntrack knows one of them", func(s *seen) { noSYN(s); shift(s.halves(s.b)[0], 1<<20); s.b.Entry = entry }, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := twice(t)
			tt.change(s)
			legs := Legs(s.x, []*conn.Conn{s.a, s.b})
			if got := len(legs) == 1; got != tt.one {
				t.Fatalf("%d legs, want one: %v", len(legs), tt.one)
			}
			n := 0
			for range legs[0].Sightings {
				n++
			}
			if want := 3 - len(legs); n != want {
				t.Errorf("%d sightings of the first leg, want %d", n, want)
			}
		})
	}
}

// refuse makes a half the reset that a closed port answers with.
func refuse(h *reassembly.Half) {
	h.SYN, h.SYNACK, h.RST, h.Bytes, h.Base, h.Next = false, false, true, 0, 0, 0
}

// shift moves a half in sequence space.
func shift(h *reassembly.Half, by uint32) { h.ISN += by; h.Base += by; h.Next += by }

// What never leaves a pod is not what another pod shows; nor are two connections
// of one point the same.
func TestElsewhere(t *testing.T) {
	for _, tt := range []struct {
		name      string
		orig, dst string
		pods      [2]string
		legs      int
	}{
		{"two points of one pod", client, app, [2]string{"a", "a"}, 1},
		{"two pods", client, app, [2]string{"a", "b"}, 1},
		{"loopback at two points of one pod", "127.0.0.1:40000", "127.0.0.1:80", [2]string{"a", "a"}, 1},
		{"loopback of two pods", "127.0.0.1:40000", "127.0.0.1:80", [2]string{"a", "b"}, 2},
		{"dialled there in two pods", client, "127.0.0.1:80", [2]string{"a", "b"}, 2},
		{"dialled from there in two pods", "127.0.0.1:40000", app, [2]string{"a", "b"}, 2},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := new(testindex.World)
			for _, p := range tt.pods {
				w.Pods = append(w.Pods, testindex.Pod{Name: p, Trace: traceOf("eth0", tt.orig, tt.dst, nil)})
			}
			if _, legs := legsOf(t, w); len(legs) != tt.legs {
				t.Errorf("%d legs, want %d", len(legs), tt.legs)
			}
		})
	}
}

// Three points that show one connection make one leg, and a second connection
// with equal numbers at one of them is another.
func TestSightingsOfOnePlace(t *testing.T) {
	tr := func(n int) *pcap.Trace {
		tr := new(pcap.Trace)
		for range n {
			c := testindex.On(tr, "eth0", client, app)
			c.Handshake()
			c.Close()
		}
		return tr
	}
	w := &testindex.World{Pods: []testindex.Pod{{Name: "a", Trace: tr(1)}, {Name: "b", Trace: tr(1)}, {Name: "c", Trace: tr(1)}}}
	if _, legs := legsOf(t, w); len(legs) != 1 {
		t.Errorf("%d legs at three points, want 1", len(legs))
	}
	s := twice(t)
	again := *s.b
	if legs := Legs(s.x, []*conn.Conn{s.a, s.b, &again}); len(legs) != 2 {
		t.Errorf("%d legs, though one place shows two connections", len(legs))
	}
}

// Ranges share something if one begins within the other.
func TestOverlap(t *testing.T) {
	base := func() *reassembly.Half {
		h := &reassembly.Half{Base: 1000, Next: 2000, HasTS: true, TSVal: 50, LastTSVal: 60}
		lives(h, 100, 200)
		return h
	}
	bare := func(h *reassembly.Half) { h.HasTS = false }
	for _, tt := range []struct {
		name   string
		change func(p, q *reassembly.Half)
		want   bool
	}{
		{"the same", func(p, q *reassembly.Half) {}, true},
		{"as the first ends", func(p, q *reassembly.Half) { lives(q, 200, 300) }, true},
		{"later", func(p, q *reassembly.Half) { lives(q, 201, 300) }, false},
		{"until the first begins", func(p, q *reassembly.Half) { lives(q, 50, 100) }, true},
		{"earlier", func(p, q *reassembly.Half) { lives(q, 50, 99) }, false},
		{"numbers that touch behind", func(p, q *reassembly.Half) { q.Base, q.Next = 2000, 3000 }, true},
		{"numbers behind", func(p, q *reassembly.Half) { q.Base, q.Next = 2001, 3000 }, false},
		{"numbers that touch before", func(p, q *reassembly.Half) { q.Base, q.Next = 500, 1000 }, true},
		{"numbers before", func(p, q *reassembly.Half) { q.Base, q.Next = 500, 999 }, false},
		{"timestamps that touch behind", func(p, q *reassembly.Half) { q.TSVal, q.LastTSVal = 60, 90 }, true},
		{"timestamps behind", func(p, q *reassembly.Half) { q.TSVal, q.LastTSVal = 61, 90 }, false},
		{"timestamps that touch before", func(p, q *reassembly.Half) { q.TSVal, q.LastTSVal = 10, 50 }, true},
		{"timestamps before", func(p, q *reassembly.Half) { q.TSVal, q.LastTSVal = 10, 49 }, false},
		{"one without timestamps", func(p, q *reassembly.Half) { bare(q) }, false},
		{"both without", func(p, q *reassembly.Half) { bare(p); bare(q) }, true},
		{"both without, the same data in other packets", func(p, q *reassembly.Half) { bare(p); bare(q); q.DataIPID = 7 }, false},
		{"both without, other data first", func(p, q *reassembly.Half) { bare(p); bare(q); q.DataIPID, q.DataSeq = 7, 1500 }, true},
	} {
		p, q := base(), base()
		tt.change(p, q)
		if got := overlap(p, q); got != tt.want {
			t.Errorf("%s: overlap %v, want %v", tt.name, got, tt.want)
		}
		if got := overlap(q, p); got != tt.want {
			t.Errorf("%s, the other way round: overlap %v, want %v", tt.name, got, tt.want)
		}
	}
}
