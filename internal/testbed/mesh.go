//go:build linux

package testbed

import (
	"net/netip"
	"slices"

	"github.com/pcapmesh/pcapmesh/internal/test/bed/world"
)

// mesh is what makes hosts of a world pods: the pods so far, and the TLS
// secrets of all who speak mTLS with them.
type mesh struct {
	*world.World
	pods []*pod
	keys keyLog
}

// encrypts says whether the proxy speaks TLS with a server.
func (p *pod) encrypts(server netip.AddrPort) bool {
	return slices.ContainsFunc(p.proxy.Routes, func(r route) bool { return r.TLS != "" && r.Endpoint == server })
}

// tries says whether the proxy may dial dst for the exchange of a line.
func (p *pod) tries(l logLine, dst netip.AddrPort) bool {
	return l.server() == dst || slices.ContainsFunc(p.proxy.Routes, func(r route) bool {
		return r.Spare.IsValid() && (r.Spare == l.server() || r.Endpoint == l.server()) && (r.Spare == dst || r.Endpoint == dst)
	})
}
