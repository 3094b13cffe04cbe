package capture

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"math/bits"
	"net/netip"
	"strings"

	"github.com/pcapmesh/pcapmesh/capture/linktype"
)

// Option codes of pcapng (draft-ietf-opsawg-pcapng §3.5, §4). A code means
// something else in every kind of block.
const (
	optEnd     = 0
	optComment = 1

	optSectionHardware    = 2
	optSectionOS          = 3
	optSectionApplication = 4

	optInterfaceName        = 2
	optInterfaceDescription = 3
	optInterfaceResolution  = 9
	optInterfaceFilter      = 11
	optInterfaceOS          = 12
	optInterfaceOffset      = 14
	optInterfaceHardware    = 15

	optPacketFlags = 2
)

const (
	recordIPv4 = 1
	recordIPv6 = 2
)

// eachOption calls f for the options in b until their end. Custom options and
// others that f does not know are its to ignore.
func (g *pcapngFormat) eachOption(b []byte, f func(code uint16, value []byte) error) error {
	for len(b) >= 4 {
		code, n := g.u16(b), int(g.u16(b[2:]))
		if code == optEnd {
			return nil
		}
		if n > len(b)-4 {
			return corruptRecord("option %d has %d bytes where %d are left", code, n, len(b)-4)
		}
		if err := f(code, b[4:4+n]); err != nil {
			return err
		}
		b = b[min(4+(n+3)&^3, len(b)):]
	}
	return nil
}

// packetOptions reads the options of a packet. It does not use eachOption,
// whose closure would cost an allocation per packet.
func (r *Reader) packetOptions(b []byte) error {
	g, p := r.ng, &r.packet
	for len(b) >= 4 {
		code, n := g.u16(b), int(g.u16(b[2:]))
		if code == optEnd {
			return nil
		}
		if n > len(b)-4 {
			return corruptRecord("option %d has %d bytes where %d are left", code, n, len(b)-4)
		}
		switch {
		case code == optComment:
			p.Comments = append(p.Comments, optionString(b[4:4+n]))
		case code == optPacketFlags && n == 4:
			p.Flags = g.u32(b[4:])
		case code == optPacketFlags:
			return wrongOptionLength(code, n)
		}
		b = b[min(4+(n+3)&^3, len(b)):]
	}
	return nil
}

// optionString copies a string; some writers count a final NUL.
func optionString(b []byte) string { return string(bytes.TrimRight(b, "\x00")) }

func wrongOptionLength(code uint16, n int) error {
	return corruptRecord("option %d has %d bytes", code, n)
}

// sectionBlock reads the body of a section header block, whose byte order is
// known.
func (r *Reader) sectionBlock(b []byte) error {
	g := r.ng
	if major := g.u16(b[4:]); major != 1 {
		return fmt.Errorf("pcapng version %d.%d: %w", major, g.u16(b[6:]), ErrUnsupported)
	}
	g.first, g.interfaces = len(r.interfaces), g.interfaces[:0]
	if err := g.keep(len(b)); err != nil {
		return err
	}
	return g.eachOption(b[16:], func(code uint16, value []byte) error {
		switch {
		case code == optComment:
			r.comments = append(r.comments, optionString(value))
		case code == optSectionApplication && g.sections == 0:
			r.application = optionString(value)
		}
		return nil
	})
}

// interfaceBlock reads the body of an interface description block (§4.2):
//
//	0 link type  2 reserved  4 snaplen  8 options
func (r *Reader) interfaceBlock(b []byte) error {
	g := r.ng
	if len(b) < 8 {
		return blockTooShort(len(b), 8)
	}
	if err := g.keep(len(b) + 256); err != nil { // 256: what an Interface without strings takes
		return err
	}
	in := Interface{Link: linktype.Type(g.u16(b)), SnapLen: g.u32(b[4:])}
	resolution, seconds := byte(6), int64(0)
	err := g.eachOption(b[8:], func(code uint16, value []byte) error {
		switch {
		case code == optInterfaceResolution && len(value) == 1:
			resolution = value[0]
		case code == optInterfaceOffset && len(value) == 8:
			seconds = g.i64(value)
		case code == optInterfaceResolution, code == optInterfaceOffset:
			return wrongOptionLength(code, len(value))
		default:
			in.setOption(code, value)
		}
		return nil
	})
	if err != nil {
		return err
	}
	if r.rename != "" {
		in.Name = r.rename
	}
	r.interfaces = append(r.interfaces, in)
	g.interfaces = append(g.interfaces, sectionInterface{in.Link, in.SnapLen, newBlockClock(resolution, seconds)})
	return nil
}

// setOption takes over an option that is text.
func (in *Interface) setOption(code uint16, value []byte) {
	switch code {
	case optComment:
		in.Comments = append(in.Comments, optionString(value))
	case optInterfaceName:
		in.Name = optionString(value)
	case optInterfaceDescription:
		in.Description = optionString(value)
	case optInterfaceOS:
		in.OS = optionString(value)
	case optInterfaceHardware:
		in.Hardware = optionString(value)
	case optInterfaceFilter:
		if len(value) > 0 && value[0] == 0 { // 0: a filter string, 1: BPF code
			in.Filter = optionString(value[1:])
		}
	}
}

