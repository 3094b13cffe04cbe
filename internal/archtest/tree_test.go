package archtest

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// module is the path of this module; root is where it lies, seen from here.
const (
	module = "github.com/pcapmesh/pcapmesh"
	root   = "../.."
)

// A source is one Go file of the tree.
type source struct {
	dir, name string   // dir is slash-separated and relative to the root, "." for the root
	imports   []string // those of ours without the module's path, "./mesh"
	syntax    *ast.File
}

func (s *source) path() string { return path.Join(s.dir, s.name) }

func (s *source) isTest() bool { return strings.HasSuffix(s.name, "_test.go") }

// sources parses every Go file of the module, whatever its build constraints.
func sources(t *testing.T) []*source {
	t.Helper()
	var all []*source
	err := filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && name != root && skipped(d.Name()) {
			return filepath.SkipDir
		}
		if d.IsDir() || filepath.Ext(name) != ".go" {
			return nil
		}
		s, err := parse(name)
		if err != nil {
			return err
		}
		all = append(all, s)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(all) < 100 {
		t.Fatalf("found only %d files: is %s still the root of the module?", len(all), root)
	}
	return all
}

// skipped names the directories that the go tool ignores too.
func skipped(dir string) bool {
	return dir == "testdata" || strings.HasPrefix(dir, ".") || strings.HasPrefix(dir, "_")
}

func parse(name string) (*source, error) {
	src, err := os.ReadFile(name)
	if err != nil {
		return nil, err
	}
	f, err := parser.ParseFile(token.NewFileSet(), name, src, parser.SkipObjectResolution)
	if err != nil {
		return nil, err
	}
	rel, err := filepath.Rel(root, name)
	if err != nil {
		return nil, err
	}
	s := &source{dir: path.Dir(filepath.ToSlash(rel)), name: filepath.Base(name), syntax: f}
	for _, i := range f.Imports {
		p, err := strconv.Unquote(i.Path.Value)
		if err != nil {
			return nil, err
		}
		s.imports = append(s.imports, short(p))
	}
	return s, nil
}

// short turns "github.com/pcapmesh/pcapmesh/mesh" into "./mesh".
func short(imported string) string {
	if imported == module {
		return "."
	}
	if rest, ok := strings.CutPrefix(imported, module+"/"); ok {
		return "./" + rest
	}
	return imported
}

// directories returns those that hold Go files, sorted.
func directories(all []*source) []string {
	var dirs []string
	for _, s := range all {
		dirs = append(dirs, s.dir)
	}
	slices.Sort(dirs)
	return slices.Compact(dirs)
}
