package algebra

import (
	"fmt"
	"math"
	"slices"

	"github.com/pcapmesh/pcapmesh/capture"
	"github.com/pcapmesh/pcapmesh/internal/assign"
	"github.com/pcapmesh/pcapmesh/mesh/flow"
	"github.com/pcapmesh/pcapmesh/mesh/internal/decide/crossing"
	"github.com/pcapmesh/pcapmesh/mesh/internal/decide/graph"
	"github.com/pcapmesh/pcapmesh/mesh/internal/decide/odds"
	"github.com/pcapmesh/pcapmesh/mesh/internal/decide/turn"
	"github.com/pcapmesh/pcapmesh/mesh/internal/index/scan"
)

// Believed is the probability from which turn algebra's word is taken.
const Believed = 0.99

// believedStream is the same for streams of HTTP/2, of which less is known: how
// they are put into records is up to implementations.
const believedStream = 0.99

// ordersAgree is how sure a pairing is at most that both orders under load give: of
// over 7,600 such on saturated proxies with known truth one was wrong.
const ordersAgree = 0.99

// imaginable is the probability from which a candidate is named as a rival.
const imaginable = 1e-3

// Proof is how unlikely a chance match must be for turn algebra to prove.
const Proof = 1e-6

// JoinTurns ties exchanges of encrypted legs by turn algebra.
func JoinTurns(c *crossing.Crossing) {
	a, r := compareTurns(c, c.Barred)
	if a == nil {
		return
	}
	for range Learning {
		if !a.segment(unlogged(turn.Sealed(c, c.Down)), unlogged(turn.Sealed(c, c.Up))) {
			break
		}
		if a, r = compareTurns(c, c.Barred); a == nil {
			return
		}
	}
	links := (&tier{a: a, link: exchangeLink, least: Believed, ordered: true}).links()
	if len(c.ByLog) > 0 {
		nothing := func(_, _ *graph.Exchange) bool { return false }
		if b, _ := compareTurns(c, nothing); b != nil {
			links = c.Besides(links, (&tier{a: b, link: exchangeLink, least: Believed, ordered: true}).links())
		}
	}
	for _, l := range links {
		switch {
		case r.Tied[l.Down] != nil, c.Wholes[l.From] != nil:
		case c.ByLog[l.Down] != nil || c.ByLog[l.Up] != nil:
			c.Refine(l)
		case crossing.BothRead(l):
			c.Settle(l)
		default:
			c.Add(l)
		}
	}
}

// unlogged leaves out legs of which a log tells the exchanges: they stay as they
// are.
func unlogged(legs []*graph.Leg) []*graph.Leg {
	return slices.DeleteFunc(slices.Clone(legs), func(l *graph.Leg) bool {
		return slices.ContainsFunc(l.Hidden, func(e graph.Exchange) bool { return e.Log != nil })
	})
}

// compareTurns weighs which exchanges of both sides belong together, if that is not
// denied, and tells what
// reading made of them; nil if there is nothing to compare, or nobody wants to know.
func compareTurns(c *crossing.Crossing, denied func(d, u *graph.Exchange) bool) (*algebra, *crossing.Reading) {
	down := append(graph.ExchangesOf(c.Down), turn.Outline(c, c.Down)...)
	up := append(graph.ExchangesOf(c.Up), turn.Outline(c, c.Up)...)
	asks := func(e *graph.Exchange) bool { return graph.IsHidden(e) && c.Wholes[e.Leg] == nil }
	r := crossing.NewReading(c, slices.ContainsFunc(down, asks) || slices.ContainsFunc(up, asks))
	down, up = r.Open(c, down), r.Open(c, up)
	if len(r.Doubted) == 0 && !slices.ContainsFunc(down, asks) && !slices.ContainsFunc(up, asks) {
		return nil, nil
	}
	barred := func(d, u *graph.Exchange) bool { return r.Tied[d] != nil || r.Tied[u] != nil || denied(d, u) }
	a := &algebra{holes: c.Holes(), barred: barred, pairing: assign.Graph{Stop: c.Index.Stopped}}
	a.veiled = func(d, u *graph.Exchange) bool { return r.Veiled(c, d, u) }
	a.fill(down, up)
	a.candidates()
	a.read(r)
	if !a.solve() {
		return nil, nil
	}
	if a.replay(c) {
		a.weigh()
		a.pairing.Marginals()
	}
	return a, r
}

