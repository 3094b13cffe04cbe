//go:build linux

package scene_test

import (
	"testing"

	"github.com/pcapmesh/pcapmesh/internal/test/bed/packets"
	"github.com/pcapmesh/pcapmesh/internal/test/bed/scene"
	"github.com/pcapmesh/pcapmesh/internal/test/truth"
)

const shipped = "../../../../testdata/pcaps"

// Every shipped truth agrees with itself and with its captures.
func TestShipped(t *testing.T) {
	for _, s := range scene.Shipped() {
		t.Run(s.Name, func(t *testing.T) {
			known, err := truth.Read(truth.Path(shipped, s.Name))
			if err != nil {
				t.Fatal(err)
			}
			if err := known.Check(); err != nil {
				t.Error(err)
			}
			if err := packets.Check(known, shipped); err != nil {
				t.Error(err)
			}
		})
	}
}
