package main

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/pcapmesh/pcapmesh/mesh"
)

// What the generator says is in a capture can be found there.
func TestWantIsThere(t *testing.T) {
	for name := range mixes {
		t.Run(name, func(t *testing.T) {
			m := mixes[name]
			m.conns, m.open = 40, 15
			var b bytes.Buffer
			want, err := generate(&b, m, 40*(m.tail*2+20_000), 1)
			if err != nil {
				t.Fatal(err)
			}
			if want.Exchanges < 20 {
				t.Fatalf("only %d exchanges", want.Exchanges)
			}
			file := filepath.Join(t.TempDir(), "x.pcap")
			if err := os.WriteFile(file, b.Bytes(), 0o644); err != nil {
				t.Fatal(err)
			}
			r, err := mesh.Stitch(t.Context(), []mesh.Input{{Name: file}}, nil)
			if err != nil {
				t.Fatal(err)
			}
			defer r.Close()
			if got := int64(r.Inputs[0].Packets); got != want.Packets {
				t.Errorf("%d packets, want %d", got, want.Packets)
			}
			if got := len(r.Legs); got != want.Legs {
				t.Errorf("%d legs, want %d", got, want.Legs)
			}
			if got := whole(r); got != want.Exchanges {
				t.Errorf("%d whole exchanges, want %d", got, want.Exchanges)
			}
			for _, l := range r.Legs {
				if l.OrigMissing+l.ReplyMissing > 0 || l.Midstream || l.ClosedBy == "open" {
					t.Errorf("leg %d is not whole: %+v", l.ID, l)
				}
			}
		})
	}
}

// whole counts the exchanges with request and response.
func whole(r *mesh.Result) int {
	n := 0
	for _, p := range r.Paths {
		for _, e := range p.Exchanges {
			if e.Method == "GET" && e.Status == 200 {
				n++
			}
		}
	}
	return n
}

func TestSameFlagsSameBytes(t *testing.T) {
	m := mixes["small"]
	m.conns, m.open = 20, 5
	var a, b bytes.Buffer
	if _, err := generate(&a, m, 50_000, 3); err != nil {
		t.Fatal(err)
	}
	if _, err := generate(&b, m, 50_000, 3); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(a.Bytes(), b.Bytes()) {
		t.Error("the same seed gave two captures")
	}
}
