package logged

import (
	"cmp"
	"net/netip"
	"slices"

	"github.com/pcapmesh/pcapmesh/mesh/internal/decide/crossing"
	"github.com/pcapmesh/pcapmesh/mesh/internal/decide/graph"
)

// A line may name one leg that was captured and one that was not: its point's capture
// began later or ended earlier, or lacks it. What was captured belongs to nothing else
// then, and nothing may fit it best because it is all that is left.

// A custom is how a log names the legs of one side: whether as captures show them. It
// does not where something on the way tells the proxy of another end, as the PROXY
// protocol does.
type custom struct {
	addrs map[netip.Addr]bool // from which captured legs were dialled
	files map[naming]bool     // of which some line names a leg that was captured
}

// A naming is lines of one file of what came in at one listener's port.
type naming struct {
	file int
	port uint16
}

func namingOf(l *graph.NamedLine) naming { return naming{l.File, l.DownstreamLocal.Port()} }

// customs returns how legs of both sides are named.
func customs(c *crossing.Crossing) (on [2]custom) {
	for k, legs := range [2][]*graph.Leg{c.Down, c.Up} {
		on[k] = custom{make(map[netip.Addr]bool), make(map[naming]bool)}
		for _, l := range legs {
			on[k].addrs[l.Orig.Src.Addr()] = true
		}
	}
	for _, l := range c.Ledger.Lines {
		if l.Down != nil {
			on[downstream].files[namingOf(l)] = true
		}
		if l.Up != nil {
			on[upstream].files[namingOf(l)] = true
		}
	}
	return on
}

// knows reports whether an end that a line names is one that legs have.
func (k *custom) knows(l *graph.NamedLine, end netip.AddrPort) bool {
	return k.addrs[end.Addr()] || k.files[namingOf(l)]
}

// strays lists the lines that name a leg behind the proxy, and for it a client's that was
// not captured.
func strays(c *crossing.Crossing, named *[2]custom) (es []*logEntry) {
	up := make(map[*graph.Leg]bool)
	for _, l := range c.Up {
		up[l] = true
	}
	for _, l := range c.Ledger.Lines {
		if l.Unseen[downstream] && up[l.Up] && named[downstream].knows(l, l.Client()) {
			es = append(es, &logEntry{NamedLine: l})
		}
	}
	return es
}

// inOrder puts entries in the order of their lines.
func inOrder(g *graph.Ledger, es []*logEntry) []*logEntry {
	at := make(map[*graph.NamedLine]int, len(g.Lines))
	for i, l := range g.Lines {
		at[l] = i
	}
	slices.SortStableFunc(es, func(a, b *logEntry) int { return cmp.Compare(at[a.NamedLine], at[b.NamedLine]) })
	return es
}

// orphan notes what lines give to legs that were not captured.
func orphan(c *crossing.Crossing, entries, strays []*logEntry, named *[2]custom) {
	for _, e := range entries {
		if e.Up == nil && e.Unseen[upstream] && named[upstream].knows(e.NamedLine, e.UpstreamLocal) {
			e.orphan(c, downstream)
		}
	}
	for _, e := range strays {
		e.orphan(c, upstream)
	}
}

// orphan notes that what the line is of on a side has no counterpart.
func (e *logEntry) orphan(c *crossing.Crossing, on side) {
	legs := [2][]*graph.Leg{c.Down, c.Up}[on]
	switch may := e.may(on); {
	case e.tcp():
		if onlyAlike(e.NamedLine.Line, legs, e.leg(on)) {
			c.Orphaned[e.leg(on)] = true
		}
	case len(may) == 1 && !c.Taken[may[0]]:
		c.Orphans[may[0]] = true
	}
}
