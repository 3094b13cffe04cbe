package algebra

import (
	"math"
	"slices"

	"github.com/pcapmesh/pcapmesh/internal/assign"
	"github.com/pcapmesh/pcapmesh/internal/wire/fingerprint"
	"github.com/pcapmesh/pcapmesh/mesh/flow"
	"github.com/pcapmesh/pcapmesh/mesh/internal/decide/crossing"
	"github.com/pcapmesh/pcapmesh/mesh/internal/decide/graph"
	"github.com/pcapmesh/pcapmesh/mesh/internal/decide/odds"
	"github.com/pcapmesh/pcapmesh/mesh/internal/decide/turn"
	"github.com/pcapmesh/pcapmesh/mesh/internal/index"
)

// A connection that is proxied byte for byte carries the same on both legs: as
// much in each direction, and in a dialogue, the same turns. The whole leg is
// one item to turn algebra, and turns that both legs have count for it.

// JoinCurves ties whole legs of which one is encrypted and the other is plain
// bytes.
func JoinCurves(c *crossing.Crossing) {
	w := newWholes(c)
	down, up := w.curves(c.Down), w.curves(c.Up)
	if !w.asks(down) || !w.asks(up) {
		return
	}
	links := w.weigh(down, up)
	if len(c.Wholes) > 0 {
		opened := *w
		opened.tied = tiedOf(c, func(l *graph.Link) bool { return c.Wholes[l.From] != l.To })
		links = w.besides(links, opened.weigh(down, up))
	}
	for _, l := range links {
		if w.tied[l.From] == nil {
			c.Add(l)
		}
	}
}

// weigh returns the links that turn algebra finds between whole legs; none if nobody
// wants to know.
func (w *wholes) weigh(down, up []turn.Curve) []*graph.Link {
	a := &algebra{holes: w.c.Holes(), barred: w.barred, pairing: assign.Graph{Stop: w.c.Index.Stopped}, shifts: [2]odds.Shifts{{Exact: true}, {Exact: true}}}
	a.fill(turn.Wholes(down), turn.Wholes(up))
	a.candidates()
	a.weighTurns(down, up)
	a.teach(w)
	if !a.solve() {
		return nil
	}
	t := &tier{a: a, least: Believed, ordered: true, whole: true, link: func(d, u *item) *graph.Link { return &graph.Link{From: d.ex.Leg, To: u.ex.Leg, Attempt: 1} }}
	return t.links()
}

// besides adds to links what is certain without a log and does not contradict it.
func (w *wholes) besides(links, without []*graph.Link) []*graph.Link {
	taken := make(map[*graph.Leg]bool)
	for _, l := range links {
		if !l.Ambiguous {
			taken[l.From], taken[l.To] = true, true
		}
	}
	for _, l := range without {
		if l.Ambiguous || taken[l.From] || taken[l.To] || w.tied[l.From] != nil || w.tied[l.To] != nil {
			continue
		}
		taken[l.From], taken[l.To] = true, true
		links = slices.DeleteFunc(links, func(o *graph.Link) bool { return o.From == l.From || o.To == l.To })
		links = append(links, l)
	}
	return links
}

// A wholes tells of connections proxied byte for byte. Those that were decrypted are measured
// from outside like all others, so that they show nothing less than without keys: what
// is tied already teaches what is rare.
type wholes struct {
	c    *crossing.Crossing
	wire *index.Index              // as it was before anything was decrypted
	tied map[*graph.Leg]*graph.Leg // decrypted ones and those that a log names, and what they are tied to, of either side
}

func newWholes(c *crossing.Crossing) *wholes {
	tied := tiedOf(c, func(l *graph.Link) bool { return c.Wholes[l.From] == l.To || l.From.Decrypted || l.To.Decrypted })
	return &wholes{c: c, wire: c.Index.OnWire(), tied: tied}
}

// tiedOf lists the whole legs that links tie which are of use.
func tiedOf(c *crossing.Crossing, use func(*graph.Link) bool) map[*graph.Leg]*graph.Leg {
	tied := make(map[*graph.Leg]*graph.Leg)
	for _, l := range c.Links {
		if l.Down == nil && l.Up == nil && !l.Ambiguous && use(l) {
			tied[l.From], tied[l.To] = l.To, l.From
		}
	}
	return tied
}

