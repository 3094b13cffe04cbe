//go:build unix

package main

import (
	"os"
	"path/filepath"
	"runtime"
	"testing"
)

// A run has a time, and memory in megabytes: a shell has more than a tenth of one
// and less than a thousand. What it prints goes where it should.
func TestOnce(t *testing.T) {
	name := filepath.Join(t.TempDir(), "out")
	out, err := os.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	u, err := once([]string{"sh", "-c", "echo hello; sleep 0.05"}, out)
	if err != nil {
		t.Fatal(err)
	}
	if text, err := os.ReadFile(name); err != nil || string(text) != "hello\n" {
		t.Errorf("printed %q, %v", text, err)
	}
	if u.wall < .05 || u.cpu < 0 || u.cpu > u.wall*float64(runtime.NumCPU())+1 || u.rss < .1 || u.rss > 1000 {
		t.Errorf("got %+v", u)
	}
	if _, err := once([]string{"sh", "-c", "echo hello"}, nil); err != nil {
		t.Errorf("thrown away: %v", err)
	}
}

// What a command burns is time of its own and of the system.
func TestOnceCountsWork(t *testing.T) {
	u, err := once([]string{"sh", "-c", "i=0; while [ $i -lt 20000 ]; do i=$((i+1)); done"}, nil)
	if err != nil || u.cpu <= 0 {
		t.Errorf("got %+v, %v", u, err)
	}
}

// Memory is counted in MiB: dd holds one block, and little besides.
func TestOnceCountsMemory(t *testing.T) {
	u, err := once([]string{"dd", "if=/dev/zero", "of=/dev/null", "bs=67108864", "count=1"}, nil)
	if err != nil || u.rss < 64 || u.rss > 127 {
		t.Errorf("a block of 64 MiB took %+v, %v", u, err)
	}
}
