//go:build linux

package testbed

import (
	"fmt"
	"net/http"
	"net/netip"
	"time"

	"github.com/pcapmesh/pcapmesh/internal/test/bed/app"
	"github.com/pcapmesh/pcapmesh/internal/test/bed/mesh"
	"github.com/pcapmesh/pcapmesh/internal/test/bed/world"
	"github.com/pcapmesh/pcapmesh/internal/test/truth"
)

// callers are n connections of pod h's application to one server.
func (b *bed) callers(h *world.Host, to netip.AddrPort, n, calls int) error {
	return b.Crowd(n, func(i int) app.HTTPClient {
		return app.HTTPClient{From: h, To: to, Name: "svc", Calls: b.Script(fmt.Sprintf("%s%d", h.Name, i), calls, i%2 == 0)}
	})
}

// outboundPod makes pod a with routes to pod b (VIP 1) and the server outside
// (VIP 2), which answer without sidecars.
func (b *bed) outboundPod(s mesh.Sidecar) error {
	a := b.Host("a")
	for i, h := range []*world.Host{b.Host("b"), b.Host("ext")} {
		if err := b.ServeHTTP(h, h.At(appPort), nil); err != nil {
			return err
		}
		v := vip(byte(i+1), svcPort)
		if err := b.service(v, h.At(appPort)); err != nil {
			return err
		}
		s.Routes = append(s.Routes, mesh.Route{VIP: v, Endpoint: h.At(appPort)})
	}
	_, err := b.Inject(a, mesh.IstioDefaults(), s)
	return err
}

func playOutboundVIP(b *bed) error {
	if err := b.outboundPod(mesh.Sidecar{}); err != nil {
		return err
	}
	if err := b.sniffPod(b.Host("a")); err != nil {
		return err
	}
	return b.callers(b.Host("a"), vip(1, svcPort), 4, 6)
}

// playPassthrough calls what the proxy has no route for: a server outside, a
// service by its VIP, by the application and by curl.
func playPassthrough(b *bed) error {
	a, ext := b.Host("a"), b.Host("ext")
	if err := b.outboundPod(mesh.Sidecar{}); err != nil {
		return err
	}
	if err := b.service(vip(9, svcPort), b.Host("b").At(appPort)); err != nil {
		return err
	}
	for _, iface := range []string{"eth0", "lo"} {
		if err := b.Sniff(a, iface, iface+".pcap", "--time-stamp-precision=nano"); err != nil {
			return err
		}
	}
	curl := func() error {
		url := fmt.Sprintf("http://%v/curl?size=%d", ext.At(appPort), b.Between(100, 4000))
		_, err := b.Inside(a, "curl", "-sS", "-o", "/dev/null", "-o", "/dev/null", url+"&x=1", url+"&x=2&chunked=1")
		return err
	}
	return world.Parallel(curl,
		func() error { return b.callers(a, ext.At(appPort), 3, 4) },
		func() error { return b.callers(a, vip(9, svcPort), 2, 4) })
}

func playSelfOwn(b *bed) error {
	srv := b.Host("b")
	if err := b.ServeHTTP(srv, netip.AddrPortFrom(netip.IPv4Unspecified(), appPort), nil); err != nil {
		return err
	}
	if err := b.sidecarAt(srv, mesh.IstioDefaults(), mesh.Sidecar{}); err != nil {
		return err
	}
	return world.Parallel(func() error { return b.callers(srv, srv.At(appPort), 2, 3) },
		func() error {
			return b.callers(srv, netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), appPort), 1, 3)
		},
		func() error { return b.visitors(2, 3, half) })
}

func playSelfVIP(b *bed) error {
	srv := b.Host("b")
	if err := b.service(vip(1, svcPort), srv.At(appPort)); err != nil {
		return err
	}
	if err := b.inboundPod(mesh.Sidecar{Routes: []mesh.Route{{VIP: vip(1, svcPort), Endpoint: srv.At(appPort)}}}); err != nil {
		return err
	}
	return b.callers(srv, vip(1, svcPort), 3, 5)
}

