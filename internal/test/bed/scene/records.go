//go:build linux

package scene

import (
	"fmt"
	"net/http"
	"net/netip"
	"time"

	"github.com/pcapmesh/pcapmesh/internal/test/bed/app"
	"github.com/pcapmesh/pcapmesh/internal/test/bed/mesh"
	"github.com/pcapmesh/pcapmesh/internal/test/bed/stage"
	"github.com/pcapmesh/pcapmesh/internal/test/bed/world"
	"github.com/pcapmesh/pcapmesh/internal/test/truth"
)

// What the records of a pod tell, and its captures do not.

// patience of a proxy whose servers come and go: between two attempts.
const patience = 250 * time.Millisecond

// playUpstreamRefused has servers that are not there, not yet, or only one of
// two. Exchanges that are tried again come one after the other, so that each
// attempt can be told whose it was.
func playUpstreamRefused(b *stage.Bed) error {
	srv, ext := b.Host("b"), b.Host("ext")
	for _, at := range []struct {
		h    *world.Host
		port int
	}{{srv, stage.AppPort}, {ext, 9002}} {
		if err := b.ServeHTTP(at.h, at.h.At(at.port), nil); err != nil {
			return err
		}
	}
	s := mesh.Sidecar{Retries: 2, Patience: "250ms", Routes: []mesh.Route{
		{VIP: stage.VIP(1, stage.SvcPort), Endpoint: ext.At(9001), Spare: ext.At(9002)},
		{VIP: stage.VIP(2, stage.SvcPort), Endpoint: ext.At(9003)}}}
	if err := b.SidecarAt(srv, mesh.IstioDefaults(), s); err != nil {
		return err
	}
	inbound := app.HTTPClient{From: b.Host("client"), To: srv.At(stage.AppPort + 1), Name: "svc-b"}
	series := []func() error{
		func() error { return inVain(b, inbound, "gone") },
		func() error { return lateServer(b, inbound) },
		func() error {
			return inVain(b, app.HTTPClient{From: srv, To: stage.VIP(2, stage.SvcPort), Name: "svc-2"}, "none")
		},
	}
	for i := range 4 {
		c := app.HTTPClient{From: srv, To: stage.VIP(1, stage.SvcPort), Name: "svc", Calls: apart(b, fmt.Sprint("spare", i), 3)}
		series = append(series, func() error { return b.Play(c) })
	}
	return world.Parallel(func() error { return b.Visitors(3, 4, half) }, func() error {
		for _, f := range series {
			if err := f(); err != nil {
				return err
			}
		}
		return nil
	})
}

// apart is a script whose requests keep so far apart that attempts of two
// exchanges do not meet.
func apart(b *stage.Bed, who string, n int) []app.Call {
	calls := b.Script(who, n, true)
	for i := range calls {
		calls[i].Think += 25 * time.Millisecond
	}
	return calls
}

// inVain makes a request that nobody answers but the proxy.
func inVain(b *stage.Bed, c app.HTTPClient, who string) error {
	c.Calls = apart(b, who, 1)
	c.Calls[0].Status = http.StatusServiceUnavailable
	return b.Play(c)
}

// lateServer has an application that starts while the proxy tries again.
func lateServer(b *stage.Bed, c app.HTTPClient) error {
	c.Calls = apart(b, "late", 3)
	return world.Parallel(func() error { return b.Play(c) }, func() error {
		if err := b.Pause(patience + patience/2); err != nil {
			return err
		}
		return b.ServeHTTP(b.Host("b"), c.To, nil)
	})
}

// refusedAndServed wants both ends that refused attempts can lead to.
func refusedAndServed(t *truth.Truth) error {
	vain, again := 0, 0
	for _, l := range t.Links {
		switch {
		case l.Status == http.StatusServiceUnavailable:
			vain++
		case l.Attempt > 1:
			again++
		}
	}
	if vain < 2 || again < 2 {
		return fmt.Errorf("%d exchanges in vain, %d served after a refusal", vain, again)
	}
	return nil
}

