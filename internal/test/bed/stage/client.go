//go:build linux

package stage

import (
	"fmt"
	"net/netip"

	"github.com/pcapmesh/pcapmesh/internal/test/bed/app"
	"github.com/pcapmesh/pcapmesh/internal/test/bed/world"
)

// Visitors are n clients outside that call pod b.
func (b *Bed) Visitors(n, calls int, ids func(i int) bool) error {
	return b.Crowd(n, func(i int) app.HTTPClient {
		return app.HTTPClient{From: b.Host("client"), To: b.Host("b").At(AppPort), Name: "svc-b",
			Calls: b.Script(fmt.Sprint("c", i), b.Between(calls, calls+2), ids(i))}
	})
}

// Callers are n connections of pod h's application to one server.
func (b *Bed) Callers(h *world.Host, to netip.AddrPort, n, calls int) error {
	return b.Crowd(n, func(i int) app.HTTPClient {
		return app.HTTPClient{From: h, To: to, Name: "svc", Calls: b.Script(fmt.Sprintf("%s%d", h.Name, i), calls, i%2 == 0)}
	})
}

// Talkers are n clients outside that speak with the raw application of pod b.
func (b *Bed) Talkers(n int, c func(i int) app.TCPClient) error {
	var fs []func() error
	for i := range n {
		k := c(i)
		k.From, k.To = b.Host("client"), b.Host("b").At(RawPort)
		fs = append(fs, func() error { return b.Talk(k) })
	}
	return world.Parallel(fs...)
}

// Addresses gives the clients' host n addresses in all and returns them, with
// port 0.
func (b *Bed) Addresses(n int) ([]netip.AddrPort, error) {
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
