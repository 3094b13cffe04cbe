package logged

import (
	"fmt"
	"slices"

	"github.com/pcapmesh/pcapmesh/capture"
	"github.com/pcapmesh/pcapmesh/internal/wire/fingerprint"
	"github.com/pcapmesh/pcapmesh/mesh/internal/decide/crossing"
	"github.com/pcapmesh/pcapmesh/mesh/internal/decide/graph"
	"github.com/pcapmesh/pcapmesh/mesh/record"
)

// A log may be of another pod, or changed by what collected it. Where both exchanges
// that a line names can be read, what only one other client's exchange has in common
// with that behind the proxy tells that the line is wrong.

// An owners finds the client's exchanges by what may be theirs alone: request ids
// and bodies.
type owners struct {
	byID   map[string][]*graph.Exchange
	byBody [2]map[uint64][]*graph.Exchange // of requests, of responses
}

func ownersOf(downs []*graph.Exchange) *owners {
	o := &owners{byID: make(map[string][]*graph.Exchange), byBody: [2]map[uint64][]*graph.Exchange{make(map[uint64][]*graph.Exchange), make(map[uint64][]*graph.Exchange)}}
	for _, d := range downs {
		if id := d.ID(); id != "" {
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
func bodyMarks(e *graph.Exchange) [2]uint64 {
	m := crossing.Marks(e)
	return [2]uint64{m[1], m[2]}
}

// instead reports whether u belongs to another exchange than d: the only one that has
// its id, or its bodies where those of d are others.
func (o *owners) instead(d, u *graph.Exchange) bool {
	if id := u.ID(); id != "" && d.ID() != id {
		if others := o.byID[id]; len(others) > 0 {
			return slices.ContainsFunc(others, func(x *graph.Exchange) bool { return crossing.Nests(x, u) })
		}
	}
	ds, us := bodyMarks(d), bodyMarks(u)
	like := crossing.Compare(d, u)
	for i, verdict := range [2]fingerprint.Verdict{like.Request, like.Response} {
		if verdict != fingerprint.Different || ds[i] == 0 || us[i] == 0 {
			continue
		}
		if others := o.byBody[i][us[i]]; len(others) == 1 && others[0] != d && crossing.Nests(others[0], u) {
			return true
		}
	}
	return false
}

// A log is not believed at all if so many of its lines contradict the packets, and
// more than one in so many.
const (
	fewLies  = 3
	lieShare = 4
)

// truthful leaves out lines that name exchanges of which the packets say something
// else, and notes these; and all lines of a file of which many do.
func truthful(c *crossing.Crossing, entries []*logEntry) []*logEntry {
	o, carried := ownersOf(graph.ExchangesOf(c.Down)), byID(graph.ExchangesOf(c.Up))
	lines, lies := make([]int, len(c.Records.Files)), make([]int, len(c.Records.Files))
	left := slices.DeleteFunc(slices.Clone(entries), func(e *logEntry) bool {
		if e.Up == nil || e.tcp() {
			return false
		}
		lines[e.File]++
		u, packets := o.denies(e, carried)
		if packets != "" {
			contradictBy(c, e.NamedLine, e.downs[0], u, packets)
		}
		if packets != "" || strange(e) {
			lies[e.File]++
		}
		return packets != "" || e.blurred()
	})
	for file := range lies {
		if lies[file] >= fewLies && lies[file]*lieShare > lines[file] {
			left = slices.DeleteFunc(left, func(e *logEntry) bool { return e.File == file })
			disbelieve(c, file, lines[file], lies[file])
		}
	}
	return left
}

// disbelieve notes that the lines of a file are not used.
func disbelieve(c *crossing.Crossing, file, lines, lies int) {
	c.Conflicts = append(c.Conflicts, record.Conflict{Source: record.Source{Kind: record.AccessLog, File: c.Records.Files[file].Name, Line: 0}, Leg: -1,
		Says: fmt.Sprintf("how the proxy sent %d exchanges on", lines), Packets: fmt.Sprintf("otherwise of %d of them, so none of these lines is used", lies)})
}

// denies tells what packets say against the exchanges that a line names: "" if
// nothing, else also what is behind the proxy instead.
func (o *owners) denies(e *logEntry, carried map[string]*graph.Exchange) (u *graph.Exchange, packets string) {
	if len(e.downs) != 1 {
		return nil, ""
	}
	d := e.downs[0]
	if u := carried[e.RequestID]; u != nil && len(e.ups) == 0 && u.Leg != e.Up && crossing.Nests(d, u) {
		return u, fmt.Sprintf("the request with its id went from %s", u.Leg.Orig.Src)
	}
	if len(e.ups) != 1 || d.Outline != nil || e.ups[0].Outline != nil {
		return nil, ""
	}
	switch u := e.ups[0]; {
	case !mayCause(d, u):
		return u, tooEarly(d.KnownBy(), u.KnownBy())
	case o.instead(d, u):
		return u, "what is behind the proxy has the id or the body of another exchange"
	}
	return nil, ""
}

// blurred reports whether what the line names cannot be the last attempt, and it does
// not say how that ended: then its order stands for too little.
func (e *logEntry) blurred() bool {
	return e.Status == 0 && len(e.downs) == 1 && len(e.ups) == 1 && !graph.Final(e.downs[0], e.ups[0])
}

// strange reports whether what is behind the proxy has no cause on the leg that the
// line names, as far as turns tell: packets may be missing.
func strange(e *logEntry) bool {
	if len(e.ups) != 1 || len(e.Down.Exchanges) > 0 || len(e.Down.Hidden) == 0 || e.Down.SpeaksHTTP2() {
		return false
	}
	return !slices.ContainsFunc(told(e.Down), func(d *graph.Exchange) bool { return mayCause(d, e.ups[0]) })
}

// byID finds exchanges by request ids that no other one has: nil for those that
// several have.
func byID(es []*graph.Exchange) map[string]*graph.Exchange {
	by := make(map[string]*graph.Exchange)
	for _, e := range es {
		id := e.ID()
		if id == "" {
			continue
		}
		if _, twice := by[id]; twice {
			e = nil
		}
		by[id] = e
	}
	return by
}

// contradict notes that a line ties two legs that cannot be cause and effect.
func contradict(c *crossing.Crossing, line *graph.NamedLine) {
	packets := tooEarly(0, 0)
	if line.Up.Empty() { // what carried something may have been dialled before
		packets = tooEarly(int64(line.Down.Start), int64(line.Up.Start))
	}
	if others(c, line.Down, line.Up) {
		packets = "their contents differ"
	}
	contradictBy(c, line, nil, nil, packets)
}

// tooEarly says what times have against cause and effect.
func tooEarly(down, up int64) string {
	if early := down - up; early > 0 {
		return fmt.Sprintf("behind the proxy it began %.3f ms earlier than its cause", float64(early)/1e6)
	}
	return "what followed does not enclose in time what is behind the proxy"
}

// contradictBy notes that a line ties what the packets say does not go together.
func contradictBy(c *crossing.Crossing, line *graph.NamedLine, d, u *graph.Exchange, packets string) {
	c.Conflicts = append(c.Conflicts, record.Conflict{Source: line.Source(c.Records.Files), Leg: line.Down.ID,
		Says: line.Ties(), Packets: packets, Shown: []capture.Ref{c.Shows(line.Down, d), c.Shows(line.Up, u)}})
}
