package arch

import (
	"slices"
	"testing"
)

// What the table allows is done: an import that nobody makes any more is no
// longer allowed.
func TestAllowancesAreUsed(t *testing.T) {
	rows, made := map[string]bool{}, map[string][]string{}
	for _, s := range sources(t) {
		row := rowOf(s.dir)
		rows[row] = true
		made[row] = append(made[row], s.imports...)
	}
	for row, allowed := range below {
		if !rows[row] {
			t.Errorf("no package is %s", row)
		}
		for _, a := range allowed {
			if !slices.ContainsFunc(made[row], func(i string) bool { return matches([]string{a}, i) }) {
				t.Errorf("%s may import %s and does not", row, a)
			}
		}
	}
}
