//go:build linux

package assembly

import (
	"net/netip"
	"testing"
)

func TestNAT(t *testing.T) {
	n := natTable{}
	for _, line := range []string{
		"[1.5]\t [NEW] tcp 6 120 SYN_SENT src=10.244.1.10 dst=10.96.10.2 sport=40000 dport=80 [UNREPLIED] src=127.0.0.1 dst=10.244.1.10 sport=15001 dport=18544",
		"[1.6]\t [NEW] tcp 6 120 SYN_SENT src=10.244.1.10 dst=10.96.10.1 sport=40000 dport=80 [UNREPLIED] src=127.0.0.1 dst=10.244.1.10 sport=15001 dport=40000",
	} {
		e, ok := parseEntry(line)
		if !ok || e.at.Unix() != 1 {
			t.Fatalf("%s: read as %+v", line, e)
		}
		n.add(e)
	}
	key := wireKey{netip.MustParseAddrPort("10.244.1.10:18544"), netip.MustParseAddrPort("10.96.10.2:80")}
	if got := n[key]; len(n) != 1 || got.Port() != 40000 {
		t.Errorf("got %v", n)
	}
}
