package conn

import (
	"cmp"
	"slices"

	"github.com/pcapmesh/pcapmesh/capture/tcpip"
	"github.com/pcapmesh/pcapmesh/mesh/internal/index"
	"github.com/pcapmesh/pcapmesh/mesh/internal/recorded"
)

// Alive reports whether the connection that c is may be the one of the entry, by
// time: it begins with the first packet, if that was captured.
func Alive(e *recorded.Entry, x *index.Index, c *Conn) bool {
	if e.From.Known() {
		d := recorded.Off(e.From, c.Start)
		if d > recorded.NATSlack && (e.From.Local || recorded.Off(e.From, c.End) > recorded.NATSlack) || d < -recorded.NATSlack && c.HasSYN(x) {
			return false
		}
	}
	return !e.To.Known() || e.To.Local || recorded.Off(e.To, c.Start) >= -recorded.NATSlack
}

// Describes reports whether e is of connection c, as far as its halves show,
// whichever of them is the client's.
func Describes(e *recorded.Entry, x *index.Index, c *Conn) bool {
	if c.Loopback && e.NAT() && c.Mirrored() { // over loopback one half of what is rewritten has other ends
		return false
	}
	return asks(e, x, c.Orig) && answersEntry(e, x, c.Reply) || asks(e, x, c.Reply) && answersEntry(e, x, c.Orig)
}

// asks reports whether h may be what the client sent; 0 may be anything.
func asks(e *recorded.Entry, x *index.Index, h index.HalfNo) bool {
	if h == 0 {
		return true
	}
	t := x.Half(h).Key.Tuple()
	return t == e.Orig || t == e.Reply.Reverse()
}

// answersEntry reports whether h may be what the client was sent.
func answersEntry(e *recorded.Entry, x *index.Index, h index.HalfNo) bool {
	if h == 0 {
		return true
	}
	t := x.Half(h).Key.Tuple()
	return t == e.Orig.Reverse() || t == e.Reply
}

// fitting lists the entries that may be of connection c: by tuples and by time.
func fitting(b *recorded.Entries, x *index.Index, c *Conn) []*recorded.Entry {
	var es []*recorded.Entry
	for _, v := range b.Views[x.Half(c.Lead()).Key.Tuple()] {
		if Alive(v.E, x, c) && Describes(v.E, x, c) && !slices.Contains(es, v.E) {
			es = append(es, v.E)
		}
	}
	return es
}

// edgesOf lists the pairs of unbound halves that an entry names as the two
// directions of one connection and whose numbers agree.
func edgesOf(b *recorded.Entries, x *index.Index, unbound []index.HalfNo) []edge {
	byTuple := make(map[tcpip.Tuple][]index.HalfNo)
	for _, h := range unbound {
		t := x.Half(h).Key.Tuple()
		byTuple[t] = append(byTuple[t], h)
	}
	var edges []edge
	pair := func(request, reply tcpip.Tuple) {
		for _, p := range byTuple[request] {
			for _, q := range byTuple[reply] {
				if x.Place(p) == x.Place(q) && answers(x.Half(p), x.Half(q)) {
					edges = append(edges, edge{min(p, q), max(p, q)})
				}
			}
		}
	}
	for _, e := range b.Entries {
		if e.NAT() {
			pair(e.Reply.Reverse(), e.Orig.Reverse())
		}
	}
	return edges
}

// recall gives connections their entries. An entry with times is of the
// connection that began nearest to it. One without was in the table when that was
// listed, so it is of the last connection that it can be of; where several can
// be, the one that was used last, which timeouts tell. Before that one it was of
// those whose ends its client used again before it could expire.
func recall(b *recorded.Entries, x *index.Index, conns []*Conn) {
	if b.Empty() {
		return
	}
	since := make(map[natSeat]int64) // when the connection began that has the entry
	for i := len(conns) - 1; i >= 0; i-- {
		c := conns[i]
		var free, reused []*recorded.Entry
		for _, e := range fitting(b, x, c) {
			e.Fits = true
			switch began, taken := since[natSeat{e, c.Place}]; {
			case !taken:
				free = append(free, e)
			case !e.From.Known() && began-c.End < closedTimeout:
				reused = append(reused, e)
			}
		}
		if c.Entry = choose(free, c); c.Entry == nil && len(free) == 0 {
			c.Entry = choose(reused, c)
		}
		if c.Entry != nil {
			since[natSeat{c.Entry, c.Place}] = c.Start
		}
	}
}

// closedTimeout is how long the entry of a closed connection stays in the table,
// in nanoseconds (TIME_WAIT in nf_conntrack_proto_tcp.c).
const closedTimeout = int64(120e9)

// A natSeat is an entry as the connection of one capture point.
type natSeat struct {
	e  *recorded.Entry
	at index.Place
}

// choose returns the entry of c among those that may be, nil if that is not
// certain. Tables of several hosts may have the connection; the one that rewrites
// it says more.
func choose(es []*recorded.Entry, c *Conn) *recorded.Entry {
	if slices.ContainsFunc(es, (*recorded.Entry).NAT) {
		es = slices.DeleteFunc(slices.Clone(es), func(e *recorded.Entry) bool { return !e.NAT() })
	}
	var dated, undated []*recorded.Entry
	for _, e := range es {
		if e.From.Known() {
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

// closest returns the entry that began nearest to c, and before it if c began
// before the capture.
func closest(es []*recorded.Entry, c *Conn) *recorded.Entry {
	far := func(e *recorded.Entry) int64 { d := recorded.Off(e.From, c.Start); return max(d, -d) }
	return slices.MinFunc(es, func(a, b *recorded.Entry) int { return int(min(max(far(a)-far(b), -1), 1)) })
}

// youngest returns the entry that saw a packet last; nil if there are several
// as far as whole seconds tell, which say different things.
func youngest(es []*recorded.Entry) *recorded.Entry {
	if len(es) == 0 {
		return nil
	}
	best := slices.MinFunc(es, func(a, b *recorded.Entry) int { return cmp.Compare(a.Idle(), b.Idle()) })
	for _, e := range es {
		if e.Idle()-best.Idle() < 2 && e.Tuples() != best.Tuples() {
			return nil
		}
	}
	return best
}
