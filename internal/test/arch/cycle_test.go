package arch

import (
	"fmt"
	"go/ast"
	"go/types"
	"slices"
	"strings"
	"testing"
)

// maxCycle is how many files of one package may use each other in a circle, so
// that none is understood without the others.
const maxCycle = 12

// manyFiles lists the packages that may have larger cycles.
var manyFiles = exceptions{
	"cmd/pcapmesh": "every command is below the root, and speaks of it",
}

func TestNoFileCycles(t *testing.T) {
	var faults []fault
	edges := 0
	for _, r := range rooms(t) {
		uses := r.uses()
		edges += len(uses)
		if cycle := largestCycle(uses); len(cycle) > maxCycle {
			faults = append(faults, fault{r.dir, r.dir, fmt.Sprintf("%d files of %s use each other, want at most %d: %s", len(cycle), r.dir, maxCycle, strings.Join(cycle, " "))})
		}
	}
	if edges == 0 {
		t.Error("no file uses another: this test resolves no names")
	}
	manyFiles.judge(t, faults)
}

// uses lists, for each file of a room, the others that declare what it uses: a
// package-level declaration, a method or a field.
func (r *room) uses() map[string][]string {
	found := map[string][]string{}
	for _, s := range r.files {
		ast.Inspect(s.syntax, func(n ast.Node) bool {
			id, ok := n.(*ast.Ident)
			if !ok {
				return true
			}
			if to := r.sourceOf(origin(r.info.Uses[id])); to != nil && to != s && !slices.Contains(found[s.name], to.name) {
				found[s.name] = append(found[s.name], to.name)
			}
			return true
		})
	}
	return found
}

// origin returns the declaration of what may be a method or field of an
// instantiated type.
func origin(o types.Object) types.Object {
	switch o := o.(type) {
	case *types.Func:
		return o.Origin()
	case *types.Var:
		return o.Origin()
	}
	return o
}

// largestCycle returns the largest set of names each of which leads to all the
// others.
func largestCycle(uses map[string][]string) []string {
	reach := map[string]map[string]bool{}
	for from := range uses {
		reach[from] = map[string]bool{}
		walk(uses, from, reach[from])
	}
	var largest []string
	for from := range uses {
		var cycle []string
		for to := range reach[from] {
			if reach[to][from] {
				cycle = append(cycle, to)
			}
		}
		slices.Sort(cycle)
		if len(cycle) > len(largest) || len(cycle) == len(largest) && slices.Compare(cycle, largest) < 0 {
			largest = cycle
		}
	}
	return largest
}

// walk marks what can be reached from a name.
func walk(uses map[string][]string, from string, seen map[string]bool) {
	for _, to := range uses[from] {
		if !seen[to] {
			seen[to] = true
			walk(uses, to, seen)
		}
	}
}

func TestLargestCycle(t *testing.T) {
	uses := map[string][]string{"a": {"b"}, "b": {"c"}, "c": {"b", "d"}, "d": {"e"}, "e": {"f"}, "f": {"d"}}
	if got := largestCycle(uses); !slices.Equal(got, []string{"d", "e", "f"}) {
		t.Errorf("got %v, want d, e and f", got)
	}
}