// RevealHidden makes the hidden exchanges of legs that were tied by them exchanges
// like others.
func RevealHidden(c *crossing.Crossing) {
	for _, l := range c.Links {
		for _, e := range [2]*graph.Exchange{l.Down, l.Up} {
			if e != nil && e.Outline != nil {
				e.Leg.Exchanges = e.Leg.Hidden
			}
		}
	}
}

// exchangeLink returns the link that a strand between exchanges stands for.
func exchangeLink(d, u *item) *graph.Link {
	return &graph.Link{From: d.ex.Leg, To: u.ex.Leg, Down: d.ex, Up: u.ex, Attempt: 1}
}

// A tier turns probabilities into links.
type tier struct {
	a       *algebra
	least   float64 // the probability from which a strand is taken as true
	ordered bool    // under load, order tells too
	whole   bool    // items are whole connections
	link    func(d, u *item) *graph.Link
	sure    []int32         // by downstream item: its strand; -1 = none
	used    []bool          // by upstream item: some strand of it is sure
	fit     [][]int32       // by downstream item: its strands with a chance that nobody else has for sure, the likeliest first
	wanted  [][]int32       // the same by upstream item
	only    map[int32]bool  // strands that the order under load decided
	turn    map[int32]bool  // strands that the pools of the proxy decided
	rate    float64         // how often that is right; ordersAgree if there are none
	left    map[int32]bool  // strands that are all that is left
	rivals  *assign.Rivalry // of strands between streams; nil of others
}

// links decides what is taken as true and what stays in doubt.
func (t *tier) links() []*graph.Link {
	t.only, t.left, t.rate = make(map[int32]bool), make(map[int32]bool), ordersAgree
	t.believe()
	if t.a.multiplexed {
		t.doubtStreams()
	}
	t.takeTurns()
	if t.ordered {
		t.lineUp()
	}
	t.remain()
	if t.conclude() {
		t.remain()
	}
	var out, doubts []*graph.Link
	for d := range t.sure {
		if i := t.sure[d]; i >= 0 {
			out = append(out, t.certain(i))
		} else if l := t.doubtful(int32(d)); l != nil {
			out = append(out, l)
			if !t.whole && !l.Elsewhere() {
				doubts = append(doubts, l)
			}
		}
	}
	t.settleLegs(doubts)
	return out
}

// told reports whether more than times speaks for a strand.
func (s strand) told() bool {
	return s.shift != [2]int64{odds.UnknownShift, odds.UnknownShift} || s.base > muchInCommon
}

// muchInCommon is the weight of turns in common that speak for a whole leg.
const muchInCommon = 1e3

// believe takes the strands that are probable enough, but none between exchanges that
// only delays tell from another one: those are learned from the same few. Connections
// forwarded byte for byte have delays of their own, of every turn, so they are believed
// where it is very probable.
func (t *tier) believe() {
	t.sure, t.used = make([]int32, len(t.a.down)), make([]bool, len(t.a.up))
	for d := range t.sure {
		t.sure[d] = -1
	}
	down, up := t.alike()
	for i := range t.a.pairing.Edges {
		s := t.a.strand(int32(i))
		if s.tied {
			t.sure[s.D], t.used[s.U] = int32(i), true
			continue
		}
		if s.read {
			continue
		}
		least := t.least
		rival := !t.a.multiplexed && (down[s.D].rival || up[s.U].rival)
		switch {
		case rival && !t.whole, !t.a.multiplexed && max(down[s.D].n, up[s.U].n) > aCrowd: // order may tell
			continue
		case rival, t.a.multiplexed && t.a.bothStreams(s):
			least = max(least, BelievedByTime)
		}
		if s.P >= least && s.told() && (t.a.multiplexed || s.base > muchInCommon || t.a.usual(s) && t.a.backed(s)) {
			t.sure[s.D], t.used[s.U] = int32(i), true
		}
	}
}

// A likeness is how many strands of an item have differences of lengths that are common.
type likeness struct {
	n     int32
	base  float64 // the most that is known beforehand of one of them
	rival bool    // beside the likeliest there is one that only delays tell from it
}

