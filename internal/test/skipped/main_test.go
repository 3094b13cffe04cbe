package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// What go test really prints is understood.
func TestRun(t *testing.T) {
	if _, err := exec.LookPath("go"); err != nil {
		t.Skip("needs go")
	}
	dir := t.TempDir()
	for name, text := range map[string]string{
		"go.mod": "module example.com/m\n\ngo 1.26\n",
		"m.go":   "package m\n",
		"m_test.go": `package m

import "testing"

func TestSkips(t *testing.T) { t.Run("sub", func(t *testing.T) { t.Skip("needs", "wings") }) }

func TestPasses(t *testing.T) { t.Log("nobody reads this") }

func TestFails(t *testing.T) { t.Error("this is wrong") }
`,
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	t.Chdir(dir)
	t.Setenv("GOWORK", "off")
	t.Setenv("GOFLAGS", "")
	tests := []struct {
		name   string
		args   []string
		full   bool
		want   string // with S for seconds
		passed bool
	}{
		{
			name: "all", want: "    m_test.go:9: this is wrong\n--- FAIL: TestFails (Ss)\nFAIL\nFAIL\texample.com/m\tSs\n" +
				"skipped: needs wings\n\texample.com/m TestSkips/sub\n",
		},
		{
			name: "some", args: []string{"-run", "Skips|Passes"}, passed: true,
			want: "ok  \texample.com/m\tSs\nskipped: needs wings\n\texample.com/m TestSkips/sub\n",
		},
		{
			name: "some, and all of them", args: []string{"-run", "Skips|Passes"}, full: true,
			want: "ok  \texample.com/m\tSs\nskipped: needs wings\n\texample.com/m TestSkips/sub\n",
		},
		{name: "no skip", args: []string{"-run", "Passes"}, full: true, passed: true, want: "ok  \texample.com/m\tSs\n"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var out bytes.Buffer
			passed, err := run(test.args, test.full, nil, &out)
			if err != nil {
				t.Fatal(err)
			}
			got := regexp.MustCompile(`\d+\.\d+s`).ReplaceAllString(out.String(), "Ss")
			if got != test.want || passed != test.passed {
				t.Errorf("passed = %v, want %v; printed\n%s\nwant\n%s", passed, test.passed, got, test.want)
			}
		})
	}
	t.Run("from a pipe", func(t *testing.T) {
		passed, err := run([]string{"-"}, false, strings.NewReader(tape("output p - ok  \tp\t0.1s")), new(bytes.Buffer))
		if !passed || err != nil {
			t.Errorf("passed = %v, error = %v", passed, err)
		}
	})
}
