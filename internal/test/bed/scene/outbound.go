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

func playOutboundVIP(b *stage.Bed) error {
	if err := b.OutboundPod(mesh.Sidecar{}); err != nil {
		return err
	}
	if err := b.SniffPod(b.Host("a")); err != nil {
		return err
	}
	return b.Callers(b.Host("a"), stage.VIP(1, stage.SvcPort), 4, 6)
}

// playPassthrough calls what the proxy has no route for: a server outside, a
// service by its VIP, by the application and by curl.
func playPassthrough(b *stage.Bed) error {
	a, ext := b.Host("a"), b.Host("ext")
	if err := b.OutboundPod(mesh.Sidecar{}); err != nil {
		return err
	}
	if err := b.Service(stage.VIP(9, stage.SvcPort), b.Host("b").At(stage.AppPort)); err != nil {
		return err
	}
	for _, iface := range []string{"eth0", "lo"} {
		if err := b.Sniff(a, iface, iface+".pcap", "--time-stamp-precision=nano"); err != nil {
			return err
		}
	}
	curl := func() error {
		url := fmt.Sprintf("http://%v/curl?size=%d", ext.At(stage.AppPort), b.Between(100, 4000))
		_, err := b.Inside(a, "curl", "-sS", "-o", "/dev/null", "-o", "/dev/null", url+"&x=1", url+"&x=2&chunked=1")
		return err
	}
	return world.Parallel(curl,
		func() error { return b.Callers(a, ext.At(stage.AppPort), 3, 4) },
		func() error { return b.Callers(a, stage.VIP(9, stage.SvcPort), 2, 4) })
}

func playSelfOwn(b *stage.Bed) error {
	srv := b.Host("b")
	if err := b.ServeHTTP(srv, netip.AddrPortFrom(netip.IPv4Unspecified(), stage.AppPort), nil); err != nil {
		return err
	}
	if err := b.SidecarAt(srv, mesh.IstioDefaults(), mesh.Sidecar{}); err != nil {
		return err
	}
	return world.Parallel(func() error { return b.Callers(srv, srv.At(stage.AppPort), 2, 3) },
		func() error {
			return b.Callers(srv, netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), stage.AppPort), 1, 3)
		},
		func() error { return b.Visitors(2, 3, half) })
}

func playSelfVIP(b *stage.Bed) error {
	srv := b.Host("b")
	if err := b.Service(stage.VIP(1, stage.SvcPort), srv.At(stage.AppPort)); err != nil {
		return err
	}
	if err := b.InboundPod(mesh.Sidecar{Routes: []mesh.Route{{VIP: stage.VIP(1, stage.SvcPort), Endpoint: srv.At(stage.AppPort)}}}); err != nil {
		return err
	}
	return b.Callers(srv, stage.VIP(1, stage.SvcPort), 3, 5)
}

func playExcluded(b *stage.Bed) error {
	srv, ext, cl := b.Host("b"), b.Host("ext"), b.Host("client")
	for _, at := range []struct {
		h    *world.Host
		port int
	}{{srv, stage.AppPort}, {srv, 9090}, {ext, stage.AppPort}, {cl, stage.AppPort}} {
		if err := b.ServeHTTP(at.h, at.h.At(at.port), nil); err != nil {
			return err
		}
	}
	db, err := b.ServeTCP(cl, cl.At(3306), nil)
	if err != nil {
		return err
	}
	rules := mesh.IstioDefaults()
	rules.ExcludeIn = append(rules.ExcludeIn, 9090)
	rules.ExcludeOut, rules.ExcludeCIDRs = []int{3306}, []string{"203.0.113.64/26"}
	if err := b.SidecarAt(srv, rules, mesh.Sidecar{}); err != nil {
		return err
	}
	query := b.Turns(6, 400, app.ClientCloses)
	db.Expect(query)
	return world.Parallel(
		func() error { return b.Visitors(2, 3, half) },
		func() error {
			return b.Crowd(2, func(i int) app.HTTPClient {
				return app.HTTPClient{From: cl, To: srv.At(9090), Calls: b.Script(fmt.Sprint("metrics", i), 2, false)}
			})
		},
		func() error { return b.Callers(srv, ext.At(stage.AppPort), 2, 3) },
		func() error { return b.Callers(srv, cl.At(stage.AppPort), 2, 3) },
		func() error { return b.Talk(app.TCPClient{From: srv, To: cl.At(3306), Script: query}) })
}

// playFanout has an application that calls three services for each request
// and copies the request's id and trace to them.
func playFanout(b *stage.Bed) error {
	srv, ext := b.Host("b"), b.Host("ext")
	s := mesh.Sidecar{}
	for i := range 3 {
		at := ext.At(9001 + i)
		if err := b.ServeHTTP(ext, at, nil); err != nil {
			return err
		}
		s.Routes = append(s.Routes, mesh.Route{VIP: stage.VIP(byte(11+i), stage.SvcPort), Endpoint: at})
	}
	if err := b.ServeHTTP(srv, srv.At(stage.AppPort), func(r *http.Request) int { return fanOut(b, srv, r) }); err != nil {
		return err
	}
	if err := b.SidecarAt(srv, mesh.IstioDefaults(), s); err != nil {
		return err
	}
	return b.Crowd(4, func(i int) app.HTTPClient {
		calls := b.Script(fmt.Sprint("c", i), 3, half(i))
		for k := range calls {
			calls[k].Header = append(calls[k].Header, [2]string{"traceparent", fmt.Sprintf("00-%x-%x-01", b.Random(16), b.Random(8))})
		}
		return app.HTTPClient{From: b.Host("client"), To: srv.At(stage.AppPort), Name: "svc-b", Calls: calls}
	})
}

