package rules

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
)

// nftState is where a parser stands in the blocks of nft list ruleset.
type nftState struct {
	depth    int // of open braces
	table    *Table
	chain    *Chain
	set      *set
	elements bool     // the lines at hand are elements of the set
	words    [][]byte // of the line at hand
	text     [][]byte // of the rule at hand
	list     [][]byte // of values in it
	joined   []byte
	tables   []*Table // of this text
	index    map[string]*Table
}

// A set is a named set of nftables: its elements as they were written.
type set struct{ elements [][]byte }

// nftOutside reads a line outside of any block: the beginning of a table, or a
// command of an nft script, which Istio logs.
func (p *parser) nftOutside(line []byte) bool {
	if line[0] != 't' && line[0] != 'a' && line[0] != 'i' {
		return false
	}
	words := p.nft.split(line)
	switch {
	case len(words) < 3:
		return false
	case string(words[0]) == "table" && string(words[len(words)-1]) == "{":
		p.close()
		p.nftTable(words[1 : len(words)-1])
		p.nft.depth = 1
		return true
	case string(words[0]) == "add" || string(words[0]) == "insert":
		return p.nftCommand(words, line)
	}
	return false
}

// split splits a line: braces and semicolons are words, and so is what stands in
// double quotes. A comment ends the line. The words are valid until the next call.
func (n *nftState) split(line []byte) [][]byte {
	n.words = appendNFTWords(n.words[:0], line)
	return n.words
}

// join returns words as one text.
func (n *nftState) join(words [][]byte) string {
	n.joined = n.joined[:0]
	for i, w := range words {
		if i > 0 {
			n.joined = append(n.joined, ' ')
		}
		n.joined = append(n.joined, w...)
	}
	return string(n.joined)
}

func appendNFTWords(words [][]byte, line []byte) [][]byte {
	for i := 0; i < len(line); {
		start := i
		switch c := line[i]; {
		case isBlank(c):
			i++
			continue
		case c == '#':
			return words
		case c == '{', c == '}', c == ';', c == ',':
			i++
		case c == '"':
			n := bytes.IndexByte(line[i+1:], '"')
			if n < 0 {
				n = len(line) - i - 2
			}
			i += n + 2
			words = append(words, line[start+1:max(i-1, start+1)])
			continue
		default:
			for i < len(line) && !isBlank(line[i]) && !isNFTMark(line[i]) {
				i++
			}
		}
		words = append(words, line[start:i])
	}
	return words
}

// isNFTMark tells whether c ends a word and begins another.
func isNFTMark(c byte) bool { return c == '{' || c == '}' || c == ';' || c == ',' || c == '"' }

// nftTable makes the table that "FAMILY NAME" names current; without a family
// it is ip. Tables of other families see no packets of a pod.
func (p *parser) nftTable(words [][]byte) *Table {
	family, name := IPv4, words[0]
	if len(words) > 1 {
		name = words[1]
		switch string(words[0]) {
		case "ip":
		case "ip6":
			family = IPv6
		case "inet":
			family = Inet
		default:
			family = 0
		}
	}
	key := family.String() + " " + string(name)
	if t := p.nft.index[key]; t != nil {
		p.nft.table = t
		return t
	}
	t := &Table{Name: p.b.name(name), Family: family, NFT: true, sets: map[string]*set{}}
	if p.nft.index == nil {
		p.nft.index = map[string]*Table{}
	}
	p.nft.index[key], p.nft.table, p.found = t, t, true
	p.nft.tables = append(p.nft.tables, t)
	return t
}

