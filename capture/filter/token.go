package filter

import (
	"net/netip"
	"strings"
)

// A kind is what libpcap's scanner.l makes of a token, as far as networks need
// it.
type kind uint8

const (
	kindOther    kind = iota // arithmetic, brackets, bytes the scanner refuses
	kindName                 // ID: a name or an escaped word
	kindNumber               // NUM: decimal, octal with 0, hexadecimal with 0x
	kindAddr4                // HID: two to four numbers with dots
	kindAddr6                // HID6
	kindMAC                  // EID, AID: a link-layer address
	kindNet                  // net
	kindType                 // host, port, portrange, proto, protochain, gateway
	kindDir                  // src, dst, addr1 and so on
	kindMask                 // mask
	kindLogic                // and, or, not, &&, ||, !
	kindOpen                 // (
	kindClose                // )
	kindSlash                // /
	kindRelation             // = == != < > <= >=
	kindTerm                 // a word that is a primitive by itself or a protocol
)

// A token is expr[start:end]; blanks lie between tokens.
type token struct {
	kind       kind
	start, end int
}

// tokens splits an expression as scanner.l does: the longest match wins. From a
// # to the end of the line is a comment, as in a file for tcpdump -F; the
// scanner itself has no use for the byte.
func tokens(expr string) []token {
	var out []token
	for i := 0; i < len(expr); {
		if strings.IndexByte(" \r\n\t", expr[i]) >= 0 {
			i++
			continue
		}
		if expr[i] == '#' {
			i += commentLen(expr[i:])
			continue
		}
		k, n := scan(expr[i:])
		out = append(out, token{k, i, i + n})
		i += n
	}
	return out
}

func commentLen(s string) int {
	if n := strings.IndexByte(s, '\n'); n >= 0 {
		return n
	}
	return len(s)
}

// scan returns the token at the head of s, which is not empty.
func scan(s string) (kind, int) {
	if n := addr6Len(s); n > 0 {
		return kindAddr6, n
	}
	if n := macLen(s); n > 0 {
		return kindMAC, n
	}
	switch c := s[0]; {
	case isDigit(c) || isLetter(c):
		n := wordLen(s)
		return wordKind(s[:n]), n
	case c == '\\':
		if n := escapedLen(s); n > 1 {
			return kindName, n
		}
	case c == '$' && len(s) > 1 && isHex(s[1]):
		if len(s) > 2 && isHex(s[2]) {
			return kindMAC, 3
		}
		return kindMAC, 2
	}
	return scanOperator(s)
}

// scanOperator returns the operator at the head of s, or one byte.
func scanOperator(s string) (kind, int) {
	if len(s) > 1 {
		switch s[:2] {
		case "&&", "||":
			return kindLogic, 2
		case "==", "!=", "<=", ">=":
			return kindRelation, 2
		case "<<", ">>":
			return kindOther, 2
		}
	}
	switch s[0] {
	case '!':
		return kindLogic, 1
	case '(':
		return kindOpen, 1
	case ')':
		return kindClose, 1
	case '/':
		return kindSlash, 1
	case '=', '<', '>':
		return kindRelation, 1
	}
	return kindOther, 1
}

// wordLen returns the length of [A-Za-z0-9]([-_.A-Za-z0-9]*[.A-Za-z0-9])?.
func wordLen(s string) int {
	n := 1
	for i := 1; i < len(s); i++ {
		switch c := s[i]; {
		case isDigit(c) || isLetter(c) || c == '.':
			n = i + 1
		case c != '-' && c != '_':
			return n
		}
	}
	return n
}

// escapedLen returns the length of \[^ !()\n\t]+.
func escapedLen(s string) int {
	if n := strings.IndexAny(s[1:], " !()\n\t"); n >= 0 {
		return n + 1
	}
	return len(s)
}

// addr6Len returns the length of the longest IPv6 address at the head of s.
func addr6Len(s string) int {
	const longest = 45 // INET6_ADDRSTRLEN - 1, an IPv4 tail included
	end, colons := 0, 0
	for end < len(s) && end <= longest && (isHex(s[end]) || s[end] == ':' || s[end] == '.') {
		if s[end] == ':' {
			colons++
		}
		end++
	}
	for ; colons > 1 && end > 1; end-- {
		if a, err := netip.ParseAddr(s[:end]); err == nil && a.Is6() {
			return end
		}
	}
	return 0
}

