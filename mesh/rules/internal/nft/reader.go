package nft

import (
	"bytes"
	"errors"
	"slices"
	"strings"

	"github.com/pcapmesh/pcapmesh/mesh/rules/internal/draft"
	"github.com/pcapmesh/pcapmesh/mesh/rules/internal/syntax"
	"github.com/pcapmesh/pcapmesh/mesh/rules/netfilter"
)

// A Reader reads what nft list ruleset prints, and the commands of nft
// scripts, line by line.
type Reader struct {
	b   *draft.Builder
	bad func(line []byte, err error) // is told of lines that cannot be used

	n        int // of the line at hand, 1-based
	depth    int // of open braces
	table    *table
	chain    *netfilter.Chain
	set      *set
	elements bool     // the lines at hand are elements of the set
	words    [][]byte // of the line at hand
	text     [][]byte // of the rule at hand
	list     [][]byte // of values in it
	joined   []byte
	tables   []*table
	index    map[string]*table
}

// NewReader returns a reader that makes rules with b.
func NewReader(b *draft.Builder, bad func(line []byte, err error)) *Reader {
	return &Reader{b: b, bad: bad, index: map[string]*table{}}
}

// A table is a table of nftables that is being written.
type table struct {
	*draft.Table
	sets map[string]*set // by name
}

// A set is a named set of nftables: its elements as they were written.
type set struct{ elements [][]byte }

// Inside reports whether the next line is one within a block.
func (p *Reader) Inside() bool { return p.depth > 0 }

// Outside reads line n, outside of any block: the beginning of a table, or a
// command of an nft script, which Istio logs. It reports whether it was one.
func (p *Reader) Outside(line []byte, n int) bool {
	p.n = n
	if line[0] != 't' && line[0] != 'a' && line[0] != 'i' {
		return false
	}
	words := p.split(line)
	switch {
	case len(words) < 3:
		return false
	case string(words[0]) == "table" && string(words[len(words)-1]) == "{":
		p.begin(words[1 : len(words)-1])
		p.depth = 1
		return true
	case string(words[0]) == "add" || string(words[0]) == "insert":
		return p.command(words, line)
	}
	return false
}

// split splits a line: braces and semicolons are words, and so is what stands in
// double quotes. A comment ends the line. The words are valid until the next call.
func (p *Reader) split(line []byte) [][]byte {
	p.words = appendWords(p.words[:0], line)
	return p.words
}

// join returns words as one text.
func (p *Reader) join(words [][]byte) string {
	p.joined = p.joined[:0]
	for i, w := range words {
		if i > 0 {
			p.joined = append(p.joined, ' ')
		}
		p.joined = append(p.joined, w...)
	}
	return string(p.joined)
}

func appendWords(words [][]byte, line []byte) [][]byte {
	for i := 0; i < len(line); {
		start := i
		switch c := line[i]; {
		case syntax.IsBlank(c):
			i++
			continue
		case c == '#':
			return words
		case c == '{', c == '}', c == ';', c == ',':
			i++
		case c == '"':
			word, _, _ := bytes.Cut(line[i+1:], []byte{'"'})
			i += len(word) + 2
			words = append(words, word)
			continue
		default:
			for i < len(line) && !syntax.IsBlank(line[i]) && !isMark(line[i]) {
				i++
			}
		}
		words = append(words, line[start:i])
	}
	return words
}

// isMark reports whether c ends a word and begins another.
func isMark(c byte) bool { return c == '{' || c == '}' || c == ';' || c == ',' || c == '"' }

// begin makes the table that "FAMILY NAME" names current; without a family it
// is ip. Tables of other families see no packets of a pod.
func (p *Reader) begin(words [][]byte) *table {
	family, name := netfilter.IPv4, words[0]
	if len(words) > 1 {
		name = words[1]
		switch string(words[0]) {
		case "ip":
		case "ip6":
			family = netfilter.IPv6
		case "inet":
			family = netfilter.Inet
		default:
			family = 0
		}
	}
	key := family.String() + " " + string(name)
	if t := p.index[key]; t != nil {
		p.table = t
		return t
	}
	t := &table{draft.New(&netfilter.Table{Name: p.b.Name(name), Family: family, NFT: true}), map[string]*set{}}
	p.index[key], p.table = t, t
	p.tables = append(p.tables, t)
	return t
}

// Line reads line n, within a table.
func (p *Reader) Line(line []byte, n int) {
	p.n = n
	words := p.split(line)
	if len(words) == 0 {
		return
	}
	if p.elements {
		p.element(words)
		return
	}
	switch last := string(words[len(words)-1]); {
	case string(words[0]) == "}":
		p.depth--
		p.chain, p.set = nil, nil
	case p.depth == 1 && last == "{" && len(words) > 2 && string(words[0]) == "chain":
		p.chain = p.table.Chain(p.b.Name(words[1]))
		p.depth++
	case p.depth == 1 && last == "{":
		if string(words[0]) == "set" && len(words) > 2 {
			p.set = &set{}
			p.table.sets[string(words[1])] = p.set
		}
		p.depth++
	case p.set != nil && string(words[0]) == "elements":
		p.element(words[1:])
	case p.chain == nil:
	case string(words[0]) == "type" && slices.ContainsFunc(words, func(w []byte) bool { return string(w) == "hook" }):
		p.base(p.chain, words)
	case last == "{":
		p.depth++
		p.bad(line, errors.New("a block inside of a chain"))
	default:
		p.rule(p.chain, words, line, -1)
	}
}

