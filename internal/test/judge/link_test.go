package judge

import (
	"fmt"
	"slices"

	"github.com/pcapmesh/pcapmesh/internal/test/truth"
	"github.com/pcapmesh/pcapmesh/mesh"
	"github.com/pcapmesh/pcapmesh/mesh/flow"
)

// An end is one side of a tie: an exchange of a leg of the truth, or with the
// number whole the leg as such. Legs that never were have the ID "?".
type end struct {
	leg string
	no  int
}

// whole is the number of an end that is a whole leg, as in truth.Link.
const whole = -1

// A tie is what the result says of one exchange, or of one leg, and its
// counterpart behind a proxy.
type tie struct {
	from, to   end
	attempt    int
	confidence float64
	ambiguous  bool
	caused     bool // it is certain which leg it came from
	rivals     []end
	detail     string // of the strongest evidence
}

// A judge holds a result against the truth.
type judge struct {
	truth *truth.Truth
	r     *mesh.Result
	m     *match
	k     *ranking
	ties  []tie
}

func newJudge(t *truth.Truth, r *mesh.Result) *judge {
	j := &judge{truth: t, r: r, m: matchLegs(t, r.Legs)}
	j.k = rank(t, r, j.m)
	j.gatherAll()
	return j
}

// gatherAll takes all ties.
func (j *judge) gatherAll() {
	j.ties = nil
	r := j.r
	for _, p := range r.Paths {
		for i := range p.Exchanges {
			j.gather(&p.Exchanges[i])
		}
	}
	for i := range r.Joins {
		if n := &r.Joins[i]; !j.byExchange(n) {
			j.ties = append(j.ties, j.join(n))
		}
	}
}

// gather takes the ties of one exchange: each hop and the one it leads on from.
func (j *judge) gather(x *flow.Exchange) {
	hops := x.Hops
	for i := range hops {
		for k := i - 1; k >= 0; k-- {
			if hops[k].Leg == hops[i].FromLeg {
				j.ties = append(j.ties, j.hop(x, &hops[k], &hops[i]))
				break
			}
		}
	}
}

func (j *judge) hop(x *flow.Exchange, from, to *flow.Hop) tie {
	t := tie{from: j.end(j.k.spot(x, from)), to: j.end(j.k.spot(x, to)), attempt: to.Attempt, confidence: to.Confidence, ambiguous: to.Ambiguous, caused: to.Caused}
	if len(to.Evidence) > 0 {
		t.detail = to.Evidence[0].Detail
	}
	for _, r := range to.Rivals {
		s, ok := j.k.byReq[[2]int64{int64(r.Leg), r.Request[0]}]
		if !ok {
			s = spot{leg: r.Leg}
		}
		t.rivals = append(t.rivals, j.end(s))
	}
	return t
}

// byExchange reports whether hops show the join already.
func (j *judge) byExchange(n *flow.Join) bool {
	if w := j.m.truth[n.From]; w != nil && w.Tunnel {
		return false // hops lead on from the leg before it
	}
	for _, p := range j.r.Paths {
		for i := range p.Exchanges {
			for _, h := range p.Exchanges[i].Hops {
				if h.FromLeg == n.From && h.Leg == n.To {
					return true
				}
			}
		}
	}
	return false
}

func (j *judge) join(n *flow.Join) tie {
	t := tie{from: j.end(spot{leg: n.From}), to: j.end(spot{leg: n.To}), attempt: 1, confidence: n.Confidence, ambiguous: n.Ambiguous}
	if len(n.Evidence) > 0 {
		t.detail = n.Evidence[0].Detail
	}
	for _, r := range n.Rivals {
		t.rivals = append(t.rivals, j.end(spot{leg: r}))
	}
	return t
}

func (j *judge) end(s spot) end {
	e := end{"?", whole}
	if w := j.m.truth[s.leg]; w != nil {
		e.leg = w.ID
	}
	if !s.empty() {
		e.no = j.k.no[s]
	}
	return e
}

// A verdict says what became of a link of the truth.
type verdict int

const (
	missing verdict = iota
	ambiguousWithout
	ambiguousWith
	right
)

// means reports whether a tie stands for a link of the truth, when it leads to
// the given end.
func (j *judge) means(t *tie, to end, l *truth.Link) bool {
	if t.from.no == whole && to.no == whole && (j.sealed(l.From) || j.sealed(l.To)) {
		return t.from.leg == l.From && to.leg == l.To
	}
	if t.from.no == whole && to.no == whole && t.from.leg == l.From && to.leg == l.To && j.carried(l) {
		return true
	}
	return j.covers(t.from, l.From, l.FromExchange) && j.covers(to, l.To, l.ToExchange)
}