// macLen returns the length of a MAC address with colons at the head of s; with
// dots or hyphens it is a word.
func macLen(s string) int {
	i := 0
	for group := range 6 {
		if group > 0 {
			if i >= len(s) || s[i] != ':' {
				return 0
			}
			i++
		}
		start := i
		for i < len(s) && i < start+2 && isHex(s[i]) {
			i++
		}
		if i == start {
			return 0
		}
	}
	return i
}

// wordKind tells keywords, numbers and addresses from names, in the order of
// scanner.l: a keyword, then a MAC address, a number, an address, a name.
func wordKind(w string) kind {
	if k, ok := keyword(w); ok {
		return k
	}
	switch {
	case isMACWord(w):
		return kindMAC
	case isNumber(w):
		return kindNumber
	case isDotted(w):
		return kindAddr4
	}
	return kindName
}

// isMACWord recognises aa-bb-cc-dd-ee-ff, aa.bb.cc.dd.ee.ff, aaaa.bbbb.cccc and
// aabbccddeeff.
func isMACWord(w string) bool {
	if len(w) == 12 && strings.Trim(w, hexDigits) == "" {
		return true
	}
	if p := strings.Split(w, "."); len(p) == 3 {
		return groupsOf(p, 4, 4)
	} else if len(p) == 6 {
		return groupsOf(p, 1, 2)
	}
	p := strings.Split(w, "-")
	return len(p) == 6 && groupsOf(p, 1, 2)
}

const hexDigits = "0123456789abcdefABCDEF"

func groupsOf(parts []string, least, most int) bool {
	for _, p := range parts {
		if len(p) < least || len(p) > most || strings.Trim(p, hexDigits) != "" {
			return false
		}
	}
	return true
}

// isNumber matches [0-9]+|(0X|0x)[0-9A-Fa-f]+.
func isNumber(w string) bool {
	if len(w) > 2 && w[0] == '0' && w[1]|0x20 == 'x' {
		return strings.Trim(w[2:], hexDigits) == ""
	}
	return w != "" && strings.Trim(w, hexDigits[:10]) == ""
}

// isDotted matches two to four numbers with dots between them.
func isDotted(w string) bool {
	p := strings.Split(w, ".")
	if len(p) < 2 || len(p) > 4 {
		return false
	}
	for _, n := range p {
		if !isNumber(n) {
			return false
		}
	}
	return true
}

func isLetter(c byte) bool { return c|0x20 >= 'a' && c|0x20 <= 'z' }

func isHex(c byte) bool { return strings.IndexByte(hexDigits, c) >= 0 }

// keyword returns the kind of a word that scanner.l reserves. Words that are
// numbers (tcpflags, icmp-echo) are not listed: they stand in arithmetic only.
func keyword(w string) (kind, bool) {
	switch w {
	case "net":
		return kindNet, true
	case "mask":
		return kindMask, true
	case "host", "port", "portrange", "proto", "protochain", "gateway":
		return kindType, true
	case "src", "dst", "ra", "ta",
		"address1", "addr1", "address2", "addr2", "address3", "addr3", "address4", "addr4":
		return kindDir, true
	case "and", "or", "not":
		return kindLogic, true
	}
	return kindTerm, isTerm(w)
}

// isTerm reports whether w is a protocol or a primitive that takes no address;
// after it no qualifier is left for an address to inherit.
func isTerm(w string) bool {
	switch w {
	case "link", "ether", "ppp", "slip", "fddi", "tr", "wlan", "arp", "rarp", "ip", "sctp", "tcp", "udp",
		"icmp", "igmp", "igrp", "pim", "vrrp", "carp", "radio", "ip6", "icmp6", "ah", "esp",
		"atalk", "aarp", "decnet", "lat", "sca", "moprc", "mopdl", "iso", "esis", "es-is", "isis", "is-is",
		"l1", "l2", "iih", "lsp", "snp", "csnp", "psnp", "clnp", "stp", "ipx", "netbeui",
		"type", "subtype", "direction", "dir", "less", "greater", "byte", "broadcast", "multicast",
		"len", "length", "inbound", "outbound", "ifindex", "vlan", "mpls", "pppoed", "pppoes", "geneve", "vxlan",
		"lane", "llc", "metac", "bcc", "oam", "oamf4", "oamf4ec", "oamf4sc", "sc", "ilmic", "vpi", "vci",
		"connectmsg", "metaconnect", "on", "ifname", "rset", "ruleset", "rnr", "rulenum", "srnr", "subrulenum",
		"reason", "action", "fisu", "lssu", "lsu", "msu", "hfisu", "hlssu", "hmsu",
		"sio", "opc", "dpc", "sls", "hsio", "hopc", "hdpc", "hsls":
		return true
	}
	return false
}
