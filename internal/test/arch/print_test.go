package arch

import (
	"slices"
	"strings"
	"testing"
)

// formats begin the names of the packages that give results a form.
var formats = []string{"encoding/json", "encoding/csv", "text/template", "text/tabwriter", "html/", "github.com/olekukonko/tablewriter"}

// TestCommandPrintsThroughReport holds the command to flags and calls: whatever has
// a format is printed by internal/report, so that one place knows it. Tests of the
// command may read what it prints.
func TestCommandPrintsThroughReport(t *testing.T) {
	calls := false
	for _, s := range sources(t) {
		if s.dir != "cmd/pcapmesh" || s.isTest() {
			continue
		}
		calls = calls || slices.Contains(s.imports, "./internal/report")
		for _, i := range s.imports {
			if slices.ContainsFunc(formats, func(f string) bool { return strings.HasPrefix(i, f) }) {
				t.Errorf("%s imports %s; internal/report formats results", s.path(), i)
			}
		}
	}
	if !calls {
		t.Error("the command does not call internal/report: this test looks for the wrong path")
	}
}
