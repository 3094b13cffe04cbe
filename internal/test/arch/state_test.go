package arch

import (
	"go/ast"
	"go/token"
	"go/types"
	"slices"
	"testing"
)

// shared lists the variables of packages that change, or that could: maps and
// slices that are handed to somebody who might.
var shared = exceptions{
	"capture/linktype.headers":        "its rows are looked at where they lie",
	"capture/linktype.noHeader":       "it is looked at as a row of linkLayers",
	"internal/report.listenersHeader": "it is printed, as a table or CSV",
	"internal/report.lookupHeader":    "it is printed",
	"internal/report.pathHeader":      "it is printed, with a column more if in a copy",
	"internal/report.portsHeader":     "it is printed, as a table or CSV",
	"mesh/accesslog.ztunnelPairs":     "its elements are looked at where they lie",
	"mesh/conntrack.flowBegin":        "bad copies it",
}

// What a package declares stays as it is: no variable of a package is assigned,
// filled or has its address taken. A map or slice may be looked into, ranged over
// and asked by those who only read; whoever hands one on says why it stays as it
// is.
func TestNoMutableState(t *testing.T) {
	var faults []fault
	seen := 0
	for _, r := range rooms(t) {
		for _, s := range r.files {
			v := &stateVisitor{room: r, source: s}
			ast.PreorderStack(s.syntax, nil, v.visit)
			faults = append(faults, v.faults...)
			seen += v.seen
		}
	}
	if seen == 0 {
		t.Error("no package has a variable: this test resolves no names")
	}
	shared.judge(t, faults)
}

// A stateVisitor looks at each use of a variable of a package.
type stateVisitor struct {
	room   *room
	source *source
	faults []fault
	seen   int
}

func (v *stateVisitor) visit(n ast.Node, stack []ast.Node) bool {
	id, ok := n.(*ast.Ident)
	if !ok {
		return true
	}
	global, ok := v.room.info.Uses[id].(*types.Var)
	if !ok || global.Pkg() == nil || global.Parent() != global.Pkg().Scope() || short(global.Pkg().Path()) == global.Pkg().Path() {
		return true
	}
	v.seen++
	if what := v.use(id, stack); what != "" {
		dir := short(global.Pkg().Path())[2:]
		v.faults = append(v.faults, fault{dir, dir + "." + id.Name, v.source.at(id) + ": " + id.Name + " " + what})
	}
	return true
}

// use says what is wrong with a use of a variable; stack is what is around it.
// It climbs from the variable to the whole of what is read or written.
func (v *stateVisitor) use(part ast.Expr, stack []ast.Node) string {
	for _, around := range slices.Backward(stack) {
		switch a := around.(type) {
		case *ast.ParenExpr:
			part = a
		case *ast.StarExpr:
			part = a
		case *ast.SelectorExpr:
			if method, ok := v.room.info.Uses[a.Sel].(*types.Func); ok {
				return v.called(method, part)
			}
			part = a
		case *ast.IndexExpr:
			if a.X != part {
				return ""
			}
			part = a
		case *ast.SliceExpr:
			if a.X != part {
				return ""
			}
			part = a
		default:
			return v.end(around, part)
		}
	}
	return ""
}

func (v *stateVisitor) typeOf(e ast.Expr) types.Type {
	if t := v.room.info.TypeOf(e); t != nil {
		return t.Underlying()
	}
	return types.Typ[types.Invalid]
}

// called judges the call of a method.
func (v *stateVisitor) called(method *types.Func, of ast.Expr) string {
	recv := method.Signature().Recv()
	if recv == nil {
		return ""
	}
	_, wants := recv.Type().(*types.Pointer)
	_, has := v.typeOf(of).(*types.Pointer)
	if wants && !has {
		return "has its address taken by " + method.Name()
	}
	return ""
}

// end judges what is done with a variable, or with a part of one.
func (v *stateVisitor) end(around ast.Node, part ast.Expr) string {
	switch a := around.(type) {
	case *ast.AssignStmt:
		if slices.Contains(a.Lhs, part) {
			return "is assigned"
		}
	case *ast.IncDecStmt:
		return "is assigned"
	case *ast.UnaryExpr: // &table[i] is seen too
		if a.Op == token.AND {
			return "has its address taken"
		}
	case *ast.RangeStmt:
		if a.X == part {
			return ""
		}
		return "is assigned"
	case *ast.BinaryExpr:
		return ""
	case *ast.CallExpr:
		if v.onlyReads(a, part) {
			return ""
		}
	}
	switch v.typeOf(part).(type) {
	case *types.Map, *types.Slice:
		return "is handed on, and could be filled"
	}
	return ""
}

// onlyReads reports whether a call that takes a map or slice only looks at it.
func (v *stateVisitor) onlyReads(c *ast.CallExpr, part ast.Expr) bool {
	if c.Fun == part {
		return true
	}
	switch fun := ast.Unparen(c.Fun).(type) {
	case *ast.Ident:
		switch fun.Name {
		case "len", "cap":
			return true
		case "append", "copy":
			return c.Args[0] != part
		}
	case *ast.SelectorExpr:
		f, ok := v.room.info.Uses[fun.Sel].(*types.Func)
		return ok && f.Pkg() != nil && slices.Contains(readers[f.Pkg().Path()], f.Name())
	}
	return false
}

// readers lists functions that only look at the maps and slices they are given.
var readers = map[string][]string{
	"bytes":   {"Clone", "Equal", "HasPrefix", "HasSuffix", "Contains", "Index"},
	"maps":    {"All", "Clone", "Equal", "Keys", "Values"},
	"slices":  {"All", "BinarySearch", "BinarySearchFunc", "Clone", "Concat", "Contains", "ContainsFunc", "Equal", "Index", "IndexFunc", "Sorted", "Values"},
	"strings": {"Join"},
}
