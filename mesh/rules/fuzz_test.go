package rules_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/pcapmesh/pcapmesh/mesh/rules"
	"github.com/pcapmesh/pcapmesh/mesh/rules/netfilter"
)

// again parses the printed form of a rule.
func again(t testing.TB, r *netfilter.Rule) netfilter.Rule {
	t.Helper()
	s, err := rules.Parse(strings.NewReader("*nat\n-A X " + r.String() + "\nCOMMIT\n"))
	if n, first := s.Malformed(); err != nil || n > 0 {
		t.Fatalf("%q cannot be read again: %v, %+v", r.String(), err, first)
	}
	return s.Tables[0].Chains[0].Rules[0]
}

// FuzzParse holds that what is printed reads as what was printed, of any text.
func FuzzParse(f *testing.F) {
	files, _ := filepath.Glob("testdata/*")
	for _, name := range files {
		if text, err := os.ReadFile(name); err == nil {
			f.Add(text)
		}
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		s, _ := rules.Parse(bytes.NewReader(text))
		n := 0
		for _, table := range s.Tables {
			for _, c := range table.Chains {
				for i := range c.Rules {
					if n++; n > 200 {
						return
					}
					r := &c.Rules[i]
					got := again(t, r)
					if printed := got.String(); printed != r.String() {
						t.Fatalf("printed %q, then %q", r.String(), printed)
					}
					if diff := cmp.Diff(bySort(r.Matches), bySort(got.Matches), exact); diff != "" {
						t.Fatalf("%q: matches (- first, + again):\n%s", r.String(), diff)
					}
					if diff := cmp.Diff(r.Targets, got.Targets, exact, cmpopts.EquateEmpty()); diff != "" {
						t.Fatalf("%q: targets (- first, + again):\n%s", r.String(), diff)
					}
				}
			}
		}
		s.Facts()
	})
}

// bySort puts the matches that are printed first at the front: their order has
// no meaning.
func bySort(list []netfilter.Match) []netfilter.Match {
	order := []netfilter.Kind{netfilter.MatchSrc, netfilter.MatchDst, netfilter.MatchIn, netfilter.MatchOut, netfilter.MatchProto}
	var out []netfilter.Match
	for _, k := range order {
		for _, m := range list {
			if m.Kind == k {
				out = append(out, m)
			}
		}
	}
	for _, m := range list {
		if !slices.Contains(order, m.Kind) {
			out = append(out, m)
		}
	}
	return out
}

// A million lines take less than 1.5 s.
func BenchmarkParse(b *testing.B) {
	const million = 1_000_000
	some, err := os.ReadFile("testdata/all-save.txt")
	if err != nil {
		b.Fatal(err)
	}
	var body []byte
	for line := range bytes.Lines(some) {
		if bytes.HasPrefix(line, []byte("[0:0] -A")) {
			body = append(body, line...)
		}
	}
	text := []byte("*nat\n")
	n := bytes.Count(body, []byte("\n"))
	for i := 0; i < million; i += n {
		text = append(text, body...)
	}
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		s, err := rules.Parse(bytes.NewReader(text))
		if n, first := s.Malformed(); err != nil || s.Rules() < million || n > 0 {
			b.Fatal(err, s.Rules(), first)
		}
	}
}

// A million rules of nft list ruleset.
func BenchmarkParseNFT(b *testing.B) {
	const million = 1_000_000
	text := []byte("table inet istio-proxy-nat {\n\tchain output {\n\t\ttype nat hook output priority dstnat; policy accept;\n")
	for i := range million {
		text = fmt.Appendf(text, "\t\tip daddr 10.%d.%d.%d tcp dport %d counter packets %d bytes %d return\n", i>>16, i>>8&255, i&255, i&65535, i, 60*i)
	}
	text = append(text, "\t}\n}\n"...)
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		s, err := rules.Parse(bytes.NewReader(text))
		if n, first := s.Malformed(); err != nil || s.Rules() != million || n > 0 {
			b.Fatal(err, s.Rules(), first)
		}
	}
}
