package read

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/pcapmesh/pcapmesh/mesh/rules/internal/draft"
	"github.com/pcapmesh/pcapmesh/mesh/rules/internal/nft"
	"github.com/pcapmesh/pcapmesh/mesh/rules/internal/syntax"
	"github.com/pcapmesh/pcapmesh/mesh/rules/istio"
	"github.com/pcapmesh/pcapmesh/mesh/rules/netfilter"
)

// maxLine is the longest line in bytes. iptables takes comments of 256 bytes
// and lists of 15 ports; nft writes a set of a thousand elements on few lines;
// the longest seen are pods' manifests in JSON.
const maxLine = 1 << 20

// A Found is what a text holds.
type Found struct {
	Tables []*netfilter.Table // with those that other texts gave
	Made   *istio.Args        // the arguments of which the rules were made; nil if they were read
	Any    bool               // there are rules, or arguments that make some
	Lines  int
}

// Text reads rules in any of the forms that are known, and adds them to the
// tables that other texts gave; one that is there already is replaced. Lines that
// should be rules and are not are told to malformed, and the rest is used. The
// error is r's.
func Text(r io.Reader, tables []*netfilter.Table, malformed func(line int, text []byte, why string)) (Found, error) {
	p := &parser{Found: Found{Tables: tables}, before: len(tables), malformed: malformed, family: netfilter.IPv4}
	p.nft = nft.NewReader(&p.b, p.bad)
	err := p.read(r)
	p.finish()
	return p.Found, err
}

// A parser reads one text line by line.
type parser struct {
	Found
	before    int // tables that other texts gave
	malformed func(line int, text []byte, why string)

	b     draft.Builder
	words [][]byte

	family netfilter.Family                  // of the next table, as the text around it tells
	table  *draft.Table                      // at hand; nil outside of tables
	drafts map[*netfilter.Table]*draft.Table // all of this text
	unsure []*netfilter.Table
	v4, v6 bool             // the table at hand has addresses of this family
	free   bool             // the table has no frame: iptables -S and commands
	named  bool             // but a command said which it is
	chain  *netfilter.Chain // in a listing
	cols   *columns
	nft    *nft.Reader
	args   istio.Reader
}

// read takes the text apart into lines.
func (p *parser) read(r io.Reader) error {
	in := bufio.NewReaderSize(r, 64<<10)
	var long []byte
	for {
		line, err := in.ReadSlice('\n')
		switch {
		case errors.Is(err, bufio.ErrBufferFull):
			if len(long) <= maxLine {
				long = append(long, line...)
			}
			continue
		case err != nil && err != io.EOF:
			return err
		}
		if long != nil {
			line = append(long, line...)
			long = nil
		}
		if len(line) > 0 {
			p.Lines++
			p.take(line)
		}
		if err == io.EOF {
			return nil
		}
	}
}

// take reads one line.
func (p *parser) take(line []byte) {
	if len(line) > maxLine {
		p.bad(line, fmt.Errorf("longer than %d bytes", maxLine))
		return
	}
	line = bytes.TrimSpace(line)
	if p.nft.Inside() {
		p.nft.Line(line, p.Lines)
		return
	}
	if len(line) == 0 {
		p.cols = nil
		return
	}
	if p.line(line) {
		return
	}
	if rest := afterPrefix(line); len(rest) > 0 && len(rest) < len(line) && p.line(rest) {
		return
	}
	if p.table != nil && !p.free && line[0] == '-' {
		p.bad(line, errNoCommand)
		return
	}
	p.hint(line)
}

// errNoCommand is of a line within a table that no command of iptables-restore is.
var errNoCommand = errors.New("no command that makes a rule or a chain")

// line reads a line that may be a rule. It reports whether it was one of any
// form, right or wrong.
func (p *parser) line(line []byte) bool {
	switch line[0] {
	case '*':
		return p.frame(line)
	case ':':
		return p.declare(line)
	case '[':
		if p.counted(line) {
			return true
		}
	case '-':
		return p.command(line)
	case 'C':
		if bytes.Equal(line, []byte("COMMIT")) {
			p.close()
			return true
		}
	}
	// A listing of iptables ends without a mark, and any line might be a row of it.
	return p.native(line) || p.listing(line) || p.invocation(line) || p.arguments(line)
}

// hint learns from other lines which family the next table is of: comments and
// logs name the program.
func (p *parser) hint(line []byte) {
	switch {
	case bytes.Contains(line, []byte("ip6tables")), bytes.Contains(line, []byte("(IPv6)")):
		p.nextFamily(netfilter.IPv6)
	case bytes.Contains(line, []byte("iptables")), bytes.Contains(line, []byte("(IPv4)")):
		p.nextFamily(netfilter.IPv4)
	}
}

// nextFamily ends a table without frame: what follows is another program's.
func (p *parser) nextFamily(f netfilter.Family) {
	if p.free {
		p.close()
	}
	p.family = f
}

// frame reads "*nat", or "* nat" as istio-init writes it.
func (p *parser) frame(line []byte) bool {
	name := bytes.TrimSpace(line[1:])
	switch string(name) {
	case "nat", "mangle", "raw", "filter", "security":
	default:
		return false
	}
	p.open(p.b.Name(name))
	return true
}

