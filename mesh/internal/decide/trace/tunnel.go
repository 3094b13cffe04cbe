package trace

import (
	"github.com/pcapmesh/pcapmesh/internal/assign"
	"github.com/pcapmesh/pcapmesh/internal/wire/fingerprint"
	"github.com/pcapmesh/pcapmesh/mesh/internal/decide/crossing"
	"github.com/pcapmesh/pcapmesh/mesh/internal/decide/graph"
	"github.com/pcapmesh/pcapmesh/mesh/internal/index"
)

// JoinAcross finds, where both ends of a tunnel were captured, which connection
// that went in is which that came out: by what they carried.
func JoinAcross(x *index.Index, links []*graph.Link) {
	var tunnels []*graph.Leg
	in, out := make(map[*graph.Leg][]*graph.Leg), make(map[*graph.Leg][]*graph.Leg)
	for _, l := range links {
		switch {
		case l.Ambiguous:
		case l.To.Tunnel:
			if len(in[l.To]) == 0 {
				tunnels = append(tunnels, l.To)
			}
			in[l.To] = append(in[l.To], l.From)
		case l.From.Tunnel:
			out[l.From] = append(out[l.From], l.To)
		}
	}
	for _, t := range tunnels {
		pairAcross(x, in[t], out[t])
	}
}

// pairAcross ties the legs on both sides of a tunnel that can be told.
func pairAcross(x *index.Index, in, out []*graph.Leg) {
	edges := make([][]int, len(out))
	for u, up := range out {
		for d, down := range in {
			if crossing.LegNests(x, down, unkept(up)) && sameCarried(x, down, up) {
				edges[u] = append(edges[u], d)
			}
		}
	}
	a := assign.Match(len(in), edges)
	for u := range out {
		if a.Forced[u] {
			in[a.OfUp[u]].Across = out[u]
		}
	}
}

// unkept returns a leg as if the proxy had dialled it from an address of its
// own: the tunnel's client is the pod, but the application may have used another
// of its addresses.
func unkept(l *graph.Leg) *graph.Leg {
	k := *l
	k.Kept = false
	return &k
}

// sameCarried reports whether two legs carried the same bytes, as far as can be
// told.
func sameCarried(x *index.Index, d, u *graph.Leg) bool {
	if len(d.Exchanges) != len(u.Exchanges) {
		return false
	}
	for i := range d.Exchanges {
		if r := crossing.Compare(&d.Exchanges[i], &u.Exchanges[i]); r.Contradicted() || r.OtherID {
			return false
		}
	}
	return len(d.Exchanges) > 0 || crossing.CompareLegs(x, d, u).Verdict != fingerprint.Different
}

// passTunnels notes which legs belong to the paths of others though no link
// names both: a tunnel of which everything is tied, and what comes out of it.
func (t *tracer) passTunnels() {
	for _, l := range t.legs {
		if l.Tunnel && l.Spent {
			t.whole[l] = true
		}
		if l.Across != nil {
			t.whole[l.Across] = true
		}
	}
}

// enter begins a path that a tunnel has to do with: the tunnel comes before what
// came out of it, and after what goes into it.
func (t *tracer) enter(p *Path, l *graph.Leg) {
	if k := t.around[l]; k != nil {
		p.Legs = []int{k.From.ID, l.ID}
		p.Links = append(p.Links, k)
		p.Ambiguous = k.Ambiguous
		if !k.Ambiguous {
			p.tunnel = k
		}
		return
	}
	for _, k := range t.byLeg[l] {
		if k.To.Tunnel {
			p.addLeg(k.To.ID)
			if !k.Ambiguous {
				p.tunnel = k
			}
		}
	}
}

// leave adds what came out of a tunnel in another pod.
func (t *tracer) leave(p *Path, k *graph.Link) {
	if s := k.From.Across; s != nil && k.To.Tunnel {
		p.Links = append(p.Links, t.around[s])
		p.addLeg(s.ID)
	}
}

// beyond returns the tie of an exchange to itself behind a tunnel; nil if it
// was not captured there.
func (t *tracer) beyond(e *graph.Exchange) *graph.Link {
	s := e.Leg.Across
	if s == nil {
		return nil
	}
	k := *t.around[s]
	k.Up = &s.Exchanges[e.No]
	return &k
}