func (g *pcapngFormat) i64(b []byte) int64 {
	v := binary.LittleEndian.Uint64(b)
	if g.swapped {
		v = bits.ReverseBytes64(v)
	}
	return int64(v)
}

// namesBlock reads the body of a name resolution block (§4.5): records of
//
//	0 type  2 length  4 address, names that each end in NUL, padding
func (r *Reader) namesBlock(b []byte) error {
	g := r.ng
	for len(b) >= 4 {
		kind, n := g.u16(b), int(g.u16(b[2:]))
		if kind == 0 { // the end; options follow
			return nil
		}
		if n > len(b)-4 {
			return corruptRecord("name record has %d bytes where %d are left", n, len(b)-4)
		}
		if err := r.nameRecord(kind, b[4:4+n]); err != nil {
			return err
		}
		b = b[min(4+(n+3)&^3, len(b)):]
	}
	return nil
}

// nameRecord keeps the names of one IP address; EUI addresses are passed over.
func (r *Reader) nameRecord(kind uint16, b []byte) error {
	size := 0
	switch kind {
	case recordIPv4:
		size = 4
	case recordIPv6:
		size = 16
	default:
		return nil
	}
	if len(b) < size {
		return corruptRecord("name record of type %d has %d bytes", kind, len(b))
	}
	ip, _ := netip.AddrFromSlice(b[:size])
	addr := ip.String()
	for name := range strings.SplitSeq(string(b[size:]), "\x00") {
		if name == "" {
			continue
		}
		if err := r.ng.keep(len(name) + 64); err != nil { // 64: what a Name takes
			return err
		}
		r.names = append(r.names, Name{Addr: addr, Name: name})
	}
	return nil
}

// secretsBlock reads the body of a decryption secrets block (§4.7):
//
//	0 type  4 length  8 secrets, options
func (r *Reader) secretsBlock(b []byte) error {
	g := r.ng
	if len(b) < 8 {
		return blockTooShort(len(b), 8)
	}
	n := g.u32(b[4:])
	if uint64(n) > uint64(len(b)-8) {
		return corruptRecord("secrets of %d bytes in a block with %d", n, len(b)-8)
	}
	if err := g.keep(int(n) + 64); err != nil { // 64: what a Secret takes
		return err
	}
	r.secrets = append(r.secrets, Secret{Type: g.u32(b), Data: bytes.Clone(b[8 : 8+n])})
	return nil
}

// A blockClock turns the timestamps of an interface into nanoseconds:
// ticks × mul / div / 2^shift + offset, rounded down and without overflow.
type blockClock struct {
	plain uint64 // ticks below this need no more than ticks × mul
	mul   uint64
	div   uint64
	shift uint

	offsetHigh, offsetLow uint64 // nanoseconds, a signed 128-bit number
}

// newBlockClock reads if_tsresol, a negative power of 10, or of 2 if its
// highest bit is set, and if_tsoffset in seconds (§4.2).
func newBlockClock(resolution byte, seconds int64) blockClock {
	c := blockClock{mul: 1, div: 1}
	switch n := uint(resolution & 0x7f); {
	case resolution&0x80 != 0:
		c.mul, c.shift = 1e9, n
	case n <= 9:
		c.mul = powerOfTen(9 - n)
	default:
		c.div = powerOfTen(n - 9)
	}
	if c.div == 1 && c.shift == 0 && seconds == 0 {
		c.plain = math.MaxInt64 / c.mul
	}
	magnitude := uint64(seconds)
	if seconds < 0 {
		magnitude = -magnitude
	}
	c.offsetHigh, c.offsetLow = bits.Mul64(magnitude, 1e9)
	if seconds < 0 {
		var borrow uint64
		c.offsetLow, borrow = bits.Sub64(0, c.offsetLow, 0)
		c.offsetHigh, _ = bits.Sub64(0, c.offsetHigh, borrow)
	}
	return c
}

// powerOfTen returns 10^n, or 0 if that is beyond 64 bits.
func powerOfTen(n uint) uint64 {
	if n > 19 {
		return 0
	}
	v := uint64(1)
	for range n {
		v *= 10
	}
	return v
}

// nanos returns the time since 1970-01-01 UTC; times that do not fit become
// the nearest that does.
func (c *blockClock) nanos(ticks uint64) int64 {
	if ticks < c.plain {
		return int64(ticks * c.mul)
	}
	high, low := bits.Mul64(ticks, c.mul)
	if c.div != 1 {
		high, low = 0, divOrZero(low, c.div)
	}
	low = low>>c.shift | high<<(64-c.shift)
	if c.shift >= 64 {
		low = high >> (c.shift - 64)
	}
	high >>= c.shift
	low, carry := bits.Add64(low, c.offsetLow, 0)
	high, _ = bits.Add64(high, c.offsetHigh, carry)
	switch {
	case high == 0 && low <= math.MaxInt64, high == math.MaxUint64 && low > math.MaxInt64:
		return int64(low)
	case int64(high) < 0:
		return math.MinInt64
	}
	return math.MaxInt64
}

// divOrZero divides by a power of ten; 0 stands for one larger than any n.
func divOrZero(n, power uint64) uint64 {
	if power == 0 {
		return 0
	}
	return n / power
}
