package judge

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/pcapmesh/pcapmesh/capture"
	"github.com/pcapmesh/pcapmesh/internal/test/truth"
	"github.com/pcapmesh/pcapmesh/mesh"
	"github.com/pcapmesh/pcapmesh/mesh/flow"
)

// A bar is what must hold of the links over encrypted legs, without keys.
type bar struct {
	recall float64 // right of all true links, in percent, at the least
	wrong  float64 // of what is said for sure, in percent, at the most
	named  bool    // what is not right is ambiguous with the true one among the rivals
	path   float64 // of the true links, those whose legs are joined for sure, in percent, at the least
}

// bars are those of scenarios with legs that cannot be read.
func bars() map[string]bar {
	exact, pooled := bar{recall: 99.5}, bar{recall: 99}
	lossy, missing := bar{recall: 97, wrong: 0.5}, bar{recall: 93, wrong: 0.5}
	return map[string]bar{
		"inbound-mtls-tcp": exact, "mtls-tcp": exact, "mtls-tcp-tls12": exact,
		"inbound-mtls-pooled": pooled, "inbound-permissive": pooled, "outbound-vip-mtls": pooled,
		"mtls-http": pooled, "mtls-http-tls12": pooled, "mtls-go-proxy": pooled, "mtls-workers": pooled, "mtls-streaming": pooled, "mtls-outbound": pooled,
		"envoy-mtls-http": exact, "envoy-mtls-tcp": exact, "envoy-outbound-mtls": exact,
		"mtls-tcp-lossy": lossy, "mtls-http-lossy": lossy, "mtls-outbound-lossy": lossy,
		"mtls-tcp-missing": missing, "mtls-http-missing": missing, "mtls-outbound-missing": missing,
		"mtls-saturated":        {recall: 75, wrong: 0.3, named: true},
		"mtls-saturated-unfair": {wrong: 1},
		"mtls-burst":            {wrong: 1}, "mtls-burst-tcp": {wrong: 1},
		"mtls-http-snaplen": {wrong: 1}, // of records that begin in the middle of a packet, nothing is known
		"mtls-h2-in":        {recall: 80, wrong: 1, path: 70},
		"mtls-h2-both":      {recall: 70, wrong: 1, path: 95}, "mtls-grpc": {wrong: 2},
	}
}

// Legs that cannot be read are tied to those that can, by exchange, without
// keys and logs. Of captures that nobody has seen, which differ from seed to seed, what is
// wrong and whose legs are joined is held of all of a scenario together, and no recall.
func TestHidden(t *testing.T) {
	var table strings.Builder
	sums := make(map[string]*score)
	each(t, func(t *testing.T, s *scene) {
		if _, ok := bars()[s.truth.Scenario]; !ok {
			return // no leg is encrypted
		}
		c := newJudge(s.truth, s.stitch(t, mesh.Options{})).score()
		fmt.Fprintf(&table, "%-28s %s\n", strings.TrimPrefix(t.Name(), "TestHidden/"), c)
		if s.dir == pcaps {
			s.settle(t, "hidden", c.below(bars()[s.truth.Scenario]))
			return
		}
		if sums[s.truth.Scenario] == nil {
			sums[s.truth.Scenario] = new(score)
		}
		sums[s.truth.Scenario].add(c)
	})
	t.Log("\n" + table.String())
	for _, name := range slices.Sorted(maps.Keys(sums)) {
		b := bars()[name]
		t.Logf("%s, all seeds: %s", name, sums[name])
		complain(t, name+", all seeds", sums[name].below(bar{wrong: b.wrong, path: b.path}))
	}
}

// holdHidden holds the legs of one scenario that cannot be read.
func (s *scene) holdHidden(t *testing.T) {
	if b, ok := bars()[s.truth.Scenario]; ok {
		c := newJudge(s.truth, s.stitch(t, mesh.Options{})).score()
		t.Log(c)
		s.settle(t, "hidden", c.below(b))
	}
}

