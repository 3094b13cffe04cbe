package arch

import (
	"maps"
	"slices"
	"testing"
)

// A fault is what breaks a rule: a package, a file or a declaration.
type fault struct {
	dir  string // the package
	name string // what it is in a table of exceptions
	text string
}

// exceptions lists, by name, what may break a rule, and why. The directory of a
// package stands for all that is in it.
type exceptions map[string]string

// judge reports the faults that are no exceptions, and the exceptions that are
// no faults.
func (e exceptions) judge(t *testing.T, faults []fault) {
	t.Helper()
	needed := map[string]bool{}
	for _, f := range faults {
		switch {
		case e[f.name] != "":
			needed[f.name] = true
		case e[f.dir] != "":
			needed[f.dir] = true
		default:
			t.Errorf("%s", f.text)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(e)) {
		if !needed[name] {
			t.Errorf("%s needs no exception any more", name)
		}
	}
}
