//go:build unix

package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// file writes a file of a test, and returns its name.
func file(t *testing.T, name, text string) string {
	t.Helper()
	name = filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return name
}

// columns are those of a row, times and memory left out.
func columns(row string) string {
	f := strings.Fields(row)
	if len(f) != 11 {
		return row
	}
	return strings.Join([]string{f[0], f[8], f[9], f[10]}, " ")
}

// A row is printed whatever was found; finding less than there is fails.
func TestCommand(t *testing.T) {
	json := file(t, "flows.json", printed)
	same := file(t, "want", `{"legs": 2, "exchanges": 3}`)
	more := file(t, "want", `{"legs": 2, "exchanges": 4}`)
	truth := file(t, "truth.json", `{"legs": [{}, {}], "links": [{"from": "a", "from_exchange": 0, "separable": true}, {"from": "b", "from_exchange": 0, "separable": true}]}`)
	for _, tt := range []struct {
		name   string
		args   []string
		status int
		row    string
		errs   string // how it begins
	}{
		{"found", []string{"-n", "1", "mtu", json, "cat", json}, 0, "mtu 2 1 3", ""},
		{"several runs of several files", []string{"-n", "3", "mtu", json + "," + json, "cat", json}, 0, "mtu 2 1 3", ""},
		{"all that is wanted", []string{"-n", "1", "-want", same, "mtu", json, "cat", json}, 0, "mtu 2 1 3", ""},
		{"all connections", []string{"-n", "1", "-legs", "2", "mtu", json, "cat", json}, 0, "mtu 2 1 3", ""},
		{"too few exchanges", []string{"-n", "1", "-want", more, "mtu", json, "cat", json}, 1, "mtu 2 1 3", "measure: mtu: found 3 exchanges, there are 4\n"},
		{"too few connections", []string{"-n", "1", "-legs", "3", "mtu", json, "cat", json}, 1, "mtu 2 1 3", "measure: mtu: found 2 legs, there are 3\n"},
		{"too few of the truth", []string{"-n", "1", "-truth", truth, "mtu", json, "cat", json}, 1, "mtu 2 1 3", "measure: mtu: found 1 joined exchanges, there are 2\n"},
		{"a target missed", []string{"-n", "1", "-rss", "0.01", "-ratio", "1e9", "mtu", json, "cat", json}, 0, "mtu 2 1 3", ""},
		{"no such want", []string{"-n", "1", "-want", "/nowhere", "mtu", json, "cat", json}, 1, "", "measure: mtu: open /nowhere: "},
		{"no such truth", []string{"-n", "1", "-truth", "/nowhere", "mtu", json, "cat", json}, 1, "", "measure: mtu: open /nowhere: "},
		{"no such input", []string{"-n", "1", "mtu", "/nowhere", "cat", json}, 1, "", "measure: mtu: cat /nowhere: exit status 1\n"},
		{"no such command", []string{"-n", "1", "mtu", json, "/nowhere"}, 1, "", "measure: mtu: /nowhere: fork/exec /nowhere: "},
		{"what fails", []string{"-n", "1", "mtu", json, "sh", "-c", "echo no >&2; exit 3"}, 1, "", "measure: mtu: sh -c echo no >&2; exit 3: exit status 3\nno\n"},
		{"what prints no JSON", []string{"-n", "1", "mtu", json, "echo", "hello"}, 1, "", "measure: mtu: invalid character 'h'"},
		{"the heading", []string{"-header"}, 0, heading, ""},
		{"help", []string{"-h"}, 0, "", "Usage of measure:\n"},
		{"no command", []string{"mtu", json}, 2, "", "Usage of measure:\n"},
		{"no runs", []string{"-n", "0", "mtu", json, "cat", json}, 2, "", "Usage of measure:\n"},
		{"another flag", []string{"-x"}, 2, "", "flag provided but not defined: -x\n"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var out, errs strings.Builder
			if got := command(tt.args, &out, &errs); got != tt.status {
				t.Errorf("status %d, want %d", got, tt.status)
			}
			if got := columns(strings.TrimSuffix(out.String(), "\n")); got != tt.row {
				t.Errorf("row %q, want %q", got, tt.row)
			}
			if !strings.HasPrefix(errs.String(), tt.errs) || tt.errs == "" && errs.Len() > 0 {
				t.Errorf("errors %q, want %q", errs.String(), tt.errs)
			}
		})
	}
}

