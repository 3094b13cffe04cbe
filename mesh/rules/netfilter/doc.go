// Package netfilter holds the firewall rules of a pod as the kernel has them:
// tables, base chains on hooks with priorities, and rules of matches and targets.
//
// One model serves iptables and nftables. It is plain data: readers of texts fill
// it, [github.com/pcapmesh/pcapmesh/mesh/rules/walk] follows packets through it,
// and programs may build or look at all of it. A match or target that is not
// known is kept as text. Rules print as iptables-save writes them.
//
//	rule := netfilter.Rule{
//		Matches: []netfilter.Match{{Kind: netfilter.MatchProto, Value: 6}},
//		Targets: []netfilter.Target{{Name: netfilter.TargetRedirect, Ports: netfilter.Span{Lo: 15001, Hi: 15001}}},
//	}
//	fmt.Println(rule.String()) // -p tcp -j REDIRECT --to-ports 15001
//
// Names are those of iptables, for nftables too: PREROUTING, REDIRECT, ctstate.
package netfilter
