package sim

import (
	"fmt"
	"slices"
	"testing"

	"github.com/pcapmesh/pcapmesh/internal/test/pcap"
	"github.com/pcapmesh/pcapmesh/mesh"
	"github.com/pcapmesh/pcapmesh/mesh/flow"
)

// begun says when the first byte of an exchange was seen on a connection.
type begun struct {
	nanos    int64
	exchange int
}

// note remembers that an exchange begins on a connection with the next packet.
func (w *SealedWorld) note(side, conn, exchange int) {
	for len(w.began[side]) <= conn {
		w.began[side] = append(w.began[side], nil)
	}
	at := int64(0)
	if w.Trace.Len() > 0 {
		at = int64(w.Trace.Last(0).Time + 1)
	}
	w.began[side][conn] = append(w.began[side][conn], begun{at, exchange})
}

// Stitch reads what was captured at each interface as one file, in the given
// order.
func (w *SealedWorld) Stitch(tb testing.TB, interfaces ...string) *mesh.Result {
	tb.Helper()
	var in []mesh.Input
	for _, i := range interfaces {
		in = append(in, mesh.Input{Name: pcap.WriteFile(tb, i+".pcap", w.Trace.PCAP(i))})
	}
	r, err := mesh.Stitch(tb.Context(), in, nil)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { r.Close() })
	return r
}

// exchangeAt returns which exchange was under way on a connection.
func (w *SealedWorld) exchangeAt(side, conn int, nanos int64) int {
	list := w.began[side][conn]
	i, _ := slices.BinarySearchFunc(list, nanos, func(b begun, t int64) int {
		if b.nanos <= t {
			return -1
		}
		return 1
	})
	return list[max(i-1, 0)].exchange
}

// Which tells which exchange a hop really is; -1 = none.
func (w *SealedWorld) Which(r *mesh.Result, h *flow.Hop) int {
	at := h.RequestStart
	if at == 0 {
		at = h.ResponseStart
	}
	src := r.Legs[h.Leg].Orig.Src
	if i, ok := w.Clients[src]; ok {
		return w.exchangeAt(0, i, int64(at))
	}
	if i, ok := w.Ups[src]; ok {
		return w.exchangeAt(1, i, int64(at))
	}
	return -1
}

// A SealedScore counts what became of exchanges or, byte for byte, connections.
type SealedScore struct {
	All, Right, Ambiguous, Blind int
	Guessed                      int // ambiguous exchanges whose best guess is the true one
	Wrong                        []string
}

// String prints the counts.
func (s *SealedScore) String() string {
	return fmt.Sprintf("%d of %d right, %d ambiguous (%d guessed right, %d without the true one), %d WRONG", s.Right, s.All, s.Ambiguous, s.Guessed, s.Blind, len(s.Wrong))
}

// Add adds up scores.
func (s *SealedScore) Add(o *SealedScore) {
	s.All, s.Right, s.Ambiguous, s.Blind = s.All+o.All, s.Right+o.Right, s.Ambiguous+o.Ambiguous, s.Blind+o.Blind
	s.Guessed += o.Guessed
	s.Wrong = append(s.Wrong, o.Wrong...)
}

// Judge holds a result against what happened.
func (w *SealedWorld) Judge(r *mesh.Result) *SealedScore {
	if w.opts.TCP {
		return w.judgeLegs(r)
	}
	s := &SealedScore{All: w.Asked}
	at := make(map[[2]int64]int) // exchange by leg and start of the request
	EachHop(r, func(_ *flow.Path, e *flow.Exchange, i int) {
		h := &e.Hops[i]
		at[[2]int64{int64(h.Leg), h.Request[0]}] = w.Which(r, h)
	})
	EachHop(r, func(p *flow.Path, e *flow.Exchange, i int) {
		if i == 0 {
			return
		}
		h, want := &e.Hops[i], w.Which(r, &e.Hops[0])
		got := w.Which(r, h)
		switch {
		case h.Ambiguous:
			s.Ambiguous++
			if got == want {
				s.Guessed++
			}
			named := got == want
			for _, v := range h.Rivals {
				named = named || at[[2]int64{int64(v.Leg), v.Request[0]}] == want
			}
			if !named {
				s.Blind++
			}
		case got == want:
			s.Right++
		default:
			s.Wrong = append(s.Wrong, fmt.Sprintf("exchange %d (number %d of %v) is tied to %d at %.4f: %v", want, e.ID, p.Client, got, h.Confidence, h.Evidence))
		}
	})
	return s
}

// judgeLegs judges joins of whole connections.
func (w *SealedWorld) judgeLegs(r *mesh.Result) *SealedScore {
	s := &SealedScore{All: w.opts.Conns}
	for _, j := range r.Joins {
		d, okDown := w.Clients[r.Legs[j.From].Orig.Src]
		u, okUp := w.Ups[r.Legs[j.To].Orig.Src]
		switch {
		case !okDown || !okUp:
			s.Wrong = append(s.Wrong, fmt.Sprintf("%v is tied to %v", r.Legs[j.From].Orig, r.Legs[j.To].Orig))
		case j.Ambiguous:
			s.Ambiguous++
		case w.pairs[d] == u:
			s.Right++
		default:
			s.Wrong = append(s.Wrong, fmt.Sprintf("connection %d is tied to %d instead of %d at %.4f: %v", d, u, w.pairs[d], j.Confidence, j.Evidence))
		}
	}
	return s
}
