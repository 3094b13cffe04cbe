package rules

import (
	"errors"
	"io"
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

// Parse reads rules in any of the forms that the package knows. What is no rule
// is passed over; lines that should be rules and are not are counted, and the
// rest is used. The error is r's, or [ErrNoRules].
func Parse(r io.Reader) (*Ruleset, error) {
	s := &Ruleset{}
	return s, s.Read(r)
}

// Read adds the rules of another text, such as ip6tables-save's after that of
// iptables-save. A table that is there already is replaced.
func (s *Ruleset) Read(r io.Reader) error {
	found, err := readAll(r, s.Tables, s.malformed)
	s.Tables = found.tables
	if found.made != nil {
		s.Args = found.made
	}
	if err == nil && !found.any {
		err = ErrNoRules
	}
	return err
}

// Walk follows a packet through the rules as the kernel does.
func (s *Ruleset) Walk(p Packet) *Trace { return walk(s.Tables, p) }

// Made returns the rules that istio-iptables makes of its arguments.
func Made(a *Args) *Ruleset { return &Ruleset{Tables: a.Tables(), Args: a} }

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
	for _, c := range t.Chains {
		if c.Name == name {
			return c
		}
	}
	return nil
}

// ByName returns the chains by their names, for whoever looks up many.
func (t *Table) ByName() map[string]*Chain {
	m := make(map[string]*Chain, len(t.Chains))
	for _, c := range t.Chains {
		m[c.Name] = c
	}
	return m
}

// Covers tells whether there are tables for packets of a family: rules for IPv4
// say nothing of IPv6.
func (s *Ruleset) Covers(f Family) bool {
	return slices.ContainsFunc(s.Tables, func(t *Table) bool { return t.Family.covers(f) })
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
