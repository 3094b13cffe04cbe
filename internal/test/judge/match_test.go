package judge

import (
	"slices"

	"github.com/pcapmesh/pcapmesh/internal/test/truth"
	"github.com/pcapmesh/pcapmesh/mesh/flow"
)

// A match says which leg of the result is which leg of the truth.
type match struct {
	ours  map[string]*flow.Leg // by truth.Leg.ID
	truth map[int]*truth.Leg   // by mesh.Leg.ID
	extra []*flow.Leg          // legs of the result that never were
	lost  []*truth.Leg         // legs of the truth that the result lacks
	near  map[string]*flow.Leg // of lost legs, one that has at least the client's end
}

// sealed reports whether a leg of the truth cannot be read.
func (m *match) sealed(w *truth.Leg) bool {
	l := m.ours[w.ID]
	return w.Encrypted && (l == nil || !l.Decrypted)
}

// matchLegs pairs legs by the tuple that was dialled; of several incarnations
// of one tuple, the ones nearest in time.
func matchLegs(t *truth.Truth, legs []*flow.Leg) *match {
	m := &match{ours: make(map[string]*flow.Leg), truth: make(map[int]*truth.Leg), near: make(map[string]*flow.Leg)}
	m.pair(t, legs, func(w *truth.Leg, l *flow.Leg) bool {
		return l.Orig.Src.String() == w.OrigSrc && l.Orig.Dst.String() == w.OrigDst
	}, m.ours)
	for i := range t.Legs {
		if w := &t.Legs[i]; m.ours[w.ID] == nil {
			m.lost = append(m.lost, w)
		}
	}
	m.pair(t, legs, func(w *truth.Leg, l *flow.Leg) bool {
		return m.ours[w.ID] == nil && (l.Orig.Src.String() == w.OrigSrc || l.Orig.Dst.String() == w.OrigSrc)
	}, m.near)
	for _, l := range legs {
		if m.truth[l.ID] == nil {
			m.extra = append(m.extra, l)
		}
	}
	return m
}

// pair matches what fits, the pairs that are nearest in time first.
func (m *match) pair(t *truth.Truth, legs []*flow.Leg, fits func(*truth.Leg, *flow.Leg) bool, into map[string]*flow.Leg) {
	type couple struct {
		w *truth.Leg
		l *flow.Leg
	}
	var all []couple
	for i := range t.Legs {
		for _, l := range legs {
			if m.truth[l.ID] == nil && fits(&t.Legs[i], l) {
				all = append(all, couple{&t.Legs[i], l})
			}
		}
	}
	slices.SortStableFunc(all, func(a, b couple) int { return int(apart(a.w, a.l) - apart(b.w, b.l)) })
	for _, c := range all {
		if into[c.w.ID] == nil && m.truth[c.l.ID] == nil {
			into[c.w.ID], m.truth[c.l.ID] = c.l, c.w
		}
	}
}

// apart is how far the starts of two legs are apart, in milliseconds.
func apart(w *truth.Leg, l *flow.Leg) int64 {
	at := nanos(w.Start)
	if at == 0 {
		return 0
	}
	return max(at-int64(l.Start), int64(l.Start)-at) / 1e6
}
