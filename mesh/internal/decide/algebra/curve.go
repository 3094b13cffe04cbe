package algebra

import (
	"math"
	"slices"

	"github.com/pcapmesh/pcapmesh/internal/assign"
	"github.com/pcapmesh/pcapmesh/mesh/flow"
	"github.com/pcapmesh/pcapmesh/mesh/internal/decide/crossing"
	"github.com/pcapmesh/pcapmesh/mesh/internal/decide/graph"
	"github.com/pcapmesh/pcapmesh/mesh/internal/decide/odds"
	"github.com/pcapmesh/pcapmesh/mesh/internal/decide/turn"
)

// A connection that is proxied byte for byte carries the same on both legs: as
// much in each direction, and in a dialogue, the same turns. The whole leg is
// one item to turn algebra, and turns that both legs have count for it.

// JoinCurves ties whole legs of which one is encrypted and the other is plain
// bytes.
func JoinCurves(c *crossing.Crossing) {
	down, up := curves(c, c.Down), curves(c, c.Up)
	if len(down) == 0 || len(up) == 0 {
		return
	}
	a := &algebra{holes: c.Holes(), pairing: assign.Graph{Stop: c.Index.Stopped}, shifts: [2]odds.Shifts{{Exact: true}, {Exact: true}}}
	a.fill(turn.Wholes(down), turn.Wholes(up))
	a.candidates()
	a.weighTurns(down, up)
	if !a.solve() {
		return
	}
	t := &tier{a: a, least: Believed, ordered: true, whole: true, link: func(d, u *item) *graph.Link { return &graph.Link{From: d.ex.Leg, To: u.ex.Leg, Attempt: 1} }}
	for _, l := range t.links() {
		c.Add(l)
	}
}

// curves measures the legs of one side that are TLS or plain bytes.
func curves(c *crossing.Crossing, legs []*graph.Leg) []turn.Curve {
	var out []turn.Curve
	var measured []*turn.Leg
	for _, l := range legs {
		if c.Busy[l] || l.Empty() || len(l.Exchanges) > 0 || l.Protocol != flow.ProtocolTLS && l.Protocol != flow.ProtocolTCP || l.Conn.Orig == 0 || l.Conn.Reply == 0 {
			continue
		}
		measured = append(measured, turn.NewLeg(c.Index, l))
	}
	turn.SettleTickets(measured)
	for _, v := range measured {
		k := v.Curve(c.Index)
		if c.CutShort(v.Leg) {
			k.Cut()
		}
		if k.Whole.Req != nil || k.Whole.Resp != nil {
			out = append(out, k)
		}
	}
	return out
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
