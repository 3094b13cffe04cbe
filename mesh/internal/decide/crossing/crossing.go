package crossing

import (
	"slices"

	"github.com/pcapmesh/pcapmesh/mesh/internal/decide/graph"
	"github.com/pcapmesh/pcapmesh/mesh/internal/index"
	"github.com/pcapmesh/pcapmesh/mesh/internal/recorded"
	"github.com/pcapmesh/pcapmesh/mesh/record"
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
	Logged   map[*graph.Leg]bool                   // busy ones that a log names, which may carry more
	Wholes   map[*graph.Leg]*graph.Leg             // whole legs that a log ties, and to which
	Inner    map[*graph.Leg]bool                   // legs whose TLS is the application's, which the proxy passes on
	Orphans  map[*graph.Exchange]bool              // exchanges whose counterpart a log names, and nobody captured
	Orphaned map[*graph.Leg]bool                   // whole legs likewise
	Guessed  map[*graph.Exchange]bool              // upstream exchanges that are some link's best guess
	Clients  map[Content][]*graph.Leg              // of clients, by what they carried; nil if no log names any

	Copies    []*graph.Leg      // upstream legs that carry copies only; they are not in Up
	Conflicts []record.Conflict // between a log and the packets
}

// New returns a crossing without legs.
func New(x *index.Index, rs *recorded.Records, logs *graph.Ledger) *Crossing {
	return &Crossing{Index: x, Records: rs, Ledger: logs,
		ByLog: make(map[*graph.Exchange]*graph.Link), Limits: make(map[*graph.Exchange][]*graph.Exchange),
		Taken: make(map[*graph.Exchange]bool), Busy: make(map[*graph.Leg]bool), Logged: make(map[*graph.Leg]bool), Wholes: make(map[*graph.Leg]*graph.Leg), Guessed: make(map[*graph.Exchange]bool),
		Orphans: make(map[*graph.Exchange]bool), Orphaned: make(map[*graph.Leg]bool)}
}

// Add adds a link, and notes what it ties: of one that is ambiguous nothing, so that
// later passes may find out more.
func (c *Crossing) Add(l *graph.Link) {
	c.Links = append(c.Links, l)
	if l.Ambiguous {
		if l.Up != nil {
			c.Guessed[l.Up] = true
		}
		return
	}
	if l.Down != nil {
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

// Open removes from es the exchanges that have a link. es is used up.
func (c *Crossing) Open(es []*graph.Exchange) []*graph.Exchange {
	return slices.DeleteFunc(es, func(e *graph.Exchange) bool { return c.Taken[e] })
}
