package conntrack

import (
	"bytes"
	"time"

	"github.com/pcapmesh/pcapmesh/capture"
	"github.com/pcapmesh/pcapmesh/capture/tcpip"
)

// Marks of a flow in -o xml. What is outside of flows, the root element
// included, says nothing.
var (
	flowBegin = []byte("<flow")
	flowTag   = []byte("flow>")
)

// flowEnd returns where the first flow of b ends, -1 if none does. It looks for
// the name, since there are far fewer of it than of brackets.
func flowEnd(b []byte) int {
	for from := 0; ; {
		i := bytes.Index(b[from:], flowTag)
		if i < 0 {
			return -1
		}
		from += i + len(flowTag)
		if bytes.HasSuffix(b[:from], []byte("</flow>")) {
			return from
		}
	}
}

// A flow reads one <flow> element into a draft. The element may come in several
// pieces, cut anywhere but within a tag or a value: conntrack prints it on one
// line, tools for XML indent it. Only elements that conntrack writes count;
// nesting is not checked.
type flow struct {
	*draft
	open    bool
	begin   int    // the line it began on
	dir     int    // of the <meta> at hand
	element []byte // the last opening tag's name; valid within a piece
	when    clock
}

// A clock is what <when> holds: local time, in parts.
type clock struct{ hour, min, sec, day, month, year uint64 }

// feed reads the next piece. It reports true when the flow is complete.
func (f *flow) feed(piece []byte) bool {
	for {
		begin := bytes.IndexByte(piece, '<')
		end := bytes.IndexByte(piece, '>')
		if begin < 0 || end < begin {
			break
		}
		f.tag(piece[begin+1:end], piece[:begin])
		piece = piece[end+1:]
		if !f.open {
			f.outside(piece)
			return true
		}
	}
	f.element = nil
	return false
}

// outside reads what conntrack adds behind a flow.
func (f *flow) outside(text []byte) {
	if bytes.Contains(text, []byte("[USERSPACE]")) {
		f.event.Userspace = true
	}
}

// tag reads a tag; text is what stood before it.
func (f *flow) tag(tag, text []byte) {
	name := tag
	for i, c := range tag {
		if c <= ' ' {
			name = tag[:i]
			break
		}
	}
	switch {
	case len(name) > 0 && name[0] == '/':
		f.close(name[1:], text)
		f.element = nil
	case len(tag) > 0 && tag[len(tag)-1] == '/':
		f.empty(bytes.TrimSuffix(name, []byte("/")))
		f.element = nil
	default:
		f.opening(name, tag)
		f.element = name
	}
}

// opening reads an opening tag.
func (f *flow) opening(name, tag []byte) {
	switch string(name) {
	case "flow":
		f.kind(attribute(tag, "type"))
	case "meta":
		f.dir = direction(attribute(tag, "direction"))
	case "layer4":
		f.protocol(tcpip.Proto(f.number("protonum", attribute(tag, "protonum"), 255)))
	}
}

// start begins a flow on the given line.
func (f *flow) start(line int) {
	f.reset()
	*f = flow{draft: f.draft, open: true, begin: line, dir: none}
	f.event.Entry.Status = SeenReply
}

// kind reads the type of an event; a flow of a list has none.
func (f *flow) kind(b []byte) {
	switch string(b) {
	case "new":
		f.event.Kind = New
	case "update":
		f.event.Kind = Update
	case "destroy":
		f.event.Kind = Destroy
	}
}

func direction(b []byte) int {
	switch string(b) {
	case "original":
		return original
	case "reply":
		return reply
	case "independent":
		return independent
	}
	return none
}

// attribute returns the value of an attribute.
func attribute(tag []byte, name string) []byte {
	_, after, _ := bytes.Cut(tag, []byte(name+`="`))
	value, _, _ := bytes.Cut(after, []byte(`"`))
	return value
}

// empty reads an element without contents.
func (f *flow) empty(name []byte) {
	switch string(name) {
	case "assured":
		f.event.Entry.Status |= Assured
	case "unreplied":
		f.event.Entry.Status &^= SeenReply
	}
}

