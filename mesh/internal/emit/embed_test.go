package emit_test

import (
	"crypto/tls"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pcapmesh/pcapmesh/capture"
	"github.com/pcapmesh/pcapmesh/internal/test/pcap"
	"github.com/pcapmesh/pcapmesh/internal/test/sim"
	"github.com/pcapmesh/pcapmesh/mesh"
)

// Secrets in a pcapng file count; what is written holds secrets only if asked
// to, and only those of connections that are in it and encrypted.
func TestEmbeddedKeys(t *testing.T) {
	var tr pcap.Trace
	log := sim.SpeakTLS(t, sim.On(&tr, "eth0", "10.0.0.9:4000", "10.244.1.10:5432"), tls.VersionTLS13, 1448, sim.Asks("query"), sim.Answers("result"))
	strange := sim.SpeakTLS(t, new(pcap.Trace).Conn("10.0.0.9:4000", "10.244.1.10:5432"), tls.VersionTLS13, 1448, sim.Asks("query"))
	r := sim.StitchKeys(t, &tr, log+strange)
	for _, tc := range []struct {
		name string
		o    mesh.WriteOptions
		want string
	}{
		{"legs", mesh.WriteOptions{View: mesh.ViewLegs, EmbedKeys: true}, log},
		{"legs, not asked for", mesh.WriteOptions{View: mesh.ViewLegs}, ""},
		{"paths", mesh.WriteOptions{EmbedKeys: true}, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			name := filepath.Join(t.TempDir(), "out.pcapng")
			if _, err := r.WriteFile(t.Context(), name, &tc.o); err != nil {
				t.Fatal(err)
			}
			if got := secrets(t, name); len(strings.Fields(got)) > len(strings.Fields(tc.want)) || (got == "") != (tc.want == "") {
				t.Errorf("secrets %q, want no other than in %q", got, tc.want)
			}
			again, err := mesh.Stitch(t.Context(), []mesh.Input{{Name: name}}, &mesh.Options{Reread: true})
			if err != nil {
				t.Fatal(err)
			}
			defer again.Close()
			if got := sim.Spoken(t, again, 0); tc.want != "" && got != [2]string{"query", "result"} {
				t.Errorf("read back: %q", got)
			}
		})
	}
}

// secrets returns the key log in a pcapng file, which must come before the
// packets.
func secrets(t *testing.T, name string) (text string) {
	t.Helper()
	f, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	r, err := capture.NewReader(f, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.Next(); err != nil {
		t.Fatal(err)
	}
	for _, s := range r.Secrets() {
		if s.Type != 0x544c534b {
			t.Errorf("secret of type %#x", s.Type)
		}
		text += string(s.Data)
	}
	return text
}
