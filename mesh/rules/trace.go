package rules

import (
	"net/netip"
	"strconv"
	"strings"
)

// An Outcome is what becomes of a packet.
type Outcome uint8

// What becomes of packets.
const (
	Untouched  Outcome = iota // goes where it was sent
	Redirected                // NAT gave it another destination
	Proxied                   // TPROXY gave it to a socket; its addresses stay
	Dropped
	Unknown // a rule is not understood
)

var outcomes = [...]string{"untouched", "redirected", "tproxy", "dropped", "unknown"}

// String returns the outcome in a word.
func (o Outcome) String() string { return outcomes[o] }

// A Step is a rule that a packet met and that applied to it.
type Step struct {
	Hook   string // as iptables names it, also for nftables
	Table  string
	Chain  string
	Rule   int    // 1-based in its chain, as iptables -L --line-numbers counts; 0: the chain's policy
	Text   string // of the rule
	Target string // what it did: RETURN, REDIRECT, the name of a chain; several are joined by commas
}

// A Trace is a packet's way through the rules.
type Trace struct {
	Packet  Packet // as it was given
	Steps   []Step // in order; rules that did not apply are left out
	Outcome Outcome
	Dst     netip.AddrPort // where it goes in the end
	Port    uint16         // of the proxy's listener, if Redirected or Proxied
	Mark    uint32         // in the end
	// ConnMark is the mark of its connection in the end.
	ConnMark uint32
	Zone     uint16 // of conntrack; 0 is the zone of all that have none
	// Reason says which rule is not understood, or which one drops.
	Reason string

	hops []hop
}

// A hop is a chain on the way that decided.
type hop struct {
	hook, table, chain string
	base               bool
	rule, of           int  // the rule that decided, of how many; 0: none
	nat                bool // of a nat chain
	acted              bool // more than a jump
}

// Path returns the way as people draw it, without its ends:
// "OUTPUT → ISTIO_OUTPUT (rule 9) → ISTIO_REDIRECT". A rule's number is left out
// where its chain has no other. Chains of other tables than nat are named with
// their table, and only where they did something.
func (t *Trace) Path() string { return strings.Join(t.path(), " → ") }

// path returns the elements of Path.
func (t *Trace) path() []string {
	var out []string
	last := ""
	for i := range t.hops {
		h := &t.hops[i]
		if h.base && !h.nat && !t.acts(i) {
			continue
		}
		if !h.base && !h.nat && !t.acts(t.baseOf(i)) {
			continue
		}
		if h.base && h.rule == 0 && h.hook == last {
			continue // the hook is named already
		}
		if h.base {
			last = h.hook
		}
		out = append(out, h.String())
	}
	return out
}

// baseOf returns the base chain that hop i hangs on.
func (t *Trace) baseOf(i int) int {
	for !t.hops[i].base {
		i--
	}
	return i
}

// acts tells whether a rule did something below base chain i.
func (t *Trace) acts(i int) bool {
	for j := i; j < len(t.hops) && (j == i || !t.hops[j].base); j++ {
		if t.hops[j].acted {
			return true
		}
	}
	return false
}

// String returns one element of a path.
func (h *hop) String() string {
	name, about := h.chain, ""
	if h.base {
		name = h.hook
		if !h.nat && h.table != "" {
			about = h.table
		}
	}
	switch {
	case h.rule > 0 && h.of > 1:
		about = strings.TrimPrefix(about+", rule "+strconv.Itoa(h.rule), ", ")
	case h.rule == 0 && !h.base:
		about = "no rule"
	}
	if about == "" {
		return name
	}
	return name + " (" + about + ")"
}
