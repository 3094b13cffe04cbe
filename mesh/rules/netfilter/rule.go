package netfilter

import (
	"slices"

	"github.com/pcapmesh/pcapmesh/mesh/rules/internal/syntax"
)

// A Rule is one rule of a chain.
type Rule struct {
	Line    int     // 1-based, in its input; 0 if it was made from arguments
	Matches []Match // all must hold
	Targets []Target
	// Targets has one element at most in iptables, where a rule without target
	// only counts; in nftables a rule may do several things.

	Counted        bool // Packets and Bytes were given
	Packets, Bytes uint64

	NFT string // the rule as nft writes it, without counters; empty for iptables
}

// printed is the order in which iptables-save writes what stands before the
// extensions.
var printed = [...]Kind{MatchSrc, MatchDst, MatchIn, MatchOut, MatchProto}

// String returns the rule as iptables-save writes it, without chain and
// counters: "-p tcp -m tcp --dport 15090 -j RETURN". A rule of nftables is
// written so too, with a -j for each thing it does.
func (r *Rule) String() string {
	b := make([]byte, 0, 96)
	for _, k := range printed {
		for i := range r.Matches {
			if r.Matches[i].Kind == k {
				b = r.Matches[i].append(b)
			}
		}
	}
	b = r.appendExtensions(b)
	for i := range r.Targets {
		b = r.Targets[i].append(b)
	}
	if len(b) > 0 {
		b = b[1:] // the blank before the first word
	}
	return string(b)
}

// Text returns the rule in the words of the tool it came from.
func (r *Rule) Text() string {
	if r.NFT != "" {
		return r.NFT
	}
	return r.String()
}

// appendExtensions adds the options that belong to a -m.
func (r *Rule) appendExtensions(b []byte) []byte {
	module := ""
	var given []Kind // of this module
	for i := range r.Matches {
		m := &r.Matches[i]
		if slices.Contains(printed[:], m.Kind) {
			continue
		}
		// An option once given begins the module anew: "-m owner ! --gid-owner 1
		// -m owner ! --gid-owner 2".
		if next := m.module(r.portModule()); next != module || slices.Contains(given, m.Kind) {
			module, given = next, given[:0]
			if module != "" {
				b = append(append(b, " -m "...), module...)
			}
		}
		given = append(given, m.Kind)
		b = m.append(b)
	}
	return b
}

// portModule returns the extension that --dport is an option of.
func (r *Rule) portModule() string {
	for i := range r.Matches {
		if m := &r.Matches[i]; m.Kind == MatchProto && !m.Not && syntax.HasPorts(m.Value) {
			return syntax.ProtocolName(m.Value)
		}
	}
	return "tcp"
}
