package scratch

import (
	"os"
	"path/filepath"
	"runtime"
	"testing"
)

// inTemp makes a directory the one for temporary files, and returns a function
// that lists it.
func inTemp(t *testing.T) func() []os.DirEntry {
	t.Helper()
	dir := t.TempDir()
	for _, name := range []string{"TMPDIR", "TMP", "TEMP"} {
		t.Setenv(name, dir)
	}
	return func() []os.DirEntry {
		t.Helper()
		list, err := os.ReadDir(dir)
		if err != nil {
			t.Fatal(err)
		}
		return list
	}
}

func TestFile(t *testing.T) {
	left := inTemp(t)
	f, err := Create()
	if err != nil {
		t.Fatal(err)
	}
	if runtime.GOOS != "windows" {
		if got := left(); len(got) > 0 {
			t.Errorf("an open file has a name: %v", got)
		}
		if info, err := f.Stat(); err != nil || info.Mode() != 0o600 {
			t.Errorf("mode = %v, %v, want -rw-------", info.Mode(), err)
		}
	}
	if _, err := f.WriteString("kept"); err != nil {
		t.Fatal(err)
	}
	got := make([]byte, 4)
	if _, err := f.ReadAt(got, 0); err != nil || string(got) != "kept" {
		t.Errorf("read %q, %v, want %q", got, err, "kept")
	}
	if err := f.Close(); err != nil {
		t.Error(err)
	}
	if got := left(); len(got) > 0 {
		t.Errorf("left behind: %v", got)
	}
}

// A file that had to keep its name loses it in the end.
func TestNamedFile(t *testing.T) {
	left := inTemp(t)
	file, err := os.Create(filepath.Join(os.TempDir(), "pcapmesh-1"))
	if err != nil {
		t.Fatal(err)
	}
	f := &File{file, true}
	if err := f.Close(); err != nil {
		t.Error(err)
	}
	if got := left(); len(got) > 0 {
		t.Errorf("left behind: %v", got)
	}
	if err := f.Close(); err == nil {
		t.Error("closed twice without an error")
	}
}

func TestCreateSaysWhy(t *testing.T) {
	missing := filepath.Join(t.TempDir(), "missing")
	for _, name := range []string{"TMPDIR", "TMP", "TEMP"} {
		t.Setenv(name, missing)
	}
	if f, err := Create(); err == nil || f != nil {
		t.Errorf("got %v, %v, want an error and no file", f, err)
	}
}