// The same where one packet in a hundred is missing from the captures.
func TestHiddenMissing(t *testing.T) {
	for _, name := range []string{"mtls-tcp", "mtls-http", "mtls-outbound"} {
		s := load(t, truth.Path(pcaps, name))
		for seed := range uint64(3) {
			t.Run(fmt.Sprint(name, " seed ", seed), func(t *testing.T) {
				rng := rand.New(rand.NewPCG(seed, 0x706d))
				s.holdSpoilt(t, bars()[name+"-missing"], func(*capture.Packet) bool { return rng.IntN(100) > 0 })
			})
		}
	}
}

// The same where packets are cut after 96 bytes.
func TestHiddenCut(t *testing.T) {
	load(t, truth.Path(pcaps, "mtls-http")).holdSpoilt(t, bars()["mtls-http-snaplen"], func(p *capture.Packet) bool {
		p.Data = p.Data[:min(len(p.Data), 96)]
		return true
	})
}

// holdSpoilt checks what is found in the captures when packets are changed or
// taken out.
func (s *scene) holdSpoilt(t *testing.T, b bar, spoil func(*capture.Packet) bool) {
	all := s.tapes(t)
	edit(all, spoil)
	inputs, truth := writeTapes(t, all), s.holed()
	found := newJudge(truth, stitch(t, inputs, mesh.Options{})).score()
	t.Log(found)
	complain(t, "hidden", found.below(b))
	j := newJudge(truth, stitch(t, inputs, mesh.Options{KeyLogs: []string{filepath.Join(s.dir, s.truth.Keys)}}))
	c := j.count()
	t.Logf("with keys: %v", c)
	complain(t, "with keys: wrong", j.wrong())
	complain(t, "with keys", c.below(b.recall))
}

// holed is the truth of captures that miss bytes on every leg.
func (s *scene) holed() *truth.Truth {
	c := *s.truth
	c.Legs = slices.Clone(c.Legs)
	for i := range c.Legs {
		c.Legs[i].Complete = false
	}
	return &c
}

// A score counts what became of the links over encrypted legs.
type score struct {
	links [4]int // by verdict
	all   int
	guess int // ambiguous, where the best guess is the true one
	legs  int // whose legs are joined for sure, whatever exchanges of them
	sure  int // ties that are not ambiguous
	wrong []string
	lost  []string // links that are not right
}

func (c *score) String() string {
	return fmt.Sprintf("%5.1f %% right (%d of %d), %.1f %% by leg, %d ambiguous with the true one (%d of them guessed right), %d without, %d missing; wrong %.2f %% (%d of %d)",
		percent(c.links[right], c.all), c.links[right], c.all, percent(c.legs, c.all), c.links[ambiguousWith], c.guess, c.links[ambiguousWithout], c.links[missing],
		percent(len(c.wrong), c.sure), len(c.wrong), c.sure)
}

// add counts what o counts too.
func (c *score) add(o *score) {
	for v, n := range o.links {
		c.links[v] += n
	}
	c.all, c.guess, c.legs, c.sure = c.all+o.all, c.guess+o.guess, c.legs+o.legs, c.sure+o.sure
	c.wrong = append(c.wrong, o.wrong...)
}

func percent(n, of int) float64 {
	if of == 0 {
		return 0
	}
	return 100 * float64(n) / float64(of)
}

// below says what is not as good as the bar.
func (c *score) below(b bar) (bad []string) {
	if percent(c.links[right], c.all) < b.recall {
		bad = append(bad, append([]string{fmt.Sprintf("%.2f %% right, at least %.1f expected", percent(c.links[right], c.all), b.recall)}, c.lost...)...)
	}
	if percent(c.legs, c.all) < b.path {
		bad = append(bad, fmt.Sprintf("the legs of %.2f %% are joined for sure, at least %.1f expected", percent(c.legs, c.all), b.path))
	}
	if percent(len(c.wrong), c.sure) > b.wrong {
		bad = append(bad, append([]string{fmt.Sprintf("%.2f %% wrong, at most %.1f allowed", percent(len(c.wrong), c.sure), b.wrong)}, c.wrong...)...)
	}
	if n := c.links[ambiguousWithout] + c.links[missing] - len(c.wrong); b.named && n > 0 {
		bad = append(bad, fmt.Sprintf("of %d links neither is the true one named nor another claimed for sure", n))
	}
	return bad
}

