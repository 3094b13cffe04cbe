package main

import (
	"net/netip"
	"slices"
	"strings"

	"github.com/pcapmesh/pcapmesh/capture"
)

// parseTuple reads "[tcp] SRC[:PORT] [>] DST:PORT".
func parseTuple(words []string) (t capture.Tuple, err error) {
	const hint = "pcapmesh explain 10.244.1.10:40000 10.96.10.1:80"
	t.Proto = capture.ProtoTCP
	if len(words) > 0 && (words[0] == "tcp" || words[0] == "udp") {
		if words[0] == "udp" {
			t.Proto = 17
		}
		words = words[1:]
	}
	words = slices.DeleteFunc(words, func(w string) bool { return w == ">" || w == "->" || w == "→" })
	if len(words) != 2 {
		return t, usagef(hint, "want a source and a destination, have %d words", len(words))
	}
	if t.Src, err = netip.ParseAddrPort(words[0]); err != nil {
		a, err := netip.ParseAddr(strings.Trim(words[0], "[]"))
		if err != nil {
			return t, usagef(hint, "%s: not an address", words[0])
		}
		t.Src = netip.AddrPortFrom(a, 40000) // any will do
	}
	if t.Dst, err = netip.ParseAddrPort(words[1]); err != nil {
		return t, usagef(hint, "%s: not an address with a port", words[1])
	}
	t.Src = netip.AddrPortFrom(t.Src.Addr().Unmap(), t.Src.Port())
	t.Dst = netip.AddrPortFrom(t.Dst.Addr().Unmap(), t.Dst.Port())
	if t.Src.Addr().Is6() != t.Dst.Addr().Is6() {
		return t, usagef(hint, "%s: one end is IPv4, the other IPv6", t)
	}
	return t, nil
}
