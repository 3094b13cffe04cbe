package judge

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/pcapmesh/pcapmesh/capture/tcpip"
	"github.com/pcapmesh/pcapmesh/mesh"
	"github.com/pcapmesh/pcapmesh/mesh/flow"
)

// A canon describes a result in lines that do not depend on the order of
// inputs, on clocks, or on names of addresses: what must not change when those
// do.
type canon struct {
	r     *mesh.Result
	back  func(netip.AddrPort) netip.AddrPort // undoes a renaming
	alien func(*flow.Leg) bool                // legs that do not count
	names map[int]string                      // of legs, by ID
}

// canonical returns the lines of a result, sorted. back and alien may be nil.
func canonical(r *mesh.Result, back func(netip.AddrPort) netip.AddrPort, alien func(*flow.Leg) bool) []string {
	c := &canon{r: r, back: back, alien: alien, names: make(map[int]string)}
	if back == nil {
		c.back = func(a netip.AddrPort) netip.AddrPort { return a }
	}
	if alien == nil {
		c.alien = func(*flow.Leg) bool { return false }
	}
	lines := append(c.legs(), c.joins()...)
	lines = append(lines, c.paths()...)
	slices.Sort(lines)
	return lines
}

func (c *canon) tuple(t tcpip.Tuple) string {
	return c.back(t.Src).String() + ">" + c.back(t.Dst).String()
}

// legs names the legs by what was dialled, numbering those of one tuple.
func (c *canon) legs() (lines []string) {
	byTime := slices.Clone(c.r.Legs)
	slices.SortStableFunc(byTime, func(a, b *flow.Leg) int { return cmp.Compare(a.Start, b.Start) })
	count := make(map[string]int)
	for _, l := range byTime {
		t := c.tuple(l.Orig)
		c.names[l.ID] = fmt.Sprintf("%s#%d", t, count[t])
		count[t]++
		if c.alien(l) {
			continue
		}
		var seen []string
		for _, u := range l.Captured {
			seen = append(seen, c.tuple(u))
		}
		slices.Sort(seen)
		lines = append(lines, fmt.Sprintf("leg %s: %s %s %s, reply %s, seen %v, midstream %v, inferred %v, closed by %s, %d+%d packets, %d+%d bytes, %d missing, %d exchanges",
			c.names[l.ID], l.Role, l.Pod, l.Protocol, c.tuple(l.Reply), seen, l.Midstream, l.Inferred, l.ClosedBy,
			l.OrigPackets, l.ReplyPackets, l.OrigBytes, l.ReplyBytes, l.OrigMissing+l.ReplyMissing, l.ExchangeCount))
	}
	return lines
}

func (c *canon) joins() (lines []string) {
	for i := range c.r.Joins {
		j := &c.r.Joins[i]
		if c.alien(c.r.Legs[j.From]) && c.alien(c.r.Legs[j.To]) {
			continue
		}
		lines = append(lines, fmt.Sprintf("join %s to %s: %s", c.names[j.From], c.names[j.To], c.tie(j.Proven, j.Ambiguous, j.Confidence, j.Evidence, nil)))
	}
	return lines
}

// tie describes a join. Neighbouring ports suggest, and change with names.
func (c *canon) tie(proven, ambiguous bool, confidence float64, es []flow.Evidence, rivals []flow.Rival) string {
	var kinds, others []string
	for _, e := range es {
		if e.Kind != flow.PortAdjacency {
			kinds = append(kinds, e.Kind.String())
		}
	}
	for _, r := range rivals {
		others = append(others, fmt.Sprintf("%s@%d", c.names[r.Leg], r.Request))
	}
	slices.Sort(others)
	return fmt.Sprintf("proven %v ambiguous %v %.3f %v rivals %v", proven, ambiguous, confidence, kinds, others)
}

func (c *canon) paths() (lines []string) {
	for _, p := range c.r.Paths {
		if c.alien(c.r.Legs[p.Legs[0]]) {
			continue
		}
		var legs []string
		for _, id := range p.Legs {
			legs = append(legs, c.names[id])
		}
		slices.Sort(legs[1:])
		name := fmt.Sprintf("path %s > %s of %s", c.back(p.Client), c.back(p.Server), legs[0])
		lines = append(lines, fmt.Sprintf("%s: %s, legs %v, complete %v, ambiguous %v", name, p.Direction, legs, p.Complete, p.Ambiguous))
		for i := range p.Exchanges {
			lines = append(lines, fmt.Sprintf("%s, exchange %s", name, c.exchange(&p.Exchanges[i])))
		}
	}
	return lines
}

func (c *canon) exchange(e *flow.Exchange) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s %d proven %v ambiguous %v", e.Method, e.Target, e.Status, e.Proven, e.Ambiguous)
	for _, h := range e.Hops {
		fmt.Fprintf(&b, " | %s %d %d", c.names[h.Leg], h.Request, h.Response)
		if h.FromLeg >= 0 {
			fmt.Fprintf(&b, " from %s attempt %d %s", c.names[h.FromLeg], h.Attempt, c.tie(h.Proven, h.Ambiguous, h.Confidence, h.Evidence, h.Rivals))
		}
	}
	return b.String()
}

// changes lists what differs between two canonical forms.
func changes(want, got []string) (bad []string) {
	in := func(all []string, s string) bool { _, ok := slices.BinarySearch(all, s); return ok }
	for _, s := range want {
		if !in(got, s) {
			bad = append(bad, "- "+s)
		}
	}
	for _, s := range got {
		if !in(want, s) {
			bad = append(bad, "+ "+s)
		}
	}
	return bad
}
