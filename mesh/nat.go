package mesh

import (
	"fmt"
	"slices"

	"github.com/pcapmesh/pcapmesh/capture"
	"github.com/pcapmesh/pcapmesh/mesh/conntrack"
	"github.com/pcapmesh/pcapmesh/mesh/internal/index"
	"github.com/pcapmesh/pcapmesh/mesh/record"
)

// A natEntry is a conntrack entry that touches a connection in the captures.
type natEntry struct {
	conntrack.Entry
	from, to conntrack.Stamp // when it was in the table
	line     int
	file     int  // index into records.files
	fits     bool // it may be of some connection
}

// A natView is one way in which a packet of an entry's connection may show: its
// request as dialled or after NAT, its answer before NAT or as the client gets
// it.
type natView struct {
	e     *natEntry
	reply bool
}

// A natBook finds entries by the tuples of captured packets.
type natBook struct {
	entries []*natEntry
	views   map[capture.Tuple][]natView
}

func newNATBook(entries []*natEntry) *natBook {
	b := &natBook{entries, make(map[capture.Tuple][]natView)}
	for _, e := range entries {
		b.add(e.Orig, natView{e, false})
		b.add(e.Orig.Reverse(), natView{e, true})
		if e.NAT() {
			b.add(e.Reply.Reverse(), natView{e, false})
			b.add(e.Reply, natView{e, true})
		}
	}
	return b
}

func (b *natBook) add(t capture.Tuple, v natView) { b.views[t] = append(b.views[t], v) }

// natSlack is how far the time of an event may be from that of its packet, in
// nanoseconds: conntrack stamps an event when it prints it.
const natSlack = int64(2e9)

// quarter is what zones of clocks differ by, in nanoseconds.
const quarter = int64(15 * 60 * 1e9)

// off returns by how much a time of the entry is later than one of the capture.
// Of a clock whose zone is not known only the minutes within a quarter of an hour
// count.
func off(s conntrack.Stamp, nanos int64) int64 {
	d := s.Nanos - nanos
	if !s.Local {
		return d
	}
	d = (d%quarter + quarter) % quarter
	if d > quarter/2 {
		d -= quarter
	}
	return d
}

// entryAlive tells whether the connection that c is may be the one of the entry, by
// time: it begins with the first packet, if that was captured.
func entryAlive(e *natEntry, x *index.Index, c *conn) bool {
	if e.from.Known() {
		d := off(e.from, c.start)
		if d > natSlack && (e.from.Local || off(e.from, c.end) > natSlack) || d < -natSlack && c.hasSYN(x) {
			return false
		}
	}
	return !e.to.Known() || e.to.Local || off(e.to, c.start) >= -natSlack
}

// describes tells whether e is of connection c, as far as its halves show,
// whichever of them is the client's.
func describes(e *natEntry, x *index.Index, c *conn) bool {
	if c.loopback && e.NAT() && c.mirrored() { // over loopback one half of what is rewritten has other ends
		return false
	}
	return entryAsks(e, x, c.Orig) && entryAnswers(e, x, c.Reply) || entryAsks(e, x, c.Reply) && entryAnswers(e, x, c.Orig)
}

// entryAsks tells whether h may be what the client sent; 0 may be anything.
func entryAsks(e *natEntry, x *index.Index, h index.HalfNo) bool {
	if h == 0 {
		return true
	}
	t := x.Half(h).Key.Tuple()
	return t == e.Orig || t == e.Reply.Reverse()
}

// entryAnswers tells whether h may be what the client was sent.
func entryAnswers(e *natEntry, x *index.Index, h index.HalfNo) bool {
	if h == 0 {
		return true
	}
	t := x.Half(h).Key.Tuple()
	return t == e.Orig.Reverse() || t == e.Reply
}

// fittingEntries lists the entries that may be of connection c: by tuples and by time.
func fittingEntries(b *natBook, x *index.Index, c *conn) []*natEntry {
	var es []*natEntry
	for _, v := range b.views[x.Half(c.Lead()).Key.Tuple()] {
		if entryAlive(v.e, x, c) && describes(v.e, x, c) && !slices.Contains(es, v.e) {
			es = append(es, v.e)
		}
	}
	return es
}

// entryEdges lists the pairs of unbound halves that an entry names as the two
// directions of one connection and whose numbers agree.
func entryEdges(b *natBook, x *index.Index, unbound []index.HalfNo) []edge {
	byTuple := make(map[capture.Tuple][]index.HalfNo)
	for _, h := range unbound {
		t := x.Half(h).Key.Tuple()
		byTuple[t] = append(byTuple[t], h)
	}
	var edges []edge
	pair := func(request, reply capture.Tuple) {
		for _, p := range byTuple[request] {
			for _, q := range byTuple[reply] {
				if x.Place(p) == x.Place(q) && answers(x.Half(p), x.Half(q)) {
					edges = append(edges, edge{min(p, q), max(p, q)})
				}
			}
		}
	}
	for _, e := range b.entries {
		if e.NAT() {
			pair(e.Reply.Reverse(), e.Orig.Reverse())
		}
	}
	return edges
}