// curves measures the legs of one side that are TLS or plain bytes.
func (w *wholes) curves(legs []*graph.Leg) []turn.Curve {
	var out []turn.Curve
	var measured []*turn.Leg
	for _, l := range legs {
		if w.c.Busy[l] && w.tied[l] == nil || w.c.Orphaned[l] || l.Empty() || len(l.Exchanges) > 0 || l.Protocol != flow.ProtocolTLS && l.Protocol != flow.ProtocolTCP || l.Conn.Orig == 0 || l.Conn.Reply == 0 {
			continue
		}
		if w.c.Inner[l] {
			measured = append(measured, turn.NewBytes(w.wire, l))
		} else {
			measured = append(measured, turn.NewLeg(w.wire, l))
		}
	}
	turn.SettleTickets(measured)
	holes := w.c.Holes()
	for _, v := range measured {
		k := v.Curve(w.wire)
		if w.c.CutShort(v.Leg) || holes && v.Leg.ClosedBy == "open" { // more of it may be missing, with its end
			k.Cut()
		}
		if k.Whole.Req != nil || k.Whole.Resp != nil {
			out = append(out, k)
		}
	}
	return out
}

// asks reports whether some of the connections are not tied.
func (w *wholes) asks(cs []turn.Curve) bool {
	return slices.ContainsFunc(cs, func(k turn.Curve) bool { return w.tied[k.Whole.Leg] == nil })
}

// barred reports whether d and u cannot belong together: one of them is tied to another,
// what both say, if it can be read, is not the same, or an application's TLS would be
// inside of what carries no bytes of others.
func (w *wholes) barred(d, u *graph.Exchange) bool {
	if w.c.Inner[d.Leg] && !u.Leg.CarriesBytes() || w.c.Inner[u.Leg] && !d.Leg.CarriesBytes() {
		return true
	}
	if w.tied[d.Leg] != nil || w.tied[u.Leg] != nil {
		return w.tied[d.Leg] != u.Leg
	}
	return d.Leg.Readable() && u.Leg.Readable() && crossing.CompareLegs(w.c.Index, d.Leg, u.Leg).Verdict == fingerprint.Different
}

// teach makes the strands of what is tied certain.
func (a *algebra) teach(w *wholes) {
	for i := range a.pairing.Edges {
		s := a.strand(int32(i))
		s.tied = w.tied[a.down[s.D].ex.Leg] != nil
	}
}

// weighTurns weighs for each pair of legs the turns that both have, by how rare
// they are. Where lengths of whole directions are not known, turns that only
// one has count against it.
func (a *algebra) weighTurns(down, up []turn.Curve) {
	rare := make(map[uint64]int32)
	for i := range up {
		for _, k := range slices.Compact(slices.Clone(up[i].Turns)) {
			rare[k]++
		}
	}
	for i := range a.pairing.Edges {
		s := a.strand(int32(i))
		s.base = inCommon(down[s.D].Turns, up[s.U].Turns, rare, len(up))
		if d, u := &a.down[s.D], &a.up[s.U]; len(d.req) > 0 && len(u.req) > 0 && len(d.resp) > 0 && len(u.resp) > 0 {
			s.base = max(s.base, 1)
		}
	}
}

// maxTurnWeight bounds what turns say: e to its power.
const maxTurnWeight = 30

// inCommon returns how much likelier two legs belong together for the turns
// that they have in common: of each kind by how many of n legs have it. A turn
// that only the leg with fewer has counts against it.
func inCommon(d, u []uint64, rare map[uint64]int32, n int) float64 {
	if len(d) > len(u) {
		d, u = u, d
	}
	weight, j := 0.0, 0
	for _, k := range d {
		for j < len(u) && u[j] < k {
			j++
		}
		if j == len(u) || u[j] != k {
			weight--
			continue
		}
		weight += math.Log(float64(n+1) / float64(rare[k]+1))
		j++
	}
	return math.Exp(min(max(weight, -maxTurnWeight), maxTurnWeight))
}
