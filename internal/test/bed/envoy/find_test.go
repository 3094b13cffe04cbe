//go:build linux

package envoy

import (
	"os"
	"path/filepath"
	"testing"
)

// A virtual environment, the script in it and the program itself all lead to the
// program; another script leads nowhere.
func TestFind(t *testing.T) {
	venv := t.TempDir()
	real := filepath.Join(venv, "lib", "python3.11", "site-packages", "envoy", "_bin", "envoy")
	script := filepath.Join(venv, "bin", "envoy")
	for name, text := range map[string]string{real: "\x7fELF...", script: "#!/usr/bin/python3\n"} {
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(text), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for _, place := range []string{venv, script, real} {
		t.Setenv(variable, place)
		if got, err := Find(); got != real || err != nil {
			t.Errorf("%s: %q, %v", place, got, err)
		}
	}
	stray := filepath.Join(t.TempDir(), "envoy")
	if err := os.WriteFile(stray, []byte("#!/bin/sh\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv(variable, stray)
	if got, err := Find(); err == nil {
		t.Errorf("a script that is none of Envoy's: %q", got)
	}
}
