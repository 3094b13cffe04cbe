package conntrack

import "bytes"

// save reads a line of -o save, which is the command that makes the entry again:
//
//	-A -t 431999 -u SEEN_REPLY,ASSURED -s SRC -d DST -g REPLYSRC -q REPLYDST -p tcp --sport …
//
// The event of -A is List: a list has nothing else, and what -E means by it
// cannot be told apart. It reports false for other lines.
func (d *draft) save(line []byte) bool {
	w := words{line: line}
	if !d.command(&w) {
		return false
	}
	d.saveProto(w)
	for option := w.next(); len(option) > 0; option = w.next() {
		if string(option) == "[USERSPACE]" {
			d.event.Userspace = true
			break
		}
		if option[0] == '-' {
			d.option(option, w.next())
		}
	}
	return true
}

// command finds the command: a letter with an option behind it. Rules of
// iptables have the name of a chain there, and what somebody typed begins with
// the name of the program.
func (d *draft) command(w *words) bool {
	for c := w.next(); len(c) > 0; c = w.next() {
		if string(c) == "conntrack" {
			return false
		}
		kind, ok := commandKind(c)
		if ok && bytes.HasPrefix(w.line[w.pos:], []byte(" -")) {
			d.event.Kind = kind
			return true
		}
	}
	return false
}

func commandKind(c []byte) (Kind, bool) {
	switch string(c) {
	case "-A", "-I":
		return List, true
	case "-U":
		return Update, true
	case "-D":
		return Destroy, true
	}
	return 0, false
}

// saveProto looks ahead for the protocol, on which the meaning of words depends.
func (d *draft) saveProto(w words) {
	for option := w.next(); len(option) > 0; option = w.next() {
		if string(option) != "-p" {
			continue
		}
		name := w.next()
		p, ok := protoNamed(name)
		if !ok {
			d.bad("protocol", name)
		}
		d.protocol(p)
		return
	}
}

// option reads an option. The names are those of conntrack(8). Unknown ones are
// passed over.
func (d *draft) option(option, value []byte) {
	if d.saveTuple(option, value) {
		return
	}
	e := &d.event.Entry
	switch string(option) {
	case "-t":
		d.field32(&e.Timeout, HasTimeout, "timeout", value)
	case "-u":
		d.status(value)
	case "-m":
		d.field32(&e.Mark, HasMark, "mark", value)
	case "-c":
		d.field32(&e.SecMark, HasSecMark, "secmark", value)
	case "-w":
		d.zone(&e.Zone, HasZone, "zone", value)
	case "--orig-zone":
		d.zone(&e.ZoneOrig, HasZoneOrig, "zone-orig", value)
	case "--reply-zone":
		d.zone(&e.ZoneReply, HasZoneReply, "zone-reply", value)
	case "--state":
		if isState(value) {
			e.State = d.names.intern(value)
		}
	}
}

// saveTuple reads an option that belongs to one direction. Addresses of the reply
// have other letters where they are rewritten (-g, -n).
func (d *draft) saveTuple(option, value []byte) bool {
	switch string(option) {
	case "-s":
		d.address(original, "src", value)
	case "-d":
		d.address(original, "dst", value)
	case "-r", "-g":
		d.address(reply, "src", value)
	case "-q", "-n":
		d.address(reply, "dst", value)
	case "--sport":
		d.word(original, "sport", value)
	case "--dport":
		d.word(original, "dport", value)
	case "--reply-port-src":
		d.word(reply, "sport", value)
	case "--reply-port-dst":
		d.word(reply, "dport", value)
	case "--srckey":
		d.word(original, "srckey", value)
	case "--dstkey":
		d.word(original, "dstkey", value)
	case "--reply-key-src":
		d.word(reply, "srckey", value)
	case "--reply-key-dst":
		d.word(reply, "dstkey", value)
	case "--icmp-type", "--icmpv6-type":
		d.word(original, "type", value)
	case "--icmp-code", "--icmpv6-code":
		d.word(original, "code", value)
	case "--icmp-id", "--icmpv6-id":
		d.word(original, "id", value)
	default:
		return false
	}
	return true
}

// status reads flags by name.
func (d *draft) status(value []byte) {
	for name := range bytes.SplitSeq(value, []byte(",")) {
		switch string(name) {
		case "EXPECTED":
			d.event.Entry.Status |= Expected
		case "SEEN_REPLY":
			d.event.Entry.Status |= SeenReply
		case "ASSURED":
			d.event.Entry.Status |= Assured
		case "FIXED_TIMEOUT":
			d.event.Entry.Status |= FixedTimeout
		case "OFFLOAD":
			d.event.Entry.Status |= Offload
		case "HW_OFFLOAD":
			d.event.Entry.Status |= HWOffload
		}
	}
}
