package crossing

import (
	"fmt"
	"slices"

	"github.com/pcapmesh/pcapmesh/internal/assign"
	"github.com/pcapmesh/pcapmesh/internal/wire/fingerprint"
	"github.com/pcapmesh/pcapmesh/mesh/flow"
	"github.com/pcapmesh/pcapmesh/mesh/internal/decide/graph"
	"github.com/pcapmesh/pcapmesh/mesh/internal/index"
)

// JoinStreams ties legs that are proxied byte for byte, one to one.
func (c *Crossing) JoinStreams() {
	downs, ups := c.streams(c.Down), c.streams(c.Up)
	edges := make([][]int, len(ups))
	for u, up := range index.Each(c.Index, ups) {
		edges[u] = c.carriers(downs, up)
	}
	if c.Index.Stopped() {
		return
	}
	a := assign.Match(len(downs), edges)
	for u, up := range index.Each(c.Index, ups) {
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
		c.Add(l)
	}
}

// JoinEqual ties legs whose streams are equal, where no others are equal to
// them: that is more than what lengths and times say of legs that cannot be
// read, which come next. One TLS connection end to end is equal too.
func (c *Crossing) JoinEqual() {
	if !slices.ContainsFunc(slices.Concat(c.Down, c.Up), func(l *graph.Leg) bool { return !l.Readable() }) {
		return
	}
	downs, ups := c.ByContent(c.Down), c.ByContent(c.Up)
	for _, up := range index.Each(c.Index, c.streams(c.Up)) {
		k, ok := c.Content(up)
		if !ok || len(downs[k]) != 1 || len(ups[k]) != 1 || !LegNests(c.Index, downs[k][0], up) {
			continue
		}
		if m := CompareLegs(c.Index, downs[k][0], up); m.Verdict == fingerprint.Equal && m.bytes >= MinMark {
			c.Add(c.streamLink(downs[k][0], up, true))
		}
	}
}

// A Content is what went over a leg in both directions.
type Content [2]fingerprint.Print

// Content returns the content of a leg; ok is false if it is not all known.
func (c *Crossing) Content(l *graph.Leg) (k Content, ok bool) {
	a, b := c.Index.Content(l.Conn.Orig), c.Index.Content(l.Conn.Reply)
	return Content{a.Print, b.Print}, a.Print.Complete() && b.Print.Complete()
}

// ByContent finds legs by what they carried, as far as that is known.
func (c *Crossing) ByContent(legs []*graph.Leg) map[Content][]*graph.Leg {
	m := make(map[Content][]*graph.Leg)
	for _, l := range c.streams(legs) {
		if k, ok := c.Content(l); ok {
			m[k] = append(m[k], l)
		}
	}
	return m
}

// carriers lists the downstream legs that up may carry on, none if they are too
// many to tell apart.
func (c *Crossing) carriers(downs []*graph.Leg, up *graph.Leg) []int {
	var ds []int
	for d, down := range downs {
		if !c.mayCarry(down, up) {
			continue
		}
		if down.Protocol == flow.ProtocolTLS && up.Protocol == flow.ProtocolTLS && c.SameStream(down, up) {
			return []int{d} // one TLS connection end to end: its random bytes are its own
		}
		if len(ds) == MaxRivals {
			return nil
		}
		ds = append(ds, d)
	}
	return ds
}

// streamCertain reports whether it proves that two legs belong together when
// nothing else fits: because their contents do, or all others were captured. A leg that
// another was opened for had been seen by then.
func (c *Crossing) streamCertain(down, up *graph.Leg) bool {
	began := int64(up.Start)
	if up.Midstream && up.Empty() {
		return false // what it carried, it carried before the capture
	}
	if clear(c.Trust.lives, began, int64(up.End)) && clear(c.Trust.blind, began, began) {
		return true
	}
	return down.Protocol == up.Protocol && c.SameStream(down, up)
}

// SameStream reports whether what was seen of two legs' streams is the same, and
// enough to say something.
func (c *Crossing) SameStream(down, up *graph.Leg) bool {
	match := CompareLegs(c.Index, down, up)
	return match.Verdict != fingerprint.Different && match.bytes >= MinMark
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
func (c *Crossing) streams(legs []*graph.Leg) []*graph.Leg {
	var out []*graph.Leg
	for _, l := range legs {
		if len(l.Exchanges) == 0 && !c.Busy[l] && l.Protocol != flow.ProtocolHTTP2 {
			out = append(out, l)
		}
	}
	return out
}

// mayCarry reports whether the whole leg up may be what the proxy made of down.
func (c *Crossing) mayCarry(down, up *graph.Leg) bool {
	if !down.Readable() || !up.Readable() { // else algebra.JoinCurves compares them
		return down.Protocol == up.Protocol && down.OrigBytes > 0 && bytesNest(c.Index, down, up) && c.mayBeOne(down, up) &&
			(!c.Orphaned[down] && !c.Orphaned[up] || c.SameStream(down, up))
	}
	if !LegNests(c.Index, down, up) || (c.Orphaned[down] || c.Orphaned[up]) && !c.SameStream(down, up) {
		return false
	}
	if down.Empty() != up.Empty() {
		return up.Empty() && up.Refused(c.Index)
	}
	m := CompareLegs(c.Index, down, up)
	return m.Verdict != fingerprint.Different && (dialledAfter(down, up) || m.Verdict == fingerprint.Equal && m.bytes >= MinMark)
}

// mayBeOne reports whether two legs that cannot be read may be one TLS connection, which
// the proxy passes on as it is: it begins the same, with the client's random bytes, and
// goes on the same but for what was cut off. Where the proxy has a TLS of its own,
// nothing is left that times would only have to confirm.
func (c *Crossing) mayBeOne(down, up *graph.Leg) bool {
	if CompareLegs(c.Index, down, up).Verdict != fingerprint.Different {
		return true
	}
	p, q := c.Index.Content(down.Conn.Orig).Print, c.Index.Content(up.Conn.Orig).Print
	return p.Known&q.Known&fingerprint.KnownFirst != 0 && p.First == q.First
}

func (c *Crossing) streamLink(down, up *graph.Leg, sole bool) *graph.Link {
	l := &graph.Link{From: down, To: up, Attempt: 1, Confidence: graph.SureByTime}
	es := flow.Evidence{Kind: flow.OnlyCandidate, Detail: "no other connection fits in time"}
	if down.Protocol == up.Protocol {
		if m := CompareLegs(c.Index, down, up); m.Verdict == fingerprint.Equal && m.bytes > 0 {
			es = flow.Evidence{Kind: flow.SameBytes, Detail: streamDetail(up)}
			l.Confidence, l.Proven = graph.SureByContents, sole
			if sole {
				l.Confidence = graph.SureProven
			}
		}
	}
	for _, h := range []index.HalfNo{down.Conn.Lead(), up.Conn.Lead()} {
		es.Packets = append(es.Packets, c.Index.Half(h).First)
	}
	l.Evidence = []flow.Evidence{es}
	if e, ok := adjacency(c.Index, down, up); ok {
		l.Evidence = append(l.Evidence, e)
	}
	return l
}

func streamDetail(u *graph.Leg) string {
	return fmt.Sprintf("both streams equal, %d bytes sent and %d received", u.Sent(), u.Received())
}
