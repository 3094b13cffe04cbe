//go:build linux

package testbed

import (
	"net/netip"

	"github.com/pcapmesh/pcapmesh/internal/test/bed/mesh"
	"github.com/pcapmesh/pcapmesh/internal/test/bed/socket"
	"github.com/pcapmesh/pcapmesh/internal/test/truth"
)

// evidence is what a played scenario leaves behind, of which its truth is made.
type evidence struct {
	*mesh.Mesh
	about   string // the scenario's one sentence
	rec     *socket.Recorder
	lookups []truth.Lookup
	notes   *Notes
}

// Notes is what a scenario knows about its capture that the records do
// not show.
type Notes struct {
	incomplete bool                              // the capture misses bytes on every leg
	missing    int                               // one packet of so many is taken out of the captures; 0: none
	brief      bool                              // exchanges are many and alike: the truth leaves their bytes out
	oddTurns   bool                              // turns are not exchanges
	sameObject bool                              // nothing separates the exchanges
	alike      map[netip.Addr]bool               // nor those of clients at these addresses
	payload    bool                              // the capture has packets with payload only
	halves     bool                              // of each redirected connection, lo shows one direction only
	lost       map[netip.AddrPort]string         // with halves: which is lost, by the client's end as lo shows it
	masquerade string                            // interface of the node behind its NAT, where it captures too
	vips       map[netip.AddrPort]netip.AddrPort // kube-proxy's services
}
