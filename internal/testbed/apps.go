//go:build linux

package testbed

import (
	"github.com/pcapmesh/pcapmesh/internal/test/bed/socket"
	"github.com/pcapmesh/pcapmesh/internal/test/bed/world"
	"github.com/pcapmesh/pcapmesh/internal/test/truth"
)

// apps are the applications and clients of a world, and what they know of what
// they did.
type apps struct {
	*world.World
	rec     socket.Recorder
	lookups lookups
}

// asked lists the names that were looked up so far.
func (a *apps) asked() []truth.Lookup { return a.lookups.list() }
