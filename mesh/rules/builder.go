package rules

import (
	"bytes"
	"net/netip"
)

// A builder makes rules without an allocation for each of their parts: matches,
// targets and spans of many rules lie side by side. The zero builder is ready.
type builder struct {
	matches []Match
	targets []Target
	spans   []Extent
	nets    []netip.Prefix
	names   map[string]string
	plain   map[string][]Target // targets that are a name only, to be shared

	rule Rule // at hand; its matches and targets stand at the end of the slabs
	m, t int  // where they begin
}

// slab is how many parts are made at once.
const slab = 512

// begin starts a rule.
func (b *builder) begin(line int) {
	b.rule = Rule{Line: line}
	b.m, b.t = len(b.matches), len(b.targets)
}

// match adds a match to the rule at hand. It is valid until the next call.
func (b *builder) match(m Match) {
	if len(b.matches) == cap(b.matches) {
		b.matches, b.m = grow(b.matches, b.m), 0
	}
	b.matches = append(b.matches, m)
}

func (b *builder) target(t Target) {
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
func (b *builder) last() *Match {
	if len(b.matches) == b.m {
		return nil
	}
	return &b.matches[len(b.matches)-1]
}

// lastTarget returns the target that was added last.
func (b *builder) lastTarget() *Target {
	if len(b.targets) == b.t {
		return nil
	}
	return &b.targets[len(b.targets)-1]
}

// span returns a list of one span.
func (b *builder) span(lo, hi uint32) []Extent {
	if len(b.spans) == cap(b.spans) {
		b.spans = make([]Extent, 0, slab)
	}
	n := len(b.spans)
	b.spans = append(b.spans, Extent{lo, hi})
	return b.spans[n : n+1 : n+1]
}

// network returns a list of one network.
func (b *builder) network(p netip.Prefix) []netip.Prefix {
	if len(b.nets) == cap(b.nets) {
		b.nets = make([]netip.Prefix, 0, slab)
	}
	n := len(b.nets)
	b.nets = append(b.nets, p)
	return b.nets[n : n+1 : n+1]
}

// end returns the rule at hand.
func (b *builder) end() Rule {
	r := b.rule
	if n := len(b.matches); n > b.m {
		r.Matches = b.matches[b.m:n:n]
	}
	switch n := len(b.targets); {
	case n == b.t+1 && b.targets[b.t] == Target{Name: b.targets[b.t].Name}:
		r.Targets = b.shared(b.targets[b.t])
		b.targets = b.targets[:b.t]
	case n > b.t:
		r.Targets = b.targets[b.t:n:n]
	}
	return r
}

// shared returns a list of one target, the same for all rules that have it.
func (b *builder) shared(t Target) []Target {
	list, ok := b.plain[t.Name]
	if !ok {
		if b.plain == nil || len(b.plain) >= maxNames {
			b.plain = map[string][]Target{}
		}
		list = []Target{t}
		b.plain[t.Name] = list
	}
	return list
}

// drop takes back what was added since begin.
func (b *builder) drop() {
	clear(b.matches[b.m:])
	clear(b.targets[b.t:])
	b.matches, b.targets = b.matches[:b.m], b.targets[:b.t]
}

// maxNames bounds the names that are kept to be shared.
const maxNames = 1 << 16

// name returns s as a string that all rules share.
func (b *builder) name(s []byte) string {
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

// text returns words as one text that splitWords takes apart again.
func (b *builder) text(words [][]byte) string {
	if len(words) == 1 && plain(string(words[0])) {
		return b.name(words[0])
	}
	var out []byte
	for i, w := range words {
		if i > 0 {
			out = append(out, ' ')
		}
		out = appendWord(out, string(w))
	}
	return b.name(bytes.TrimSpace(out))
}

// list reads spans, separated by commas.
func (b *builder) list(s []byte, sep byte, bits int) ([]Extent, error) {
	if bytes.IndexByte(s, ',') < 0 {
		one, err := span(s, sep, bits)
		return b.span(one.Lo, one.Hi), err
	}
	var out []Extent
	for part := range bytes.SplitSeq(s, []byte(",")) {
		one, err := span(part, sep, bits)
		if err != nil {
			return nil, err
		}
		out = append(out, one)
	}
	return out, nil
}

// networks reads networks, separated by commas.
func (b *builder) networks(s []byte) ([]netip.Prefix, error) {
	if bytes.IndexByte(s, ',') < 0 {
		p, err := prefix(s)
		return b.network(p), err
	}
	var out []netip.Prefix
	for part := range bytes.SplitSeq(s, []byte(",")) {
		p, err := prefix(part)
		if err != nil {
			return nil, err
		}
		out = append(out, p)
	}
	return out, nil
}
