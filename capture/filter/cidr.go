package filter

import (
	"encoding/binary"
	"math/bits"
	"net/netip"
	"strings"
)

// A Network is one network as it was written and as tcpdump takes it. It is
// comparable and immutable; the zero Network is none.
type Network struct {
	Given  string       // as written, runs of blanks made one
	Addr   netip.Addr   // as written, a short one filled up with zero bytes
	Prefix netip.Prefix // Addr with every bit behind the prefix length cleared
}

// Changed reports whether bits behind the prefix length were set.
func (n Network) Changed() bool { return n.Addr != n.Prefix.Addr() }

// HostBits returns the bits of Addr that lie behind the prefix length, as an
// address: 0.8.0.0 for 192.168.0.0/12.
func (n Network) HostBits() netip.Addr {
	return combine(n.Addr, n.Netmask(), func(a, m byte) byte { return a &^ m })
}

// Netmask returns the prefix length as an address: 255.240.0.0 for /12.
func (n Network) Netmask() netip.Addr {
	ones := combine(n.Addr, n.Addr, func(a, b byte) byte { return 0xff })
	return netip.PrefixFrom(ones, n.Prefix.Bits()).Masked().Addr()
}

// Last returns the last address of the network: for IPv4 the broadcast address.
func (n Network) Last() netip.Addr {
	return combine(n.Prefix.Addr(), n.Netmask(), func(a, m byte) byte { return a | ^m })
}

// Hosts returns the first and the last address a host can have. The network
// address is none (for IPv6 it is the anycast address of the subnet's routers,
// RFC 4291 §2.6.1), nor is the IPv4 broadcast address; with one bit or none
// left for hosts every address is a host's (RFC 3021, RFC 6164).
func (n Network) Hosts() (first, last netip.Addr) {
	first, last = n.Prefix.Addr(), n.Last()
	if n.Size() < 2 {
		return first, last
	}
	if first.Is4() {
		last = last.Prev()
	}
	return first.Next(), last
}

// Size returns the number of bits left for hosts: the network has 1<<Size
// addresses.
func (n Network) Size() int { return n.Addr.BitLen() - n.Prefix.Bits() }

// combine applies f to the bytes of two addresses of one family.
func combine(a, b netip.Addr, f func(a, b byte) byte) netip.Addr {
	x, y := a.AsSlice(), b.AsSlice()
	for i := range x {
		x[i] = f(x[i], y[i])
	}
	out, _ := netip.AddrFromSlice(x)
	return out
}

// ParseNetwork reads one network: "192.168.0.0/12", "10.1.2.3/255.0.0.0",
// "10.1.2.3 mask 255.0.0.0" (or netmask, also 0xff000000), IPv6 likewise, a bare
// address (a network of one), and tcpdump's short forms "10.1" (10.1.0.0/16)
// and "10". A leading word "net" is allowed. Numbers with leading zeros are
// decimal, as libpcap reads addresses. Errors are of type *Error.
func ParseNetwork(s string) (Network, error) {
	words := strings.Fields(s)
	if len(words) > 1 && (words[0] == "net" || words[0] == "-net") {
		words = words[1:]
	}
	given := strings.Join(words, " ")
	addr, mask, found := strings.Cut(given, "/")
	if len(words) == 3 && isMaskWord(words[1]) {
		addr, mask, found = words[0], words[2], true
	}
	addr, mask = strings.TrimSpace(addr), strings.TrimSpace(mask)
	n, err := newNetwork(addr, mask, found)
	if err != nil {
		return Network{}, at(err, given, 0)
	}
	n.Given = given
	return n, nil
}

// isMaskWord reports whether w stands between an address and its mask: mask in
// tcpdump and Windows, netmask in ifconfig and route.
func isMaskWord(w string) bool { return w == "mask" || w == "netmask" }

// newNetwork joins an address and a prefix length or mask; without one the
// length is that of the address as written.
func newNetwork(addr, mask string, masked bool) (Network, error) {
	a, length, err := parseAddr(addr)
	if err != nil {
		return Network{}, err
	}
	if masked {
		if length, err = parseLength(mask, a); err != nil {
			return Network{}, err
		}
	}
	return Network{Addr: a, Prefix: netip.PrefixFrom(a, length).Masked()}, nil
}

// parseAddr reads an address and returns how many of its bits were written: 16
// for "10.1".
func parseAddr(s string) (netip.Addr, int, error) {
	if strings.Contains(s, ":") {
		return parseAddr6(s)
	}
	v, written, err := parseDotted(s)
	if err != nil {
		return netip.Addr{}, 0, err
	}
	return addr4(v), written, nil
}

func parseAddr6(s string) (netip.Addr, int, error) {
	a, err := netip.ParseAddr(s)
	if err != nil {
		return a, 0, &Error{Reason: "no IPv6 address", Remedy: "write it like fd00:10:244::/56"}
	}
	if a.Zone() != "" {
		return a, 0, &Error{Reason: "a network has no zone", Remedy: "leave out %" + a.Zone()}
	}
	return a, 128, nil
}

