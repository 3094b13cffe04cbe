package judge

import (
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"testing"

	"github.com/pcapmesh/pcapmesh/internal/test/truth"
	"github.com/pcapmesh/pcapmesh/mesh"
	"github.com/pcapmesh/pcapmesh/mesh/record"
)

// A given is what is given beside captures: a set of what there may be.
type given uint

const (
	keys given = 1 << iota
	accessLogs
	conntracks
	everything given = 1<<iota - 1
)

func (g given) String() string {
	s := "captures"
	for i, name := range [...]string{"keys", "access logs", "conntrack"} {
		if g&(1<<i) != 0 {
			s += ", " + name
		}
	}
	return s
}

// has reports whether all of o is given in g.
func (g given) has(o given) bool { return g&o == o }

// available returns what of everything the scene has.
func (s *scene) available() (g given) {
	all := s.records()
	if s.truth.Keys != "" {
		g |= keys
	}
	if len(all.AccessLogs) > 0 {
		g |= accessLogs
	}
	if len(all.Conntrack) > 0 {
		g |= conntracks
	}
	return g
}

// pods names the pods of the scene's captures.
func (s *scene) pods() (names []string) {
	for _, in := range s.inputs {
		if !slices.Contains(names, in.Pod) {
			names = append(names, in.Pod)
		}
	}
	return names
}

// alone returns the scene as one of its pods shows it.
func (s *scene) alone(pod string) *scene {
	one := *s
	one.inputs = slices.DeleteFunc(slices.Clone(s.inputs), func(in mesh.Input) bool { return in.Pod != pod })
	one.pod = pod
	return &one
}

// with stitches the scene with what is given.
func (s *scene) with(t *testing.T, g given) *judge {
	var o mesh.Options
	all := s.records()
	if g.has(keys) {
		o.KeyLogs = []string{filepath.Join(s.dir, s.truth.Keys)}
	}
	if g.has(accessLogs) {
		o.Records.AccessLogs = all.AccessLogs
	}
	if g.has(conntracks) {
		o.Records.Conntrack = all.Conntrack
	}
	return newJudge(s.truth, s.stitch(t, o))
}

// A claim is a tie that is not ambiguous, and what is wrong with it; "" if it is true.
type claim struct {
	confidence float64
	wrong      string
	known      bool // both ends are exchanges, or legs, of the truth
	attempt    bool // only the number of the attempt is wrong
}

// claims lists what the result says for sure.
func (j *judge) claims() (all []claim) {
	for i := range j.ties {
		t := &j.ties[i]
		if t.ambiguous {
			continue
		}
		c := claim{confidence: t.confidence, known: t.from.no != strange && t.to.no != strange && t.from.leg != "?" && t.to.leg != "?"}
		switch l := j.linkOf(t); {
		case l == nil && j.caused(t):
		case l == nil:
			c.wrong = fmt.Sprintf("%s is tied to %s; the truth is %s", j.name(t.from), j.name(t.to), j.served(t.from))
		case t.attempt != 0 && l.Attempt != t.attempt && t.from.no >= 0 && t.to.no >= 0:
			c.attempt = true
			c.wrong = fmt.Sprintf("%s is attempt %d of %s, not %d", j.name(t.to), l.Attempt, j.name(t.from), t.attempt)
		}
		all = append(all, c)
	}
	return all
}

// A band counts the claims of a confidence.
type band struct {
	name        string
	least       float64
	n           int
	of, crowded []string // what is wrong; of saturated proxies apart
	queued      int      // claims on saturated proxies
}

// newBands are the bands of what is claimed, the surest first.
func newBands() []band {
	return []band{{name: "0.99 and more", least: .99}, {name: "0.9 and more", least: .9}, {name: "less"}}
}

// saturated reports whether the proxy of the scene has so much to do that only order
// tells its exchanges apart.
func (s *scene) saturated() bool {
	return slices.Contains([]string{"mtls-saturated", "mtls-saturated-unfair", "envoy-mtls-saturated",
		"envoy-mtls-crowd", "envoy-mtls-crowd-one", "envoy-mtls-crowd-four"}, s.truth.Scenario)
}

// What is claimed is true, whatever is given beside captures: at a confidence of 0.99
// and more nothing is wrong, but for one in 300 on a saturated proxy, from 0.9 on at most
// three in a hundred, and nothing is claimed below that.
//
// And more is never worse: what is right with some of it is right with more, and what is
// right with the captures of one pod is with those of the other too, and so for any part
// of a log.
func TestClaims(t *testing.T) {
	table := make(map[given][]band)
	each(t, func(t *testing.T, s *scene) {
		told := make(map[given][]bool) // by link of the truth: it is right
		for g := range everything + 1 {
			if !s.available().has(g) {
				continue
			}
			j := s.with(t, g)
			if table[g] == nil {
				table[g] = newBands()
			}
			enterClaims(table[g], s, j.claims())
			for i := range s.truth.Links {
				told[g] = append(told[g], j.link(&s.truth.Links[i]) == right)
			}
			s.settle(t, "in doubt for no reason", j.unreasoned(g))
			s.settle(t, "joined for sure", j.misjoined(g, 0))
			s.settle(t, "of a client for sure", j.foisted(g))
		}
		s.settle(t, "more is worse", shrinking(told))
		s.settle(t, "the other pod is worse", s.lost(t, told))
		s.settle(t, "more of the log is worse", s.parted(t, told))
	})
	for g := range everything + 1 {
		for _, b := range table[g] {
			b.hold(t, g)
		}
	}
}

