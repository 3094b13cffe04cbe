package judge

import (
	"bytes"
	"fmt"
	"math"
	"slices"
	"testing"

	"github.com/pcapmesh/pcapmesh/capture"
	"github.com/pcapmesh/pcapmesh/mesh"
	"github.com/pcapmesh/pcapmesh/mesh/flow"
)

// No byte stands in two streams, and every byte that can be read stands in
// one: itself, or that of the hop of its exchange that is written.
func TestOnce(t *testing.T) {
	wide(t, func(t *testing.T, s *scene) { s.holdOnce(t) })
}

func (s *scene) holdOnce(t *testing.T) {
	for _, near := range []bool{false, true} {
		if near && s.huge() {
			continue // its client legs cannot be read, so it is the same
		}
		name := map[bool]string{false: "once near client", true: "once near server"}[near]
		s.settle(t, name, s.once(t, s.stitch(t, mesh.Options{NearServer: near})))
	}
}

func (s *scene) once(t *testing.T, r *mesh.Result) []string {
	l := &ledger{r: r, read: read(t, s.inputs), at: make(map[capture.Ref][]place), shown: make(map[int][]shown)}
	for _, h := range l.read.halfs[1:] {
		h.written = make([]int, len(h.flow.data))
		for i, p := range h.pieces {
			l.at[p.ref] = append(l.at[p.ref], place{h, i})
		}
	}
	for i, p := range r.Paths {
		if multiplexed(r, p) || p.Mode == flow.H11To2 {
			continue // written anew: TestCalls and TestReencoded read it
		}
		for c, err := range r.Follow(t.Context(), i, mesh.AllExchanges) {
			if err != nil {
				t.Fatal(err)
			}
			l.enter(i, c)
		}
	}
	return append(l.bad, l.audit()...)
}

// A ledger notes which bytes of the captures stand in some stream.
type ledger struct {
	r     *mesh.Result
	read  *reading
	at    map[capture.Ref][]place
	shown map[int][]shown // by leg ID
	bad   []string
}

// A place is a piece of a half.
type place struct {
	h *halfRead
	i int
}

// A shown is an exchange of a leg and whether some hop of it is written.
type shown struct {
	ranges  [2][2]int64
	written bool
}

// enter notes the bytes of one chunk.
func (l *ledger) enter(path int, c mesh.Chunk) {
	if len(c.Data) == 0 {
		return
	}
	for _, pl := range l.at[c.Ref] {
		p := pl.h.pieces[pl.i]
		data := pl.h.flow.data[p.off : p.off+p.n]
		for from := 0; from+len(c.Data) <= len(data); from++ {
			k := bytes.Index(data[from:], c.Data)
			if k < 0 {
				break
			}
			from += k
			if w := pl.h.written[p.off+from : p.off+from+len(c.Data)]; slices.Max(w) == 0 {
				for i := range w {
					w[i]++
				}
				return
			}
		}
	}
	l.bad = append(l.bad, fmt.Sprintf("stream %d: %d bytes that packet %v does not carry, or that stand in a stream already", path, len(c.Data), c.Ref))
}

// audit lists the bytes that can be read and stand nowhere.
func (l *ledger) audit() (bad []string) {
	l.show()
	for _, leg := range l.r.Legs {
		if leg.Protocol == flow.ProtocolTLS || leg.Protocol == flow.ProtocolHTTP2 || leg.Protocol == flow.ProtocolHBONE {
			continue // h2: TestCalls
		}
		for d, hs := range l.halves(leg) {
			if n := l.lacking(leg, d, hs); n > 0 {
				bad = append(bad, fmt.Sprintf("leg %d %s %s: %d bytes %s stand in no stream", leg.ID, leg.Role, leg.Orig, n, [2]string{"sent", "received"}[d]))
			}
		}
	}
	return bad
}

