package mesh

import (
	"github.com/pcapmesh/pcapmesh/internal/assign"
	"github.com/pcapmesh/pcapmesh/internal/fingerprint"
	"github.com/pcapmesh/pcapmesh/mesh/internal/index"
)

// joinAcross finds, where both ends of a tunnel were captured, which connection
// that went in is which that came out: by what they carried.
func joinAcross(x *index.Index, links []*link) {
	var tunnels []*workLeg
	in, out := make(map[*workLeg][]*workLeg), make(map[*workLeg][]*workLeg)
	for _, l := range links {
		switch {
		case l.ambiguous:
		case l.to.tunnel:
			if len(in[l.to]) == 0 {
				tunnels = append(tunnels, l.to)
			}
			in[l.to] = append(in[l.to], l.from)
		case l.from.tunnel:
			out[l.from] = append(out[l.from], l.to)
		}
	}
	for _, t := range tunnels {
		pairAcross(x, in[t], out[t])
	}
}

// pairAcross ties the legs on both sides of a tunnel that can be told.
func pairAcross(x *index.Index, in, out []*workLeg) {
	edges := make([][]int, len(out))
	for u, up := range out {
		for d, down := range in {
			if legNests(x, down, unkept(up)) && sameCarried(x, down, up) {
				edges[u] = append(edges[u], d)
			}
		}
	}
	a := assign.Match(len(in), edges)
	for u := range out {
		if a.Forced[u] {
			in[a.OfUp[u]].across = out[u]
		}
	}
}

// unkept returns a leg as if the proxy had dialled it from an address of its
// own: the tunnel's client is the pod, but the application may have used another
// of its addresses.
func unkept(l *workLeg) *workLeg {
	k := *l
	k.kept = false
	return &k
}

// sameCarried tells whether two legs carried the same bytes, as far as can be
// told.
func sameCarried(x *index.Index, d, u *workLeg) bool {
	if len(d.exchanges) != len(u.exchanges) {
		return false
	}
	for i := range d.exchanges {
		if r := compare(&d.exchanges[i], &u.exchanges[i]); r.contradicted() || r.otherID {
			return false
		}
	}
	return len(d.exchanges) > 0 || compareLegs(x, d, u).verdict != fingerprint.Different
}

// passTunnels notes which legs belong to the paths of others though no link
// names both: a tunnel of which everything is tied, and what comes out of it.
func (t *tracer) passTunnels() {
	for _, l := range t.legs {
		if l.tunnel && l.spent {
			t.whole[l] = true
		}
		if l.across != nil {
			t.whole[l.across] = true
		}
	}
}

// enter begins a path that a tunnel has to do with: the tunnel comes before what
// came out of it, and after what goes into it.
func (t *tracer) enter(p *workPath, l *workLeg) {
	if k := t.around[l]; k != nil {
		p.Legs = []int{k.from.ID, l.ID}
		p.links = append(p.links, k)
		p.Ambiguous = k.ambiguous
		if !k.ambiguous {
			p.tunnel = k
		}
		return
	}
	for _, k := range t.byLeg[l] {
		if k.to.tunnel {
			p.addLeg(k.to.ID)
			if !k.ambiguous {
				p.tunnel = k
			}
		}
	}
}

// leave adds what came out of a tunnel in another pod.
func (t *tracer) leave(p *workPath, k *link) {
	if s := k.from.across; s != nil && k.to.tunnel {
		p.links = append(p.links, t.around[s])
		p.addLeg(s.ID)
	}
}

// beyond returns the tie of an exchange to itself behind a tunnel; nil if it
// was not captured there.
func (t *tracer) beyond(e *exchange) *link {
	s := e.leg.across
	if s == nil {
		return nil
	}
	k := *t.around[s]
	k.up = &s.exchanges[e.no]
	return &k
}
