package tcpip_test

import (
	"net/netip"
	"testing"

	"github.com/pcapmesh/pcapmesh/capture/tcpip"
)

func TestAddrIsLoopback(t *testing.T) {
	for addr, want := range map[string]bool{
		"127.0.0.1": true, "127.255.255.255": true, "126.0.0.1": false, "128.0.0.1": false,
		"::1": true, "::": false, "::2": false, "fd00::1": false,
		"::127.0.0.1":          false, // not mapped, so no IPv4
		"fd00::ffff:7f00:1":    false,
		"::1:ffff:7f00:1":      false,
		"::ffff:127.0.0.1":     true,
		"2001:db8:0:0:ffff::1": false,
	} {
		if got := tcpip.AddrFrom(netip.MustParseAddr(addr)).IsLoopback(); got != want {
			t.Errorf("%s: %v, want %v", addr, got, want)
		}
	}
}
