package arch

import (
	"go/ast"
	"reflect"
	"strconv"
	"strings"
	"testing"
)

// structs lists the fields of every struct that internal/report prints as JSON, as
// "name: type". A struct without a name goes by that of its function.
func structs(t *testing.T) map[string][]string {
	t.Helper()
	all, out := declarations(t, "internal/report"), make(map[string][]string)
	for name, n := range all {
		if _, ok := n.(*ast.ValueSpec); ok {
			continue
		}
		ast.Inspect(n, func(n ast.Node) bool {
			if s, ok := n.(*ast.StructType); ok {
				if fields := all.fields(s); fields != nil {
					out[name] = fields
				}
			}
			return true
		})
	}
	return out
}

// fields lists what JSON has of a struct; nil if it is not made for JSON.
func (all declared) fields(s *ast.StructType) []string {
	var out []string
	for _, f := range s.Fields.List {
		if id, ok := f.Type.(*ast.Ident); ok && len(f.Names) == 0 {
			if inner, ok := all[id.Name].(*ast.StructType); ok {
				out = append(out, all.fields(inner)...)
			}
		}
		if f.Tag == nil {
			continue
		}
		tag, _ := strconv.Unquote(f.Tag.Value) // the parser has read it
		name, options, _ := strings.Cut(reflect.StructTag(tag).Get("json"), ",")
		typ := all.jsonType(f.Type)
		if _, pointer := f.Type.(*ast.StarExpr); options == "omitempty" {
			typ += ", optional"
		} else if pointer {
			typ += " or null"
		}
		out = append(out, name+": "+typ)
	}
	return out
}

// jsonType says what JSON has for a type of Go.
func (all declared) jsonType(typ ast.Expr) string {
	switch typ := typ.(type) {
	case *ast.StarExpr:
		return all.jsonType(typ.X)
	case *ast.ArrayType:
		if of := all.jsonType(typ.Elt); of != "byte" {
			return of + "[]"
		}
		return "string" // base64
	case *ast.SelectorExpr:
		return "string" // of netip: an address, or one with a port
	case *ast.Ident:
		switch typ.Name {
		case "string", "byte":
			return typ.Name
		case "bool":
			return "boolean"
		}
		if _, ok := all[typ.Name].(*ast.StructType); ok {
			return "object"
		}
	}
	return "number"
}
