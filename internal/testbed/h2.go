//go:build linux

//lint:file-ignore SA1019 net/http has no HTTP/2 on a connection that is made elsewhere; the captures need that

package testbed

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

// h2Client is one HTTP/2 connection on which several scripts run at once.
type h2Client struct {
	from  *world.Host
	local netip.AddrPort // bound source, or zero
	to    netip.AddrPort
	name  string      // authority
	tls   *tls.Config // nil: prior knowledge in plaintext
	lanes [][]call
}

func (a *apps) playH2(c h2Client) error {
	start := time.Now()
	raw, err := c.from.DialTCP(a.Ctx, 0, c.local, c.to)
	if err != nil {
		return fmt.Errorf("client of %v: %w", c.to, err)
	}
	defer raw.Close()
	defer bounded(a.Ctx, raw)()
	rc := a.rec.Record(c.from, raw, false, start)
	rc.Record.Multiplexed = true
	conn, err := rc.Secure(a.Ctx, c.tls)
	if err != nil {
		return fmt.Errorf("client of %v: %w", c.to, err)
	}
	over := &endingConn{Conn: conn, end: make(chan struct{})}
	h2, err := (&http2.Transport{AllowHTTP: true, DisableCompression: true}).NewClientConn(over)
	if err != nil {
		return fmt.Errorf("client of %v: %w", c.to, err)
	}
	var fs []func() error
	for _, lane := range c.lanes {
		fs = append(fs, func() error { return a.lane(c, h2, rc.Record, lane) })
	}
	if err := world.Parallel(fs...); err != nil {
		return fmt.Errorf("client of %v: %w", c.to, err)
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
func (a *apps) lane(c h2Client, h2 *http2.ClientConn, rec *socket.Record, calls []call) error {
	for _, k := range calls {
		if err := k.ready(a.World); err != nil {
			return err
		}
		if err := c.exchange(a.Ctx, h2, rec, k); err != nil {
			return fmt.Errorf("request %s %s: %w", k.method, k.target, err)
		}
	}
	return nil
}

func (c h2Client) exchange(ctx context.Context, h2 *http2.ClientConn, rec *socket.Record, k call) error {
	var body io.Reader
	switch {
	case k.stream != nil:
		body = k.stream.reader()
	case len(k.body) > 0:
		body = bytes.NewReader(k.body)
	}
	scheme := "http://"
	if c.tls != nil {
		scheme = "https://"
	}
	r, err := http.NewRequestWithContext(ctx, k.method, scheme+c.name+k.target, body)
	if err != nil {
		return err
	}
	e := socket.Exchange{Method: k.method, Target: k.target}
	for _, h := range k.header {
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
	if e.Status = resp.StatusCode; e.Status != cmp.Or(k.status, 200) {
		return fmt.Errorf("status %d", e.Status)
	}
	rec.Exchange(e)
	return nil
}

// serveH2 starts an HTTP/2 application in h that is spoken to without
// upgrade.
func (a *apps) serveH2(h *world.Host, at netip.AddrPort) error {
	l, err := h.ListenTCP(a.Ctx, at)
	if err != nil {
		return err
	}
	a.Later(func() { _ = l.Close() })
	in := a.rec.Listen(h, l)
	go func() {
		for {
			c, err := in.Accept()
			if err != nil {
				return
			}
			c.(*socket.Conn).Record.Multiplexed = true
			go (&http2.Server{}).ServeConn(c, &http2.ServeConnOpts{Handler: &httpApp{},
				Context: context.WithValue(a.Ctx, connKey{}, c)})
		}
	}()
	return nil
}
