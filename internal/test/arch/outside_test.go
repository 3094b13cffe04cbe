package arch

import (
	"go/types"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// outside is a module of its own that uses this one as programs of others do.
const outside = root + "/internal/test/outside"

// The module outside builds, and what it expects of this one holds.
func TestOutside(t *testing.T) {
	for _, args := range [][]string{{"vet", "./..."}, {"test", "./..."}} {
		cmd := exec.Command("go", args...)
		cmd.Dir = outside
		if text, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("go %s: %v; after a change of dependencies, go mod tidy there\n%s", strings.Join(args, " "), err, text)
		}
	}
}

// implied lists methods that are called through what they satisfy: error, fmt.Stringer,
// gopacket.Decoder and reassembly.Consumer.
var implied = []string{"Error", "String", "Unwrap", "Source.Decode", "Discard.Open", "Discard.Bind", "Discard.Bytes", "Discard.Skip"}

// What is public is taken by some other package, or by an example or the module
// outside, which show why it is.
func TestEveryNameIsTaken(t *testing.T) {
	c, err := checked()
	if err != nil {
		t.Fatal(err)
	}
	taken := make(map[types.Object]bool)
	for _, r := range append(slices.Clone(c.found), examples(t, c)...) {
		for _, o := range r.info.Uses {
			if o.Pkg() != r.types {
				taken[o] = true
			}
		}
	}
	names := 0
	for _, r := range c.found {
		if !isPublic(r.dir) {
			continue
		}
		for _, name := range r.types.Scope().Names() {
			o := r.types.Scope().Lookup(name)
			if !o.Exported() {
				continue
			}
			parts := members(o)
			names += 1 + len(parts)
			if !taken[o] && !slices.ContainsFunc(parts, func(m types.Object) bool { return taken[m] }) {
				t.Errorf("%s.%s is taken by nobody: it need not be public, or wants an example", r.dir, name)
			}
			for _, m := range parts {
				if !taken[m] && !slices.Contains(implied, m.Name()) && !slices.Contains(implied, name+"."+m.Name()) {
					t.Errorf("%s.%s.%s is taken by nobody: it need not be public, or wants an example", r.dir, name, m.Name())
				}
			}
		}
	}
	if names < 1000 {
		t.Errorf("only %d public names: this test looks in the wrong place", names)
	}
}

// members lists the exported methods and fields of a type.
func members(o types.Object) []types.Object {
	tn, ok := o.(*types.TypeName)
	if !ok {
		return nil
	}
	var all []types.Object
	if named, ok := tn.Type().(*types.Named); ok {
		for m := range named.Methods() {
			if m.Exported() {
				all = append(all, m)
			}
		}
	}
	if s, ok := tn.Type().Underlying().(*types.Struct); ok {
		for f := range s.Fields() {
			if f.Exported() {
				all = append(all, f)
			}
		}
	}
	return all
}

// examples type-checks the files with examples of public packages, and the module
// outside.
func examples(t *testing.T, c *checker) []*room {
	t.Helper()
	byDir := make(map[string]*room)
	var all []*room
	add := func(dir string, s *source) {
		if byDir[dir] == nil {
			byDir[dir] = &room{dir: dir}
			all = append(all, byDir[dir])
		}
		byDir[dir].files = append(byDir[dir].files, s)
	}
	for _, s := range sources(t) {
		if isPublic(s.dir) && strings.HasSuffix(s.name, "example_test.go") {
			if strings.Contains(strings.Join(s.imports, " "), "internal/") {
				t.Errorf("%s cannot be copied: it imports %v", s.path(), s.imports)
			}
			add(s.dir, s)
		}
	}
	files, err := filepath.Glob(outside + "/*.go")
	if err != nil || len(files) == 0 {
		t.Fatal("no module outside", err)
	}
	for _, name := range files {
		s, err := parse(sources(t)[0].fset, name)
		if err != nil {
			t.Fatal(err)
		}
		add("outside", s)
	}
	for _, r := range all {
		c.fill(r, "example.org/"+r.dir+"_test")
	}
	return all
}
