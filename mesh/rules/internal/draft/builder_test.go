package draft_test

import (
	"bytes"
	"fmt"
	"testing"
	"unsafe"

	"github.com/pcapmesh/pcapmesh/mesh/rules/internal/draft"
	"github.com/pcapmesh/pcapmesh/mesh/rules/netfilter"
)

// split returns the words of a text.
func split(text string) [][]byte { return bytes.Fields([]byte(text)) }

// build returns the rule that options make.
func build(t *testing.T, b *draft.Builder, line int, options string) netfilter.Rule {
	t.Helper()
	b.Begin(line)
	if err := b.Options(split(options)); err != nil {
		t.Fatalf("%s: %v", options, err)
	}
	return b.End()
}

// Rules keep what they are while a builder makes thousands more beside them,
// some of which it takes back.
func TestBuilderKeepsRulesApart(t *testing.T) {
	var b draft.Builder
	var rules []netfilter.Rule
	text := func(i int) string {
		return fmt.Sprintf("-s 10.0.%d.%d/32 -p tcp -m tcp --dport %d -m owner --uid-owner %d -j REDIRECT --to-ports %d", i>>8, i&255, i, i, i+1)
	}
	const n = 2000
	for i := range n {
		rules = append(rules, build(t, &b, i, text(i)))
		b.Begin(0)
		_ = b.Options(split("-d 10.9.9.9/32 -p udp -j DNAT --to-destination 10.0.0.1 --dport"))
		b.Drop()
	}
	for i := range rules {
		if got := rules[i].String(); got != text(i) || rules[i].Line != i {
			t.Fatalf("rule %d in line %d is %s, want %s", i, rules[i].Line, got, text(i))
		}
	}
}

// A rule with more matches than a slab holds is kept whole.
func TestBuilderOfLongRules(t *testing.T) {
	var b draft.Builder
	before := build(t, &b, 1, "-p udp -j RETURN")
	b.Begin(2)
	const n = 3000
	for i := range n {
		b.Match(netfilter.Match{Kind: netfilter.MatchMark, Value: uint32(i)})
		b.Target(netfilter.Target{Name: "MARK", Value: uint32(i)})
	}
	long := b.End()
	after := build(t, &b, 3, "-p tcp -j ACCEPT")
	if len(long.Matches) != n || len(long.Targets) != n {
		t.Fatalf("%d matches and %d targets, want %d", len(long.Matches), len(long.Targets), n)
	}
	for i := range n {
		if long.Matches[i].Value != uint32(i) || long.Targets[i].Value != uint32(i) {
			t.Fatalf("match %d is %+v, target %+v", i, long.Matches[i], long.Targets[i])
		}
	}
	if before.String() != "-p udp -j RETURN" || after.String() != "-p tcp -j ACCEPT" {
		t.Errorf("the rules beside it: %s, %s", before.String(), after.String())
	}
}

// The lists of a rule can be appended to without changing another rule.
func TestBuilderListsStandAlone(t *testing.T) {
	var b draft.Builder
	first := build(t, &b, 1, "-s 10.0.0.1/32 -p tcp --dport 1 -j REDIRECT --to-ports 1")
	second := build(t, &b, 2, "-s 10.0.0.2/32 -p tcp --dport 2 -j REDIRECT --to-ports 2")
	want := second.String()
	_ = append(first.Matches, netfilter.Match{Text: "x"})
	_ = append(first.Targets, netfilter.Target{Name: "x"})
	_ = append(first.Matches[0].Prefixes, first.Matches[0].Prefixes...)
	_ = append(first.Matches[2].Spans, netfilter.Span{Lo: 9, Hi: 9})
	if got := second.String(); got != want {
		t.Errorf("the second rule is %s, want %s", got, want)
	}
}

func TestBuilderSharesTargets(t *testing.T) {
	var b draft.Builder
	first, second := build(t, &b, 1, "-j RETURN"), build(t, &b, 2, "-p tcp -j RETURN")
	if &first.Targets[0] != &second.Targets[0] {
		t.Error("two rules that return have two targets")
	}
	for _, options := range []string{"-j REDIRECT --to-ports 1", "-g RETURN", "-j A -j B"} {
		if r := build(t, &b, 3, options); r.String() != options || &r.Targets[0] == &first.Targets[0] {
			t.Errorf("%s became %s", options, r.String())
		}
	}
	if r := build(t, &b, 4, "-p tcp"); r.Targets != nil {
		t.Errorf("a rule without target has %v", r.Targets)
	}
	if r := build(t, &b, 5, ""); r.Matches != nil || r.Targets != nil || r.Line != 5 {
		t.Errorf("a rule of nothing is %+v", r)
	}
}

