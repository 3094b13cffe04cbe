// Package rules reads the firewall rules of a service-mesh pod and says what
// the kernel does with a connection under them.
//
// In goes text as people paste it: iptables-save, iptables -S, iptables -L -n -v,
// the log of Istio's init container or its arguments, nft list ruleset. The form
// is recognised line by line, so a log that holds several is fine. Out comes a
// [Ruleset]: tables, chains and rules in the kernel's order, as package netfilter
// has them. [Ruleset.Facts] is what a mesh's profile is made of: redirect ports,
// users, exceptions. [Ruleset.Walk] follows one packet through the hooks, rule by
// rule; [Ruleset.Flows] plays those that everybody asks about.
//
//	set, err := rules.Parse(os.Stdin)
//	if err != nil {
//		log.Fatal(err)
//	}
//	t := set.Walk(walk.Packet{
//		Tuple: tcpip.Tuple{
//			Proto: tcpip.ProtoTCP,
//			Src:   netip.MustParseAddrPort("10.244.1.10:40000"),
//			Dst:   netip.MustParseAddrPort("10.96.10.1:80"),
//		},
//		Out: "eth0", UID: 1000, GID: 1000,
//	})
//	fmt.Println(t.Path(), t.Dst)
//
// This is the front of the house. Its rooms, each importing only those before it:
//
//	internal/syntax  words, quotes and numbers
//	netfilter        what rules are: tables, chains, matches, targets
//	internal/draft   making tables and rules
//	istio            the rules that Istio's arguments make
//	internal/nft     reading nftables' own words
//	internal/read    reading any text
//	walk             a packet's way through rules, and what captures show of it
//
// # What it does not claim
//
// A match or target that is not known is kept as text. Where the walk meets one,
// it says so and stops: it never guesses. What routing does is given by the
// caller as the packet's interface. Filter rules are walked, but a packet that
// is dropped by the other side's firewall is not known here.
package rules
