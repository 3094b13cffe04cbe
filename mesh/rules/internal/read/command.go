package read

import (
	"bytes"
	"fmt"

	"github.com/pcapmesh/pcapmesh/mesh/rules/internal/draft"
	"github.com/pcapmesh/pcapmesh/mesh/rules/internal/syntax"
	"github.com/pcapmesh/pcapmesh/mesh/rules/netfilter"
)

// command reads a line that begins with an option: a rule of iptables-save, or
// the init container's arguments.
func (p *parser) command(line []byte) bool {
	if len(line) < 4 || line[2] != ' ' {
		return p.arguments(line)
	}
	switch line[1] {
	case 'A', 'I':
		p.ensure("")
		p.add(line, line)
	case 'N', 'P', 'F', 'X':
		if fields := bytes.Fields(line); p.table != nil || line[1] == 'N' || line[1] == 'P' {
			p.change(fields)
		}
	case 'D', 'R', 'E':
		if p.table == nil {
			return false
		}
		p.bad(line, fmt.Errorf("-%c changes what is not shown", line[1]))
	default:
		return p.arguments(line)
	}
	return true
}

// change reads what concerns a chain as a whole.
func (p *parser) change(fields [][]byte) {
	name := p.b.Name(fields[1])
	if string(fields[0]) == "-P" && p.repeats(name) {
		p.close() // iptables -S of the next table
	}
	p.ensure("")
	switch string(fields[0]) {
	case "-N":
		p.table.Chain(name)
	case "-P":
		c := p.table.Chain(name)
		if len(fields) > 2 && c.Hook != "" {
			c.Policy = p.b.Name(fields[2])
		}
		p.guess()
	case "-F", "-X":
		if c := p.table.Find(name); c != nil {
			c.Rules = nil
		}
	}
}

// repeats reports whether a built-in chain was announced before in a table
// without frame.
func (p *parser) repeats(chain string) bool {
	return p.table != nil && p.free && p.table.Find(chain) != nil
}

// guess tells from its built-in chains which table it is, where nothing else
// does: raw has two, filter three, nat four, mangle five (ip-tables.h).
func (p *parser) guess() {
	if !p.free || p.named {
		return
	}
	has := func(name string) bool { return p.table.Find(name) != nil }
	name := "nat"
	switch {
	case has("FORWARD") && has("PREROUTING"):
		name = "mangle"
	case has("FORWARD"), has("INPUT") && has("OUTPUT") && !has("PREROUTING"):
		name = "filter"
	case has("PREROUTING") && has("OUTPUT") && !has("INPUT") && !has("POSTROUTING"):
		name = "raw"
	}
	p.table.Rename(name)
}

// add reads "-A CHAIN RULE" or "-I CHAIN [n] RULE", and returns the rule; nil
// if it is malformed. The line is shown if it is.
func (p *parser) add(text, line []byte) *netfilter.Rule {
	var err error
	if p.words, err = syntax.Words(p.words[:0], text); err == nil && len(p.words) < 2 {
		err = fmt.Errorf("%s without a chain", text)
	}
	if err != nil {
		p.bad(line, err)
		return nil
	}
	return p.rule(p.words, line)
}

// rule reads the words of a rule, with what precedes it.
func (p *parser) rule(words [][]byte, line []byte) *netfilter.Rule {
	insert := string(words[0]) == "-I" || string(words[0]) == "--insert"
	chain, words, at := words[1], words[2:], uint32(1)
	if insert && len(words) > 0 {
		if n, err := syntax.Number(words[0], 31); err == nil {
			at, words = max(n, 1), words[1:]
		}
	}
	p.b.Begin(p.Lines)
	if err := p.b.Options(words); err != nil {
		p.b.Drop()
		p.bad(line, err)
		return nil
	}
	r := p.b.End()
	p.note(r.Matches)
	to := p.table.Chain(p.b.Name(chain))
	if !insert {
		draft.Append(to, r)
		return &to.Rules[len(to.Rules)-1]
	}
	if err := draft.Insert(to, r, int(at)); err != nil {
		p.bad(line, err)
		return nil
	}
	return &to.Rules[at-1]
}

// note learns the family of the table at hand from addresses.
func (p *parser) note(matches []netfilter.Match) {
	for i := range matches {
		for _, n := range matches[i].Prefixes {
			p.v4 = p.v4 || n.Addr().Is4()
			p.v6 = p.v6 || !n.Addr().Is4()
		}
	}
}

// programs are the commands whose lines are rules.
var programs = [...]string{"iptables", "ip6tables", "iptables-legacy", "ip6tables-legacy", "iptables-nft", "ip6tables-nft"}

// invocation reads a whole command line, as logs and scripts of init containers
// hold them: "iptables -t nat -A PROXY_INIT_OUTPUT ...".
func (p *parser) invocation(line []byte) bool {
	at := bytes.Index(line, []byte("tables"))
	if at < 2 || bytes.IndexByte(line, '-') < 0 {
		return false
	}
	words, err := syntax.Words(p.words[:0], line)
	p.words = words
	if err != nil {
		return false
	}
	for i, w := range words {
		w = w[bytes.LastIndexByte(w, '/')+1:]
		for _, name := range programs {
			if string(w) == name {
				return p.invoke(string(w[:3]) == "ip6", words[i+1:], line)
			}
		}
	}
	return false
}

// invoke reads what follows the program's name.
func (p *parser) invoke(v6 bool, words [][]byte, line []byte) bool {
	table := "filter" // without -t (iptables(8))
	at := -1
	rest := make([][]byte, 0, len(words))
	for i := 0; i < len(words); i++ {
		switch w := string(words[i]); {
		case (w == "-t" || w == "--table") && i+1 < len(words):
			table = p.b.Name(words[i+1])
			i++
		case w == "-w" || w == "--wait":
		default:
			if at < 0 && isCommand(w) {
				at = len(rest)
			}
			rest = append(rest, words[i])
		}
	}
	if at < 0 || at+1 >= len(rest) {
		return false
	}
	if family := netfilter.FamilyOf(v6); p.table == nil || p.family != family {
		p.close()
		p.family = family
	}
	p.ensure(table)
	switch w := string(rest[at]); w {
	case "-A", "--append", "-I", "--insert":
		p.rule(rest[at:], line)
	default:
		p.change(rest[at:])
	}
	return true
}

func isCommand(w string) bool {
	switch w {
	case "-A", "--append", "-I", "--insert", "-N", "-P", "-F", "-X":
		return true
	}
	return false
}
