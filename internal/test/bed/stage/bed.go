//go:build linux

package stage

import (
	"context"
	"net/netip"

	"github.com/pcapmesh/pcapmesh/internal/test/bed/app"
	"github.com/pcapmesh/pcapmesh/internal/test/bed/assembly"
	"github.com/pcapmesh/pcapmesh/internal/test/bed/mesh"
	"github.com/pcapmesh/pcapmesh/internal/test/bed/world"
)

// Bed is one scenario being played: the world of namespaces, the mesh in it, the
// applications, and what is known about the captures. It is built, played and
// torn down by Attempt.
type Bed struct {
	*world.World
	*mesh.Mesh
	*app.Apps

	scenario Scenario
	Notes    assembly.Notes
}

func newBed(ctx context.Context, s Scenario, dir string, seed int64) (*Bed, error) {
	w, err := world.New(ctx, s.Name, dir, seed, s.V6)
	if err != nil {
		return nil, err
	}
	b := &Bed{World: w, Mesh: &mesh.Mesh{World: w}, Apps: &app.Apps{World: w}, scenario: s}
	b.Notes.VIPs = map[netip.AddrPort]netip.AddrPort{}
	return b, nil
}
