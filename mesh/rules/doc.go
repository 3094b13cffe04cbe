// Package rules reads the firewall rules of a service-mesh pod and says what
// the kernel does with a connection under them.
//
// In goes text as people paste it: iptables-save, iptables -S, iptables -L -n -v,
// the log of Istio's init container or its arguments, nft list ruleset. The form
// is recognised line by line, so a log that holds several is fine. Out comes a
// [Ruleset]: tables, chains and rules in the kernel's order. [Ruleset.Facts] is
// what a mesh's profile is made of: redirect ports, users, exceptions.
// [Ruleset.Walk] follows one packet through the hooks, rule by rule.
//
//	set, err := rules.Parse(file)
//	if err != nil {
//		return err
//	}
//	t := set.Walk(rules.Packet{Proto: 6, Src: pod, Dst: service, Out: "eth0", UID: 1000, GID: 1000})
//	fmt.Println(t.Path(), t.Dst)
//
// # What it does not claim
//
// A match or target that is not known is kept as text. Where the walk meets one,
// it says so and stops: it never guesses. What routing does is given by the
// caller as the packet's interface. Filter rules are walked, but a packet that
// is dropped by the other side's firewall is not known here.
package rules
