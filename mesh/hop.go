package mesh

import (
	"github.com/pcapmesh/pcapmesh/mesh/flow"
	"github.com/pcapmesh/pcapmesh/mesh/internal/index/scan"
)

// A step is what a hop stands for.
type step struct {
	ex   *exchange // nil when no exchange can be read on the leg
	link *link     // nil in the first hop
}

// A trail is the hops of an exchange, and beside each the step that it stands for.
type trail struct {
	hops  []flow.Hop
	steps []step
}

func (t *trail) add(h flow.Hop, s step) { t.hops, t.steps = append(t.hops, h), append(t.steps, s) }

// begin adds the hop of a path's client leg.
func (t *trail) begin(l *workLeg, e *exchange) {
	h := flow.Hop{Leg: l.ID, FromLeg: -1, Attempt: 1, Confidence: 1, Proven: true}
	measure(&h, e)
	t.add(h, step{ex: e})
}

// follow adds the hop that a link leads to.
func (t *trail) follow(l *link) { t.add(hopOf(l), step{l.up, l}) }

func hopOf(l *link) flow.Hop {
	h := flow.Hop{Leg: l.to.ID, FromLeg: l.from.ID, Confidence: l.confidence, Proven: l.proven, Ambiguous: l.ambiguous,
		Evidence: l.evidence, Attempt: l.attempt}
	for _, r := range l.rivals {
		hr := flow.Rival{Leg: r.leg.ID}
		if r.ex != nil {
			hr.Request = r.leg.wire(0, rangeOf(r.ex.req))
		}
		h.Rivals = append(h.Rivals, hr)
	}
	measure(&h, l.up)
	if l.up == nil && l.down != nil { // a connection that carried nothing
		h.RequestStart, h.ResponseEnd = l.to.Start, l.to.End
	}
	return h
}

// measure fills in ranges and times from e.
func measure(h *flow.Hop, e *exchange) {
	if e == nil {
		return
	}
	if h.Decrypted = e.leg.Decrypted; h.Decrypted {
		h.PlainRequest, h.PlainResponse = rangeOf(e.req), rangeOf(e.resp)
	}
	if e.req != nil {
		h.Request = e.leg.wire(0, rangeOf(e.req))
		h.RequestStart, h.RequestEnd = e.req.From.Nanos, e.req.To.Nanos
	}
	if e.resp != nil {
		h.Response = e.leg.wire(1, rangeOf(e.resp))
		h.ResponseStart, h.ResponseEnd = e.resp.From.Nanos, e.resp.To.Nanos
	}
}

// wire returns the range of the leg's wire stream in the given direction that
// carries a range of what was read: of a decrypted leg, whole records.
func (l *workLeg) wire(dir int, r [2]int64) [2]int64 {
	if p := l.plain[dir]; p != nil && r[1] > r[0] {
		return p.Carriers(r)
	}
	return r
}

func rangeOf(m *scan.Message) [2]int64 {
	if m == nil {
		return [2]int64{}
	}
	return [2]int64{m.Start, max(m.Start, m.End)}
}