// carried reports whether all that was on the one leg of a link went on to the other as
// it was, TLS and all, so that a tie of the whole legs says everything.
func (j *judge) carried(l *truth.Link) bool {
	from, _ := j.truth.Leg(l.From)
	to, _ := j.truth.Leg(l.To)
	return from.Encrypted && to.Encrypted && !slices.ContainsFunc(j.truth.Links, func(k truth.Link) bool {
		one := k.From == l.From || k.To == l.To
		return one && (k.From != l.From || k.To != l.To || k.FromExchange != k.ToExchange)
	})
}

// covers reports whether an end of the result means an end of the truth: a leg
// whose exchanges cannot be read stands for all of them, and so does any for an
// exchange of which nothing was captured.
func (j *judge) covers(e end, leg string, no int) bool {
	if e.leg != leg || e.no == no {
		return e.leg == leg
	}
	if b := j.k.below[leg]; max(e.no, no) < len(b) && min(e.no, no) >= 0 && b[e.no] == b[no] {
		return true // they share a record
	}
	w, _ := j.truth.Leg(leg)
	return e.no == whole && (j.sealed(leg) || w.Refused || w.Tunnel || j.unseen(leg, no))
}

// unseen reports whether an exchange of a leg is not in the result, and may well be
// missing in the capture: bytes of both directions are.
func (j *judge) unseen(leg string, no int) bool {
	ours := j.m.ours[leg]
	if ours == nil || ours.OrigMissing == 0 || ours.ReplyMissing == 0 {
		return false
	}
	for s, k := range j.k.no {
		if s.leg == ours.ID && k == no {
			return false
		}
	}
	return true
}

// sealed reports whether a leg of the truth cannot be read.
func (j *judge) sealed(id string) bool {
	w, ok := j.truth.Leg(id)
	return ok && j.m.sealed(w)
}

// link judges one link of the truth.
func (j *judge) link(l *truth.Link) verdict {
	best := missing
	for i := range j.ties {
		t := &j.ties[i]
		switch {
		case j.means(t, t.to, l) && !t.ambiguous:
			best = right
		case j.names(t, l):
			best = max(best, ambiguousWith)
		case j.covers(t.from, l.From, l.FromExchange) && t.ambiguous:
			best = max(best, ambiguousWithout)
		}
	}
	if last := j.lastAttempt(l); best < ambiguousWith && last != l && j.link(last) == ambiguousWith {
		return ambiguousWith // what failed before goes with what is in doubt
	}
	return best
}

// lastAttempt returns the link of the attempt that answered the exchange of l.
func (j *judge) lastAttempt(l *truth.Link) *truth.Link {
	last := l
	for i := range j.truth.Links {
		if k := &j.truth.Links[i]; k.From == l.From && k.FromExchange == l.FromExchange && k.Attempt > last.Attempt {
			last = k
		}
	}
	return last
}

// names reports whether the link is among what a tie leaves open. Of a leg that
// cannot be read and whose exchanges are not told apart, it is enough to name
// the leg on the other side.
func (j *judge) names(t *tie, l *truth.Link) bool {
	hidden := j.sealed(l.From) || j.sealed(l.To)
	for _, e := range append([]end{t.to}, t.rivals...) {
		legs := t.from.leg == l.From && e.leg == l.To && (t.from.no == whole || e.no == whole)
		if t.ambiguous && j.means(t, e, l) || hidden && legs {
			return true
		}
	}
	return false
}

// wrong lists what the result says for sure and is not so.
func (j *judge) wrong() (out []string) {
	for _, c := range j.claims() {
		if c.wrong != "" {
			out = append(out, c.wrong)
		}
	}
	return out
}

// caused reports whether a tie names what made the mesh's agent open a leg: a
// probe that it was asked for.
func (j *judge) caused(t *tie) bool {
	w, ok := j.truth.Leg(t.to.leg)
	return ok && w.Role == flow.RoleControl.String() && w.Cause == t.from.leg
}

// linkOf returns the link of the truth that a tie stands for.
func (j *judge) linkOf(t *tie) *truth.Link {
	for i := range j.truth.Links {
		l := &j.truth.Links[i]
		if j.means(t, t.to, l) {
			return l
		}
	}
	return nil
}

// name describes an end for people.
func (j *judge) name(e end) string {
	w, ok := j.truth.Leg(e.leg)
	if !ok {
		return fmt.Sprintf("a leg that never was, exchange %d", e.no)
	}
	return fmt.Sprintf("%s (%s %s > %s) exchange %d", w.ID, w.Role, w.OrigSrc, w.OrigDst, e.no)
}

// served lists what really served an end.
func (j *judge) served(e end) string {
	s := "nothing"
	for i := range j.truth.Links {
		if l := &j.truth.Links[i]; j.covers(e, l.From, l.FromExchange) {
			s = fmt.Sprintf("%s exchange %d", l.To, l.ToExchange)
		}
	}
	return s
}
