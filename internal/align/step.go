package align

// steps yields how a walk may go on from s with message i, or after the last one: what is
// held may still come.
func (w *walk) steps(i int, s state) func(yield func(step) bool) {
	return func(yield func(step) bool) {
		if !w.pass(i, step{to: s, weight: 1}, yield) || s.held < 0 || !s.passed {
			return
		}
		h := int(s.held)
		free := s
		free.held, free.passed = -1, false
		w.take(h, true, step{to: free, weight: 1}, func(st step) bool { return w.pass(i, st, yield) })
	}
}

// pass yields what may become of message i itself.
func (w *walk) pass(i int, s step, yield func(step) bool) bool {
	if i == w.end {
		return yield(s)
	}
	q := w.on[i]
	gone := s
	gone.weight *= 1 - q
	if !yield(gone) {
		return false
	}
	if s.to.held < 0 && w.Overtake[0] > 0 {
		later := s
		later.to.held = int32(i)
		if !yield(later) {
			return false
		}
	}
	return w.take(i, false, s, yield)
}

// take yields in which records message i may begin.
func (w *walk) take(i int, late bool, s step, yield func(step) bool) bool {
	m := &w.Messages[i]
	closed := -1.0
	for _, in := range w.near[i-w.from] {
		if in.record < s.to.rec {
			continue
		}
		p := w.on[i] * in.density
		next := s
		same := in.record == s.to.rec
		if late {
			p *= w.Overtake[bit(same)]
		}
		if same {
			p /= w.peak[m.Class]
			if s.to.n >= mostIn {
				continue
			}
		} else {
			if closed < 0 {
				closed = w.closed(&s.to)
			}
			p *= closed / w.rate
			next.to.rec, next.to.n, next.to.bytes, next.to.spread, next.to.vague = in.record, 0, 0, 0, false
		}
		if p > 0 && !w.write(i, int(in.record), late, next, p/float64(len(m.Forms)), yield) {
			return false
		}
	}
	return true
}

// write yields the ways in which message i may stand in record j.
func (w *walk) write(i, j int, late bool, s step, p float64, yield func(step) bool) bool {
	for k := range w.Messages[i].Forms {
		f := &w.Messages[i].Forms[k]
		size := &w.Sizes[f.Kind]
		next := s
		next.weight *= p
		if f.Apart > 0 && !w.follows(j, f.Apart) {
			next.weight *= rarely
		}
		next.took[next.n] = taken{int32(i), int32(j), s.to.n, int32(k), late}
		next.n++
		next.to.n++
		next.to.passed = next.to.held >= 0
		next.to.vague = f.Vague || s.to.vague
		next.to.bytes += f.Bytes + size.mean()
		next.to.spread += size.spread()
		if next.to.bytes > w.Records[j].Size+most(next.to.spread) {
			continue
		}
		if !yield(next) {
			return false
		}
	}
	return true
}

// A chance is a record in which a message may begin, by time.
type chance struct {
	record  int32
	density float64
}

// chances lists the records in which a message may begin.
func (w *walk) chances(m *Message) (out []chance) {
	from, end := w.sight(m)
	for j := from; j < end; j++ {
		if d := w.density(m, j); d > w.peak[m.Class]*unheardOf {
			out = append(out, chance{int32(j), d})
		}
	}
	return out
}

// unheardOf is how unlikely a delay is, beside the usual one, that is not looked at.
const unheardOf = 1e-4

// follows reports whether a body of n bytes has a record of its own soon after record j.
func (w *walk) follows(j int, n int64) bool {
	for _, r := range w.Records[j+1 : min(j+1+behind, len(w.Records))] {
		if d := r.Size - n - FrameHead; d == 0 || d == FrameHead {
			return true
		}
	}
	return false
}

const (
	// FrameHead is the head of a frame (RFC 9113 §4.1).
	FrameHead = 9
	// behind is how many records after its head a body is looked for.
	behind = 12
	// rarely is how likely it is that a body which has a record of its own is not found.
	rarely = .01
)