// unreasoned lists what is in doubt though nothing else is named. Where packets are
// missing, what may be the right one may not have been captured.
func (j *judge) unreasoned(g given) (bad []string) {
	if slices.ContainsFunc(j.truth.Legs, func(l truth.Leg) bool { return !l.Complete }) {
		return nil
	}
	for i := range j.ties {
		if t := &j.ties[i]; t.ambiguous && len(t.rivals) == 0 {
			bad = append(bad, fmt.Sprintf("with %s: %s to %s, %s", g, j.name(t.from), j.name(t.to), t.detail))
		}
	}
	return bad
}

// foisted lists what is in doubt, and said to be of a client for sure that it is not of.
func (j *judge) foisted(g given) (bad []string) {
	for i := range j.ties {
		t := &j.ties[i]
		of := func(l truth.Link) bool { return l.To == t.to.leg && l.ToExchange == t.to.no && l.From == t.from.leg }
		if t.caused && !slices.ContainsFunc(j.truth.Links, of) {
			bad = append(bad, fmt.Sprintf("with %s: %s is none of %s, %s", g, j.name(t.to), t.from.leg, t.detail))
		}
	}
	return bad
}

// misjoined lists joins that are not ambiguous, of legs that nothing ties, with some
// confidence at the least.
func (j *judge) misjoined(g given, least float64) (bad []string) {
	for i := range j.r.Joins {
		n := &j.r.Joins[i]
		t := j.join(n)
		tied := func(l truth.Link) bool { return l.From == t.from.leg && l.To == t.to.leg }
		if !n.Ambiguous && n.Confidence >= least && !slices.ContainsFunc(j.truth.Links, tied) && !j.caused(&t) {
			bad = append(bad, fmt.Sprintf("with %s: %s to %s (%.3f), %s", g, j.name(t.from), j.name(t.to), n.Confidence, t.detail))
		}
	}
	return bad
}

// lost lists links that are right as one of several pods shows them and not as all do.
func (s *scene) lost(t *testing.T, told map[given][]bool) (bad []string) {
	pods := s.pods()
	if len(pods) == 1 {
		return nil
	}
	for _, pod := range pods {
		for g := range everything + 1 {
			if told[g] == nil {
				continue
			}
			j := s.alone(pod).with(t, g)
			for i := range s.truth.Links {
				if j.link(&s.truth.Links[i]) == right && !told[g][i] {
					bad = append(bad, fmt.Sprintf("link %d is right with pod %s and not with all, with %s", i, pod, g))
				}
			}
		}
	}
	return bad
}

// parts are logs of which lines are missing.
func parts() []wear {
	nth := func(n int) func(*rand.Rand, []string) []string {
		return func(_ *rand.Rand, lines []string) (some []string) {
			for i := 0; i < len(lines); i += n {
				some = append(some, lines[i])
			}
			return some
		}
	}
	return []wear{
		{name: "the first half", do: func(_ *rand.Rand, lines []string) []string { return lines[:len(lines)/2] }},
		{name: "the second half", do: func(_ *rand.Rand, lines []string) []string { return lines[len(lines)/2:] }},
		{name: "every second line", do: nth(2)},
		{name: "every fifth line", do: nth(5)},
	}
}

// parted lists links that are right without a log and not with a part of it, or with a
// part and not with all of it.
func (s *scene) parted(t *testing.T, told map[given][]bool) (bad []string) {
	if !s.available().has(accessLogs) {
		return nil
	}
	for _, w := range parts() {
		j := newJudge(s.truth, s.stitch(t, mesh.Options{Records: record.Files{AccessLogs: s.worn(t, w)}}))
		for i := range s.truth.Links {
			switch is := j.link(&s.truth.Links[i]) == right; {
			case told[0][i] && !is:
				bad = append(bad, fmt.Sprintf("link %d is right without a log and not with %s of it", i, w.name))
			case is && !told[accessLogs][i]:
				bad = append(bad, fmt.Sprintf("link %d is right with %s of the log and not with all", i, w.name))
			}
		}
	}
	return bad
}

// shrinking lists links that are right with something given and not with more.
func shrinking(told map[given][]bool) (bad []string) {
	for g := range everything + 1 {
		for more := g + 1; more <= everything; more++ {
			if told[g] == nil || told[more] == nil || !more.has(g) {
				continue
			}
			for i := range told[g] {
				if told[g][i] && !told[more][i] {
					bad = append(bad, fmt.Sprintf("link %d is right with %s and not with %s", i, g, more))
				}
			}
		}
	}
	return bad
}

// enterClaims counts claims in their bands.
func enterClaims(bands []band, s *scene, claims []claim) {
	for _, c := range claims {
		i := slices.IndexFunc(bands, func(b band) bool { return c.confidence >= b.least })
		b := &bands[i]
		b.n++
		if s.saturated() {
			b.queued++
		}
		switch {
		case c.wrong == "":
		case s.saturated():
			b.crowded = append(b.crowded, s.truth.Scenario+": "+c.wrong)
		default:
			b.of = append(b.of, s.truth.Scenario+": "+c.wrong)
		}
	}
}

// untrue lists what is wrong with claims that should be sure.
func (b *band) untrue() []string {
	if 300*len(b.crowded) > b.queued {
		return append(b.of, b.crowded...)
	}
	return b.of
}

// hold holds a band against what it may have.
func (b *band) hold(t *testing.T, g given) {
	t.Helper()
	wrong := append(b.of, b.crowded...)
	t.Logf("with %s, confidence %s: %d claims, %d wrong", g, b.name, b.n, len(wrong))
	var bad []string
	switch {
	case b.least >= .99:
		bad = b.untrue()
	case b.least > 0 && 100*len(wrong) > 3*b.n:
		bad = wrong
	case b.least == 0 && b.n > 0:
		bad = []string{fmt.Sprintf("%d claims with less than 0.9", b.n)}
	}
	complain(t, fmt.Sprintf("with %s, confidence %s", g, b.name), bad)
}
