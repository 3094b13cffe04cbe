package logged

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pcapmesh/pcapmesh/mesh/internal/decide/graph"
)

// What a line gives to a leg that was not captured has no counterpart; if the line does
// not name legs as captures show them, that is not known.
func TestOrphan(t *testing.T) {
	said := []string{"d0/0: 1"}
	for _, tc := range []struct {
		name    string
		make    func(w *world)
		links   []string
		told    []string
		orphans []string
	}{
		{"the client's exchange", func(w *world) {
			w.through(w.down(0), w.up(0), call{at: 1, end: 5})
			w.log(of(0, 7, 1, 4))
		}, nil, said, []string{"d0/0"}},
		{"the server's exchange", func(w *world) {
			w.through(w.down(0), w.up(0), call{at: 1, end: 5})
			w.log(of(7, 0, 1, 4), of(0, 1, 1, 4))
		}, nil, []string{"d0/0: 2"}, []string{"d0/0", "u0/0"}},
		{"among those of clients that were captured", func(w *world) {
			d, u := w.down(0), w.up(0)
			w.through(d, u, call{at: 10, end: 15})
			u.say(call{at: 21, end: 24})
			w.through(d, u, call{at: 30, end: 35})
			w.log(of(0, 0, 10, 5), of(7, 0, 20, 5), of(0, 0, 30, 5))
		}, []string{"d0/0 > u0/0", "d0/1 > u0/2"}, []string{"d0/0: 1", "d0/1: 3"}, []string{"u0/1"}},
		{"it is not known which one", func(w *world) {
			d, u := w.down(0).mux(1), w.up(0)
			w.through(d, u, call{at: 10, end: 20})
			w.through(d, u, call{at: 12, end: 22})
			w.log(of(0, 7, 11, 10))
		}, nil, nil, nil},
		{"no line names its client as captures do", func(w *world) {
			w.through(w.down(0), w.up(0), call{at: 1, end: 5})
			l := of(0, 0, 1, 4)
			l.client = "203.0.113.9:4444" // by the PROXY protocol
			w.log(l)
		}, nil, nil, nil},
		{"another line does", func(w *world) {
			d, u := w.down(0), w.up(0)
			w.through(d, u, call{at: 1, end: 5})
			u.say(call{at: 11, end: 14})
			l := of(0, 0, 10, 5)
			l.client = "203.0.113.9:4444"
			w.log(of(0, 0, 1, 4), l)
		}, []string{"d0/0 > u0/0"}, said, []string{"u0/1"}},
		{"another line does, of another listener", func(w *world) {
			d, u := w.down(0), w.up(0)
			w.through(d, u, call{at: 1, end: 5})
			u.say(call{at: 11, end: 14})
			l := of(0, 0, 10, 5)
			l.client, l.dialled = "203.0.113.9:4444", "10.96.10.1:8443"
			w.log(of(0, 0, 1, 4), l)
		}, []string{"d0/0 > u0/0"}, said, nil},
		{"bytes of a client", func(w *world) {
			d, u := w.down(0), w.up(0)
			d.bytes(1, 3, "some bytes", "others")
			u.bytes(2, 2.5, "other bytes", "and more")
			l := of(0, 7, 0, 4)
			l.request, l.status = "", 0
			w.log(l)
		}, nil, []string{"d0: 1"}, []string{"d0"}},
		{"bytes to a server", func(w *world) {
			d, u := w.down(0), w.up(0)
			d.bytes(1, 3, "some bytes", "others")
			u.bytes(2, 2.5, "other bytes", "and more")
			l := of(0, 0, 0, 4)
			l.client, l.request, l.status = "10.0.0.1:4444", "", 0
			w.log(l)
		}, nil, nil, []string{"u0"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			w := new(world)
			tc.make(w)
			w.read(t, logFormat)
			Join(w.c)
			var orphans []string
			for _, l := range slices.Concat(w.c.Down, w.c.Up) {
				if w.c.Orphaned[l] {
					orphans = append(orphans, w.name(l))
				}
				for _, e := range told(l) {
					if w.c.Orphans[e] {
						orphans = append(orphans, w.exchange(l, e))
					}
				}
			}
			for _, part := range []struct {
				name      string
				want, got []string
			}{{"links", tc.links, w.links()}, {"lines", tc.told, w.told()}, {"orphans", tc.orphans, orphans}} {
				if diff := cmp.Diff(part.want, part.got); diff != "" {
					t.Errorf("%s, -want +got:\n%s", part.name, diff)
				}
			}
		})
	}
}

// Entries stand in the order of their lines, whatever they name.
func TestInOrder(t *testing.T) {
	a, b, c := new(graph.NamedLine), new(graph.NamedLine), new(graph.NamedLine)
	g := &graph.Ledger{Lines: []*graph.NamedLine{a, b, c}}
	es := inOrder(g, []*logEntry{{NamedLine: c}, {NamedLine: a}, {NamedLine: b}})
	if es[0].NamedLine != a || es[1].NamedLine != b || es[2].NamedLine != c {
		t.Error("the lines are in another order")
	}
}
