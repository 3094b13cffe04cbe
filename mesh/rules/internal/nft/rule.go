package nft

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/pcapmesh/pcapmesh/mesh/rules/internal/draft"
	"github.com/pcapmesh/pcapmesh/mesh/rules/internal/syntax"
	"github.com/pcapmesh/pcapmesh/mesh/rules/netfilter"
)

// A statement reads one rule of nftables word by word.
type statement struct {
	b     *draft.Builder
	t     *table
	words [][]byte
	proto bool     // the transport protocol is fixed
	text  [][]byte // the words of the rule, without counters
	list  [][]byte // values, kept to be written over
}

// rule reads a rule and adds it to c, at the place given or, with -1, at the
// end.
func (p *Reader) rule(c *netfilter.Chain, words [][]byte, line []byte, at int) {
	p.b.Begin(p.n)
	s := statement{b: p.b, t: p.table, words: words, text: p.text[:0], list: p.list}
	err := s.read()
	p.text, p.list = s.text, s.list
	if err == nil && at > len(c.Rules) {
		err = fmt.Errorf("there is no rule %d", at)
	}
	if err != nil {
		p.b.Drop()
		p.bad(line, err)
		return
	}
	r := p.b.End()
	r.NFT = p.join(s.text)
	if at < 0 {
		draft.Append(c, r)
		return
	}
	if err := draft.Insert(c, r, at+1); err != nil {
		p.bad(line, err)
	}
}

// more reports whether there are words left.
func (s *statement) more() bool { return len(s.words) > 0 }

// next takes a word; nil at the end.
func (s *statement) next() []byte {
	if !s.more() {
		return nil
	}
	w := s.words[0]
	s.words = s.words[1:]
	s.text = append(s.text, w)
	return w
}

// peek returns the word that is i words ahead; "" behind the end.
func (s *statement) peek(i int) string {
	if i >= len(s.words) {
		return ""
	}
	return string(s.words[i])
}

// skip takes the next word if it is w.
func (s *statement) skip(w string) bool {
	if s.peek(0) != w {
		return false
	}
	s.next()
	return true
}

func (s *statement) read() error {
	for s.more() {
		if err := s.one(); err != nil {
			return err
		}
	}
	return nil
}

// one reads one expression or statement.
func (s *statement) one() error {
	if s.joins() {
		s.concatenation()
		return nil
	}
	switch w := s.peek(0); w {
	case "counter":
		return s.counter()
	case "comment":
		s.next()
		s.comment()
		return nil
	case "accept", "drop", "return", "continue":
		s.next()
		s.b.Target(netfilter.Target{Name: verdict(w)})
		return nil
	case "jump", "goto":
		s.next()
		chain := s.next()
		s.b.Target(netfilter.Target{Name: s.b.Name(chain), Goto: w == "goto"})
		if len(chain) == 0 {
			return syntax.ErrValue
		}
		return nil
	case "redirect", "dnat", "tproxy":
		return s.nat(w)
	case "oifname", "iifname", "oif", "iif":
		s.next()
		return s.face(w)
	case "ip", "ip6":
		return s.address(w)
	case "tcp", "udp", "th":
		return s.port(w)
	case "skuid", "skgid":
		s.next()
		return s.owner(w)
	case "mark":
		s.next()
		return s.mark(netfilter.MatchMark)
	case "meta":
		return s.meta()
	case "ct":
		return s.ct()
	case "fib":
		return s.fib()
	}
	return s.unknown()
}

// verdict returns the target of iptables that a verdict of nft equals; continue
// does nothing.
func verdict(w string) string {
	switch w {
	case "accept":
		return netfilter.TargetAccept
	case "drop":
		return netfilter.TargetDrop
	case "return":
		return netfilter.TargetReturn
	}
	return "CONTINUE"
}

// counter reads "counter packets 3 bytes 180"; the numbers are left out where
// none were counted yet.
func (s *statement) counter() error {
	kept := len(s.text)
	s.next()
	if s.skip("packets") {
		var err1, err2 error
		s.b.Rule.Packets, err1 = syntax.Count(s.next())
		s.skip("bytes")
		s.b.Rule.Bytes, err2 = syntax.Count(s.next())
		if s.b.Rule.Counted = true; err1 != nil || err2 != nil {
			return errors.New("no numbers behind counter")
		}
	}
	s.text = s.text[:kept]
	return nil
}

func (s *statement) comment() {
	text := s.next()
	s.b.Match(netfilter.Match{Kind: netfilter.MatchComment, Text: s.b.Name(text)})
	s.text[len(s.text)-1] = syntax.AppendQuoted(nil, string(text))
}

// starts reports whether a word begins an expression or statement that is known.
func starts(w string) bool {
	switch w {
	case "counter", "comment", "accept", "drop", "return", "continue", "jump", "goto", "redirect", "dnat", "tproxy",
		"oifname", "iifname", "oif", "iif", "ip", "ip6", "tcp", "udp", "th", "skuid", "skgid", "mark", "meta", "ct", "fib":
		return true
	}
	return false
}

// effect returns the target of iptables that a statement equals; "" if none.
func effect(w string) string {
	switch w {
	case "log":
		return "LOG"
	case "masquerade":
		return "MASQUERADE"
	case "snat":
		return "SNAT"
	case "notrack":
		return "NOTRACK"
	case "reject":
		return netfilter.TargetReject
	case "queue":
		return "NFQUEUE"
	}
	return ""
}

// unknown keeps what is not known as text, up to the next thing that is.
func (s *statement) unknown() error {
	first := s.next()
	words := [][]byte{first}
	for range bound(string(first), s.peek(0), s.peek(1)) {
		if s.more() {
			words = append(words, s.next())
		}
	}
	depth := 0
	for s.more() && (depth > 0 || !starts(s.peek(0))) {
		w := s.next()
		switch string(w) {
		case "{":
			depth++
		case "}":
			depth--
		}
		words = append(words, w)
	}
	if string(first) == "xt" && len(words) > 2 && string(words[1]) == "target" { // iptables-nft's own
		s.b.Target(netfilter.Target{Name: s.b.Name(words[2]), Extra: netfilter.NotShown})
		return nil
	}
	if name := effect(string(first)); name != "" {
		t := netfilter.Target{Name: name}
		if len(words) > 1 {
			t.Extra = draft.Foreign("", words[1:])
		}
		s.b.Target(t)
		return nil
	}
	s.strange(words)
	return nil
}

// bound returns how many words belong to a first one that is not known, or whose
// key is not, whatever they say: "ct status dnat" does nothing, and neither does
// the text that log prints.
func bound(first, second, third string) int {
	switch {
	case first == "log" && second == "prefix":
		return 2
	case first == "reject" && second == "with": // tcp reset
		return 3
	case starts(first) && (third == "!=" || third == "=="):
		return 3
	case starts(first):
		return 2
	}
	return 0
}

// joins reports whether the expression at hand is one of several that are looked
// up together, "ip saddr . tcp dport { ... }".
func (s *statement) joins() bool {
	return !acts(s.peek(0)) && (s.peek(1) == "." || s.peek(2) == ".")
}

// concatenation keeps such expressions as text, up to where the rule does
// something.
func (s *statement) concatenation() {
	words := [][]byte{s.next()}
	for s.more() && !acts(s.peek(0)) {
		words = append(words, s.next())
	}
	s.strange(words)
}

// acts reports whether a word begins a statement, and no expression.
func acts(w string) bool {
	switch w {
	case "counter", "comment", "accept", "drop", "return", "continue", "jump", "goto", "redirect", "dnat", "tproxy":
		return true
	}
	return effect(w) != ""
}

// strange adds a match that is not known.
func (s *statement) strange(words [][]byte) {
	s.b.Match(netfilter.Match{Text: draft.Foreign("-m nft ", words)})
}

// not reads "!=" and "==", which may be left out. A lone "!" stands before bits
// none of which may be set.
func (s *statement) not() bool {
	if s.skip("!=") || s.skip("!") {
		return true
	}
	s.skip("==")
	return false
}

// values reads a value, a set of values in braces, or the name of a set. The list is
// valid until the next call.
func (s *statement) values() ([][]byte, error) {
	w := s.next()
	switch {
	case w == nil:
		return nil, syntax.ErrValue
	case string(w) == "{":
		return s.elements()
	case len(w) > 0 && w[0] == '@':
		named := s.t.sets[string(w[1:])]
		if named == nil {
			return nil, fmt.Errorf("set %s is not known", w)
		}
		return named.elements, nil
	}
	list := append(s.list[:0], w)
	for s.skip(",") { // "ct state established,related" has no braces
		if s.more() {
			list = append(list, s.next())
		}
	}
	s.list = list
	return list, nil
}

// elements reads the rest of a set in braces.
func (s *statement) elements() ([][]byte, error) {
	var list [][]byte
	for s.more() {
		switch w := s.next(); string(w) {
		case "}":
			return list, nil
		case ",":
		default:
			list = append(list, w)
		}
	}
	return nil, errors.New("a set is not closed")
}

// commas joins values as iptables writes them.
func commas(values [][]byte) []byte {
	if len(values) == 1 {
		return values[0]
	}
	return bytes.Join(values, []byte(","))
}
