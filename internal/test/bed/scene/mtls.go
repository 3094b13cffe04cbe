//go:build linux

package scene

import (
	"crypto/tls"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/pcapmesh/pcapmesh/internal/test/bed/app"
	"github.com/pcapmesh/pcapmesh/internal/test/bed/mesh"
	"github.com/pcapmesh/pcapmesh/internal/test/bed/stage"
	"github.com/pcapmesh/pcapmesh/internal/test/bed/world"
)

// mtlsHTTP is n clients of three identities, each fifth of them curl, that
// share pooled connections to the application.
func mtlsHTTP(n, calls int, s mesh.Sidecar, record func(*stage.Bed, *world.Host) error) func(*stage.Bed) error {
	return func(b *stage.Bed) error {
		who, _, err := b.SecurePod(s, record)
		if err != nil {
			return err
		}
		if s.MaxTLS != "" {
			who = overTLS12(who)
		}
		return mix(b, n, calls, who, s.MaxTLS != "")
	}
}

// mix is n clients of the identities, each fifth of them curl.
func mix(b *stage.Bed, n, calls int, who []stage.Caller, again bool) error {
	to := b.Host("b").At(stage.AppPort)
	var fs []func() error
	for i := range n {
		id, name := who[i%len(who)], fmt.Sprint("c", i)
		if i%5 == 4 {
			fs = append(fs, func() error { return curl(b, id, to, name, calls) })
			continue
		}
		c := app.HTTPClient{From: b.Host("client"), Local: id.At, To: to, Name: "svc-b", TLS: id.TLS,
			Calls: b.PeerScript(name, b.Between(calls, calls+2))}
		fs = append(fs, func() error { return resuming(b, c, again) })
	}
	return world.Parallel(fs...)
}

// resuming plays a client, of TLS 1.2 with half of its requests over a second
// connection that resumes the session of the first.
func resuming(b *stage.Bed, c app.HTTPClient, again bool) error {
	if !again {
		return b.Play(c)
	}
	all := c.Calls
	c.Calls = all[:len(all)/2]
	if err := b.Play(c); err != nil {
		return err
	}
	c.Calls = all[len(all)/2:]
	return b.Play(c)
}

// curl makes requests over one connection of its own, without request ids.
func curl(b *stage.Bed, id stage.Caller, to netip.AddrPort, who string, n int) error {
	var conf strings.Builder
	for i := range n {
		if i > 0 {
			conf.WriteString("next\n")
		}
		fmt.Fprintf(&conf, "cert = %q\ninterface = %q\nconnect-to = \"::%v\"\noutput = /dev/null\ninsecure\nhttp1.1\nsilent\nshow-error\n",
			id.File, id.At.Addr(), to)
		if b.Between(0, 2) == 0 {
			fmt.Fprintf(&conf, "data = %q\n", app.BodyFor(who, b.Between(10, stage.MostBody)))
		}
		fmt.Fprintf(&conf, "url = \"https://%s/%s/curl/%d?size=%d&delay=%d\"\n", mesh.ServerName, who, i, b.Between(20, stage.MostBody), b.Between(1, 15))
	}
	name, keys := filepath.Join(b.Tmp, who+".curl"), filepath.Join(b.Tmp, who+"-keys.txt")
	if err := os.WriteFile(name, []byte(conf.String()), 0o644); err != nil {
		return err
	}
	if _, err := b.Inside(b.Host("client"), "env", "SSLKEYLOGFILE="+keys, "curl", "-K", name); err != nil {
		return err
	}
	return b.Keys.Load(keys)
}

// outboundMTLS has an application with n connections to two services; the
// proxy calls their pods over pooled mTLS connections.
func outboundMTLS(n, calls int, record func(*stage.Bed, *world.Host) error) func(*stage.Bed) error {
	return func(b *stage.Bed) error {
		a := b.Host("a")
		ca, cert, err := b.Workload("a")
		if err != nil {
			return err
		}
		s := mesh.Sidecar{CA: ca.File}
		if s.Routes, err = securePeers(b, ca, cert); err != nil {
			return err
		}
		if _, err := b.Inject(a, mesh.IstioDefaults(), s); err != nil {
			return err
		}
		if err := record(b, a); err != nil {
			return err
		}
		return b.Crowd(n, func(i int) app.HTTPClient {
			return app.HTTPClient{From: a, To: stage.VIP(byte(i%2+1), stage.SvcPort), Name: "svc",
				Calls: b.ScriptOf(fmt.Sprint("a", i), b.Between(calls, calls+2), half(i), stage.MostBody)}
		})
	}
}

