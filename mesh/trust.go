package mesh

import (
	"cmp"
	"slices"
	"sort"

	"github.com/pcapmesh/pcapmesh/internal/fingerprint"
)

// trust knows when it proves something that nothing else fits: when everything
// else was captured. Where packets are missing, what fits may do so only
// because the right one is not there; then contents must speak that stand in
// one exchange of either side alone.
type trust struct {
	holes []span // times at which some downstream leg was not captured whole, disjoint, in order
	down  map[uint64]int
	up    map[uint64]int
}

// A span is an interval of time, in nanoseconds.
type span struct{ from, to int64 }

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
func (l *workLeg) hole(x *index) (span, bool) {
	switch {
	case l.multiplexed():
		return l.holeH2(x)
	case x.facts(l.conn.orig).lost+x.facts(l.conn.reply).lost > 0 || l.conn.orig == 0 || l.conn.reply == 0:
		return span{l.Start, l.End}, true
	case l.Midstream && len(l.exchanges) > 0:
		return span{l.Start, l.exchanges[0].end()}, true
	case l.Midstream:
		return span{l.Start, l.End}, true
	}
	return span{}, false
}

// holeH2 is hole for HTTP/2, where a message that was captured shows that there
// was an exchange, and which. One that shows nothing of itself was asked while
// frames of the client may have been missed, and answered while frames of the
// server may have been; or it began before the capture.
func (l *workLeg) holeH2(x *index) (span, bool) {
	if l.conn.orig == 0 || l.conn.reply == 0 {
		return span{l.Start, l.End}, true
	}
	asked, answered := x.facts(l.conn.orig).adrift, x.facts(l.conn.reply).adrift
	hole := span{asked.from, answered.to}
	found := asked.from != 0 && answered.from != 0 && hole.from <= hole.to
	if !l.Midstream {
		return hole, found
	}
	until := l.Start
	for i := range l.exchanges {
		if e := &l.exchanges[i]; i == 0 || e.req == nil || e.req.is(msgNoLine) {
			until = max(until, e.end())
		}
	}
	if len(l.exchanges) == 0 {
		until = l.End
	}
	if found {
		until = max(until, hole.to)
	}
	return span{l.Start, until}, true
}

// merge joins spans that touch.
func merge(spans []span) []span {
	slices.SortFunc(spans, func(a, b span) int { return cmp.Compare(a.from, b.from) })
	var out []span
	for _, s := range spans {
		if k := len(out) - 1; k >= 0 && s.from <= out[k].to {
			out[k].to = max(out[k].to, s.to)
			continue
		}
		out = append(out, s)
	}
	return out
}

// whole tells whether all that may have caused something between the two times
// was captured.
func (t *trust) whole(from, to int64) bool {
	i := sort.Search(len(t.holes), func(i int) bool { return t.holes[i].to >= from-causality })
	return i == len(t.holes) || t.holes[i].from > to+causality
}

func (t *trust) complete(u *exchange) bool { return t.whole(u.start(), u.end()) }

// believes tells whether it proves that d and u belong together when nothing
// else fits.
func (t *trust) believes(d, u *exchange, like *resemblance) bool {
	if like.seen == 0 && !(like.cut && d.req != nil && u.req != nil && d.req.target.Len() > 1) {
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
	if e.req != nil && e.req.target.Len() > 1 && e.req.hasLine() {
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

func bodyMark(m *message) uint64 {
	if m.body.Len < minMark || m.body.Known&fingerprint.KnownFirst == 0 || !m.body.Complete() {
		return 0
	}
	return hashPrint(m.body) | 1
}

func hashPrint(p fingerprint.Print) uint64 {
	return uint64(p.Len)*0x9e3779b97f4a7c15 + p.First ^ p.Middle*3 ^ p.Last*5
}
