package arch

import (
	"fmt"
	"go/ast"
	"slices"
	"testing"
)

// What a reader can hold at once.
const (
	maxPackage  = 2500 // lines, without tests
	maxExported = 15   // types
	maxFile     = 400  // lines
	maxFunction = 60   // lines; see bulk
)

// moreTypes lists the packages that may export more types, being what all
// others speak of.
var moreTypes = map[string]int{"mesh/flow": 25}

var (
	bigPackages   = exceptions{}
	widePackages  = exceptions{}
	longFiles     = exceptions{}
	longFunctions = exceptions{}
)

func TestRoomsStaySmall(t *testing.T) {
	lines, exported := map[string]int{}, map[string]int{}
	var files, functions []fault
	for _, s := range code(t) {
		n := s.line(s.syntax.FileEnd)
		lines[s.dir] += n
		exported[s.dir] += exportedTypes(s.syntax)
		if n > maxFile {
			files = append(files, fault{s.dir, s.path(), fmt.Sprintf("%s has %d lines, want at most %d", s.path(), n, maxFile)})
		}
		functions = append(functions, tooLong(s)...)
	}
	longFiles.judge(t, files)
	longFunctions.judge(t, functions)
	bigPackages.judge(t, above(lines, func(string) int { return maxPackage }, "lines"))
	widePackages.judge(t, above(exported, func(dir string) int { return max(maxExported, moreTypes[dir]) }, "exported types"))
}

// above lists the packages that have more of something than they may.
func above(have map[string]int, limit func(dir string) int, what string) []fault {
	var faults []fault
	for dir, n := range have {
		if n > limit(dir) {
			faults = append(faults, fault{dir, dir, fmt.Sprintf("package %s has %d %s, want at most %d", dir, n, what, limit(dir))})
		}
	}
	return faults
}

func exportedTypes(f *ast.File) int {
	n := 0
	for _, d := range f.Decls {
		if d, ok := d.(*ast.GenDecl); ok {
			for _, spec := range d.Specs {
				if spec, ok := spec.(*ast.TypeSpec); ok && spec.Name.IsExported() {
					n++
				}
			}
		}
	}
	return n
}

func tooLong(s *source) []fault {
	var faults []fault
	for _, d := range s.syntax.Decls {
		f, ok := d.(*ast.FuncDecl)
		if !ok || f.Body == nil {
			continue
		}
		if n := s.bulk(f); n > maxFunction {
			faults = append(faults, fault{s.dir, s.dir + "." + funcName(f), fmt.Sprintf("%s: %s has %d lines, want at most %d", s.at(f), funcName(f), n, maxFunction)})
		}
	}
	return faults
}

// funcName is the name of a function, of a method with its type: "Merger.Next".
func funcName(f *ast.FuncDecl) string {
	if f.Recv == nil {
		return f.Name.Name
	}
	return receiver(f.Recv.List[0].Type) + "." + f.Name.Name
}

func receiver(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.StarExpr:
		return receiver(e.X)
	case *ast.IndexExpr:
		return receiver(e.X)
	case *ast.IndexListExpr:
		return receiver(e.X)
	case *ast.Ident:
		return e.Name
	}
	return ""
}

// bulk counts the lines of a function. Of a list, however long, only the
// longest element counts: of a composite literal, and of a switch that stands in
// the function's own block.
func (s *source) bulk(f *ast.FuncDecl) int {
	n := s.lines(f)
	ast.Inspect(f.Body, func(node ast.Node) bool {
		switch list := node.(type) {
		case *ast.CompositeLit:
			n -= spared(s, list, list.Elts)
			return false
		case *ast.SwitchStmt:
			if slices.Contains(f.Body.List, ast.Stmt(list)) {
				n -= spared(s, list, list.Body.List)
				return false
			}
		case *ast.TypeSwitchStmt:
			if slices.Contains(f.Body.List, ast.Stmt(list)) {
				n -= spared(s, list, list.Body.List)
				return false
			}
		}
		return true
	})
	return n
}

// spared counts the lines of a list that are not its longest element's.
func spared[E ast.Node](s *source, list ast.Node, elements []E) int {
	longest := 0
	for _, e := range elements {
		longest = max(longest, s.lines(e))
	}
	return s.lines(list) - longest
}
