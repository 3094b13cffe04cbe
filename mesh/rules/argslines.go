package rules

import (
	"bytes"
	"net/netip"
	"strings"
)

// argsState is what a parser has seen of the init container's arguments.
type argsState struct {
	words    []string // those of a manifest or command line
	collect  bool     // lines are list items behind args:
	given    bool
	first    int // line of the first of them
	vars     Args
	variable bool // the init container's log lists variables
}

// arguments reads a line of the init container's arguments: a command line, an
// item of a list in YAML, or a line of a JSON array. It also reads the variables
// that the container lists in its log.
func (p *parser) arguments(line []byte) bool {
	a := &p.args
	if p.variables(line) {
		return true
	}
	if at := bytes.Index(line, []byte("istio-iptables")); at >= 0 {
		return p.argsLine(line[:at], line[at+len("istio-iptables"):])
	}
	switch {
	case !a.collect:
		if !looksLikeArgs(line) {
			return false
		}
		a.collect, a.given, a.words, a.first = true, true, nil, p.n
		if line[1] != ' ' {
			defer func() { a.collect = false }() // all on one line
		}
	case line[0] != '-' && line[0] != '"' && line[0] != '\'' && line[0] != '[' && line[0] != ']' || bytes.Contains(line, []byte("name:")):
		a.collect = false
		return false
	}
	p.collectArgs(line)
	return true
}

// looksLikeArgs tells whether a line without the program's name begins the
// arguments: "-p 15001 -z 15006 ...", or "- -p".
func looksLikeArgs(line []byte) bool {
	words := listWords(line)
	return len(words) > 3 && (words[0] == "-p" || words[0] == "--envoy-port") && isPort(words[1]) && strings.HasPrefix(words[2], "-") ||
		len(words) == 1 && line[0] == '-' && line[1] == ' ' && (words[0] == "-p" || words[0] == "--envoy-port")
}

func isPort(w string) bool {
	_, err := number([]byte(w), 16)
	return err == nil && w != ""
}

// argsLine reads a line with the program's name.
func (p *parser) argsLine(before, rest []byte) bool {
	a := &p.args
	alone := len(bytes.Trim(rest, `"', ]`)) == 0
	if alone && len(bytes.Trim(before, `-"', [`)) > 0 {
		return false // the name of a container or an image
	}
	if len(rest) > 0 && (rest[0] == '"' || rest[0] == '\'') {
		rest = rest[1:]
	}
	rest = bytes.TrimLeft(rest, " ,\t")
	if !alone && bytes.IndexByte([]byte(`-"'`), rest[0]) < 0 {
		return false // a message
	}
	a.collect, a.given, a.words, a.first = alone, true, nil, p.n
	if !alone {
		p.collectArgs(rest)
	}
	return true
}

// collectArgs adds the words of a line.
func (p *parser) collectArgs(line []byte) {
	const most = 1000 // words; the flags are thirty
	if words := listWords(line); len(p.args.words)+len(words) <= most {
		p.args.words = append(p.args.words, words...)
	}
}

// listWords takes a line apart: "- -p", "- '*'", `"-p", "15001",` or plain
// words.
func listWords(line []byte) []string {
	if len(line) > 1 && line[0] == '-' && line[1] == ' ' {
		line = line[2:]
	}
	var out []string
	words, err := splitWords(nil, separated(line))
	if err != nil {
		return nil
	}
	for _, w := range words {
		out = append(out, string(w))
	}
	return out
}

// separated turns the commas and brackets between the strings of a JSON array
// into blanks.
func separated(line []byte) []byte {
	if bytes.IndexByte(line, '"') < 0 || bytes.IndexByte(line, ',') < 0 && bytes.IndexByte(line, ']') < 0 && line[0] != '[' {
		return line
	}
	out := bytes.Clone(line)
	inside := false
	for i, c := range out {
		switch {
		case c == '"':
			inside = !inside
		case !inside && (c == ',' && (i+1 == len(out) || out[i+1] == ' ' || out[i+1] == '"') || c == '[' || c == ']'):
			out[i] = ' '
		}
	}
	return out
}

// variables reads "PROXY_UID=1337" out of the log of the init container.
func (p *parser) variables(line []byte) bool {
	name, value, ok := bytes.Cut(line, []byte("="))
	if !ok || len(name) == 0 || name[0] < 'A' || name[0] > 'Z' || bytes.IndexByte(name, ' ') >= 0 {
		return false
	}
	a := &p.args
	if !a.variable && string(name) == "PROXY_PORT" {
		a.variable, a.vars = true, flagDefaults()
	}
	if !a.variable {
		return true
	}
	if string(name) == "DNS_SERVERS" {
		a.vars.DNSServers = servers(value)
		return true
	}
	switch text, flag := a.vars.field(string(name)); {
	case text != nil && len(value) < maxLine/16:
		*text = string(value)
	case flag != nil:
		*flag = string(value) == "true"
	}
	return true
}

// servers reads "[10.96.0.10],[fd00::a]", the servers of both families.
func servers(value []byte) []netip.Addr {
	var out []netip.Addr
	for w := range strings.FieldsFuncSeq(string(value), func(r rune) bool { return strings.ContainsRune("[], ", r) }) {
		if a, err := netip.ParseAddr(w); err == nil {
			out = append(out, a)
		}
	}
	return out
}

// generate makes rules of arguments, if the text has no rules itself.
func (p *parser) generate() {
	a := &p.args
	if p.found || !a.given && !a.variable {
		return
	}
	args, err := a.vars, a.vars.check()
	if a.given {
		args, err = ParseArgs(a.words)
	}
	if err != nil {
		p.n = a.first
		p.bad([]byte(strings.Join(a.words, " ")), err)
	}
	p.found = true
	made := args.Ruleset()
	p.set.Args = &args
	for _, t := range made.Tables {
		p.set.put(t)
	}
}
