//go:build linux

package real

import (
	"fmt"
	"net/http"
	"net/netip"
	"sync"

	"github.com/pcapmesh/pcapmesh/internal/test/bed/app"
	"github.com/pcapmesh/pcapmesh/internal/test/bed/envoy"
	"github.com/pcapmesh/pcapmesh/internal/test/bed/stage"
	"github.com/pcapmesh/pcapmesh/internal/test/bed/world"
	"github.com/pcapmesh/pcapmesh/internal/test/truth"
)

// playRetry has an application that answers every fourth request with 503 once or
// twice, which the caller's sidecar tries again.
func playRetry(b *stage.Bed) error {
	ca, err := b.Authority()
	if err != nil {
		return err
	}
	srv := b.Host("b")
	var mu sync.Mutex
	left := map[string]int{}
	fail := func(r *http.Request) int {
		mu.Lock()
		defer mu.Unlock()
		n, seen := left[r.RequestURI]
		if !seen {
			n = [...]int{0, 1, 0, 2}[len(left)%4]
		}
		left[r.RequestURI] = n - 1
		if n > 0 {
			return http.StatusServiceUnavailable
		}
		return 0
	}
	if err := b.ServeHTTP(srv, srv.At(stage.AppPort), fail); err != nil {
		return err
	}
	if err := envoyAt(b, ca, "b", envoy.HTTP); err != nil {
		return err
	}
	s := inMesh(b, stage.SvcPort, stage.AppPort, envoy.HTTP)
	s.RetryOn = "5xx"
	if err := peerPod(b, ca, s); err != nil {
		return err
	}
	if err := both(b); err != nil {
		return err
	}
	return smallCallers(b, 6, 5)
}

func retried(t *truth.Truth) error {
	for _, l := range t.Links {
		if l.Attempt > 1 {
			return nil
		}
	}
	return fmt.Errorf("nothing was tried again")
}

// playRefused calls a service of which one of two endpoints refuses, and an
// application that does not listen, one request at a time.
func playRefused(b *stage.Bed) error {
	const closed = 8081
	ca, err := b.Authority()
	if err != nil {
		return err
	}
	srv, ext := b.Host("b"), b.Host("ext")
	if err := b.ServeHTTP(ext, ext.At(stage.AppPort), nil); err != nil {
		return err
	}
	if err := b.InboundApp(); err != nil {
		return err
	}
	some := envoy.Service{Name: "svc-c", VIP: stage.VIP(3, stage.SvcPort), Speaks: envoy.HTTP, Endpoints: []netip.AddrPort{ext.At(stage.AppPort), ext.At(closed)}}
	none := envoy.Service{Name: "svc-d", VIP: stage.VIP(4, stage.SvcPort), Speaks: envoy.HTTP, Endpoints: []netip.AddrPort{b.Host("gw").At(closed)}}
	for _, s := range []envoy.Service{some, none} {
		if err := b.Service(s.VIP, s.Endpoints[0]); err != nil {
			return err
		}
	}
	if _, err := b.InjectEnvoy(srv, ca, envoy.Config{Services: []envoy.Service{some, none},
		Ports: []envoy.Port{{Number: stage.AppPort, Speaks: envoy.HTTP}, {Number: closed, Speaks: envoy.HTTP}}}); err != nil {
		return err
	}
	if err := capture(b, srv); err != nil {
		return err
	}
	return oneByOne(b, srv, some, none, closed)
}

// oneByOne asks each for what it may refuse, so that it is clear whose every refused
// connection is.
func oneByOne(b *stage.Bed, srv *world.Host, some, none envoy.Service, closed int) error {
	for i := range 4 {
		for _, c := range []app.HTTPClient{
			{From: srv, To: some.VIP, Name: some.Name},
			{From: srv, To: none.VIP, Name: none.Name},
			{From: b.Host("client"), To: srv.At(closed), Name: "svc-b"},
			{From: b.Host("client"), To: srv.At(stage.AppPort), Name: "svc-b"},
		} {
			c.Calls = b.ScriptOf(fmt.Sprint("r", i), 2, i%2 == 0, 300)
			for k := range c.Calls {
				c.Calls[k].Or = http.StatusServiceUnavailable
			}
			if err := b.Play(c); err != nil {
				return err
			}
		}
	}
	return nil
}

