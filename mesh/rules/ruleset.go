package rules

import (
	"errors"
	"slices"
)

// ErrNoRules says that a text holds neither rules nor arguments that make some.
var ErrNoRules = errors.New("no firewall rules found")

// A Ruleset holds the tables of one network namespace. The zero Ruleset has
// none. It is read only once parsed, and then safe for concurrent use.
type Ruleset struct {
	Tables []*Table
	// Args are the arguments of Istio's init container, if the rules were made
	// from them and not read.
	Args *Args
	// Malformed counts lines that look like rules and are none; First holds the
	// first three of them.
	Malformed int
	First     []Malformed
}

// A Malformed line is one that could not be used.
type Malformed struct {
	Line int    // 1-based, in its input
	Text string // as it stands there, cut to 200 bytes
	Why  string
}

// keptMalformed is how many malformed lines are shown.
const keptMalformed = 3

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

// covers tells whether packets of family g go through a table of f.
func (f Family) covers(g Family) bool { return f == Inet || f == g }

// A Table is one table of iptables, or one of nftables.
type Table struct {
	Name   string
	Family Family
	// NFT tells that nftables' rules hold: several base chains may hang on one
	// hook, and TPROXY does not end a walk.
	NFT    bool
	Chains []*Chain // in the order of their first mention

	byName map[string]*Chain
	sets   map[string]*set // of nftables, by name
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

// Table returns the table of that name and family; nil if there is none.
func (s *Ruleset) Table(f Family, name string) *Table {
	for _, t := range s.Tables {
		if t.Family == f && t.Name == name {
			return t
		}
	}
	return nil
}

// Chain returns the chain of that name; nil if there is none.
func (t *Table) Chain(name string) *Chain {
	if c, ok := t.byName[name]; ok || len(t.byName) > 0 {
		return c
	}
	for _, c := range t.Chains {
		if c.Name == name {
			return c
		}
	}
	return nil
}

// chain returns the chain of that name, made if need be.
func (t *Table) chain(name string) *Chain {
	if c := t.byName[name]; c != nil {
		return c
	}
	c := &Chain{Name: name}
	if !t.NFT {
		c.base(t.Name)
	}
	if t.byName == nil {
		t.byName = map[string]*Chain{}
	}
	t.byName[name] = c
	t.Chains = append(t.Chains, c)
	return c
}

// hooks are the base chains of iptables, in the order a packet meets them.
var hooks = [...]string{"PREROUTING", "INPUT", "FORWARD", "OUTPUT", "POSTROUTING"}

// base makes a built-in chain of iptables the base chain that it is. Others
// stay as they are.
func (c *Chain) base(table string) {
	if !slices.Contains(hooks[:], c.Name) {
		return
	}
	c.Hook, c.Policy, c.Type = c.Name, "ACCEPT", "filter"
	c.Priority = priority(table)
	if table == "nat" {
		c.Type = "nat"
		if c.Hook == "INPUT" || c.Hook == "POSTROUTING" {
			c.Priority = 100 // NF_IP_PRI_NAT_SRC
		}
	}
}

// priority returns where a table of iptables hangs on its hooks.
func priority(table string) int {
	switch table {
	case "raw":
		return -300
	case "mangle":
		return -150
	case "nat", "dstnat":
		return -100
	case "security":
		return 50
	case "srcnat":
		return 100
	}
	return 0
}

// put adds a table that is complete. A later dump of a table replaces an
// earlier one: logs show the rules before and after.
func (s *Ruleset) put(t *Table) {
	for i, old := range s.Tables {
		if old.Family == t.Family && old.Name == t.Name && old.NFT == t.NFT {
			s.Tables[i] = t
			return
		}
	}
	s.Tables = append(s.Tables, t)
}

// Rules returns the number of rules in all tables.
func (s *Ruleset) Rules() int {
	n := 0
	for _, t := range s.Tables {
		for _, c := range t.Chains {
			n += len(c.Rules)
		}
	}
	return n
}

func (s *Ruleset) malformed(line int, text []byte, why string) {
	s.Malformed++
	if len(s.First) < keptMalformed {
		s.First = append(s.First, Malformed{line, clip(text), why})
	}
}

// clip returns text as a string, cut to what a message can hold.
func clip(text []byte) string {
	const shown = 200
	if len(text) > shown {
		return string(text[:shown]) + "…"
	}
	return string(text)
}
