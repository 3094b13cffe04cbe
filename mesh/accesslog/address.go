package accesslog

import (
	"net/netip"
	"strconv"
	"strings"
)

// parseAddrPort reads "10.0.0.1:80", "[::1]:80", an address without port, and
// each behind "tcp://" as Envoy before 1.9 wrote it. It returns the invalid
// AddrPort for what is no IP address.
func parseAddrPort(s string) netip.AddrPort {
	if a, ok := parseV4(s); ok {
		return a
	}
	s = strings.TrimPrefix(s, "tcp://")
	if strings.IndexByte(s, '%') >= 0 { // a zone means something on that machine only
		return netip.AddrPort{}
	}
	if a, err := netip.ParseAddrPort(s); err == nil {
		return netip.AddrPortFrom(a.Addr().Unmap(), a.Port())
	}
	return netip.AddrPortFrom(parseAddr(s), 0)
}

// parseAddr reads an address without port, with or without brackets.
func parseAddr(s string) netip.Addr {
	if strings.HasPrefix(s, "[") && strings.HasSuffix(s, "]") {
		s = s[1 : len(s)-1]
	}
	a, err := netip.ParseAddr(s)
	if err != nil || a.Zone() != "" {
		return netip.Addr{}
	}
	return a.Unmap()
}

// parsePort reads a port, 0 if s is none.
func parsePort(s string) uint16 {
	n, err := strconv.ParseUint(s, 10, 16)
	if err != nil {
		return 0
	}
	return uint16(n)
}

// parseV4 reads "10.0.0.1:80". It is what nearly all addresses of a log are,
// and takes a third of the time of netip.ParseAddrPort.
func parseV4(s string) (netip.AddrPort, bool) {
	var b [4]byte
	var n, digits, part int
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c-'0' <= 9:
			if n, digits = n*10+int(c-'0'), digits+1; digits > 5 {
				return netip.AddrPort{}, false
			}
		case part < 3 && c == '.', part == 3 && c == ':':
			if digits == 0 || n > 255 || digits > 1 && n < 10 || digits > 2 && n < 100 {
				return netip.AddrPort{}, false
			}
			b[part], n, digits = byte(n), 0, 0
			part++
		default:
			return netip.AddrPort{}, false
		}
	}
	if part != 4 || digits == 0 || n > 65535 {
		return netip.AddrPort{}, false
	}
	return netip.AddrPortFrom(netip.AddrFrom4(b), uint16(n)), true
}
