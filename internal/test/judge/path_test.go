package judge

import (
	"fmt"
	"slices"
	"testing"

	"github.com/pcapmesh/pcapmesh/internal/test/truth"
	"github.com/pcapmesh/pcapmesh/mesh"
	"github.com/pcapmesh/pcapmesh/mesh/flow"
)

// paths checks that every conversation is one path, with its direction, its
// ends, its legs and its exchanges, and that no path was made up.
func (j *judge) paths() (bad []string) {
	claimed := make(map[int]bool)
	ambiguous := false
	for i := range j.truth.Conversations {
		c := &j.truth.Conversations[i]
		p := j.path(c)
		if p == nil {
			bad = append(bad, fmt.Sprintf("%s > %s: no path", c.Client, c.Server))
			continue
		}
		claimed[p.ID] = true
		ambiguous = ambiguous || p.Ambiguous || j.hiddenClient(c)
		bad = append(bad, j.conversation(c, p)...)
	}
	for _, p := range j.r.Paths {
		if !claimed[p.ID] && !ambiguous && !j.rest(p) { // what is ambiguous stands for itself
			bad = append(bad, fmt.Sprintf("path %d %s > %s: no such conversation", p.ID, p.Client, p.Server))
		}
	}
	return bad
}

// rest reports whether a path is what is left of a shared leg of which some bytes
// were not captured, so that they, or an exchange, cannot be told whose they
// are.
func (j *judge) rest(p *flow.Path) bool {
	w := j.m.truth[p.Legs[0]]
	return w != nil && len(p.Legs) == 1 && !w.Complete
}

func (j *judge) hiddenClient(c *truth.Conversation) bool { return j.sealed(c.Legs[0]) }

// holed reports whether packets of a leg are missing in the captures.
func (j *judge) holed(id string) bool {
	w, ok := j.truth.Leg(id)
	return ok && !w.Complete
}

func (j *judge) conversation(c *truth.Conversation, p *flow.Path) (bad []string) {
	differ := func(what string, got, want any) {
		if got != want {
			bad = append(bad, fmt.Sprintf("path %d %s > %s: %s %v, really %v", p.ID, c.Client, c.Server, what, got, want))
		}
	}
	differ("client", p.Client.String(), c.Client)
	differ("server", p.Server.String(), c.Server)
	differ("direction", p.Direction.String(), c.Direction)
	if p.Ambiguous || j.hiddenClient(c) || slices.ContainsFunc(c.Legs, j.sealed) {
		return bad
	}
	if slices.ContainsFunc(c.Legs, j.holed) {
		return bad // an exchange of which nothing was captured is not found
	}
	differ("exchanges", len(p.Exchanges), c.Exchanges)
	var got []string
	for _, id := range p.Legs {
		if w := j.m.truth[id]; w != nil {
			got = append(got, w.ID)
		} else {
			got = append(got, "?")
		}
	}
	want := slices.Clone(c.Legs)
	slices.Sort(got)
	slices.Sort(want)
	differ("legs", fmt.Sprint(got), fmt.Sprint(want))
	return bad
}

// Following one exchange gives its request and its response, and no more.
func TestExchangeBytes(t *testing.T) {
	wide(t, func(t *testing.T, s *scene) {
		j := newJudge(s.truth, s.stitch(t, mesh.Options{}))
		n, bad := j.exchangeBytes(t)
		s.settle(t, "bytes of exchanges", bad)
		t.Logf("%d exchanges held against the truth", n)
	})
}

func (j *judge) exchangeBytes(t *testing.T) (n int, bad []string) {
	for _, p := range j.r.Paths {
		w := j.m.truth[p.Legs[0]]
		for k := range p.Exchanges {
			first := j.k.spot(&p.Exchanges[k], &p.Exchanges[k].Hops[0])
			l := j.linkFrom(w, j.k.no[first])
			if w == nil || first.empty() || !w.Complete || l == nil || l.FromRequest == nil || l.FromResponse == nil {
				continue
			}
			n++
			var s stream
			for c, err := range j.r.Follow(t.Context(), p.ID, k) {
				if err != nil {
					t.Fatal(err)
				}
				s.flows[side(c.Reply)].add(c)
			}
			for d, want := range [2]*truth.Tally{l.FromRequest, l.FromResponse} {
				if x := s.flows[d].differs(*want, true); x != "" {
					bad = append(bad, fmt.Sprintf("stream %d, exchange %d, %s: %s", p.ID, k, [2]string{"request", "response"}[d], x))
				}
			}
		}
	}
	return n, bad
}

// linkFrom returns the link of an exchange of a client-side leg that can be
// read; nil when there is none.
func (j *judge) linkFrom(w *truth.Leg, no int) *truth.Link {
	for i := range j.truth.Links {
		if l := &j.truth.Links[i]; w != nil && !j.sealed(w.ID) && l.From == w.ID && l.FromExchange == no {
			return l
		}
	}
	return nil
}
