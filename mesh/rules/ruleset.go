package rules

import (
	"errors"
	"io"
	"slices"

	"github.com/pcapmesh/pcapmesh/mesh/rules/internal/read"
	"github.com/pcapmesh/pcapmesh/mesh/rules/istio"
	"github.com/pcapmesh/pcapmesh/mesh/rules/netfilter"
	"github.com/pcapmesh/pcapmesh/mesh/rules/walk"
)

// ErrNoRules says that a text holds neither rules nor arguments that make some.
var ErrNoRules = errors.New("no firewall rules found")

// A Ruleset holds the tables of one network namespace. The zero Ruleset has
// none. It is read only once parsed, and then safe for concurrent use.
type Ruleset struct {
	Tables []*netfilter.Table
	// Args are the arguments of Istio's init container, if the rules were made
	// from them and not read.
	Args *istio.Args
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
	found, err := read.Text(r, s.Tables, s.malformed)
	s.Tables = found.Tables
	if found.Made != nil {
		s.Args = found.Made
	}
	if err == nil && !found.Any {
		err = ErrNoRules
	}
	return err
}

// Walk follows a packet through the rules as the kernel does.
func (s *Ruleset) Walk(p walk.Packet) *walk.Trace { return walk.Walk(s.Tables, p) }

// Made returns the rules that istio-iptables makes of its arguments.
func Made(a *istio.Args) *Ruleset { return &Ruleset{Tables: a.Tables(), Args: a} }

// Covers tells whether there are tables for packets of a family: rules for IPv4
// say nothing of IPv6.
func (s *Ruleset) Covers(f netfilter.Family) bool {
	return slices.ContainsFunc(s.Tables, func(t *netfilter.Table) bool { return t.Family.Covers(f) })
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
