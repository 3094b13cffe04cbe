package judge

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/pcapmesh/pcapmesh/internal/test/truth"
)

// real reports whether the proxies of a scene are Envoys.
func (s *scene) real() bool { return strings.HasPrefix(s.truth.Scenario, "envoy-") }

// loose reports whether no more is held of a scene than what is sure: its proxies are
// real ones, and it is not shipped.
func (s *scene) loose() bool {
	_, err := os.Stat(truth.Path(pcaps, s.truth.Scenario))
	return s.real() && err != nil
}

// What is said for sure of real proxies is true, shipped or played elsewhere.
func TestSure(t *testing.T) {
	all(t, func(t *testing.T, s *scene) {
		if !s.real() {
			t.Skip("others hold it")
		}
		s.holdSure(t)
	})
}

// holdSure checks what must hold of real proxies however a run went, with whatever is
// given: every leg is found, and what is said for sure is true, but for one claim in
// 300 on a saturated proxy. How much is told differs from run to run, and is held on
// the shipped captures. Where nobody but proxies has an end of HTTP/2 over TLS, only
// keys tell which exchange of it is meant; without, connections are held.
func (s *scene) holdSure(t *testing.T) {
	for g := range everything + 1 {
		if !s.available().has(g) {
			continue
		}
		j := s.with(t, g)
		var lost []string
		for _, w := range j.m.lost {
			lost = append(lost, fmt.Sprintf("with %s: %s %s > %s is not found", g, w.ID, w.OrigSrc, w.OrigDst))
		}
		s.settle(t, "legs", lost)
		bands := newBands()
		claims := j.claims()
		if strings.HasSuffix(s.truth.Scenario, "-h2") && !g.has(keys) {
			claims = j.coarseClaims()
		}
		enterClaims(bands, s, slices.DeleteFunc(slices.Clone(claims), func(c claim) bool { return c.attempt }))
		s.settle(t, "sure", bands[0].untrue())
		s.settle(t, "joined for sure", j.misjoined(g, .99))
		s.settle(t, "attempts", attempts(claims))
		t.Logf("with %s: %d claims, %d wrong; %v", g, bands[0].n, len(bands[0].of)+len(bands[0].crowded), j.count())
	}
}

// coarseClaims lists what the result says for sure, of which only the connections are
// held.
func (j *judge) coarseClaims() (all []claim) {
	for i := range j.ties {
		t := &j.ties[i]
		if t.ambiguous {
			continue
		}
		c := claim{confidence: t.confidence}
		if !slices.ContainsFunc(j.truth.Links, func(l truth.Link) bool { return l.From == t.from.leg && l.To == t.to.leg }) {
			c.wrong = fmt.Sprintf("%s is tied to %s, on which there was nothing of it", j.name(t.from), j.name(t.to))
		}
		all = append(all, c)
	}
	return all
}

// attempts lists the claims of which only the number of the attempt is wrong.
func attempts(claims []claim) (bad []string) {
	for _, c := range claims {
		if c.attempt {
			bad = append(bad, c.wrong)
		}
	}
	return bad
}