// alike returns the likeness of all items.
func (t *tier) alike() (down, up []likeness) {
	down, up = make([]likeness, len(t.a.down)), make([]likeness, len(t.a.up))
	var common []strand
	for i := range t.a.pairing.Edges {
		if s := t.a.strand(int32(i)); t.a.common(s) {
			common = append(common, s)
			for _, l := range [2]*likeness{&down[s.D], &up[s.U]} {
				l.n++
				l.base = max(l.base, s.base)
			}
		}
	}
	for _, s := range common {
		for _, l := range [2]*likeness{&down[s.D], &up[s.U]} {
			l.rival = l.rival || s.P >= notExcluded && s.P < .5 && s.base*muchInCommon > l.base
		}
	}
	return down, up
}

const (
	// BelievedByTime is the probability from which turn algebra's word is taken
	// where only delays decide, whose density is learned from the same few, or
	// between streams, whose messages look like requests.
	BelievedByTime = 0.999
	// aCrowd is how many candidates of the same lengths are too many for delays to
	// decide: where so many are under way at once, all are late together.
	aCrowd = 24
	// notExcluded is the probability of a candidate that is still one.
	notExcluded = 1e-5
)

// lineUp takes of the others those that both orders agree on, if it can be measured that
// the orders are right.
func (t *tier) lineUp() {
	if t.a.holes {
		return // one that is missing puts all numbers after it wrong, on both sides alike
	}
	known := make([]int32, len(t.a.down))
	for d, i := range t.sure {
		if known[d] = -1; i >= 0 {
			known[d] = t.a.pairing.Edges[i].U
		}
	}
	order := t.a.ordered()
	rate := min(order.rate(t.a, known), ordersAgree)
	if rate < graph.SureByTime {
		return
	}
	for i := range t.a.pairing.Edges {
		s := t.a.strand(int32(i))
		if o, ok := t.a.order[int32(i)]; ok && t.turn[int32(i)] && order.of[s.U] == s.D {
			o.sure = max(o.sure, rate)
			t.a.order[int32(i)] = o
		}
		if order.of[s.U] == s.D && s.P > 0 && t.sure[s.D] < 0 && !t.used[s.U] {
			t.sure[s.D], t.used[s.U], t.only[int32(i)] = int32(i), true, true
			t.rate = rate
		}
	}
}

// certain returns the link of a strand that is taken as true.
func (t *tier) certain(i int32) *graph.Link {
	s := t.a.strand(int32(i))
	l := t.link(&t.a.down[s.D], &t.a.up[s.U])
	l.Confidence = min(s.P, graph.SureProven)
	if t.rivals != nil {
		l.Confidence = min(l.Confidence, 1-t.rivals.Of(i))
	}
	l.Evidence = []flow.Evidence{t.a.explain(s)}
	if o, ok := t.a.order[i]; ok && t.turn[i] {
		l.Confidence = o.sure
		l.Evidence = append(l.Evidence, o.evidence)
	}
	if t.only[i] {
		l.Confidence = t.rate
		l.Evidence[0].Detail += "; of many alike the one whose turn it was, by requests and by responses"
	}
	if t.left[i] {
		l.Confidence = min(max(l.Confidence, graph.SureByTime), t.rate) // it may have been left by those
		l.Evidence[0].Detail += "; nothing else is left for it"
	}
	l.Proven = s.P > 1-Proof && l.Confidence >= Believed && !t.turn[i]
	return l
}

// explain says what turn algebra saw of a strand.
func (a *algebra) explain(s strand) flow.Evidence {
	d, u := &a.down[s.D], &a.up[s.U]
	var buf [160]byte
	detail := a.compared(append(buf[:0], "request "...), 0, s, d.req)
	detail = a.compared(append(detail, ", response "...), 1, s, d.resp)
	return flow.Evidence{Kind: flow.TurnAlgebra, Detail: string(detail), Packets: []capture.Ref{d.ex.Ref(), u.ex.Ref()}}
}

// compared appends what is known of the lengths and the delay of one message.
func (a *algebra) compared(dst []byte, k int, s strand, down scan.Sizes) []byte {
	if x := s.shift[k]; x == odds.UnknownShift {
		dst = append(dst, "of unknown length"...)
	} else {
		if len(down) > 0 {
			dst = fmt.Appendf(dst, "%d bytes, %+d behind the proxy", down[0], -x)
		} else {
			dst = fmt.Appendf(dst, "%+d bytes behind the proxy", -x)
		}
		if n := int(math.Round(a.shifts[k].Seen(x))); n > 1 {
			dst = fmt.Appendf(dst, " like %d others", n-1)
		}
	}
	if s.delay[k] != noTime {
		dst = fmt.Appendf(dst, ", %.3f ms", float64(s.delay[k])/1e6)
	}
	return dst
}
