package crossing

import (
	"slices"

	"github.com/pcapmesh/pcapmesh/capture"
	"github.com/pcapmesh/pcapmesh/mesh/internal/decide/graph"
)

// Refine takes over which exchange of a leg that cannot be read turn algebra
// believes to be the one that a log ties to that leg.
func (c *Crossing) Refine(l *graph.Link) {
	if l.Ambiguous {
		return
	}
	if k := c.ByLog[l.Up]; k != nil && k.Down == nil && k.From == l.From && !c.Taken[l.Down] {
		k.Down, k.Evidence = l.Down, append(k.Evidence, l.Evidence...)
		c.Taken[l.Down], c.ByLog[l.Down] = true, k
	}
	if k := c.ByLog[l.Down]; k != nil && k.Up == nil && k.To == l.To && !c.Taken[l.Up] {
		k.Up, k.Evidence = l.Up, append(k.Evidence, l.Evidence...)
		c.Taken[l.Up], c.ByLog[l.Up] = true, k
	}
}

// Barred reports whether a log ties d or u to something else, captured or not.
func (c *Crossing) Barred(d, u *graph.Exchange) bool {
	if w := c.Wholes[d.Leg]; w != u.Leg && (w != nil || c.Wholes[u.Leg] != nil) {
		return true
	}
	if c.orphaned(d, u) {
		return true
	}
	if k := c.ByLog[d]; k != nil && (k.To != u.Leg || k.Up != nil && k.Up != u) {
		return true
	}
	k := c.ByLog[u]
	return k != nil && (k.From != d.Leg || k.Down != nil && k.Down != d)
}

// OpenOrTied filters out exchanges that have a link but for those that a log ties,
// other than to streams of HTTP/2, of which turns tell nothing: from them turn
// algebra learns.
func (c *Crossing) OpenOrTied(es []*graph.Exchange) []*graph.Exchange {
	return slices.DeleteFunc(es, func(e *graph.Exchange) bool {
		k := c.ByLog[e]
		return c.Taken[e] && (k == nil || k.Down == nil && k.From.SpeaksHTTP2() || k.Up == nil && k.To.SpeaksHTTP2())
	})
}

// OpenOrUnplaced filters out exchanges that have a link but for those that a log ties to
// a leg of HTTP/2, and not to a stream of it.
func (c *Crossing) OpenOrUnplaced(es []*graph.Exchange) []*graph.Exchange {
	return slices.DeleteFunc(es, func(e *graph.Exchange) bool {
		k := c.ByLog[e]
		return c.Taken[e] && (k == nil || !(k.Down == nil && c.Logged[k.From] || k.Up == nil && c.Logged[k.To]))
	})
}

// Linked reports whether two legs are tied already.
func (c *Crossing) Linked(from, to *graph.Leg) bool {
	return slices.ContainsFunc(c.Links, func(l *graph.Link) bool { return l.From == from && l.To == to })
}

// Shows returns the packet that shows an exchange, or a leg.
func (c *Crossing) Shows(l *graph.Leg, e *graph.Exchange) capture.Ref {
	if e != nil {
		return e.Ref()
	}
	return c.Index.Half(l.Conn.Lead()).First
}

// LimitUp says that u belongs to one of the given exchanges.
func (c *Crossing) LimitUp(u *graph.Exchange, to []*graph.Exchange) { c.Limits[u] = to }

// LimitDown says that what d caused is among the given exchanges.
func (c *Crossing) LimitDown(d *graph.Exchange, to []*graph.Exchange) { c.Limits[d] = to }

// orphaned reports whether a log gives d or u to something that was not captured, so that
// it proves nothing if it fits the other best. Of attempts a log names the last one.
func (c *Crossing) orphaned(d, u *graph.Exchange) bool {
	return c.Orphans[u] || c.Orphans[d] && graph.Final(d, u)
}

// allowed reports whether a log lets d and u belong together.
func (c *Crossing) allowed(d, u *graph.Exchange) bool {
	if c.orphaned(d, u) {
		return false
	}
	fits := func(a, b *graph.Exchange) bool {
		to, ok := c.Limits[a]
		return !ok || slices.Contains(to, b)
	}
	return fits(d, u) && fits(u, d)
}
