package mesh

import (
	"fmt"
	"slices"

	"github.com/pcapmesh/pcapmesh/internal/assign"
	"github.com/pcapmesh/pcapmesh/internal/fingerprint"
	"github.com/pcapmesh/pcapmesh/mesh/flow"
	"github.com/pcapmesh/pcapmesh/mesh/internal/decide/graph"
	"github.com/pcapmesh/pcapmesh/mesh/internal/index"
)

// joinStreams ties legs that are proxied byte for byte, one to one.
func (c *crossing) joinStreams() {
	downs, ups := c.streams(c.down), c.streams(c.up)
	edges := make([][]int, len(ups))
	for u, up := range ups {
		edges[u] = c.carriers(downs, up)
	}
	a := assign.Match(len(downs), edges)
	for u, up := range ups {
		if a.OfUp[u] < 0 {
			continue
		}
		down := downs[a.OfUp[u]]
		sole := len(a.Up[u]) == 1 && len(a.Down[a.OfUp[u]]) == 1
		l := c.streamLink(down, up, sole)
		if !a.Forced[u] || !c.streamCertain(down, up) {
			l.Ambiguous, l.Proven = true, false
			l.Rivals = streamRivals(ups, a.Down[a.OfUp[u]], u)
			for _, d := range a.Up[u] {
				if len(l.Rivals) == 0 && d != a.OfUp[u] {
					l.Rivals = append(l.Rivals, graph.Rival{Leg: downs[d]})
				}
			}
			l.Confidence = 1 / float64(max(len(l.Rivals), 1)+1)
		}
		c.add(l)
	}
}

// joinEqual ties legs whose streams are equal, where no others are equal to
// them: that is more than what lengths and times say of legs that cannot be
// read, which come next. One TLS connection end to end is equal too.
func (c *crossing) joinEqual() {
	if !slices.ContainsFunc(slices.Concat(c.down, c.up), func(l *graph.Leg) bool { return !l.Readable() }) {
		return
	}
	downs, ups := c.byContent(c.down), c.byContent(c.up)
	for _, up := range c.streams(c.up) {
		k, ok := c.content(up)
		if !ok || len(downs[k]) != 1 || len(ups[k]) != 1 || !legNests(c.x, downs[k][0], up) {
			continue
		}
		if m := compareLegs(c.x, downs[k][0], up); m.verdict == fingerprint.Equal && m.bytes >= minMark {
			c.add(c.streamLink(downs[k][0], up, true))
		}
	}
}

// A content is what went over a leg in both directions.
type content [2]fingerprint.Print

// content returns the content of a leg; ok is false if it is not all known.
func (c *crossing) content(l *graph.Leg) (k content, ok bool) {
	a, b := c.x.Content(l.Conn.Orig), c.x.Content(l.Conn.Reply)
	return content{a.Print, b.Print}, a.Print.Complete() && b.Print.Complete()
}

func (c *crossing) byContent(legs []*graph.Leg) map[content][]*graph.Leg {
	m := make(map[content][]*graph.Leg)
	for _, l := range c.streams(legs) {
		if k, ok := c.content(l); ok {
			m[k] = append(m[k], l)
		}
	}
	return m
}

// carriers lists the downstream legs that up may carry on, none if they are too
// many to tell apart.
func (c *crossing) carriers(downs []*graph.Leg, up *graph.Leg) []int {
	var ds []int
	for d, down := range downs {
		if !c.mayCarry(down, up) {
			continue
		}
		if down.Protocol == "tls" && up.Protocol == "tls" && c.sameStream(down, up) {
			return []int{d} // one TLS connection end to end: its random bytes are its own
		}
		if len(ds) == maxRivals {
			return nil
		}
		ds = append(ds, d)
	}
	return ds
}

// streamCertain tells whether it proves that two legs belong together when
// nothing else fits: because their contents do, or all others were captured.
func (c *crossing) streamCertain(down, up *graph.Leg) bool {
	if c.trust.whole(up.Start, up.End) {
		return true
	}
	return down.Protocol == up.Protocol && c.sameStream(down, up)
}

// sameStream tells whether what was seen of two legs' streams is the same, and
// enough to say something.
func (c *crossing) sameStream(down, up *graph.Leg) bool {
	match := compareLegs(c.x, down, up)
	return match.verdict != fingerprint.Different && match.bytes >= minMark
}

// streamRivals lists the other upstream legs that fit.
func streamRivals(ups []*graph.Leg, fit []int, u int) []graph.Rival {
	var rs []graph.Rival
	for _, v := range fit {
		if v != u {
			rs = append(rs, graph.Rival{Leg: ups[v]})
		}
	}
	return rs
}

// streams lists the legs that are matched as a whole: all that have no
// exchanges of their own and are no pool for others.
func (c *crossing) streams(legs []*graph.Leg) []*graph.Leg {
	var out []*graph.Leg
	for _, l := range legs {
		if len(l.Exchanges) == 0 && !c.busy[l] && l.Protocol != "h2" {
			out = append(out, l)
		}
	}
	return out
}

// mayCarry tells whether the whole leg up may be what the proxy made of down.
func (c *crossing) mayCarry(down, up *graph.Leg) bool {
	if !legNests(c.x, down, up) {
		return false
	}
	if !down.Readable() || !up.Readable() { // else joinCurves compares them
		return down.Protocol == up.Protocol && down.OrigBytes > 0
	}
	if down.Empty() != up.Empty() {
		return up.Empty() && up.Refused(c.x)
	}
	return compareLegs(c.x, down, up).verdict != fingerprint.Different
}

func (c *crossing) streamLink(down, up *graph.Leg, sole bool) *graph.Link {
	l := &graph.Link{From: down, To: up, Attempt: 1, Confidence: graph.SureByTime}
	es := flow.Evidence{Kind: flow.OnlyCandidate, Detail: "no other connection fits in time"}
	if down.Protocol == up.Protocol {
		if m := compareLegs(c.x, down, up); m.verdict == fingerprint.Equal && m.bytes > 0 {
			es = flow.Evidence{Kind: flow.SameBytes, Detail: streamDetail(down, up)}
			l.Confidence, l.Proven = graph.SureByContents, sole
			if sole {
				l.Confidence = graph.SureProven
			}
		}
	}
	for _, h := range []index.HalfNo{down.Conn.Lead(), up.Conn.Lead()} {
		es.Packets = append(es.Packets, c.x.Half(h).First)
	}
	l.Evidence = []flow.Evidence{es}
	if e, ok := adjacency(c.x, down, up); ok {
		l.Evidence = append(l.Evidence, e)
	}
	return l
}

func streamDetail(d, u *graph.Leg) string {
	return fmt.Sprintf("both streams equal, %d bytes sent and %d received", u.Sent(), u.Received())
}
