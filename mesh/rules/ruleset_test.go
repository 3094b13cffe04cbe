package rules_test

import (
	"errors"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/pcapmesh/pcapmesh/mesh/rules"
	"github.com/pcapmesh/pcapmesh/mesh/rules/istio"
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

// Of malformed lines the first three are kept, cut to 200 bytes, and shown to 60.
func TestMalformedAreBounded(t *testing.T) {
	long := "-A OUTPUT --comment " + strings.Repeat("x", 180) + " --dport y"
	s := parse(t, "*nat\n-A OUTPUT -p x\n"+long+"\n"+long[:190]+" -p x\n-A OUTPUT -p y\n-A OUTPUT -p z\nCOMMIT\n")
	n, first := s.Malformed()
	if n != 5 || len(first) != 3 {
		t.Fatalf("%d malformed, %d kept", n, len(first))
	}
	for i, want := range []string{
		`line 2: "x" is no protocol: "-A OUTPUT -p x"`,
		`line 3: --dport: "y" is no number below 65536: "` + long[:60] + `"`,
		`line 4: -p: "x" is no protocol: "` + long[:60] + `"`,
	} {
		if want = strings.Replace(want, `2: "x"`, `2: -p: "x"`, 1); first[i].Error() != want {
			t.Errorf("got %s, want %s", first[i].Error(), want)
		}
	}
	if got, want := first[1].Text, long[:200]+"…"; got != want {
		t.Errorf("kept %q, want %q", got, want)
	}
	if got, want := first[2].Text, long[:190]+" -p x"; got != want {
		t.Errorf("kept %q, want %q", got, want)
	}
}

// A text is kept whole up to 200 bytes.
func TestMalformedText(t *testing.T) {
	for n, want := range map[int]int{199: 199, 200: 200, 201: 200 + len("…")} {
		line := "-A OUTPUT -p x --comment "
		line += strings.Repeat("c", n-len(line))
		if _, first := parse(t, "*nat\n"+line+"\n").Malformed(); len(first[0].Text) != want {
			t.Errorf("of %d bytes %d are kept, want %d", n, len(first[0].Text), want)
		}
	}
}

// Texts add to each other: tables, lines and what is malformed.
func TestRead(t *testing.T) {
	var s rules.Ruleset
	for i, text := range []string{"*nat\n-A OUTPUT -p tcp\n-A OUTPUT -p x\nCOMMIT\n", "# ip6tables-save\n*nat\n-A OUTPUT -p tcp\n-A OUTPUT -p udp\nCOMMIT\n", "*nat\n-A OUTPUT -p y\nCOMMIT\n", "istio-iptables -p 15001\n"} {
		if err := s.Read(strings.NewReader(text)); err != nil {
			t.Fatalf("text %d: %v", i, err)
		}
		if s.Args != nil != (i == 3) {
			t.Errorf("text %d: arguments %v", i, s.Args)
		}
		if i == 2 {
			if n, first := s.Malformed(); n != 2 || first[0].Line != 3 || first[1].Line != 2 || s.Lines() != 12 || s.Rules() != 2 {
				t.Errorf("%d malformed (%v) in %d lines, %d rules", n, first, s.Lines(), s.Rules())
			}
			if !s.Covers(netfilter.IPv4) || !s.Covers(netfilter.IPv6) {
				t.Error("a family is missing")
			}
		}
	}
	if err := s.Read(strings.NewReader("hello\n")); !errors.Is(err, rules.ErrNoRules) || s.Args == nil {
		t.Errorf("a text without rules: %v, arguments %v", err, s.Args)
	}
	broken := errors.New("broken")
	if err := s.Read(iotest.ErrReader(broken)); !errors.Is(err, broken) || errors.Is(err, rules.ErrNoRules) {
		t.Errorf("a text that cannot be read: %v", err)
	}
}

// Rules of one family say nothing of the other.
func TestCovers(t *testing.T) {
	for text, want := range map[string][2]bool{
		"*nat\n-A OUTPUT -d 10.0.0.1\n": {true, false}, "*nat\n-A OUTPUT -d ::1\n": {false, true}, "add table inet t\n": {true, true},
	} {
		s := parse(t, text)
		if got := [2]bool{s.Covers(netfilter.IPv4), s.Covers(netfilter.IPv6)}; got != want {
			t.Errorf("%q: %v, want %v", text, got, want)
		}
	}
	if new(rules.Ruleset).Covers(netfilter.IPv4) {
		t.Error("no rules cover IPv4")
	}
}

// Rules that were made know what they were made of.
func TestMade(t *testing.T) {
	a := istio.DefaultArgs()
	if s := rules.Made(&a); s.Args != &a || s.Rules() == 0 || s.Mesh() != "istio" {
		t.Errorf("%d rules of %q", s.Rules(), s.Mesh())
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
