//go:build linux

package assembly

import (
	"net/netip"

	"github.com/pcapmesh/pcapmesh/internal/test/bed/mesh"
	"github.com/pcapmesh/pcapmesh/internal/test/bed/socket"
	"github.com/pcapmesh/pcapmesh/internal/test/truth"
)

// Evidence is what a played scenario leaves behind, of which its truth is made.
type Evidence struct {
	*mesh.Mesh
	About   string // the scenario's one sentence
	Rec     *socket.Recorder
	Lookups []truth.Lookup
	Notes   *Notes
}

// Notes is what a scenario knows about its capture that the records do
// not show.
type Notes struct {
	Incomplete bool                              // the capture misses bytes on every leg
	Missing    int                               // one packet of so many is taken out of the captures; 0: none
	Brief      bool                              // exchanges are many and alike: the truth leaves their bytes out
	OddTurns   bool                              // turns are not exchanges
	SameObject bool                              // nothing separates the exchanges
	Alike      map[netip.Addr]bool               // nor those of clients at these addresses
	Payload    bool                              // the capture has packets with payload only
	Halves     bool                              // of each redirected connection, lo shows one direction only
	Lost       map[netip.AddrPort]string         // with halves: which is lost, by the client's end as lo shows it
	Masquerade string                            // interface of the node behind its NAT, where it captures too
	Asides     map[netip.AddrPort]bool           // servers that proxies ask on their own account
	VIPs       map[netip.AddrPort]netip.AddrPort // kube-proxy's services
}
