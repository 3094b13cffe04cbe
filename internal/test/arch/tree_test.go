package arch

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
	"sync"
	"testing"
)

// module is the path of this module; root is where it lies, seen from here.
const (
	module = "github.com/pcapmesh/pcapmesh"
	root   = "../../.."
)

// A source is one Go file of the tree.
type source struct {
	dir, name string   // dir is slash-separated and relative to the root, "." for the root
	imports   []string // those of ours without the module's path, "./mesh"
	syntax    *ast.File
	fset      *token.FileSet // one for the whole tree
}

func (s *source) path() string { return path.Join(s.dir, s.name) }

func (s *source) isTest() bool { return strings.HasSuffix(s.name, "_test.go") }

// at says where something of the file is: "mesh/stitch.go:93".
func (s *source) at(n ast.Node) string { return s.path() + ":" + strconv.Itoa(s.line(n.Pos())) }

func (s *source) line(p token.Pos) int { return s.fset.Position(p).Line }

// lines counts those that something of the file takes.
func (s *source) lines(n ast.Node) int { return s.line(n.End()) - s.line(n.Pos()) + 1 }

// sources returns every Go file of the module, whatever its build constraints.
func sources(t *testing.T) []*source {
	t.Helper()
	all, err := tree()
	if err != nil {
		t.Fatal(err)
	}
	if len(all) < 100 {
		t.Fatalf("found only %d files: is %s still the root of the module?", len(all), root)
	}
	return all
}

// code returns the files of sources that are no tests.
func code(t *testing.T) []*source {
	t.Helper()
	return slices.DeleteFunc(slices.Clone(sources(t)), (*source).isTest)
}

// tree parses the files, once for all tests.
var tree = sync.OnceValues(parseTree)

func parseTree() ([]*source, error) {
	var all []*source
	fset := token.NewFileSet()
	err := filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && name != root && (skipped(d.Name()) || isModule(name)) {
			return filepath.SkipDir
		}
		if d.IsDir() || filepath.Ext(name) != ".go" {
			return nil
		}
		s, err := parse(fset, name)
		if err != nil {
			return err
		}
		all = append(all, s)
		return nil
	})
	return all, err
}

// skipped names the directories that the go tool ignores too.
func skipped(dir string) bool {
	return dir == "testdata" || strings.HasPrefix(dir, ".") || strings.HasPrefix(dir, "_")
}

// isModule reports whether a directory is a module of its own.
func isModule(dir string) bool {
	_, err := os.Stat(filepath.Join(dir, "go.mod"))
	return err == nil
}

func parse(fset *token.FileSet, name string) (*source, error) {
	src, err := os.ReadFile(name)
	if err != nil {
		return nil, err
	}
	f, err := parser.ParseFile(fset, name, src, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		return nil, err
	}
	rel, err := filepath.Rel(root, name)
	if err != nil {
		return nil, err
	}
	s := &source{dir: path.Dir(filepath.ToSlash(rel)), name: filepath.Base(name), syntax: f, fset: fset}
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
