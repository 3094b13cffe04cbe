package mesh

import (
	"fmt"
	"slices"

	"github.com/pcapmesh/pcapmesh/internal/fingerprint"
)

// A log may be of another pod, or changed by what collected it. Where both exchanges
// that a line names can be read, what only one other client's exchange has in common
// with that behind the proxy tells that the line is wrong.

// An owners finds the client's exchanges by what may be theirs alone: request ids
// and bodies.
type owners struct {
	byID   map[string][]*exchange
	byBody [2]map[uint64][]*exchange // of requests, of responses
}

func ownersOf(downs []*exchange) *owners {
	o := &owners{byID: make(map[string][]*exchange), byBody: [2]map[uint64][]*exchange{make(map[uint64][]*exchange), make(map[uint64][]*exchange)}}
	for _, d := range downs {
		if id := d.id(); id != "" {
			o.byID[id] = append(o.byID[id], d)
		}
		for i, m := range bodyMarks(d) {
			if m != 0 {
				o.byBody[i][m] = append(o.byBody[i][m], d)
			}
		}
	}
	return o
}

// bodyMarks returns the marks of the two bodies of an exchange; 0 = it says nothing.
func bodyMarks(e *exchange) [2]uint64 {
	m := marks(e)
	return [2]uint64{m[1], m[2]}
}

// instead tells whether u belongs to another exchange than d: the only one that has
// its id, or its bodies where those of d are others.
func (o *owners) instead(d, u *exchange) bool {
	if id := u.id(); id != "" && d.id() != id {
		if others := o.byID[id]; len(others) > 0 {
			return slices.ContainsFunc(others, func(x *exchange) bool { return nests(x, u) })
		}
	}
	ds, us := bodyMarks(d), bodyMarks(u)
	like := compare(d, u)
	for i, verdict := range [2]fingerprint.Verdict{like.request, like.response} {
		if verdict != fingerprint.Different || ds[i] == 0 || us[i] == 0 {
			continue
		}
		if others := o.byBody[i][us[i]]; len(others) == 1 && others[0] != d && nests(others[0], u) {
			return true
		}
	}
	return false
}

// truthful leaves out lines that name exchanges of which the packets say something
// else, and notes these.
func (c *crossing) truthful(entries []*logEntry) []*logEntry {
	o, carried := ownersOf(exchangesOf(c.down)), byID(exchangesOf(c.up))
	return slices.DeleteFunc(slices.Clone(entries), func(e *logEntry) bool {
		if e.up == nil || len(e.downs) != 1 {
			return false
		}
		d := e.downs[0]
		if u := carried[e.RequestID]; u != nil && len(e.ups) == 0 && u.leg != e.up && nests(d, u) {
			c.contradictBy(e.logLine, d, u, fmt.Sprintf("the request with its id went from %s", u.leg.Orig.Src))
			return true
		}
		if len(e.ups) != 1 || d.hidden != nil || e.ups[0].hidden != nil || !o.instead(d, e.ups[0]) {
			return false
		}
		c.contradictBy(e.logLine, d, e.ups[0], "what is behind the proxy has the id or the body of another exchange")
		return true
	})
}

// byID finds exchanges by their request ids; of several the first.
func byID(es []*exchange) map[string]*exchange {
	by := make(map[string]*exchange)
	for _, e := range es {
		if id := e.id(); id != "" && by[id] == nil {
			by[id] = e
		}
	}
	return by
}
