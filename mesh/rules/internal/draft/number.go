package draft

import (
	"bytes"
	"fmt"
	"net/netip"
	"strconv"

	"github.com/pcapmesh/pcapmesh/mesh/rules/internal/syntax"
	"github.com/pcapmesh/pcapmesh/mesh/rules/netfilter"
)

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
	return syntax.Number(s, bits)
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
