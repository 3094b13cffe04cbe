package istio

import (
	"bytes"
	"net/netip"
	"strings"

	"github.com/pcapmesh/pcapmesh/mesh/rules/internal/syntax"
)

// A Reader reads the init container's arguments line by line. The zero
// Reader is ready.
type Reader struct {
	words    []string // those of a manifest or command line
	collect  bool     // lines are list items behind args:
	given    bool
	first    int // line of the first of them, 1-based
	vars     Args
	variable bool // the init container's log lists variables
}

// Line reads line n of the arguments: a command line, an item of a list in YAML,
// or a line of a JSON array. It also reads the variables that the container
// lists in its log. It reports whether the line was one of these.
func (a *Reader) Line(line []byte, n int) bool {
	if len(line) == 0 {
		return false
	}
	if a.variables(line) {
		return true
	}
	if at := bytes.Index(line, []byte("istio-iptables")); at >= 0 {
		return a.command(line[:at], line[at+len("istio-iptables"):], n)
	}
	switch {
	case !a.collect:
		if !looksLikeArgs(line) {
			return false
		}
		a.collect, a.given, a.words, a.first = true, true, nil, n
		if line[1] != ' ' {
			defer func() { a.collect = false }() // all on one line
		}
	case line[0] == ']': // of a JSON array, an item on each line
		a.collect = false
		return true
	case line[0] != '-' && line[0] != '"' && line[0] != '\'' && line[0] != '[' || bytes.Contains(line, []byte("name:")):
		a.collect = false
		return false
	}
	a.take(line)
	return true
}

// looksLikeArgs reports whether a line without the program's name begins the
// arguments: "-p 15001 -z 15006 ...", or "- -p".
func looksLikeArgs(line []byte) bool {
	if len(line) < 4 {
		return false
	}
	words := listWords(line)
	return len(words) > 3 && (words[0] == "-p" || words[0] == "--envoy-port") && isPort(words[1]) && strings.HasPrefix(words[2], "-") ||
		len(words) == 1 && line[0] == '-' && line[1] == ' ' && (words[0] == "-p" || words[0] == "--envoy-port")
}

func isPort(w string) bool {
	_, err := syntax.Number([]byte(w), 16)
	return err == nil && w != ""
}

// command reads a line with the program's name.
func (a *Reader) command(before, rest []byte, n int) bool {
	alone := len(bytes.Trim(rest, "\"', ]\t")) == 0
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
	a.collect, a.given, a.words, a.first = alone, true, nil, n
	if !alone {
		a.take(rest)
	}
	return true
}

// take adds the words of a line.
func (a *Reader) take(line []byte) {
	const most = 1000 // words; the flags are thirty
	if words := listWords(line); len(a.words)+len(words) <= most {
		a.words = append(a.words, words...)
	}
}

// listWords takes a line apart: "- -p", "- '*'", `"-p", "15001",` or plain
// words.
func listWords(line []byte) []string {
	if len(line) > 1 && line[0] == '-' && line[1] == ' ' {
		line = line[2:]
	}
	var out []string
	words, err := syntax.Words(nil, separated(line))
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

// maxValue bounds the text of a variable, in bytes.
const maxValue = 64 << 10

// variables reads "PROXY_UID=1337" out of the log of the init container.
func (a *Reader) variables(line []byte) bool {
	name, value, ok := bytes.Cut(line, []byte("="))
	if !ok || len(name) == 0 || name[0] < 'A' || name[0] > 'Z' || bytes.IndexByte(name, ' ') >= 0 {
		return false
	}
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
	case text != nil && len(value) < maxValue:
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

// Args returns the arguments that were read; nil if there were none. What of
// them makes no rules is told to bad, with the line where they begin; the rest is
// used.
func (a *Reader) Args(bad func(line int, text []byte, err error)) *Args {
	if !a.given && !a.variable {
		return nil
	}
	args, err := a.vars, a.vars.check()
	if a.given {
		args, err = parseArgs(a.words)
	}
	if err != nil {
		bad(a.first, []byte(strings.Join(a.words, " ")), err)
	}
	return &args
}