func playExcluded(b *bed) error {
	srv, ext, cl := b.Host("b"), b.Host("ext"), b.Host("client")
	for _, at := range []struct {
		h    *world.Host
		port int
	}{{srv, appPort}, {srv, 9090}, {ext, appPort}, {cl, appPort}} {
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
	if err := b.sidecarAt(srv, rules, mesh.Sidecar{}); err != nil {
		return err
	}
	query := b.Turns(6, 400, app.ClientCloses)
	db.Expect(query)
	return world.Parallel(
		func() error { return b.visitors(2, 3, half) },
		func() error {
			return b.Crowd(2, func(i int) app.HTTPClient {
				return app.HTTPClient{From: cl, To: srv.At(9090), Calls: b.Script(fmt.Sprint("metrics", i), 2, false)}
			})
		},
		func() error { return b.callers(srv, ext.At(appPort), 2, 3) },
		func() error { return b.callers(srv, cl.At(appPort), 2, 3) },
		func() error { return b.Talk(app.TCPClient{From: srv, To: cl.At(3306), Script: query}) })
}

// playFanout has an application that calls three services for each request
// and copies the request's id and trace to them.
func playFanout(b *bed) error {
	srv, ext := b.Host("b"), b.Host("ext")
	s := mesh.Sidecar{}
	for i := range 3 {
		at := ext.At(9001 + i)
		if err := b.ServeHTTP(ext, at, nil); err != nil {
			return err
		}
		s.Routes = append(s.Routes, mesh.Route{VIP: vip(byte(11+i), svcPort), Endpoint: at})
	}
	if err := b.ServeHTTP(srv, srv.At(appPort), func(r *http.Request) int { return fanOut(b, srv, r) }); err != nil {
		return err
	}
	if err := b.sidecarAt(srv, mesh.IstioDefaults(), s); err != nil {
		return err
	}
	return b.Crowd(4, func(i int) app.HTTPClient {
		calls := b.Script(fmt.Sprint("c", i), 3, half(i))
		for k := range calls {
			calls[k].Header = append(calls[k].Header, [2]string{"traceparent", fmt.Sprintf("00-%x-%x-01", b.Random(16), b.Random(8))})
		}
		return app.HTTPClient{From: b.Host("client"), To: srv.At(appPort), Name: "svc-b", Calls: calls}
	})
}

func fanOut(b *bed, h *world.Host, r *http.Request) int {
	from := app.RecordOf(r)
	var fs []func() error
	for i := range 3 {
		c := app.HTTPClient{From: h, To: vip(byte(11+i), svcPort), Cause: from, Calls: []app.Call{{Method: "GET",
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
func playPortReuse(b *bed) error {
	a := b.Host("a")
	if err := b.outboundPod(mesh.Sidecar{}); err != nil {
		return err
	}
	if err := b.sniffPod(a); err != nil {
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
	return world.Parallel(series(40000, vip(1, svcPort)), series(40002, vip(2, svcPort)))
}

// playCollision dials two services from one source port at once. Behind the
// redirect both would be 10.244.1.10:40000 > 127.0.0.1:15001, so NAT gives the
// second another source port.
func playCollision(b *bed) error {
	a := b.Host("a")
	if err := b.outboundPod(mesh.Sidecar{}); err != nil {
		return err
	}
	if err := b.sniffPod(a); err != nil {
		return err
	}
	m := b.meeting()
	return world.Parallel(func() error { return m.hold(2, func() error { return nil }) }, func() error {
		return b.Crowd(2, func(i int) app.HTTPClient {
			calls := b.Script(fmt.Sprint("c", i), 5, half(i))
			calls[0].Before = m.wait // both are connected
			return app.HTTPClient{From: a, Local: netip.AddrPortFrom(a.IP, 40000), To: vip(byte(i+1), svcPort), Name: "svc", Calls: calls}
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

func playMidstreamOutbound(b *bed) error {
	a := b.Host("a")
	if err := b.outboundPod(mesh.Sidecar{}); err != nil {
		return err
	}
	const n = 4
	m := b.meeting()
	return world.Parallel(func() error { return m.hold(n, func() error { return b.beginHere(a) }) },
		func() error {
			return b.Crowd(n, func(i int) app.HTTPClient {
				calls := b.Script(fmt.Sprint("c", i), 6, half(i))
				calls[2].Before = m.wait
				return app.HTTPClient{From: a, To: vip(byte(i%2+1), svcPort), Name: "svc", Calls: calls}
			})
		})
}

// playVIPmTLS has sidecars at both ends, mTLS between them and captures in
// both pods.
func playVIPmTLS(b *bed) error {
	client, srv := b.Host("a"), b.Host("b")
	ca, certA, err := b.workload("a")
	if err != nil {
		return err
	}
	certB, err := ca.Issue("b")
	if err != nil {
		return err
	}
	if err := b.ServeHTTP(srv, srv.At(appPort), nil); err != nil {
		return err
	}
	if err := b.service(vip(1, svcPort), srv.At(appPort)); err != nil {
		return err
	}
	if _, err := b.Inject(client, mesh.IstioDefaults(), mesh.Sidecar{CA: ca.File,
		Routes: []mesh.Route{{VIP: vip(1, svcPort), Endpoint: srv.At(appPort), TLS: certA}}}); err != nil {
		return err
	}
	if _, err := b.Inject(srv, mesh.IstioDefaults(), mesh.Sidecar{TLSIn: certB, CA: ca.File}); err != nil {
		return err
	}
	for _, h := range []*world.Host{client, srv} {
		if err := b.sniffOf(h); err != nil {
			return err
		}
	}
	return b.callers(client, vip(1, svcPort), 4, 4)
}

// sniffOf captures a pod when it is not the only one.
func (b *bed) sniffOf(h *world.Host) error {
	for _, iface := range []string{"eth0", "lo"} {
		if err := b.Sniff(h, iface, h.Name+"-"+iface+".pcap"); err != nil {
			return err
		}
	}
	return nil
}

func playGateway(b *bed) error {
	gw, srv := b.Host("gw"), b.Host("b")
	if err := b.ServeHTTP(srv, srv.At(appPort), nil); err != nil {
		return err
	}
	rules := mesh.Interception{UID: 1337, In: svcPort}
	if err := b.sidecarAt(gw, rules, mesh.Sidecar{Gateway: true, Routes: []mesh.Route{{VIP: vip(1, svcPort), Endpoint: srv.At(appPort)}}}); err != nil {
		return err
	}
	return b.Crowd(5, func(i int) app.HTTPClient {
		return app.HTTPClient{From: b.Host("client"), To: gw.At(svcPort), Name: "shop.example.com", Calls: b.Script(fmt.Sprint("c", i), 4, half(i))}
	})
}
