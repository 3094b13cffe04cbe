package crossing

import (
	"fmt"
	"math"
	"slices"

	"github.com/pcapmesh/pcapmesh/capture"
	"github.com/pcapmesh/pcapmesh/mesh/flow"
	"github.com/pcapmesh/pcapmesh/mesh/internal/decide/graph"
	"github.com/pcapmesh/pcapmesh/mesh/internal/index"
	"github.com/pcapmesh/pcapmesh/mesh/internal/index/scan"
)

// JoinUnread ties exchanges on one side of the proxy to legs on the other side
// that cannot be read, where only one of them was busy at the time.
func (c *Crossing) JoinUnread() {
	c.joinToUnreadDown()
	c.joinToUnreadUp()
}

// joinToUnreadDown finds for each upstream exchange without a client the only
// encrypted client leg that was open and busy around it. Where several were,
// the upstream legs are guesses for all of them.
func (c *Crossing) joinToUnreadDown() {
	hidden := c.unnamed(Unreadable(c.Down))
	guesses := newGuesses()
	for _, u := range index.Each(c.Index, c.Open(graph.ExchangesOf(c.Up))) {
		if c.Guessed[u] || c.Orphans[u] {
			continue // it has better candidates than whoever was busy, or none
		}
		var may []*graph.Leg
		for _, d := range hidden {
			if len(may) <= MaxRivals && c.busyAround(d, u) {
				may = append(may, d)
			}
		}
		if len(may) == 1 && c.Trust.Steady(u) && !u.Leg.Midstream {
			c.Add(&graph.Link{From: may[0], To: u.Leg, Up: u, Attempt: 1, Confidence: graph.SureByTime,
				Evidence: []flow.Evidence{c.onlyInTime(may[0], u.Leg, u)}})
			continue
		}
		for _, d := range may {
			guesses.add(d, u.Leg)
		}
	}
	c.addGuesses(guesses)
}

// unnamed leaves out the legs of which a log tells: those whose counterpart was not
// captured, and those to which it ties an exchange as a whole. That may go on for as long
// as the leg does, in many turns, so that being busy says nothing of it for others.
func (c *Crossing) unnamed(legs []*graph.Leg) []*graph.Leg {
	told := make(map[*graph.Leg]bool)
	for _, l := range c.ByLog {
		if l.Up == nil {
			told[l.To] = true
		}
		if l.Down == nil {
			told[l.From] = true
		}
	}
	return slices.DeleteFunc(legs, func(l *graph.Leg) bool { return c.Orphaned[l] || told[l] && !l.SpeaksHTTP2() })
}

// guesses collects for each leg the upstream legs it may have used, the first
// MaxRivals and one.
type guesses struct {
	legs []*graph.Leg // in the order of their first guess
	may  map[*graph.Leg][]*graph.Leg
	seen map[[2]*graph.Leg]bool
}

func newGuesses() *guesses {
	return &guesses{may: make(map[*graph.Leg][]*graph.Leg), seen: make(map[[2]*graph.Leg]bool)}
}

func (g *guesses) add(from, to *graph.Leg) {
	if len(g.may[from]) > MaxRivals || g.seen[[2]*graph.Leg{from, to}] {
		return
	}
	if g.may[from] == nil {
		g.legs = append(g.legs, from)
	}
	g.seen[[2]*graph.Leg{from, to}] = true
	g.may[from] = append(g.may[from], to)
}

// addGuesses adds an ambiguous link for each leg with guesses that nothing
// surer ties to it.
func (c *Crossing) addGuesses(g *guesses) {
	sure := make(map[[2]*graph.Leg]bool)
	for _, l := range c.Links {
		if !l.Ambiguous {
			sure[[2]*graph.Leg{l.From, l.To}] = true
		}
	}
	for _, from := range g.legs {
		may := g.may[from]
		first := slices.IndexFunc(may, func(to *graph.Leg) bool { return !sure[[2]*graph.Leg{from, to}] })
		if first < 0 {
			continue
		}
		may[0], may[first] = may[first], may[0]
		l := &graph.Link{From: from, To: may[0], Attempt: 1, Ambiguous: true, Confidence: 1 / float64(max(len(may), 2)),
			Evidence: []flow.Evidence{c.onlyInTime(from, may[0], nil)}}
		l.Evidence[0].Detail = "open and busy at the time"
		for _, r := range may[1:] {
			l.Rivals = append(l.Rivals, graph.Rival{Leg: r})
		}
		c.Links = append(c.Links, l)
	}
}

// Unreadable lists the legs whose exchanges stay hidden behind encryption.
func Unreadable(legs []*graph.Leg) []*graph.Leg {
	var out []*graph.Leg
	for _, l := range legs {
		if (len(l.Exchanges) == 0 || l.Exchanges[0].Outline != nil) && !l.Empty() && !l.Readable() {
			out = append(out, l)
		}
	}
	return out
}

