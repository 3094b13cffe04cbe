package conntrack

import (
	"errors"
	"fmt"
	"net/netip"

	"github.com/pcapmesh/pcapmesh/capture/tcpip"
)

// What can be wrong with a line.
var (
	errProto    = errors.New("no protocol")
	errTuple    = errors.New("a tuple without address")
	errPorts    = errors.New("a tuple without ports")
	errReply    = errors.New("no reply tuple")
	errThird    = errors.New("a third tuple")
	errProtos   = errors.New("several protocols")
	errFamilies = errors.New("addresses of several families")
	errTooLong  = fmt.Errorf("longer than %d bytes", maxUnit)
	errCut      = errors.New("cut off")
)

// Directions of a draft. In XML, fields of no direction are in one of their own.
const (
	original = iota
	reply
	independent
	none = -1
)

// A draft is an event being read, from whatever form.
type draft struct {
	event Event
	proto tcpip.Proto
	ends  [2]ends
	err   error // the first
	names *names
}

// ends holds what was read of one tuple.
type ends struct {
	src, dst         netip.Addr
	srcWord, dstWord uint16
	has              endFields
}

type endFields uint8

const (
	hasSrc endFields = 1 << iota
	hasDst
	hasSrcWord
	hasDstWord
	hasICMPID
)

// reset begins a new event.
func (d *draft) reset() { *d = draft{names: d.names} }

// protocol reads the protocol, which both tuples have alike.
func (d *draft) protocol(p tcpip.Proto) {
	if d.proto != 0 && d.proto != p {
		d.fail(errProtos)
	}
	d.proto = p
}

// fail keeps the first error.
func (d *draft) fail(err error) {
	if d.err == nil {
		d.err = err
	}
}

// bad fails with a field and its value.
func (d *draft) bad(key string, value []byte) {
	d.fail(fmt.Errorf("bad %s %.40q", key, value))
}

// address reads an address of a tuple.
func (d *draft) address(dir int, key string, value []byte) {
	a, ok := address(value)
	if !ok {
		d.bad(key, value)
		return
	}
	e := &d.ends[dir]
	if key == "src" {
		e.src, e.has = a, e.has|hasSrc
	} else {
		e.dst, e.has = a, e.has|hasDst
	}
}

// word reads one of the two words beside the addresses of a tuple, if the
// protocol has words by that name.
func (d *draft) word(dir int, key string, value []byte) {
	e := &d.ends[dir]
	switch s := shapeOf(d.proto); {
	case s == shapePorts && key == "sport":
		e.srcWord, e.has = d.uint16(key, value), e.has|hasSrcWord
	case s == shapePorts && key == "dport":
		e.dstWord, e.has = d.uint16(key, value), e.has|hasDstWord
	case s == shapeKeys && key == "srckey":
		e.srcWord = d.greKey(key, value)
	case s == shapeKeys && key == "dstkey":
		e.dstWord = d.greKey(key, value)
	case s == shapeICMP && key == "id":
		e.srcWord, e.has = d.uint16(key, value), e.has|hasICMPID
	case s == shapeICMP && key == "type":
		e.dstWord = e.dstWord&0xff | uint16(d.number(key, value, 1<<8-1))<<8
	case s == shapeICMP && key == "code":
		e.dstWord = e.dstWord&^0xff | uint16(d.number(key, value, 1<<8-1))
	}
}

// wantsICMPID reports whether an id read now belongs to the tuple of dir, not to
// the entry: both are called id.
func (d *draft) wantsICMPID(dir int) bool {
	return shapeOf(d.proto) == shapeICMP && dir >= 0 && d.ends[dir].has&hasICMPID == 0
}

func (d *draft) greKey(key string, value []byte) uint16 {
	n, ok := greKey(value)
	if !ok {
		d.bad(key, value)
	}
	return n
}

func (d *draft) number(key string, value []byte, limit uint64) uint64 {
	n, ok := number(value, limit)
	if !ok {
		d.bad(key, value)
	}
	return n
}

func (d *draft) uint16(key string, value []byte) uint16 {
	return uint16(d.number(key, value, 1<<16-1))
}

// field32 reads a field of 32 bits.
func (d *draft) field32(to *uint32, field Fields, key string, value []byte) {
	*to = uint32(d.number(key, value, 1<<32-1))
	d.event.Entry.Has |= field
}

// zone reads a zone.
func (d *draft) zone(to *uint16, field Fields, key string, value []byte) {
	*to = d.uint16(key, value)
	d.event.Entry.Has |= field
}

// count reads the packets or bytes of a direction.
func (d *draft) count(dir int, key string, value []byte) {
	e := &d.event.Entry
	c, field := &e.OrigCount, HasOrigCount
	if dir == reply {
		c, field = &e.ReplyCount, HasReplyCount
	}
	e.Has |= field
	n := d.number(key, value, 1<<64-1)
	if key == "packets" {
		c.Packets = n
	} else {
		c.Bytes = n
	}
}

// name reads a word, "" where it cannot be one.
func (d *draft) name(value []byte) string {
	if !isName(value) {
		return ""
	}
	return d.names.intern(value)
}

// finish makes tuples of what was read. The error is the first met.
func (d *draft) finish() error {
	for dir := range d.ends {
		d.check(dir)
	}
	if d.err != nil {
		return d.err
	}
	d.event.Entry.Orig = d.ends[original].tuple(d.proto)
	d.event.Entry.Reply = d.ends[reply].tuple(d.proto)
	return nil
}

// check looks for what a tuple lacks.
func (d *draft) check(dir int) {
	e := &d.ends[dir]
	switch {
	case d.proto == 0:
		d.fail(errProto)
	case dir == reply && e.has == 0:
		d.fail(errReply)
	case e.has&(hasSrc|hasDst) != hasSrc|hasDst:
		d.fail(errTuple)
	case (d.proto == protoTCP || d.proto == protoUDP) && e.has&(hasSrcWord|hasDstWord) != hasSrcWord|hasDstWord:
		d.fail(errPorts)
	case e.src.Is4() != e.dst.Is4() || e.src.Is4() != d.ends[original].src.Is4():
		d.fail(errFamilies)
	}
}

func (e *ends) tuple(p tcpip.Proto) tcpip.Tuple {
	return tcpip.Tuple{Proto: p, Src: netip.AddrPortFrom(e.src, e.srcWord), Dst: netip.AddrPortFrom(e.dst, e.dstWord)}
}

// names keeps the strings met last, since lines repeat states and contexts: a
// line then allocates nothing.
type names struct {
	last [16]string
	next int
}

func (n *names) intern(b []byte) string {
	for _, s := range n.last {
		if s == string(b) {
			return s
		}
	}
	s := string(b)
	n.last[n.next] = s
	n.next = (n.next + 1) % len(n.last)
	return s
}
