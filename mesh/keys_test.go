package mesh_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/pcapmesh/pcapmesh/internal/test/pcap"
	"github.com/pcapmesh/pcapmesh/internal/test/sim"
	"github.com/pcapmesh/pcapmesh/mesh"
)

// A key log that cannot be used is an error; one that is empty is none.
func TestKeyLogErrors(t *testing.T) {
	var tr pcap.Trace
	sim.On(&tr, "eth0", "10.0.0.9:4000", "10.244.1.10:5432").Handshake()
	input := []mesh.Input{{Name: pcap.WriteFile(t, "eth0.pcap", tr.PCAP("eth0"))}}
	for _, tc := range []struct {
		name, file string
		want       error
	}{
		{"not there", filepath.Join(t.TempDir(), "none.txt"), os.ErrNotExist},
		{"no key log", pcap.WriteFile(t, "other.txt", []byte("hello\n")), mesh.ErrNoKeys},
		{"empty", pcap.WriteFile(t, "empty.txt", nil), nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r, err := mesh.Stitch(t.Context(), input, &mesh.Options{KeyLogs: []string{tc.file}})
			if !errors.Is(err, tc.want) {
				t.Errorf("error %v, want %v", err, tc.want)
			}
			if err == nil {
				r.Close()
			}
		})
	}
}
