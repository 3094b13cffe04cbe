package filter

import (
	"errors"
	"net/netip"
	"strings"
)

// A Change is one network that Normalise rewrote.
type Change struct {
	Offset int        // of From in the expression given, 0-based, in bytes
	From   string     // as written, without the word net
	To     string     // as tcpdump takes it
	Bits   netip.Addr // the bits that were cleared; the zero Addr when only the form was wrong
}

// Normalise returns a pcap-filter(7) expression with every network valid:
// bits behind the prefix length or mask are cleared, and forms that tcpdump
// does not read (net 10/8, net 10.0.0.0/255.0.0.0, net 10.0.0.0 mask
// 0xff000000, net fe80:: mask ffc0::, a length written 08) are given one that it
// does. Everything else is kept byte for byte.
//
// Networks without a valid form, and addresses with a prefix length that are no
// net (host 10.1.2.3/8), are left as they are and come back as errors (*Error,
// joined), along with the expression and the changes. Other mistakes in the
// expression are tcpdump's to report. The result is a fixed point: normalised
// again it does not change.
func Normalise(expr string) (string, []Change, error) {
	r := rewriter{expr: expr, toks: tokens(expr)}
	for i := 0; i < len(r.toks); {
		if n := r.network(i); n > 0 {
			i += n
			continue
		}
		r.qualify(r.toks[i].kind)
		i++
	}
	r.out.WriteString(expr[r.done:])
	return r.out.String(), r.changes, errors.Join(r.errs...)
}

// rewriter walks the tokens of one expression. isNet and outer follow the
// qualifier as grammar.y passes it on: "net A or B" qualifies both, a
// parenthesis starts with the qualifier before it and ends by restoring it.
type rewriter struct {
	expr    string
	toks    []token
	isNet   bool
	outer   []bool // isNet before each open parenthesis
	out     strings.Builder
	done    int // expr[:done] is in out
	changes []Change
	errs    []error
}

// qualify follows the address qualifier past a token that is no network.
func (r *rewriter) qualify(k kind) {
	switch k {
	case kindNet:
		r.isNet = true
	case kindType, kindDir, kindTerm, kindRelation:
		r.isNet = false
	case kindOpen:
		r.outer = append(r.outer, r.isNet)
	case kindClose:
		if n := len(r.outer); n > 0 {
			r.isNet, r.outer = r.outer[n-1], r.outer[:n-1]
		}
	}
}

// network handles the network at token i and returns how many tokens it has; 0
// if there is none.
func (r *rewriter) network(i int) int {
	n := r.networkLen(i)
	if n == 0 {
		return 0
	}
	first, last := r.toks[i], r.toks[i+n-1]
	p := pair{addr: r.text(i), addrKind: first.kind}
	if n == 3 {
		p.mask, p.maskKind, p.slash = r.text(i+2), last.kind, r.toks[i+1].kind == kindSlash
	}
	from := r.expr[first.start:last.end]
	if !r.isNet {
		r.refuse(p, from, first.start)
		return n
	}
	fix, err := p.fix()
	if err != nil {
		r.errs = append(r.errs, at(err, from, first.start))
		return n
	}
	r.replace(i, n, fix)
	return n
}

// networkLen returns the number of tokens of the network at token i: 3 with a
// length or mask, 1 for an address alone behind net, 0 for anything else, such
// as the division in "tcp[10/2] = 1".
func (r *rewriter) networkLen(i int) int {
	k := r.toks[i].kind
	if k != kindAddr4 && k != kindAddr6 && k != kindNumber || r.isNet && !r.isOperand(i) {
		return 0
	}
	if i+2 < len(r.toks) && (r.toks[i+1].kind == kindSlash || r.toks[i+1].kind == kindMask) {
		m := r.toks[i+2].kind
		isMask := m == kindNumber || m == kindAddr4 || m == kindAddr6
		if isMask && (k != kindNumber || r.isNet && !r.isArithmetic(i+3)) {
			return 3
		}
	}
	if r.isNet && k == kindAddr4 {
		return 1
	}
	return 0
}

// isOperand reports whether token i stands where the grammar has an address:
// behind net, a parenthesis or an operator of logic.
func (r *rewriter) isOperand(i int) bool {
	if i == 0 {
		return false
	}
	switch r.toks[i-1].kind {
	case kindNet, kindOpen, kindLogic:
		return true
	}
	return false
}

// isArithmetic reports whether what ends before token i, closing parentheses
// left out, is part of a larger calculation or comparison.
func (r *rewriter) isArithmetic(i int) bool {
	for i < len(r.toks) && r.toks[i].kind == kindClose {
		i++
	}
	return i < len(r.toks) && r.toks[i].kind != kindLogic
}

func (r *rewriter) text(i int) string { return r.expr[r.toks[i].start:r.toks[i].end] }

// refuse reports an address with a prefix length that no net stands before.
// libpcap takes only an IPv6 host with all 128 bits.
func (r *rewriter) refuse(p pair, from string, offset int) {
	if p.addrKind == kindAddr6 && p.slash && p.mask == "128" {
		return
	}
	e := &Error{Text: from, Offset: offset, Reason: "only net takes a prefix length or mask"}
	if n, err := ParseNetwork(from); err == nil {
		e.Remedy = "write net " + n.Prefix.String()
	}
	r.errs = append(r.errs, e)
}

// replace writes what fix says in the place of the n tokens at i; parts that
// stay are kept with the blanks around them.
func (r *rewriter) replace(i, n int, fix fix) {
	first, last := r.toks[i], r.toks[i+n-1]
	from := r.expr[first.start:last.end]
	to := fix.addr
	if to == "" {
		to = r.text(i)
	}
	if fix.rest != "" {
		to += fix.rest
	} else {
		to += r.expr[first.end:last.end]
	}
	if to == from {
		return
	}
	if first.start > 0 && joinsWord(to[0]) && joinsWord(r.expr[first.start-1]) {
		to = " " + to // net::1:2:3:4:5:6:7/96 is fine, net0:1:2:3:4:5::/96 is not
	}
	if next := r.expr[last.end:]; next != "" && joinsWord(to[len(to)-1]) && (joinsWord(next[0]) || next[0] == ':' || next[0] == '.') {
		to += " " // what is shorter than before must not take in what follows
	}
	r.out.WriteString(r.expr[r.done:first.start])
	r.out.WriteString(to)
	r.done = last.end
	r.changes = append(r.changes, Change{Offset: first.start, From: from, To: to, Bits: fix.bits})
}
