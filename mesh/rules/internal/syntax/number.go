package syntax

import (
	"bytes"
	"fmt"
	"net/netip"
	"strconv"

	"github.com/pcapmesh/pcapmesh/mesh/rules/netfilter"
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

// service knows the port names that rules of meshes use; iptables takes all of
// /etc/services.
func service(s []byte) (uint32, bool) {
	switch string(s) {
	case "domain":
		return 53, true
	case "ssh":
		return 22, true
	case "http":
		return 80, true
	case "https":
		return 443, true
	}
	return 0, false
}

// Span reads 80, 80:90 or 80-90, with sep between the ends. Either end may be
// left out beside a colon.
func Span(s []byte, sep byte, bits int) (netfilter.Span, error) {
	lo, hi, ranged := bytes.Cut(s, []byte{sep})
	if ranged && sep == ':' {
		if len(lo) == 0 {
			lo = []byte("0")
		}
		if len(hi) == 0 {
			hi = strconv.AppendUint(nil, uint64(1)<<bits-1, 10)
		}
	}
	from, err := end(lo, bits)
	if err != nil || !ranged {
		return netfilter.Span{Lo: from, Hi: from}, err
	}
	to, err := end(hi, bits)
	if err == nil && to < from {
		err = fmt.Errorf("%q ends before it begins", s)
	}
	return netfilter.Span{Lo: from, Hi: to}, err
}

func end(s []byte, bits int) (uint32, error) {
	if n, ok := service(s); ok && bits == 16 {
		return n, nil
	}
	return Number(s, bits)
}

// Mark reads 0x539 or 0x539/0xfff.
func Mark(s []byte) (value, mask uint32, err error) {
	v, m, masked := bytes.Cut(s, []byte("/"))
	if value, err = Number(v, 32); err != nil || !masked {
		return value, netfilter.AllBits, err
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

// Destination reads what DNAT's --to-destination and nft's dnat to name: an
// address, a port or both, the port perhaps a range.
func Destination(s []byte) (a netip.Addr, ports netfilter.Span, err error) {
	host, port := s, []byte(nil)
	switch i := bytes.LastIndexByte(s, ':'); {
	case bytes.HasPrefix(s, []byte("[")):
		close := bytes.IndexByte(s, ']')
		if close < 0 {
			return a, ports, fmt.Errorf("%q is no address", s)
		}
		host, port = s[1:close], bytes.TrimPrefix(s[close+1:], []byte(":"))
	case i >= 0 && bytes.Count(s, []byte(":")) == 1:
		host, port = s[:i], s[i+1:]
	}
	if len(port) > 0 {
		if ports, err = Span(port, '-', 16); err != nil {
			return a, ports, err
		}
	}
	if len(host) > 0 {
		if a, err = netip.ParseAddr(string(host)); err != nil || a.Zone() != "" {
			return netip.Addr{}, ports, fmt.Errorf("%q is no address", s)
		}
	}
	return a, ports, nil
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
