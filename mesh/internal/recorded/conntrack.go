package recorded

import (
	"io"

	"github.com/pcapmesh/pcapmesh/capture/tcpip"
	"github.com/pcapmesh/pcapmesh/mesh/conntrack"
	"github.com/pcapmesh/pcapmesh/mesh/record"
)

// EntryOf returns conntrack's entry of a redirected datagram that was captured
// at the given time with the given tuple, which may be of either direction. It
// returns nil if there is none, or several that say different things.
func (b *Entries) EntryOf(t tcpip.Tuple, nanos int64) *Entry {
	var found *Entry
	for _, v := range b.Views[t] {
		shows := v.E.Reply.Reverse() // a query is captured behind the redirect, its answer before it
		if v.reply {
			shows = v.E.Orig.Reverse()
		}
		if !v.E.NAT() || shows != t || !v.E.Covers(nanos) {
			continue
		}
		if found != nil && (found.Orig != v.E.Orig || found.Reply != v.E.Reply) {
			return nil
		}
		found = v.E
	}
	return found
}

// Covers reports whether the entry may have been in the table at a time.
func (e *Entry) Covers(nanos int64) bool {
	if e.From.Known() && !e.From.Local && Off(e.From, nanos) > NATSlack {
		return false
	}
	return !e.To.Known() || e.To.Local || Off(e.To, nanos) >= -NATSlack
}

// An Entry is a conntrack entry that touches a connection in the captures.
type Entry struct {
	conntrack.Entry
	From, To conntrack.Stamp // when it was in the table
	line     int
	file     int  // index into Records.Files
	Fits     bool // it may be of some connection
}

// A View is one way in which a packet of an entry's connection may show: its
// request as dialled or after NAT, its answer before NAT or as the client gets
// it.
type View struct {
	E     *Entry
	reply bool
}

// An Entries finds entries by the tuples of captured packets.
type Entries struct {
	Entries []*Entry
	Views   map[tcpip.Tuple][]View
}

func newEntries(entries []*Entry) *Entries {
	b := &Entries{entries, make(map[tcpip.Tuple][]View)}
	for _, e := range entries {
		b.add(e.Orig, View{e, false})
		b.add(e.Orig.Reverse(), View{e, true})
		if e.NAT() {
			b.add(e.Reply.Reverse(), View{e, false})
			b.add(e.Reply, View{e, true})
		}
	}
	return b
}

func (b *Entries) add(t tcpip.Tuple, v View) { b.Views[t] = append(b.Views[t], v) }

// NATSlack is how far the time of an event may be from that of its packet, in
// nanoseconds: conntrack stamps an event when it prints it.
const NATSlack = int64(2e9)

// quarter is what zones of clocks differ by, in nanoseconds.
const quarter = int64(15 * 60 * 1e9)

// Off returns by how much a time of the entry is later than one of the capture.
// Of a clock whose zone is not known only the minutes within a quarter of an hour
// count.
func Off(s conntrack.Stamp, nanos int64) int64 {
	d := int64(s.Time) - nanos
	if !s.Local {
		return d
	}
	d = (d%quarter + quarter) % quarter
	if d > quarter/2 {
		d -= quarter
	}
	return d
}

// UnknownIdle is longer than any entry is known to have been idle, in seconds.
const UnknownIdle = 1 << 30

// Idle returns how many seconds no packet was seen when the table was listed,
// by what is left of the state's timeout (nf_conntrack_proto_tcp.c); with
// another setting of these all entries of a state are wrong by as much.
func (e *Entry) Idle() int64 {
	full, ok := map[string]int64{
		"SYN_SENT": 120, "SYN_RECV": 60, "ESTABLISHED": 432000, "FIN_WAIT": 120,
		"CLOSE_WAIT": 60, "LAST_ACK": 30, "TIME_WAIT": 120, "CLOSE": 10, "SYN_SENT2": 120,
	}[e.State]
	if !ok || e.Has&conntrack.HasTimeout == 0 {
		return UnknownIdle
	}
	return max(full-int64(e.Timeout), 0)
}

// Tuples tells entries of one connection, of which there may be several, listed
// at several times.
func (e *Entry) Tuples() [2]tcpip.Tuple { return [2]tcpip.Tuple{e.Orig, e.Reply} }

// Source names the line that showed the entry first.
func (e *Entry) Source(files []record.Info) record.Source {
	return record.Source{Kind: record.Conntrack, File: files[e.file].Name, Line: e.line}
}

// Empty reports whether there are no entries.
func (b *Entries) Empty() bool { return len(b.Entries) == 0 }

// conntrack reads listings and events of conntrack, and keeps entries of which
// some packet may be.
func (rd *reader) conntrack() error {
	var entries, queries []*Entry
	err := rd.files(record.Conntrack, func(in io.Reader, info *record.Info) error {
		table := conntrack.NewTable(func(s *conntrack.Span) {
			info.Matched++
			e := &Entry{Entry: s.Entry, From: s.From, To: s.To, line: s.First, file: rd.file()}
			e.From.Time, e.To.Time = rd.correct(info.Pod, e.From.Time), rd.correct(info.Pod, e.To.Time)
			if e.Proto() == tcpip.ProtoTCP {
				entries = append(entries, e)
			} else {
				queries = append(queries, e)
			}
		})
		err := each(conntrack.NewReader(in), info, func(e *conntrack.Event) {
			if rd.touched.entry(&e.Entry) {
				table.Apply(e)
			}
		})
		table.Close()
		return err
	})
	rd.records.NAT, rd.records.Datagrams = newEntries(entries), newEntries(queries)
	return err
}

// entry reports whether some packet may be of the entry's connection.
func (t *touched) entry(e *conntrack.Entry) bool {
	return (e.Proto() == tcpip.ProtoTCP || e.Proto() == tcpip.ProtoUDP) &&
		(t.tuple(e.Orig) || t.tuple(e.Orig.Reverse()) || t.tuple(e.Reply) || t.tuple(e.Reply.Reverse()))
}

// Tracked returns what the entry says; nil if there is none.
func (e *Entry) Tracked(files []record.Info) *record.Tracked {
	if e == nil {
		return nil
	}
	return &record.Tracked{Source: e.Source(files), Orig: e.Orig, Reply: e.Reply, State: e.State, Mark: e.Mark, Zone: e.OrigZone()}
}