// element reads "= { a, b," and the lines that go on with it, up to the
// closing brace.
func (p *Reader) element(words [][]byte) {
	p.elements = true
	for i, w := range words {
		switch string(w) {
		case "}":
			p.elements = false
			return
		case "{", "=", ",":
		default:
			if i == 0 || isSeparator(words[i-1]) { // not "timeout 1h" behind an element
				p.set.elements = append(p.set.elements, bytes.Clone(w))
			}
		}
	}
}

func isSeparator(w []byte) bool {
	return len(w) == 1 && (w[0] == ',' || w[0] == '{' || w[0] == '=')
}

// base reads "type nat hook prerouting priority dstnat; policy accept;".
func (p *Reader) base(c *netfilter.Chain, words [][]byte) {
	c.Policy = "ACCEPT"
	for i := 0; i+1 < len(words); i++ {
		v := words[i+1]
		switch string(words[i]) {
		case "type":
			c.Type = p.b.Name(v)
		case "hook":
			c.Hook = strings.ToUpper(string(v))
		case "priority":
			c.Priority = priority(words[i+1:])
		case "policy":
			c.Policy = strings.ToUpper(string(v))
		}
	}
}

// priority reads "-100", "mangle" and "filter + 10".
func priority(words [][]byte) int {
	n := 0
	sign := 1
	for _, w := range words {
		s := string(w)
		switch {
		case s == ";" || s == "}":
			return n
		case s == "+":
		case s == "-":
			sign = -1
		default:
			digits := strings.TrimPrefix(s, "-")
			if v, err := syntax.Number([]byte(digits), 31); err != nil {
				n += draft.Priority(s)
			} else if digits != s {
				n -= int(v)
			} else {
				n += sign * int(v)
			}
		}
	}
	return n
}

// command reads "add rule inet TABLE CHAIN ...", and tables and chains alike.
func (p *Reader) command(words [][]byte, line []byte) bool {
	what, rest, at := string(words[1]), words[2:], -1
	if string(words[0]) == "insert" {
		at = 0
	}
	switch string(rest[0]) {
	case "ip", "ip6", "inet":
	default:
		rest = slices.Concat([][]byte{[]byte("ip")}, rest)
	}
	switch {
	case what == "table" && len(rest) > 1:
		p.begin(rest[:2])
	case what == "chain" && len(rest) > 2:
		c := p.begin(rest[:2]).Chain(p.b.Name(rest[2]))
		if len(rest) > 4 {
			p.base(c, rest[4:])
		}
	case what == "rule" && len(rest) > 3:
		c, rule := p.begin(rest[:2]).Chain(p.b.Name(rest[2])), rest[3:]
		if string(rule[0]) == "index" && len(rule) > 2 {
			n, err := syntax.Number(rule[1], 31)
			if err != nil {
				p.bad(line, err)
				return true
			}
			rule = rule[2:]
			if at = int(n); string(words[0]) == "add" {
				at++
			}
		}
		p.rule(c, rule, line, at)
	default:
		return false
	}
	return true
}

// Tables returns the tables read. Those that iptables-nft keeps are left out
// where its own dump is there as well.
func (p *Reader) Tables(dumped func(netfilter.Family, string) bool) []*netfilter.Table {
	var out []*netfilter.Table
	for _, t := range p.tables {
		if t.Family == 0 {
			continue
		}
		if wrapped(t.Table.Table) {
			if dumped(t.Family, t.Name) {
				continue
			}
			unshown(t.Table.Table)
		}
		out = append(out, t.Table.Table)
	}
	return out
}

// wrapped reports whether a table is one that iptables-nft keeps.
func wrapped(t *netfilter.Table) bool {
	switch t.Name {
	case "nat", "mangle", "raw", "filter", "security":
	default:
		return false
	}
	for _, c := range t.Chains {
		if c.Hook != "" && c.Hook != c.Name {
			return false
		}
	}
	return true
}

// unshown puts a target that is not known into rules that have none: of some of
// iptables' own, nft prints nothing.
func unshown(t *netfilter.Table) {
	for _, c := range t.Chains {
		for i := range c.Rules {
			if len(c.Rules[i].Targets) == 0 {
				c.Rules[i].Targets = []netfilter.Target{{Name: "NOT-SHOWN", Extra: netfilter.NotShown}}
			}
		}
	}
}
