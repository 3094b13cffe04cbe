package arch

import (
	"fmt"
	"go/ast"
	"go/doc/comment"
	"go/parser"
	"go/token"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// given lists what code in comments takes for granted, by package.
var given = map[string]map[string]string{
	"capture/linktype":  {"packet": "[]byte"},
	"capture/tcpip":     {"r": "*capture.Reader"},
	"capture/gopackets": {"reader": "*capture.Reader"},
	"reassembly":        {"consumer": "reassembly.Consumer", "decoder": "*tcpip.Decoder", "r": "*capture.Reader"},
	"mesh":              {"ctx": "context.Context"},
}

// Code in the comments of public packages compiles.
func TestCommentsCompile(t *testing.T) {
	dir := t.TempDir()
	n := 0
	for _, s := range code(t) {
		if !isPublic(s.dir) {
			continue
		}
		for _, block := range goBlocks(t, s) {
			n++
			name := filepath.Join(dir, fmt.Sprintf("block%d.go", n))
			if err := os.WriteFile(name, []byte(program(t, s, n, block)), 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
	if n < 8 {
		t.Fatalf("%d blocks of code in comments: this test looks in the wrong place", n)
	}
	if err := os.WriteFile(filepath.Join(dir, "main.go"), []byte("package main\n\nfunc main() {}\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil {
		t.Fatal(err)
	}
	build(t, filepath.Join(dir, "program"), files...)
}

// isPublic reports whether programs of others may import the package of a directory.
func isPublic(dir string) bool {
	top, _, _ := strings.Cut(dir, "/")
	return slices.Contains([]string{"capture", "reassembly", "mesh"}, top) && !strings.Contains(dir+"/", "/internal/")
}

// goBlocks returns the Go code in the comments of a file.
func goBlocks(t *testing.T, s *source) []string {
	t.Helper()
	var blocks []string
	for _, c := range comments(s.syntax) {
		for _, b := range new(comment.Parser).Parse(c.Text()).Content {
			block, ok := b.(*comment.Code)
			if !ok {
				continue
			}
			_, err := parser.ParseFile(token.NewFileSet(), "", "package p\nfunc _() {\n"+block.Text+"}", parser.SkipObjectResolution)
			switch {
			case err == nil:
				blocks = append(blocks, block.Text)
			case strings.Contains(block.Text, ":="):
				t.Errorf("%s: code in a comment: %v\n%s", s.path(), err, block.Text)
			}
		}
	}
	return blocks
}

// comments lists those of a file that documentation shows.
func comments(f *ast.File) []*ast.CommentGroup {
	var all []*ast.CommentGroup
	add := func(c *ast.CommentGroup) {
		if c != nil {
			all = append(all, c)
		}
	}
	add(f.Doc)
	for _, d := range f.Decls {
		switch d := d.(type) {
		case *ast.FuncDecl:
			add(d.Doc)
		case *ast.GenDecl:
			add(d.Doc)
			for _, spec := range d.Specs {
				if s, ok := spec.(*ast.TypeSpec); ok {
					add(s.Doc)
				}
			}
		}
	}
	return all
}

// program makes a function of a block.
func program(t *testing.T, s *source, n int, block string) string {
	t.Helper()
	f, err := parser.ParseFile(token.NewFileSet(), "", "package p\nfunc _() {\n"+block+"}", parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	named, defined, packages := make(map[string]bool), make(map[string]bool), make(map[string]bool)
	ast.Inspect(f, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.SelectorExpr:
			if x, ok := n.X.(*ast.Ident); ok {
				packages[x.Name] = true
			}
		case *ast.Ident:
			named[n.Name] = true
		}
		return true
	})
	for _, st := range f.Decls[0].(*ast.FuncDecl).Body.List {
		if a, ok := st.(*ast.AssignStmt); ok && a.Tok == token.DEFINE {
			for _, l := range a.Lhs {
				defined[l.(*ast.Ident).Name] = true
			}
		}
	}
	delete(defined, "_")
	var params, tail string
	for _, name := range slices.Sorted(maps.Keys(given[s.dir])) {
		if named[name] && !defined[name] {
			typ := given[s.dir][name]
			params += name + " " + typ + ", "
			pkg, _, _ := strings.Cut(strings.TrimLeft(typ, "*[]"), ".")
			packages[pkg] = true
		}
	}
	for _, name := range slices.Sorted(maps.Keys(defined)) {
		tail += "_ = " + name + "\n"
	}
	imports := ""
	for _, p := range importable {
		if packages[path.Base(p)] {
			imports += fmt.Sprintf("import %q\n", p)
		}
	}
	return fmt.Sprintf("package main\n\n%s\n// %s\nfunc block%d(%s) error {\n%s%sreturn nil\n}\n", imports, s.path(), n, params, block, tail)
}

// importable lists what code in comments may use.
var importable = []string{
	"context", "errors", "fmt", "io", "log", "net/netip", "os", "strings", "github.com/google/gopacket",
	module + "/capture", module + "/capture/gopackets", module + "/capture/linktype", module + "/capture/live", module + "/capture/tcpip",
	module + "/mesh", module + "/mesh/accesslog", module + "/mesh/conntrack", module + "/mesh/flow", module + "/mesh/profile", module + "/mesh/rules",
	module + "/mesh/rules/istio", module + "/mesh/rules/netfilter", module + "/mesh/rules/walk", module + "/mesh/sockets", module + "/reassembly",
}
