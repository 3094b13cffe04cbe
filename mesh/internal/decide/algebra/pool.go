package algebra

import (
	"github.com/pcapmesh/pcapmesh/mesh/flow"
	"github.com/pcapmesh/pcapmesh/mesh/internal/decide/crossing"
	"github.com/pcapmesh/pcapmesh/mesh/internal/decide/graph"
	"github.com/pcapmesh/pcapmesh/mesh/internal/decide/pooled"
)

// A turnOf is why it is the turn of a strand, where lengths and delays leave several and
// the pools of the proxy tell (package pooled).
type turnOf struct {
	sure     float64
	evidence flow.Evidence
}

// replay holds the strands against the pools of the proxy. It notes whose turn it was,
// makes what would break the rules unlikely, and tells whether there is such.
func (a *algebra) replay(c *crossing.Crossing) bool {
	t := &tier{a: a, link: exchangeLink, least: Believed}
	t.believe()
	var strands []pooled.Strand
	var of []int32
	for i := range a.pairing.Edges {
		s := a.strand(int32(i))
		if sure := t.sure[s.D] == int32(i); sure || s.P > 0 && (s.P >= notExcluded || a.usual(s)) {
			strands = append(strands, pooled.Strand{Down: a.down[s.D].ex, Up: a.up[s.U].ex, Certain: sure})
			of = append(of, int32(i))
		}
	}
	verdicts := pooled.Replay(c, strands)
	a.order = make(map[int32]turnOf)
	for k, v := range verdicts {
		switch {
		case v.Sure >= graph.SureByTime:
			a.order[of[k]] = turnOf{v.Sure, v.Evidence}
		case v.Unlikely > 0:
			a.facts[of[k]].base *= v.Unlikely
		}
	}
	return verdicts != nil
}

// takeTurns takes the strands whose turn it was.
func (t *tier) takeTurns() {
	t.turn = make(map[int32]bool)
	for i := range t.a.pairing.Edges {
		s := t.a.strand(int32(i))
		if _, ok := t.a.order[int32(i)]; ok && t.sure[s.D] < 0 && !t.used[s.U] {
			t.sure[s.D], t.used[s.U], t.turn[int32(i)] = int32(i), true, true
		}
	}
}
