package mesh

// A Hop is an exchange on one leg. Ranges are stream offsets [from, end) of
// the leg's wire stream; empty where nothing flowed or nothing can be read. In
// those of HTTP/2 frames of other exchanges may stand too.
// Times are nanoseconds since 1970-01-01 UTC, 0 when unknown.
type Hop struct {
	Leg, FromLeg               int // leg IDs; FromLeg is -1 in the first hop
	Request, Response          [2]int64
	PlainRequest               [2]int64 // the same of plaintext, on a decrypted leg; else empty
	PlainResponse              [2]int64
	RequestStart, RequestEnd   int64
	ResponseStart, ResponseEnd int64
	Confidence                 float64
	Proven, Ambiguous          bool
	Evidence                   []Evidence
	Rivals                     []HopRival
	Attempt                    int  // 1-based
	Decrypted                  bool // the exchange was read from a decrypted leg, so that the plaintext ranges are valid
}

// A HopRival is another exchange that fits as well.
type HopRival struct {
	Leg     int
	Request [2]int64
}

// A step is what a hop stands for.
type step struct {
	ex   *exchange // nil when no exchange can be read on the leg
	link *link     // nil in the first hop
}

// A trail is the hops of an exchange, and beside each the step that it stands for.
type trail struct {
	hops  []Hop
	steps []step
}

func (t *trail) add(h Hop, s step) { t.hops, t.steps = append(t.hops, h), append(t.steps, s) }

// begin adds the hop of a path's client leg.
func (t *trail) begin(l *workLeg, e *exchange) {
	h := Hop{Leg: l.ID, FromLeg: -1, Attempt: 1, Confidence: 1, Proven: true}
	measure(&h, e)
	t.add(h, step{ex: e})
}

// follow adds the hop that a link leads to.
func (t *trail) follow(l *link) { t.add(hopOf(l), step{l.up, l}) }

func hopOf(l *link) Hop {
	h := Hop{Leg: l.to.ID, FromLeg: l.from.ID, Confidence: l.confidence, Proven: l.proven, Ambiguous: l.ambiguous,
		Evidence: l.evidence, Attempt: l.attempt}
	for _, r := range l.rivals {
		hr := HopRival{Leg: r.leg.ID}
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
func measure(h *Hop, e *exchange) {
	if e == nil {
		return
	}
	if h.Decrypted = e.leg.Decrypted; h.Decrypted {
		h.PlainRequest, h.PlainResponse = rangeOf(e.req), rangeOf(e.resp)
	}
	if e.req != nil {
		h.Request = e.leg.wire(0, rangeOf(e.req))
		h.RequestStart, h.RequestEnd = e.req.from.nanos, e.req.to.nanos
	}
	if e.resp != nil {
		h.Response = e.leg.wire(1, rangeOf(e.resp))
		h.ResponseStart, h.ResponseEnd = e.resp.from.nanos, e.resp.to.nanos
	}
}

// wire returns the range of the leg's wire stream in the given direction that
// carries a range of what was read: of a decrypted leg, whole records.
func (l *workLeg) wire(dir int, r [2]int64) [2]int64 {
	if p := l.plain[dir]; p != nil && r[1] > r[0] {
		return p.carriers(r)
	}
	return r
}

func rangeOf(m *message) [2]int64 {
	if m == nil {
		return [2]int64{}
	}
	return [2]int64{m.start, max(m.start, m.end)}
}