// The row has the columns of the heading, and marks the targets that are missed.
func TestRow(t *testing.T) {
	json := file(t, "flows.json", printed)
	var out strings.Builder
	o := options{name: "a", runs: 1, rss: .01, ratio: 1e9, files: []string{json}, command: []string{"cat", json}}
	if err := run(&o, &out); err != nil {
		t.Fatal(err)
	}
	f := strings.Fields(out.String())
	if want := len(strings.Fields(heading)) - 1; len(f) != want { // RSS MiB is one column
		t.Fatalf("%d columns, want %d: %s", len(f), want, out.String())
	}
	if f[4] != "1e+09" || f[7] != "!0.01" {
		t.Errorf("targets %s and %s", f[4], f[7])
	}
}

// What the command writes is gone before each of its runs, and at the end.
func TestFresh(t *testing.T) {
	json, fresh := file(t, "flows.json", printed), filepath.Join(t.TempDir(), "out")
	if err := os.WriteFile(fresh, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	once := []string{"sh", "-c", `test ! -e "$1" && echo >"$1" && cat "$0"`, json, fresh}
	var out strings.Builder
	if err := run(&options{runs: 3, fresh: fresh, files: []string{json}, command: once}, &out); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(fresh); !os.IsNotExist(err) {
		t.Errorf("what was written is there: %v", err)
	}
	if err := run(&options{runs: 1, files: []string{json}, command: once}, &out); err == nil {
		t.Error("what is not fresh was removed")
	}
}

// A file that cannot be removed is an error, before the command and behind it.
func TestClear(t *testing.T) {
	full := filepath.Join(t.TempDir(), "full")
	if err := os.MkdirAll(filepath.Join(full, "x"), 0o755); err != nil {
		t.Fatal(err)
	}
	o := options{fresh: full, command: []string{"true"}}
	if _, err := o.single(); err == nil {
		t.Error("single: no error")
	}
	if _, err := o.findings(); err == nil {
		t.Error("findings: no error")
	}
	if err := (&options{fresh: filepath.Join(full, "none")}).clear(); err != nil {
		t.Errorf("nothing to remove: %v", err)
	}
	o = options{fresh: filepath.Join(t.TempDir(), "made")}
	o.command = []string{"mkdir", "-p", filepath.Join(o.fresh, "x")}
	if _, err := o.single(); err == nil {
		t.Error("what the command made cannot be removed, and there is no error")
	}
	if _, err := os.Stat(filepath.Join(o.fresh, "x")); err != nil {
		t.Errorf("the command did not run: %v", err)
	}
}

// A command that prints more than what is read of it ends all the same.
func TestFindingsEnds(t *testing.T) {
	o := options{command: []string{"sh", "-c", "while echo x; do :; done 2>/dev/null"}}
	if _, err := o.findings(); err == nil {
		t.Error("no error")
	}
}

func TestMedian(t *testing.T) {
	for _, tt := range []struct {
		name string
		v    []float64
		want float64
	}{
		{"one", []float64{3}, 3},
		{"three", []float64{9, 1, 5}, 5},
		{"of an even number, the larger", []float64{4, 1, 3, 2}, 3},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := median(tt.v); got != tt.want {
				t.Errorf("got %v, want %v", got, tt.want)
			}
		})
	}
}

func TestTarget(t *testing.T) {
	for _, tt := range []struct {
		name      string
		got, want float64
		text      string
	}{
		{"none", 9, 0, "-"},
		{"met", 5.9, 6, "6"},
		{"just met", 6, 6, "6"},
		{"missed", 6.01, 6, "!6"},
		{"four digits", 1, 12345.6, "1.235e+04"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := target(tt.got, tt.want); got != tt.text {
				t.Errorf("got %q, want %q", got, tt.text)
			}
		})
	}
	if got := seconds(1.23456); got != "1.235s" {
		t.Errorf("seconds: %q", got)
	}
}
