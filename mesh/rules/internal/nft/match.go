package nft

import (
	"bytes"
	"fmt"
	"net/netip"
	"strings"

	"github.com/pcapmesh/pcapmesh/mesh/rules/internal/draft"
	"github.com/pcapmesh/pcapmesh/mesh/rules/internal/syntax"
	"github.com/pcapmesh/pcapmesh/mesh/rules/netfilter"
)

// face reads the name of an interface behind oifname and its like.
func (s *statement) face(w string) error {
	m := netfilter.Match{Kind: netfilter.MatchIn, Not: s.not()}
	if w[0] == 'o' {
		m.Kind = netfilter.MatchOut
	}
	values, err := s.values()
	if err != nil {
		return err
	}
	if len(values) != 1 {
		s.strange(append([][]byte{[]byte(w)}, values...))
		return nil
	} else if name, ok := bytes.CutSuffix(values[0], []byte("*")); ok {
		m.Text = string(name) + "+"
	} else {
		m.Text = s.b.Name(values[0])
	}
	if m.Text == "" {
		return syntax.ErrValue
	}
	s.b.Match(m)
	return nil
}

// address reads "ip daddr != 127.0.0.1", and the protocol in the IP header.
func (s *statement) address(w string) error {
	m := netfilter.Match{Kind: netfilter.MatchDst}
	switch s.peek(1) {
	case "saddr":
		m.Kind = netfilter.MatchSrc
	case "daddr":
	case "protocol", "nexthdr":
		s.next()
		s.next()
		return s.transport()
	default:
		return s.unknown()
	}
	s.next()
	s.next()
	m.Not = s.not()
	values, err := s.values()
	if err != nil {
		return err
	}
	if m.Prefixes, err = s.b.Networks(commas(values)); err != nil {
		s.strange(append([][]byte{[]byte(w)}, values...)) // a range of addresses
		return nil
	}
	s.b.Match(m)
	return nil
}

// transport reads a protocol behind meta l4proto.
func (s *statement) transport() error {
	m := netfilter.Match{Kind: netfilter.MatchProto, Not: s.not()}
	values, err := s.values()
	if err != nil {
		return err
	}
	if len(values) != 1 {
		s.strange(append([][]byte{[]byte("l4proto")}, values...))
		return nil
	}
	if err := draft.ReadProto(s.b, values[0], &m); err != nil {
		return err
	}
	if m.Value == 0 { // iptables takes it for all
		s.strange([][]byte{[]byte("l4proto"), values[0]})
		return nil
	}
	s.proto = s.proto || !m.Not
	s.b.Match(m)
	return nil
}

// port reads "tcp dport != { 53, 15008 }", which asks for TCP too.
func (s *statement) port(w string) error {
	kinds := [2]netfilter.Kind{netfilter.MatchDstPort, netfilter.MatchDstPorts}
	switch s.peek(1) {
	case "dport":
	case "sport":
		kinds = [2]netfilter.Kind{netfilter.MatchSrcPort, netfilter.MatchSrcPorts}
	default:
		return s.unknown()
	}
	s.next()
	s.next()
	if !s.proto && w != "th" {
		n, _ := syntax.ProtocolNumber(w)
		s.b.Match(netfilter.Match{Kind: netfilter.MatchProto, Value: n})
		s.proto = true
	}
	m := netfilter.Match{Kind: kinds[0], Not: s.not()}
	values, err := s.values()
	if err != nil {
		return err
	}
	if len(values) != 1 {
		m.Kind = kinds[1]
	}
	if m.Spans, err = s.b.List(commas(values), '-', 16); err != nil {
		return err
	}
	s.b.Match(m)
	return nil
}

// owner reads the users behind skuid.
func (s *statement) owner(w string) error {
	m := netfilter.Match{Kind: netfilter.MatchUID, Not: s.not()}
	if w == "skgid" {
		m.Kind = netfilter.MatchGID
	}
	values, err := s.values()
	if err != nil {
		return err
	}
	if m.Spans, err = s.b.List(commas(values), '-', 32); err != nil {
		return err // names of users, which nft -n would have shown as numbers
	}
	s.b.Match(m)
	return nil
}

// mark reads "and 0xfff == 0x539" or "0x539" behind mark and ct mark.
func (s *statement) mark(k netfilter.Kind) error {
	m := netfilter.Match{Kind: k, Mask: syntax.AllBits}
	if s.skip("and") || s.skip("&") {
		mask, err := syntax.Number(s.next(), 32)
		if err != nil {
			return err
		}
		m.Mask = mask
	}
	m.Not = s.not()
	values, err := s.values()
	if err != nil {
		return err
	}
	if len(values) != 1 {
		s.strange(append([][]byte{[]byte("mark")}, values...))
		return nil
	}
	if m.Value, err = syntax.Number(values[0], 32); err != nil {
		return err
	}
	s.b.Match(m)
	return nil
}

// meta reads what begins with meta, a word that most keys do without.
func (s *statement) meta() error {
	switch key := s.peek(1); key {
	case "l4proto":
		s.next()
		s.next()
		return s.transport()
	case "mark":
		s.next()
		s.next()
		if s.skip("set") {
			return s.setMark(netfilter.TargetMark)
		}
		return s.mark(netfilter.MatchMark)
	case "skuid", "skgid":
		s.next()
		s.next()
		return s.owner(key)
	case "oifname", "iifname", "oif", "iif":
		s.next()
		s.next()
		return s.face(key)
	}
	return s.unknown()
}

