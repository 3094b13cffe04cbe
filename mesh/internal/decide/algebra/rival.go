package algebra

import (
	"cmp"
	"slices"

	"github.com/pcapmesh/pcapmesh/internal/assign"
	"github.com/pcapmesh/pcapmesh/mesh/flow"
	"github.com/pcapmesh/pcapmesh/mesh/internal/decide/crossing"
	"github.com/pcapmesh/pcapmesh/mesh/internal/decide/graph"
)

// What is not taken as true is in doubt, and a doubt has a reason: something else that
// fits. If nothing else is left for an exchange, there is no doubt.

// remain lists the strands with a chance between items that are not tied yet.
func (t *tier) remain() {
	t.fit, t.wanted = make([][]int32, len(t.a.down)), make([][]int32, len(t.a.up))
	for i := range t.a.pairing.Edges {
		if s := t.a.strand(int32(i)); s.P > 0 && t.sure[s.D] < 0 && !t.used[s.U] {
			t.fit[s.D] = append(t.fit[s.D], int32(i))
			t.wanted[s.U] = append(t.wanted[s.U], int32(i))
		}
	}
	likeliest := func(i, j int32) int { return cmp.Compare(t.a.pairing.Edges[j].P, t.a.pairing.Edges[i].P) }
	for _, lists := range [2][][]int32{t.fit, t.wanted} {
		for _, list := range lists {
			slices.SortStableFunc(list, likeliest)
		}
	}
}

// conclude takes strands that are all that is left: those of two exchanges to which
// nothing else can belong, and if there are as many on both sides, so that each has its
// counterpart, those that are in every way to pair them. It reports whether there are any.
func (t *tier) conclude() bool {
	if t.a.holes || t.a.multiplexed {
		return false
	}
	n := len(t.left)
	for _, fit := range t.fit {
		if len(fit) == 1 && !t.whole {
			if s := t.a.strand(fit[0]); len(t.wanted[s.U]) == 1 && s.P >= t.least {
				t.leave(fit[0])
			}
		}
	}
	if len(t.a.down) == len(t.a.up) {
		t.force()
	}
	return len(t.left) > n
}

func (t *tier) leave(i int32) {
	s := t.a.strand(i)
	t.sure[s.D], t.used[s.U], t.left[i] = i, true, true
}

// force takes the strands that every matching of what is left has.
func (t *tier) force() {
	edges, of := make([][]int, len(t.a.up)), make(map[[2]int]int32)
	for u, list := range t.wanted {
		for _, i := range list {
			d := int(t.a.pairing.Edges[i].D)
			edges[u] = append(edges[u], d)
			of[[2]int{d, u}] = i
		}
	}
	m := assign.Match(len(t.a.down), edges)
	for u, d := range m.OfUp {
		if d < 0 && !t.used[u] {
			return // one has no counterpart: then others may have none
		}
	}
	for u, d := range m.OfUp {
		if d >= 0 && m.Forced[u] && t.a.usual(t.a.strand(of[[2]int{d, u}])) {
			t.leave(of[[2]int{d, u}])
		}
	}
}

// doubtful returns the link of a downstream item that is not tied for sure: the
// likeliest as best guess, and its rivals; nil if there is none, or it is likelier that
// its counterpart was not captured.
func (t *tier) doubtful(d int32) *graph.Link {
	fit := t.fit[d]
	if len(fit) == 0 || t.a.pairing.Edges[fit[0]].P < imaginable {
		return nil
	}
	s := t.a.strand(fit[0])
	l := t.link(&t.a.down[s.D], &t.a.up[s.U])
	l.Ambiguous = true
	l.Confidence = min(s.P, Believed)
	l.Evidence = []flow.Evidence{t.a.explain(s)}
	if l.Rivals = t.rivalsOf(fit[0]); len(l.Rivals) == 0 && s.P < .5 {
		return nil
	}
	return l
}

// rivalsOf lists what else strand i, the likeliest of its downstream item, may be: the
// other upstream items that are imaginable, or if there are none, the downstream items
// that want its own; if there are none either, those that are not excluded, and then any.
func (t *tier) rivalsOf(i int32) []graph.Rival {
	s := t.a.strand(i)
	for _, least := range [...]float64{imaginable, notExcluded, 0} {
		if rs := t.others(i, t.fit[s.D], least, true); len(rs) > 0 {
			return rs
		}
		if rs := t.others(i, t.wanted[s.U], least, false); len(rs) > 0 {
			return rs
		}
	}
	return nil
}

// others lists one end of strands other than i that are at least so probable. Of a head
// that hardly is one only the leg is named, or it would become an exchange of it.
func (t *tier) others(i int32, list []int32, least float64, up bool) (rs []graph.Rival) {
	for _, k := range list {
		s := t.a.strand(k)
		if k == i || s.P < least || len(rs) == crossing.MaxRivals {
			continue
		}
		l := t.link(&t.a.down[s.D], &t.a.up[s.U])
		r := graph.Rival{Leg: l.From, Ex: l.Down}
		if up {
			r = graph.Rival{Leg: l.To, Ex: l.Up}
		}
		if t.a.multiplexed && s.P < imaginable && graph.IsHidden(r.Ex) {
			r.Ex = nil
		}
		if r.Ex != nil || t.whole || !slices.Contains(rs, r) {
			rs = append(rs, r)
		}
	}
	return rs
}

// settleLegs sets in links that are in doubt how sure it is that their legs belong
// together: the exchange goes over the leg of its best guess whatever exchange of it it
// is, or what is guessed came from its leg whichever caused it. Between streams others must
// attest that, and of streams on both sides the latter is not said: the one that caused it
// may not have been found, and another fits.
func (t *tier) settleLegs(doubts []*graph.Link) {
	type spring struct {
		up   *graph.Exchange
		from *graph.Leg
	}
	onward, origin := make(map[*graph.Exchange]float64), make(map[spring]float64)
	guess := make(map[*graph.Exchange]*graph.Leg, len(doubts))
	for _, l := range doubts {
		guess[l.Down] = l.To
	}
	for i := range t.a.pairing.Edges {
		s := t.a.strand(int32(i))
		if t.a.multiplexed && !t.a.attested(s) {
			continue
		}
		d, u := t.a.down[s.D].ex, t.a.up[s.U].ex
		if guess[d] == u.Leg {
			onward[d] += s.P
		}
		if !t.a.multiplexed || !t.a.bothStreams(s) {
			origin[spring{u, d.Leg}] += s.P
		}
	}
	for _, l := range doubts {
		from := origin[spring{l.Up, l.From}]
		if max(from, onward[l.Down]) >= Believed {
			l.Legs = Believed
		}
		l.Caused = from >= Believed && !slices.ContainsFunc(l.Rivals, func(r graph.Rival) bool { return r.Leg != l.From })
	}
}
