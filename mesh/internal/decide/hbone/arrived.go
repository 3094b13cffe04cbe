package hbone

import (
	"cmp"
	"fmt"
	"slices"
	"sort"

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
	w := t.ownersOf()
	a := assign.Match(len(t.lines), w.lines)
	open := make(map[*inner]bool)
	for _, c := range t.unlinked() {
		open[c] = true
	}
	for i, c := range t.inner {
		k := a.OfUp[i]
		if k < 0 || !open[c] {
			continue
		}
		if !a.Forced[i] {
			if !w.oneTunnel(i) {
				continue
			}
			k = w.nearest(i)
		}
		l := t.lines[k]
		if a.Forced[i] || w.nearestTo(k) == i {
			c.leg.Log = l.Line
		}
		t.linkLogged(c, l.tunnel, t.says(l.NamedLine, c, t.tunnels[l.tunnel], fmt.Sprintf("a stream to %s of %d and %d bytes", l.Target, l.BytesReceived, l.BytesSent)))
	}
}

// An owners says which lines may be of which connections, by their numbers.
type owners struct {
	t     *tunnelling
	lines [][]int // of connections
	conns [][]int // of lines
}

// ownersOf compares lines and connections. Lines are sorted by when they were written.
func (t *tunnelling) ownersOf() *owners {
	w := &owners{t, make([][]int, len(t.inner)), make([][]int, len(t.lines))}
	ends := func(k streamLine) int64 { at, _ := k.Ends(); return at }
	slices.SortStableFunc(t.lines, func(a, b streamLine) int { return cmp.Compare(ends(a), ends(b)) })
	for i, c := range t.inner {
		from := sort.Search(len(t.lines), func(k int) bool { return ends(t.lines[k]) >= int64(c.leg.End)-doneSlack })
		for k := from; k < len(t.lines) && (c.leg.ClosedBy == "open" || ends(t.lines[k]) <= int64(c.leg.End)+doneSlack); k++ {
			if l := t.lines[k]; l.fits(c) && t.may(c, t.tunnels[l.tunnel]) {
				w.lines[i] = append(w.lines[i], k)
				w.conns[k] = append(w.conns[k], i)
			}
		}
	}
	return w
}

// oneTunnel reports whether the lines that may be of a connection are all of one tunnel, and
// one of them is its own. What the application dialled itself has no line; where there are
// more connections than lines, one of them may be that.
func (w *owners) oneTunnel(i int) bool {
	lines := w.lines[i]
	if slices.ContainsFunc(lines, func(k int) bool { return w.t.lines[k].tunnel != w.t.lines[lines[0]].tunnel }) {
		return false
	}
	if !w.t.inner[i].own {
		return true
	}
	var rivals []int
	for _, k := range lines {
		rivals = append(rivals, w.conns[k]...)
	}
	slices.Sort(rivals)
	return len(slices.Compact(rivals)) <= len(lines)
}

// apart returns how far the ends of a line and of a connection are apart.
func (w *owners) apart(k, i int) int64 {
	end, _ := w.t.lines[k].Ends()
	far := end - int64(w.t.inner[i].leg.End)
	return max(far, -far)
}

// nearest returns of the lines of a connection the nearest in time.
func (w *owners) nearest(i int) int {
	return slices.MinFunc(w.lines[i], func(a, b int) int { return cmp.Compare(w.apart(a, i), w.apart(b, i)) })
}

// nearestTo returns the connection that is nearest in time to a line; -1 if two are.
func (w *owners) nearestTo(k int) int {
	best, alike := -1, false
	for _, i := range w.conns[k] {
		switch {
		case best < 0 || w.apart(k, i) < w.apart(k, best):
			best, alike = i, false
		case w.apart(k, i) == w.apart(k, best):
			alike = true
		}
	}
	if alike {
		return -1
	}
	return best
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
