//go:build linux

package scene

import (
	"crypto/tls"
	"fmt"
	"net/netip"
	"os"
	"syscall"
	"time"

	"github.com/pcapmesh/pcapmesh/internal/test/bed/app"
	"github.com/pcapmesh/pcapmesh/internal/test/bed/mesh"
	"github.com/pcapmesh/pcapmesh/internal/test/bed/stage"
	"github.com/pcapmesh/pcapmesh/internal/test/bed/world"
)

// rawPod makes pod b with a raw TCP application behind its sidecar.
func rawPod(b *stage.Bed, s mesh.Sidecar, fixed *app.TCPScript) (*app.TCPServer, error) {
	srv := b.Host("b")
	server, err := b.ServeTCP(srv, srv.At(stage.RawPort), fixed)
	if err != nil {
		return nil, err
	}
	s.Inbound, s.Outbound = "tcp", "tcp"
	return server, b.SidecarAt(srv, mesh.IstioDefaults(), s)
}

func playTCP(b *stage.Bed) error {
	server, err := rawPod(b, mesh.Sidecar{}, nil)
	if err != nil {
		return err
	}
	return b.Talkers(6, func(int) app.TCPClient {
		s := b.Turns(b.Between(10, 24), 1200, app.ClientCloses)
		server.Expect(s)
		return app.TCPClient{Script: s}
	})
}

func playTCPmTLS(b *stage.Bed) error {
	ca, cert, err := b.Workload("b")
	if err != nil {
		return err
	}
	server, err := rawPod(b, mesh.Sidecar{TLSIn: cert, CA: ca.File}, nil)
	if err != nil {
		return err
	}
	cfg, err := ca.Client("peer")
	if err != nil {
		return err
	}
	return b.Talkers(5, func(int) app.TCPClient {
		s := b.Turns(b.Between(8, 16), 900, app.ClientCloses)
		server.Expect(s)
		return app.TCPClient{Script: s, TLS: cfg}
	})
}

// playOwnTLS has an application that makes TLS itself; the proxy passes it on
// as it is.
func playOwnTLS(b *stage.Bed) error {
	ca, cert, err := b.Workload("ext")
	if err != nil {
		return err
	}
	pair, err := tls.LoadX509KeyPair(cert, cert)
	if err != nil {
		return err
	}
	a, ext := b.Host("a"), b.Host("ext")
	server, err := b.ServeTCP(ext, ext.At(8443), nil)
	if err != nil {
		return err
	}
	server.TLS = &tls.Config{Certificates: []tls.Certificate{pair}}
	if err := b.SidecarAt(a, mesh.IstioDefaults(), mesh.Sidecar{Outbound: "tcp"}); err != nil {
		return err
	}
	cfg, err := ca.Client("a")
	if err != nil {
		return err
	}
	var fs []func() error
	for range 3 {
		s := b.Turns(b.Between(6, 12), 900, app.ClientCloses)
		server.Expect(s)
		fs = append(fs, func() error { return b.Talk(app.TCPClient{From: a, To: ext.At(8443), Script: s, TLS: cfg}) })
	}
	return world.Parallel(fs...)
}

// ended plays conversations that end in one way.
func ended(end app.Ending, even bool) func(*stage.Bed) error {
	return func(b *stage.Bed) error {
		server, err := rawPod(b, mesh.Sidecar{}, nil)
		if err != nil {
			return err
		}
		return b.Talkers(4, func(int) app.TCPClient {
			n := 2*b.Between(2, 5) + 1
			if even {
				n++ // so that the last turn is the server's
			}
			s := b.Turns(n, 700, end)
			server.Expect(s)
			return app.TCPClient{Script: s}
		})
	}
}

// playResets has clients and servers that end with RST.
func playResets(b *stage.Bed) error {
	server, err := rawPod(b, mesh.Sidecar{}, nil)
	if err != nil {
		return err
	}
	return b.Talkers(4, func(i int) app.TCPClient {
		s := b.Turns(2*b.Between(2, 4)+i%2, 700, []app.Ending{app.ClientResets, app.ServerResets}[i%2])
		server.Expect(s)
		return app.TCPClient{Script: s}
	})
}

