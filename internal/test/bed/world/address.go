//go:build linux

package world

import (
	"net"
	"net/netip"
	"strconv"
	"strings"
)

// Endpoint puts an address and a port together; it is not valid if one is missing.
func Endpoint(ip string, port int) netip.AddrPort {
	a, err := netip.ParseAddr(ip)
	if err != nil || port == 0 {
		return netip.AddrPort{}
	}
	return netip.AddrPortFrom(a.Unmap(), uint16(port))
}

// Number reads a number of the log, where "-" stands for none and a leading plus
// for a server that was changed in between.
func Number(s string) int {
	n, err := strconv.Atoi(strings.TrimPrefix(s, "+"))
	if err != nil {
		return 0
	}
	return n
}

// Unmapped is a TCP address without what a dual-stack socket adds to it.
func Unmapped(a net.Addr) netip.AddrPort {
	t, ok := a.(*net.TCPAddr)
	if !ok {
		return netip.AddrPort{}
	}
	ap := t.AddrPort()
	return netip.AddrPortFrom(ap.Addr().Unmap().WithZone(""), ap.Port())
}
