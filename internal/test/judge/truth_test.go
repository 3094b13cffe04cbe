package judge

import (
	"fmt"
	"testing"

	"github.com/pcapmesh/pcapmesh/mesh"
)

// Every shipped scenario comes out as it really was.
func TestTruth(t *testing.T) {
	each(t, func(t *testing.T, s *scene) { s.hold(t) })
}

// hold runs all checks of legs and links.
func (s *scene) hold(t *testing.T) {
	j := newJudge(s.truth, s.stitch(t, mesh.Options{}))
	torn, bad := j.halfFlows()
	s.settle(t, "half-flows", bad)
	t.Logf("half-flows: %d of %d joined", torn-len(bad), torn)
	bad = j.legs()
	s.settle(t, "legs", bad)
	t.Logf("legs: %d, things wrong: %d", len(s.truth.Legs), len(bad))
	s.settle(t, "paths", j.paths())
	bad = j.wrong()
	s.settle(t, "wrong", s.expected().within(bad, j))
	c := j.count()
	t.Logf("links: %v, WRONG: %d", c, len(bad))
	s.settle(t, "links", c.short(s.expected()))
}

// A count says what became of the links of a scenario.
type count struct {
	separable, other [4]int // by verdict
	lost             []string
}

func (j *judge) count() count {
	var c count
	for i := range j.truth.Links {
		l := &j.truth.Links[i]
		v := j.link(l)
		if !l.Separable {
			c.other[v]++
		} else {
			c.separable[v]++
		}
		if v != right && (l.Separable || v != ambiguousWith) {
			c.lost = append(c.lost, fmt.Sprintf("%s, %s %s to %s: %v", j.name(end{l.From, l.FromExchange}), l.Method, l.Target, j.name(end{l.To, l.ToExchange}), v))
		}
	}
	return c
}

func (v verdict) String() string {
	return [...]string{"missing", "ambiguous without the true one", "ambiguous", "right"}[v]
}

func (c count) String() string {
	of := func(n [4]int) string {
		return fmt.Sprintf("%d right, %d ambiguous with and %d without the true one, %d missing", n[right], n[ambiguousWith], n[ambiguousWithout], n[missing])
	}
	return fmt.Sprintf("separable: %s; others: %s", of(c.separable), of(c.other))
}

// short says by how much the links fall short of what is expected. What cannot
// be told apart may be ambiguous, with the true one among the rivals.
func (c count) short(e expectation) []string {
	n := 0
	for _, k := range c.separable {
		n += k
	}
	others := e.bar != nil || (e.gaps || c.other[missing] == 0) && c.other[ambiguousWithout] == 0
	if float64(c.separable[right])*100 >= e.recall*float64(n) && c.separable[ambiguousWithout] == 0 && others {
		return nil
	}
	return append([]string{fmt.Sprintf("%v, at least %.1f %% of %d right expected", c, e.recall, n)}, c.lost...)
}

// lacking says which links are neither found nor named as a rival.
func (c count) lacking(e expectation) []string {
	others := c.other[missing] + c.other[ambiguousWithout]
	if c.separable[missing]+c.separable[ambiguousWithout] == 0 && (others == 0 || e.bar != nil) {
		return nil
	}
	return append([]string{c.String()}, c.lost...)
}
