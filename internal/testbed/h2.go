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
	"slices"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// h2Client is one HTTP/2 connection on which several scripts run at once.
type h2Client struct {
	from  *host
	local netip.AddrPort // bound source, or zero
	to    netip.AddrPort
	name  string      // authority
	tls   *tls.Config // nil: prior knowledge in plaintext
	lanes [][]call
}

func (a *apps) playH2(c h2Client) error {
	start := time.Now()
	raw, err := c.from.dialTCP(a.ctx, 0, c.local, c.to)
	if err != nil {
		return fmt.Errorf("client of %v: %w", c.to, err)
	}
	defer raw.Close()
	defer bounded(a.ctx, raw)()
	rc := a.rec.record(c.from, raw, false, start)
	rc.rec.multiplexed = true
	conn, err := rc.secure(a.ctx, c.tls)
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
		fs = append(fs, func() error { return a.lane(c, h2, rc.rec, lane) })
	}
	if err := parallel(fs...); err != nil {
		return fmt.Errorf("client of %v: %w", c.to, err)
	}
	_ = conn.(*recordedConn).CloseWrite()
	select {
	case <-over.end:
		return nil
	case <-a.ctx.Done():
		return context.Cause(a.ctx)
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
func (a *apps) lane(c h2Client, h2 *http2.ClientConn, rec *connRecord, calls []call) error {
	for _, k := range calls {
		if err := k.ready(a.world); err != nil {
			return err
		}
		if err := c.exchange(a.ctx, h2, rec, k); err != nil {
			return fmt.Errorf("request %s %s: %w", k.method, k.target, err)
		}
	}
	return nil
}

func (c h2Client) exchange(ctx context.Context, h2 *http2.ClientConn, rec *connRecord, k call) error {
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
	e := exchangeRecord{method: k.method, target: k.target}
	for _, h := range k.header {
		r.Header.Set(h[0], h[1])
		if h[0] == "x-request-id" {
			e.requestID = h[1]
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
	if e.status = resp.StatusCode; e.status != cmp.Or(k.status, 200) {
		return fmt.Errorf("status %d", e.status)
	}
	rec.exchange(e)
	return nil
}

// serveH2 starts an HTTP/2 application in h that is spoken to without
// upgrade.
func (a *apps) serveH2(h *host, at netip.AddrPort) error {
	l, err := h.listenTCP(a.ctx, at)
	if err != nil {
		return err
	}
	a.later(func() { _ = l.Close() })
	in := &recordedListener{l, h, &a.rec}
	go func() {
		for {
			c, err := in.Accept()
			if err != nil {
				return
			}
			c.(*recordedConn).rec.multiplexed = true
			go (&http2.Server{}).ServeConn(c, &http2.ServeConnOpts{Handler: &httpApp{},
				Context: context.WithValue(a.ctx, connKey{}, c)})
		}
	}()
	return nil
}

// inOrder puts the exchanges of an HTTP/2 connection into the order of their
// requests' HEADERS, as this end wrote or read them (RFC 9113 §8.1). What the
// end saw of an exchange is found by method, path and request id.
func (r *connRecord) inOrder() error {
	asked := r.asked()
	if len(asked) < len(http2.ClientPreface) {
		return nil
	}
	in := bytes.NewReader(asked[len(http2.ClientPreface):])
	f := http2.NewFramer(io.Discard, in)
	f.ReadMetaHeaders = hpack.NewDecoder(4096, nil)
	var ordered []exchangeRecord
	for {
		at := int64(len(asked) - in.Len())
		frame, err := f.ReadFrame()
		if err == io.EOF {
			break
		}
		if err != nil {
			return fmt.Errorf("frames from %v: %w", r.local, err)
		}
		h, ok := frame.(*http2.MetaHeadersFrame)
		if !ok || h.PseudoValue("method") == "" {
			continue
		}
		e, err := r.exchangeOf(h)
		if err != nil {
			return err
		}
		e.below = r.belowOf(at)
		ordered = append(ordered, e)
	}
	if len(ordered) != len(r.exchanges) {
		return fmt.Errorf("%d requests, %d exchanges on record", len(ordered), len(r.exchanges))
	}
	r.exchanges = ordered
	return nil
}

// asked is all that the client sent, above TLS.
func (r *connRecord) asked() (all []byte) {
	log := &r.turns
	if r.plain != nil {
		log = &r.plain.turns
	}
	for _, t := range log.turns {
		all = append(all, t.request...)
	}
	return all
}

// exchangeOf finds the exchange that a request's HEADERS began.
func (r *connRecord) exchangeOf(h *http2.MetaHeadersFrame) (exchangeRecord, error) {
	id := ""
	for _, f := range h.RegularFields() {
		if f.Name == "x-request-id" {
			id = f.Value
		}
	}
	method, path := h.PseudoValue("method"), h.PseudoValue("path")
	for _, e := range r.exchanges {
		if e.method == method && e.target == path && e.requestID == id {
			return e, nil
		}
	}
	return exchangeRecord{}, fmt.Errorf("%s %s is not on record", method, path)
}

// belowOf returns where on the socket the write began that has an offset above
// TLS; nil if unknown.
func (r *connRecord) belowOf(above int64) *int64 {
	if r.plain == nil || r.server {
		return nil
	}
	for _, m := range slices.Backward(r.plain.marks) {
		if m.above <= above {
			return &m.below
		}
	}
	return nil
}