// ct reads what begins with ct.
func (s *statement) ct() error {
	switch s.peek(1) {
	case "mark":
		s.next()
		s.next()
		if s.skip("set") {
			return s.setMark(netfilter.TargetConnMark)
		}
		return s.mark(netfilter.MatchConnMark)
	case "state":
		s.next()
		s.next()
		m := netfilter.Match{Kind: netfilter.MatchState, Not: s.not()}
		values, err := s.values()
		if err == nil {
			err = draft.ReadState(s.b, commas(values), &m)
		}
		if err != nil {
			return err
		}
		s.b.Match(m)
		return nil
	case "zone":
		if s.peek(2) != "set" {
			return s.unknown()
		}
		for range 3 {
			s.next()
		}
		n, err := syntax.Number(s.next(), 16)
		s.b.Target(netfilter.Target{Name: netfilter.TargetCT, HasZone: true, Zone: uint16(n)})
		return err
	}
	return s.unknown()
}

// fib reads "fib saddr type != local", addrtype's successor.
func (s *statement) fib() error {
	m := netfilter.Match{Kind: netfilter.MatchDstType}
	if s.peek(1) == "saddr" {
		m.Kind = netfilter.MatchSrcType
	}
	if s.peek(2) != "type" || s.peek(1) != "saddr" && s.peek(1) != "daddr" {
		return s.unknown()
	}
	for range 3 {
		s.next()
	}
	m.Not = s.not()
	values, err := s.values()
	if err != nil {
		return err
	}
	m.Text = s.b.Name(bytes.ToUpper(commas(values)))
	s.b.Match(m)
	return nil
}

// nat reads "redirect to :15001", "dnat ip to 10.0.0.1:80" and "tproxy ip to
// :15006".
func (s *statement) nat(w string) error {
	s.next()
	t := netfilter.Target{Name: strings.ToUpper(w)}
	if s.peek(1) == "to" && (s.peek(0) == "ip" || s.peek(0) == "ip6") {
		s.only(string(s.next()))
	}
	if s.skip("to") {
		to := s.next()
		if len(to) == 0 {
			return syntax.ErrValue
		}
		var err error
		if t.Addr, t.Ports, err = draft.Destination(to); err != nil {
			return fmt.Errorf("%s: %w", w, err)
		}
	}
	s.b.Target(t)
	return nil
}

// only adds the condition that "dnat ip6 to" brings with it in a table for both
// families: a network of all addresses.
func (s *statement) only(family string) {
	if s.t.Family != netfilter.Inet {
		return
	}
	every := netip.PrefixFrom(netip.IPv4Unspecified(), 0)
	if family == "ip6" {
		every = netip.PrefixFrom(netip.IPv6Unspecified(), 0)
	}
	s.b.Match(netfilter.Match{Kind: netfilter.MatchDst, Prefixes: s.b.Network(every)})
}

// setMark reads what a mark is set to: a number, the other mark, or a mark with
// bits cleared and flipped. Kernel and nft know one form only, mark & mask ^ xor
// (nft_bitwise), whatever the order in which nft prints the two.
func (s *statement) setMark(name string) error {
	from := ""
	switch {
	case s.skip("meta"):
		s.next()
		from = netfilter.TargetMark
	case s.skip("ct"):
		s.next()
		from = netfilter.TargetConnMark
	case s.skip("mark"):
		from = netfilter.TargetMark
	default:
		v, err := syntax.Number(s.next(), 32)
		s.b.Target(netfilter.Target{Name: name, Op: netfilter.OpSet, Value: v, Mask: syntax.AllBits})
		return err
	}
	keep, flip := uint32(syntax.AllBits), uint32(0)
	for {
		op := s.peek(0)
		if op != "and" && op != "&" && op != "or" && op != "|" && op != "xor" && op != "^" {
			break
		}
		s.next()
		n, err := syntax.Number(s.next(), 32)
		if err != nil {
			return err
		}
		switch op {
		case "and", "&":
			keep &= n
		case "or", "|":
			keep, flip = keep&^n, flip|n
		default:
			flip ^= n
		}
	}
	return s.markFrom(name, from, keep, flip)
}

// markFrom adds the target that sets one mark from another.
func (s *statement) markFrom(name, from string, keep, flip uint32) error {
	switch {
	case name == from || name == netfilter.TargetMark && from == netfilter.TargetMark:
		s.b.Target(netfilter.Target{Name: name, Op: netfilter.OpSet, Value: flip, Mask: ^keep})
	case keep != syntax.AllBits || flip != 0:
		s.b.Target(netfilter.Target{Name: name, Extra: "--set-from-other-mark"})
	case name == netfilter.TargetMark:
		s.b.Target(netfilter.Target{Name: netfilter.TargetConnMark, Op: netfilter.OpRestore, Mask: syntax.AllBits, CTMask: syntax.AllBits})
	default:
		s.b.Target(netfilter.Target{Name: netfilter.TargetConnMark, Op: netfilter.OpSave, Mask: syntax.AllBits, CTMask: syntax.AllBits})
	}
	return nil
}
