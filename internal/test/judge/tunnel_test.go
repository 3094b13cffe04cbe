package judge

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/pcapmesh/pcapmesh/internal/test/truth"
	"github.com/pcapmesh/pcapmesh/mesh"
	"github.com/pcapmesh/pcapmesh/mesh/flow"
)

// Without keys, connections are tied to the tunnels that carry them, all but
// those that go on alike with others.
func TestTunnels(t *testing.T) {
	each(t, func(t *testing.T, s *scene) { s.holdTunnels(t) })
}

func (s *scene) holdTunnels(t *testing.T) {
	if !slices.ContainsFunc(s.truth.Legs, func(l truth.Leg) bool { return l.Tunnel }) {
		t.Skip("no tunnels")
	}
	j := newJudge(s.truth, s.stitch(t, mesh.Options{}))
	var n [4]int
	var bad []string
	for i := range s.truth.Links {
		l := &s.truth.Links[i]
		if from, _ := s.truth.Leg(l.From); !from.Tunnel {
			if to, _ := s.truth.Leg(l.To); !to.Tunnel {
				continue
			}
		}
		v := j.link(l)
		n[v]++
		if v < ambiguousWith || v != right && !s.live && !strings.HasSuffix(s.truth.Scenario, "-alike") {
			bad = append(bad, fmt.Sprintf("%s > %s: %v", l.From, l.To, v))
		}
	}
	t.Logf("%d right, %d ambiguous with and %d without the true one, %d missing", n[right], n[ambiguousWith], n[ambiguousWithout], n[missing])
	s.settle(t, "tunnels", bad)
	s.settle(t, "tunnels: wrong", j.wrong())
}

// No exchange of a tunnel is tied by itself, and what it carries is not in it
// twice: a tunnel of which everything is tied has no stream.
func TestTunnelsSpent(t *testing.T) {
	for _, name := range []string{"ambient", "ambient-both"} {
		s := load(t, truth.Path(pcaps, name))
		r := s.stitch(t, mesh.Options{})
		for _, p := range r.Paths {
			if l := r.Legs[p.Lead]; l.Protocol == flow.ProtocolHBONE {
				t.Errorf("%s: the tunnel %s is a path", name, l.Orig)
			}
			for _, x := range p.Exchanges {
				for _, h := range x.Hops {
					if r.Legs[h.Leg].Protocol == flow.ProtocolHBONE {
						t.Errorf("%s: an exchange of path %d is in a tunnel", name, p.ID)
					}
				}
			}
		}
	}
}
