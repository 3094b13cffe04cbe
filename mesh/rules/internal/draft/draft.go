package draft

import (
	"fmt"
	"slices"

	"github.com/pcapmesh/pcapmesh/mesh/rules/netfilter"
)

// A Table is a table that is being written.
type Table struct {
	*netfilter.Table
	byName map[string]*netfilter.Chain // all of the table's
}

// New returns a draft of a table that has no chains yet.
func New(t *netfilter.Table) *Table { return &Table{t, map[string]*netfilter.Chain{}} }

// Find returns the chain of that name; nil if there is none.
func (t *Table) Find(name string) *netfilter.Chain { return t.byName[name] }

// Chain returns the chain of that name, made if need be.
func (t *Table) Chain(name string) *netfilter.Chain {
	if c := t.byName[name]; c != nil {
		return c
	}
	c := &netfilter.Chain{Name: name}
	if !t.NFT {
		base(c, t.Name)
	}
	t.byName[name] = c
	t.Chains = append(t.Chains, c)
	return c
}

// Rename gives a table of iptables its name, and its base chains their places.
func (t *Table) Rename(name string) {
	if t.Name == name {
		return
	}
	t.Name = name
	for _, c := range t.Chains {
		policy := c.Policy
		base(c, name)
		if policy != "" {
			c.Policy = policy
		}
	}
}

// Append appends a rule to a chain. Long chains grow by doubling: rules are large
// to copy.
func Append(c *netfilter.Chain, r netfilter.Rule) {
	if len(c.Rules) == cap(c.Rules) {
		c.Rules = slices.Grow(c.Rules, len(c.Rules)+1)
	}
	c.Rules = append(c.Rules, r)
}

// hooks are the base chains of iptables, in the order a packet meets them.
var hooks = [...]string{"PREROUTING", "INPUT", "FORWARD", "OUTPUT", "POSTROUTING"}

// base makes a built-in chain of iptables the base chain that it is. Others
// stay as they are.
func base(c *netfilter.Chain, table string) {
	if !slices.Contains(hooks[:], c.Name) {
		return
	}
	c.Hook, c.Policy, c.Type = c.Name, "ACCEPT", "filter"
	c.Priority = Priority(table)
	if table == "nat" {
		c.Type = "nat"
		if c.Hook == "INPUT" || c.Hook == "POSTROUTING" {
			c.Priority = 100 // NF_IP_PRI_NAT_SRC
		}
	}
}

// Priority returns where a table of iptables hangs on its hooks.
func Priority(table string) int {
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

// maxInserted bounds a chain into which rules are inserted, since each moves
// all that follow.
const maxInserted = 10000

// Insert puts a rule at a place of a chain, 1-based.
func Insert(c *netfilter.Chain, r netfilter.Rule, at int) error {
	if at > len(c.Rules)+1 || len(c.Rules) > maxInserted {
		return fmt.Errorf("rule %d of a chain of %d", at, len(c.Rules))
	}
	c.Rules = append(c.Rules, netfilter.Rule{})
	copy(c.Rules[at:], c.Rules[at-1:])
	c.Rules[at-1] = r
	return nil
}