// parseDotted reads one to four decimal bytes, first byte highest, as libpcap's
// pcapint_atoin does, and returns the number of bits written.
func parseDotted(s string) (v uint32, written int, err error) {
	parts := strings.Split(s, ".")
	if len(parts) > 4 {
		return 0, 0, &Error{Reason: "more than four numbers between the dots", Remedy: remedyNetwork}
	}
	for _, p := range parts {
		b, ok := parseDecimal(p, 255)
		if !ok {
			return 0, 0, badPart(p)
		}
		v = v<<8 | b
	}
	written = 8 * len(parts)
	return v << (32 - written), written, nil
}

// remedyNetwork is the hint of every text that is no network at all.
const remedyNetwork = "write a network like 192.168.0.0/12, 10.1.2.3 mask 255.0.0.0 or fd00::/8"

func badPart(p string) *Error {
	if p == "" || strings.Trim(p, "0123456789") != "" {
		return &Error{Reason: "no network", Remedy: remedyNetwork}
	}
	return &Error{Reason: p + " is more than 255", Remedy: remedyNetwork}
}

// parseDecimal reads a decimal number of at most limit; leading zeros count for
// nothing.
func parseDecimal(s string, limit uint32) (uint32, bool) {
	if s == "" {
		return 0, false
	}
	var v uint32
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return 0, false
		}
		if v = v*10 + uint32(s[i]-'0'); v > limit {
			return 0, false
		}
	}
	return v, true
}

// parseLength reads what stands behind the slash or the word mask and returns
// the prefix length it means for addresses of a's family.
func parseLength(s string, a netip.Addr) (int, error) {
	switch {
	case strings.Contains(s, ":"):
		return lengthFromMask6(s, a)
	case strings.ContainsAny(s, ".xX"):
		return lengthFromMask4(s, a)
	}
	return parseDecimalLength(s, a.BitLen())
}

func parseDecimalLength(s string, limit int) (int, error) {
	if n, ok := parseDecimal(s, uint32(limit)); ok {
		return int(n), nil
	}
	if s == "" || strings.Trim(s, "0123456789") != "" {
		return 0, &Error{Reason: "no prefix length behind the slash", Remedy: remedyNetwork}
	}
	return 0, tooLong(s, limit)
}

func tooLong(length string, limit int) *Error {
	if limit == 32 {
		return &Error{Reason: "prefix length " + length + " is more than 32", Remedy: "IPv4 networks have 0 to 32"}
	}
	return &Error{Reason: "prefix length " + length + " is more than 128", Remedy: "IPv6 networks have 0 to 128"}
}

func lengthFromMask4(s string, a netip.Addr) (int, error) {
	m, err := parseMask4(s)
	if err != nil {
		return 0, err
	}
	if !a.Is4() {
		return 0, errMaskFamily()
	}
	if n, ok := maskLength(m); ok {
		return n, nil
	}
	return 0, badMask(m)
}

// parseMask4 reads a mask written with dots, short ones filled up, or in
// hexadecimal as BSD's ifconfig prints it.
func parseMask4(s string) (uint32, error) {
	if len(s) > 2 && (s[:2] == "0x" || s[:2] == "0X") {
		return parseHexMask(s)
	}
	v, _, err := parseDotted(s)
	return v, err
}

func parseHexMask(s string) (uint32, error) {
	if v, ok := parseNumber(s); ok && len(s) == len("0xff000000") {
		return v, nil
	}
	return 0, &Error{Reason: s + " is no mask", Remedy: "write all eight digits, as in 0xff000000"}
}

// maskLength returns the number of leading ones of a mask that has no ones
// behind its first zero.
func maskLength(m uint32) (int, bool) {
	n := bits.LeadingZeros32(^m)
	return n, m<<n == 0
}

func badMask(m uint32) *Error {
	e := &Error{Reason: "mask " + addr4(m).String() + " has ones behind a zero, so it is no prefix"}
	e.Remedy = "a mask is ones, then zeros, as in 255.240.0.0"
	if _, inverse := maskLength(^m); inverse {
		e.Remedy = "this looks like a wildcard mask: write " + addr4(^m).String()
	}
	return e
}

func lengthFromMask6(s string, a netip.Addr) (int, error) {
	m, err := netip.ParseAddr(s)
	if err != nil || m.Zone() != "" {
		return 0, &Error{Reason: "no IPv6 mask", Remedy: "write the prefix length, as in fd00::/8"}
	}
	if !a.Is6() {
		return 0, errMaskFamily()
	}
	b := m.As16()
	hi, lo := binary.BigEndian.Uint64(b[:8]), binary.BigEndian.Uint64(b[8:])
	n := bits.LeadingZeros64(^hi)
	if n == 64 {
		n += bits.LeadingZeros64(^lo)
	}
	ones := netip.PrefixFrom(m, n).Masked().Addr()
	if ones != m {
		return 0, &Error{Reason: "mask " + s + " has ones behind a zero, so it is no prefix", Remedy: "write the prefix length, as in fd00::/8"}
	}
	return n, nil
}

func errMaskFamily() *Error {
	return &Error{Reason: "address and mask are of different families", Remedy: "write the prefix length, as in fd00::/8"}
}

// addr4 returns v as an address, the highest byte first.
func addr4(v uint32) netip.Addr {
	var b [4]byte
	binary.BigEndian.PutUint32(b[:], v)
	return netip.AddrFrom4(b)
}
