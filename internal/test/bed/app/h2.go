//go:build linux

//lint:file-ignore SA1019 net/http has no HTTP/2 on a connection that is made elsewhere; the captures need that

package app

import (
	"bytes"
	"cmp"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"time"

	"golang.org/x/net/http2"

	"github.com/pcapmesh/pcapmesh/internal/test/bed/socket"
	"github.com/pcapmesh/pcapmesh/internal/test/bed/world"
)

// H2Client is one HTTP/2 connection on which several scripts run at once.
type H2Client struct {
	From  *world.Host
	Local netip.AddrPort // bound source, or zero
	To    netip.AddrPort
	Name  string      // authority
	TLS   *tls.Config // nil: prior knowledge in plaintext
	Lanes [][]Call
}

// PlayH2 plays an HTTP/2 client to its end.
func (a *Apps) PlayH2(c H2Client) error {
	start := time.Now()
	raw, err := c.From.DialTCP(a.Ctx, 0, c.Local, c.To)
	if err != nil {
		return fmt.Errorf("client of %v: %w", c.To, err)
	}
	defer raw.Close()
	defer bounded(a.Ctx, raw)()
	rc := a.Rec.Record(c.From, raw, false, start)
	rc.Record.Multiplexed = true
	conn, err := rc.Secure(a.Ctx, c.TLS)
	if err != nil {
		return fmt.Errorf("client of %v: %w", c.To, err)
	}
	over := &endingConn{Conn: conn, end: make(chan struct{})}
	h2, err := (&http2.Transport{AllowHTTP: true, DisableCompression: true}).NewClientConn(over)
	if err != nil {
		return fmt.Errorf("client of %v: %w", c.To, err)
	}
	var fs []func() error
	for _, lane := range c.Lanes {
		fs = append(fs, func() error { return a.lane(c, h2, rc.Record, lane) })
	}
	if err := world.Parallel(fs...); err != nil {
		return fmt.Errorf("client of %v: %w", c.To, err)
	}
	_ = conn.(*socket.Conn).CloseWrite()
	select {
	case <-over.end:
		return nil
	case <-a.Ctx.Done():
		return context.Cause(a.Ctx)
	}
}

// endingConn tells when nothing more can be read.
type endingConn struct {
	net.Conn
	end  chan struct{}
	over bool
}

func (c *endingConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if err != nil && !c.over {
		c.over = true
		close(c.end)
	}
	return n, err
}

// lane makes one call after the other.
func (a *Apps) lane(c H2Client, h2 *http2.ClientConn, rec *socket.Record, calls []Call) error {
	for _, k := range calls {
		if err := k.ready(a.World); err != nil {
			return err
		}
		if err := c.exchange(a.Ctx, h2, rec, k); err != nil {
			return fmt.Errorf("request %s %s: %w", k.Method, k.Target, err)
		}
	}
	return nil
}

func (c H2Client) exchange(ctx context.Context, h2 *http2.ClientConn, rec *socket.Record, k Call) error {
	var body io.Reader
	switch {
	case k.Stream != nil:
		body = k.Stream.reader()
	case len(k.Body) > 0:
		body = bytes.NewReader(k.Body)
	}
	scheme := "http://"
	if c.TLS != nil {
		scheme = "https://"
	}
	r, err := http.NewRequestWithContext(ctx, k.Method, scheme+c.Name+k.Target, body)
	if err != nil {
		return err
	}
	e := socket.Exchange{Method: k.Method, Target: k.Target}
	for _, h := range k.Header {
		r.Header.Set(h[0], h[1])
		if h[0] == "x-request-id" {
			e.RequestID = h[1]
		}
	}
	resp, err := h2.RoundTrip(r)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if _, err := io.Copy(io.Discard, resp.Body); err != nil {
		return err
	}
	if e.Status = resp.StatusCode; e.Status != cmp.Or(k.Status, 200) {
		return fmt.Errorf("status %d", e.Status)
	}
	rec.Exchange(e)
	return nil
}

// ServeH2 starts an HTTP/2 application in h that is spoken to without
// upgrade.
func (a *Apps) ServeH2(h *world.Host, at netip.AddrPort) error {
	return a.accept(h, at, func(c *socket.Conn) {
		c.Record.Multiplexed = true
		(&http2.Server{}).ServeConn(c, &http2.ServeConnOpts{Handler: &httpApp{},
			Context: context.WithValue(a.Ctx, connKey{}, net.Conn(c))})
	})
}
