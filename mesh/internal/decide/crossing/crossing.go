package crossing

import (
	"slices"

	"github.com/pcapmesh/pcapmesh/mesh/internal/decide/graph"
	"github.com/pcapmesh/pcapmesh/mesh/internal/index"
	"github.com/pcapmesh/pcapmesh/mesh/internal/recorded"
)

// A Crossing is the legs on both sides of one proxy that may belong together.
type Crossing struct {
	Index    *index.Index
	Down, Up []*graph.Leg
	Links    []*graph.Link
	Trust    *Trust
	Records  *recorded.Records
	Ledger   *graph.Ledger
	ByLog    map[*graph.Exchange]*graph.Link       // links of exchanges that a log ties
	Limits   map[*graph.Exchange][]*graph.Exchange // what a log leaves of an exchange's counterparts, where it names several
	Taken    map[*graph.Exchange]bool              // exchanges of either side that have a link
	Busy     map[*graph.Leg]bool                   // whole legs that have one
	Clients  map[Content][]*graph.Leg              // of clients, by what they carried; nil if no log names any
}

// Add adds a link, and notes what it ties.
func (c *Crossing) Add(l *graph.Link) {
	c.Links = append(c.Links, l)
	if l.Down != nil && !l.Ambiguous {
		c.Taken[l.Down] = true
	}
	if l.Up != nil {
		c.Taken[l.Up] = true
	}
	if l.Up == nil {
		c.Busy[l.To] = true
	}
	if l.Down == nil && l.Up == nil {
		c.Busy[l.From] = true
	}
}

// Open filters out exchanges that have a link.
func (c *Crossing) Open(es []*graph.Exchange) []*graph.Exchange {
	return slices.DeleteFunc(es, func(e *graph.Exchange) bool { return c.Taken[e] })
}