// halves lists all sightings of both directions of a leg.
func (l *ledger) halves(leg *flow.Leg) (hs [2][]*halfRead) {
	for _, h := range l.read.halfs[1:] {
		t := h.Key.Tuple()
		if !slices.Contains(leg.Captured, t) || !slices.Contains(leg.Inputs, int(h.First.Input)) ||
			h.FirstTime < leg.Start || int64(h.LastTime) > int64(leg.End) {
			continue
		}
		d := side(t.Dst == leg.Orig.Src)
		hs[d] = append(hs[d], h)
	}
	return hs
}

// show lists the exchanges of all legs, and which of them stand in a stream by
// one of their hops.
func (l *ledger) show() {
	for _, p := range l.r.Paths {
		for i := range p.Exchanges {
			hops := p.Exchanges[i].Hops
			doubtful := func(h flow.Hop) bool { return h.Ambiguous && !h.Caused } // else it is in the client's stream
			sure := slices.DeleteFunc(slices.Clone(hops), doubtful)
			written := slices.ContainsFunc(sure, func(h flow.Hop) bool { return p.Mode == flow.H11To2 || l.hopWritten(&h) })
			for _, h := range hops {
				s := shown{[2][2]int64{h.Request, h.Response}, written && !doubtful(h)}
				l.shown[h.Leg] = append(l.shown[h.Leg], s)
			}
		}
		if len(p.Exchanges) == 0 && !p.Ambiguous {
			l.showWhole(p)
		}
	}
}

// showWhole notes that all legs of a path carry what one of them shows.
func (l *ledger) showWhole(p *flow.Path) {
	written := slices.ContainsFunc(p.Legs, func(id int) bool {
		hs := l.halves(l.r.Legs[id])
		return l.written(append(hs[0], hs[1]...), 0, math.MaxInt64) > 0
	})
	for _, id := range p.Legs {
		all := [2]int64{0, math.MaxInt64}
		l.shown[id] = append(l.shown[id], shown{[2][2]int64{all, all}, written})
	}
}

func (l *ledger) hopWritten(h *flow.Hop) bool {
	hs := l.halves(l.r.Legs[h.Leg])
	return l.written(hs[0], h.Request[0], h.Request[1])+l.written(hs[1], h.Response[0], h.Response[1]) > 0
}

// written counts the bytes between two stream offsets that stand in a stream.
func (l *ledger) written(hs []*halfRead, from, to int64) (n int) {
	for _, h := range hs {
		for _, p := range h.pieces {
			for i, w := range h.written[p.off : p.off+p.n] {
				if at := p.wire + int64(i); w > 0 && at >= from && at < to {
					n++
				}
			}
		}
	}
	return n
}

// lacking counts the bytes of one direction of a leg that stand nowhere: not
// in any sighting, and in no exchange of which another hop is written. What
// stands between two exchanges belongs to the later one, what follows the last
// to the last.
func (l *ledger) lacking(leg *flow.Leg, d int, hs []*halfRead) (n int) {
	if len(hs) == 0 {
		return 0
	}
	h := slices.MaxFunc(hs, func(a, b *halfRead) int {
		return l.written([]*halfRead{a}, 0, math.MaxInt64) - l.written([]*halfRead{b}, 0, math.MaxInt64)
	})
	for _, p := range h.pieces {
		for i, w := range h.written[p.off : p.off+p.n] {
			if w == 0 && !l.represented(leg, d, p.wire+int64(i)) {
				n++
			}
		}
	}
	return n
}

// represented reports whether the byte at a stream offset belongs to an exchange
// that some stream shows.
func (l *ledger) represented(leg *flow.Leg, d int, at int64) bool {
	best, yes := int64(math.MaxInt64), false
	last, yesLast := int64(-1), false
	for _, s := range l.shown[leg.ID] {
		switch end := s.ranges[d][1]; {
		case end > at && end <= best:
			yes = s.written || yes && end == best
			best = end
		case end <= at && end >= last:
			yesLast = s.written || yesLast && end == last
			last = end
		}
	}
	if best < math.MaxInt64 || yes {
		return yes
	}
	return yesLast
}
