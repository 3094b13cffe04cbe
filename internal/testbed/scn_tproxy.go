//go:build linux

package testbed

import (
	"fmt"
	"net/netip"

	"github.com/pcapmesh/pcapmesh/internal/test/bed/app"
	"github.com/pcapmesh/pcapmesh/internal/test/bed/mesh"
	"github.com/pcapmesh/pcapmesh/internal/test/bed/world"
)

// playTProxy has HAProxy behind TPROXY, which dials the application from
// 127.0.0.6; the application calls out as well.
func playTProxy(b *bed) error {
	srv, ext := b.Host("b"), b.Host("ext")
	for _, h := range []*world.Host{srv, ext} {
		if err := b.ServeHTTP(h, h.At(appPort), nil); err != nil {
			return err
		}
	}
	if err := b.sidecarAt(srv, mesh.TProxyDefaults(), mesh.Sidecar{Routes: []mesh.Route{{VIP: vip(3, svcPort), Endpoint: ext.At(appPort)}}}); err != nil {
		return err
	}
	b.PackLater()
	return world.Parallel(func() error { return b.visitors(5, 5, half) },
		func() error { return b.callers(srv, vip(3, svcPort), 2, 4) })
}

// playOriginalSrc has a proxy behind TPROXY that dials the application from
// the client's address. Three clients have several connections each, and ask
// for the same things.
func playOriginalSrc(b *bed) error {
	srv := b.Host("b")
	if err := b.inboundApp(); err != nil {
		return err
	}
	who, err := b.addresses(3)
	if err != nil {
		return err
	}
	if err := b.InjectGo(srv, mesh.TProxyDefaults(), nil); err != nil {
		return err
	}
	if err := b.sniffPod(srv); err != nil {
		return err
	}
	b.PackLater()
	return b.Crowd(9, func(i int) app.HTTPClient {
		return app.HTTPClient{From: b.Host("client"), Local: who[i%len(who)], To: srv.At(appPort), Name: "svc-b",
			Calls: b.Script(fmt.Sprint("c", i/len(who)), b.Between(4, 6), i < 3)}
	})
}

// addresses gives the clients' host n addresses in all and returns them, with
// port 0.
func (b *bed) addresses(n int) ([]netip.AddrPort, error) {
	h := b.Host("client")
	var out []netip.AddrPort
	for ip := h.IP; len(out) < n; ip = ip.Next() {
		if len(out) > 0 {
			if _, err := b.Command("ip", "-n", h.NS, "addr", "add", ip.String()+"/24", "dev", "eth0"); err != nil {
				return nil, err
			}
		}
		out = append(out, netip.AddrPortFrom(ip, 0))
	}
	return out, nil
}
