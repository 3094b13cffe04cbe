package netfilter_test

import (
	"testing"

	"github.com/pcapmesh/pcapmesh/mesh/rules/netfilter"
)

func proto(n uint32) netfilter.Match { return netfilter.Match{Kind: netfilter.MatchProto, Value: n} }

func dport(n uint32) netfilter.Match {
	return netfilter.Match{Kind: netfilter.MatchDstPort, Spans: []netfilter.Span{{Lo: n, Hi: n}}}
}

func gid(not bool, n uint32) netfilter.Match {
	return netfilter.Match{Kind: netfilter.MatchGID, Not: not, Spans: []netfilter.Span{{Lo: n, Hi: n}}}
}

// A rule prints in iptables-save's order, and names a module once for all of its
// options that stand together.
func TestRule(t *testing.T) {
	ret := []netfilter.Target{{Name: netfilter.TargetReturn}}
	face := netfilter.Match{Kind: netfilter.MatchOut, Text: "lo"}
	source := netfilter.Match{Kind: netfilter.MatchSrc, Prefixes: prefixes("127.0.0.6/32")}
	user := netfilter.Match{Kind: netfilter.MatchUID, Spans: []netfilter.Span{{Lo: 1337, Hi: 1337}}}
	sport := netfilter.Match{Kind: netfilter.MatchSrcPort, Spans: []netfilter.Span{{Lo: 53, Hi: 53}}}
	text := netfilter.Match{Text: "-m string --string x"}
	notUDP := netfilter.Match{Kind: netfilter.MatchProto, Not: true, Value: 17}
	for _, tt := range []struct {
		name string
		rule netfilter.Rule
		want string
	}{
		{"empty", netfilter.Rule{}, ""},
		{"target only", netfilter.Rule{Targets: ret}, "-j RETURN"},
		{"match only", netfilter.Rule{Matches: []netfilter.Match{face}}, "-o lo"},
		{"addresses first", netfilter.Rule{Matches: []netfilter.Match{dport(80), proto(6), face, source}, Targets: ret},
			"-s 127.0.0.6/32 -o lo -p tcp -m tcp --dport 80 -j RETURN"},
		{"ports of UDP", netfilter.Rule{Matches: []netfilter.Match{proto(17), dport(53)}, Targets: ret}, "-p udp -m udp --dport 53 -j RETURN"},
		{"ports of what has none", netfilter.Rule{Matches: []netfilter.Match{proto(1), dport(53)}, Targets: ret}, "-p icmp -m tcp --dport 53 -j RETURN"},
		{"ports of all but UDP", netfilter.Rule{Matches: []netfilter.Match{notUDP, dport(53)}, Targets: ret}, "! -p udp -m tcp --dport 53 -j RETURN"},
		{"two options of a module", netfilter.Rule{Matches: []netfilter.Match{proto(6), sport, dport(80)}}, "-p tcp -m tcp --sport 53 --dport 80"},
		{"user and group", netfilter.Rule{Matches: []netfilter.Match{user, gid(true, 1)}}, "-m owner --uid-owner 1337 ! --gid-owner 1"},
		{"an option twice", netfilter.Rule{Matches: []netfilter.Match{gid(true, 1), gid(true, 2)}}, "-m owner ! --gid-owner 1 -m owner ! --gid-owner 2"},
		{"a module twice", netfilter.Rule{Matches: []netfilter.Match{user, dport(80), gid(false, 1)}},
			"-m owner --uid-owner 1337 -m tcp --dport 80 -m owner --gid-owner 1"},
		{"the same option behind another module", netfilter.Rule{Matches: []netfilter.Match{gid(false, 1), dport(80), dport(81), gid(false, 2), user}},
			"-m owner --gid-owner 1 -m tcp --dport 80 -m tcp --dport 81 -m owner --gid-owner 2 --uid-owner 1337"},
		{"what is not known brings its module", netfilter.Rule{Matches: []netfilter.Match{user, text, gid(false, 1)}},
			"-m owner --uid-owner 1337 -m string --string x -m owner --gid-owner 1"},
		{"several targets", netfilter.Rule{Targets: []netfilter.Target{{Name: netfilter.TargetMark, Op: netfilter.OpSet, Value: 1, Mask: 1}, {Name: "A", Goto: true}}},
			"-j MARK --set-xmark 0x1/0x1 -g A"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := tt.rule.String(); got != tt.want {
				t.Errorf("got %s, want %s", got, tt.want)
			}
			if got := tt.rule.Text(); got != tt.want {
				t.Errorf("text: got %s, want %s", got, tt.want)
			}
		})
	}
}

func TestTextOfNFT(t *testing.T) {
	r := netfilter.Rule{Matches: []netfilter.Match{proto(6)}, NFT: "meta l4proto tcp"}
	if got, want := r.Text(), "meta l4proto tcp"; got != want {
		t.Errorf("text: got %s, want %s", got, want)
	}
	if got, want := r.String(), "-p tcp"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}
