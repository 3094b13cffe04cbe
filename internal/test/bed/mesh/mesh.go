//go:build linux

package mesh

import (
	"net/netip"
	"slices"

	"github.com/pcapmesh/pcapmesh/internal/test/bed/world"
)

// Mesh is what makes hosts of a world pods: the pods so far, and the TLS
// secrets of all who speak mTLS with them.
type Mesh struct {
	*world.World
	Pods []*Pod
	Keys keyLog
}

// Encrypts says whether the proxy speaks TLS with a server.
func (p *Pod) Encrypts(server netip.AddrPort) bool {
	return slices.ContainsFunc(p.Proxy.Routes, func(r Route) bool { return r.TLS != "" && r.Endpoint == server })
}

// Tries says whether the proxy may dial dst for the exchange of a line.
func (p *Pod) Tries(l LogLine, dst netip.AddrPort) bool {
	return l.Server() == dst || slices.ContainsFunc(p.Proxy.Routes, func(r Route) bool {
		return r.Spare.IsValid() && (r.Spare == l.Server() || r.Endpoint == l.Server()) && (r.Spare == dst || r.Endpoint == dst)
	})
}
