package mesh_test

import (
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/pcapmesh/pcapmesh/mesh"
)

// However many copies of a capture there are, every packet is written once.
func TestCopiesAreWrittenOnce(t *testing.T) {
	for _, name := range []string{"inbound-plain-eth0.pcap", "inbound-plain-lo.pcap", "any-sll1-any.pcap", "any-sll2-any.pcap", "direction-pair-eth0-in.pcap"} {
		data, err := os.ReadFile(filepath.Join("../testdata/pcaps", name))
		if err != nil {
			t.Fatal(err)
		}
		dir := t.TempDir()
		var inputs []mesh.Input
		var want mesh.Summary
		for i := range 4 {
			file := filepath.Join(dir, string(rune('a'+i)))
			if err := os.WriteFile(file, data, 0o600); err != nil {
				t.Fatal(err)
			}
			inputs = append(inputs, mesh.Input{Name: file})
			r, err := mesh.Stitch(t.Context(), inputs, nil)
			if err != nil {
				t.Fatal(err)
			}
			got, err := r.WriteCapture(t.Context(), io.Discard, nil)
			if err != nil {
				t.Fatal(err)
			}
			r.Close()
			if i == 0 {
				want = got
			}
			if got != want || got.Packets == 0 {
				t.Errorf("%d copies of %s: %+v, of one %+v", i+1, name, got, want)
			}
		}
	}
}