// recallEntries gives connections their entries. An entry with times is of the
// connection that began nearest to it. One without was in the table when that was
// listed, so it is of the last connection that it can be of; where several can
// be, the one that was used last, which timeouts tell. Before that one it was of
// those whose ends its client used again before it could expire.
func recallEntries(b *natBook, x *index.Index, conns []*conn) {
	if b.empty() {
		return
	}
	since := make(map[natSeat]int64) // when the connection began that has the entry
	for i := len(conns) - 1; i >= 0; i-- {
		c := conns[i]
		var free, reused []*natEntry
		for _, e := range fittingEntries(b, x, c) {
			e.fits = true
			switch began, taken := since[natSeat{e, c.place}]; {
			case !taken:
				free = append(free, e)
			case !e.from.Known() && began-c.end < closedTimeout:
				reused = append(reused, e)
			}
		}
		if c.entry = choose(free, c); c.entry == nil && len(free) == 0 {
			c.entry = choose(reused, c)
		}
		if c.entry != nil {
			since[natSeat{c.entry, c.place}] = c.start
		}
	}
}

// closedTimeout is how long the entry of a closed connection stays in the table,
// in nanoseconds (TIME_WAIT in nf_conntrack_proto_tcp.c).
const closedTimeout = int64(120e9)

// A natSeat is an entry as the connection of one capture point.
type natSeat struct {
	e  *natEntry
	at index.Place
}

// choose returns the entry of c among those that may be, nil if that is not
// certain. Tables of several hosts may have the connection; the one that rewrites
// it says more.
func choose(es []*natEntry, c *conn) *natEntry {
	if slices.ContainsFunc(es, (*natEntry).rewrites) {
		es = slices.DeleteFunc(es, func(e *natEntry) bool { return !e.rewrites() })
	}
	var dated, undated []*natEntry
	for _, e := range es {
		if e.from.Known() {
			dated = append(dated, e)
		} else {
			undated = append(undated, e)
		}
	}
	if len(dated) > 0 {
		return closest(dated, c)
	}
	return youngest(undated)
}

func (e *natEntry) rewrites() bool { return e.NAT() }

// closest returns the entry that began nearest to c, and before it if c began
// before the capture.
func closest(es []*natEntry, c *conn) *natEntry {
	far := func(e *natEntry) int64 { d := off(e.from, c.start); return max(d, -d) }
	return slices.MinFunc(es, func(a, b *natEntry) int { return int(min(max(far(a)-far(b), -1), 1)) })
}

// youngest returns the entry that saw a packet last; nil if there are several
// as far as whole seconds tell, which say different things.
func youngest(es []*natEntry) *natEntry {
	var best *natEntry
	unsure := false
	for _, e := range es {
		switch {
		case best == nil || e.idle() < best.idle():
			best, unsure = e, best != nil && (e.idle() == unknownIdle || best.idle()-e.idle() < 2)
		case e.idle()-best.idle() < 2:
			unsure = unsure || e.Orig != best.Orig || e.Reply != best.Reply
		}
	}
	if unsure {
		return nil
	}
	return best
}

const unknownIdle = 1 << 30

// idle returns how many seconds no packet was seen when the table was listed,
// by what is left of the state's timeout (nf_conntrack_proto_tcp.c); with
// another setting of these all entries of a state are wrong by as much.
func (e *natEntry) idle() int64 {
	full, ok := map[string]int64{
		"SYN_SENT": 120, "SYN_RECV": 60, "ESTABLISHED": 432000, "FIN_WAIT": 120,
		"CLOSE_WAIT": 60, "LAST_ACK": 30, "TIME_WAIT": 120, "CLOSE": 10, "SYN_SENT2": 120,
	}[e.State]
	if !ok || e.Has&conntrack.HasTimeout == 0 {
		return unknownIdle
	}
	return max(full-int64(e.Timeout), 0)
}

// entryConflicts lists the entries that share a direction with a connection and
// say something else of the other, and are of no other connection.
func entryConflicts(b *natBook, x *index.Index, files []record.Info, legs []*workLeg) []record.Conflict {
	var out []record.Conflict
	told := make(map[*natEntry]bool)
	for _, l := range legs {
		for c := range l.sightings {
			if c.Orig == 0 || c.Reply == 0 {
				continue
			}
			for _, h := range [2]index.HalfNo{c.Orig, c.Reply} {
				for _, v := range b.views[x.Half(h).Key.Tuple()] {
					if e := v.e; !e.fits && !told[e] && entryAlive(e, x, c) && !describes(e, x, c) {
						told[e] = true
						out = append(out, entryConflict(e, x, files, l, c))
					}
				}
			}
		}
	}
	return out
}

func entryConflict(e *natEntry, x *index.Index, files []record.Info, l *workLeg, c *conn) record.Conflict {
	says := func(orig, reply capture.Tuple) string {
		if orig.Dst == reply.Src {
			return fmt.Sprintf("%s dialled %s", orig.Src, orig.Dst)
		}
		return fmt.Sprintf("%s dialled %s and %s answered", orig.Src, orig.Dst, reply.Src)
	}
	return record.Conflict{Source: e.source(files), Leg: l.ID, Says: says(e.Orig, e.Reply), Packets: says(c.origTuple(x), c.replyTuple(x)),
		Shown: []capture.Ref{x.Half(c.Orig).First, x.Half(c.Reply).First}}
}

// tuples tells entries of one connection, of which there may be several, listed
// at several times.
func (e *natEntry) tuples() [2]capture.Tuple { return [2]capture.Tuple{e.Orig, e.Reply} }

func (e *natEntry) source(files []record.Info) record.Source {
	return record.Source{Kind: record.Conntrack, File: files[e.file].Name, Line: e.line}
}

func (b *natBook) empty() bool { return len(b.entries) == 0 }
