package trace

import (
	"slices"

	"github.com/pcapmesh/pcapmesh/mesh/internal/decide/graph"
	"github.com/pcapmesh/pcapmesh/mesh/internal/index"
)

// Between the proxies of two pods lies a leg that nobody can read. What one pod tells of
// it, an exchange that went into it, and what the other pod tells, one that came out,
// need not name the same place on it, or any: logs name connections, not streams. A
// request id that one exchange alone has on either side makes the two one. What is left
// has a path of its own that begins with the leg.

// A between is what leads into a hidden leg and out of it, in the order of links.
type between struct{ in, out []*graph.Link }

// passHidden finds what leads on through legs that cannot be read.
func (t *tracer) passHidden(x *index.Index, links []*graph.Link) {
	at := make(map[*graph.Leg]*between)
	of := func(l *graph.Leg) *between {
		if at[l] == nil {
			at[l] = new(between)
		}
		return at[l]
	}
	for _, l := range links {
		if l.Ambiguous || l.From.Tunnel || l.To.Tunnel {
			continue
		}
		if l.Down != nil && !l.To.Readable() && (l.Up == nil || len(t.byEx[t.one(l.Up)]) == 0) {
			b := of(l.To)
			b.in = append(b.in, l)
		}
		if l.Up != nil && !l.From.Readable() && (l.Down == nil || !t.claims[t.one(l.Down)]) {
			b := of(l.From)
			b.out = append(b.out, l)
		}
	}
	for _, l := range index.Each(x, t.legs) {
		if b := at[l]; b != nil && len(b.in) > 0 && len(b.out) > 0 {
			t.lead(l, b)
		}
	}
}

// lead ties what leads into a leg to what leads out of it with the same request id.
func (t *tracer) lead(l *graph.Leg, b *between) {
	in := sole(b.in, func(k *graph.Link) *graph.Exchange { return k.Down })
	out := sole(b.out, func(k *graph.Link) *graph.Exchange { return k.Up })
	left := false
	for _, k := range b.out {
		from := in[idOf(k.Up)]
		if from == nil || out[idOf(k.Up)] != k {
			left = true
			continue
		}
		t.onward[from] = k
		if k.Down != nil {
			t.claims[t.one(k.Down)] = true
		} else {
			t.byLeg[l] = slices.DeleteFunc(t.byLeg[l], func(o *graph.Link) bool { return o == k })
		}
	}
	if left {
		delete(t.whole, l)
	}
}

// sole finds links by the request id of an exchange, if no other has it.
func sole(links []*graph.Link, of func(*graph.Link) *graph.Exchange) map[string]*graph.Link {
	byID := make(map[string]*graph.Link)
	for _, l := range links {
		id := idOf(of(l))
		_, again := byID[id]
		byID[id] = l
		if again || id == "" {
			byID[id] = nil
		}
	}
	return byID
}

// idOf returns the request id of an exchange: a proxy gives one to what has none, and its
// log tells which.
func idOf(e *graph.Exchange) string {
	if id := e.ID(); id != "" || e.Log == nil {
		return id
	}
	return e.Log.RequestID
}

// hides reports whether exchanges behind a leg are known, and not where they are on it.
func (t *tracer) hides(l *graph.Leg) bool {
	return slices.ContainsFunc(t.byLeg[l], func(k *graph.Link) bool { return k.Up != nil })
}
