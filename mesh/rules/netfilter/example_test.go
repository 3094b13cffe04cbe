package netfilter_test

import (
	"fmt"
	"net/netip"

	"github.com/pcapmesh/pcapmesh/mesh/rules/netfilter"
)

// A rule that was built prints as iptables-save writes it, so that it can be
// loaded.
func ExampleRule_String() {
	rule := netfilter.Rule{
		Matches: []netfilter.Match{
			{Kind: netfilter.MatchProto, Value: 6},
			{Kind: netfilter.MatchDst, Not: true, Prefixes: []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}},
			{Kind: netfilter.MatchDstPort, Not: true, Spans: []netfilter.Span{{Lo: 15008, Hi: 15008}}},
		},
		Targets: []netfilter.Target{{Name: netfilter.TargetRedirect, Ports: netfilter.Span{Lo: 15001, Hi: 15001}}},
	}
	fmt.Println(rule.String())
	// Output:
	// ! -d 127.0.0.1/32 -p tcp -m tcp ! --dport 15008 -j REDIRECT --to-ports 15001
}

// What MARK and CONNMARK do is an Op.
func ExampleOp() {
	for _, op := range []netfilter.Op{netfilter.OpSave, netfilter.OpRestore} {
		t := netfilter.Target{Name: netfilter.TargetConnMark, Op: op, Mask: 0xfff, CTMask: 0xfff}
		fmt.Println(t.String())
	}
	// Output:
	// -j CONNMARK --save-mark --nfmask 0xfff --ctmask 0xfff
	// -j CONNMARK --restore-mark --nfmask 0xfff --ctmask 0xfff
}
