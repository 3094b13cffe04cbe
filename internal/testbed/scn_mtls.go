//go:build linux

package testbed

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
	"github.com/pcapmesh/pcapmesh/internal/test/bed/world"
)

// caller is one identity that calls a pod over mTLS, at an address of its
// own, as a workload in the mesh has.
type caller struct {
	at   netip.AddrPort // source to bind, port 0
	file string         // certificate and key
	tls  *tls.Config
}

// mostBody keeps captures of hundreds of exchanges small: what is encrypted
// does not pack.
const mostBody = 400

// callerNames differ in length, and so does what the proxy makes of them.
var callerNames = [...]string{"web", "checkout-frontend", "nightly-report-batch-worker"}

// identities makes the callers on the client's host.
func (b *bed) identities(ca *mesh.Authority) ([]caller, error) {
	at, err := b.addresses(len(callerNames))
	if err != nil {
		return nil, err
	}
	var out []caller
	for i, name := range callerNames {
		file, err := ca.Issue(name)
		if err != nil {
			return nil, err
		}
		cfg, err := ca.Load(file)
		if err != nil {
			return nil, err
		}
		out = append(out, caller{at: at[i], file: file, tls: cfg})
	}
	return out, nil
}

// securePod makes pod b with an mTLS sidecar, and its callers.
func (b *bed) securePod(s mesh.Sidecar, record func(*bed, *world.Host) error) ([]caller, *mesh.Authority, error) {
	srv := b.Host("b")
	ca, cert, err := b.workload("b")
	if err != nil {
		return nil, nil, err
	}
	who, err := b.identities(ca)
	if err != nil {
		return nil, nil, err
	}
	if err := b.inboundApp(); err != nil {
		return nil, nil, err
	}
	s.TLSIn, s.CA, s.Strip = cert, ca.File, true
	if _, err := b.Inject(srv, mesh.IstioDefaults(), s); err != nil {
		return nil, nil, err
	}
	return who, ca, record(b, srv)
}

// peerScript is the requests of a sidecar that calls for its application: all
// with a request id. Sizes of bodies are like those of an API.
func (b *bed) peerScript(who string, n int) []app.Call {
	calls := b.ScriptOf(who, n, true, mostBody)
	for i := range calls {
		calls[i].Target += "&instance=svc-b-7d4f9c-x2kq"
	}
	return calls
}

// mtlsHTTP is n clients of three identities, each fifth of them curl, that
// share pooled connections to the application.
func mtlsHTTP(n, calls int, s mesh.Sidecar, record func(*bed, *world.Host) error) func(*bed) error {
	return func(b *bed) error {
		who, _, err := b.securePod(s, record)
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
func mix(b *bed, n, calls int, who []caller, again bool) error {
	to := b.Host("b").At(appPort)
	var fs []func() error
	for i := range n {
		id, name := who[i%len(who)], fmt.Sprint("c", i)
		if i%5 == 4 {
			fs = append(fs, func() error { return curl(b, id, to, name, calls) })
			continue
		}
		c := app.HTTPClient{From: b.Host("client"), Local: id.at, To: to, Name: "svc-b", TLS: id.tls,
			Calls: b.peerScript(name, b.Between(calls, calls+2))}
		fs = append(fs, func() error { return resuming(b, c, again) })
	}
	return world.Parallel(fs...)
}

// resuming plays a client, of TLS 1.2 with half of its requests over a second
// connection that resumes the session of the first.
func resuming(b *bed, c app.HTTPClient, again bool) error {
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
func curl(b *bed, id caller, to netip.AddrPort, who string, n int) error {
	var conf strings.Builder
	for i := range n {
		if i > 0 {
			conf.WriteString("next\n")
		}
		fmt.Fprintf(&conf, "cert = %q\ninterface = %q\nconnect-to = \"::%v\"\noutput = /dev/null\ninsecure\nhttp1.1\nsilent\nshow-error\n",
			id.file, id.at.Addr(), to)
		if b.Between(0, 2) == 0 {
			fmt.Fprintf(&conf, "data = %q\n", app.BodyFor(who, b.Between(10, mostBody)))
		}
		fmt.Fprintf(&conf, "url = \"https://%s/%s/curl/%d?size=%d&delay=%d\"\n", mesh.ServerName, who, i, b.Between(20, mostBody), b.Between(1, 15))
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
func outboundMTLS(n, calls int, record func(*bed, *world.Host) error) func(*bed) error {
	return func(b *bed) error {
		a := b.Host("a")
		ca, cert, err := b.workload("a")
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
			return app.HTTPClient{From: a, To: vip(byte(i%2+1), svcPort), Name: "svc",
				Calls: b.ScriptOf(fmt.Sprint("a", i), b.Between(calls, calls+2), half(i), mostBody)}
		})
	}
}

// securePeers are two services that want mTLS; the result says how a proxy
// with the given certificate calls them.
func securePeers(b *bed, ca *mesh.Authority, cert string) (routes []mesh.Route, err error) {
	for i, h := range []*world.Host{b.Host("b"), b.Host("ext")} {
		cfg, err := ca.Server(h.Name)
		if err != nil {
			return nil, err
		}
		if err := b.ServeSecure(h, h.At(appPort), cfg, nil); err != nil {
			return nil, err
		}
		v := vip(byte(i+1), svcPort)
		if err := b.service(v, h.At(appPort)); err != nil {
			return nil, err
		}
		routes = append(routes, mesh.Route{VIP: v, Endpoint: h.At(appPort), TLS: cert})
	}
	return routes, nil
}

// mtlsTCP is n raw connections over mTLS, of different manners: turns of
// random sizes, servers that greet, streams both ways at once, and some whose
// sizes are all equal.
func mtlsTCP(n int, s mesh.Sidecar, record func(*bed, *world.Host) error) func(*bed) error {
	return func(b *bed) error {
		srv := b.Host("b")
		ca, cert, err := b.workload("b")
		if err != nil {
			return err
		}
		who, err := b.identities(ca)
		if err != nil {
			return err
		}
		if s.MaxTLS != "" {
			who = overTLS12(who)
		}
		app, err := b.ServeTCP(srv, srv.At(rawPort), nil)
		if err != nil {
			return err
		}
		greeter, err := b.ServeTCP(srv, srv.At(rawPort+1), nil)
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
		return manners(b, n, who, app, greeter)
	}
}

// manners are the raw connections of mtlsTCP.
func manners(b *bed, n int, who []caller, server, greeter *app.TCPServer) error {
	srv := b.Host("b")
	var fs []func() error
	for i := range n {
		id := who[i%len(who)]
		c := app.TCPClient{From: b.Host("client"), Local: id.at, To: srv.At(rawPort), TLS: id.tls, Script: manner(b, i)}
		at := server
		if i%6 == 1 {
			at, c.To, c.Greeting = greeter, srv.At(rawPort+1), greeter.Greeting
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
func manner(b *bed, i int) app.TCPScript {
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
func overTLS12(who []caller) []caller {
	var out []caller
	for _, c := range who {
		c.tls = c.tls.Clone()
		c.tls.MaxVersion = tls.VersionTLS12
		c.tls.ClientSessionCache = tls.NewLRUClientSessionCache(64)
		out = append(out, c)
	}
	return out
}

func playGoProxy(b *bed) error {
	srv := b.Host("b")
	ca, err := b.Authority()
	if err != nil {
		return err
	}
	who, err := b.identities(ca)
	if err != nil {
		return err
	}
	if err := b.inboundApp(); err != nil {
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