// busyAround reports whether leg d carried bytes both before the request of u
// and after its response.
func (c *Crossing) busyAround(d *graph.Leg, u *graph.Exchange) bool {
	orig := c.Index.Content(d.Conn.Orig)
	return orig.Proto != scan.ProtoNone && orig.Data.Nanos <= u.Start()+index.Causality &&
		(u.Resp == nil || c.Answered(d) >= u.Resp.To.Nanos-index.Causality)
}

// Answered returns until when leg d may have been answered: until its last answer, or for
// ever if the capture does not show its end. A client that resets takes no answer more.
func (c *Crossing) Answered(d *graph.Leg) int64 {
	reply := c.Index.Content(d.Conn.Reply)
	if !reply.Open {
		if reply.Proto == scan.ProtoNone {
			return math.MinInt64
		}
		return reply.LastNanos
	}
	if d.Conn.Orig != 0 {
		if h := c.Index.Half(d.Conn.Orig); h.RST {
			return int64(h.EndTime)
		}
	}
	return math.MaxInt64
}

// joinToUnreadUp finds encrypted upstream legs that only one client leg can
// have been using in every exchange that may have gone over them.
func (c *Crossing) joinToUnreadUp() {
	hidden := c.unnamed(Unreadable(c.Up))
	if len(hidden) == 0 {
		return
	}
	clients, guesses := make(map[*graph.Leg][]*graph.Leg), newGuesses()
	choice := make(map[*graph.Leg]bool) // hidden legs that are not some exchange's only candidate
	for _, d := range index.Each(c.Index, c.Open(graph.ExchangesOf(c.Down))) {
		if c.Orphans[d] {
			continue
		}
		var may []*graph.Leg
		for _, u := range hidden {
			if len(may) <= MaxRivals && c.busyWithin(u, d) {
				may = append(may, u)
			}
		}
		for _, u := range may {
			guesses.add(d.Leg, u)
			choice[u] = choice[u] || len(may) > 1
			if len(clients[u]) <= MaxRivals && !slices.Contains(clients[u], d.Leg) {
				clients[u] = append(clients[u], d.Leg)
			}
		}
	}
	for _, u := range hidden {
		if choice[u] || c.Busy[u] || u.Midstream || !c.Trust.steady(int64(u.Start), int64(u.End)) {
			continue
		}
		for _, d := range clients[u] {
			c.Add(&graph.Link{From: d, To: u, Attempt: 1, Confidence: graph.SureByTime, Evidence: []flow.Evidence{c.onlyInTime(d, u, nil)}})
		}
	}
	c.addGuesses(guesses)
}

// busyWithin reports whether leg u carried bytes within the exchange d.
func (c *Crossing) busyWithin(u *graph.Leg, d *graph.Exchange) bool {
	orig, reply := c.Index.Content(u.Conn.Orig), c.Index.Content(u.Conn.Reply)
	if orig.Proto == scan.ProtoNone || d.Resp == nil && reply.Proto == scan.ProtoNone {
		return false
	}
	return orig.LastNanos >= d.Start()-index.Causality && (d.Resp == nil || orig.Data.Nanos <= d.Resp.From.Nanos+index.Causality)
}

func (c *Crossing) onlyInTime(d, u *graph.Leg, e *graph.Exchange) flow.Evidence {
	ev := flow.Evidence{Kind: flow.OnlyCandidate, Detail: "no other connection was open and busy at the time"}
	ev.Packets = append(ev.Packets, c.Index.Half(d.Conn.Lead()).First)
	if e != nil {
		ev.Packets = append(ev.Packets, e.Ref())
	} else {
		ev.Packets = append(ev.Packets, c.Index.Half(u.Conn.Lead()).First)
	}
	return ev
}

// adjacency looks for neighbouring source ports: Linux takes the next even
// ports for connections from one address to one destination within 10 s
// (net/ipv4/inet_hashtables.c, __inet_hash_connect).
func adjacency(x *index.Index, d, u *graph.Leg) (flow.Evidence, bool) {
	a, b := d.Orig, u.Orig
	gap := int(b.Src.Port()) - int(a.Src.Port())
	if a.Dst != b.Dst || a.Src.Addr() != b.Src.Addr() || gap < 2 || gap > 16 || gap%2 != 0 || u.Start < d.Start {
		return flow.Evidence{}, false
	}
	return flow.Evidence{Kind: flow.PortAdjacency, Detail: fmt.Sprintf("source ports %d and %d to %s", a.Src.Port(), b.Src.Port(), a.Dst),
		Packets: []capture.Ref{x.Half(d.Conn.Lead()).First, x.Half(u.Conn.Lead()).First}}, true
}
