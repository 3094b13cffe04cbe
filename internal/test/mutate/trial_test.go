package main

import (
	"bytes"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// tree is a module with a package whose tests see some of it.
var tree = map[string]string{
	"go.mod": "module example.com/tree\n\ngo 1.26\n",
	"scale/scale.go": `package scale

func Tested(n int) bool { return n < 10 }

func Untested(n int) bool { return n == 0 }

func Joined(a, b string) string { return a + b }
`,
	"scale/loop.go": `package scale

func Endless(n int) (all []int) {
	for len(all) < n {
		all = append(all, n)
	}
	return all
}
`,
	"scale/scale_test.go": `package scale

import "testing"

func TestScale(t *testing.T) {
	if !Tested(9) || Tested(10) || len(Endless(3)) != 3 || Joined("a", "b") != "ab" {
		t.Fatal("wrong")
	}
}
`,
	"broken/broken.go":      "package broken\n\nfunc Same(a, b int) bool { return a == b }\n",
	"broken/broken_test.go": "package broken\n\nimport \"testing\"\n\nfunc TestSame(t *testing.T) { t.Fatal(Same(1, 2)) }\n",
	"bare/bare.go":          "package bare\n\nfunc Same(a, b int) bool { return a == b }\n",
}

// plant writes the tree and makes it the current directory.
func plant(t *testing.T) {
	t.Helper()
	if _, err := exec.LookPath("go"); err != nil {
		t.Skip("needs go")
	}
	dir := t.TempDir()
	for name, text := range tree {
		name = filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	t.Chdir(dir)
	t.Setenv("GOWORK", "off")
	t.Setenv("GOFLAGS", "")
}

func TestRun(t *testing.T) {
	tests := []struct {
		name     string
		options  options
		patterns []string
		want     string // all that is printed, with S for seconds; lines in any order
		enough   bool
		err      string
	}{
		{
			name: "whole", options: options{n: 20, only: -1, seed: 2, least: 13}, patterns: []string{"./scale", "./bare"}, enough: true,
			want: `example.com/tree/scale: killed 4 of 6 in Ss
scale/scale.go:5: #5 survived: n == 0 -> n != 0
scale/scale.go:5: #6 survived: n == 0 -> n == 1
`,
		},
		{
			name: "too few", options: options{n: 20, only: -1, seed: 2, least: 14}, patterns: []string{"./scale"},
			want: `example.com/tree/scale: killed 4 of 6 in Ss
scale/scale.go:5: #5 survived: n == 0 -> n != 0
scale/scale.go:5: #6 survived: n == 0 -> n == 1
`,
		},
		{
			name: "one that survives", options: options{n: 20, only: 5}, patterns: []string{"./scale"}, enough: true,
			want: `example.com/tree/scale: killed 0 of 1 in Ss
scale/scale.go:5: #5 survived: n == 0 -> n != 0
`,
		},
		{
			name: "one that does not compile", options: options{n: 20, only: 8, verbose: true}, patterns: []string{"./scale"}, enough: true,
			want: `example.com/tree/scale: killed 0 of 0 in Ss
scale/scale.go:7: #8 does not compile: a + b -> a - b
`,
		},
		{name: "tests that fail anyway", options: options{n: 20, only: -1}, patterns: []string{"./broken"}, err: "example.com/tree/broken: its tests fail as it is:"},
		{name: "no tests", options: options{n: 20, only: -1}, patterns: []string{"./bare"}, err: `no package of ["./bare"] has tests`},
		{name: "no such package", options: options{n: 20, only: -1}, patterns: []string{"./none"}, err: "go list: exit status 1"},
	}
	plant(t)
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var out bytes.Buffer
			enough, err := run(t.Context(), &test.options, test.patterns, &out)
			if test.err != "" {
				if err == nil || !strings.HasPrefix(err.Error(), test.err) {
					t.Errorf("error = %v, want %q", err, test.err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if got := sorted(out.String()); got != test.want || enough != test.enough {
				t.Errorf("enough = %v, want %v; printed\n%s\nwant\n%s", enough, test.enough, got, test.want)
			}
		})
	}
	checkUntouched(t)
}

// sorted orders what is printed, without the times and what go test says.
func sorted(text string) string {
	text = regexp.MustCompile(`in \d+s`).ReplaceAllString(text, "in Ss")
	lines := slices.DeleteFunc(strings.SplitAfter(text, "\n"), func(l string) bool {
		return !strings.Contains(l, " -> ") && !strings.Contains(l, ": killed ")
	})
	slices.Sort(lines)
	return strings.Join(lines, "")
}

// checkUntouched checks that the tree in the current directory is as it was.
func checkUntouched(t *testing.T) {
	t.Helper()
	left := maps.Clone(tree)
	err := filepath.WalkDir(".", func(name string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := os.ReadFile(name)
		if name = filepath.ToSlash(name); string(text) != left[name] {
			t.Errorf("%s was changed to %q", name, text)
		}
		delete(left, name)
		return err
	})
	if err != nil || len(left) > 0 {
		t.Errorf("missing %v, error %v", left, err)
	}
}
