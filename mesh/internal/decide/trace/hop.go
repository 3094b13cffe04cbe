package trace

import (
	"github.com/pcapmesh/pcapmesh/capture"
	"github.com/pcapmesh/pcapmesh/mesh/flow"
	"github.com/pcapmesh/pcapmesh/mesh/internal/decide/graph"
)

// A Step is what a hop stands for.
type Step struct {
	Ex   *graph.Exchange // nil when no exchange can be read on the leg
	Link *graph.Link     // nil in the first hop
}

// A trail is the hops of an exchange, and beside each the step that it stands for.
type trail struct {
	hops  []flow.Hop
	steps []Step
}

func (t *trail) add(h flow.Hop, s Step) { t.hops, t.steps = append(t.hops, h), append(t.steps, s) }

// begin adds the hop of a path's client leg.
func (t *trail) begin(l *graph.Leg, e, shown *graph.Exchange) {
	h := flow.Hop{Leg: l.ID, FromLeg: -1, Attempt: 1, Confidence: 1, Proven: true}
	measure(&h, shown)
	t.add(h, Step{Ex: e})
}

// follow adds the hop that a link leads to; shown is what is told of the exchange
// there, and copied that it is behind one of a copy.
func (t *trail) follow(l *graph.Link, shown *graph.Exchange, copied bool) {
	h := hopOf(l, shown)
	h.Copy = copied || l.Copy
	t.add(h, Step{l.Up, l})
}

func hopOf(l *graph.Link, shown *graph.Exchange) flow.Hop {
	h := flow.Hop{Leg: l.To.ID, FromLeg: l.From.ID, Confidence: l.Confidence, Proven: l.Proven, Ambiguous: l.Ambiguous, Caused: l.Caused,
		Evidence: l.Evidence, Attempt: l.Attempt}
	if l.Uncounted || l.Copy {
		h.Attempt = 0
	}
	for _, r := range l.Rivals {
		hr := flow.Rival{Leg: r.Leg.ID}
		if r.Ex != nil {
			hr.Request = r.Leg.Wire(0, graph.RangeOf(r.Ex.Req))
		}
		h.Rivals = append(h.Rivals, hr)
	}
	measure(&h, shown)
	if l.Up == nil && l.Down != nil && silent(l.To) { // else when of its life is not known
		h.RequestStart, h.ResponseEnd = l.To.Start, l.To.End
	}
	return h
}

// silent reports whether a connection carried nothing, so that all of its life is of
// the one exchange that it was dialled for.
func silent(l *graph.Leg) bool { return l.Empty() && l.OrigMissing+l.ReplyMissing == 0 }

// measure fills in ranges and times from e.
func measure(h *flow.Hop, e *graph.Exchange) {
	if e == nil {
		return
	}
	if h.Decrypted = e.Leg.Decrypted; h.Decrypted {
		h.PlainRequest, h.PlainResponse = graph.RangeOf(e.Req), graph.RangeOf(e.Resp)
	}
	if e.Outline != nil {
		h.InRecord = e.Outline.Slot
	}
	if e.Req != nil {
		h.Request = e.Leg.Wire(0, graph.RangeOf(e.Req))
		h.RequestStart, h.RequestEnd = capture.Time(e.Req.From.Nanos), capture.Time(e.Req.To.Nanos)
	}
	if e.Resp != nil {
		h.Response = e.Leg.Wire(1, graph.RangeOf(e.Resp))
		h.ResponseStart, h.ResponseEnd = capture.Time(e.Resp.From.Nanos), capture.Time(e.Resp.To.Nanos)
	}
}
