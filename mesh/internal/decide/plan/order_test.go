package plan_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pcapmesh/pcapmesh/capture"
)

// Paths are numbered by the first packet that is written of them, and of those that
// begin at once by the order in which they were.
func TestOrder(t *testing.T) {
	w := new(world)
	w.talk("/a")
	w.talk("/b")
	w.talk("/c")
	w.read(t)
	w.legs[0].Conn.Start, w.legs[2].Conn.Start = w.legs[2].Conn.Start, w.legs[0].Conn.Start
	w.legs[0].Conn.First = w.legs[1].Conn.First
	_, cs := w.plan(false)
	for i, want := range []int{2, 1, 0} {
		if cs[i].Frame.ID != want || cs[i].Path.ID != i || w.paths[i] != cs[i].Path || cs[i].Path.ClientLeg.ID != want {
			t.Errorf("conversation %d is of leg %d, path %d, want leg %d", i, cs[i].Frame.ID, cs[i].Path.ID, want)
		}
	}
}

// Packets of a file are written in its order. A leg whose first packets are stamped
// earlier than one before them comes after that one; what is made anew comes by its
// time.
func TestOrderOfFile(t *testing.T) {
	for _, tc := range []struct {
		name string
		link func(w *world)
		late []int // legs
		want []int
	}{
		{"in order", func(w *world) {}, nil, []int{0, 1, 2}},
		{"the first is late", func(w *world) {}, []int{0}, []int{1, 0, 2}},
		{"the first two are", func(w *world) {}, []int{0, 1}, []int{0, 1, 2}},
		{"it is decrypted", func(w *world) { w.legs[0].Decrypted = true }, []int{0}, []int{0, 1, 2}},
	} {
		w := new(world)
		w.talk("/a")
		w.talk("/b")
		w.talk("/c")
		w.read(t)
		tc.link(w)
		overtaken := make(map[capture.Ref]capture.Time)
		for _, l := range tc.late {
			for h := range w.legs[l].Conn.Halves {
				overtaken[w.x.Half(h).First] = capture.Time(w.legs[1].Conn.Start + 1)
			}
		}
		pl := w.planner(false)
		pl.Overtaken = func(p capture.Ref) (capture.Time, bool) { by, ok := overtaken[p]; return by, ok }
		var got []int
		for _, c := range pl.Plan(w.trace()) {
			got = append(got, c.Frame.ID)
		}
		if diff := cmp.Diff(tc.want, got); diff != "" {
			t.Errorf("%s, -want +got:\n%s", tc.name, diff)
		}
	}
}
