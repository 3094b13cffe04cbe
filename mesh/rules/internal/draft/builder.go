package draft

import (
	"bytes"
	"net/netip"

	"github.com/pcapmesh/pcapmesh/mesh/rules/internal/syntax"
	"github.com/pcapmesh/pcapmesh/mesh/rules/netfilter"
)

// A Builder makes rules without an allocation for each of their parts: matches,
// targets and spans of many rules lie side by side. The zero builder is ready.
type Builder struct {
	matches []netfilter.Match
	targets []netfilter.Target
	spans   []netfilter.Span
	nets    []netip.Prefix
	names   map[string]string
	plain   map[string][]netfilter.Target // targets that are a name only, to be shared

	Rule netfilter.Rule // at hand; its matches and targets stand at the end of the slabs
	m, t int            // where they begin
}

// slab is how many parts are made at once.
const slab = 512

// Begin starts a rule.
func (b *Builder) Begin(line int) {
	b.Rule = netfilter.Rule{Line: line}
	b.m, b.t = len(b.matches), len(b.targets)
}

// Match adds a match to the rule at hand. It is valid until the next call.
func (b *Builder) Match(m netfilter.Match) {
	if len(b.matches) == cap(b.matches) {
		b.matches, b.m = grow(b.matches, b.m), 0
	}
	b.matches = append(b.matches, m)
}

// Target adds a target to the rule at hand.
func (b *Builder) Target(t netfilter.Target) {
	if len(b.targets) == cap(b.targets) {
		b.targets, b.t = grow(b.targets, b.t), 0
	}
	b.targets = append(b.targets, t)
}

// grow moves what belongs to the rule at hand to a new slab.
func grow[T any](list []T, from int) []T {
	kept := list[from:]
	return append(make([]T, 0, max(slab, 2*len(kept))), kept...)
}

// last returns the match that was added last to the rule at hand; nil if there
// is none.
func (b *Builder) last() *netfilter.Match {
	if len(b.matches) == b.m {
		return nil
	}
	return &b.matches[len(b.matches)-1]
}

// LastTarget returns the target that was added last.
func (b *Builder) LastTarget() *netfilter.Target {
	if len(b.targets) == b.t {
		return nil
	}
	return &b.targets[len(b.targets)-1]
}

// span returns a list of one span.
func (b *Builder) span(lo, hi uint32) []netfilter.Span {
	if len(b.spans) == cap(b.spans) {
		b.spans = make([]netfilter.Span, 0, slab)
	}
	n := len(b.spans)
	b.spans = append(b.spans, netfilter.Span{Lo: lo, Hi: hi})
	return b.spans[n : n+1 : n+1]
}

// Network returns a list of one network.
func (b *Builder) Network(p netip.Prefix) []netip.Prefix {
	if len(b.nets) == cap(b.nets) {
		b.nets = make([]netip.Prefix, 0, slab)
	}
	n := len(b.nets)
	b.nets = append(b.nets, p)
	return b.nets[n : n+1 : n+1]
}

// End returns the rule at hand.
func (b *Builder) End() netfilter.Rule {
	r := b.Rule
	if n := len(b.matches); n > b.m {
		r.Matches = b.matches[b.m:n:n]
	}
	switch n := len(b.targets); {
	case n == b.t+1 && b.targets[b.t] == netfilter.Target{Name: b.targets[b.t].Name}:
		r.Targets = b.shared(b.targets[b.t])
		b.targets = b.targets[:b.t]
	case n > b.t:
		r.Targets = b.targets[b.t:n:n]
	}
	return r
}

// shared returns a list of one target, the same for all rules that have it.
func (b *Builder) shared(t netfilter.Target) []netfilter.Target {
	list, ok := b.plain[t.Name]
	if !ok {
		if b.plain == nil || len(b.plain) >= maxNames {
			b.plain = map[string][]netfilter.Target{}
		}
		list = []netfilter.Target{t}
		b.plain[t.Name] = list
	}
	return list
}

// Drop takes back what was added since begin.
func (b *Builder) Drop() {
	clear(b.matches[b.m:])
	clear(b.targets[b.t:])
	b.matches, b.targets = b.matches[:b.m], b.targets[:b.t]
}

// maxNames bounds the names that are kept to be shared.
const maxNames = 1 << 16

// Name returns s as a string that all rules share.
func (b *Builder) Name(s []byte) string {
	if n, ok := b.names[string(s)]; ok {
		return n
	}
	if b.names == nil || len(b.names) >= maxNames {
		b.names = map[string]string{}
	}
	n := string(s)
	b.names[n] = n
	return n
}

// Text returns words as one text that Words takes apart again.
func (b *Builder) Text(words [][]byte) string {
	if len(words) == 1 && syntax.Plain(string(words[0])) {
		return b.Name(words[0])
	}
	var out []byte
	for i, w := range words {
		if i > 0 {
			out = append(out, ' ')
		}
		out = syntax.AppendWord(out, string(w))
	}
	return b.Name(bytes.TrimSpace(out))
}

// List reads spans, separated by commas.
func (b *Builder) List(s []byte, sep byte, bits int) ([]netfilter.Span, error) {
	if bytes.IndexByte(s, ',') < 0 {
		one, err := Span(s, sep, bits)
		return b.span(one.Lo, one.Hi), err
	}
	var out []netfilter.Span
	for part := range bytes.SplitSeq(s, []byte(",")) {
		one, err := Span(part, sep, bits)
		if err != nil {
			return nil, err
		}
		out = append(out, one)
	}
	return out, nil
}

// Networks reads networks, separated by commas.
func (b *Builder) Networks(s []byte) ([]netip.Prefix, error) {
	if bytes.IndexByte(s, ',') < 0 {
		p, err := syntax.Prefix(s)
		return b.Network(p), err
	}
	var out []netip.Prefix
	for part := range bytes.SplitSeq(s, []byte(",")) {
		p, err := syntax.Prefix(part)
		if err != nil {
			return nil, err
		}
		out = append(out, p)
	}
	return out, nil
}
