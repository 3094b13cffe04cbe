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
		enterClaims(bands, s, slices.DeleteFunc(slices.Clone(claims), func(c claim) bool { return c.attempt }))
		s.settle(t, "sure", bands[0].untrue())
		if wrong := bands[1].of; strings.HasSuffix(s.truth.Scenario, "-h2") && bands[1].n >= enough && len(wrong)*20 > bands[1].n {
			s.settle(t, "of HTTP/2", wrong) // of which all is said at less than 0.99 without keys
		}
		s.settle(t, "joined for sure", j.misjoined(g, .99))
		s.settle(t, "attempts", attempts(claims))
		t.Logf("with %s: %d claims, %d wrong; %v", g, bands[0].n, len(bands[0].of)+len(bands[0].crowded), j.count())
	}
}

// enough is how many claims of one run tell how many of them are wrong.
const enough = 40

// attempts lists the claims of which only the number of the attempt is wrong.
func attempts(claims []claim) (bad []string) {
	for _, c := range claims {
		if c.attempt {
			bad = append(bad, c.wrong)
		}
	}
	return bad
}
