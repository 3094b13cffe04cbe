//go:build linux

package app

import (
	"context"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/pcapmesh/pcapmesh/internal/test/bed/socket"
	"github.com/pcapmesh/pcapmesh/internal/test/bed/world"
)

// httpApp is an HTTP/1.1 application. The query of a request says how it is
// answered: size=N (bytes of body), chunked=1, delay=MS, status=N.
type httpApp struct {
	hook func(r *http.Request) int // may answer in place of the query: a status, or 0
}

type connKey struct{}

// ServeHTTP starts an application in h and returns when it listens.
func (a *Apps) ServeHTTP(h *world.Host, at netip.AddrPort, hook func(*http.Request) int) error {
	return a.ServeSecure(h, at, nil, hook)
}

// ServeSecure is ServeHTTP over TLS if cfg is given.
func (a *Apps) ServeSecure(h *world.Host, at netip.AddrPort, cfg *tls.Config, hook func(*http.Request) int) error {
	l, err := h.ListenTCP(a.Ctx, at)
	if err != nil {
		return err
	}
	in := a.Rec.Listen(h, l)
	if cfg != nil {
		in = socket.OverTLS(in, cfg)
	}
	app := &httpApp{hook: hook}
	srv := &http.Server{Handler: app, ReadTimeout: time.Minute, DisableGeneralOptionsHandler: true,
		ConnContext: func(ctx context.Context, c net.Conn) context.Context {
			return context.WithValue(ctx, connKey{}, c)
		}}
	a.Later(func() { _ = srv.Close() })
	go func() { _ = srv.Serve(in) }()
	return nil
}

// ServeHTTP answers one request and records it with its connection.
func (a *httpApp) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Header.Get("Upgrade") != "" {
		a.upgrade(w, r)
		return
	}
	if serve := special(r.URL.Path); serve != nil {
		begun := time.Now()
		serve(w, r)
		over(r, http.StatusOK, begun)
		return
	}
	begun := time.Now()
	_, _ = io.Copy(io.Discard, r.Body)
	q := r.URL.Query()
	number := func(key string, or int) int {
		if n, err := strconv.Atoi(q.Get(key)); err == nil {
			return n
		}
		return or
	}
	status := number("status", 200)
	if a.hook != nil {
		if s := a.hook(r); s != 0 {
			status = s
		}
	}
	if q.Has("hints") {
		w.Header().Set("Link", "</style.css>; rel=preload")
		w.WriteHeader(http.StatusEarlyHints)
		w.Header().Del("Link")
	}
	time.Sleep(time.Duration(number("delay", 0)) * time.Millisecond)
	a.answer(w, r, status, number("size", 100), q.Get("chunked") != "")
	over(r, status, begun)
}

// special is what answers otherwise than from the query.
func special(path string) http.HandlerFunc {
	switch {
	case strings.HasPrefix(path, "/echo/"):
		return echo
	case strings.HasPrefix(path, "/demo.Echo/"):
		return grpcApp
	}
	return nil
}

// over records an exchange with its connection.
func over(r *http.Request, status int, begun time.Time) {
	c := RecordOf(r)
	if c == nil {
		return
	}
	c.Exchange(socket.Exchange{Method: r.Method, Target: r.RequestURI, Status: status, Begun: begun,
		RequestID: r.Header.Get("x-request-id")})
}

func (a *httpApp) answer(w http.ResponseWriter, r *http.Request, status, size int, chunked bool) {
	body := BodyFor(r.RequestURI, size)
	if r.URL.Query().Get("fool") != "" {
		copy(body, "HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nGET / HTTP/1.1\r\n\r\n")
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	if name := r.URL.Query().Get("instance"); name != "" {
		w.Header().Set("X-App-Instance", name)
	}
	if !chunked {
		w.Header().Set("Content-Length", strconv.Itoa(size))
	}
	w.WriteHeader(status)
	for len(body) > 0 && r.Method != http.MethodHead {
		n := min(len(body), 700)
		if !chunked {
			n = len(body)
		}
		_, _ = w.Write(body[:n])
		body = body[n:]
		if f, ok := w.(http.Flusher); ok && chunked {
			f.Flush()
		}
	}
}

// upgrade switches to a protocol that echoes, until the client closes.
func (a *httpApp) upgrade(w http.ResponseWriter, r *http.Request) {
	c, buf, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return
	}
	defer c.Close()
	if rc, ok := c.(*socket.Conn); ok {
		rc.Record.Exchange(socket.Exchange{Method: r.Method, Target: r.RequestURI, Status: http.StatusSwitchingProtocols,
			RequestID: r.Header.Get("x-request-id")})
	}
	_, _ = io.WriteString(c, "HTTP/1.1 101 Switching Protocols\r\nupgrade: "+r.Header.Get("Upgrade")+"\r\nconnection: upgrade\r\n\r\n")
	_, _ = io.Copy(c, buf)
}

// RecordOf is the record of the connection on which a request came, nil if it
// is not recorded.
func RecordOf(r *http.Request) *socket.Record {
	if c, ok := r.Context().Value(connKey{}).(*socket.Conn); ok {
		return c.Record
	}
	return nil
}
