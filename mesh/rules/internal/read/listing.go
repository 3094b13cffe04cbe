package read

import (
	"bytes"
	"errors"
	"slices"

	"github.com/pcapmesh/pcapmesh/mesh/rules/internal/draft"
	"github.com/pcapmesh/pcapmesh/mesh/rules/internal/syntax"
	"github.com/pcapmesh/pcapmesh/mesh/rules/netfilter"
)

// columns says what the rows of a listing hold, from its header:
//
//	num   pkts bytes target     prot opt in     out     source               destination
//
// num, pkts with bytes, and in with out may be missing.
type columns struct{ num, counters, faces bool }

// listing reads a line of iptables -L.
func (p *parser) listing(line []byte) bool {
	if rest, ok := bytes.CutPrefix(line, []byte("Chain ")); ok {
		return p.listChain(rest)
	}
	if p.chain == nil {
		return false
	}
	fields := bytes.Fields(line)
	if p.cols == nil || string(fields[0]) == "target" || string(fields[0]) == "num" || string(fields[0]) == "pkts" {
		if !bytes.Contains(line, []byte("destination")) {
			return false
		}
		has := func(name string) bool {
			return slices.ContainsFunc(fields, func(f []byte) bool { return string(f) == name })
		}
		p.cols = &columns{has("num"), has("pkts"), has("in")}
		return true
	}
	p.b.Begin(p.Lines)
	if err := p.row(fields, line); err != nil {
		p.b.Drop()
		p.bad(line, err)
		return true
	}
	r := p.b.End()
	p.note(r.Matches)
	p.chain.Rules = append(p.chain.Rules, r)
	return true
}

// listChain reads "NAME (policy ACCEPT 0 packets, 0 bytes)" and "NAME (2
// references)".
func (p *parser) listChain(rest []byte) bool {
	name, about, ok := bytes.Cut(rest, []byte(" ("))
	policy, isBase := bytes.CutPrefix(about, []byte("policy "))
	if !ok || bytes.IndexByte(name, ' ') >= 0 || !isBase && !bytes.Contains(about, []byte("references")) {
		return false
	}
	chain := p.b.Name(name)
	if isBase && p.repeats(chain) {
		p.close()
	}
	p.ensure("")
	p.chain, p.cols = p.table.Chain(chain), nil
	if isBase && p.chain.Hook != "" {
		policy, _, _ = bytes.Cut(policy, []byte(" "))
		p.chain.Policy = p.b.Name(bytes.TrimSuffix(policy, []byte(")")))
		p.guess()
	}
	return true
}

// A row is a reader of the fields of one line.
type row struct {
	p      *parser
	fields [][]byte
}

func (w *row) next() []byte {
	if len(w.fields) == 0 {
		return nil
	}
	f := w.fields[0]
	w.fields = w.fields[1:]
	return f
}

// row reads one rule of a listing.
func (p *parser) row(fields [][]byte, line []byte) error {
	w := &row{p, fields}
	if p.cols.num {
		w.next()
	}
	if p.cols.counters {
		var err1, err2 error
		p.b.Rule.Packets, err1 = syntax.Count(w.next())
		p.b.Rule.Bytes, err2 = syntax.Count(w.next())
		if p.b.Rule.Counted = true; err1 != nil || err2 != nil {
			return errors.New("no counters in the first two columns")
		}
	}
	target := ""
	if !w.untargeted() {
		target = p.b.Name(w.next())
	}
	if err := w.head(); err != nil {
		return err
	}
	if !p.cols.faces {
		p.b.Match(netfilter.Match{Text: "-m interfaces --not-listed"})
	}
	if target != "" {
		p.b.Target(netfilter.Target{Name: target})
	}
	return w.details(line)
}

// untargeted reports whether the target's column is blank, by the place of the
// options, which are "--" but for fragments.
func (w *row) untargeted() bool {
	return len(w.fields) > 1 && isFragment(w.fields[1])
}

func isFragment(f []byte) bool {
	s := string(f)
	return s == "--" || s == "-f" || s == "!f" || s == "----"
}

// head reads protocol, interfaces and addresses. Old ip6tables leaves the
// column of options blank.
func (w *row) head() error {
	if err := w.field(netfilter.MatchProto, w.next(), draft.ReadProto); err != nil {
		return err
	}
	if len(w.fields) > 0 && isFragment(w.fields[0]) {
		w.next()
	}
	if w.p.cols.faces {
		for _, k := range []netfilter.Kind{netfilter.MatchIn, netfilter.MatchOut} {
			if f := w.next(); string(f) != "*" && string(f) != "any" {
				if err := w.field(k, f, draft.ReadText); err != nil {
					return err
				}
			}
		}
	}
	for _, k := range []netfilter.Kind{netfilter.MatchSrc, netfilter.MatchDst} {
		if f := w.next(); string(f) != "anywhere" {
			if err := w.field(k, f, draft.ReadPrefixes); err != nil {
				return err
			}
		}
	}
	return nil
}

// field adds the match that a field stands for; a network that holds all
// addresses is none.
func (w *row) field(k netfilter.Kind, f []byte, read func(*draft.Builder, []byte, *netfilter.Match) error) error {
	m := netfilter.Match{Kind: k}
	if len(f) > 1 && f[0] == '!' {
		m.Not, f = true, f[1:]
	}
	if len(f) == 0 || string(f) == "!" {
		return errors.New("too few columns")
	}
	if err := read(&w.p.b, f, &m); err != nil {
		return err
	}
	switch {
	case k == netfilter.MatchProto && m.Value == 0:
	case len(m.Prefixes) == 1 && m.Prefixes[0].Bits() == 0 && !m.Not:
		w.p.v6 = w.p.v6 || m.Prefixes[0].Addr().Is6()
	default:
		w.p.b.Match(m)
	}
	return nil
}
