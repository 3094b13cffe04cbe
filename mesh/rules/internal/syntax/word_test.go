package syntax_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pcapmesh/pcapmesh/mesh/rules/internal/syntax"
)

// words returns those of a line as strings.
func words(line string) ([]string, error) {
	list, err := syntax.Words(nil, []byte(line))
	var out []string
	for _, w := range list {
		out = append(out, string(w))
	}
	return out, err
}

func TestWords(t *testing.T) {
	for _, tt := range []struct {
		name, line string
		want       []string
		err        string
	}{
		{"none", "", nil, ""},
		{"blanks only", " \t\r\n\v\f", nil, ""},
		{"plain", "-A OUTPUT -j RETURN", []string{"-A", "OUTPUT", "-j", "RETURN"}, ""},
		{"many blanks", "  -A \t OUTPUT  ", []string{"-A", "OUTPUT"}, ""},
		{"double quotes", `--comment "a b" -j`, []string{"--comment", "a b", "-j"}, ""},
		{"single quotes", "--comment 'a b' -j", []string{"--comment", "a b", "-j"}, ""},
		{"quotes within a word", `a"b c"d'e f'g h`, []string{"ab cde fg", "h"}, ""},
		{"nothing between quotes", `-x "" ''`, []string{"-x", "", ""}, ""},
		{"an escape", `say\ it now`, []string{"say it", "now"}, ""},
		{"escapes in double quotes", `"a \"b\" \\ c"`, []string{`a "b" \ c`}, ""},
		{"single quotes take no escapes", `'a\' b`, []string{`a\`, "b"}, ""},
		{"a quote of the other kind", `"it's" 'say "no"'`, []string{"it's", `say "no"`}, ""},
		{"a backslash at the end", `a\`, []string{`a\`}, ""},
		{"an escaped byte at the end", `ab\c`, []string{"abc"}, ""},
		{"no end of double quotes", `a "b c`, []string{"a"}, "a quote is not closed"},
		{"no end of single quotes", `a b' c`, []string{"a"}, "a quote is not closed"},
		{"an escaped end", `a "b\"`, []string{"a"}, "a quote is not closed"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := words(tt.line)
			if diff := cmp.Diff(tt.want, got); diff != "" || complaint(err) != tt.err {
				t.Errorf("%v, want %q; words (- want, + got):\n%s", err, tt.err, diff)
			}
		})
	}
}

// Words are added to a list, and one that grows writes over nothing.
func TestWordsStandAlone(t *testing.T) {
	line := []byte("-j RETURN")
	list, err := syntax.Words([][]byte{[]byte("nat")}, line)
	if err != nil || len(list) != 3 || string(list[0]) != "nat" || string(list[1]) != "-j" {
		t.Fatalf("%q, %v", list, err)
	}
	_ = append(list[1], "ump"...)
	if got := string(line); got != "-j RETURN" {
		t.Errorf("the line is %q now", got)
	}
}

// What is written in quotes is read as it was.
func TestQuotesReadBack(t *testing.T) {
	for _, w := range []string{"", "a", "a b", `"`, `\`, "'", `a\"b' c\`, "\t", "größe", ";"} {
		if got, err := words(string(syntax.AppendWord(nil, w)) + " next"); err != nil || len(got) != 2 || got[0] != w {
			t.Errorf("%q reads as %q, %v", w, got, err)
		}
	}
}
