package judge

import (
	"fmt"
	"slices"
	"testing"

	"github.com/pcapmesh/pcapmesh/capture"
	"github.com/pcapmesh/pcapmesh/mesh"
	"github.com/pcapmesh/pcapmesh/mesh/flow"
)

// A tenth says which part of which captures is left: of all of them, or of one alone,
// since files of one pod begin and end at different times.
type tenth struct {
	at   int  // 1 to 9 tenths of the time
	lost part // what is cut off there
	only int  // input; -1 = all
}

// A part of a capture is cut off.
type part string

const (
	before part = "before"
	after  part = "after"
	amid   part = "one tenth from there on"
)

func (c tenth) String() string {
	return fmt.Sprintf("%d tenths, %s, input %d", c.at, c.lost, c.only)
}

// cut leaves of the tapes what c says.
func (c tenth) cut(all []*tape) {
	first, last := span(all)
	border, length := capture.Time(first+(last-first)/10*int64(c.at)), capture.Time((last-first)/10)
	lost := map[part]func(at capture.Time) bool{
		before: func(at capture.Time) bool { return at < border },
		after:  func(at capture.Time) bool { return at >= border },
		amid:   func(at capture.Time) bool { return at >= border && at < border+length },
	}[c.lost]
	for i, tp := range all {
		if c.only < 0 || c.only == i {
			tp.packets = slices.DeleteFunc(tp.packets, func(p *capture.Packet) bool { return lost(p.Time) })
		}
	}
}

// A moment is a message of a leg of the truth by when it began.
type moment struct {
	leg   string
	reply bool
	at    capture.Time
}

// moments lists when the exchanges began that a result shows, by their numbers. Those
// that one packet began are strange.
func (j *judge) moments() map[moment]int {
	out := make(map[moment]int)
	j.eachHop(func(leg string, h *flow.Hop) {
		no := j.k.no[spotOf(h)]
		for _, m := range [...]moment{{leg, false, h.RequestStart}, {leg, true, h.ResponseStart}} {
			if old, ok := out[m]; ok && old != no {
				out[m] = strange
			} else {
				out[m] = no
			}
		}
	})
	return out
}

func (j *judge) eachHop(f func(leg string, h *flow.Hop)) {
	for _, p := range j.r.Paths {
		for i := range p.Exchanges {
			for k := range p.Exchanges[i].Hops {
				h := &p.Exchanges[i].Hops[k]
				if w := j.m.truth[h.Leg]; w != nil && !spotOf(h).empty() {
					f(w.ID, h)
				}
			}
		}
	}
}

// judgePart holds a result of a part of the captures against the truth. What is left has
// the times that it has in the whole, which tell which exchange it is.
func judgePart(whole *judge, at map[moment]int, r *mesh.Result) *judge {
	j := newJudge(whole.truth, r)
	j.eachHop(func(leg string, h *flow.Hop) {
		no := strange
		if h.RequestStart != 0 {
			no = numberAt(at, moment{leg, false, h.RequestStart})
		}
		if h.ResponseStart != 0 {
			if n := numberAt(at, moment{leg, true, h.ResponseStart}); h.RequestStart == 0 || n == no {
				no = n
			} else {
				no = strange
			}
		}
		j.k.no[spotOf(h)] = no
	})
	j.gatherAll()
	return j
}

func numberAt(at map[moment]int, m moment) int {
	if n, ok := at[m]; ok {
		return n
	}
	return strange
}

// A capture that begins late or ends early, or has a hole, one file of it or all, claims
// nothing that is not so.
func TestTenths(t *testing.T) {
	n, total := 0, 0
	wide(t, func(t *testing.T, s *scene) {
		if s.huge() {
			t.Skip("too large to be cut so often")
		}
		whole := newJudge(s.truth, s.stitch(t, mesh.Options{}))
		moments := whole.moments()
		for at := 1; at <= 9; at++ {
			if !full && !s.live && at%4 != 1 {
				continue // a full run takes them all
			}
			for _, lost := range []part{before, after, amid} {
				for only := -1; only < len(s.inputs) && only < 2; only++ {
					c := tenth{at, lost, only}
					all := s.tapes(t)
					c.cut(all)
					var bad []string
					for _, claim := range judgePart(whole, moments, stitch(t, writeTapes(t, all), mesh.Options{})).claims() {
						total++
						if claim.wrong != "" && claim.known && !claim.attempt { // how many attempts came before is not known
							n++
							bad = append(bad, fmt.Sprintf("%.4f: %s", claim.confidence, claim.wrong))
						}
					}
					s.settle(t, c.String(), bad)
				}
			}
		}
	})
	t.Logf("%d claims, %d wrong", total, n)
}
