package main

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"slices"
	"strconv"
	"strings"
)

// A mutant is one change of one file: text instead of the bytes between two
// offsets.
type mutant struct {
	number        int // in its package, in the order of the source
	file          string
	line          int
	begin, end    int
	text          string
	before, after string // the expression around it, on one line
}

// apply returns the source with the mutant in it.
func (m *mutant) apply(src []byte) []byte {
	return slices.Concat(src[:m.begin], []byte(m.text), src[m.end:])
}

// A place is where a mutant may be made, with all that may be made there.
type place []mutant

// find lists the places of a file in the order of the source.
func find(name string, src []byte) ([]place, error) {
	fset := token.NewFileSet()
	tree, err := parser.ParseFile(fset, name, src, parser.SkipObjectResolution)
	if err != nil {
		return nil, err
	}
	f := &finder{name: name, src: src, file: fset.File(tree.FileStart)}
	ast.Inspect(tree, f.visit)
	slices.SortStableFunc(f.found, func(a, b place) int { return a[0].begin - b[0].begin })
	return f.found, nil
}

// A finder collects the places of one file.
type finder struct {
	name  string
	src   []byte
	file  *token.File
	found []place
}

// swaps lists what operators become.
var swaps = map[token.Token]token.Token{
	token.LAND: token.LOR, token.LOR: token.LAND,
	token.EQL: token.NEQ, token.NEQ: token.EQL,
	token.LSS: token.LEQ, token.LEQ: token.LSS,
	token.GTR: token.GEQ, token.GEQ: token.GTR,
	token.ADD: token.SUB, token.SUB: token.ADD,
}

func (f *finder) visit(n ast.Node) bool {
	switch n := n.(type) {
	case *ast.IfStmt:
		f.condition(n.Cond)
	case *ast.ForStmt:
		f.condition(n.Cond)
	case *ast.BinaryExpr:
		if to, ok := swaps[n.Op]; ok {
			f.add(n, n.OpPos, n.OpPos+token.Pos(len(n.Op.String())), to.String())
			f.integer(n, n.X)
			f.integer(n, n.Y)
		} else if n.Op == token.MUL || n.Op == token.QUO || n.Op == token.REM {
			f.integer(n, n.X)
			f.integer(n, n.Y)
		}
	case *ast.AssignStmt:
		if n.Tok >= token.ADD_ASSIGN && n.Tok <= token.REM_ASSIGN {
			f.integer(n, n.Rhs[0])
		}
	}
	return true
}

// condition turns round the condition of an if or a for. Where == becomes != that
// is done already.
func (f *finder) condition(e ast.Expr) {
	switch bare := ast.Unparen(e).(type) {
	case nil:
		return
	case *ast.UnaryExpr:
		if bare.Op == token.NOT {
			f.add(e, e.Pos(), e.End(), f.text(bare.X.Pos(), bare.X.End()))
			return
		}
	case *ast.BinaryExpr:
		if bare.Op == token.EQL || bare.Op == token.NEQ {
			return
		}
	}
	f.add(e, e.Pos(), e.End(), "!("+f.text(e.Pos(), e.End())+")")
}

// integer puts an operand off by one, if it is an integer.
func (f *finder) integer(around ast.Node, e ast.Expr) {
	lit, ok := ast.Unparen(e).(*ast.BasicLit)
	if !ok || lit.Kind != token.INT {
		return
	}
	if n, err := strconv.ParseInt(lit.Value, 0, 64); err == nil { // else no bound is as large
		f.add(around, lit.Pos(), lit.End(), fmt.Sprint(n+1), strings.Replace(fmt.Sprint(n-1), "-1", "(-1)", 1))
	}
}

// add notes a place, and what may stand there instead.
func (f *finder) add(around ast.Node, from, to token.Pos, texts ...string) {
	var p place
	for _, text := range texts {
		p = append(p, mutant{
			file: f.name, line: f.file.Line(from), begin: f.file.Offset(from), end: f.file.Offset(to), text: text,
			before: oneLine(f.text(around.Pos(), around.End())),
			after:  oneLine(f.text(around.Pos(), from) + text + f.text(to, around.End())),
		})
	}
	f.found = append(f.found, p)
}

func (f *finder) text(from, to token.Pos) string {
	return string(f.src[f.file.Offset(from):f.file.Offset(to)])
}

func oneLine(text string) string { return strings.Join(strings.Fields(text), " ") }
