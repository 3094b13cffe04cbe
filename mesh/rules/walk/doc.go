// Package walk follows one packet through the firewall rules of a pod, hook by
// hook and rule by rule, as the kernel does, and says what captures show of its
// connection.
//
//	set, err := rules.Parse(os.Stdin)
//	if err != nil {
//		log.Fatal(err)
//	}
//	t := walk.Walk(set.Tables, walk.Packet{
//		Tuple: tcpip.Tuple{
//			Proto: tcpip.ProtoTCP,
//			Src:   netip.MustParseAddrPort("10.244.1.10:40000"),
//			Dst:   netip.MustParseAddrPort("10.96.10.1:80"),
//		},
//		Out: "eth0", UID: 1000, GID: 1000,
//	})
//	fmt.Println(t.Path(), t.Outcome, t.Dst)
//
// Where a match or target that is not known would matter, the walk stops and says
// which: it never guesses. What routing does is given by the caller, as the
// packet's interface. What the other side's firewall does is not known here.
//
// # What the kernel taught
//
// A walk is the first packet's. What it had to learn from the kernel
// (internal/test/judge loads random rule sets, as iptables and as nftables, and compares
// with conntrack):
//
//   - The connection's mark and state do not exist before conntrack's own hook at -200:
//     in raw, a match on the mark fails, negated or not, and the state is INVALID.
//   - The first zone that a rule sets counts. On lo a packet keeps its entry, so nat and
//     zones are not asked again, but mangle is, and may drop what has an entry already.
//   - REDIRECT of what came in goes to the interface's first address; of several IPv6
//     addresses the newest is the first.
//   - A closed socket has no owner: its last packets match negated owner rules, and may
//     open an entry in another zone. Such packets look like strays.
//   - nft list ruleset does not show all targets that iptables-nft wrote, and leaves
//     some out without a trace. A rule without target in its tables is therefore
//     unknown.
package walk
