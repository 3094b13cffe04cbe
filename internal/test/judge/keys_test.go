package judge

import (
	"fmt"
	"path/filepath"
	"testing"

	"github.com/pcapmesh/pcapmesh/mesh"
)

// With the TLS key log of a scenario everything is tied, and all bytes are
// those of the applications.
func TestKeys(t *testing.T) {
	each(t, func(t *testing.T, s *scene) { s.holdKeys(t) })
}

func (s *scene) holdKeys(t *testing.T) {
	if s.truth.Keys == "" {
		t.Skip("nobody speaks TLS")
	}
	r := s.stitch(t, mesh.Options{KeyLogs: []string{filepath.Join(s.dir, s.truth.Keys)}})
	j := newJudge(s.truth, r)
	bad := j.wrong()
	s.settle(t, "keys: wrong", bad)
	c := j.count()
	t.Logf("links: %v, WRONG: %d", c, len(bad))
	if !s.complete() {
		s.settle(t, "keys: links", c.below(bars()[s.truth.Scenario].recall))
		return
	}
	s.settle(t, "keys: links", c.below(100))
	s.settle(t, "keys: legs", append(j.legs(), j.unopened()...))
	s.settle(t, "keys: paths", j.paths())
	n, bad := j.exchangeBytes(t)
	s.settle(t, "keys: bytes of exchanges", bad)
	streams := follow(t, r)
	m, bad := j.conversations(streams, false)
	s.settle(t, "keys: bytes", bad)
	t.Logf("%d exchanges and %d conversations held against the truth", n, m)
	s.settle(t, "keys: read back", compare(streams, readFile(t, write(t, r, nil)).streams()))
}

// below says that less is right of all links, in percent.
func (c count) below(least float64) []string {
	all := 0
	for v := range c.other {
		all += c.separable[v] + c.other[v]
	}
	if percent(c.separable[right]+c.other[right], all) >= least {
		return nil
	}
	return append([]string{fmt.Sprintf("at least %.1f %% right expected: %v", least, c)}, c.lost...)
}

// complete reports whether no leg misses bytes.
func (s *scene) complete() bool {
	for i := range s.truth.Legs {
		if !s.truth.Legs[i].Complete {
			return false
		}
	}
	return true
}

// unopened lists the legs that could not be decrypted.
func (j *judge) unopened() (bad []string) {
	for i := range j.truth.Legs {
		if w := &j.truth.Legs[i]; w.Encrypted && j.m.sealed(w) {
			bad = append(bad, fmt.Sprintf("%s %s > %s is not decrypted", w.ID, w.OrigSrc, w.OrigDst))
		}
	}
	return bad
}
