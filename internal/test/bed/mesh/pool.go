//go:build linux

package mesh

import (
	"context"
	"net"
	"net/http"
	"net/netip"
	"sync"

	"github.com/pcapmesh/pcapmesh/internal/test/bed/world"
)

// keptSource is a proxy's socket in Istio's TPROXY mode. As user 1337, nat
// OUTPUT would redirect what it dials from a client's address to 15006. As
// another user of group 1337 it passes: "-o lo ! --uid-owner 1337 -j RETURN"
// stands before the rules for the group, and mark 1337 leads the answers back.
var keptSource = transparent{owner: world.Account{UID: 0, GID: 1337}, mark: 1337}

// poolPerClient has the connections from each client's address apart, as
// Envoy's original_src does: requests never share one with another client's.
type poolPerClient struct {
	ctx  context.Context
	host *world.Host
	mu   sync.Mutex
	of   map[netip.Addr]*http.Transport
}

// RoundTrip passes a request on from its client's address.
func (p *poolPerClient) RoundTrip(r *http.Request) (*http.Response, error) {
	a := r.Context().Value(arrivalKey{}).(*arrival)
	return p.pool(world.Unmapped(a.RemoteAddr()).Addr()).RoundTrip(r)
}

func (p *poolPerClient) pool(from netip.Addr) *http.Transport {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.of[from] == nil {
		dial := func(_ context.Context, _, addr string) (net.Conn, error) {
			to, err := netip.ParseAddrPort(addr)
			if err != nil {
				return nil, err
			}
			return keptSource.dial(p.ctx, p.host, from, to)
		}
		p.of[from] = &http.Transport{DialContext: dial, MaxIdleConnsPerHost: 100, DisableCompression: true}
	}
	return p.of[from]
}
