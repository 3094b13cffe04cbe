package rules_test

import (
	"bytes"
	"errors"
	"fmt"
	"net/netip"
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

// comparable types with unexported parts are compared as they are.
var exact = cmp.Options{cmpopts.EquateComparable(netip.Addr{}, netip.Prefix{})}

func read(t testing.TB, name string) *rules.Ruleset {
	t.Helper()
	f, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	s, err := rules.Parse(f)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	if n, first := s.Malformed(); n > 0 {
		t.Errorf("%s: %d malformed lines, such as %+v", name, n, first)
	}
	return s
}

func parse(t testing.TB, text string) *rules.Ruleset {
	t.Helper()
	s, err := rules.Parse(strings.NewReader(text))
	if err != nil {
		t.Fatalf("%v in\n%s", err, text)
	}
	return s
}

// lines prints all rules as "table -A CHAIN rule", in the order of chains'
// names.
func lines(s *rules.Ruleset) []string {
	var out []string
	for _, t := range s.Tables {
		for _, c := range t.Chains {
			for i := range c.Rules {
				out = append(out, t.Name+" -A "+c.Name+" "+c.Rules[i].String())
			}
		}
	}
	slices.SortStableFunc(out, func(a, b string) int { return strings.Compare(chainOf(a), chainOf(b)) })
	return out
}

func chainOf(line string) string { return strings.Join(strings.SplitN(line, " ", 4)[:3], " ") }

// savedLines returns the rules of iptables-save's text in the same form.
func savedLines(t testing.TB, name string) []string {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	table := ""
	for line := range strings.Lines(string(text)) {
		line = strings.TrimSpace(line)
		if rest, ok := strings.CutPrefix(line, "*"); ok {
			table = rest
		}
		if _, rule, ok := strings.Cut(line, "-A "); ok && !strings.HasPrefix(line, "#") {
			out = append(out, table+" -A "+rule)
		}
	}
	slices.SortStableFunc(out, func(a, b string) int { return strings.Compare(chainOf(a), chainOf(b)) })
	return out
}

// What iptables-save wrote is printed as it wrote it.
func TestSavePrintsAsSaved(t *testing.T) {
	files, _ := filepath.Glob("../../testdata/pcaps/*-iptables.txt")
	if len(files) < 50 {
		t.Fatalf("%d files only", len(files))
	}
	for _, name := range append(files, "testdata/all-save.txt") {
		want := savedLines(t, name)
		if len(want) == 0 {
			continue // a gateway's pod has no rules
		}
		for i, l := range want { // a module of which nothing is asked is left out
			want[i] = strings.Replace(l, " -m tcp -j ", " -j ", 1)
		}
		if diff := cmp.Diff(want, lines(read(t, name))); diff != "" {
			t.Errorf("%s (- saved, + printed):\n%s", name, diff)
		}
	}
}

// The same rules come out of all forms, in the words of iptables-save. What a
// form does not show is named.
func TestFormsAgree(t *testing.T) {
	want := savedLines(t, "testdata/all-save.txt")
	nat := slices.DeleteFunc(slices.Clone(want), func(l string) bool { return !strings.HasPrefix(l, "nat ") })
	replace := func(list []string, pairs ...string) []string {
		r := strings.NewReplacer(pairs...)
		var out []string
		for _, l := range list {
			out = append(out, r.Replace(l))
		}
		return out
	}
	for _, tt := range []struct {
		file string
		want []string
	}{
		{"testdata/all.rules", replace(want, " --on-ip 0.0.0.0", "", "0.50000000000", "0.5")},
		{"testdata/all-list.txt", replace(want,
			`-m statistic --mode random --probability 0.50000000000 -j LOG --log-prefix "a b "`,
			`-j LOG "--text=statistic mode random probability 0.50000000000 LOG flags 0 level 4 prefix \"a b \""`)},
		{"testdata/all-S.txt", nat},
		{"testdata/all-nft.txt", replace(want, ` -m comment --comment "say \"hi\" there"`, "",
			"--on-port 15006 --on-ip 0.0.0.0 --tproxy-mark 0x539/0xffffffff", "--not-shown-by-nft",
			"--zone 1", "--not-shown-by-nft", "--zone 2", "--not-shown-by-nft",
			`-m statistic --mode random --probability 0.50000000000 -j LOG --log-prefix "a b "`,
			`-m nft "--text=meta random & 2147483647 < 1073741824" -j LOG "--text=prefix a b "`)},
	} {
		if diff := cmp.Diff(tt.want, lines(read(t, tt.file))); diff != "" {
			t.Errorf("%s (- saved, + read):\n%s", tt.file, diff)
		}
	}
}

// What nft was given and what it lists are the same.
func TestNativeAgrees(t *testing.T) {
	given, listed := lines(read(t, "testdata/native.nft")), lines(read(t, "testdata/native.txt"))
	// nft sorts what stands in sets.
	for i := range given {
		given[i] = strings.NewReplacer("RELATED,ESTABLISHED", "ESTABLISHED,RELATED", "15090,15021,9000:9010", "9000:9010,15021,15090").Replace(given[i])
	}
	if diff := cmp.Diff(given, listed); diff != "" {
		t.Errorf("- given, + listed:\n%s", diff)
	}
}

func TestCounters(t *testing.T) {
	for _, text := range []string{
		"*nat\n[12:720] -A OUTPUT -j ISTIO_OUTPUT\nCOMMIT\n",
		"-P OUTPUT ACCEPT -c 1 60\n-A OUTPUT -c 12 720 -j ISTIO_OUTPUT\n",
		"Chain OUTPUT (policy ACCEPT 1 packets, 60 bytes)\n pkts bytes target prot opt in out source destination\n 12 720 ISTIO_OUTPUT  0    --  *      *       0.0.0.0/0            0.0.0.0/0\n",
		"table ip nat {\n\tchain OUTPUT {\n\t\ttype nat hook output priority -100; policy accept;\n\t\tcounter packets 12 bytes 720 jump ISTIO_OUTPUT\n\t}\n}\n",
	} {
		r := parse(t, text).Tables[0].Chains[0].Rules[0]
		if !r.Counted || r.Packets != 12 || r.Bytes != 720 || r.String() != "-j ISTIO_OUTPUT" {
			t.Errorf("%q: %+v", text, r)
		}
	}
}

// Later dumps replace earlier ones, and the family of a table is told by its
// addresses or by what stands around it.
func TestFamilies(t *testing.T) {
	const v4 = "*nat\n-A OUTPUT -d 127.0.0.1/32 -j RETURN\nCOMMIT\n"
	const v6 = "*nat\n-A OUTPUT -d ::1/128 -j RETURN\nCOMMIT\n"
	for _, tt := range []struct {
		text string
		want []netfilter.Family
	}{
		{v4 + v6, []netfilter.Family{netfilter.IPv4, netfilter.IPv6}},
		{v4 + v4, []netfilter.Family{netfilter.IPv4}},
		{"*raw\n-A OUTPUT -j ACCEPT\nCOMMIT\n" + v6, []netfilter.Family{netfilter.IPv6, netfilter.IPv6}},
		{"# Generated by ip6tables-save v1.8.9\n*nat\n-A OUTPUT -p tcp -j RETURN\nCOMMIT\n", []netfilter.Family{netfilter.IPv6}},
		{"ip6tables -t nat -A OUTPUT -p tcp -j RETURN\niptables -t nat -A OUTPUT -p tcp -j RETURN\n", []netfilter.Family{netfilter.IPv6, netfilter.IPv4}},
	} {
		var got []netfilter.Family
		for _, table := range parse(t, tt.text).Tables {
			got = append(got, table.Family)
		}
		if !slices.Equal(got, tt.want) {
			t.Errorf("%q: families %v, want %v", tt.text, got, tt.want)
		}
	}
}

func TestMalformed(t *testing.T) {
	s := parse(t, `*nat
-A OUTPUT -p tcp --dport http80 -j RETURN
-A OUTPUT -j ISTIO_OUTPUT
-A ISTIO_OUTPUT -d 10.0.0.300/32 -j RETURN
-A ISTIO_OUTPUT -m comment --comment "no end -j RETURN
-A ISTIO_OUTPUT -m owner --uid-owner
-Q OUTPUT -j ISTIO_OUTPUT
-A ISTIO_OUTPUT -j RETURN
COMMIT
`)
	want := []rules.Malformed{
		{Line: 2, Text: "-A OUTPUT -p tcp --dport http80 -j RETURN", Why: `--dport: "http80" is no number below 65536`},
		{Line: 4, Text: "-A ISTIO_OUTPUT -d 10.0.0.300/32 -j RETURN", Why: `-d: "10.0.0.300/32" is no address`},
		{Line: 5, Text: `-A ISTIO_OUTPUT -m comment --comment "no end -j RETURN`, Why: "a quote is not closed"},
	}
	n, first := s.Malformed()
	if diff := cmp.Diff(want, first); diff != "" || n != 5 || s.Lines() != 9 {
		t.Errorf("%d of %d lines malformed, - want, + got:\n%s", n, s.Lines(), diff)
	}
	if n := s.Rules(); n != 2 {
		t.Errorf("%d rules are left, want 2", n)
	}
}

func TestNoRules(t *testing.T) {
	for _, text := range []string{"", "hello\nworld\n", "apiVersion: v1\nkind: Pod\n", "Environment:\nENVOY_PORT=\n"} {
		if _, err := rules.Parse(strings.NewReader(text)); !errors.Is(err, rules.ErrNoRules) {
			t.Errorf("%q: %v", text, err)
		}
	}
}

// Logs put things before lines.
func TestPrefixes(t *testing.T) {
	for _, prefix := range []string{
		"2019-12-13T21:38:18.370036467Z stdout F ", "2019-12-13T21:38:18.370036467Z ", "> ", "  ",
		"Jul 19 09:03:35 localhost.localdomain istio-start.sh[6717]: ", "2024-04-03T03:25:00.112365Z\tinfo\t",
	} {
		text := ""
		for _, line := range []string{"* nat", "-N ISTIO_OUTPUT", "-A OUTPUT -j ISTIO_OUTPUT", "COMMIT"} {
			text += prefix + line + "\n"
		}
		if got := lines(parse(t, text)); !slices.Equal(got, []string{"nat -A OUTPUT -j ISTIO_OUTPUT"}) {
			t.Errorf("%q: %q", prefix, got)
		}
	}
}

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
