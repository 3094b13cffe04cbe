//go:build linux

package main

import (
	"os"
	"path/filepath"
	"testing"
)

const shipped = "../../../../testdata/pcaps"

// The README is the one that the truth files give.
func TestReadme(t *testing.T) {
	want, err := readme(shipped)
	if err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(filepath.Join(shipped, "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != want {
		t.Error("README.md is out of date: go run ./internal/test/bed/run -readme testdata/pcaps")
	}
}

// Captures stay small: a clone pays for each byte. What ties encrypted legs to
// others is only shown by hundreds of exchanges and by many connections at
// once, and what is encrypted does not pack.
func TestSizes(t *testing.T) {
	const each, all = 820 << 10, 17 << 20
	var sum int64
	entries, err := os.ReadDir(shipped)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		info, err := e.Info()
		if err != nil {
			t.Fatal(err)
		}
		if info.Size() > each {
			t.Errorf("%s has %d bytes", e.Name(), info.Size())
		}
		sum += info.Size()
	}
	if sum > all {
		t.Errorf("%d bytes in all, at most %d", sum, all)
	}
}
