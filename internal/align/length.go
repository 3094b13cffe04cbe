package align

import "math"

// most is by how much a length may be less than what is expected.
func most(spread int64) int64 { return 3*int64(math.Sqrt(float64(spread))) + 16 }

// closed returns how likely the length of the record used last is, as a multiple of what
// it is if nothing begins there.
func (w *walk) closed(s *state) float64 {
	if s.n == 0 {
		return 1
	}
	r := &w.Records[s.rec]
	switch left := r.Size - s.bytes; {
	case s.vague:
		return AnyLength / r.Idle
	case r.Cold && left >= 0 && left < coldest:
		return .9 / coldest / r.Idle
	case r.Cold:
		return .1 * AnyLength / r.Idle
	}
	return student(float64(r.Size-s.bytes), math.Sqrt(float64(s.spread))) / r.Idle
}

// coldest is about by how much the first head of a connection is longer than those that
// follow: nothing of it is in the table of HPACK yet, and before it stand the preface, the
// settings and an update of the window.
const coldest = 900

func bit(is bool) int {
	if is {
		return 1
	}
	return 0
}

// AnyLength is how likely a length is of which nothing is known.
const AnyLength = 1.0 / 2048

// Certain is Idle of a record that has the length of one in which nothing begins.
const Certain = .2

// student is the probability of a deviation of x with a scale, by Student's distribution
// of four degrees of freedom: lengths vary little, and now and then by a field.
func student(x, scale float64) float64 {
	t := x / scale
	u := 1 + t*t/4
	return .375 / (scale * u * u * math.Sqrt(u))
}

// density returns how likely it is that m went into record j, by time.
func (w *walk) density(m *Message, j int) float64 {
	delay := w.delay(m, j)
	if delay < -causality && m.Until >= w.Records[j].At-causality && !w.After {
		return waited / float64(m.Until-m.At+causality)
	}
	return w.Delays[m.Class].Density(delay)
}

// waited is how likely it is that a connection served another one than that for which it
// was dialled, who came later.
const waited = .1
