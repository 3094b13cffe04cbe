package syntax

import (
	"bytes"
	"fmt"
	"net/netip"
	"strconv"
)

// Number reads a decimal, or with 0x a hexadecimal number.
func Number(s []byte, bits int) (uint32, error) {
	if len(s) > 0 && len(s) <= 9 { // the usual case, without making a string
		n, ok := uint64(0), true
		for _, c := range s {
			ok = ok && c >= '0' && c <= '9'
			n = n*10 + uint64(c-'0')
		}
		if ok && n>>bits == 0 && (s[0] != '0' || len(s) == 1) {
			return uint32(n), nil
		}
	}
	n, err := strconv.ParseUint(string(s), 0, bits)
	if err != nil {
		return 0, fmt.Errorf("%q is no number below %d", s, uint64(1)<<bits)
	}
	return uint32(n), nil
}

// AllBits is the mask that leaves nothing out.
const AllBits = 0xffffffff

// Mark reads 0x539 or 0x539/0xfff.
func Mark(s []byte) (value, mask uint32, err error) {
	v, m, masked := bytes.Cut(s, []byte("/"))
	if value, err = Number(v, 32); err != nil || !masked {
		return value, AllBits, err
	}
	mask, err = Number(m, 32)
	return value, mask, err
}

// Prefix reads an address, a network with a prefix length, or one with a mask.
func Prefix(s []byte) (netip.Prefix, error) {
	addr, length, ok := bytes.Cut(s, []byte("/"))
	a, err := netip.ParseAddr(string(addr))
	if err != nil || a.Zone() != "" {
		return netip.Prefix{}, fmt.Errorf("%q is no address", s)
	}
	bits := a.BitLen()
	if ok {
		if bits, err = prefixLength(length, a.BitLen()); err != nil {
			return netip.Prefix{}, err
		}
	}
	return netip.PrefixFrom(a, bits).Masked(), nil
}

// prefixLength reads 8 or 255.0.0.0.
func prefixLength(s []byte, most int) (int, error) {
	if n, err := Number(s, 8); err == nil && int(n) <= most {
		return int(n), nil
	}
	m, err := netip.ParseAddr(string(s))
	if err != nil || m.BitLen() != most {
		return 0, fmt.Errorf("%q is no prefix length", s)
	}
	ones, gap := 0, false
	for _, c := range m.AsSlice() {
		for bit := byte(0x80); bit != 0; bit >>= 1 {
			if c&bit == 0 {
				gap = true
			} else if gap {
				return 0, fmt.Errorf("%q has holes", s)
			} else {
				ones++
			}
		}
	}
	return ones, nil
}

// Count reads a counter; -L without -x writes 12K for 12,000.
func Count(s []byte) (uint64, error) {
	unit := uint64(1)
	if n := len(s); n > 1 {
		switch s[n-1] {
		case 'K':
			unit, s = 1e3, s[:n-1]
		case 'M':
			unit, s = 1e6, s[:n-1]
		case 'G':
			unit, s = 1e9, s[:n-1]
		case 'T':
			unit, s = 1e12, s[:n-1]
		}
	}
	n, err := strconv.ParseUint(string(s), 10, 64)
	if err != nil || n > (1<<64-1)/unit {
		return 0, fmt.Errorf("%q is no count", s)
	}
	return n * unit, nil
}
