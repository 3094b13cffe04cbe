//go:build linux

package testbed_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/pcapmesh/pcapmesh/internal/test/bed/pcap"
	"github.com/pcapmesh/pcapmesh/internal/test/truth"
	"github.com/pcapmesh/pcapmesh/internal/testbed"
)

const shipped = "../../testdata/pcaps"

// Every shipped truth agrees with itself and with its captures.
func TestShipped(t *testing.T) {
	for _, s := range testbed.Shipped() {
		t.Run(s.Name, func(t *testing.T) {
			truth, err := truth.Read(truth.Path(shipped, s.Name))
			if err != nil {
				t.Fatal(err)
			}
			if err := truth.Check(); err != nil {
				t.Error(err)
			}
			if err := pcap.Check(truth, shipped); err != nil {
				t.Error(err)
			}
		})
	}
}

// The README is the one that the truth files give.
func TestReadme(t *testing.T) {
	want, err := testbed.Readme(shipped)
	if err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(filepath.Join(shipped, "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != want {
		t.Error("README.md is out of date: go run ./internal/testbed/run -readme testdata/pcaps")
	}
}

// Captures stay small: a clone pays for each byte. What ties encrypted legs to
// others is only shown by hundreds of exchanges and by many connections at
// once, and what is encrypted does not pack.
func TestSizes(t *testing.T) {
	const each, all = 820 << 10, 16 << 20
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
