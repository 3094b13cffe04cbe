package main

import (
	"flag"
	"path/filepath"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"pcapmesh": main})
}

// TestScript runs the scripts of testdata/script; with -update they take over
// what was printed.
func TestScript(t *testing.T) {
	captures, err := filepath.Abs("../../testdata/pcaps")
	if err != nil {
		t.Fatal(err)
	}
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		Setup:               func(e *testscript.Env) error { e.Setenv("PCAPS", captures); return nil },
		UpdateScripts:       *update,
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
	})
}

var update = flag.Bool("update", false, "rewrite the expected output in testdata/script")
