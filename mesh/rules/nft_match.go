package rules

import (
	"bytes"
	"fmt"
	"net/netip"
	"strings"
)

// face reads the name of an interface behind oifname and its like.
func (s *statement) face(w string) error {
	m := Match{Kind: MatchIn, Not: s.not()}
	if w[0] == 'o' {
		m.Kind = MatchOut
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
		m.Text = s.b.name(values[0])
	}
	if m.Text == "" {
		return errValue
	}
	s.b.match(m)
	return nil
}

// address reads "ip daddr != 127.0.0.1", and the protocol in the IP header.
func (s *statement) address(w string) error {
	m := Match{Kind: MatchDst}
	switch s.peek(1) {
	case "saddr":
		m.Kind = MatchSrc
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
	if m.Prefixes, err = s.b.networks(commas(values)); err != nil {
		s.strange(append([][]byte{[]byte(w)}, values...)) // a range of addresses
		return nil
	}
	s.b.match(m)
	return nil
}

// transport reads a protocol behind meta l4proto.
func (s *statement) transport() error {
	m := Match{Kind: MatchProto, Not: s.not()}
	values, err := s.values()
	if err != nil {
		return err
	}
	if len(values) != 1 {
		s.strange(append([][]byte{[]byte("l4proto")}, values...))
		return nil
	}
	if err := readProto(s.b, values[0], &m); err != nil {
		return err
	}
	s.proto = s.proto || !m.Not
	s.b.match(m)
	return nil
}

// port reads "tcp dport != { 53, 15008 }", which asks for TCP too.
func (s *statement) port(w string) error {
	kinds := [2]Kind{MatchDstPort, MatchDstPorts}
	switch s.peek(1) {
	case "dport":
	case "sport":
		kinds = [2]Kind{MatchSrcPort, MatchSrcPorts}
	default:
		return s.unknown()
	}
	s.next()
	s.next()
	if !s.proto && w != "th" {
		n, _ := protoNumber(w)
		s.b.match(Match{Kind: MatchProto, Value: n})
		s.proto = true
	}
	m := Match{Kind: kinds[0], Not: s.not()}
	values, err := s.values()
	if err != nil {
		return err
	}
	if len(values) != 1 {
		m.Kind = kinds[1]
	}
	if m.Spans, err = s.b.list(commas(values), '-', 16); err != nil {
		return err
	}
	s.b.match(m)
	return nil
}

// owner reads the users behind skuid.
func (s *statement) owner(w string) error {
	m := Match{Kind: MatchUID, Not: s.not()}
	if w == "skgid" {
		m.Kind = MatchGID
	}
	values, err := s.values()
	if err != nil {
		return err
	}
	if m.Spans, err = s.b.list(commas(values), '-', 32); err != nil {
		return err // names of users, which nft -n would have shown as numbers
	}
	s.b.match(m)
	return nil
}

// mark reads "and 0xfff == 0x539" or "0x539" behind mark and ct mark.
func (s *statement) mark(k Kind) error {
	m := Match{Kind: k, Mask: all}
	if s.skip("and") || s.skip("&") {
		mask, err := number(s.next(), 32)
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
	if m.Value, err = number(values[0], 32); err != nil {
		return err
	}
	s.b.match(m)
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
			return s.setMark(TargetMark)
		}
		return s.mark(MatchMark)
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
			return s.setMark(TargetConnMark)
		}
		return s.mark(MatchConnMark)
	case "state":
		s.next()
		s.next()
		m := Match{Kind: MatchState, Not: s.not()}
		values, err := s.values()
		if err == nil {
			err = readState(s.b, commas(values), &m)
		}
		if err != nil {
			return err
		}
		s.b.match(m)
		return nil
	case "zone":
		if s.peek(2) != "set" {
			return s.unknown()
		}
		for range 3 {
			s.next()
		}
		n, err := number(s.next(), 16)
		s.b.target(Target{Name: TargetCT, HasZone: true, Zone: uint16(n)})
		return err
	}
	return s.unknown()
}

// fib reads "fib saddr type != local", addrtype's successor.
func (s *statement) fib() error {
	m := Match{Kind: MatchDstType}
	if s.peek(1) == "saddr" {
		m.Kind = MatchSrcType
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
	m.Text = s.b.name(bytes.ToUpper(commas(values)))
	s.b.match(m)
	return nil
}

// nat reads "redirect to :15001", "dnat ip to 10.0.0.1:80" and "tproxy ip to
// :15006".
func (s *statement) nat(w string) error {
	s.next()
	t := Target{Name: strings.ToUpper(w)}
	if s.peek(1) == "to" && (s.peek(0) == "ip" || s.peek(0) == "ip6") {
		s.only(string(s.next()))
	}
	if s.skip("to") {
		to := s.next()
		if len(to) == 0 {
			return errValue
		}
		var err error
		if t.Addr, t.Ports, err = destination(to); err != nil {
			return fmt.Errorf("%s: %w", w, err)
		}
	}
	s.b.target(t)
	return nil
}

// only adds the condition that "dnat ip6 to" brings with it in a table for both
// families: a network of all addresses.
func (s *statement) only(family string) {
	if s.t.Family != Inet {
		return
	}
	every := netip.PrefixFrom(netip.IPv4Unspecified(), 0)
	if family == "ip6" {
		every = netip.PrefixFrom(netip.IPv6Unspecified(), 0)
	}
	s.b.match(Match{Kind: MatchDst, Prefixes: s.b.network(every)})
}

// setMark reads what a mark is set to: a number, the other mark, or a mark with
// bits cleared and flipped. Kernel and nft know one form only, mark & mask ^ xor
// (nft_bitwise), whatever the order in which nft prints the two.
func (s *statement) setMark(name string) error {
	from := ""
	switch {
	case s.skip("meta"):
		s.next()
		from = TargetMark
	case s.skip("ct"):
		s.next()
		from = TargetConnMark
	case s.skip("mark"):
		from = TargetMark
	default:
		v, err := number(s.next(), 32)
		s.b.target(Target{Name: name, Op: OpSet, Value: v, Mask: all})
		return err
	}
	keep, flip := uint32(all), uint32(0)
	for {
		op := s.peek(0)
		if op != "and" && op != "&" && op != "or" && op != "|" && op != "xor" && op != "^" {
			break
		}
		s.next()
		n, err := number(s.next(), 32)
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
	case name == from || name == TargetMark && from == TargetMark:
		s.b.target(Target{Name: name, Op: OpSet, Value: flip, Mask: ^keep})
	case keep != all || flip != 0:
		s.b.target(Target{Name: name, Extra: "--set-from-other-mark"})
	case name == TargetMark:
		s.b.target(Target{Name: TargetConnMark, Op: OpRestore, Mask: all, CTMask: all})
	default:
		s.b.target(Target{Name: TargetConnMark, Op: OpSave, Mask: all, CTMask: all})
	}
	return nil
}
