package nft_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pcapmesh/pcapmesh/mesh/rules/internal/draft"
	"github.com/pcapmesh/pcapmesh/mesh/rules/internal/nft"
	"github.com/pcapmesh/pcapmesh/mesh/rules/netfilter"
)

// A reading is what a text gave.
type reading struct {
	tables []*netfilter.Table
	bad    []string // "line: why"
	passed []string // lines that are none of nftables'
}

// read reads a text as the reader's caller does.
func read(text string, dumped ...string) reading {
	var b draft.Builder
	var r reading
	n := 0
	p := nft.NewReader(&b, func(line []byte, err error) { r.bad = append(r.bad, fmt.Sprintf("%d: %v", n, err)) })
	for line := range strings.Lines(text) {
		n++
		if line = strings.TrimSpace(line); p.Inside() {
			p.Line([]byte(line), n)
		} else if line != "" && !p.Outside([]byte(line), n) {
			r.passed = append(r.passed, line)
		}
	}
	r.tables = p.Tables(func(f netfilter.Family, name string) bool {
		return strings.Contains(strings.Join(dumped, ","), f.String()+" "+name)
	})
	return r
}

// show prints tables: a line for each, for each of its chains, and for each
// rule.
func show(tables []*netfilter.Table) string {
	var b strings.Builder
	for _, t := range tables {
		fmt.Fprintf(&b, "%s %s\n", t.Family, t.Name)
		for _, c := range t.Chains {
			fmt.Fprintf(&b, " %s", c.Name)
			if c.Hook != "" {
				fmt.Fprintf(&b, ": %s at %s %d, %s", c.Type, c.Hook, c.Priority, c.Policy)
			}
			b.WriteByte('\n')
			for i := range c.Rules {
				fmt.Fprintf(&b, "  %d %s\n", c.Rules[i].Line, c.Rules[i].String())
			}
		}
	}
	return b.String()
}

// check holds what was read against what is wanted.
func check(t *testing.T, got reading, want string, bad, passed []string) {
	t.Helper()
	if diff := cmp.Diff(want, show(got.tables)); diff != "" {
		t.Errorf("tables (- want, + got):\n%s", diff)
	}
	if diff := cmp.Diff(bad, got.bad); diff != "" {
		t.Errorf("malformed (- want, + got):\n%s", diff)
	}
	if diff := cmp.Diff(passed, got.passed); diff != "" {
		t.Errorf("passed over (- want, + got):\n%s", diff)
	}
}

func TestListing(t *testing.T) {
	check(t, read(`table inet istio-proxy-nat {
	chain output {
		type nat hook output priority dstnat; policy accept;
		jump istio-output
	}

	chain istio-output {
		tcp dport 15008 return # not redirected
		redirect to :15001
	}
}
table ip6 mangle {
	chain PREROUTING {
		type filter hook prerouting priority mangle; policy drop;
	}
}
`), `inet istio-proxy-nat
 output: nat at OUTPUT -100, ACCEPT
  4 -j istio-output
 istio-output
  8 -p tcp -m tcp --dport 15008 -j RETURN
  9 -j REDIRECT --to-ports 15001
ip6 mangle
 PREROUTING: filter at PREROUTING -150, DROP
`, nil, nil)
}

// What nft lists beside chains with rules is passed over, and what it cannot
// list within a chain is told.
func TestListingPassesOver(t *testing.T) {
	check(t, read(`# a comment
tables
table without brace
table {
table ip nat {
	# within a table
	map m {
		type ipv4_addr : verdict
		elements = { 10.0.0.1 : drop }
	}
	flowtable f {
		hook ingress priority 0
	}

	set without name {
	}
	chain c { # an odd comment
		return
		tcp dport vmap {
			1 : drop,
		}
		accept
	}
	accept
}
accept
`), `ip nat
 c
  18 -j RETURN
  20 -m nft "--text=1 :" -m nft --text=, -j DROP
`, []string{"19: a block inside of a chain"}, []string{"# a comment", "tables", "table without brace", "table {", "accept"})
}

func TestSets(t *testing.T) {
	check(t, read(`table ip t {
	set excluded {
		type inet_service
		flags interval
		elements = { 15090 comment "metrics", 15021 timeout 1h,
			     9000-9010, }
	}
	set one { 
		elements = { 10.0.0.1 }
	}
	set none {
	}
	chain c {
		tcp dport @excluded return
		ip daddr @one return
		ip daddr @none return
		ip daddr @other return
		tcp dport { 1, 2-3 } return
		tcp dport { 1, 2 return
	}
}
table ip u {
	chain c {
		ip daddr @one return
	}
}
`), `ip t
 c
  14 -p tcp -m multiport --dports 15090,15021,9000:9010 -j RETURN
  15 -d 10.0.0.1/32 -j RETURN
  16 -m nft --text=ip -j RETURN
  18 -p tcp -m multiport --dports 1,2:3 -j RETURN
ip u
 c
`, []string{"17: set @other is not known", "19: a set is not closed", "24: set @one is not known"}, nil)
}

func TestPriorities(t *testing.T) {
	for _, tt := range []struct {
		text string
		want int
	}{
		{"0", 0}, {"-100", -100}, {"100", 100}, {"raw", -300}, {"mangle", -150}, {"dstnat", -100}, {"filter", 0}, {"security", 50}, {"srcnat", 100},
		{"filter + 10", 10}, {"mangle - 10", -160}, {"srcnat + 1", 101}, {"-200 + 10", -190},
	} {
		t.Run(tt.text, func(t *testing.T) {
			for _, line := range []string{"type filter hook input priority " + tt.text + "; policy drop;", "type filter hook input priority " + tt.text} {
				got := read("table ip t {\nchain c {\n" + line + "\n}\n}\n")
				c := got.tables[0].Chains[0]
				if c.Priority != tt.want || c.Hook != "INPUT" || c.Type != "filter" {
					t.Errorf("%s: %+v, want priority %d", line, *c, tt.want)
				}
				if want := map[bool]string{true: "DROP", false: "ACCEPT"}[strings.Contains(line, "drop")]; c.Policy != want {
					t.Errorf("%s: policy %s, want %s", line, c.Policy, want)
				}
			}
		})
	}
}

