package mesh

import (
	"cmp"
	"slices"
	"sort"

	"github.com/pcapmesh/pcapmesh/internal/fingerprint"
	"github.com/pcapmesh/pcapmesh/mesh/internal/index"
	"github.com/pcapmesh/pcapmesh/mesh/internal/index/scan"
)

// trust knows when it proves something that nothing else fits: when everything
// else was captured. Where packets are missing, what fits may do so only
// because the right one is not there; then contents must speak that stand in
// one exchange of either side alone.
type trust struct {
	holes []scan.Span // times at which some downstream leg was not captured whole, disjoint, in order
	down  map[uint64]int
	up    map[uint64]int
}

func newTrust(c *crossing) *trust {
	t := &trust{down: make(map[uint64]int), up: make(map[uint64]int)}
	for _, l := range c.down {
		if h, ok := l.hole(c.x); ok {
			t.holes = append(t.holes, h)
		}
	}
	t.holes = merge(t.holes)
	if len(t.holes) == 0 {
		return t
	}
	count(t.down, exchangesOf(c.down))
	count(t.up, exchangesOf(c.up))
	return t
}

// hole returns when the leg was not captured whole: all its life if bytes are
// missing; until its first exchanges are over if it began before the capture.
func (l *workLeg) hole(x *index.Index) (scan.Span, bool) {
	switch {
	case l.multiplexed():
		return l.holeH2(x)
	case x.Content(l.conn.Orig).Lost+x.Content(l.conn.Reply).Lost > 0 || l.conn.Orig == 0 || l.conn.Reply == 0:
		return scan.Span{From: l.Start, To: l.End}, true
	case l.Midstream && len(l.exchanges) > 0:
		return scan.Span{From: l.Start, To: l.exchanges[0].end()}, true
	case l.Midstream:
		return scan.Span{From: l.Start, To: l.End}, true
	}
	return scan.Span{}, false
}

// holeH2 is hole for HTTP/2, where a message that was captured shows that there
// was an exchange, and which. One that shows nothing of itself was asked while
// frames of the client may have been missed, and answered while frames of the
// server may have been; or it began before the capture.
func (l *workLeg) holeH2(x *index.Index) (scan.Span, bool) {
	if l.conn.Orig == 0 || l.conn.Reply == 0 {
		return scan.Span{From: l.Start, To: l.End}, true
	}
	asked, answered := x.Content(l.conn.Orig).Adrift, x.Content(l.conn.Reply).Adrift
	hole := scan.Span{From: asked.From, To: answered.To}
	found := asked.From != 0 && answered.From != 0 && hole.From <= hole.To
	if !l.Midstream {
		return hole, found
	}
	until := l.Start
	for i := range l.exchanges {
		if e := &l.exchanges[i]; i == 0 || e.req == nil || e.req.Is(scan.MsgNoLine) {
			until = max(until, e.end())
		}
	}
	if len(l.exchanges) == 0 {
		until = l.End
	}
	if found {
		until = max(until, hole.To)
	}
	return scan.Span{From: l.Start, To: until}, true
}

// merge joins spans that touch.
func merge(spans []scan.Span) []scan.Span {
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

// whole tells whether all that may have caused something between the two times
// was captured.
func (t *trust) whole(from, to int64) bool {
	i := sort.Search(len(t.holes), func(i int) bool { return t.holes[i].To >= from-index.Causality })
	return i == len(t.holes) || t.holes[i].From > to+index.Causality
}

func (t *trust) complete(u *exchange) bool { return t.whole(u.start(), u.end()) }

// believes tells whether it proves that d and u belong together when nothing
// else fits.
func (t *trust) believes(d, u *exchange, like *resemblance) bool {
	if like.seen == 0 && !(like.cut && d.req != nil && u.req != nil && d.req.Target.Len() > 1) {
		return false // nothing of one stands beside anything of the other
	}
	if like.sameID && !like.otherLine || t.complete(u) {
		return true
	}
	ds, us := marks(d), marks(u)
	for i := range ds {
		if ds[i] != 0 && ds[i] == us[i] && t.down[ds[i]] == 1 && t.up[us[i]] == 1 {
			return true
		}
	}
	return false
}

// count adds the marks of exchanges up.
func count(to map[uint64]int, es []*exchange) {
	for _, e := range es {
		for _, m := range marks(e) {
			if m != 0 {
				to[m]++
			}
		}
	}
}

// minMark is how long a body must be for its equality to say something.
const minMark = 16

// marks returns hashes of what may tell an exchange from all others: its
// request line and its bodies. 0 = not seen, or says nothing.
func marks(e *exchange) (m [3]uint64) {
	if e.req != nil && e.req.Target.Len() > 1 && e.req.HasLine() {
		m[0] = requestLine(e) | 1
	}
	if e.req != nil {
		m[1] = bodyMark(e.req)
	}
	if e.resp != nil {
		m[2] = bodyMark(e.resp)
	}
	return m
}

func bodyMark(m *scan.Message) uint64 {
	if m.Body.Len < minMark || m.Body.Known&fingerprint.KnownFirst == 0 || !m.Body.Complete() {
		return 0
	}
	return hashPrint(m.Body) | 1
}

func hashPrint(p fingerprint.Print) uint64 {
	return uint64(p.Len)*0x9e3779b97f4a7c15 + p.First ^ p.Middle*3 ^ p.Last*5
}
