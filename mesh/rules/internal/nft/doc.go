// Package nft reads rules in nftables' own words: what nft list ruleset prints,
// and the commands of nft scripts, which Istio logs.
//
// Lines go in; tables come out in terms of iptables, to which nft's own have
// equals. A set is put in place of its name. A statement or an expression without
// an equal is kept as text in a match or target that is not known, and so is what
// nft does not show of rules that iptables-nft wrote.
//
// Maps and flowtables are passed over; a rule that uses one has a match or a
// target that is not known. So has one that looks up several things together,
// "ip daddr . tcp dport".
package nft