// Commands of scripts make the same as a listing; a place is counted from 0.
func TestCommands(t *testing.T) {
	check(t, read(`add table inet t
add chain inet t c { type nat hook output priority -100; policy drop; }
add rule inet t c tcp dport 1 accept
insert rule inet t c tcp dport 2 accept
insert rule inet t c index 1 tcp dport 3 accept
add rule inet t c index 0 tcp dport 4 accept
add rule inet t c index 9 tcp dport 5 accept
add rule inet t c index x tcp dport 6 accept
add rule inet t d accept
add rule t c accept
add chain t d
add rule ip6 t c accept
add table u
add set inet t s
add chain inet t e { type filter hook input priority 5 }
add rule inet t e index 1
add rule inet t e index 0 accept
add rule inet t
add table inet
add element inet t s { 1 }
insert chain inet t
add
insert into
rule inet t c accept
`), `inet t
 c: nat at OUTPUT -100, DROP
  4 -p tcp -m tcp --dport 2 -j ACCEPT
  6 -p tcp -m tcp --dport 4 -j ACCEPT
  5 -p tcp -m tcp --dport 3 -j ACCEPT
  3 -p tcp -m tcp --dport 1 -j ACCEPT
 d
  9 -j ACCEPT
 e: filter at INPUT 5, ACCEPT
  16 -m nft "--text=index 1"
  17 -j ACCEPT
ip t
 c
  10 -j ACCEPT
 d
ip6 t
 c
  12 -j ACCEPT
ip u
`, []string{"7: there is no rule 10", `8: "x" is no number below 2147483648`}, []string{"add set inet t s", "add rule inet t", "add table inet", "add element inet t s { 1 }",
		"insert chain inet t", "add", "insert into", "rule inet t c accept"})
}

// A table that is named again is the same; one of bridges or ARP sees no packet
// of a pod.
func TestTables(t *testing.T) {
	check(t, read(`table t {
	chain a {
		accept
	}
}
table ip6 t {
	chain a {
		drop
	}
}
table ip t {
	chain b {
		return
	}
	chain a {
		drop
	}
}
table arp t {
	chain a {
		accept
	}
}
`), `ip t
 a
  3 -j ACCEPT
  16 -j DROP
 b
  13 -j RETURN
ip6 t
 a
  8 -j DROP
`, nil, nil)
}

// iptables-nft keeps tables in nftables, of which nft does not show all: they
// count where its own dump is not there, and a rule that does nothing may do
// anything.
func TestTablesOfIptables(t *testing.T) {
	const text = `table ip nat {
	chain OUTPUT {
		type nat hook output priority -100; policy accept;
		meta l4proto tcp counter packets 1 bytes 2
		jump A
	}
	chain A {
	}
}
table ip filter {
	chain input {
		type filter hook input priority 0; policy accept;
		meta l4proto tcp
	}
}
table ip mine {
	chain c {
		meta l4proto tcp
	}
}
`
	const others = `ip filter
 input: filter at INPUT 0, ACCEPT
  13 -p tcp
ip mine
 c
  18 -p tcp
`
	check(t, read(text), `ip nat
 OUTPUT: nat at OUTPUT -100, ACCEPT
  4 -p tcp -j NOT-SHOWN --not-shown-by-nft
  5 -j A
 A
`+others, nil, nil)
	check(t, read(text, "ip nat", "ip mine"), others, nil, nil)
	for _, name := range []string{"nat", "mangle", "raw", "filter", "security"} {
		if got := read("add table ip "+name, "ip "+name); len(got.tables) != 0 {
			t.Errorf("%s is there twice", name)
		}
	}
}

// Words are parted by blanks, braces, commas and semicolons; quotes hold them
// together, and a comment ends the line.
func TestWordsOfLines(t *testing.T) {
	for _, tt := range []struct{ line, want string }{
		{`return comment "hook"`, "-m comment --comment hook -j RETURN"},
		{`oifname"lo"return`, "-o lo -j RETURN"},
		{`oifname "a b" return`, `-o "a b" -j RETURN`},
		{`comment "x # y" return # z`, `-m comment --comment "x # y" -j RETURN`},
		{`comment "" return`, `-m comment --comment "" -j RETURN`},
		{`return comment "no end`, `-m comment --comment "no end" -j RETURN`},
		{`return comment "`, `-m comment --comment "" -j RETURN`},
		{`tcp dport{1,2}return`, "-p tcp -m multiport --dports 1,2 -j RETURN"},
		{"\ttcp  dport\t1   return", "-p tcp -m tcp --dport 1 -j RETURN"},
		{"tcp dport 1;return", `-p tcp -m tcp --dport 1 -m nft "--text=;" -j RETURN`}, // another rule, which may be anything
	} {
		t.Run(tt.line, func(t *testing.T) {
			got := read("table ip t {\nchain c {\n" + tt.line + "\n}\n}\n")
			if text := got.tables[0].Chains[0].Rules[0].String(); text != tt.want {
				t.Errorf("got %s, want %s", text, tt.want)
			}
		})
	}
}
