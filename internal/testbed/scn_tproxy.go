//go:build linux

package testbed

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"sync"
)

// keptSource is a proxy's socket in Istio's TPROXY mode. As user 1337, nat
// OUTPUT would redirect what it dials from a client's address to 15006. As
// another user of group 1337 it passes: "-o lo ! --uid-owner 1337 -j RETURN"
// stands before the rules for the group, and mark 1337 leads the answers back.
var keptSource = transparent{owner: account{0, 1337}, mark: 1337}

// poolPerClient has the connections from each client's address apart, as
// Envoy's original_src does: requests never share one with another client's.
type poolPerClient struct {
	ctx  context.Context
	host *host
	mu   sync.Mutex
	of   map[netip.Addr]*http.Transport
}

// RoundTrip passes a request on from its client's address.
func (p *poolPerClient) RoundTrip(r *http.Request) (*http.Response, error) {
	a := r.Context().Value(arrivalKey{}).(*arrival)
	return p.pool(unmapped(a.RemoteAddr()).Addr()).RoundTrip(r)
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

func tproxyRules() interception {
	rules := istioDefaults()
	rules.mode = modeTProxy
	return rules
}

// playTProxy has HAProxy behind TPROXY, which dials the application from
// 127.0.0.6; the application calls out as well.
func playTProxy(b *bed) error {
	srv, ext := b.host("b"), b.host("ext")
	for _, h := range []*host{srv, ext} {
		if err := b.serveHTTP(h, h.at(appPort), nil); err != nil {
			return err
		}
	}
	if err := b.sidecarAt(srv, tproxyRules(), sidecar{Routes: []route{{VIP: vip(3, svcPort), Endpoint: ext.at(appPort)}}}); err != nil {
		return err
	}
	b.packLater()
	return parallel(func() error { return b.visitors(5, 5, half) },
		func() error { return b.callers(srv, vip(3, svcPort), 2, 4) })
}

// playOriginalSrc has a proxy behind TPROXY that dials the application from
// the client's address. Three clients have several connections each, and ask
// for the same things.
func playOriginalSrc(b *bed) error {
	srv := b.host("b")
	if err := b.inboundApp(); err != nil {
		return err
	}
	who, err := b.addresses(3)
	if err != nil {
		return err
	}
	if err := b.injectGo(srv, tproxyRules(), nil); err != nil {
		return err
	}
	if err := b.sniffPod(srv); err != nil {
		return err
	}
	b.packLater()
	return b.crowd(9, func(i int) httpClient {
		return httpClient{from: b.host("client"), local: netip.AddrPortFrom(who[i%len(who)], 0), to: srv.at(appPort), name: "svc-b",
			calls: b.script(fmt.Sprint("c", i/len(who)), b.between(4, 6), i < 3)}
	})
}
