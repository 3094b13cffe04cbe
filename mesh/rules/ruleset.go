package rules

import (
	"errors"
	"fmt"
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

	lines, malformed int
	first            []Malformed // at most maxMalformed
}

// Of malformed lines so many are kept, and so many bytes of each.
const (
	maxMalformed = 3
	maxText      = 200
)

// A Malformed is a line that should be a rule and is none. It is comparable.
type Malformed struct {
	Line int    // 1-based, in its text
	Text string // as it stands there, cut to 200 bytes
	Why  string
}

// Error returns the place, what is wrong and the beginning of the line.
func (m Malformed) Error() string {
	return fmt.Sprintf("line %d: %s: %.60q", m.Line, m.Why, m.Text)
}

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
	found, err := read.Text(r, s.Tables, s.bad)
	s.Tables = found.Tables
	s.lines += found.Lines
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

// Covers reports whether there are tables for packets of a family: rules for IPv4
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

// Lines returns the number of lines of all texts that were read.
func (s *Ruleset) Lines() int { return s.lines }

// Malformed returns the number of lines that should be rules and are none, and
// the first three. The slice must not be changed.
func (s *Ruleset) Malformed() (n int, first []Malformed) { return s.malformed, s.first }

// bad counts a malformed line, and keeps it if it is one of the first.
func (s *Ruleset) bad(line int, text []byte, why string) {
	s.malformed++
	if len(s.first) < maxMalformed {
		s.first = append(s.first, Malformed{line, clip(text), why})
	}
}

// clip returns text as a string, cut to what a message can hold.
func clip(text []byte) string {
	if len(text) > maxText {
		return string(text[:maxText]) + "…"
	}
	return string(text)
}