func TestLastTarget(t *testing.T) {
	var b draft.Builder
	if t0 := b.LastTarget(); t0 != nil {
		t.Errorf("an empty builder has target %v", t0)
	}
	b.Begin(1)
	b.Target(netfilter.Target{Name: "A", Goto: true})
	b.End()
	b.Begin(2)
	if t1 := b.LastTarget(); t1 != nil {
		t.Errorf("a new rule has the target %v of the one before", t1)
	}
	b.Target(netfilter.Target{Name: "B"})
	b.Target(netfilter.Target{Name: "C"})
	if t2 := b.LastTarget(); t2 == nil || t2.Name != "C" {
		t.Errorf("the last target is %v, want C", t2)
	}
}

// same reports whether two strings are one in memory.
func same(a, b string) bool { return unsafe.StringData(a) == unsafe.StringData(b) }

func TestName(t *testing.T) {
	var b draft.Builder
	one, two := b.Name([]byte("ISTIO_OUTPUT")), b.Name([]byte("ISTIO_OUTPUT"))
	if one != "ISTIO_OUTPUT" || !same(one, two) {
		t.Errorf("%q and %q are kept apart", one, two)
	}
	if three := b.Name([]byte("ISTIO_INBOUND")); three != "ISTIO_INBOUND" {
		t.Errorf("another name is %q", three)
	}
}

// Names are kept up to a bound, and then forgotten.
func TestNamesAreBounded(t *testing.T) {
	var b draft.Builder
	first := b.Name([]byte("first"))
	const most = 1 << 16
	for i := 1; i < most; i++ {
		b.Name(fmt.Append(nil, i))
	}
	if again := b.Name([]byte("first")); !same(first, again) {
		t.Errorf("%d names are too many", most)
	}
	b.Name([]byte("one more"))
	if again := b.Name([]byte("first")); again != "first" || same(first, again) {
		t.Errorf("%q of %d names is still kept", again, most+1)
	}
}

// So are targets to be shared.
func TestSharedTargetsAreBounded(t *testing.T) {
	var b draft.Builder
	first := build(t, &b, 0, "-j 0")
	const most = 1 << 16
	for i := 1; i < most; i++ {
		build(t, &b, i, fmt.Sprint("-j ", i))
	}
	if again := build(t, &b, 0, "-j 0"); &again.Targets[0] != &first.Targets[0] {
		t.Errorf("%d targets are too many", most)
	}
	build(t, &b, 0, "-j more")
	if again := build(t, &b, 0, "-j 0"); again.String() != "-j 0" || &again.Targets[0] == &first.Targets[0] {
		t.Errorf("%s of %d targets is still shared", again.String(), most+1)
	}
}

func TestText(t *testing.T) {
	for _, tt := range []struct {
		name  string
		words []string
		want  string
	}{
		{"plain", []string{"a"}, "a"},
		{"quoted", []string{"a b"}, `"a b"`},
		{"several", []string{"--string", "a b", "--algo", "bm"}, `--string "a b" --algo bm`},
		{"nothing", nil, ""},
		{"an empty word", []string{""}, `""`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var b draft.Builder
			var words [][]byte
			for _, w := range tt.words {
				words = append(words, []byte(w))
			}
			if got := b.Text(words); got != tt.want {
				t.Errorf("got %s, want %s", got, tt.want)
			}
		})
	}
}

func TestList(t *testing.T) {
	for _, tt := range []struct{ name, text, want, err string }{
		{"one", "80", "[{80 80}]", ""},
		{"several", "80,90:99,443", "[{80 80} {90 99} {443 443}]", ""},
		{"the last is wrong", "80,x", "[]", `"x" is no number below 65536`},
		{"an empty one", "80,", "[]", `"" is no number below 65536`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var b draft.Builder
			got, err := b.List([]byte(tt.text), ':', 16)
			if fmt.Sprint(got) != tt.want || complaint(err) != tt.err {
				t.Errorf("got %v, %v, want %s, %q", got, err, tt.want, tt.err)
			}
		})
	}
}

func TestNetworks(t *testing.T) {
	for _, tt := range []struct{ name, text, want, err string }{
		{"one", "10.0.0.1/8", "[10.0.0.0/8]", ""},
		{"several", "10.0.0.1,fd00::/8", "[10.0.0.1/32 fd00::/8]", ""},
		{"the last is wrong", "10.0.0.1,x", "[]", `"x" is no address`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var b draft.Builder
			got, err := b.Networks([]byte(tt.text))
			if fmt.Sprint(got) != tt.want || complaint(err) != tt.err {
				t.Errorf("got %v, %v, want %s, %q", got, err, tt.want, tt.err)
			}
		})
	}
}
