//go:build testbed

package scene_test

import (
	"os/exec"
	"strings"
	"testing"

	"github.com/pcapmesh/pcapmesh/internal/test/bed/packets"
	"github.com/pcapmesh/pcapmesh/internal/test/bed/scene"
	"github.com/pcapmesh/pcapmesh/internal/test/bed/world"
)

// Every scenario plays on this machine; Run itself holds the truth against
// the captures.
func TestLive(t *testing.T) {
	if err := world.Missing(); err != nil {
		t.Skip(err)
	}
	for _, s := range scene.Scenarios() {
		t.Run(s.Name, func(t *testing.T) {
			if err := scene.Missing(s); err != nil {
				t.Skip(err)
			}
			dir := t.TempDir()
			truth, err := scene.Run(t.Context(), s.Name, dir, 2)
			if err != nil {
				t.Fatal(err)
			}
			if err := packets.Check(truth, dir); err != nil {
				t.Error(err)
			}
		})
	}
	t.Run("nothing is left", func(t *testing.T) {
		out, err := exec.Command("ip", "netns", "list").Output()
		if err != nil {
			t.Fatal(err)
		}
		if own := world.SpacePrefix(); strings.Contains(string(out), own) {
			t.Errorf("namespaces of this process:\n%s", out)
		}
	})
}
