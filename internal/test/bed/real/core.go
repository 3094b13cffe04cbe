//go:build linux

package real

import (
	"fmt"
	"net/netip"
	"time"

	"github.com/pcapmesh/pcapmesh/internal/test/bed/app"
	"github.com/pcapmesh/pcapmesh/internal/test/bed/envoy"
	"github.com/pcapmesh/pcapmesh/internal/test/bed/mesh"
	"github.com/pcapmesh/pcapmesh/internal/test/bed/stage"
	"github.com/pcapmesh/pcapmesh/internal/test/bed/world"
)

// appPod makes pod b: its HTTP application and an Envoy.
func appPod(b *stage.Bed, ca *mesh.Authority) error {
	if err := b.InboundApp(); err != nil {
		return err
	}
	return envoyAt(b, ca, "b", envoy.HTTP)
}

// envoyAt puts an Envoy before the HTTP application of a pod.
func envoyAt(b *stage.Bed, ca *mesh.Authority, pod string, speaks envoy.Protocol) error {
	_, err := b.InjectEnvoy(b.Host(pod), ca, envoy.Config{Ports: []envoy.Port{{Number: stage.AppPort, Speaks: speaks}}})
	return err
}

// plainPod is pod b, called in plaintext, captured.
func plainPod(b *stage.Bed) error {
	ca, err := b.Authority()
	if err != nil {
		return err
	}
	if err := appPod(b, ca); err != nil {
		return err
	}
	return capture(b, b.Host("b"))
}

// peerPod makes pod a, whose Envoy calls the services.
func peerPod(b *stage.Bed, ca *mesh.Authority, services ...envoy.Service) error {
	for _, s := range services {
		if err := b.Service(s.VIP, s.Endpoints[0]); err != nil {
			return err
		}
	}
	_, err := b.InjectEnvoy(b.Host("a"), ca, envoy.Config{Services: services})
	return err
}

// inMesh is a service of pod b's at VIP 1.
func inMesh(b *stage.Bed, port, endpoint int, speaks envoy.Protocol) envoy.Service {
	return envoy.Service{Name: "svc-b", VIP: stage.VIP(1, port), Speaks: speaks, TLS: true, Endpoints: []netip.AddrPort{b.Host("b").At(endpoint)}}
}

// capture captures one pod, to be packed.
func capture(b *stage.Bed, h *world.Host) error {
	err := b.SniffPod(h)
	b.PackLater()
	return err
}

// half says of the i-th of several clients whether it sets request ids itself.
func half(i int) bool { return i%2 == 0 }

func playPlain(b *stage.Bed) error {
	if err := plainPod(b); err != nil {
		return err
	}
	return b.Crowd(12, func(i int) app.HTTPClient {
		return app.HTTPClient{From: b.Host("client"), To: b.Host("b").At(stage.AppPort), Name: "svc-b",
			Calls: b.ScriptOf(fmt.Sprint("c", i), b.Between(4, 6), half(i), 1000)}
	})
}

// pair makes two pods whose Envoys speak mTLS, for HTTP.
func pair(b *stage.Bed) (*mesh.Authority, error) {
	ca, err := b.Authority()
	if err != nil {
		return nil, err
	}
	if err := appPod(b, ca); err != nil {
		return nil, err
	}
	return ca, peerPod(b, ca, inMesh(b, stage.SvcPort, stage.AppPort, envoy.HTTP))
}

func playMTLS(b *stage.Bed) error {
	ca, err := pair(b)
	if err != nil {
		return err
	}
	who, err := b.Identities(ca)
	if err != nil {
		return err
	}
	if err := capture(b, b.Host("b")); err != nil {
		return err
	}
	return world.Parallel(
		func() error { return smallCallers(b, 8, 5) },
		func() error { return istioPeers(b, 5, 4, who) })
}

// istioPeers are clients outside with identities of the mesh, which offer what
// sidecars do.
func istioPeers(b *stage.Bed, n, calls int, who []stage.Caller) error {
	return b.Crowd(n, func(i int) app.HTTPClient {
		c := istioPeer(b, who[i%len(who)])
		c.Calls = b.PeerScript(fmt.Sprint("c", i), b.Between(calls, calls+2))
		return c
	})
}

// istioPeer is a client outside with an identity of the mesh.
func istioPeer(b *stage.Bed, who stage.Caller) app.HTTPClient {
	cfg := who.TLS.Clone()
	cfg.NextProtos = []string{"istio-http/1.1", "istio", "http/1.1"}
	return app.HTTPClient{From: b.Host("client"), Local: who.At, To: b.Host("b").At(stage.AppPort), Name: "svc-b", TLS: cfg}
}

// smallCallers are connections of pod a's application to the service, with small
// bodies: what is encrypted does not pack.
func smallCallers(b *stage.Bed, n, calls int) error {
	return b.Crowd(n, func(i int) app.HTTPClient {
		return app.HTTPClient{From: b.Host("a"), To: stage.VIP(1, stage.SvcPort), Name: "svc-b",
			Calls: b.ScriptOf(fmt.Sprint("a", i), b.Between(calls, calls+2), half(i), 200)}
	})
}

func playVIP(b *stage.Bed) error {
	if _, err := pair(b); err != nil {
		return err
	}
	for _, h := range []*world.Host{b.Host("a"), b.Host("b")} {
		if err := b.SniffOf(h); err != nil {
			return err
		}
	}
	b.PackLater()
	return smallCallers(b, 10, 4)
}

func playTCP(b *stage.Bed) error {
	ca, err := b.Authority()
	if err != nil {
		return err
	}
	srv := b.Host("b")
	server, err := b.ServeTCP(srv, srv.At(stage.RawPort), nil)
	if err != nil {
		return err
	}
	if _, err := b.InjectEnvoy(srv, ca, envoy.Config{Ports: []envoy.Port{{Number: stage.RawPort, Speaks: envoy.TCP}}}); err != nil {
		return err
	}
	if err := peerPod(b, ca, inMesh(b, stage.RawPort, stage.RawPort, envoy.TCP)); err != nil {
		return err
	}
	if err := capture(b, srv); err != nil {
		return err
	}
	var fs []func() error
	for i := range 12 {
		s := talk(b, i)
		server.Expect(s)
		fs = append(fs, func() error {
			return b.Talk(app.TCPClient{From: b.Host("a"), To: stage.VIP(1, stage.RawPort), Script: s})
		})
	}
	return world.Parallel(fs...)
}

// talk is the script of the i-th raw connection: turns of random sizes, a server that
// streams, both that stream at once, or turns that are all alike.
func talk(b *stage.Bed, i int) app.TCPScript {
	s := b.Turns(1, 200, app.ClientCloses)
	switch i % 6 {
	case 2:
		for range b.Between(6, 14) {
			s.Turns = append(s.Turns, app.Turn{Data: b.Random(b.Between(1, 300)), Pause: time.Duration(b.Between(0, 5)) * time.Millisecond})
		}
	case 3:
		s.Turns = append(s.Turns, app.Turn{Data: b.Random(b.Between(1, 200))},
			app.Turn{FromClient: true, Data: b.Random(b.Between(1000, 2000)), Back: b.Random(b.Between(1000, 2000))})
	case 4:
		s.Turns = nil
		for k := range 2 * b.Between(4, 8) {
			s.Turns = append(s.Turns, app.Turn{FromClient: k%2 == 0, Data: b.Random([]int{64, 256}[k%2]), Pause: time.Duration(b.Between(0, 6)) * time.Millisecond})
		}
	default:
		return b.Turns(b.Between(8, 18), 300, app.ClientCloses)
	}
	return s
}
