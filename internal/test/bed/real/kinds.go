//go:build linux

package real

import (
	"crypto/tls"
	"fmt"
	"net/netip"
	"strings"

	"github.com/pcapmesh/pcapmesh/internal/test/bed/app"
	"github.com/pcapmesh/pcapmesh/internal/test/bed/envoy"
	"github.com/pcapmesh/pcapmesh/internal/test/bed/stage"
	"github.com/pcapmesh/pcapmesh/internal/test/bed/world"
)

// both captures pods a and b.
func both(b *stage.Bed) error {
	for _, h := range []*world.Host{b.Host("a"), b.Host("b")} {
		if err := b.SniffOf(h); err != nil {
			return err
		}
	}
	b.PackLater()
	return nil
}

// playUpgraded has two sidecars that speak HTTP/2 with each other, for applications
// that do not.
func playUpgraded(b *stage.Bed) error {
	ca, err := b.Authority()
	if err != nil {
		return err
	}
	if err := appPod(b, ca); err != nil {
		return err
	}
	s := inMesh(b, stage.SvcPort, stage.AppPort, envoy.HTTP)
	s.Upgrade = true
	if err := peerPod(b, ca, s); err != nil {
		return err
	}
	if err := both(b); err != nil {
		return err
	}
	return smallCallers(b, 12, 5)
}

// playGRPC is calls of gRPC between two sidecars.
func playGRPC(b *stage.Bed) error {
	ca, err := b.Authority()
	if err != nil {
		return err
	}
	srv := b.Host("b")
	if err := b.ServeH2(srv, srv.At(stage.AppPort)); err != nil {
		return err
	}
	if err := envoyAt(b, ca, "b", envoy.H2); err != nil {
		return err
	}
	if err := peerPod(b, ca, inMesh(b, 9090, stage.AppPort, envoy.H2)); err != nil {
		return err
	}
	if err := both(b); err != nil {
		return err
	}
	var fs []func() error
	for range 5 {
		c := app.H2Client{From: b.Host("a"), To: stage.VIP(1, 9090), Name: "svc-b"}
		for range 3 {
			c.Lanes = append(c.Lanes, b.GRPCScript(4))
		}
		fs = append(fs, func() error { return b.PlayH2(c) })
	}
	return world.Parallel(fs...)
}

// playForms is what HTTP/1 can look like: WebSocket, HTTP/1.0, trailers, large bodies,
// answers without a body.
func playForms(b *stage.Bed) error {
	b.Notes.OddTurns = true
	if err := plainPod(b); err != nil {
		return err
	}
	const host = " HTTP/1.1\r\nHost: svc-b\r\n"
	large := string(app.BodyFor("large", b.Between(150_000, 250_000)))
	chat := strings.Repeat("what was that? ", b.Between(2, 40))
	down := fmt.Sprintf("/large/down?size=%d", b.Between(200_000, 300_000))
	clients := [][]app.Step{
		{app.Say("GET /chat"+host+"Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n", "GET /chat 101"),
			app.Say("ping", "echo ping"), app.Say(chat, "echo "+chat)},
		{app.Say("GET /old HTTP/1.0\r\nHost: svc-b\r\n\r\n", "GET /old 426", "end")},
		{app.Say("POST /trailer"+host+"Transfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n5\r\nhello\r\n6\r\n world\r\n0\r\nX-Sum: 1\r\n\r\n", "POST /trailer 200"),
			app.Say("GET /after"+host+"\r\n", "GET /after 200")},
		{app.Say("POST /large/up"+host+fmt.Sprintf("Content-Length: %d\r\n\r\n", len(large))+large, "POST /large/up 200"),
			app.Say("GET "+down+host+"\r\n", "GET "+down+" 200"),
			app.Say("GET "+down+"&chunked=1"+host+"\r\n", "GET "+down+"&chunked=1 200")},
		{app.Say("GET /empty?status=204&size=0"+host+"\r\n", "GET /empty?status=204&size=0 204"),
			app.Say("GET /same?status=304&size=0"+host+"\r\n", "GET /same?status=304&size=0 304"),
			app.Say("DELETE /gone?status=404"+host+"\r\n", "DELETE /gone?status=404 404")},
	}
	var fs []func() error
	for _, steps := range clients {
		fs = append(fs, func() error { return b.Scripted(b.Host("client"), b.Host("b").At(stage.AppPort), steps...) })
	}
	return world.Parallel(fs...)
}

