package tcpip

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"

	"github.com/pcapmesh/pcapmesh/capture"
)

// maxVerified is the longest segment whose checksum is looked at as a whole to
// tell a right one from a partial one. Longer ones are not what was on a wire:
// they were handed to or joined by the network card, and are partial.
const maxVerified = 2048

const tcpChecksumAt = 16 // RFC 9293 §3.1

// errFamily is returned when addresses do not fit into the packet.
var errFamily = errors.New("addresses of another family")

// RewriteTuple changes the addresses and ports of an IP packet in place. ip
// begins with the IP header and may be cut; l4 is the offset of the TCP header
// in ip, or -1 in a fragment other than the first, which has no ports. It
// returns an error, and changes nothing, when ip does not hold the addresses or
// src and dst are not of its family.
//
// Checksums are updated, not computed (RFC 1624): a right one stays right and a
// wrong one stays wrong by the same difference. A partial TCP checksum, which
// is what a capture on the sending host shows when the network card is to
// complete it, becomes the partial one of the new addresses; in a packet that is
// cut or longer than 2048 bytes one in 65536 whole checksums is taken for one.
// The header of a segment is taken to be in one fragment, as RFC 1858 demands.
func RewriteTuple(ip []byte, l4 int, src, dst netip.AddrPort) error {
	return rewrite(ip, l4, src, dst, ProtoTCP, tcpChecksumAt)
}

// rewrite is RewriteTuple for a protocol whose header has its checksum at the
// given offset.
func rewrite(ip []byte, l4 int, src, dst netip.AddrPort, proto Proto, checkAt int) error {
	addrs, err := addresses(ip)
	if err != nil {
		return err
	}
	from, to := src.Addr().Unmap(), dst.Addr().Unmap()
	if from.Is4() != (len(addrs) == 8) || to.Is4() != (len(addrs) == 8) || !from.IsValid() || !to.IsValid() {
		return fmt.Errorf("rewrite to %v > %v: %w", src, dst, errFamily)
	}
	was := sumWords(addrs)
	check := checksumField(ip, l4, checkAt)
	if check != nil && proto == ProtoUDP && binary.BigEndian.Uint16(check) == 0 {
		check = nil // there is none
	}
	partial := check != nil && isPartial(ip, l4, was, proto, checkAt)
	change := onesZero + putAddresses(addrs, from, to) - was
	if len(addrs) == 8 {
		adjust(ip[10:12], change)
	}
	ports := putPorts(ip, l4, src.Port(), dst.Port())
	switch {
	case check == nil:
	case partial:
		// A partial checksum is the sum itself, not its complement, and
		// ports are no part of it.
		binary.BigEndian.PutUint16(check, fold(uint64(binary.BigEndian.Uint16(check))+change))
	default:
		adjust(check, change+ports)
		if proto == ProtoUDP && binary.BigEndian.Uint16(check) == 0 {
			binary.BigEndian.PutUint16(check, 0xffff)
		}
	}
	return nil
}

// addresses returns the bytes of both addresses in an IP header, 8 or 32.
func addresses(ip []byte) ([]byte, error) {
	switch {
	case len(ip) >= ipv4MinLen && ip[0]>>4 == 4:
		return ip[12:20], nil
	case len(ip) >= ipv6Len && ip[0]>>4 == 6:
		return ip[8:40], nil
	}
	return nil, fmt.Errorf("ip header: %w: have %d bytes", capture.ErrTruncated, len(ip))
}

// putAddresses writes addresses of the family that fits and returns what
// sumWords would say.
func putAddresses(addrs []byte, src, dst netip.Addr) uint64 {
	if len(addrs) == 8 {
		s, d := src.As4(), dst.As4()
		sw, dw := binary.BigEndian.Uint32(s[:]), binary.BigEndian.Uint32(d[:])
		binary.BigEndian.PutUint64(addrs, uint64(sw)<<32|uint64(dw))
		return uint64(sw) + uint64(dw)
	}
	s, d := src.As16(), dst.As16()
	copy(addrs, s[:])
	copy(addrs[16:], d[:])
	return sumWords(s[:]) + sumWords(d[:])
}

// sumWords is sum for a few words of 8 bytes; the result has more bits.
func sumWords(b []byte) uint64 {
	var s uint64
	for len(b) >= 8 {
		w := binary.BigEndian.Uint64(b)
		s += w>>32 + w&0xffffffff
		b = b[8:]
	}
	return s
}

// putPorts writes ports, as far as the packet was captured, and returns by how
// much the sum of their words grew, modulo 2⁶⁴. Where they are cut, so is the
// checksum.
func putPorts(ip []byte, l4 int, src, dst uint16) uint64 {
	if l4 < 0 || l4 >= len(ip) {
		return 0
	}
	ports := uint32(src)<<16 | uint32(dst)
	if len(ip) >= l4+4 {
		was := binary.BigEndian.Uint32(ip[l4:])
		binary.BigEndian.PutUint32(ip[l4:], ports)
		return uint64(ports) - uint64(was)
	}
	var b [4]byte
	binary.BigEndian.PutUint32(b[:], ports)
	copy(ip[l4:], b[:])
	return 0
}

// checksumField returns the bytes of the transport's checksum, nil when they are
// cut off or in another fragment.
func checksumField(ip []byte, l4, at int) []byte {
	if l4 < 0 || len(ip) < l4+at+2 {
		return nil
	}
	return ip[l4+at : l4+at+2]
}

// onesZero is a zero of one's complement, a multiple of 0xffff, large enough
// that a difference of sums added to it does not fall below 0.
const onesZero = 0xffff << 32

// adjust updates the checksum in field after the sum of the words under it has
// grown by change-onesZero (RFC 1624 equation 3).
func adjust(field []byte, change uint64) {
	if change == onesZero {
		return // else 0xffff would turn into 0, its other form
	}
	hc := binary.BigEndian.Uint16(field)
	binary.BigEndian.PutUint16(field, ^fold(uint64(^hc)+change))
}

// isPartial reports whether the transport's checksum is the sum of the pseudo header
// alone, in a packet that is no fragment. addrs is the sum of both addresses. A
// whole checksum has that value once in 65536 packets by chance, so it is
// verified where that is cheap.
func isPartial(ip []byte, l4 int, addrs uint64, proto Proto, checkAt int) bool {
	n, whole := segmentLen(ip, l4)
	pseudo := addrs + uint64(proto) + uint64(n)
	if !whole || binary.BigEndian.Uint16(ip[l4+checkAt:]) != fold(pseudo) {
		return false
	}
	return n > maxVerified || l4+n > len(ip) || fold(pseudo+sum(ip[l4:l4+n])) != 0xffff
}

// segmentLen returns the length of the segment or datagram on the wire, as the IP
// header has it, and whether the packet is no fragment.
func segmentLen(ip []byte, l4 int) (n int, whole bool) {
	if ip[0]>>4 == 4 {
		h := ipv4(ip)
		n, whole = h.totalLen(), !h.fragmented()
	} else {
		c, total := openIPv6(ip, len(ip))
		n, whole = total, c.next != extFragment
	}
	if n == 0 { // left to the card: what was captured is the best guess
		n = len(ip)
	}
	return max(n-l4, 0), whole
}
