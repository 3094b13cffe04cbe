package arch

import (
	"go/ast"
	gobuild "go/build"
	"go/importer"
	"go/token"
	"go/types"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
)

// A room is one package of the module, type-checked as it is on Linux, without
// its tests.
type room struct {
	dir   string
	files []*source
	types *types.Package
	info  *types.Info
}

// sourceOf returns the file in which something of the room is declared, nil if
// it is declared elsewhere.
func (r *room) sourceOf(o types.Object) *source {
	if o == nil || o.Pkg() != r.types {
		return nil
	}
	for _, s := range r.files {
		if s.syntax.FileStart <= o.Pos() && o.Pos() < s.syntax.FileEnd {
			return s
		}
	}
	return nil
}

// rooms returns every package of the module.
func rooms(t *testing.T) []*room {
	t.Helper()
	c, err := checked()
	if err != nil {
		t.Fatal(err)
	}
	return c.found
}

// checked type-checks the tree, once for all tests.
var checked = sync.OnceValues(func() (*checker, error) {
	all, err := tree()
	if err != nil {
		return nil, err
	}
	c := &checker{sources: map[string][]*source{}, rooms: map[string]*room{}, std: importer.ForCompiler(token.NewFileSet(), "source", nil)}
	for _, s := range all {
		if !s.isTest() && onLinux(s) {
			c.sources[s.dir] = append(c.sources[s.dir], s)
		}
	}
	for _, dir := range directories(all) {
		if len(c.sources[dir]) > 0 {
			c.found = append(c.found, c.check(dir))
		}
	}
	return c, nil
})

func onLinux(s *source) bool {
	linux := gobuild.Default
	linux.GOOS, linux.BuildTags = "linux", []string{"testbed"}
	ok, err := linux.MatchFile(filepath.Join(root, s.dir), s.name)
	return ok && err == nil
}

// A checker imports the module's packages from the parsed tree and those of the
// standard library from their source. Of other modules it knows nothing: what
// comes from there has no type, and is of no interest here.
type checker struct {
	sources map[string][]*source
	rooms   map[string]*room
	found   []*room // in the order of their directories
	std     types.Importer
}

// Import implements types.Importer.
func (c *checker) Import(imported string) (*types.Package, error) {
	if dir, ok := strings.CutPrefix(short(imported), "./"); ok {
		return c.check(dir).types, nil
	}
	if first, _, _ := strings.Cut(imported, "/"); !strings.Contains(first, ".") {
		return c.std.Import(imported)
	}
	unknown := types.NewPackage(imported, path.Base(imported))
	unknown.MarkComplete()
	return unknown, nil
}

// check type-checks the package in a directory, and first what it imports.
func (c *checker) check(dir string) *room {
	if r := c.rooms[dir]; r != nil {
		return r
	}
	r := &room{dir: dir, files: c.sources[dir]}
	c.rooms[dir] = r
	c.fill(r, path.Join(module, dir))
	return r
}

// fill type-checks the files of a room.
func (c *checker) fill(r *room, as string) {
	r.info = &types.Info{
		Defs: map[*ast.Ident]types.Object{}, Uses: map[*ast.Ident]types.Object{}, Types: map[ast.Expr]types.TypeAndValue{},
	}
	slices.SortFunc(r.files, func(a, b *source) int { return strings.Compare(a.name, b.name) })
	var syntax []*ast.File
	var fset *token.FileSet
	for _, s := range r.files {
		syntax, fset = append(syntax, s.syntax), s.fset
	}
	config := types.Config{Importer: c, FakeImportC: true, Error: func(error) {}}
	r.types, _ = config.Check(as, fset, syntax, r.info)
}