// gatewayMinted has clients that all ask the same and set no request id. Two
// addresses have one client each, the third has three, which nothing
// separates.
func gatewayMinted(record func(*stage.Bed, *world.Host) error) func(*stage.Bed) error {
	return func(b *stage.Bed) error {
		gw, srv := b.Host("gw"), b.Host("b")
		if err := b.InboundApp(); err != nil {
			return err
		}
		s := mesh.Sidecar{Gateway: true, Routes: []mesh.Route{{VIP: stage.VIP(1, stage.SvcPort), Endpoint: srv.At(stage.AppPort)}}}
		if _, err := b.Inject(gw, mesh.Interception{UID: 1337, In: stage.SvcPort}, s); err != nil {
			return err
		}
		if err := record(b, gw); err != nil {
			return err
		}
		at, err := b.Addresses(3)
		if err != nil {
			return err
		}
		b.Notes.Alike = map[netip.Addr]bool{at[2].Addr(): true}
		var calls []app.Call
		for i := range 5 {
			calls = append(calls, app.Call{Method: "GET", Target: fmt.Sprintf("/catalog/%d?size=%d&delay=%d", i, b.Between(100, 900), b.Between(2, 6)),
				Header: [][2]string{{"user-agent", "shop"}}})
		}
		return b.Crowd(5, func(i int) app.HTTPClient {
			return app.HTTPClient{From: b.Host("client"), Local: at[min(i, 2)], To: gw.At(stage.SvcPort), Name: "shop.example.com", Calls: calls}
		})
	}
}

// recordPayload captures packets with TCP payload only.
func recordPayload(b *stage.Bed, h *world.Host) error {
	b.Notes.Payload = true
	return b.Sniff(h, "eth0", "eth0.pcap", "tcp and (ip[2:2] - ((ip[0] & 0xf) << 2) - ((tcp[12] & 0xf0) >> 2)) != 0")
}

// playNodeNAT captures connections in the pod and behind its node, which
// translates the service's address to an endpoint (kube-proxy's DNAT) and the
// pod's address to its own (MASQUERADE).
func playNodeNAT(b *stage.Bed) error {
	if err := natWorld(b); err != nil {
		return err
	}
	if err := sniffBehind(b); err != nil {
		return err
	}
	return b.Callers(b.Host("a"), stage.VIP(9, stage.SvcPort), 4, 4)
}

func playNodeNATMidstream(b *stage.Bed) error {
	if err := natWorld(b); err != nil {
		return err
	}
	for _, h := range []*world.Host{b.Host("a"), b.Node} { // from the start: of what began unwatched, conntrack tells nothing
		if err := b.Watch(h); err != nil {
			return err
		}
	}
	const n = 4
	m := b.Meeting()
	err := world.Parallel(func() error { return m.Hold(n, func() error { return beginBehind(b) }) }, func() error {
		return b.Crowd(n, func(i int) app.HTTPClient {
			calls := b.Script(fmt.Sprint("a", i), 6, half(i))
			calls[2].Before = m.Wait
			return app.HTTPClient{From: b.Host("a"), To: stage.VIP(9, stage.SvcPort), Name: "svc", Calls: calls}
		})
	})
	if err != nil {
		return err
	}
	return b.Pause(300 * time.Millisecond) // conntrack tells of the ends
}

// natWorld makes pod a, whose proxy has no route for the service and dials its
// address, and a node that masks the pod.
func natWorld(b *stage.Bed) error {
	srv := b.Host("b")
	if err := b.InboundApp(); err != nil {
		return err
	}
	if err := b.Service(stage.VIP(9, stage.SvcPort), srv.At(stage.AppPort)); err != nil {
		return err
	}
	b.Notes.Masquerade = "v-b"
	if _, err := b.Inside(b.Node, "iptables", "-t", "nat", "-A", "POSTROUTING", "-s", b.Host("a").IP.String(),
		"-o", b.Notes.Masquerade, "-j", "MASQUERADE", "--random-fully"); err != nil {
		return err
	}
	_, err := b.Inject(b.Host("a"), mesh.IstioDefaults(), mesh.Sidecar{})
	return err
}

// sniffBehind captures pod a and the node's side towards the service.
func sniffBehind(b *stage.Bed) error {
	if err := b.SniffPod(b.Host("a")); err != nil {
		return err
	}
	return b.Sniff(b.Node, b.Notes.Masquerade, "node-"+b.Notes.Masquerade+".pcap")
}

func beginBehind(b *stage.Bed) error {
	if err := b.BeginHere(b.Host("a")); err != nil {
		return err
	}
	if err := b.Sniff(b.Node, b.Notes.Masquerade, "node-"+b.Notes.Masquerade+".pcap"); err != nil {
		return err
	}
	return b.Pause(100 * time.Millisecond)
}

// playHalfMissing is outbound traffic through VIPs of which the capture of lo
// lost one direction of every connection.
func playHalfMissing(b *stage.Bed) error {
	b.Notes.Halves = true
	if err := b.OutboundPod(mesh.Sidecar{}); err != nil {
		return err
	}
	a := b.Host("a")
	if err := b.SniffPod(a); err != nil {
		return err
	}
	return b.Crowd(8, func(i int) app.HTTPClient {
		return app.HTTPClient{From: a, To: stage.VIP(byte(i/2%2+1), stage.SvcPort), Name: "svc", Calls: b.Script(fmt.Sprint("a", i), 4, half(i))}
	})
}
