package main

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/pcapmesh/pcapmesh/mesh"
)

const pcaps = "../../testdata/pcaps/"

func TestRun(t *testing.T) {
	out := filepath.Join(t.TempDir(), "out.pcapng")
	var b strings.Builder
	if err := run(t.Context(), &b, out, pcaps+"inbound-plain-eth0.pcap", pcaps+"inbound-plain-lo.pcap"); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(b.String()), "\n")
	if want := "5 streams, 5 of them joined"; lines[len(lines)-1] != want {
		t.Errorf("last line %q, want %q", lines[len(lines)-1], want)
	}
	for _, l := range lines[:len(lines)-1] {
		if !strings.Contains(l, " > 10.244.2.20:8080 (client-proxy) and 127.0.0.6:") {
			t.Errorf("unexpected join: %s", l)
		}
	}
	again, err := mesh.Stitch(t.Context(), []mesh.Input{{Name: out}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer again.Close()
	if got := len(again.Legs); got != 5 {
		t.Errorf("%d connections in what was written, want 5", got)
	}
}

func TestRunNeedsCaptures(t *testing.T) {
	if err := run(t.Context(), &strings.Builder{}, filepath.Join(t.TempDir(), "out.pcapng"), pcaps+"README.md"); err == nil {
		t.Error("no error for a file that is no capture")
	}
}