// gateway plays an ingress gateway whose clients may say in front who they are.
func gateway(proxied bool) func(*stage.Bed) error {
	return func(b *stage.Bed) error {
		const port = 8080
		ca, err := b.Authority()
		if err != nil {
			return err
		}
		if err := appPod(b, ca); err != nil {
			return err
		}
		gw := b.Host("gw")
		if _, err := b.InjectEnvoy(gw, ca, envoy.Config{Gateway: port, Proxied: proxied,
			Services: []envoy.Service{inMesh(b, stage.SvcPort, stage.AppPort, envoy.HTTP)}}); err != nil {
			return err
		}
		if err := capture(b, gw); err != nil {
			return err
		}
		b.Notes.Brief = proxied // what stands in front is no part of the first request
		return b.Crowd(12, func(i int) app.HTTPClient {
			c := app.HTTPClient{From: b.Host("client"), To: gw.At(port), Name: "shop.example.com",
				Calls: b.ScriptOf(fmt.Sprint("c", i), b.Between(4, 6), half(i), 400)}
			if proxied {
				c.Preface = fmt.Sprintf("PROXY TCP4 198.51.100.%d %v %d %d\r\n", 1+i, gw.IP, 40000+i, port)
			}
			return c
		})
	}
}

// playMirror calls a service whose requests are copied to another one.
func playMirror(b *stage.Bed) error {
	ca, err := b.Authority()
	if err != nil {
		return err
	}
	if err := appPod(b, ca); err != nil {
		return err
	}
	ext := b.Host("ext")
	if err := b.ServeHTTP(ext, ext.At(stage.AppPort), nil); err != nil {
		return err
	}
	copied := inMesh(b, stage.SvcPort, stage.AppPort, envoy.HTTP)
	copied.Mirror = "svc-c"
	if err := peerPod(b, ca, copied, envoy.Service{Name: "svc-c", VIP: stage.VIP(3, stage.SvcPort), Speaks: envoy.HTTP,
		Endpoints: []netip.AddrPort{ext.At(stage.AppPort)}}); err != nil {
		return err
	}
	if err := capture(b, b.Host("a")); err != nil {
		return err
	}
	return smallCallers(b, 8, 4)
}

// playAsked has a sidecar that asks a service, for every request, whether it may be
// served: with the request's method, path and id.
func playAsked(b *stage.Bed) error {
	const port = 8000
	ca, err := b.Authority()
	if err != nil {
		return err
	}
	if err := b.InboundApp(); err != nil {
		return err
	}
	srv, ext := b.Host("b"), b.Host("ext")
	if err := b.ServeHTTP(ext, ext.At(port), nil); err != nil {
		return err
	}
	b.Notes.Asides = map[netip.AddrPort]bool{ext.At(port): true}
	if _, err := b.InjectEnvoy(srv, ca, envoy.Config{Authz: "authz", Ports: []envoy.Port{{Number: stage.AppPort, Speaks: envoy.HTTP}},
		Services: []envoy.Service{{Name: "authz", VIP: stage.VIP(5, port), Speaks: envoy.HTTP, Endpoints: []netip.AddrPort{ext.At(port)}}}}); err != nil {
		return err
	}
	if err := capture(b, srv); err != nil {
		return err
	}
	return b.Crowd(8, func(i int) app.HTTPClient {
		return app.HTTPClient{From: b.Host("client"), To: srv.At(stage.AppPort), Name: "svc-b", Calls: b.ScriptOf(fmt.Sprint("c", i), 4, half(i), 400)}
	})
}
