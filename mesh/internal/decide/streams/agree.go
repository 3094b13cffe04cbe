package streams

import (
	"slices"

	"github.com/pcapmesh/pcapmesh/mesh/internal/decide/crossing"
	"github.com/pcapmesh/pcapmesh/mesh/internal/decide/graph"
)

// A meeting is what two pods say of one record of a leg between them: what led into it in
// one, and what led out of it in the other.
type meeting struct{ in, out []*graph.Link }

// Agree gives what leads out of a record the places there of what leads into it, by what
// can be read on both sides: which of several is which, each pod knows by the order only.
// What fits nothing that leads in does not go on from it.
func Agree(links []*graph.Link) {
	for _, m := range meetings(links) {
		if len(m.in) > 0 && len(m.out) > 0 {
			m.settle()
		}
	}
}

// meetings collects what is certain by records, in the order of the links.
func meetings(links []*graph.Link) (order []*meeting) {
	type record struct {
		leg *graph.Leg
		no  int
	}
	at := make(map[record]*meeting)
	of := func(e *graph.Exchange) *meeting {
		r := record{e.Leg, e.Outline.First}
		if at[r] == nil {
			at[r] = new(meeting)
			order = append(order, at[r])
		}
		return at[r]
	}
	stream := func(e *graph.Exchange) bool { return e != nil && e.Outline != nil && e.Outline.Slot > 0 }
	for _, l := range links {
		switch {
		case l.Ambiguous:
		case stream(l.Up) && l.Down != nil:
			m := of(l.Up)
			m.in = append(m.in, l)
		case stream(l.Down) && l.Up != nil:
			m := of(l.Down)
			m.out = append(m.out, l)
		}
	}
	return order
}

// settle pairs what contents tell, then what order tells and contents do not deny.
func (m *meeting) settle() {
	taken := make(map[*graph.Link]bool)
	var left []*graph.Link
	for _, o := range m.out {
		if fit := m.fitting(o); len(fit) == 1 && !taken[fit[0]] {
			taken[fit[0]] = true
			o.Down.Outline.Slot = fit[0].Up.Outline.Slot
		} else {
			left = append(left, o)
		}
	}
	nobody := len(m.in)
	for _, i := range m.in {
		nobody = max(nobody, i.Up.Outline.Slot)
	}
	for _, o := range left {
		same := slices.IndexFunc(m.in, func(i *graph.Link) bool { return i.Up.Outline.Slot == o.Down.Outline.Slot && !taken[i] && fits(i, o) })
		if same >= 0 {
			taken[m.in[same]] = true
			continue
		}
		nobody++
		o.Down.Outline.Slot = nobody
	}
}

// fitting lists what led into the record and may have led on to o.
func (m *meeting) fitting(o *graph.Link) (fit []*graph.Link) {
	for _, i := range m.in {
		if fits(i, o) {
			fit = append(fit, i)
		}
	}
	return fit
}

// fits reports whether what can be read on both sides does not say that the two differ.
func fits(in, out *graph.Link) bool {
	like := crossing.Compare(in.Down, out.Up)
	return !like.Contradicted() && !like.OtherID
}