// close reads a closing tag and, of an element with nothing but text, the text.
func (f *flow) close(name, text []byte) {
	switch string(name) {
	case "flow":
		f.open = false
	case "meta":
		f.dir = none
	case "when":
		f.event.When = f.when.stamp()
	default:
		if bytes.Equal(name, f.element) {
			f.leaf(name, text)
		}
	}
}

// leaf reads an element with nothing but text.
func (f *flow) leaf(name, text []byte) {
	switch f.dir {
	case original, reply:
		f.tupleElement(name, text)
	case independent:
		f.entryElement(name, text)
	case none:
		f.lastElement(name, text)
	}
}

// tupleElement reads an element of one direction.
func (f *flow) tupleElement(name, text []byte) {
	e := &f.event.Entry
	switch string(name) {
	case "src":
		f.address(f.dir, "src", text)
	case "dst":
		f.address(f.dir, "dst", text)
	case "sport":
		f.word(f.dir, "sport", text)
	case "dport":
		f.word(f.dir, "dport", text)
	case "srckey":
		f.word(f.dir, "srckey", text)
	case "dstkey":
		f.word(f.dir, "dstkey", text)
	case "packets":
		f.count(f.dir, "packets", text)
	case "bytes":
		f.count(f.dir, "bytes", text)
	case "zone":
		if f.dir == original {
			f.zone(&e.ZoneOrig, HasZoneOrig, "zone", text)
		} else {
			f.zone(&e.ZoneReply, HasZoneReply, "zone", text)
		}
	}
}

// entryElement reads an element of the whole entry. States of other protocols
// than TCP are passed over: the library prints TCP's name for the state's number.
func (f *flow) entryElement(name, text []byte) {
	e := &f.event.Entry
	switch string(name) {
	case "state":
		if f.proto == protoTCP && isState(text) {
			e.State = f.names.intern(text)
		}
	case "timeout":
		f.field32(&e.Timeout, HasTimeout, "timeout", text)
	case "mark":
		f.field32(&e.Mark, HasMark, "mark", text)
	case "use":
		f.field32(&e.Use, HasUse, "use", text)
	case "id":
		f.field32(&e.ID, HasID, "id", text)
	case "zone":
		f.zone(&e.Zone, HasZone, "zone", text)
	case "deltatime":
		f.field32(&e.Delta, HasDelta, "deltatime", text)
	case "secmark":
		f.field32(&e.SecMark, HasSecMark, "secmark", text)
	case "secctx":
		e.SecCtx = f.name(text)
	case "label":
		f.label(text)
	case "start":
		e.Start = Stamp{Time: capture.Time(int64(f.number("start", text, 1<<63-1)))}
	case "stop":
		e.Stop = Stamp{Time: capture.Time(int64(f.number("stop", text, 1<<63-1)))}
	}
}

// lastElement reads an element behind the last <meta>.
func (f *flow) lastElement(name, text []byte) {
	if string(name) == "helper" {
		f.event.Entry.Helper = f.name(text)
		return
	}
	f.when.element(name, text)
}

// label adds a label.
func (f *flow) label(text []byte) {
	e := &f.event.Entry
	if !isName(text) || len(e.Labels)+1+len(text) > maxName {
		return
	}
	if e.Labels != "" {
		e.Labels += ","
	}
	e.Labels += string(text)
}

// element reads an element of <when>.
func (c *clock) element(name, text []byte) {
	n, ok := number(text, 1<<16)
	if !ok {
		return
	}
	switch string(name) {
	case "hour":
		c.hour = n
	case "min":
		c.min = n
	case "sec":
		c.sec = n
	case "day":
		c.day = n
	case "month":
		c.month = n
	case "year":
		c.year = n
	}
}

// stamp returns the time, the zero Stamp if it is none.
func (c *clock) stamp() Stamp {
	t := time.Date(int(c.year), time.Month(c.month), int(c.day), int(c.hour), int(c.min), int(c.sec), 0, time.UTC)
	if t.Year() < 1970 || t.Year() > 2261 || t.Day() != int(c.day) || t.Month() != time.Month(c.month) {
		return Stamp{}
	}
	return Stamp{capture.TimeOf(t), true}
}
