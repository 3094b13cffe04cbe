//go:build linux

package mesh

import (
	"cmp"
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/http/httputil"
	"net/netip"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/pcapmesh/pcapmesh/internal/test/bed/world"
)

// goProxy is another sidecar than HAProxy: inbound mTLS ended by crypto/tls,
// or plaintext taken by TPROXY, requests passed on by net/http over pooled
// connections, from 127.0.0.6 or from the client's address.
type goProxy struct {
	pod *Pod
	to  http.Handler
	mu  sync.Mutex
	out *os.File
}

// InjectGo makes h a pod whose sidecar is a goProxy. Without TLS it keeps the
// client's address.
func (m *Mesh) InjectGo(h *world.Host, rules Interception, cfg *tls.Config) error {
	p := &Pod{Host: h, Rules: rules, Log: filepath.Join(m.Tmp, h.Name+"-haproxy.log")}
	m.Pods = append(m.Pods, p)
	if err := m.redirect(h, rules); err != nil {
		return err
	}
	out, err := os.Create(p.Log)
	if err != nil {
		return err
	}
	g := &goProxy{pod: p, out: out}
	g.to = g.handler(m.Ctx)
	var l net.Listener
	if rules.Mode == ModeTProxy {
		l, err = transparent{owner: keptSource.owner}.listen(m.Ctx, h, rules.In)
	} else {
		l, err = h.ListenTCP(m.Ctx, netip.AddrPortFrom(netip.IPv4Unspecified(), uint16(rules.In)))
	}
	if err != nil {
		return err
	}
	srv := &http.Server{Handler: g, ReadTimeout: time.Minute, ErrorLog: log.New(out, "", 0), // lines that are no JSON
		ConnContext: func(ctx context.Context, c net.Conn) context.Context {
			return context.WithValue(ctx, arrivalKey{}, c)
		}}
	m.Later(func() { _ = srv.Close(); _ = out.Close() })
	go func() { _ = srv.Serve(&arrivals{l, cfg}) }()
	return nil
}

// handler passes requests on. As the mesh's proxies do, it adds headers to
// either message and takes some away.
func (g *goProxy) handler(ctx context.Context) http.Handler {
	dial := func(_ context.Context, _, addr string) (net.Conn, error) {
		to, err := netip.ParseAddrPort(addr)
		if err != nil {
			return nil, err
		}
		return g.pod.DialTCP(ctx, g.pod.Rules.UID, netip.MustParseAddrPort("127.0.0.6:0"), to)
	}
	var pool http.RoundTripper = &http.Transport{DialContext: dial, MaxIdleConnsPerHost: 100, DisableCompression: true}
	if g.pod.Rules.Mode == ModeTProxy {
		pool = &poolPerClient{ctx: ctx, host: g.pod.Host, of: map[netip.Addr]*http.Transport{}}
	}
	return &httputil.ReverseProxy{
		Transport: pool,
		ErrorLog:  log.New(g.out, "", 0),
		Rewrite: func(r *httputil.ProxyRequest) {
			a := r.In.Context().Value(arrivalKey{}).(*arrival)
			r.Out.URL.Scheme, r.Out.URL.Host, r.Out.Host = "http", a.dst.String(), r.In.Host
			r.Out.Header.Set("X-Forwarded-Proto", "http")
			if a.tls == nil {
				return
			}
			cert := a.tls.ConnectionState().PeerCertificates[0]
			r.Out.Header.Set("X-Forwarded-Client-Cert", fmt.Sprintf("By=spiffe://cluster.local/ns/default/sa/%s;URI=%s", g.pod.Name, cert.URIs[0]))
			r.Out.Header.Set("X-Forwarded-Proto", "https")
		},
		ModifyResponse: func(r *http.Response) error {
			r.Header.Set("Server", "istio-envoy")
			r.Header.Del("X-App-Instance")
			return nil
		},
	}
}

// ServeHTTP serves one request and logs it as HAProxy does.
func (g *goProxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	a := r.Context().Value(arrivalKey{}).(*arrival)
	l := LogLine{Kind: "http", Dir: "in", ID: r.Header.Get("X-Request-Id"), Method: r.Method, Target: r.RequestURI, T: a.at.UnixMilli(),
		Backend: "app", Version: r.Proto, Host: r.Host, Agent: cmp.Or(r.UserAgent(), "-"), State: "----"}
	if a.tls != nil {
		l.Keys, l.SNI = "-", a.tls.ConnectionState().ServerName
	}
	start, body := time.Now(), &countedBody{ReadCloser: r.Body}
	r.Body = body
	l.CI, l.CP = split(world.Unmapped(a.RemoteAddr()))
	l.FI, l.FP = split(a.dst)
	trace := &httptrace.ClientTrace{GotConn: func(c httptrace.GotConnInfo) {
		bp, sp := 0, 0
		l.BI, bp = split(world.Unmapped(c.Conn.LocalAddr()))
		l.SI, sp = split(world.Unmapped(c.Conn.RemoteAddr()))
		l.BP, l.SP = fmt.Sprint(bp), fmt.Sprint(sp)
	}}
	seen := &statusWriter{ResponseWriter: w}
	g.to.ServeHTTP(seen, r.WithContext(httptrace.WithClientTrace(r.Context(), trace)))
	l.Status = seen.status
	l.Idle = start.Sub(a.at).Milliseconds()
	l.Active = time.Since(start).Milliseconds()
	total := l.Idle + l.Active
	l.Total, l.Up, l.Down = &total, body.n, seen.n
	l.Spent = fmt.Sprint(seen.at.Sub(start).Milliseconds())
	g.mu.Lock()
	defer g.mu.Unlock()
	_ = json.NewEncoder(g.out).Encode(l)
}

func split(a netip.AddrPort) (string, int) { return a.Addr().String(), int(a.Port()) }

// statusWriter keeps the status of a response, when it began, and how many
// bytes its body has.
type statusWriter struct {
	http.ResponseWriter
	status int
	at     time.Time
	n      int64
}

func (w *statusWriter) WriteHeader(status int) {
	w.status, w.at = status, time.Now()
	w.ResponseWriter.WriteHeader(status)
}

func (w *statusWriter) Write(p []byte) (int, error) {
	n, err := w.ResponseWriter.Write(p)
	w.n += int64(n)
	return n, err
}

// countedBody counts what was read of a request's body.
type countedBody struct {
	io.ReadCloser
	n int64
}

func (b *countedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	b.n += int64(n)
	return n, err
}

// Unwrap lets the proxy flush.
func (w *statusWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }
