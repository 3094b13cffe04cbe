package draft

import (
	"bytes"
	"fmt"
	"slices"

	"github.com/pcapmesh/pcapmesh/mesh/rules/internal/syntax"
	"github.com/pcapmesh/pcapmesh/mesh/rules/netfilter"
)

// Options reads the words of a rule, as iptables has them, into the rule at hand.
func (b *Builder) Options(words [][]byte) error {
	c := cursor{b: b, words: words}
	return c.rule()
}

// Marking reads an option of MARK or CONNMARK, with its value if it takes one.
func (b *Builder) Marking(t *netfilter.Target, option string, value ...[]byte) error {
	c := cursor{b: b, words: value}
	_, err := c.connMark(t, option)
	return err
}

// A cursor reads the options of one rule.
type cursor struct {
	b      *Builder
	words  [][]byte
	module string // of the -m given last
	not    bool   // a ! stands before the option
	target bool   // options belong to the -j given last
}

// rule reads the options of a rule into b's rule at hand.
func (c *cursor) rule() error {
	for len(c.words) > 0 {
		w := c.words[0]
		c.words = c.words[1:]
		if len(w) == 1 && w[0] == '!' {
			c.not = true
			continue
		}
		if err := c.option(w); err != nil {
			return err
		}
		c.not = false
	}
	return nil
}

// value takes the next word. Old iptables wrote "--dport ! 80".
func (c *cursor) value() ([]byte, error) {
	if len(c.words) > 1 && string(c.words[0]) == "!" {
		c.not = !c.not
		c.words = c.words[1:]
	}
	if len(c.words) == 0 {
		return nil, syntax.ErrValue
	}
	v := c.words[0]
	c.words = c.words[1:]
	return v, nil
}

// option reads one option.
func (c *cursor) option(w []byte) error {
	switch string(w) {
	case "-m", "--match":
		v, err := c.value()
		c.module, c.target = c.b.Name(v), false
		if err == nil && !known(c.module) {
			c.b.Match(netfilter.Match{Text: "-m " + c.b.Text([][]byte{v})})
		}
		return err
	case "-j", "--jump", "-g", "--goto":
		v, err := c.value()
		if err == nil {
			c.b.Target(netfilter.Target{Name: c.b.Name(v), Goto: w[1] == 'g' || len(w) > 2 && w[2] == 'g'})
			c.target = true
		}
		return err
	case "-c", "--set-counters":
		return c.counters()
	}
	if c.target {
		if done, err := c.argument(string(w)); done {
			return err
		}
	}
	if kind, read := c.find(w); read != nil {
		v, err := c.value()
		if err != nil {
			return err
		}
		m := netfilter.Match{Kind: kind, Not: c.not}
		if err := read(c.b, v, &m); err != nil {
			return fmt.Errorf("%s: %w", w, err)
		}
		if m.Kind != netfilter.MatchProto || m.Value != 0 {
			c.b.Match(m)
		}
		return nil
	}
	return c.unknown(w)
}

// find looks up an option, in the module at hand where its name is ambiguous.
func (c *cursor) find(w []byte) (netfilter.Kind, func(*Builder, []byte, *netfilter.Match) error) {
	switch string(w) {
	case "-p", "--protocol":
		return netfilter.MatchProto, ReadProto
	case "-s", "--source", "--src":
		return netfilter.MatchSrc, ReadPrefixes
	case "-d", "--destination", "--dst":
		return netfilter.MatchDst, ReadPrefixes
	case "-i", "--in-interface":
		return netfilter.MatchIn, ReadText
	case "-o", "--out-interface":
		return netfilter.MatchOut, ReadText
	}
	if c.module != "" && !known(c.module) {
		return 0, nil
	}
	switch string(w) {
	case "--sport", "--source-port":
		return netfilter.MatchSrcPort, ReadPort
	case "--dport", "--destination-port":
		return netfilter.MatchDstPort, ReadPort
	case "--sports", "--source-ports":
		return netfilter.MatchSrcPorts, ReadPorts
	case "--dports", "--destination-ports":
		return netfilter.MatchDstPorts, ReadPorts
	case "--ports":
		return netfilter.MatchPorts, ReadPorts
	case "--uid-owner":
		return netfilter.MatchUID, ReadOwner
	case "--gid-owner":
		return netfilter.MatchGID, ReadOwner
	case "--ctstate", "--state":
		return netfilter.MatchState, ReadState
	case "--src-type":
		return netfilter.MatchSrcType, ReadText
	case "--dst-type":
		return netfilter.MatchDstType, ReadText
	case "--comment":
		return netfilter.MatchComment, readComment
	case "--mark":
		if c.module == "connmark" {
			return netfilter.MatchConnMark, ReadMark
		}
		return netfilter.MatchMark, ReadMark
	}
	return 0, nil
}

// known reports whether all options of a module are known, so that its -m says
// nothing.
func known(module string) bool {
	switch module {
	case "tcp", "udp", "sctp", "dccp", "udplite", "multiport", "owner", "mark", "connmark", "conntrack", "state", "addrtype", "comment":
		return true
	}
	return false
}

// ReadProto reads a protocol; 0 stands for all.
func ReadProto(_ *Builder, v []byte, m *netfilter.Match) error {
	n, ok := syntax.ProtocolNumber(string(bytes.ToLower(v)))
	if !ok {
		return fmt.Errorf("%q is no protocol", v)
	}
	if n == 0 && m.Not {
		return fmt.Errorf("%q leaves no packet", v)
	}
	m.Value = n
	return nil
}

// ReadPrefixes reads networks, separated by commas.
func ReadPrefixes(b *Builder, v []byte, m *netfilter.Match) (err error) {
	m.Prefixes, err = b.Networks(v)
	return err
}

// ReadText reads a text that is not empty, such as an interface.
func ReadText(b *Builder, v []byte, m *netfilter.Match) error {
	if len(v) == 0 {
		return syntax.ErrValue
	}
	m.Text = b.Name(v)
	return nil
}

func readComment(b *Builder, v []byte, m *netfilter.Match) error {
	m.Text = b.Name(v)
	return nil
}

// ReadPort reads a port, or a range of them.
func ReadPort(b *Builder, v []byte, m *netfilter.Match) error {
	s, err := Span(v, ':', 16)
	m.Spans = b.span(s.Lo, s.Hi)
	return err
}

// ReadPorts reads the list of multiport.
func ReadPorts(b *Builder, v []byte, m *netfilter.Match) (err error) {
	m.Spans, err = b.List(v, ':', 16)
	return err
}

// ReadOwner reads a user or group, or a range of them.
func ReadOwner(b *Builder, v []byte, m *netfilter.Match) error {
	s, err := Span(v, '-', 32)
	m.Spans = b.span(s.Lo, s.Hi)
	return err
}

// ReadMark reads a mark, with or without a mask.
func ReadMark(_ *Builder, v []byte, m *netfilter.Match) (err error) {
	m.Value, m.Mask, err = syntax.Mark(v)
	return err
}

// states are those of conntrack that --ctstate names.
var states = []string{"INVALID", "NEW", "RELATED", "ESTABLISHED", "UNTRACKED", "SNAT", "DNAT"}

// ReadState reads states of conntrack, separated by commas.
func ReadState(b *Builder, v []byte, m *netfilter.Match) error {
	v = bytes.ToUpper(v)
	for s := range bytes.SplitSeq(v, []byte(",")) {
		if !slices.Contains(states, string(s)) {
			return fmt.Errorf("%q is no state", s)
		}
	}
	m.Text = b.Name(v)
	return nil
}

// counters reads "-c 12 720", which iptables -S -v writes.
func (c *cursor) counters() error {
	for _, n := range []*uint64{&c.b.Rule.Packets, &c.b.Rule.Bytes} {
		v, err := c.value()
		if err != nil {
			return err
		}
		if *n, err = syntax.Count(v); err != nil {
			return err
		}
	}
	c.b.Rule.Counted = true
	return nil
}

// unknown keeps an option and its values as text, with the match or the target
// it belongs to.
func (c *cursor) unknown(w []byte) error {
	if len(w) < 2 || w[0] != '-' {
		return fmt.Errorf("%q stands where an option is wanted", w)
	}
	n := 0
	for n < len(c.words) && !isOption(c.words[n]) {
		n++
	}
	text := c.b.Text(slices.Concat([][]byte{w}, c.words[:n]))
	c.words = c.words[n:]
	if c.not {
		text = "! " + text
	}
	if t := c.b.LastTarget(); c.target && t != nil {
		t.Extra = joined(t.Extra, text)
		return nil
	}
	if last := c.b.last(); last != nil && last.Kind == netfilter.MatchUnknown && c.module != "" && !known(c.module) {
		last.Text = joined(last.Text, text)
		return nil
	}
	c.b.Match(netfilter.Match{Text: "-m " + c.b.Text([][]byte{[]byte(c.extension())}) + " " + text})
	return nil
}

// extension returns the module that an option which is not known belongs to:
// that of the last -m, else that of the protocol, which needs none.
func (c *cursor) extension() string {
	if c.module != "" {
		return c.module
	}
	for _, m := range c.b.matches[c.b.m:] {
		if m.Kind == netfilter.MatchProto && !m.Not {
			return syntax.ProtocolName(m.Value)
		}
	}
	return "unknown"
}

// isOption reports whether a word begins an option; -1 is a value.
func isOption(w []byte) bool {
	return len(w) == 1 && w[0] == '!' || len(w) > 1 && w[0] == '-' && (w[1] < '0' || w[1] > '9')
}

func joined(a, b string) string {
	if a == "" {
		return b
	}
	return a + " " + b
}

// Foreign puts words of another tool into an option as iptables has them.
func Foreign(before string, words [][]byte) string {
	option := "--text=" + string(bytes.Join(words, []byte(" ")))
	return string(syntax.AppendWord([]byte(before), option))
}
