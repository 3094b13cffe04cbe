package crossing

import (
	"math"
	"slices"
	"sort"

	"github.com/pcapmesh/pcapmesh/internal/wire/fingerprint"
	"github.com/pcapmesh/pcapmesh/mesh/internal/decide/graph"
	"github.com/pcapmesh/pcapmesh/mesh/internal/index"
	"github.com/pcapmesh/pcapmesh/mesh/internal/index/scan"
)

// Trust knows when it proves something that nothing else fits: when everything
// else was captured. Where packets are missing, what fits may do so only
// because the right one is not there; then contents must speak that stand in
// one exchange of either side alone.
type Trust struct {
	holes []scan.Span         // times at which exchanges of some downstream leg may not have been captured, disjoint, in order
	lives []scan.Span         // lives of downstream legs that were not captured whole, likewise
	blind []scan.Span         // times at which some downstream leg was open and its point not watched, likewise
	short map[*graph.Leg]bool // legs that went on when their point was no longer watched, while the other side was
	down  map[uint64]int
	up    map[uint64]int
	lent  map[bearer]bool // request ids that more than one request has
}

// NewTrust finds out when nothing of the client's side is missing.
func NewTrust(c *Crossing) *Trust {
	t := &Trust{down: make(map[uint64]int), up: make(map[uint64]int)}
	for _, l := range c.Down {
		outside := l.Outside()
		t.holes = append(append(t.holes, outside...), l.Unseen(c.Index)...)
		t.blind = append(t.blind, outside...)
		if h, ok := l.Hole(c.Index); ok {
			t.lives = append(t.lives, h)
		}
	}
	life := lifeOf(c.Up)
	t.short = shortOf(c)
	t.holes, t.lives, t.blind = within(t.holes, life), within(t.lives, life), within(t.blind, life)
	if len(t.holes) == 0 {
		return t
	}
	count(t.down, graph.ExchangesOf(c.Down))
	count(t.up, graph.ExchangesOf(c.Up))
	t.lent = lent(graph.ExchangesOf(c.Down), graph.ExchangesOf(c.Up))
	return t
}

// A bearer is a request id and the request line beside it, as a hash: an application may
// give the id of what it was asked to all that it asks for it.
type bearer struct {
	id   string
	line uint64
}

func bearerOf(e *graph.Exchange) (b bearer, ok bool) {
	if e.Req == nil || e.Req.ID.Len() == 0 || !e.Req.HasLine() {
		return b, false
	}
	return bearer{e.Scan.Text.String(e.Req.ID), requestLine(e)}, true
}

// lent lists the request ids that are not one request's own: clients asked the same with
// it several times, or the proxy did, not at the same time, as it does of copies, and not
// after a failure. Such an id is like a path: it may exclude, and proves nothing.
func lent(down, up []*graph.Exchange) map[bearer]bool {
	out, asked, over := make(map[bearer]bool), make(map[bearer]bool), make(map[bearer]int64)
	for _, d := range down {
		if b, ok := bearerOf(d); ok {
			out[b] = out[b] || asked[b]
			asked[b] = true
		}
	}
	for _, u := range up {
		if b, ok := bearerOf(u); ok && u.KnowsStatus() && u.Resp.Status < 400 {
			at, before := over[b]
			out[b] = out[b] || before && u.Start() > at
			over[b] = max(at, u.End())
		}
	}
	return out
}

// proves reports whether what d and u have in common proves that they belong together:
// all else was captured, or the request id of d is its own, as far as is known.
func (t *Trust) proves(d, u *graph.Exchange) bool {
	b, ok := bearerOf(d)
	return !ok || !t.lent[b] || t.Complete(u)
}

// lifeOf returns when legs were open.
func lifeOf(legs []*graph.Leg) scan.Span {
	life := scan.Span{From: math.MaxInt64, To: math.MinInt64}
	for _, l := range legs {
		life.From, life.To = min(life.From, int64(l.Start)), max(life.To, int64(l.End))
	}
	return life
}

// within joins spans that touch, and drops those that touch nothing of a life: what a
// crossing was before and after that nobody asks.
func within(spans []scan.Span, life scan.Span) []scan.Span {
	return graph.Merge(slices.DeleteFunc(spans, func(s scan.Span) bool {
		return s.To < life.From-index.Causality || s.From > life.To+index.Causality
	}))
}

// whole reports whether all that may have caused something between the two times
// was captured.
func (t *Trust) whole(from, to int64) bool {
	return clear(t.holes, from, to)
}

// steady is whole for what times alone tell: no leg that was open then lacks anything,
// at any time of its life.
func (t *Trust) steady(from, to int64) bool {
	return clear(t.lives, from, to) && clear(t.blind, from, to)
}

// clear reports whether no span touches the time between two others.
func clear(spans []scan.Span, from, to int64) bool {
	i := sort.Search(len(spans), func(i int) bool { return spans[i].To >= from-index.Causality })
	return i == len(spans) || spans[i].From > to+index.Causality
}