// playServerFirst has a server that greets, as SMTP and MySQL do.
func playServerFirst(b *stage.Bed) error {
	s := b.Turns(7, 500, app.ServerCloses)
	for i := range s.Turns {
		s.Turns[i].FromClient = i%2 == 1
	}
	if _, err := rawPod(b, mesh.Sidecar{}, &s); err != nil {
		return err
	}
	return b.Talkers(3, func(int) app.TCPClient { return app.TCPClient{Script: s} })
}

// playRefused dials what nobody serves: the proxy accepts, is refused by the
// server and closes.
func playRefused(b *stage.Bed) error {
	srv := b.Host("b")
	if _, err := rawPod(b, mesh.Sidecar{}, nil); err != nil {
		return err
	}
	for _, dial := range []struct {
		from *world.Host
		to   netip.AddrPort
	}{{b.Host("client"), srv.At(7777)}, {b.Host("client"), srv.At(7778)}, {srv, b.Host("ext").At(7779)}} {
		c := app.TCPClient{From: dial.from, To: dial.to, Script: app.TCPScript{End: app.ServerCloses}}
		if err := b.Talk(c); err != nil {
			return err
		}
		if err := b.Pause(50 * time.Millisecond); err != nil {
			return err
		}
	}
	return refuseDirect(b, srv)
}

// refuseDirect dials a closed port that no proxy guards.
func refuseDirect(b *stage.Bed, srv *world.Host) error {
	from := netip.AddrPortFrom(b.Host("client").IP, 45454)
	start := time.Now()
	c, err := b.Host("client").DialTCP(b.Ctx, 0, from, srv.At(15021))
	if err == nil {
		_ = c.Close()
		return fmt.Errorf("port 15021 answers")
	}
	b.Rec.Refused(b.Host("client"), from, srv.At(15021), start)
	return nil
}

// playFlush empties conntrack while connections are open. Some clients go on,
// some close, and at last the proxy ends; what is not re-tracked appears
// without NAT.
func playFlush(b *stage.Bed) error {
	a := b.Host("a")
	if err := b.ServeHTTP(a, a.At(stage.AppPort), nil); err != nil {
		return err
	}
	if err := b.OutboundPod(mesh.Sidecar{}); err != nil {
		return err
	}
	if err := b.SniffPod(a); err != nil {
		return err
	}
	const n = 6
	m := b.Meeting()
	done := b.Meeting()
	client := func(i int) app.HTTPClient {
		c := app.HTTPClient{From: a, To: stage.VIP(1, stage.SvcPort), Name: "svc", Calls: b.Script(fmt.Sprint("c", i), 5, half(i))}
		if i >= 4 { // from outside to the application in the pod
			c.From, c.To = b.Host("client"), a.At(stage.AppPort)
		}
		switch {
		case i < 2: // goes on
			c.Calls[3].Before = m.Wait
		case i < 4: // closes
			c.Last = m.Wait
		default: // stays until the proxy ends
			c.Calls[3].Before, c.Last = m.Wait, done.Wait
			c.Calls = c.Calls[:4]
		}
		return c
	}
	flush := func() error {
		if err := b.Pause(50 * time.Millisecond); err != nil {
			return err
		}
		_, err := b.Inside(a, "conntrack", "-F")
		return err
	}
	return world.Parallel(func() error { return m.Hold(n, flush) },
		func() error { return done.Hold(n-4, func() error { return endProxy(b, a) }) },
		func() error { return b.Crowd(n, client) })
}

// endProxy ends the proxy of a pod once its connections are quiet.
func endProxy(b *stage.Bed, h *world.Host) error {
	if err := b.Pause(200 * time.Millisecond); err != nil {
		return err
	}
	if _, err := b.Inside(h, "conntrack", "-F"); err != nil {
		return err
	}
	for _, p := range b.Pods {
		if p.Host == h {
			if err := quit(b, p); err != nil {
				return err
			}
		}
	}
	return b.Pause(300 * time.Millisecond)
}

func quit(b *stage.Bed, p *mesh.Pod) error {
	if err := p.Process.End(syscall.SIGTERM); err != nil {
		return err
	}
	_, err := os.Stat(p.Log)
	return err
}
