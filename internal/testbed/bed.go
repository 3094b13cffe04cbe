//go:build linux

package testbed

import (
	"context"
	"net/netip"

	"github.com/pcapmesh/pcapmesh/internal/test/bed/app"
	"github.com/pcapmesh/pcapmesh/internal/test/bed/assembly"
	"github.com/pcapmesh/pcapmesh/internal/test/bed/mesh"
	"github.com/pcapmesh/pcapmesh/internal/test/bed/world"
)

// bed is one scenario being played: the world of namespaces, the mesh in it, the
// applications, and what is known about the captures. It is built, played and
// torn down by Run.
type bed struct {
	*world.World
	*mesh.Mesh
	*app.Apps

	scenario Scenario
	notes    assembly.Notes
}

func newBed(ctx context.Context, s Scenario, dir string, seed int64) (*bed, error) {
	w, err := world.New(ctx, s.Name, dir, seed, s.v6)
	if err != nil {
		return nil, err
	}
	b := &bed{World: w, Mesh: &mesh.Mesh{World: w}, Apps: &app.Apps{World: w}, scenario: s}
	b.notes.Vips = map[netip.AddrPort]netip.AddrPort{}
	return b, nil
}
