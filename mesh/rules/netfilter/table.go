package netfilter

// A Family says to which packets a table applies.
type Family uint8

// The families of tables. Those of iptables and ip6tables are IPv4 and IPv6.
const (
	IPv4 Family = iota + 1
	IPv6
	Inet // both
)

// String returns the family as nft names it.
func (f Family) String() string {
	switch f {
	case IPv4:
		return "ip"
	case IPv6:
		return "ip6"
	case Inet:
		return "inet"
	}
	return "unknown"
}

// FamilyOf returns the family of addresses.
func FamilyOf(v6 bool) Family {
	if v6 {
		return IPv6
	}
	return IPv4
}

// Covers reports whether packets of family g go through a table of f.
func (f Family) Covers(g Family) bool { return f == Inet || f == g }

// A Table is one table of iptables, or one of nftables.
type Table struct {
	Name   string
	Family Family
	// NFT tells that nftables' rules hold: several base chains may hang on one
	// hook, and TPROXY does not end a walk.
	NFT    bool
	Chains []*Chain // in the order of their first mention
}

// A Chain is a list of rules.
type Chain struct {
	Name     string
	Policy   string // of a base chain: ACCEPT or DROP; else empty
	Hook     string // of a base chain: PREROUTING, INPUT, FORWARD, OUTPUT, POSTROUTING; else empty
	Type     string // of a base chain: nat, or filter and route, which differ from nat only
	Priority int    // of a base chain: lower is earlier (NF_IP_PRI_* in linux/netfilter_ipv4.h)
	Rules    []Rule // in the kernel's order; rule n is Rules[n-1]
}

// ByName returns the chains by their names, for whoever looks up many.
func (t *Table) ByName() map[string]*Chain {
	m := make(map[string]*Chain, len(t.Chains))
	for _, c := range t.Chains {
		m[c.Name] = c
	}
	return m
}

// MaxDepth is how deep chains may call each other (NFT_JUMP_STACK_SIZE).
const MaxDepth = 16

// Loopback is the name of the loopback interface; the kernel has no other.
const Loopback = "lo"