// playOwnTLS has an application that speaks TLS itself, inside that of the sidecars.
func playOwnTLS(b *stage.Bed) error {
	const port = 8443
	ca, err := b.Authority()
	if err != nil {
		return err
	}
	srv := b.Host("b")
	own, err := ca.Server("own")
	if err != nil {
		return err
	}
	own.ClientAuth, own.NextProtos = tls.NoClientCert, nil
	if err := b.ServeSecure(srv, srv.At(port), own, nil); err != nil {
		return err
	}
	if _, err := b.InjectEnvoy(srv, ca, envoy.Config{Ports: []envoy.Port{{Number: port, Speaks: envoy.TCP}}}); err != nil {
		return err
	}
	if err := peerPod(b, ca, inMesh(b, port, port, envoy.TCP)); err != nil {
		return err
	}
	cfg, err := ca.Client("someone")
	if err != nil {
		return err
	}
	cfg.NextProtos = []string{"http/1.1"}
	if err := both(b); err != nil {
		return err
	}
	return b.Crowd(6, func(i int) app.HTTPClient {
		return app.HTTPClient{From: b.Host("a"), To: stage.VIP(1, port), Name: "svc-b", TLS: cfg,
			Calls: b.ScriptOf(fmt.Sprint("a", i), 4, half(i), 300)}
	})
}

// playSelf has an application that calls itself through its service.
func playSelf(b *stage.Bed) error {
	ca, err := b.Authority()
	if err != nil {
		return err
	}
	a := b.Host("a")
	if err := b.ServeHTTP(a, a.At(stage.AppPort), nil); err != nil {
		return err
	}
	s := envoy.Service{Name: "svc-a", VIP: stage.VIP(2, stage.SvcPort), Speaks: envoy.HTTP, TLS: true, Endpoints: []netip.AddrPort{a.At(stage.AppPort)}}
	if _, err := b.InjectEnvoy(a, ca, envoy.Config{Services: []envoy.Service{s}, Ports: []envoy.Port{{Number: stage.AppPort, Speaks: envoy.HTTP}}}); err != nil {
		return err
	}
	if err := capture(b, a); err != nil {
		return err
	}
	return b.Crowd(6, func(i int) app.HTTPClient {
		return app.HTTPClient{From: a, To: s.VIP, Name: "svc-a", Calls: b.ScriptOf(fmt.Sprint("a", i), 4, half(i), 400)}
	})
}

// playPassing calls what no service is: hosts outside, at a port of services and at
// another one, and a port of the pod that no service names.
func playPassing(b *stage.Bed) error {
	const unlisted = 9999
	ca, err := b.Authority()
	if err != nil {
		return err
	}
	srv, ext := b.Host("b"), b.Host("ext")
	for _, at := range []struct {
		h    *world.Host
		port int
	}{{srv, unlisted}, {ext, stage.SvcPort}, {ext, stage.AppPort}} {
		if err := b.ServeHTTP(at.h, at.h.At(at.port), nil); err != nil {
			return err
		}
	}
	if err := b.InboundApp(); err != nil {
		return err
	}
	other := envoy.Service{Name: "svc-c", VIP: stage.VIP(3, stage.SvcPort), Speaks: envoy.HTTP, Endpoints: []netip.AddrPort{ext.At(9)}}
	if _, err := b.InjectEnvoy(srv, ca, envoy.Config{Services: []envoy.Service{other}, Ports: []envoy.Port{{Number: stage.AppPort, Speaks: envoy.HTTP}}}); err != nil {
		return err
	}
	if err := capture(b, srv); err != nil {
		return err
	}
	return world.Parallel(
		func() error { return b.Callers(srv, ext.At(stage.SvcPort), 5, 4) },
		func() error { return b.Callers(srv, ext.At(stage.AppPort), 3, 3) },
		func() error {
			return b.Crowd(5, func(i int) app.HTTPClient {
				return app.HTTPClient{From: b.Host("client"), To: srv.At(unlisted), Calls: b.Script(fmt.Sprint("u", i), 3, half(i))}
			})
		})
}

// playStrict has a sidecar that takes mTLS only, and clients that do not speak it.
func playStrict(b *stage.Bed) error {
	b.Notes.OddTurns = true // what is not answered is no turn
	ca, err := b.Authority()
	if err != nil {
		return err
	}
	if err := b.InboundApp(); err != nil {
		return err
	}
	srv := b.Host("b")
	if _, err := b.InjectEnvoy(srv, ca, envoy.Config{Strict: true, Ports: []envoy.Port{{Number: stage.AppPort, Speaks: envoy.HTTP}}}); err != nil {
		return err
	}
	who, err := b.Identities(ca)
	if err != nil {
		return err
	}
	if err := capture(b, srv); err != nil {
		return err
	}
	plain := func() error {
		for range 3 {
			if err := b.Scripted(b.Host("client"), srv.At(stage.AppPort), app.Say("GET /plain HTTP/1.1\r\nHost: svc-b\r\n\r\n", "none GET /plain 0")); err != nil {
				return err
			}
		}
		return nil
	}
	return world.Parallel(plain, plain, func() error { return istioPeers(b, 6, 4, who) })
}