func fanOut(b *stage.Bed, h *world.Host, r *http.Request) int {
	from := app.RecordOf(r)
	var fs []func() error
	for i := range 3 {
		c := app.HTTPClient{From: h, To: stage.VIP(byte(11+i), stage.SvcPort), Cause: from, Calls: []app.Call{{Method: "GET",
			Target: fmt.Sprintf("/part%d%s&part=%d", i, r.URL.RequestURI(), i),
			Header: [][2]string{{"x-request-id", r.Header.Get("x-request-id")}, {"traceparent", r.Header.Get("traceparent")}}}}}
		fs = append(fs, func() error { return b.Play(c) })
	}
	if err := world.Parallel(fs...); err != nil {
		return http.StatusBadGateway
	}
	return 0
}

// playPortReuse binds the same two source ports for three connections each,
// one after the other.
func playPortReuse(b *stage.Bed) error {
	a := b.Host("a")
	if err := b.OutboundPod(mesh.Sidecar{}); err != nil {
		return err
	}
	if err := b.SniffPod(a); err != nil {
		return err
	}
	series := func(port uint16, to netip.AddrPort) func() error {
		return func() error {
			for i := range 3 {
				calls := b.Script(fmt.Sprintf("p%d.%d", port, i), 3, half(i))
				last := &calls[len(calls)-1] // the proxy closes, so TIME_WAIT is at its end
				last.Header = append(last.Header, [2]string{"connection", "close"})
				c := app.HTTPClient{From: a, Local: netip.AddrPortFrom(a.IP, port), To: to, Name: "svc", Calls: calls, Linger: 60 * time.Millisecond}
				if err := b.Play(c); err != nil {
					return err
				}
			}
			return nil
		}
	}
	return world.Parallel(series(40000, stage.VIP(1, stage.SvcPort)), series(40002, stage.VIP(2, stage.SvcPort)))
}

// playCollision dials two services from one source port at once. Behind the
// redirect both would be 10.244.1.10:40000 > 127.0.0.1:15001, so NAT gives the
// second another source port.
func playCollision(b *stage.Bed) error {
	a := b.Host("a")
	if err := b.OutboundPod(mesh.Sidecar{}); err != nil {
		return err
	}
	if err := b.SniffPod(a); err != nil {
		return err
	}
	m := b.Meeting()
	return world.Parallel(func() error { return m.Hold(2, func() error { return nil }) }, func() error {
		return b.Crowd(2, func(i int) app.HTTPClient {
			calls := b.Script(fmt.Sprint("c", i), 5, half(i))
			calls[0].Before = m.Wait // both are connected
			return app.HTTPClient{From: a, Local: netip.AddrPortFrom(a.IP, 40000), To: stage.VIP(byte(i+1), stage.SvcPort), Name: "svc", Calls: calls}
		})
	})
}

func collided(t *truth.Truth) error {
	for _, l := range t.Legs {
		if l.RequestSrc != "" {
			return nil
		}
	}
	return fmt.Errorf("no source port was moved")
}

func playMidstreamOutbound(b *stage.Bed) error {
	a := b.Host("a")
	if err := b.OutboundPod(mesh.Sidecar{}); err != nil {
		return err
	}
	const n = 4
	m := b.Meeting()
	return world.Parallel(func() error { return m.Hold(n, func() error { return b.BeginHere(a) }) },
		func() error {
			return b.Crowd(n, func(i int) app.HTTPClient {
				calls := b.Script(fmt.Sprint("c", i), 6, half(i))
				calls[2].Before = m.Wait
				return app.HTTPClient{From: a, To: stage.VIP(byte(i%2+1), stage.SvcPort), Name: "svc", Calls: calls}
			})
		})
}

// playVIPmTLS has sidecars at both ends, mTLS between them and captures in
// both pods.
func playVIPmTLS(b *stage.Bed) error {
	client, srv := b.Host("a"), b.Host("b")
	ca, certA, err := b.Workload("a")
	if err != nil {
		return err
	}
	certB, err := ca.Issue("b")
	if err != nil {
		return err
	}
	if err := b.ServeHTTP(srv, srv.At(stage.AppPort), nil); err != nil {
		return err
	}
	if err := b.Service(stage.VIP(1, stage.SvcPort), srv.At(stage.AppPort)); err != nil {
		return err
	}
	if _, err := b.Inject(client, mesh.IstioDefaults(), mesh.Sidecar{CA: ca.File,
		Routes: []mesh.Route{{VIP: stage.VIP(1, stage.SvcPort), Endpoint: srv.At(stage.AppPort), TLS: certA}}}); err != nil {
		return err
	}
	if _, err := b.Inject(srv, mesh.IstioDefaults(), mesh.Sidecar{TLSIn: certB, CA: ca.File}); err != nil {
		return err
	}
	for _, h := range []*world.Host{client, srv} {
		if err := b.SniffOf(h); err != nil {
			return err
		}
	}
	return b.Callers(client, stage.VIP(1, stage.SvcPort), 4, 4)
}

func playGateway(b *stage.Bed) error {
	gw, srv := b.Host("gw"), b.Host("b")
	if err := b.ServeHTTP(srv, srv.At(stage.AppPort), nil); err != nil {
		return err
	}
	rules := mesh.Interception{UID: 1337, In: stage.SvcPort}
	if err := b.SidecarAt(gw, rules, mesh.Sidecar{Gateway: true, Routes: []mesh.Route{{VIP: stage.VIP(1, stage.SvcPort), Endpoint: srv.At(stage.AppPort)}}}); err != nil {
		return err
	}
	return b.Crowd(5, func(i int) app.HTTPClient {
		return app.HTTPClient{From: b.Host("client"), To: gw.At(stage.SvcPort), Name: "shop.example.com", Calls: b.Script(fmt.Sprint("c", i), 4, half(i))}
	})
}
