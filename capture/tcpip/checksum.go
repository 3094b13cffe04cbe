package tcpip

import (
	"encoding/binary"
	"math/bits"
	"net/netip"
)

// Checksum returns the Internet checksum of b (RFC 1071), as it stands in an
// IPv4 header whose checksum field was zero. Over a header with its checksum it
// returns 0 when that is right.
func Checksum(b []byte) uint16 { return ^fold(sum(b)) }

// tcpChecksum returns the checksum of a TCP segment, header and payload, under
// the pseudo header of src and dst (RFC 9293 §3.1, RFC 8200 §8.1), as it stands
// in the segment when its checksum field was zero. Over a segment with its
// checksum it returns 0 when that is right. Both addresses are of one family.
func tcpChecksum(src, dst netip.Addr, segment []byte) uint16 {
	return ^fold(sumAddr(src) + sumAddr(dst) + uint64(ProtoTCP) + uint64(len(segment)) + sum(segment))
}

// sumAddr is sum over the bytes of an address; IPv4-mapped ones count as IPv4.
func sumAddr(a netip.Addr) uint64 {
	if a = a.Unmap(); a.Is4() {
		b := a.As4()
		return sum(b[:])
	}
	b := a.As16()
	return sum(b[:])
}

// sum adds up b as 16-bit words in one's complement, an odd last byte padded
// with zero. It returns at most 17 bits, so that many may be added before fold.
// One's complement sums do not depend on byte order but for a swap of the
// result (RFC 1071 §2B), so it adds 8 bytes a time in the order that is cheap.
func sum(b []byte) uint64 {
	var s, carry uint64
	for len(b) >= 32 {
		s, carry = bits.Add64(s, binary.LittleEndian.Uint64(b), 0)
		s, carry = bits.Add64(s, binary.LittleEndian.Uint64(b[8:]), carry)
		s, carry = bits.Add64(s, binary.LittleEndian.Uint64(b[16:]), carry)
		s, carry = bits.Add64(s, binary.LittleEndian.Uint64(b[24:]), carry)
		s, carry = bits.Add64(s, 0, carry)
		s += carry
		b = b[32:]
	}
	for len(b) >= 8 {
		s, carry = bits.Add64(s, binary.LittleEndian.Uint64(b), 0)
		s += carry
		b = b[8:]
	}
	if len(b) > 0 {
		var last [8]byte
		copy(last[:], b)
		s, carry = bits.Add64(s, binary.LittleEndian.Uint64(last[:]), 0)
		s += carry
	}
	return uint64(bits.ReverseBytes16(fold(s)))
}

// fold brings a sum of 16-bit words down to one, carries added. It returns 0
// only for 0.
func fold(s uint64) uint16 {
	s = s>>32 + s&0xffffffff
	s = s>>16 + s&0xffff
	s = s>>16 + s&0xffff
	s = s>>16 + s&0xffff
	return uint16(s)
}
