package logged

import (
	"cmp"
	"slices"

	"github.com/pcapmesh/pcapmesh/internal/assign"
	"github.com/pcapmesh/pcapmesh/internal/wire/fingerprint"
	"github.com/pcapmesh/pcapmesh/mesh/flow"
	"github.com/pcapmesh/pcapmesh/mesh/internal/decide/crossing"
	"github.com/pcapmesh/pcapmesh/mesh/internal/decide/graph"
	"github.com/pcapmesh/pcapmesh/mesh/internal/recorded"
)

// passes reports whether the proxy forwards d as bytes: neither leg has an exchange, one
// of them carries what is no HTTP, whatever turns tell of the other, or one TLS
// connection goes through both.
func passes(c *crossing.Crossing, d, u *graph.Leg) bool {
	if u == nil {
		return false
	}
	none := len(told(d)) == 0 && len(told(u)) == 0
	unread := len(d.Exchanges) == 0 && len(u.Exchanges) == 0
	return none || unread && (bare(d) || bare(u)) || d.Protocol == flow.ProtocolTLS && u.Protocol == flow.ProtocolTLS && c.SameStream(d, u)
}

// bare reports whether a leg carries bytes that are neither HTTP nor TLS.
func bare(l *graph.Leg) bool { return l.Protocol == flow.ProtocolTCP && !l.Empty() }

// takeWhole ties two connections that the proxy forwards as bytes: of those with
// the ends that the line names, the only two that go together at its time.
func takeWhole(c *crossing.Crossing, e *logEntry) {
	var pairs [][2]*graph.Leg
	for _, d := range alikeLegs(e.NamedLine.Line, c.Down, e.Down) {
		for _, u := range alikeLegs(e.NamedLine.Line, c.Up, e.Up) {
			if !c.Busy[d] && !c.Busy[u] && crossing.LegNests(c.Index, d, u) && !others(c, d, u) {
				pairs = append(pairs, [2]*graph.Leg{d, u})
			}
		}
	}
	if len(pairs) > 1 {
		pairs = nearestPair(e.NamedLine.Line, pairs)
	}
	switch {
	case len(pairs) == 1:
		e.Down, e.Up = pairs[0][0], pairs[0][1]
		e.Down.Log = e.Line
		c.Wholes[e.Down], c.Wholes[e.Up] = e.Up, e.Down
		c.Add(&graph.Link{From: e.Down, To: e.Up, Attempt: 1, Confidence: graph.SureProven, Proven: true, Evidence: []flow.Evidence{evidence(c, e.NamedLine, e.Up, nil, nil)}})
	case len(pairs) == 0 && !c.Busy[e.Down] && !c.Busy[e.Up] && onlyAlike(e.NamedLine.Line, c.Down, e.Down) && onlyAlike(e.NamedLine.Line, c.Up, e.Up):
		contradict(c, e.NamedLine)
	}
}

// others reports whether two legs carry streams that differ where both can be read, or
// where neither can and another client's is that of u.
func others(c *crossing.Crossing, d, u *graph.Leg) bool {
	if !d.Readable() && d.Protocol == u.Protocol {
		return another(c, d, u)
	}
	return d.Readable() && u.Readable() && !d.Empty() && !u.Empty() && crossing.CompareLegs(c.Index, d, u).Verdict == fingerprint.Different
}

// another reports whether u carries the stream of another client than d.
func another(c *crossing.Crossing, d, u *graph.Leg) bool {
	of, known := c.Content(u)
	own, ownKnown := c.Content(d)
	if !known || !ownKnown || own == of || of[0].Len < crossing.MinMark {
		return false
	}
	return slices.ContainsFunc(c.Clients[of], func(l *graph.Leg) bool { return crossing.LegNests(c.Index, l, u) })
}

// alikeLegs lists the legs with the ends of l that were there at the time of the line.
func alikeLegs(l *recorded.Line, legs []*graph.Leg, like *graph.Leg) []*graph.Leg {
	var out []*graph.Leg
	for _, o := range legs {
		if o.Orig == like.Orig && graph.During(l, o) {
			out = append(out, o)
		}
	}
	return out
}

// onlyAlike reports whether l is the only leg with its ends.
func onlyAlike(l *recorded.Line, legs []*graph.Leg, leg *graph.Leg) bool {
	return len(alikeLegs(l, legs, leg)) == 1
}

// nearestPair returns the pair whose client's leg began when the line says, if no other
// is nearly as near.
func nearestPair(l *recorded.Line, pairs [][2]*graph.Leg) [][2]*graph.Leg {
	far := func(p [2]*graph.Leg) int64 {
		return max(l.Start-int64(p[0].Start)-l.Resolution, int64(p[0].Start)-l.Start-l.Resolution, 0)
	}
	pairs = slices.Clone(pairs)
	slices.SortStableFunc(pairs, func(a, b [2]*graph.Leg) int { return cmp.Compare(far(a), far(b)) })
	if l.Start == 0 || far(pairs[1]) <= assign.DoubtTimes*far(pairs[0])+assign.DoubtNanos {
		return nil
	}
	return pairs[:1]
}
