package netfilter_test

import (
	"net/netip"
	"testing"

	"github.com/pcapmesh/pcapmesh/mesh/rules/netfilter"
)

// prefixes parses networks.
func prefixes(list ...string) []netip.Prefix {
	var out []netip.Prefix
	for _, s := range list {
		out = append(out, netip.MustParsePrefix(s))
	}
	return out
}

// A match of each kind prints as iptables-save writes it, with the extension
// that has the option.
func TestMatch(t *testing.T) {
	const all = 0xffffffff
	ports := []netfilter.Span{{Lo: 53, Hi: 53}, {Lo: 9000, Hi: 9010}}
	for _, tt := range []struct {
		name  string
		match netfilter.Match
		want  string
	}{
		{"unknown", netfilter.Match{Text: "-m string --string x"}, "-m string --string x"},
		{"protocol", netfilter.Match{Kind: netfilter.MatchProto, Value: 6}, "-p tcp"},
		{"protocol without a name", netfilter.Match{Kind: netfilter.MatchProto, Value: 2}, "-p 2"},
		{"not a protocol", netfilter.Match{Kind: netfilter.MatchProto, Not: true, Value: 17}, "! -p udp"},
		{"in", netfilter.Match{Kind: netfilter.MatchIn, Text: "eth0"}, "-i eth0"},
		{"not out", netfilter.Match{Kind: netfilter.MatchOut, Not: true, Text: "lo"}, "! -o lo"},
		{"source", netfilter.Match{Kind: netfilter.MatchSrc, Prefixes: prefixes("127.0.0.6/32")}, "-s 127.0.0.6/32"},
		{"not two destinations", netfilter.Match{Kind: netfilter.MatchDst, Not: true, Prefixes: prefixes("10.0.0.0/8", "fd00::/8")}, "! -d 10.0.0.0/8,fd00::/8"},
		{"source port", netfilter.Match{Kind: netfilter.MatchSrcPort, Spans: ports[:1]}, "-m tcp --sport 53"},
		{"destination ports", netfilter.Match{Kind: netfilter.MatchDstPort, Spans: ports[1:]}, "-m tcp --dport 9000:9010"},
		{"list of source ports", netfilter.Match{Kind: netfilter.MatchSrcPorts, Spans: ports}, "-m multiport --sports 53,9000:9010"},
		{"not a list of destination ports", netfilter.Match{Kind: netfilter.MatchDstPorts, Not: true, Spans: ports}, "-m multiport ! --dports 53,9000:9010"},
		{"list of ports", netfilter.Match{Kind: netfilter.MatchPorts, Spans: ports}, "-m multiport --ports 53,9000:9010"},
		{"user", netfilter.Match{Kind: netfilter.MatchUID, Spans: []netfilter.Span{{Lo: 1337, Hi: 1337}}}, "-m owner --uid-owner 1337"},
		{"not groups", netfilter.Match{Kind: netfilter.MatchGID, Not: true, Spans: []netfilter.Span{{Lo: 1, Hi: 9}}}, "-m owner ! --gid-owner 1-9"},
		{"mark", netfilter.Match{Kind: netfilter.MatchMark, Value: 0x539, Mask: all}, "-m mark --mark 0x539"},
		{"masked mark", netfilter.Match{Kind: netfilter.MatchMark, Value: 0x539, Mask: 0xfff}, "-m mark --mark 0x539/0xfff"},
		{"not a mark of the connection", netfilter.Match{Kind: netfilter.MatchConnMark, Not: true, Value: 0x111, Mask: 0xfff}, "-m connmark ! --mark 0x111/0xfff"},
		{"state", netfilter.Match{Kind: netfilter.MatchState, Text: "RELATED,ESTABLISHED"}, "-m conntrack --ctstate RELATED,ESTABLISHED"},
		{"type of the source", netfilter.Match{Kind: netfilter.MatchSrcType, Text: "LOCAL"}, "-m addrtype --src-type LOCAL"},
		{"type of the destination", netfilter.Match{Kind: netfilter.MatchDstType, Text: "LOCAL"}, "-m addrtype --dst-type LOCAL"},
		{"comment", netfilter.Match{Kind: netfilter.MatchComment, Text: "plain"}, "-m comment --comment plain"},
		{"comment in quotes", netfilter.Match{Kind: netfilter.MatchComment, Text: "a, b"}, `-m comment --comment "a, b"`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := netfilter.Rule{Matches: []netfilter.Match{tt.match}}
			if got := r.String(); got != tt.want {
				t.Errorf("got %s, want %s", got, tt.want)
			}
		})
	}
}