// open begins a table.
func (p *parser) open(name string) {
	p.close()
	p.table = draft.New(&netfilter.Table{Name: name})
	p.v4, p.v6, p.free, p.named, p.Any = false, false, false, false, true
}

// ensure opens a table if none is: iptables -S and commands have no frame. The
// name is that of a command, "" if it says none.
func (p *parser) ensure(name string) {
	named := name != ""
	if p.table == nil || p.free && named && p.table.Name != name {
		if !named {
			name = "nat"
		}
		old := p.own(name)
		p.open(name)
		p.free = true
		if old != nil { // commands may go to and fro between tables
			p.table = p.drafts[old]
		}
	}
	p.named = p.named || named
}

// own returns the table of that name that this text gave by commands.
func (p *parser) own(name string) *netfilter.Table {
	for _, t := range p.Tables[min(p.before, len(p.Tables)):] {
		if t.Name == name && t.Family == p.family && !t.NFT {
			return t
		}
	}
	return nil
}

// close ends the table at hand.
func (p *parser) close() {
	t := p.table
	p.table, p.chain, p.cols = nil, nil, nil
	if t == nil {
		return
	}
	t.Family = p.family
	switch {
	case p.v6 && !p.v4:
		t.Family = netfilter.IPv6
	case p.v4:
		t.Family = netfilter.IPv4
	}
	if !p.v4 && !p.v6 {
		p.unsure = append(p.unsure, t.Table)
	}
	p.family = t.Family
	p.free = false
	if p.drafts == nil {
		p.drafts = map[*netfilter.Table]*draft.Table{}
	}
	p.drafts[t.Table] = t
	p.put(t.Table)
}

// settle gives tables without addresses the family of the others, if these
// agree.
func (p *parser) settle() {
	for _, t := range p.unsure {
		if t.Family == netfilter.IPv4 && p.only6(t.Name) {
			t.Family = netfilter.IPv6
		}
	}
}

// only6 reports whether all tables of this text whose family is sure are IPv6.
func (p *parser) only6(name string) bool {
	found := false
	for _, t := range p.Tables[min(p.before, len(p.Tables)):] {
		if t.NFT || slices.Contains(p.unsure, t) {
			continue
		}
		if t.Family != netfilter.IPv6 || t.Name == name {
			return false
		}
		found = true
	}
	return found
}

// finish ends the text.
func (p *parser) finish() {
	p.close()
	p.settle()
	for _, t := range p.nft.Tables(p.dumped) {
		p.put(t)
	}
	if p.Any {
		return
	}
	if p.Made = p.args.Args(p.report); p.Made != nil {
		p.Any = true
		for _, t := range p.Made.Tables() {
			p.put(t)
		}
	}
}

// dumped reports whether a table of iptables is there.
func (p *parser) dumped(f netfilter.Family, name string) bool {
	for _, t := range p.Tables {
		if t.Family == f && t.Name == name {
			return !t.NFT
		}
	}
	return false
}

// put adds a table that is complete. A later dump of a table replaces an
// earlier one: logs show the rules before and after.
func (p *parser) put(t *netfilter.Table) {
	for i, old := range p.Tables {
		if old.Family == t.Family && old.Name == t.Name && old.NFT == t.NFT {
			p.Tables[i] = t
			return
		}
	}
	p.Tables = append(p.Tables, t)
}

// native reads a line of nftables, outside of any block.
func (p *parser) native(line []byte) bool {
	if !p.nft.Outside(line, p.Lines) {
		return false
	}
	p.Any = true
	if p.nft.Inside() { // a block begins, and ends what iptables listed
		p.close()
	}
	return true
}

// arguments reads a line of the init container's arguments.
func (p *parser) arguments(line []byte) bool { return p.args.Line(line, p.Lines) }

// declare reads ":CHAIN POLICY [packets:bytes]".
func (p *parser) declare(line []byte) bool {
	fields := bytes.Fields(line[1:])
	if len(fields) == 0 || p.table == nil && len(fields) < 2 {
		return false
	}
	p.ensure("")
	c := p.table.Chain(p.b.Name(fields[0]))
	if len(fields) > 1 && c.Hook != "" && string(fields[1]) != "-" {
		c.Policy = p.b.Name(fields[1])
	}
	return true
}

// counted reads "[12:720] -A CHAIN ...".
func (p *parser) counted(line []byte) bool {
	counters, rest, ok := bytes.Cut(line[1:], []byte("] "))
	if !ok || !bytes.HasPrefix(rest, []byte("-A ")) && !bytes.HasPrefix(rest, []byte("-I ")) {
		return false
	}
	packets, octets, ok := bytes.Cut(counters, []byte(":"))
	np, err1 := syntax.Count(packets)
	nb, err2 := syntax.Count(octets)
	if !ok || err1 != nil || err2 != nil {
		p.bad(line, fmt.Errorf("[%s] is no pair of counters", counters))
		return true
	}
	p.ensure("")
	if r := p.add(rest, line); r != nil {
		r.Counted, r.Packets, r.Bytes = true, np, nb
	}
	return true
}

// bad counts a malformed line.
func (p *parser) bad(line []byte, err error) {
	p.report(p.Lines, line, err)
}

func (p *parser) report(n int, text []byte, err error) {
	p.malformed(n, bytes.TrimSpace(text), err.Error())
}