// nftLine reads a line inside a table.
func (p *parser) nftLine(line []byte) {
	words := p.nft.split(line)
	if len(words) == 0 {
		return
	}
	n := &p.nft
	if n.elements {
		p.nftElements(words)
		return
	}
	switch last := string(words[len(words)-1]); {
	case string(words[0]) == "}":
		n.depth--
		n.chain, n.set = nil, nil
	case n.depth == 1 && last == "{" && len(words) > 2 && string(words[0]) == "chain":
		n.chain = n.table.chain(p.b.name(words[1]))
		n.depth++
	case n.depth == 1 && last == "{":
		if string(words[0]) == "set" && len(words) > 2 {
			n.set = &set{}
			n.table.sets[string(words[1])] = n.set
		}
		n.depth++
	case n.set != nil && string(words[0]) == "elements":
		p.nftElements(words[1:])
	case n.chain == nil:
	case string(words[0]) == "type" && slices.ContainsFunc(words, func(w []byte) bool { return string(w) == "hook" }):
		p.nftBase(n.chain, words)
	case last == "{":
		n.depth++
		p.bad(line, fmt.Errorf("a block inside of a chain"))
	default:
		p.nftRule(n.chain, words, line, -1)
	}
}

// nftElements reads "= { a, b," and the lines that go on with it, up to the
// closing brace.
func (p *parser) nftElements(words [][]byte) {
	p.nft.elements = true
	for i, w := range words {
		switch string(w) {
		case "}":
			p.nft.elements = false
			return
		case "{", "=", ",":
		default:
			if i == 0 || isSeparator(words[i-1]) { // not "timeout 1h" behind an element
				p.nft.set.elements = append(p.nft.set.elements, bytes.Clone(w))
			}
		}
	}
}

func isSeparator(w []byte) bool {
	return len(w) == 1 && (w[0] == ',' || w[0] == '{' || w[0] == '=')
}

// nftBase reads "type nat hook prerouting priority dstnat; policy accept;".
func (p *parser) nftBase(c *Chain, words [][]byte) {
	c.Policy = "ACCEPT"
	for i := 0; i+1 < len(words); i++ {
		v := words[i+1]
		switch string(words[i]) {
		case "type":
			c.Type = p.b.name(v)
		case "hook":
			c.Hook = strings.ToUpper(string(v))
		case "priority":
			c.Priority = nftPriority(words[i+1:])
		case "policy":
			c.Policy = strings.ToUpper(string(v))
		}
	}
}

// nftPriority reads "-100", "mangle" and "filter + 10".
func nftPriority(words [][]byte) int {
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
			if v, err := number([]byte(digits), 31); err != nil {
				n += priority(s)
			} else if digits != s {
				n -= int(v)
			} else {
				n += sign * int(v)
			}
		}
	}
	return n
}

// nftCommand reads "add rule inet TABLE CHAIN ...", and tables and chains alike.
func (p *parser) nftCommand(words [][]byte, line []byte) bool {
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
		p.nftTable(rest[:2])
	case what == "chain" && len(rest) > 2:
		c := p.nftTable(rest[:2]).chain(p.b.name(rest[2]))
		if len(rest) > 4 {
			p.nftBase(c, rest[4:])
		}
	case what == "rule" && len(rest) > 3:
		c, rule := p.nftTable(rest[:2]).chain(p.b.name(rest[2])), rest[3:]
		if string(rule[0]) == "index" && len(rule) > 2 {
			n, err := number(rule[1], 31)
			if err != nil {
				p.bad(line, err)
				return true
			}
			rule = rule[2:]
			if at = int(n); string(words[0]) == "add" {
				at++
			}
		}
		p.nftRule(c, rule, line, at)
	default:
		return false
	}
	return true
}

// closeNFT adds the tables of nftables to the set. Those that iptables-nft
// keeps are left out where its own dump is there as well.
func (p *parser) closeNFT() {
	for _, t := range p.nft.tables {
		if t.Family == 0 {
			continue
		}
		if t.wrapped() {
			if old := p.set.Table(t.Family, t.Name); old != nil && !old.NFT {
				continue
			}
			t.unshown()
		}
		p.set.put(t)
	}
}

// wrapped tells whether a table is one that iptables-nft keeps.
func (t *Table) wrapped() bool {
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
func (t *Table) unshown() {
	for _, c := range t.Chains {
		for i := range c.Rules {
			if len(c.Rules[i].Targets) == 0 {
				c.Rules[i].Targets = []Target{{Name: "NOT-SHOWN", Extra: notShown}}
			}
		}
	}
}
