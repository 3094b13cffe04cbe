package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestRoff(t *testing.T) {
	for in, want := range map[string]string{
		"plain": "plain", "a-b": `a\-b`, `a\b`: `a\eb`, ".request": `\&.request`, "'request": `\&'request`, "a\n.b\nc.d": "a\n\\&.b\nc.d", "": "", "\n'": "\n\\&'",
	} {
		if got := roff(in); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}

// There is a page for each command, with the sections that it has something for.
func TestManPages(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "man1")
	if status, _, errs := invoke("", "man", dir); status != 0 {
		t.Fatal(errs)
	}
	files, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, f := range files {
		names = append(names, strings.TrimSuffix(strings.TrimPrefix(filepath.Base(f), "pcapmesh"), ".1"))
	}
	if got := strings.Join(names, " "); !strings.Contains(got, "-stitch") || strings.Contains(got, "completion") || strings.Contains(got, "help") {
		t.Errorf("pages: %s", got)
	}
	for name, want := range map[string]string{
		"pcapmesh": "NAME,SYNOPSIS,COMMON OPTIONS,EXIT STATUS,SEE ALSO", "pcapmesh-ports": "NAME,SYNOPSIS,DESCRIPTION,OPTIONS,COMMON OPTIONS,EXAMPLES,EXIT STATUS,SEE ALSO", "pcapmesh-flows": "NAME,SYNOPSIS,OPTIONS,COMMON OPTIONS,EXAMPLES,EXIT STATUS,SEE ALSO",
	} {
		text, err := os.ReadFile(filepath.Join(dir, name+".1"))
		if err != nil {
			t.Fatal(err)
		}
		var sections []string
		for line := range strings.Lines(string(text)) {
			if s, ok := strings.CutPrefix(line, ".SH "); ok {
				sections = append(sections, strings.TrimSpace(s))
			}
		}
		got := strings.Replace(strings.Join(sections, ","), "NAME,SYNOPSIS,OPTIONS,COMMON OPTIONS,EXIT", "NAME,SYNOPSIS,COMMON OPTIONS,EXIT", 1) // the root's own are --help and --version
		if got != want {
			t.Errorf("%s: %s, want %s", name, got, want)
		}
	}
	page, err := os.ReadFile(filepath.Join(dir, "pcapmesh-ports.1"))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{".TH PCAPMESH-PORTS 1 \"\" pcapmesh\n", ".TP\n\\fB\\-o, \\-\\-output\\fR FORMAT\nFORMAT is table, json or csv\n", ".TP\n\\fB\\-\\-sockets\\fR FILE\n", "\n.PP\n", "pcapmesh(1), tcpdump(1)"} {
		if !strings.Contains(string(page), want) {
			t.Errorf("no %q in:\n%s", want, page)
		}
	}
	if status, _, errs := invoke("", "man", filepath.Join(dir, "pcapmesh.1")); status != 1 || errs == "" {
		t.Errorf("into a file: status %d, %q", status, errs)
	}
	for _, args := range [][]string{{"man"}, {"man", "a", "b"}} {
		if status, _, _ := invoke("", args...); status != 2 {
			t.Errorf("%v: status %d", args, status)
		}
	}
}
