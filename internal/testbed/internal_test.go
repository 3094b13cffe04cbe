//go:build linux

package testbed

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/pcapmesh/pcapmesh/internal/test/truth"
)

// The rules are Istio's, in its order (istio/istio
// tools/istio-iptables/pkg/capture/testdata/inbound-ports-wildcard.golden).
func TestRules(t *testing.T) {
	c := istioDefaults()
	c.excludeOut, c.excludeCIDRs = []int{3306}, []string{"203.0.113.0/24"}
	want := `*nat
-N ISTIO_INBOUND
-N ISTIO_REDIRECT
-N ISTIO_IN_REDIRECT
-N ISTIO_OUTPUT
-A ISTIO_INBOUND -p tcp --dport 15008 -j RETURN
-A ISTIO_REDIRECT -p tcp -j REDIRECT --to-ports 15001
-A ISTIO_IN_REDIRECT -p tcp -j REDIRECT --to-ports 15006
-A PREROUTING -p tcp -j ISTIO_INBOUND
-A ISTIO_INBOUND -p tcp --dport 15090 -j RETURN
-A ISTIO_INBOUND -p tcp --dport 15021 -j RETURN
-A ISTIO_INBOUND -p tcp --dport 15020 -j RETURN
-A ISTIO_INBOUND -p tcp -j ISTIO_IN_REDIRECT
-A OUTPUT -j ISTIO_OUTPUT
-A ISTIO_OUTPUT -p tcp --dport 3306 -j RETURN
-A ISTIO_OUTPUT -p udp --dport 3306 -j RETURN
-A ISTIO_OUTPUT -o lo -s 127.0.0.6/32 -j RETURN
-A ISTIO_OUTPUT -o lo ! -d 127.0.0.1/32 -p tcp ! --dport 15008 -m owner --uid-owner 1337 -j ISTIO_IN_REDIRECT
-A ISTIO_OUTPUT -o lo -m owner ! --uid-owner 1337 -j RETURN
-A ISTIO_OUTPUT -m owner --uid-owner 1337 -j RETURN
-A ISTIO_OUTPUT -o lo ! -d 127.0.0.1/32 -p tcp ! --dport 15008 -m owner --gid-owner 1337 -j ISTIO_IN_REDIRECT
-A ISTIO_OUTPUT -o lo -m owner ! --gid-owner 1337 -j RETURN
-A ISTIO_OUTPUT -m owner --gid-owner 1337 -j RETURN
-A ISTIO_OUTPUT -d 127.0.0.1/32 -j RETURN
-A ISTIO_OUTPUT -d 203.0.113.0/24 -j RETURN
-A ISTIO_OUTPUT -j ISTIO_REDIRECT
COMMIT
`
	if got := c.rules(false); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	v6 := c.rules(true)
	if !strings.Contains(v6, "-s ::6/128 ") || strings.Contains(v6, "127.0.0.") {
		t.Errorf("IPv6 rules:\n%s", v6)
	}
}

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

// A stream is whole if retransmissions and disorder leave no hole.
func TestTally(t *testing.T) {
	seg := func(seq uint32, data string) segment { return segment{seq: seq, data: []byte(data)} }
	for _, test := range []struct {
		name  string
		segs  []segment
		bytes int64
		whole bool
	}{
		{"in order", []segment{seg(0, "ab"), seg(2, "cd")}, 4, true},
		{"swapped and sent again", []segment{seg(2, "cd"), seg(0, "ab"), seg(1, "bcd")}, 4, true},
		{"across the wrap of the sequence", []segment{seg(0, "abcd"), seg(4, "e")}, 5, true},
		{"hole", []segment{seg(0, "ab"), seg(3, "d")}, 2, false},
	} {
		const isn = 0xFFFFFFFD // so that data begins at 0xFFFFFFFE
		l := &life{first: isn, syn: true}
		for _, s := range test.segs {
			s.seq += isn + 1&0xFFFFFFFF
			l.segs = append(l.segs, s)
		}
		got, whole := l.tally()
		if got.Bytes != test.bytes || whole != test.whole {
			t.Errorf("%s: %d bytes, whole %v; want %d, %v", test.name, got.Bytes, whole, test.bytes, test.whole)
		}
	}
}

// What cannot have been made by the applications is found in a capture.
func TestStrangers(t *testing.T) {
	at := netip.MustParseAddrPort
	c := captureCheck{seen: ways{}, used: map[way]int{}}
	c.seen.add("b/lo", segment{src: at("127.0.0.6:1"), dst: at("10.0.0.1:80"), syn: true, seq: 7})
	if c.strangers() == nil {
		t.Error("a SYN of no leg was not found")
	}
	c.seen.add("b/lo", segment{src: at("10.0.0.1:80"), dst: at("127.0.0.6:1"), syn: true, ack: true, seq: 9})
	l := truth.Leg{OrigSrc: "127.0.0.6:1", OrigDst: "10.0.0.1:80", ReplySrc: "10.0.0.1:80"}
	if err := c.leg(&l, "b/lo"); err != nil {
		t.Error(err)
	}
	if err := c.strangers(); err != nil {
		t.Error(err)
	}
	if c.leg(&l, "b/lo") == nil {
		t.Error("a second leg of the tuple was found in one connection")
	}
}