// Steady is Complete for what times alone tell.
func (t *Trust) Steady(u *graph.Exchange) bool { return t.steady(Began(u), u.End()) }

// Watched is steady for all of a leg's life: who may have waited for it was captured.
func (t *Trust) Watched(u *graph.Leg) bool { return t.steady(int64(u.Start), int64(u.End)) }

// Complete reports whether everything of the client's side was captured while u went on.
func (t *Trust) Complete(u *graph.Exchange) bool { return t.whole(Began(u), u.End()) }

// Began returns when an exchange began at the earliest: at any time if its leg began
// before the capture and its request did too.
func Began(u *graph.Exchange) int64 {
	if u.Req == nil && u.No == 0 && u.Leg.Midstream {
		return math.MinInt64 + index.Causality
	}
	return u.Start()
}

// believes reports whether it proves that d and u belong together when nothing
// else fits.
func (t *Trust) believes(d, u *graph.Exchange, like *Resemblance) bool {
	if like.seen == 0 && !(like.cut && d.Req != nil && u.Req != nil && d.Req.Target.Len() > 1) {
		return false // nothing of one stands beside anything of the other
	}
	if like.sameID && !like.otherLine || t.Complete(u) {
		return true
	}
	ds, us := Marks(d), Marks(u)
	for i := range ds {
		if ds[i] != 0 && ds[i] == us[i] && t.down[ds[i]] == 1 && t.up[us[i]] == 1 {
			return true
		}
	}
	return false
}

// count adds the marks of exchanges up.
func count(to map[uint64]int, es []*graph.Exchange) {
	for _, e := range es {
		for _, m := range Marks(e) {
			if m != 0 {
				to[m]++
			}
		}
	}
}

// MinMark is how long a body must be for its equality to say something.
const MinMark = 16

// Marks returns hashes of what may tell an exchange from all others: its
// request line and its bodies. 0 = not seen, or says nothing.
func Marks(e *graph.Exchange) (m [3]uint64) {
	if e.Req != nil && e.Req.Target.Len() > 1 && e.Req.HasLine() {
		m[0] = requestLine(e) | 1
	}
	if e.Req != nil {
		m[1] = bodyMark(e.Req)
	}
	if e.Resp != nil {
		m[2] = bodyMark(e.Resp)
	}
	return m
}

func bodyMark(m *scan.Message) uint64 {
	if m.Body.Len < MinMark || m.Body.Known&fingerprint.KnownFirst == 0 || !m.Body.Complete() {
		return 0
	}
	return hashPrint(m.Body) | 1
}

func hashPrint(p fingerprint.Print) uint64 {
	return uint64(p.Len)*0x9e3779b97f4a7c15 + p.First ^ p.Middle*3 ^ p.Last*5
}

// Holes reports whether packets of some leg are missing in the capture.
func (c *Crossing) Holes() bool {
	return slices.ContainsFunc(slices.Concat(c.Down, c.Up), func(l *graph.Leg) bool {
		_, ok := l.Hole(c.Index)
		return ok || c.CutShort(l)
	})
}

// CutShort reports whether a leg went on when its point was no longer watched, while the
// other side of the crossing still was: what was seen of it last may be a part.
func (c *Crossing) CutShort(l *graph.Leg) bool { return c.Trust != nil && c.Trust.short[l] }

// shortOf lists the legs that were open when the capture of their point ended, and to
// which something was on its way that the other side shows: a request to an upstream leg,
// a response to a downstream one. When all captures end at once, what comes last is seen
// at one side only too, but it is on its way to the other end.
func shortOf(c *Crossing) map[*graph.Leg]bool {
	short := make(map[*graph.Leg]bool)
	asked, answered := int64(0), int64(0)
	for _, l := range c.Down {
		asked = max(asked, lastSaid(c.Index, l.Conn.Orig))
	}
	for _, l := range c.Up {
		answered = max(answered, lastSaid(c.Index, l.Conn.Reply))
	}
	mark := func(legs []*graph.Leg, until int64) {
		for _, l := range legs {
			if l.ClosedBy == "open" && until > l.WatchedFor().To+2*index.Causality {
				short[l] = true
			}
		}
	}
	mark(c.Down, answered)
	mark(c.Up, asked)
	return short
}

// lastSaid returns when a half carried something last that a proxy sends on; of TLS that
// is no alert, which is a short record.
func lastSaid(x *index.Index, h index.HalfNo) int64 {
	if x.TLS(h) == nil {
		return x.Content(h).LastNanos
	}
	last := int64(0)
	for _, u := range x.UnitsOf(h) {
		if u.Kind == scan.UnitData && u.Len > longestAlert {
			last = max(last, u.Until)
		}
	}
	return last
}

// longestAlert is the length of the fragment of an encrypted alert: two bytes, and what a
// cipher suite adds at the most.
const longestAlert = 2 + 64
