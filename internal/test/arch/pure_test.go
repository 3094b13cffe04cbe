package arch

import (
	"fmt"
	"go/ast"
	"go/types"
	"slices"
	"strings"
	"testing"
)

// impure says what the packages under mesh/internal/decide must not import: the world outside, and
// what makes two runs differ.
var impure = []string{
	"bufio", "context", "crypto/rand", "io", "io/fs", "io/ioutil", "log", "log/slog", "math/rand", "math/rand/v2",
	"net", "net/http", "os", "os/exec", "path/filepath", "runtime", "sync", "sync/atomic", "syscall",
	"./internal/test/pcap", "./internal/report",
}

// touching lists, by package, the names that read a clock or a file. Types and
// constants of time and capture are fine.
var touching = map[string][]string{
	"time": {"Now", "Since", "Until", "Sleep", "After", "AfterFunc", "Tick", "NewTimer", "NewTicker", "Local", "LoadLocation"},
	"capture": {
		"Open", "OpenInput", "NewInput", "StreamInput", "NewReader", "NewMerger", "NewWriter",
		"Input", "Options", "Merger", "Reader", "Writer",
	},
	"index":    {"Decrypt", "OpenKeys", "Read", "Reread", "OpenText"},
	"recorded": {"ReadRules"},
}

// pureRooms begins the names of the packages that decide.
const pureRooms = "mesh/internal/decide/"

func TestDecideIsPure(t *testing.T) {
	found := 0
	for _, s := range code(t) {
		if strings.HasPrefix(s.dir+"/", pureRooms) {
			found++
			for _, fault := range impurities(s) {
				t.Errorf("%s: %s: the same index must always give the same result", s.path(), fault)
			}
		}
	}
	for _, r := range rooms(t) {
		if strings.HasPrefix(r.dir+"/", pureRooms) {
			for _, fault := range assembling(r) {
				t.Errorf("%s: what decides knows of reassembly the halves", fault)
			}
		}
	}
	if found == 0 {
		t.Errorf("nothing lies under %s: this test looks for the wrong path", pureRooms)
	}
}

// assembling lists what a package names of reassembly beside the halves, their
// fields and methods, and constants.
func assembling(r *room) []string {
	var faults []string
	for id, o := range r.info.Uses {
		if o.Pkg() == nil || short(o.Pkg().Path()) != "./reassembly" || o.Parent() != o.Pkg().Scope() {
			continue
		}
		_, constant := o.(*types.Const)
		if !constant && o.Name() != "Half" && o.Name() != "HalfID" {
			faults = append(faults, fmt.Sprintf("%s uses reassembly.%s", r.files[0].fset.Position(id.Pos()), o.Name()))
		}
	}
	return faults
}

// impurities lists what a file does that a pure function does not.
func impurities(s *source) []string {
	var faults []string
	for _, i := range s.imports {
		if slices.Contains(impure, i) {
			faults = append(faults, "imports "+i)
		}
	}
	ast.Inspect(s.syntax, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.GoStmt:
			faults = append(faults, "starts a goroutine")
		case *ast.SelectStmt:
			faults = append(faults, "selects")
		case *ast.SelectorExpr:
			pkg, ok := n.X.(*ast.Ident)
			if ok && slices.Contains(touching[pkg.Name], n.Sel.Name) {
				faults = append(faults, "uses "+pkg.Name+"."+n.Sel.Name)
			}
		}
		return true
	})
	return faults
}

// reading lists files that read, whatever becomes of the others.
var reading = []string{"capture/reader.go", "mesh/stitch.go", "mesh/internal/index/reread.go", "mesh/internal/recorded/reader.go"}

// The checks themselves must see what they are for.
func TestImpuritiesAreSeen(t *testing.T) {
	seen := 0
	for _, s := range sources(t) {
		if !slices.Contains(reading, s.path()) {
			continue
		}
		seen++
		if len(impurities(s)) == 0 {
			t.Errorf("%s reads files, and nothing of it was seen", s.path())
		}
	}
	if seen != len(reading) {
		t.Errorf("%d of %v are there", seen, reading)
	}
	for _, r := range rooms(t) {
		if r.dir == "mesh/internal/index" && len(assembling(r)) == 0 {
			t.Errorf("%s assembles, and nothing of it was seen", r.dir)
		}
	}
}

// A library reports by what it returns.
func TestLibrariesDoNotPrint(t *testing.T) {
	silent := []string{"capture", "capture/filter", "capture/linktype", "capture/tcpip", "reassembly", "mesh", "internal/arena", "internal/wire/fingerprint", "internal/wire/http1", "internal/wire/http2", "internal/wire/tls", "internal/report"}
	loud := []string{"Print", "Printf", "Println"}
	for _, s := range sources(t) {
		if s.isTest() || !slices.Contains(silent, s.dir) && !strings.HasPrefix(s.dir, "mesh/") {
			continue
		}
		if slices.Contains(s.imports, "log") || slices.Contains(s.imports, "log/slog") || slices.Contains(s.imports, "flag") {
			t.Errorf("%s imports log or flag", s.path())
		}
		ast.Inspect(s.syntax, func(n ast.Node) bool {
			sel, ok := n.(*ast.SelectorExpr)
			if !ok {
				return true
			}
			pkg, _ := sel.X.(*ast.Ident)
			switch {
			case pkg == nil:
			case pkg.Name == "fmt" && slices.Contains(loud, sel.Sel.Name),
				pkg.Name == "os" && slices.Contains([]string{"Stdout", "Stderr", "Exit"}, sel.Sel.Name):
				t.Errorf("%s uses %s.%s", s.path(), pkg.Name, sel.Sel.Name)
			}
			return true
		})
	}
}