// score judges the links over encrypted legs, exchange by exchange.
func (j *judge) score() *score {
	c := new(score)
	for i := range j.truth.Links {
		l := &j.truth.Links[i]
		if !j.sealed(l.From) && !j.sealed(l.To) {
			continue
		}
		v, guessed := j.fine(l)
		c.all++
		if j.joined(l) {
			c.legs++
		}
		c.links[v]++
		if v == ambiguousWith && guessed {
			c.guess++
		}
		if v != right {
			c.lost = append(c.lost, fmt.Sprintf("%s, %s %s to %s: %v", j.name(end{l.From, l.FromExchange}), l.Method, l.Target, j.name(end{l.To, l.ToExchange}), v))
		}
	}
	for i := range j.ties {
		t := &j.ties[i]
		if t.ambiguous || !j.sealed(t.from.leg) && !j.sealed(t.to.leg) {
			continue
		}
		c.sure++
		if j.linkOf(t) == nil {
			c.wrong = append(c.wrong, fmt.Sprintf("%s is tied to %s (%.3f); the truth is %s", j.name(t.from), j.name(t.to), t.confidence, j.served(t.from)))
		}
	}
	return c
}

// joined reports whether the legs of a link are joined for sure.
func (j *judge) joined(l *truth.Link) bool {
	return slices.ContainsFunc(j.r.Joins, func(n flow.Join) bool {
		return !n.Ambiguous && j.end(spot{leg: n.From}).leg == l.From && j.end(spot{leg: n.To}).leg == l.To
	})
}

// fine judges a link by what is said of its very exchange; a tie of whole legs
// says nothing of one. guessed reports whether what an ambiguous tie prefers is
// the true one.
func (j *judge) fine(l *truth.Link) (v verdict, guessed bool) {
	from, to := end{l.From, l.FromExchange}, end{l.To, l.ToExchange}
	for i := range j.ties {
		t := &j.ties[i]
		if t.from != from {
			continue
		}
		switch {
		case t.to == to && !t.ambiguous:
			return right, true
		case !t.ambiguous: // something else is claimed
		case t.to == to:
			v, guessed = ambiguousWith, true
		case t.has(to):
			v = max(v, ambiguousWith)
		default:
			v = max(v, ambiguousWithout)
		}
	}
	return v, guessed
}

func (t *tie) has(e end) bool {
	for _, r := range t.rivals {
		if r == e {
			return true
		}
	}
	return false
}

// A bucket counts joins of some confidence.
type bucket struct {
	least float64
	n     int
	right int
}

// Confidence says how many joins are right.
func TestConfidence(t *testing.T) {
	buckets := []bucket{{least: 0.99}, {least: 0.9}, {least: 0.6}, {least: 0.3}, {least: 0}}
	each(t, func(t *testing.T, s *scene) {
		j := newJudge(s.truth, s.stitch(t, mesh.Options{}))
		for i := range j.ties {
			j.enter(buckets, &j.ties[i])
		}
	})
	n, right := 0, 0
	for _, b := range buckets[:2] {
		n, right = n+b.n, right+b.right
		t.Logf("confidence %.2f and more: %d joins, %.2f %% right", b.least, n, percent(right, n))
		if percent(right, n) < 100*b.least {
			t.Errorf("of %d joins with confidence %.2f and more, %d are right", n, b.least, right)
		}
	}
	for _, b := range buckets[2:] {
		t.Logf("confidence from %.2f to the next: %d joins, %.2f %% right", b.least, b.n, percent(b.right, b.n))
	}
}

// enter counts a tie over an encrypted leg in its bucket.
func (j *judge) enter(buckets []bucket, t *tie) {
	if !j.sealed(t.from.leg) && !j.sealed(t.to.leg) {
		return
	}
	for i := range buckets {
		if b := &buckets[i]; t.confidence >= b.least {
			b.n++
			if j.linkOf(t) != nil {
				b.right++
			}
			return
		}
	}
}
