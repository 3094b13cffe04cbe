//go:build linux

package app

import (
	"github.com/pcapmesh/pcapmesh/internal/test/bed/socket"
	"github.com/pcapmesh/pcapmesh/internal/test/bed/world"
	"github.com/pcapmesh/pcapmesh/internal/test/truth"
)

// Apps are the applications and clients of a world, and what they know of what
// they did.
type Apps struct {
	*world.World
	Rec     socket.Recorder
	lookups lookups
}

// Asked lists the names that were looked up so far.
func (a *Apps) Asked() []truth.Lookup { return a.lookups.list() }
