package main

import (
	"go/parser"
	"go/token"
	"slices"
	"testing"
)

func TestFind(t *testing.T) {
	tests := []struct {
		name string
		body string
		want []string // what each place may become
	}{
		{name: "nothing to change", body: "x = y"},
		{name: "equal", body: "b = x == y", want: []string{"x == y → x != y"}},
		{name: "not equal", body: "b = x != y", want: []string{"x != y → x == y"}},
		{name: "less", body: "b = x < y", want: []string{"x < y → x <= y"}},
		{name: "at most", body: "b = x <= y", want: []string{"x <= y → x < y"}},
		{name: "greater", body: "b = x > y", want: []string{"x > y → x >= y"}},
		{name: "at least", body: "b = x >= y", want: []string{"x >= y → x > y"}},
		{name: "sum", body: "x = x + y", want: []string{"x + y → x - y"}},
		{name: "difference", body: "x = x - y", want: []string{"x - y → x + y"}},
		{name: "both of and", body: "b = b && c || d", want: []string{"b && c → b || c", "b && c || d → b && c && d"}},
		{
			name: "condition of an if", body: "if x < y { x = y }",
			want: []string{"x < y → !(x < y)", "x < y → x <= y"},
		},
		{name: "equality of an if is turned round once", body: "if (x == y) { x = y }", want: []string{"x == y → x != y"}},
		{name: "denied condition", body: "if !f(x) { x = y }", want: []string{"!f(x) → f(x)"}},
		{name: "condition of a for", body: "for b { x = y }", want: []string{"b → !(b)"}},
		{name: "for without end", body: "for { x = y }"},
		{
			name: "constant of a comparison", body: "b = x < 8",
			want: []string{"x < 8 → x <= 8", "x < 8 → x < 9 | x < 7"},
		},
		{
			name: "zero, on the left and close by", body: "b = 0-x == y",
			want: []string{"0-x → 1-x | (-1)-x", "0-x → 0+x", "0-x == y → 0-x != y"},
		},
		{name: "ten does not begin with minus one", body: "x = 11 * x", want: []string{"11 * x → 12 * x | 10 * x"}},
		{name: "other bases, and separated", body: "x = y % 0x1_0", want: []string{"y % 0x1_0 → y % 17 | y % 15"}},
		{name: "in parentheses", body: "x = y / (2)", want: []string{"y / (2) → y / (3) | y / (1)"}},
		{name: "added in place", body: "x += 2", want: []string{"x += 2 → x += 3 | x += 1"}},
		{name: "constant that is no bound", body: "x = f(3, y[4], 1<<5, 6&7)"},
		{name: "too large for an integer", body: "u = u / 18446744073709551615"},
		{name: "over two lines", body: "b = x ==\n\t\ty", want: []string{"x == y → x != y"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			src := []byte("package p\n\nfunc _() {\n" + test.body + "\n}\n")
			places, err := find("p.go", src)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, p := range places {
				text := p[0].before + " → "
				for i, m := range p {
					if i > 0 {
						text += " | "
					}
					text += m.after
					checkApplied(t, &m, src)
				}
				got = append(got, text)
			}
			if !slices.Equal(got, test.want) {
				t.Errorf("got  %q\nwant %q", got, test.want)
			}
		})
	}
}

// checkApplied checks that a mutant is Go, says where it is, and changes what it
// says and nothing else.
func checkApplied(t *testing.T, m *mutant, src []byte) {
	t.Helper()
	changed := m.apply(src)
	if _, err := parser.ParseFile(token.NewFileSet(), "p.go", changed, 0); err != nil {
		t.Errorf("%s → %s: %v", m.before, m.after, err)
	}
	if got, want := len(changed)-len(src), len(m.text)-(m.end-m.begin); got != want {
		t.Errorf("%s → %s: longer by %d, want %d", m.before, m.after, got, want)
	}
	if m.line != 4 || m.file != "p.go" {
		t.Errorf("%s → %s is in %s:%d, want p.go:4", m.before, m.after, m.file, m.line)
	}
}
