package tcpip

import (
	"encoding/binary"
	"net/netip"
)

// A Proto is an IP protocol number.
type Proto uint8

// ProtoTCP is TCP's protocol number.
const ProtoTCP Proto = 6

// A Tuple is a directed 5-tuple, in conntrack's sense of the word. It is
// comparable; the zero Tuple is not valid.
type Tuple struct {
	Proto    Proto
	Src, Dst netip.AddrPort
}

// Reverse returns the tuple of the opposite direction.
func (t Tuple) Reverse() Tuple { return Tuple{t.Proto, t.Dst, t.Src} }

// String returns the tuple as "src > dst", the way tcpdump prints it.
func (t Tuple) String() string { return t.Src.String() + " > " + t.Dst.String() }

// An Addr is an IP address packed into two words, so that a Key hashes and
// compares without looking at memory elsewhere. IPv4 addresses are stored in
// their IPv6-mapped form (RFC 4291 §2.5.5.2). It is comparable.
type Addr struct{ hi, lo uint64 }

const mappedPrefix = 0xffff << 32

// AddrFrom4 packs an IPv4 address given in network byte order; b has at least
// 4 bytes.
func AddrFrom4(b []byte) Addr {
	return Addr{lo: mappedPrefix | uint64(binary.BigEndian.Uint32(b))}
}

// AddrFrom16 packs an IPv6 address given in network byte order; b has at least
// 16 bytes.
func AddrFrom16(b []byte) Addr {
	return Addr{binary.BigEndian.Uint64(b), binary.BigEndian.Uint64(b[8:])}
}

// AddrFrom packs a.
func AddrFrom(a netip.Addr) Addr {
	b := a.As16()
	return AddrFrom16(b[:])
}

// Netip returns the address in its public form; IPv4-mapped addresses come out
// as IPv4.
func (a Addr) Netip() netip.Addr {
	var b [16]byte
	binary.BigEndian.PutUint64(b[:], a.hi)
	binary.BigEndian.PutUint64(b[8:], a.lo)
	return netip.AddrFrom16(b).Unmap()
}

// is4 reports whether a is an IPv4 address.
func (a Addr) is4() bool { return a.hi == 0 && a.lo>>32 == 0xffff }

// IsLoopback reports whether a is in 127.0.0.0/8 or is ::1.
func (a Addr) IsLoopback() bool {
	if a.is4() {
		return byte(a.lo>>24) == 127
	}
	return a.hi == 0 && a.lo == 1
}

// A Key is a directed TCP tuple at one capture point, packed for a hash table.
// It is comparable; the zero Key is not valid.
type Key struct {
	Src, Dst         Addr
	SrcPort, DstPort uint16
	Point            Point
}

// Reverse returns the key of the opposite direction at the same point.
func (k Key) Reverse() Key {
	return Key{k.Dst, k.Src, k.DstPort, k.SrcPort, k.Point}
}

// Tuple returns the public form of k.
func (k Key) Tuple() Tuple {
	return Tuple{ProtoTCP, netip.AddrPortFrom(k.Src.Netip(), k.SrcPort), netip.AddrPortFrom(k.Dst.Netip(), k.DstPort)}
}

// Hash mixes all fields of k into 64 bits. The values differ between
// processes neither by seed nor by machine, so that runs are reproducible.
func (k Key) Hash() uint64 {
	const m = 0x9e3779b97f4a7c15
	h := k.Src.lo*m ^ k.Src.hi
	h = (h ^ h>>29) * m
	h ^= k.Dst.lo*0xff51afd7ed558ccd ^ k.Dst.hi
	h = (h ^ h>>32) * m
	h ^= uint64(k.SrcPort)<<32 | uint64(k.DstPort)<<16 | uint64(k.Point)
	h = (h ^ h>>29) * m
	return h ^ h>>32
}
