package filter

import (
	"net/netip"
	"strconv"
)

// A pair is an address and, if slash or mask is set, what stands behind it, as
// libpcap's tokens.
type pair struct {
	addr, mask         string
	addrKind, maskKind kind
	slash              bool // the mask stands behind a slash, not the word mask
}

// A fix says how to make a pair valid; empty parts stay as they are.
type fix struct {
	addr string     // instead of the address
	rest string     // instead of all behind the address
	bits netip.Addr // cleared bits, the zero Addr if none
}

// fix decides as gen_mcode and gen_mcode6 of libpcap's gencode.c do whether a
// pair is a valid network, and what makes it one.
func (p pair) fix() (fix, error) {
	if p.addrKind == kindAddr6 || p.maskKind == kindAddr6 {
		return p.fix6()
	}
	a, err := p.value4()
	if err != nil || p.mask == "" {
		return fix{}, err
	}
	if p.slash && p.maskKind == kindNumber {
		return p.fixLength4(a)
	}
	return p.fixMask4(a)
}

// value4 returns the address with short ones filled up: 10.1 is 10.1.0.0.
func (p pair) value4() (uint32, error) {
	if p.addrKind == kindAddr4 {
		v, _, err := parseDotted(p.addr)
		return v, err
	}
	v, ok := parseNumber(p.addr)
	if ok && len(p.addr) == len("0x0a000000") && p.addr[1]|0x20 == 'x' {
		return v, nil
	}
	if !ok || v > 255 {
		return 0, &Error{Reason: p.addr + " is more than 255", Remedy: "write all four numbers, as in 10.0.0.0/8"}
	}
	return v << 24, nil
}

// fixLength4 handles 10.1.2.3/8 and 10/8.
func (p pair) fixLength4(a uint32) (fix, error) {
	length, rest, err := p.length(32)
	if err != nil {
		return fix{}, err
	}
	f := p.fixBits(a, ^uint32(0)<<(32-length))
	f.rest = rest
	return f, nil
}

// length returns the prefix length. rest is set when it has to be written anew:
// libpcap reads 010 as 8 and refuses 08.
func (p pair) length(limit uint32) (length uint32, rest string, err error) {
	if v, ok := parseNumber(p.mask); ok {
		if v > limit {
			return 0, "", tooLong(p.mask, int(limit))
		}
		return v, "", nil
	}
	v, ok := parseDecimal(p.mask, limit)
	if !ok {
		return 0, "", tooLong(p.mask, int(limit))
	}
	return v, "/" + strconv.Itoa(int(v)), nil
}

// fixMask4 handles 10.1.2.3 mask M and 10.1.2.3/M, M in dotted or hexadecimal
// form. libpcap takes masks with holes; so does this.
func (p pair) fixMask4(a uint32) (fix, error) {
	m, err := p.mask4()
	if err != nil {
		return fix{}, err
	}
	f := p.fixBits(a, m)
	switch n, ok := maskLength(m); {
	case p.slash && ok:
		f.rest = "/" + strconv.Itoa(n)
	case p.slash || p.maskKind == kindNumber:
		f.rest = " mask " + addr4(m).String()
	}
	return f, nil
}

// mask4 reads the mask; 255 is short for 255.0.0.0 as 255.255 is for
// 255.255.0.0.
func (p pair) mask4() (uint32, error) {
	if p.maskKind == kindAddr4 {
		v, _, err := parseDotted(p.mask)
		return v, err
	}
	return pair{addr: p.mask, addrKind: kindNumber}.value4()
}

// fixBits clears the bits of a that m does not have.
func (p pair) fixBits(a, m uint32) fix {
	var f fix
	if a&^m != 0 {
		f.bits = addr4(a &^ m)
	}
	if a&^m != 0 || p.addrKind == kindNumber {
		f.addr = addr4(a & m).String()
	}
	return f
}

// fix6 handles IPv6 networks.
func (p pair) fix6() (fix, error) {
	a, err := netip.ParseAddr(p.addr)
	if err != nil || p.addrKind != kindAddr6 {
		return fix{}, errMaskFamily()
	}
	length, rest, err := p.length6(a)
	if err != nil {
		return fix{}, err
	}
	n := Network{Addr: a, Prefix: netip.PrefixFrom(a, length).Masked()}
	f := fix{rest: rest}
	if n.Changed() {
		f.addr, f.bits = n.Prefix.Addr().String(), n.HostBits()
	}
	return f, nil
}

// length6 returns the prefix length and, when it is not written as one that
// libpcap reads, how to write it.
func (p pair) length6(a netip.Addr) (int, string, error) {
	switch {
	case p.slash && p.maskKind == kindNumber:
		n, rest, err := p.length(128)
		return int(n), rest, err
	case p.maskKind == kindAddr6:
		n, err := lengthFromMask6(p.mask, a)
		return n, "/" + strconv.Itoa(n), err
	}
	return 0, "", errMaskFamily()
}

// parseNumber reads a number as libpcap's stoulen does: hexadecimal with 0x,
// octal with a leading 0, else decimal, at most 32 bits.
func parseNumber(s string) (uint32, bool) {
	base, digits := 10, s
	switch {
	case len(s) > 2 && s[0] == '0' && s[1]|0x20 == 'x':
		base, digits = 16, s[2:]
	case len(s) > 1 && s[0] == '0':
		base, digits = 8, s[1:]
	}
	v, err := strconv.ParseUint(digits, base, 32)
	return uint32(v), err == nil
}
