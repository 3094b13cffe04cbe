package conntrack

import (
	"bytes"

	"github.com/pcapmesh/pcapmesh/capture/tcpip"
)

// A textLine is a line of conntrack -L, -E or /proc/net/nf_conntrack:
//
//	[time] [tag] [l3name l3num] l4name l4num [timeout] [STATE] tuple [counters] [UNREPLIED] tuple [counters] [ASSURED] key=value*
//
// Whatever stands before it, such as a prompt or a prefix, is passed over.
type textLine struct {
	*draft
	words
	dir int // of the tuple at hand
}

// text reads a line into d. It reports false for a line that holds no entry; one
// that looks like an entry may leave an error in d.
func (d *draft) text(line []byte) bool {
	t := textLine{d, words{line: line}, none}
	if !t.head() {
		if !looksCut(line) {
			return false
		}
		d.fail(errProto)
		return true
	}
	d.event.Entry.Status = SeenReply
	t.columns()
	return true
}

// looksCut reports whether a line without a protocol has a tuple nevertheless.
func looksCut(line []byte) bool {
	return bytes.Contains(line, []byte("src=")) && bytes.Contains(line, []byte("dst="))
}

// head reads all up to the protocol and its number.
func (t *textLine) head() bool {
	for w := t.next(); len(w) > 0; w = t.next() {
		if w[0] == '[' {
			t.label(w)
			continue
		}
		after := t.pos
		if layer3(w, t.next()) {
			name := t.next()
			if t.protocol(name, t.next(), true) {
				return true
			}
		} else {
			t.pos = after
			if t.protocol(w, t.next(), false) {
				return true
			}
		}
		t.pos = after
	}
	return false
}

// label reads what stands in brackets in front: the time and the kind.
func (t *textLine) label(w []byte) {
	switch string(w) {
	case "[NEW]":
		t.event.Kind = New
	case "[UPDATE]":
		t.event.Kind = Update
	case "[DESTROY]":
		t.event.Kind = Destroy
	default:
		if s, ok := exactStamp(bytes.Trim(w, "[]")); ok {
			t.event.When = s
		}
	}
}

// layer3 reports whether two words are a network protocol, which the addresses
// tell as well.
func layer3(name, num []byte) bool {
	return string(name) == "ipv4" && string(num) == "2" || string(name) == "ipv6" && string(num) == "10"
}

// protocol reads a name and number. Where there is no network protocol in front,
// the name must be known, since anything may stand before.
func (t *textLine) protocol(name, num []byte, sure bool) bool {
	n, ok := number(num, 255)
	if !ok || n == 0 {
		return false
	}
	p := tcpip.Proto(n)
	if !sure && !named(name, p) {
		return false
	}
	t.proto = p
	return true
}

// columns reads what follows the protocol.
func (t *textLine) columns() {
	for w := t.next(); len(w) > 0; w = t.next() {
		switch key, value, ok := pair(w); {
		case ok && w[0] != '[':
			t.pair(key, value)
		case ok:
			t.bracket(key, t.pos-len(value))
		case w[0] == '[':
			if !t.flag(w) {
				return
			}
		case t.dir == none:
			t.column(w)
		}
	}
}

// column reads a word between protocol and tuple: the timeout or the state.
func (t *textLine) column(w []byte) {
	e := &t.event.Entry
	if isState(w) {
		e.State = t.names.intern(w)
	} else if w[0]-'0' <= 9 && e.Has&HasTimeout == 0 {
		t.field32(&e.Timeout, HasTimeout, "timeout", w)
	}
}

// flag reads a word in brackets. It reports false for the last thing in a line:
// the name of the program that follows may contain anything.
func (t *textLine) flag(w []byte) bool {
	const exclusive = HWOffload | Offload | Assured
	s := &t.event.Entry.Status
	switch string(w) {
	case "[UNREPLIED]":
		*s &^= SeenReply
	case "[ASSURED]":
		*s = *s&^exclusive | Assured
	case "[OFFLOAD]":
		*s = *s&^exclusive | Offload
	case "[HW_OFFLOAD]":
		*s = *s&^exclusive | HWOffload
	case "[USERSPACE]":
		t.event.Userspace = true
		return false
	}
	return true
}

// bracket reads "[start=…]" and "[stop=…]", whose value has blanks and begins at
// from.
func (t *textLine) bracket(key []byte, from int) {
	e := &t.event.Entry
	to := &e.Start
	switch string(key) {
	case "[start":
	case "[stop":
		to = &e.Stop
	default:
		return
	}
	value := t.until(from, ']')
	s, ok := localStamp(value)
	if !ok {
		t.bad("time", value)
		return
	}
	*to = s
}

// pair reads "key=value".
func (t *textLine) pair(key, value []byte) {
	if string(key) == "src" {
		t.dir++
	}
	if t.dir > reply {
		t.fail(errThird)
		return
	}
	if t.dir == none || !t.tuplePair(key, value) {
		t.entryPair(key, value)
	}
}

// tuplePair reads a pair that belongs to one direction.
func (t *textLine) tuplePair(key, value []byte) bool {
	switch string(key) {
	case "src":
		t.address(t.dir, "src", value)
	case "dst":
		t.address(t.dir, "dst", value)
	case "sport":
		t.word(t.dir, "sport", value)
	case "dport":
		t.word(t.dir, "dport", value)
	case "packets":
		t.count(t.dir, "packets", value)
	case "bytes":
		t.count(t.dir, "bytes", value)
	case "type":
		t.word(t.dir, "type", value)
	case "code":
		t.word(t.dir, "code", value)
	case "srckey":
		t.word(t.dir, "srckey", value)
	case "dstkey":
		t.word(t.dir, "dstkey", value)
	case "id":
		if !t.wantsICMPID(t.dir) {
			return false
		}
		t.word(t.dir, "id", value)
	default:
		return false
	}
	return true
}

// entryPair reads a pair that belongs to the entry. Unknown ones are passed over.
func (t *textLine) entryPair(key, value []byte) {
	e := &t.event.Entry
	switch string(key) {
	case "mark":
		t.field32(&e.Mark, HasMark, "mark", value)
	case "use":
		t.field32(&e.Use, HasUse, "use", value)
	case "id":
		t.field32(&e.ID, HasID, "id", value)
	case "zone":
		t.zone(&e.Zone, HasZone, "zone", value)
	case "zone-orig":
		t.zone(&e.ZoneOrig, HasZoneOrig, "zone-orig", value)
	case "zone-reply":
		t.zone(&e.ZoneReply, HasZoneReply, "zone-reply", value)
	case "delta-time":
		t.field32(&e.Delta, HasDelta, "delta-time", value)
	case "secmark":
		t.field32(&e.SecMark, HasSecMark, "secmark", value)
	case "secctx":
		e.SecCtx = t.name(value)
	case "helper":
		e.Helper = t.name(value)
	case "labels":
		e.Labels = t.name(value)
	}
}
