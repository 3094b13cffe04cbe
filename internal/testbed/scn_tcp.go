//go:build linux

package testbed

import (
	"crypto/tls"
	"fmt"
	"net/netip"
	"os"
	"syscall"
	"time"

	"github.com/pcapmesh/pcapmesh/internal/test/bed/mesh"
	"github.com/pcapmesh/pcapmesh/internal/test/bed/world"
)

const rawPort = 5432

// rawPod makes pod b with a raw TCP application behind its sidecar.
func rawPod(b *bed, s mesh.Sidecar, fixed *tcpScript) (*tcpServer, error) {
	srv := b.Host("b")
	app, err := b.serveTCP(srv, srv.At(rawPort), fixed)
	if err != nil {
		return nil, err
	}
	s.Inbound, s.Outbound = "tcp", "tcp"
	return app, b.sidecarAt(srv, mesh.IstioDefaults(), s)
}

// conversations of n clients outside with the raw application.
func (b *bed) talkers(n int, c func(i int) tcpClient) error {
	var fs []func() error
	for i := range n {
		k := c(i)
		k.from, k.to = b.Host("client"), b.Host("b").At(rawPort)
		fs = append(fs, func() error { return b.talk(k) })
	}
	return world.Parallel(fs...)
}

func playTCP(b *bed) error {
	app, err := rawPod(b, mesh.Sidecar{}, nil)
	if err != nil {
		return err
	}
	return b.talkers(6, func(int) tcpClient {
		s := b.turns(b.Between(10, 24), 1200, clientCloses)
		app.expect(s)
		return tcpClient{script: s}
	})
}

func playTCPmTLS(b *bed) error {
	ca, cert, err := b.workload("b")
	if err != nil {
		return err
	}
	app, err := rawPod(b, mesh.Sidecar{TLSIn: cert, CA: ca.File}, nil)
	if err != nil {
		return err
	}
	cfg, err := ca.Client("peer")
	if err != nil {
		return err
	}
	return b.talkers(5, func(int) tcpClient {
		s := b.turns(b.Between(8, 16), 900, clientCloses)
		app.expect(s)
		return tcpClient{script: s, tls: cfg}
	})
}

// playOwnTLS has an application that makes TLS itself; the proxy passes it on
// as it is.
func playOwnTLS(b *bed) error {
	ca, cert, err := b.workload("ext")
	if err != nil {
		return err
	}
	pair, err := tls.LoadX509KeyPair(cert, cert)
	if err != nil {
		return err
	}
	a, ext := b.Host("a"), b.Host("ext")
	app, err := b.serveTCP(ext, ext.At(8443), nil)
	if err != nil {
		return err
	}
	app.tls = &tls.Config{Certificates: []tls.Certificate{pair}}
	if err := b.sidecarAt(a, mesh.IstioDefaults(), mesh.Sidecar{Outbound: "tcp"}); err != nil {
		return err
	}
	cfg, err := ca.Client("a")
	if err != nil {
		return err
	}
	var fs []func() error
	for range 3 {
		s := b.turns(b.Between(6, 12), 900, clientCloses)
		app.expect(s)
		fs = append(fs, func() error { return b.talk(tcpClient{from: a, to: ext.At(8443), script: s, tls: cfg}) })
	}
	return world.Parallel(fs...)
}

// ended plays conversations that end in one way.
func ended(end ending, even bool) func(*bed) error {
	return func(b *bed) error {
		app, err := rawPod(b, mesh.Sidecar{}, nil)
		if err != nil {
			return err
		}
		return b.talkers(4, func(int) tcpClient {
			n := 2*b.Between(2, 5) + 1
			if even {
				n++ // so that the last turn is the server's
			}
			s := b.turns(n, 700, end)
			app.expect(s)
			return tcpClient{script: s}
		})
	}
}

// playResets has clients and servers that end with RST.
func playResets(b *bed) error {
	app, err := rawPod(b, mesh.Sidecar{}, nil)
	if err != nil {
		return err
	}
	return b.talkers(4, func(i int) tcpClient {
		s := b.turns(2*b.Between(2, 4)+i%2, 700, []ending{clientResets, serverResets}[i%2])
		app.expect(s)
		return tcpClient{script: s}
	})
}

// playServerFirst has a server that greets, as SMTP and MySQL do.
func playServerFirst(b *bed) error {
	s := b.turns(7, 500, serverCloses)
	for i := range s.turns {
		s.turns[i].fromClient = i%2 == 1
	}
	if _, err := rawPod(b, mesh.Sidecar{}, &s); err != nil {
		return err
	}
	return b.talkers(3, func(int) tcpClient { return tcpClient{script: s} })
}

// playRefused dials what nobody serves: the proxy accepts, is refused by the
// server and closes.
func playRefused(b *bed) error {
	srv := b.Host("b")
	if _, err := rawPod(b, mesh.Sidecar{}, nil); err != nil {
		return err
	}
	for _, dial := range []struct {
		from *world.Host
		to   netip.AddrPort
	}{{b.Host("client"), srv.At(7777)}, {b.Host("client"), srv.At(7778)}, {srv, b.Host("ext").At(7779)}} {
		c := tcpClient{from: dial.from, to: dial.to, script: tcpScript{end: serverCloses}}
		if err := b.talk(c); err != nil {
			return err
		}
		if err := b.Pause(50 * time.Millisecond); err != nil {
			return err
		}
	}
	return refuseDirect(b, srv)
}

// refuseDirect dials a closed port that no proxy guards.
func refuseDirect(b *bed, srv *world.Host) error {
	from := netip.AddrPortFrom(b.Host("client").IP, 45454)
	start := time.Now()
	c, err := b.Host("client").DialTCP(b.Ctx, 0, from, srv.At(15021))
	if err == nil {
		_ = c.Close()
		return fmt.Errorf("port 15021 answers")
	}
	b.rec.Refused(b.Host("client"), from, srv.At(15021), start)
	return nil
}

// playFlush empties conntrack while connections are open. Some clients go on,
// some close, and at last the proxy ends; what is not re-tracked appears
// without NAT.
func playFlush(b *bed) error {
	a := b.Host("a")
	if err := b.serveHTTP(a, a.At(appPort), nil); err != nil {
		return err
	}
	if err := b.outboundPod(mesh.Sidecar{}); err != nil {
		return err
	}
	if err := b.sniffPod(a); err != nil {
		return err
	}
	const n = 6
	m := b.meeting()
	done := b.meeting()
	client := func(i int) httpClient {
		c := httpClient{from: a, to: vip(1, svcPort), name: "svc", calls: b.script(fmt.Sprint("c", i), 5, half(i))}
		if i >= 4 { // from outside to the application in the pod
			c.from, c.to = b.Host("client"), a.At(appPort)
		}
		switch {
		case i < 2: // goes on
			c.calls[3].before = m.wait
		case i < 4: // closes
			c.last = m.wait
		default: // stays until the proxy ends
			c.calls[3].before, c.last = m.wait, done.wait
			c.calls = c.calls[:4]
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
	return world.Parallel(func() error { return m.hold(n, flush) },
		func() error { return done.hold(n-4, func() error { return endProxy(b, a) }) },
		func() error { return b.crowd(n, client) })
}

// endProxy ends the proxy of a pod once its connections are quiet.
func endProxy(b *bed, h *world.Host) error {
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

func quit(b *bed, p *mesh.Pod) error {
	if err := p.Proc.End(syscall.SIGTERM); err != nil {
		return err
	}
	_, err := os.Stat(p.Log)
	return err
}
