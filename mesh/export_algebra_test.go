package mesh

import (
	"github.com/pcapmesh/pcapmesh/mesh/cluster"
	"github.com/pcapmesh/pcapmesh/mesh/internal/decide"
	"github.com/pcapmesh/pcapmesh/mesh/internal/decide/algebra"
	"github.com/pcapmesh/pcapmesh/mesh/internal/decide/conn"
	"github.com/pcapmesh/pcapmesh/mesh/internal/decide/graph"
	"github.com/pcapmesh/pcapmesh/mesh/internal/decide/role"
	"github.com/pcapmesh/pcapmesh/mesh/internal/decide/turn"
	"github.com/pcapmesh/pcapmesh/mesh/internal/index"
	"github.com/pcapmesh/pcapmesh/mesh/internal/index/scan"
	"github.com/pcapmesh/pcapmesh/mesh/internal/recorded"
	"github.com/pcapmesh/pcapmesh/mesh/profile"
)

// A Linker is what Decide has before it joins legs.
type Linker struct {
	x      *index.Index
	rs     *recorded.Records
	legs   []*graph.Leg
	roster *role.Roster
}

// NewLinker goes back to where legs are not joined yet.
func NewLinker(r *Result) *Linker { return (&Linker{x: r.x, rs: r.records}).Again() }

// Again returns a Linker for the same captures.
func (l *Linker) Again() *Linker {
	l = &Linker{x: l.x, rs: l.rs, legs: graph.Legs(l.x, conn.Bind(l.x, l.rs.NAT))}
	l.roster = role.Assign(l.x, l.rs, new(cluster.Known), l.legs, profile.Istio(), nil)
	graph.FindExchanges(l.x, l.legs)
	return l
}

// Link joins the legs and returns how many links there are, and how many of
// them are not ambiguous.
func (l *Linker) Link() (all, sure int) {
	links := decide.Links(l.x, l.legs, l.roster, graph.NewLedger(nil, nil))
	for _, k := range links {
		if !k.Ambiguous {
			sure++
		}
	}
	return len(links), sure
}

// DelayBin returns the bin of a delay, and its width in nanoseconds.
func DelayBin(nanos int64) (int, float64) {
	return algebra.Bin(nanos), algebra.Width(algebra.Bin(nanos))
}

// Delays and Shifts learn what a proxy does.
type (
	Delays struct{ d algebra.Delays }
	Shifts struct{ s algebra.Shifts }
)

// Causality is by how much times may deceive, in nanoseconds.
const Causality = index.Causality

// Add learns a delay with a probability.
func (d *Delays) Add(nanos int64, p float64) { d.d.Add(nanos, p) }

// Likely returns the density of a delay, as someone sees it who said himself
// that own has probability p.
func (d *Delays) Likely(nanos, own int64, p float64) float64 {
	return d.d.Likely(nanos, algebra.Witness{X: own, P: p})
}

// Add learns a difference of lengths with a probability.
func (s *Shifts) Add(peer int32, x int64, p float64) { s.s.Add(peer, x, p) }

// Likely returns the probability of a difference, as someone sees it who said
// himself that own has probability p.
func (s *Shifts) Likely(peer int32, x, own int64, p float64) float64 {
	return s.s.Likely(peer, x, algebra.Witness{X: own, P: p})
}

// NoTime stands for a time that is not known.
const NoTime = algebra.NoTime

// An Occasion is when a request and its response were seen.
type Occasion struct{ Req, Resp int64 }

// Ordered returns for each upstream item the downstream item that the orders of
// requests and responses give it, or -1.
func Ordered(down, up []Occasion) []int32 {
	a := new(algebra.Algebra)
	for _, o := range down {
		a.Down = append(a.Down, algebra.Item{ReqAt: o.Req, RespAt: o.Resp})
	}
	for _, o := range up {
		a.Up = append(a.Up, algebra.Item{ReqAt: o.Req, RespAt: o.Resp})
	}
	return a.Ordered()
}

// Lengths returns the plaintext lengths that the records of one direction may
// have together, given their fragments; the headers of those in lost were not
// captured.
func Lengths(over, slack int64, fragments []int, lost func(i int) bool) []int64 {
	s := &turn.Side{Over: over, Slack: slack}
	for i, n := range fragments {
		u := &scan.Unit{Off: s.End, Len: int32(n), Kind: scan.UnitData}
		s.End += 5 + int64(n)
		if !lost(i) {
			s.Units = append(s.Units, u)
			continue
		}
		if k := len(s.Units) - 1; k >= 0 && s.Units[k].Kind == scan.UnitHole {
			s.Units[k].Len += 5 + int32(n)
			continue
		}
		u.Kind, u.Len = scan.UnitHole, 5+u.Len
		s.Units = append(s.Units, u)
	}
	return s.Between(0, s.End)
}
