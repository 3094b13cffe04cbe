package hbone

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/pcapmesh/pcapmesh/internal/assign"
	"github.com/pcapmesh/pcapmesh/mesh/internal/decide/graph"
	"github.com/pcapmesh/pcapmesh/mesh/internal/recorded"
)

// ztunnel logs of a stream that came in by a tunnel the tunnel's near end, what it leads
// to, how many bytes went through and when that was. What it does not log is the port from
// which it dialled the application, so that this finds the connection.

// A streamLine is a line of ztunnel's log about a stream, and the number of its tunnel.
type streamLine struct {
	*graph.NamedLine
	tunnel int
}

// arrived finds the lines of streams that came in by the tunnels.
func (t *tunnelling) arrived(logs *graph.Ledger) {
	no := make(map[*graph.Leg]int)
	for i, m := range t.tunnels {
		no[m.leg] = i
	}
	for _, k := range logs.Lines {
		i, ok := no[k.Down]
		switch {
		case !ok || !k.Ztunnel || !k.Inbound || !k.Target.IsValid():
		case k.Rejected(): // nothing was dialled: only the tunnel shows it
			if k.Down.Log == nil {
				k.Down.Log = k.Line
			}
		default:
			t.lines = append(t.lines, streamLine{k, i})
		}
	}
}

// joinArrived ties the connections to the tunnels of whose streams the lines may be of
// them alone.
func (t *tunnelling) joinArrived() {
	if len(t.lines) == 0 {
		return
	}
	edges := make([][]int, len(t.inner))
	for i, c := range t.inner {
		for k, l := range t.lines {
			if t.may(c, t.tunnels[l.tunnel]) && l.fits(c) {
				edges[i] = append(edges[i], k)
			}
		}
	}
	a := assign.Match(len(t.lines), edges)
	open := t.unlinked()
	for i, c := range t.inner {
		k := a.OfUp[i]
		if k >= 0 && !a.Forced[i] {
			k = t.nearestOf(c, edges[i])
		}
		if k < 0 || !slices.Contains(open, c) || !t.onlyOne(c, edges, i, a.Forced[i]) {
			continue
		}
		l := t.lines[k]
		if a.Forced[i] || t.nearest(k, i, edges) {
			c.leg.Log = l.Line
		}
		t.linkLogged(c, l.tunnel, t.says(l.NamedLine, c, t.tunnels[l.tunnel], fmt.Sprintf("a stream to %s of %d and %d bytes", l.Target, l.BytesReceived, l.BytesSent)))
	}
}

// apart returns how far the ends of a line and of a connection are apart.
func (k streamLine) apart(c *inner) int64 {
	end, _ := k.Ends()
	return max(end-int64(c.leg.End), int64(c.leg.End)-end)
}

// nearestOf returns of lines the one that is nearest in time to a connection.
func (t *tunnelling) nearestOf(c *inner, lines []int) int {
	return slices.MinFunc(lines, func(a, b int) int { return cmp.Compare(t.lines[a].apart(c), t.lines[b].apart(c)) })
}

// nearest reports whether connection i is that which is nearest in time to line k.
func (t *tunnelling) nearest(k, i int, edges [][]int) bool {
	for j, es := range edges {
		if j != i && slices.Contains(es, k) && t.lines[k].apart(t.inner[j]) <= t.lines[k].apart(t.inner[i]) {
			return false
		}
	}
	return true
}

// onlyOne reports whether the lines that may be of a connection are all of one tunnel, or
// one of them must be its own. What the application dialled itself has no line; where
// there are more connections than lines, one of them may be that.
func (t *tunnelling) onlyOne(c *inner, edges [][]int, i int, forced bool) bool {
	if forced {
		return true
	}
	if slices.ContainsFunc(edges[i], func(k int) bool { return t.lines[k].tunnel != t.lines[edges[i][0]].tunnel }) {
		return false
	}
	rivals := 0
	for _, es := range edges {
		if slices.ContainsFunc(es, func(k int) bool { return slices.Contains(edges[i], k) }) {
			rivals++
		}
	}
	return !c.own || rivals <= len(edges[i])
}

// A connection begins when its stream does, and ends with it. How long ztunnel may take
// for either, in nanoseconds: to dial, and to find that both sides are done.
const (
	dialSlack = int64(100e6)
	doneSlack = recorded.LogSlack
)

// fits reports whether the line may be of c: by what was dialled, by when it began and
// ended, and by its bytes.
func (k streamLine) fits(c *inner) bool {
	l := c.leg
	end, ok := k.Ends()
	if !ok || k.Target != l.Orig.Dst || k.Start > int64(l.Start)+dialSlack+k.Resolution {
		return false
	}
	if !l.Midstream && k.Start+dialSlack+k.Resolution < int64(l.Start) {
		return false
	}
	if far := end - int64(l.End); far < -doneSlack || l.ClosedBy != "open" && far > doneSlack {
		return false
	}
	return k.counts(k.BytesReceived, l.Sent(), c) && k.counts(k.BytesSent, l.Received(), c)
}

// counts reports whether so many bytes of the line may be those that were seen. Of what
// was cut off ztunnel may have counted less than it wrote.
func (k streamLine) counts(logged, seen int64, c *inner) bool {
	switch {
	case logged < 0:
		return true
	case !c.whole() || c.leg.ClosedBy == "open":
		return logged >= seen
	}
	return logged == seen || k.Fault() && logged <= seen
}
