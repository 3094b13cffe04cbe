package draft_test

import (
	"strings"
	"testing"

	"github.com/pcapmesh/pcapmesh/mesh/rules/internal/draft"
	"github.com/pcapmesh/pcapmesh/mesh/rules/netfilter"
)

// Built-in chains of iptables are base chains: where they hang, the table says.
func TestChain(t *testing.T) {
	for _, tt := range []struct {
		name     string
		table    netfilter.Table
		chain    string
		kind     string // "" of chains that are called only
		priority int
	}{
		{"NAT of destinations", netfilter.Table{Name: "nat"}, "PREROUTING", "nat", -100},
		{"NAT of what is made here", netfilter.Table{Name: "nat"}, "OUTPUT", "nat", -100},
		{"NAT of sources", netfilter.Table{Name: "nat"}, "POSTROUTING", "nat", 100},
		{"NAT of what comes in", netfilter.Table{Name: "nat"}, "INPUT", "nat", 100},
		{"raw", netfilter.Table{Name: "raw"}, "OUTPUT", "filter", -300},
		{"mangle", netfilter.Table{Name: "mangle"}, "INPUT", "filter", -150},
		{"filter", netfilter.Table{Name: "filter"}, "FORWARD", "filter", 0},
		{"security", netfilter.Table{Name: "security"}, "INPUT", "filter", 50},
		{"a mesh's", netfilter.Table{Name: "nat"}, "ISTIO_OUTPUT", "", 0},
		{"of nftables", netfilter.Table{Name: "nat", NFT: true}, "OUTPUT", "", 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			d := draft.New(&tt.table)
			if c := d.Find(tt.chain); c != nil {
				t.Errorf("found %v before it was made", c)
			}
			c := d.Chain(tt.chain)
			want := netfilter.Chain{Name: tt.chain}
			if tt.kind != "" {
				want = netfilter.Chain{Name: tt.chain, Hook: tt.chain, Policy: "ACCEPT", Type: tt.kind, Priority: tt.priority}
			}
			if c.Name != want.Name || c.Hook != want.Hook || c.Policy != want.Policy || c.Type != want.Type || c.Priority != want.Priority {
				t.Errorf("got %+v, want %+v", *c, want)
			}
			if d.Chain(tt.chain) != c || d.Find(tt.chain) != c || len(d.Chains) != 1 {
				t.Errorf("made twice: %v", d.Chains)
			}
		})
	}
}

func TestRename(t *testing.T) {
	d := draft.New(&netfilter.Table{Name: "nat"})
	out, own := d.Chain("OUTPUT"), d.Chain("A")
	d.Chain("INPUT").Policy = "DROP"
	out.Policy = ""
	d.Rename("raw")
	if d.Name != "raw" || out.Priority != -300 || out.Type != "filter" || out.Policy != "ACCEPT" || own.Hook != "" {
		t.Errorf("%s: %+v, %+v", d.Name, *out, *own)
	}
	if in := d.Find("INPUT"); in.Policy != "DROP" || in.Priority != -300 {
		t.Errorf("a policy that was set is lost: %+v", *in)
	}
	out.Priority = 7
	if d.Rename("raw"); out.Priority != 7 {
		t.Errorf("the same name changes the chain: %+v", *out)
	}
}

func TestPriority(t *testing.T) {
	for table, want := range map[string]int{"raw": -300, "mangle": -150, "nat": -100, "dstnat": -100, "filter": 0, "security": 50, "srcnat": 100, "": 0} {
		if got := draft.Priority(table); got != want {
			t.Errorf("%q: priority %d, want %d", table, got, want)
		}
	}
}

// order returns the lines of a chain's rules, a for 0.
func order(c *netfilter.Chain) string {
	var b strings.Builder
	for _, r := range c.Rules {
		b.WriteByte(byte('a' + r.Line))
	}
	return b.String()
}

func TestAppend(t *testing.T) {
	var c netfilter.Chain
	for i := range 26 {
		draft.Append(&c, netfilter.Rule{Line: i})
	}
	if got, want := order(&c), "abcdefghijklmnopqrstuvwxyz"; got != want {
		t.Errorf("rules %s, want %s", got, want)
	}
}

// Chains grow by doubling: a chain of ten thousand rules is copied a dozen
// times, not hundreds.
func TestAppendGrowsByDoubling(t *testing.T) {
	var c netfilter.Chain
	grown := 0
	for range 10000 {
		before := cap(c.Rules)
		draft.Append(&c, netfilter.Rule{})
		if cap(c.Rules) != before {
			grown++
		}
	}
	if grown > 20 {
		t.Errorf("grown %d times", grown)
	}
}

func TestInsert(t *testing.T) {
	for _, tt := range []struct {
		name string
		have int // rules: a, b and so on
		at   int
		want string // z is inserted
		err  string
	}{
		{"first", 2, 1, "zab", ""},
		{"between", 2, 2, "azb", ""},
		{"last", 2, 3, "abz", ""},
		{"into none", 0, 1, "z", ""},
		{"beyond the end", 2, 4, "ab", "rule 4 of a chain of 2"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var c netfilter.Chain
			for i := range tt.have {
				draft.Append(&c, netfilter.Rule{Line: i})
			}
			err := draft.Insert(&c, netfilter.Rule{Line: 25}, tt.at)
			if got := order(&c); got != tt.want || complaint(err) != tt.err {
				t.Errorf("got %s, %v, want %s, %q", got, err, tt.want, tt.err)
			}
		})
	}
}

// Rules are inserted into chains of ten thousand rules at most.
func TestInsertIsBounded(t *testing.T) {
	c := netfilter.Chain{Rules: make([]netfilter.Rule, 10000)}
	if err := draft.Insert(&c, netfilter.Rule{}, 1); err != nil {
		t.Errorf("into 10000: %v", err)
	}
	if err := draft.Insert(&c, netfilter.Rule{}, 1); complaint(err) != "rule 1 of a chain of 10001" {
		t.Errorf("into 10001: %v", err)
	}
}
