//go:build linux

package mesh

import (
	"github.com/pcapmesh/pcapmesh/internal/test/bed/world"
)

// Mesh is what makes hosts of a world pods: the pods so far, and the TLS
// secrets of all who speak mTLS with them.
type Mesh struct {
	*world.World
	Pods []*Pod
	Keys KeyLog
}
