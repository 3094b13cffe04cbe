package syntax_test

import (
	"testing"

	"github.com/pcapmesh/pcapmesh/mesh/rules/internal/syntax"
)

// Words are printed in quotes only where iptables-save does so. A comment takes
// fewer bytes without.
func TestAppend(t *testing.T) {
	for _, tt := range []struct{ name, word, want, comment string }{
		{"letters", "azAZ", "azAZ", "azAZ"},
		{"digits", "0189", "0189", "0189"},
		{"a line below", "a_b-c", "a_b-c", "a_b-c"},
		{"marks of addresses", "10.0.0.0/8,fe80::1%eth0", "10.0.0.0/8,fe80::1%eth0", `"10.0.0.0/8,fe80::1%eth0"`},
		{"marks of names", "br+!*@=[]&|<>()", "br+!*@=[]&|<>()", `"br+!*@=[]&|<>()"`},
		{"letters beyond ASCII", "größe", "größe", `"größe"`},
		{"the first byte beyond", "\x80", "\x80", "\"\x80\""},
		{"nothing", "", `""`, `""`},
		{"a blank", "a b", `"a b"`, `"a b"`},
		{"a double quote", `a"b`, `"a\"b"`, `"a\"b"`},
		{"a single quote", "it's", `"it\'s"`, `"it\'s"`},
		{"a backslash", `a\b`, `"a\\b"`, `"a\\b"`},
		{"before a", "`", "\"`\"", "\"`\""},
		{"behind z", "{", `"{"`, `"{"`},
		{"behind Z", "A^", `"A^"`, `"A^"`},
		{"behind 9", "9;", `"9;"`, `"9;"`},
		{"a byte below 0x80", "\x7f", "\"\x7f\"", "\"\x7f\""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := string(syntax.AppendWord([]byte("-m "), tt.word)); got != "-m "+tt.want {
				t.Errorf("word: got %s, want -m %s", got, tt.want)
			}
			if got := string(syntax.AppendComment([]byte("-m "), tt.word)); got != "-m "+tt.comment {
				t.Errorf("comment: got %s, want -m %s", got, tt.comment)
			}
			if got, want := syntax.Plain(tt.word), tt.word == tt.want; got != want {
				t.Errorf("plain: %v, want %v", got, want)
			}
		})
	}
}
