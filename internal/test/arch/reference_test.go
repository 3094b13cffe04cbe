package arch

import (
	"go/ast"
	"go/token"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// Every table of docs/reference.md with a name above it lists what the source has
// under that name, all of it and nothing else, in the same order.
func TestReferenceIsComplete(t *testing.T) {
	got, want := tablesOf(t, "docs/reference.md"), promised(t)
	for _, name := range slices.Sorted(maps.Keys(want)) {
		if len(want[name]) == 0 {
			t.Errorf("%s: nothing found in the source: this test looks for the wrong name", name)
		}
		if diff := cmp.Diff(want[name], got[name]); diff != "" {
			t.Errorf("docs/reference.md, table <!-- %s --> (-source +page):\n%s", name, diff)
		}
	}
	for name := range got {
		if want[name] == nil {
			t.Errorf("docs/reference.md describes %s, which the source does not have", name)
		}
	}
}

// tablesOf returns the rows of the tables of a page, by the name that stands as a
// comment above each. Of a row it has the name in the first cell and the type, if
// the second column has types.
func tablesOf(t *testing.T, page string) map[string][]string {
	t.Helper()
	tables := make(map[string][]string)
	for _, m := range regexp.MustCompile(`<!-- (.*) -->\n\|(.*)\|\n.*\n((?:\|.*\n)+)`).FindAllStringSubmatch(readFile(t, page), -1) {
		name, typed := m[1], strings.Contains(m[2], "| type |") && !strings.Contains(m[2], "column")
		if tables[name] != nil {
			t.Errorf("%s has two tables of %s", page, name)
		}
		for line := range strings.Lines(m[3]) {
			cells := strings.Split(line, " | ")
			row := strings.Trim(cells[0], "| `")
			if typed {
				row += ": " + cells[1]
			}
			tables[name] = append(tables[name], row)
		}
	}
	return tables
}

// promised lists what the command prints for programs.
func promised(t *testing.T) map[string][]string {
	t.Helper()
	out := structs(t)
	out["JSON"] = []string{"version: number"}
	for _, name := range arguments(find(t, "internal/report", "JSON"), "list", 1) {
		typ := "object[]"
		if slices.Contains([]string{"records", "conflicts", "dns"}, name) { // in an if
			typ += ", optional"
		}
		out["JSON"] = append(out["JSON"], name+": "+typ)
	}
	out["JSONLines"] = arguments(find(t, "internal/report", "JSONLines"), "line", 0)
	out["CSV"] = words(firstList(find(t, "internal/report", "CSV")))
	out["portsHeader"] = words(find(t, "internal/report", "portsHeader"))
	out["listenersHeader"] = words(find(t, "internal/report", "listenersHeader"))
	out["roles"] = words(find(t, "mesh/flow", "roleNames"))
	out["directions"] = words(find(t, "mesh/flow", "directionNames"))
	out["evidence"] = words(find(t, "mesh/flow", "kindNames"))
	out["protocols"] = constants(declarations(t, "mesh/flow"), "Protocol")
	out["lookups"] = words(firstList(find(t, "mesh/names", "Role.String")))
	out["outcomes"] = words(find(t, "mesh/rules/walk", "outcomes"))
	for _, kind := range firstList(find(t, "mesh/record", "kinds")).Elts {
		out["records"] = append(out["records"], words(kind)[0])
	}
	out["exit status"] = statuses(find(t, "cmd/pcapmesh", "run"), find(t, "cmd/pcapmesh", "exitStatus"), find(t, "cmd/pcapmesh", "exitInterrupted"))
	out["closings"] = closings(find(t, "mesh/internal/decide/conn", "Conn.ClosedBy"))
	return out
}

// find returns what a package declares under a name.
func find(t *testing.T, dir, name string) ast.Node {
	t.Helper()
	n := declarations(t, dir)[name]
	if n == nil {
		t.Fatalf("%s declares no %s: this test looks for the wrong name", dir, name)
	}
	return n
}

// A declared thing is a function, a type, or the constants or variables of one
// line.
type declared map[string]ast.Node

// declarations returns what a package declares, by name; methods as Type.Name.
func declarations(t *testing.T, dir string) declared {
	t.Helper()
	all := make(declared)
	for _, s := range code(t) {
		if s.dir != dir {
			continue
		}
		for _, d := range s.syntax.Decls {
			switch d := d.(type) {
			case *ast.FuncDecl:
				all[funcName(d)] = d
			case *ast.GenDecl:
				for _, spec := range d.Specs {
					all.add(spec)
				}
			}
		}
	}
	return all
}

func (all declared) add(spec ast.Spec) {
	switch spec := spec.(type) {
	case *ast.TypeSpec:
		all[spec.Name.Name] = spec.Type
	case *ast.ValueSpec:
		for _, n := range spec.Names {
			all[n.Name] = spec
		}
	}
}

// words lists the texts in a piece of source that are not empty.
func words(n ast.Node) []string {
	var out []string
	ast.Inspect(n, func(n ast.Node) bool {
		if l, ok := n.(*ast.BasicLit); ok && l.Kind == token.STRING && l.Value != `""` {
			s, _ := strconv.Unquote(l.Value) // the parser has read it
			out = append(out, s)
		}
		return true
	})
	return out
}

// firstList returns the first composite literal in a piece of source, an empty one
// if there is none.
func firstList(n ast.Node) *ast.CompositeLit {
	first, found := new(ast.CompositeLit), false
	ast.Inspect(n, func(n ast.Node) bool {
		if l, ok := n.(*ast.CompositeLit); ok && !found {
			first, found = l, true
		}
		return !found
	})
	return first
}

// arguments lists the texts that calls of a function have in place k.
func arguments(n ast.Node, called string, k int) []string {
	var out []string
	ast.Inspect(n, func(n ast.Node) bool {
		if c, ok := n.(*ast.CallExpr); ok && len(c.Args) > k {
			if f, ok := c.Fun.(*ast.Ident); ok && f.Name == called {
				out = append(out, words(c.Args[k])...)
			}
		}
		return true
	})
	return out
}

// constants lists the texts of the constants of a type, in the order of the source.
func constants(all declared, typ string) []string {
	var specs []*ast.ValueSpec
	for name, n := range all {
		if s, ok := n.(*ast.ValueSpec); ok && strings.HasPrefix(name, typ) {
			specs = append(specs, s)
		}
	}
	slices.SortFunc(specs, func(a, b *ast.ValueSpec) int { return int(a.Pos() - b.Pos()) })
	var out []string
	for _, s := range specs {
		out = append(out, words(s)...)
	}
	return out
}

// statuses lists the numbers that functions return and constants are.
func statuses(functions ...ast.Node) []string {
	var out []string
	for _, f := range functions {
		ast.Inspect(f, func(n ast.Node) bool {
			var values []ast.Expr
			switch n := n.(type) {
			case *ast.ReturnStmt:
				values = n.Results
			case *ast.ValueSpec:
				values = n.Values
			}
			for _, v := range values {
				if l, ok := v.(*ast.BasicLit); ok && l.Kind == token.INT {
					out = append(out, l.Value)
				}
			}
			return true
		})
	}
	slices.SortFunc(out, func(a, b string) int { // as numbers
		if len(a) != len(b) {
			return len(a) - len(b)
		}
		return strings.Compare(a, b)
	})
	return slices.Compact(out)
}

// closings lists the words for how a connection ends: those that stand alone, the
// sides, and each side with what is appended to it.
func closings(f ast.Node) []string {
	var sides, out, ends []string
	ast.Inspect(f, func(n ast.Node) bool {
		if l, ok := n.(*ast.CompositeLit); ok {
			sides = append(sides, words(l)...)
		}
		return true
	})
	for _, w := range words(f) {
		if !strings.HasPrefix(w, "-") {
			out = append(out, w)
			continue
		}
		for _, side := range sides {
			ends = append(ends, side+w)
		}
	}
	return append(out, ends...)
}
