package walk

import (
	"net/netip"
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
	Looped bool // it was made here and received by lo
	// Way holds the chains that decided, as people draw them:
	// "OUTPUT", "ISTIO_OUTPUT (rule 9)", "ISTIO_REDIRECT". A rule's number is left
	// out where its chain has no other. Chains of other tables than nat are named
	// with their table, and only where they did something.
	Way []string
}

// Path returns the way as people draw it, without its ends:
// "OUTPUT → ISTIO_OUTPUT (rule 9) → ISTIO_REDIRECT".
func (t *Trace) Path() string { return strings.Join(t.Way, " → ") }
