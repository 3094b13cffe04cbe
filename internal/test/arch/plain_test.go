package arch

import (
	"go/types"
	"slices"
	"testing"
)

// plainPackages hold what a program gets: data, which it can build, compare and
// print as well as the library.
var plainPackages = []string{"mesh/cluster", "mesh/flow", "mesh/names", "mesh/profile", "mesh/record"}

func TestResultsArePlain(t *testing.T) {
	structs := 0
	for _, r := range rooms(t) {
		if !slices.Contains(plainPackages, r.dir) {
			continue
		}
		for _, name := range r.types.Scope().Names() {
			o, ok := r.types.Scope().Lookup(name).(*types.TypeName)
			if !ok || !o.Exported() {
				continue
			}
			if s, ok := o.Type().Underlying().(*types.Struct); ok {
				structs++
				checkPlain(t, r.dir+"."+name, s)
			}
		}
	}
	if structs < len(plainPackages) {
		t.Errorf("found %d structs in %v: this test looks for the wrong path", structs, plainPackages)
	}
}

func checkPlain(t *testing.T, name string, s *types.Struct) {
	t.Helper()
	for f := range s.Fields() {
		if !f.Exported() {
			t.Errorf("%s.%s is not exported: results are plain data", name, f.Name())
		}
		if !plain(f.Type()) {
			t.Errorf("%s.%s is %s: results are plain data", name, f.Name(), f.Type())
		}
	}
}

// plain reports whether values of a type are data: no function, channel or
// interface, and nothing that holds one. What is declared as a struct is judged
// where it is declared.
func plain(typ types.Type) bool {
	if named, ok := types.Unalias(typ).(*types.Named); ok {
		if _, ok := named.Underlying().(*types.Struct); ok {
			return true
		}
	}
	switch u := typ.Underlying().(type) {
	case *types.Basic:
		return u.Kind() != types.Invalid && u.Kind() != types.UnsafePointer
	case *types.Pointer:
		return plain(u.Elem())
	case *types.Slice:
		return plain(u.Elem())
	case *types.Array:
		return plain(u.Elem())
	case *types.Map:
		return plain(u.Key()) && plain(u.Elem())
	case *types.Struct:
		for f := range u.Fields() {
			if !plain(f.Type()) {
				return false
			}
		}
		return true
	}
	return false
}
