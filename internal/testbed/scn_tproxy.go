//go:build linux

package testbed

import (
	"fmt"
	"net/netip"
)

// playTProxy has HAProxy behind TPROXY, which dials the application from
// 127.0.0.6; the application calls out as well.
func playTProxy(b *bed) error {
	srv, ext := b.host("b"), b.host("ext")
	for _, h := range []*host{srv, ext} {
		if err := b.serveHTTP(h, h.at(appPort), nil); err != nil {
			return err
		}
	}
	if err := b.sidecarAt(srv, TProxyDefaults(), sidecar{Routes: []route{{VIP: vip(3, svcPort), Endpoint: ext.at(appPort)}}}); err != nil {
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
	if err := b.injectGo(srv, TProxyDefaults(), nil); err != nil {
		return err
	}
	if err := b.sniffPod(srv); err != nil {
		return err
	}
	b.packLater()
	return b.crowd(9, func(i int) httpClient {
		return httpClient{from: b.host("client"), local: who[i%len(who)], to: srv.at(appPort), name: "svc-b",
			calls: b.script(fmt.Sprint("c", i/len(who)), b.between(4, 6), i < 3)}
	})
}

// addresses gives the clients' host n addresses in all and returns them, with
// port 0.
func (b *bed) addresses(n int) ([]netip.AddrPort, error) {
	h := b.host("client")
	var out []netip.AddrPort
	for ip := h.ip; len(out) < n; ip = ip.Next() {
		if len(out) > 0 {
			if _, err := b.command("ip", "-n", h.NS, "addr", "add", ip.String()+"/24", "dev", "eth0"); err != nil {
				return nil, err
			}
		}
		out = append(out, netip.AddrPortFrom(ip, 0))
	}
	return out, nil
}
