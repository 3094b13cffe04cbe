package graph

import (
	"cmp"
	"math"
	"slices"

	"github.com/pcapmesh/pcapmesh/mesh/flow"
	"github.com/pcapmesh/pcapmesh/mesh/internal/decide/conn"
	"github.com/pcapmesh/pcapmesh/mesh/internal/index"
	"github.com/pcapmesh/pcapmesh/mesh/internal/index/scan"
)

// Unseen returns when there may have been exchanges on the leg of which nothing was
// captured while its point was watched: around what was lost. A leg of HTTP/1 that began
// before the capture shows by its first whole exchange that nothing else was under way.
func (l *Leg) Unseen(x *index.Index) (spans []scan.Span) {
	if (l.Protocol != flow.ProtocolHTTP1 || l.Conn.Orig == 0 || l.Conn.Reply == 0) && !l.Empty() {
		if h, ok := l.Hole(x); ok {
			spans = append(spans, h)
		}
		return spans
	}
	if l.Midstream {
		if until := l.unheaded(x); until != 0 {
			spans = append(spans, scan.Span{From: math.MinInt64, To: until})
		}
	}
	if x.Content(l.Conn.Orig).Lost+x.Content(l.Conn.Reply).Lost > 0 {
		spans = append(spans, l.losses(x)...)
	}
	return spans
}

// Outside returns the times at which the leg was open and its point was not watched:
// before the capture there began, and after it ended. What is over with its last packet
// was watched.
func (l *Leg) Outside() (spans []scan.Span) {
	if l.Midstream {
		spans = append(spans, scan.Span{From: math.MinInt64, To: l.WatchedFor().From})
	}
	if l.ClosedBy == "open" {
		spans = append(spans, scan.Span{From: l.WatchedFor().To + 2*index.Causality + 1, To: math.MaxInt64})
	}
	return spans
}

// unheaded returns until when something was seen of exchanges that began before the
// capture; 0 if nothing was. An answer to a request that was not captured may be to any
// request, but where there is one that looks alike it is taken for worse.
func (l *Leg) unheaded(x *index.Index) (until int64) {
	for i := 0; i < len(l.Exchanges) && l.Exchanges[i].Req == nil; i++ {
		until = l.Exchanges[i].End()
	}
	for h := range l.Conn.Halves {
		r := x.Content(h)
		ms := scan.ListMessages(x.ScanOf(h), r, r.Proto)
		switch {
		case len(ms) == 0 && r.Proto != scan.ProtoNone:
			until = max(until, r.LastNanos)
		case len(ms) > 0 && ms[0].Start > 0:
			until = max(until, ms[0].From.Nanos)
		}
	}
	return until
}

// losses returns when messages of an HTTP/1 leg may have been lost: before one that was
// found by its looks, beside one without its other, and at the end.
func (l *Leg) losses(x *index.Index) (spans []scan.Span) {
	over := int64(l.Start)
	for i := range l.Exchanges {
		e := &l.Exchanges[i]
		if e.Req == nil || e.Req.Is(scan.MsgResync) {
			spans = append(spans, scan.Span{From: over, To: e.KnownBy()})
		}
		if e.Req == nil || e.Resp == nil || e.Resp.Is(scan.MsgResync) {
			next := int64(l.End)
			if i+1 < len(l.Exchanges) {
				next = l.Exchanges[i+1].KnownBy()
			}
			spans = append(spans, scan.Span{From: e.KnownBy(), To: max(next, e.End())})
		}
		over = e.End()
	}
	for h := range l.Conn.Halves {
		r := x.Content(h)
		ms := scan.ListMessages(x.ScanOf(h), r, r.Proto)
		if n := len(ms); n == 0 || r.LostAfter(ms[n-1].End) || r.Lost > 0 && !ms[n-1].Is(scan.MsgComplete) {
			spans = append(spans, scan.Span{From: over, To: int64(l.End)})
		}
	}
	return spans
}

// Hole returns when the leg as a whole may be mistaken: all its life if bytes are
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

// WatchedFor returns when packets were captured where the leg's times are of.
func (l *Leg) WatchedFor() scan.Span { return l.points[l.watched().Place] }

// spansOf returns when the capture point of each conn was heard of first and last.
func spansOf(conns []*conn.Conn) map[index.Place]scan.Span {
	at := make(map[index.Place]scan.Span)
	for _, c := range conns {
		s, ok := at[c.Place]
		if !ok {
			s = scan.Span{From: c.Start, To: c.End}
		}
		at[c.Place] = scan.Span{From: min(s.From, c.Start), To: max(s.To, c.End)}
	}
	return at
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
