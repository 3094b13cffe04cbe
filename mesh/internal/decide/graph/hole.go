package graph

import (
	"cmp"
	"slices"

	"github.com/pcapmesh/pcapmesh/mesh/internal/index"
	"github.com/pcapmesh/pcapmesh/mesh/internal/index/scan"
)

// Hole returns when the leg was not captured whole: all its life if bytes are
// missing; until its first exchanges are over if it began before the capture.
func (l *Leg) Hole(x *index.Index) (scan.Span, bool) {
	switch {
	case l.Multiplexed():
		return l.holeH2(x)
	case x.Content(l.Conn.Orig).Lost+x.Content(l.Conn.Reply).Lost > 0 || l.Conn.Orig == 0 || l.Conn.Reply == 0:
		return scan.Span{From: int64(l.Start), To: int64(l.End)}, true
	case l.Midstream && len(l.Exchanges) > 0:
		return scan.Span{From: int64(l.Start), To: l.Exchanges[0].End()}, true
	case l.Midstream:
		return scan.Span{From: int64(l.Start), To: int64(l.End)}, true
	}
	return scan.Span{}, false
}

// holeH2 is hole for HTTP/2, where a message that was captured shows that there
// was an exchange, and which. One that shows nothing of itself was asked while
// frames of the client may have been missed, and answered while frames of the
// server may have been; or it began before the capture.
func (l *Leg) holeH2(x *index.Index) (scan.Span, bool) {
	if l.Conn.Orig == 0 || l.Conn.Reply == 0 {
		return scan.Span{From: int64(l.Start), To: int64(l.End)}, true
	}
	asked, answered := x.Content(l.Conn.Orig).Adrift, x.Content(l.Conn.Reply).Adrift
	hole := scan.Span{From: asked.From, To: answered.To}
	found := asked.From != 0 && answered.From != 0 && hole.From <= hole.To
	if !l.Midstream {
		return hole, found
	}
	until := int64(l.Start)
	for i := range l.Exchanges {
		if e := &l.Exchanges[i]; i == 0 || e.Req == nil || e.Req.Is(scan.MsgNoLine) {
			until = max(until, e.End())
		}
	}
	if len(l.Exchanges) == 0 {
		until = int64(l.End)
	}
	if found {
		until = max(until, hole.To)
	}
	return scan.Span{From: int64(l.Start), To: until}, true
}

// Merge joins spans that touch.
func Merge(spans []scan.Span) []scan.Span {
	slices.SortFunc(spans, func(a, b scan.Span) int { return cmp.Compare(a.From, b.From) })
	var out []scan.Span
	for _, s := range spans {
		if k := len(out) - 1; k >= 0 && s.From <= out[k].To {
			out[k].To = max(out[k].To, s.To)
			continue
		}
		out = append(out, s)
	}
	return out
}
