package conntrack

import "github.com/pcapmesh/pcapmesh/capture/tcpip"

// A Span is an entry and the time it lived. It is comparable.
type Span struct {
	Entry Entry // as it was last shown, with what only earlier lines had

	// From and To are when the entry was created and destroyed; unknown where
	// no line says so or no line has a time. The kernel's times (Entry.Start,
	// Entry.Stop) are preferred to those of events if both are exact.
	From, To Stamp

	// Created and Destroyed report whether there was an event for it, if
	// without a time.
	Created, Destroyed bool

	// Replaced says that the entry was gone when another one of the same tuple
	// was shown; To is then the time of that, if known, the latest possible.
	Replaced bool

	Userspace bool // destroyed by a program; the connection may go on

	First, Last     int   // lines that showed the entry
	FirstAt, LastAt Stamp // the first and last time at which a line showed it; unknown without times
}

// A Table is the connection tracking table over time: it makes spans of events.
// It holds the entries that live. It is not safe for concurrent use.
//
// Events go in as they happened: of several files the older first, and lists,
// which have no time, where they were taken. A list after events adds to the
// entries that live then; one that shows an entry already destroyed makes a span
// of its own, both ends unknown. That an entry is missing in a list says nothing:
// lists may be filtered.
type Table struct {
	finished func(*Span)
	index    map[tableKey]int32 // into live
	live     liveSpans
	seq      uint64 // of the last entry
}

// A tableKey is what is unique among the entries that live: the orig tuple in its
// zone (nf_conntrack_core.c, nf_ct_key_equal).
type tableKey struct {
	src, dst         tcpip.Addr
	srcPort, dstPort uint16
	zone             uint16
	proto            tcpip.Proto
}

// NewTable returns an empty table. It calls finished with every span that is
// complete; the span is valid until that returns.
func NewTable(finished func(*Span)) *Table {
	return &Table{finished: finished, index: make(map[tableKey]int32)}
}

// Apply takes over what an event says. It keeps nothing of e.
func (t *Table) Apply(e *Event) {
	key := keyOf(&e.Entry)
	i, ok := t.index[key]
	if ok && !t.live.at(i).same(e) {
		if e.Kind == Destroy {
			t.destroyUnseen(e)
			return
		}
		t.replace(key, i, e)
		ok = false
	}
	switch {
	case !ok && e.Kind == Destroy:
		t.destroyUnseen(e)
	case !ok:
		t.add(key, e)
	default:
		s := t.live.at(i)
		s.show(e)
		if e.Kind == Destroy {
			s.destroy(e)
			t.remove(key, i)
		}
	}
}

// Close hands out the entries that still live, in the order in which they were
// first shown. The table is then empty and can be used again.
func (t *Table) Close() {
	for _, i := range t.live.inOrder() {
		t.finish(&t.live.at(i).Span)
	}
	clear(t.index)
	t.live = liveSpans{}
}

func keyOf(e *Entry) tableKey {
	return tableKey{
		tcpip.AddrFrom(e.Orig.Src.Addr()), tcpip.AddrFrom(e.Orig.Dst.Addr()),
		e.Orig.Src.Port(), e.Orig.Dst.Port(), e.OrigZone(), e.Proto(),
	}
}

// same reports whether e is about the same incarnation: not a new one, and its id
// or else its reply tuple, which never changes, are the same.
func (s *liveSpan) same(e *Event) bool {
	if e.Kind == New {
		return false
	}
	if s.Entry.Has&e.Entry.Has&HasID != 0 {
		return s.Entry.ID == e.Entry.ID
	}
	return s.Entry.Reply == e.Entry.Reply
}

// add puts a new entry into the table.
func (t *Table) add(key tableKey, e *Event) {
	t.seq++
	i := t.live.take()
	s := t.live.at(i)
	s.seq = t.seq
	s.begin(e)
	t.index[key] = i
}

// replace finishes an entry of which no end was shown when another has taken its
// place.
func (t *Table) replace(key tableKey, i int32, e *Event) {
	s := t.live.at(i)
	s.Replaced = true
	s.To = e.When
	t.remove(key, i)
}

// remove finishes an entry and takes it out of the table.
func (t *Table) remove(key tableKey, i int32) {
	t.finish(&t.live.at(i).Span)
	delete(t.index, key)
	t.live.give(i)
}

// destroyUnseen finishes an entry of which nothing but its end was shown.
func (t *Table) destroyUnseen(e *Event) {
	var s Span
	s.begin(e)
	s.destroy(e)
	t.finish(&s)
}

func (t *Table) finish(s *Span) {
	s.From = prefer(s.Entry.Start, s.From)
	s.To = prefer(s.Entry.Stop, s.To)
	t.finished(s)
}

// prefer returns the kernel's time if it is exact, else the event's if there is
// one.
func prefer(kernel, event Stamp) Stamp {
	if !kernel.Local {
		return kernel.better(event)
	}
	return event.better(kernel)
}

// begin makes s the span of an entry that e shows first.
func (s *Span) begin(e *Event) {
	s.Entry = e.Entry
	s.First, s.Last = e.Line, e.Line
	s.FirstAt, s.LastAt = e.When, e.When
	if e.Kind == New {
		s.Created, s.From = true, e.When
	}
}

// show takes over what a later event says of the entry.
func (s *Span) show(e *Event) {
	s.Entry.update(&e.Entry)
	s.Last = e.Line
	if e.When.Known() {
		s.LastAt = e.When
		if !s.FirstAt.Known() {
			s.FirstAt = e.When
		}
	}
}

func (s *Span) destroy(e *Event) {
	s.Destroyed, s.To, s.Userspace = true, e.When, e.Userspace
}
