package conntrack

import (
	"strconv"
	"time"

	"github.com/pcapmesh/pcapmesh/capture/tcpip"
)

// String returns the event as a line of conntrack -E -o
// extended,id,timestamp,ktimestamp,labels, of a list of -L. Local times of
// events are left out: text has none.
func (e *Event) String() string { return string(e.append(nil)) }

// append appends what String returns.
func (e *Event) append(b []byte) []byte {
	if e.When.Known() && !e.When.Local {
		b = append(b, '[')
		b = appendPadded(b, int64(e.When.Time)/1e9, 8)
		b = append(b, '.')
		b = appendPadded(b, int64(e.When.Time)%1e9/1e3, 6)
		b = append(b, "]\t"...)
	}
	if tag := e.Kind.String(); tag != "" {
		const width = len("[DESTROY]")
		b = append(b, "         "[:width-len(tag)]...)
		b = append(append(b, tag...), ' ')
	}
	b = e.Entry.append(b)
	if e.Userspace {
		b = append(b, " [USERSPACE]"...)
	}
	return b
}

// String returns the entry as conntrack -L -o extended,id,ktimestamp,labels
// prints it, with what is known of it. Exact times lose their fraction and are
// printed as in UTC.
func (e *Entry) String() string { return string(e.append(nil)) }

// append appends what String returns.
func (e *Entry) append(b []byte) []byte {
	b = e.appendHead(b)
	b = appendTuple(b, e.Orig)
	b = e.append16(b, HasZoneOrig, "zone-orig=", e.ZoneOrig)
	b = e.appendCount(b, HasOrigCount, e.OrigCount)
	if e.Status&SeenReply == 0 {
		b = append(b, "[UNREPLIED] "...)
	}
	b = appendTuple(b, e.Reply)
	b = e.append16(b, HasZoneReply, "zone-reply=", e.ZoneReply)
	b = e.appendCount(b, HasReplyCount, e.ReplyCount)
	b = e.appendStatus(b)
	b = e.append32(b, HasMark, "mark=", e.Mark)
	b = e.append32(b, HasSecMark, "secmark=", e.SecMark)
	b = appendName(b, "secctx=", e.SecCtx)
	b = e.append16(b, HasZone, "zone=", e.Zone)
	b = e.append32(b, HasDelta, "delta-time=", e.Delta)
	b = appendStamp(b, "[start=", e.Start)
	b = appendStamp(b, "[stop=", e.Stop)
	b = appendName(b, "helper=", e.Helper)
	b = e.append32(b, HasUse, "use=", e.Use)
	b = e.append32(b, HasID, "id=", e.ID)
	b = appendName(b, "labels=", e.Labels)
	return b[:len(b)-1]
}

// appendHead appends the columns before the tuples.
func (e *Entry) appendHead(b []byte) []byte {
	if e.Orig.Src.Addr().Is4() {
		b = append(b, "ipv4     2 "...)
	} else {
		b = append(b, "ipv6     10 "...)
	}
	name := protoName(e.Proto())
	b = append(b, name...)
	b = append(b, "         "[:9-len(name)]...)
	b = append(strconv.AppendUint(b, uint64(e.Proto()), 10), ' ')
	b = e.append32(b, HasTimeout, "", e.Timeout)
	return appendName(b, "", e.State)
}

func (e *Entry) appendStatus(b []byte) []byte {
	switch {
	case e.Status&HWOffload != 0:
		b = append(b, "[HW_OFFLOAD] "...)
	case e.Status&Offload != 0:
		b = append(b, "[OFFLOAD] "...)
	case e.Status&Assured != 0:
		b = append(b, "[ASSURED] "...)
	}
	return b
}

func appendTuple(b []byte, t tcpip.Tuple) []byte {
	b = t.Src.Addr().AppendTo(append(b, "src="...))
	b = t.Dst.Addr().AppendTo(append(b, " dst="...))
	b = append(b, ' ')
	src, dst := uint64(t.Src.Port()), uint64(t.Dst.Port())
	switch shapeOf(t.Proto) {
	case shapePorts:
		b = appendPair(b, "sport=", src)
		b = appendPair(b, "dport=", dst)
	case shapeICMP:
		b = appendPair(b, "type=", dst>>8)
		b = appendPair(b, "code=", dst&0xff)
		b = appendPair(b, "id=", src)
	case shapeKeys:
		b = append(strconv.AppendUint(append(b, "srckey=0x"...), src, 16), ' ')
		b = append(strconv.AppendUint(append(b, "dstkey=0x"...), dst, 16), ' ')
	}
	return b
}

func (e *Entry) appendCount(b []byte, field Fields, c Counters) []byte {
	if e.Has&field == 0 {
		return b
	}
	return appendPair(appendPair(b, "packets=", c.Packets), "bytes=", c.Bytes)
}

func (e *Entry) append32(b []byte, field Fields, key string, n uint32) []byte {
	if e.Has&field == 0 {
		return b
	}
	return appendPair(b, key, uint64(n))
}

func (e *Entry) append16(b []byte, field Fields, key string, n uint16) []byte {
	return e.append32(b, field, key, uint32(n))
}

func appendPair(b []byte, key string, n uint64) []byte {
	return append(strconv.AppendUint(append(b, key...), n, 10), ' ')
}

func appendName(b []byte, key, name string) []byte {
	if name == "" {
		return b
	}
	return append(append(append(b, key...), name...), ' ')
}

func appendStamp(b []byte, key string, s Stamp) []byte {
	if s.Time < 1e9 { // words have whole seconds, and second 0 is no time
		return b
	}
	return append(s.appendLocal(append(b, key...)), "] "...)
}

// appendPadded appends a number with zeros in front.
func appendPadded(b []byte, n int64, width int) []byte {
	for limit := int64(10); width > 1; width, limit = width-1, limit*10 {
		if n < limit {
			b = append(b, '0')
		}
	}
	return strconv.AppendInt(b, n, 10)
}

// appendLocal appends s in ctime's layout.
func (s Stamp) appendLocal(b []byte) []byte {
	return time.Unix(0, int64(s.Time)).UTC().AppendFormat(b, ctime)
}

// Len returns the number of entries that live.
func (t *Table) Len() int { return len(t.index) }