// securePeers are two services that want mTLS; the result says how a proxy
// with the given certificate calls them.
func securePeers(b *stage.Bed, ca *mesh.Authority, cert string) (routes []mesh.Route, err error) {
	for i, h := range []*world.Host{b.Host("b"), b.Host("ext")} {
		cfg, err := ca.Server(h.Name)
		if err != nil {
			return nil, err
		}
		if err := b.ServeSecure(h, h.At(stage.AppPort), cfg, nil); err != nil {
			return nil, err
		}
		v := stage.VIP(byte(i+1), stage.SvcPort)
		if err := b.Service(v, h.At(stage.AppPort)); err != nil {
			return nil, err
		}
		routes = append(routes, mesh.Route{VIP: v, Endpoint: h.At(stage.AppPort), TLS: cert})
	}
	return routes, nil
}

// mtlsTCP is n raw connections over mTLS, of different manners: turns of
// random sizes, servers that greet, streams both ways at once, and some whose
// sizes are all equal.
func mtlsTCP(n int, s mesh.Sidecar, record func(*stage.Bed, *world.Host) error) func(*stage.Bed) error {
	return func(b *stage.Bed) error {
		srv := b.Host("b")
		ca, cert, err := b.Workload("b")
		if err != nil {
			return err
		}
		who, err := b.Identities(ca)
		if err != nil {
			return err
		}
		if s.MaxTLS != "" {
			who = overTLS12(who)
		}
		server, err := b.ServeTCP(srv, srv.At(stage.RawPort), nil)
		if err != nil {
			return err
		}
		greeter, err := b.ServeTCP(srv, srv.At(stage.RawPort+1), nil)
		if err != nil {
			return err
		}
		greeter.Greeting = b.Random(77)
		s.Inbound, s.Outbound, s.TLSIn, s.CA = "tcp", "tcp", cert, ca.File
		if _, err := b.Inject(srv, mesh.IstioDefaults(), s); err != nil {
			return err
		}
		if err := record(b, srv); err != nil {
			return err
		}
		return manners(b, n, who, server, greeter)
	}
}

// manners are the raw connections of mtlsTCP.
func manners(b *stage.Bed, n int, who []stage.Caller, server, greeter *app.TCPServer) error {
	srv := b.Host("b")
	var fs []func() error
	for i := range n {
		id := who[i%len(who)]
		c := app.TCPClient{From: b.Host("client"), Local: id.At, To: srv.At(stage.RawPort), TLS: id.TLS, Script: manner(b, i)}
		at := server
		if i%6 == 1 {
			at, c.To, c.Greeting = greeter, srv.At(stage.RawPort+1), greeter.Greeting
		}
		at.Expect(c.Script)
		fs = append(fs, func() error {
			if err := b.Pause(time.Duration(i%7) * 3 * time.Millisecond); err != nil {
				return err
			}
			return b.Talk(c)
		})
	}
	return world.Parallel(fs...)
}

// manner is the script of the i-th raw connection.
func manner(b *stage.Bed, i int) app.TCPScript {
	switch i % 6 {
	case 2: // the server streams, many writes to one request
		s := b.Turns(1, 200, app.ClientCloses)
		for range b.Between(8, 20) {
			s.Turns = append(s.Turns, app.Turn{Data: b.Random(b.Between(1, 300)), Pause: time.Duration(b.Between(0, 5)) * time.Millisecond})
		}
		return s
	case 3: // both stream at once
		s := b.Turns(2, 200, app.ClientCloses)
		s.Turns = append(s.Turns, app.Turn{FromClient: true, Data: b.Random(b.Between(1500, 3000)), Back: b.Random(b.Between(1500, 3000))})
		return s
	case 4: // sizes alike
		s := app.TCPScript{}
		for k := range 2 * b.Between(6, 10) {
			s.Turns = append(s.Turns, app.Turn{FromClient: k%2 == 0, Data: b.Random([]int{64, 256}[k%2]), Pause: time.Duration(b.Between(0, 6)) * time.Millisecond})
		}
		return s
	}
	return b.Turns(b.Between(10, 24), 300, app.ClientCloses)
}

// overTLS12 limits what the callers speak and lets them resume sessions.
func overTLS12(who []stage.Caller) []stage.Caller {
	var out []stage.Caller
	for _, c := range who {
		c.TLS = c.TLS.Clone()
		c.TLS.MaxVersion = tls.VersionTLS12
		c.TLS.ClientSessionCache = tls.NewLRUClientSessionCache(64)
		out = append(out, c)
	}
	return out
}

func playGoProxy(b *stage.Bed) error {
	srv := b.Host("b")
	ca, err := b.Authority()
	if err != nil {
		return err
	}
	who, err := b.Identities(ca)
	if err != nil {
		return err
	}
	if err := b.InboundApp(); err != nil {
		return err
	}
	cfg, err := ca.Server("b")
	if err != nil {
		return err
	}
	cfg.NextProtos = []string{"istio", "http/1.1"}
	if err := b.InjectGo(srv, mesh.IstioDefaults(), cfg); err != nil {
		return err
	}
	if err := recordPlain(b, srv); err != nil {
		return err
	}
	return mix(b, 16, 8, who, false)
}
