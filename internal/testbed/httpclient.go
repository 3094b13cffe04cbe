//go:build linux

package testbed

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"time"

	"github.com/pcapmesh/pcapmesh/internal/test/bed/socket"
	"github.com/pcapmesh/pcapmesh/internal/test/bed/world"
)

// call is one request of a client's script.
type call struct {
	method, target string
	header         [][2]string
	body           []byte
	chunked        bool
	stream         *streaming    // the body, sent while the response arrives
	split          bool          // header and body in separate writes
	think          time.Duration // before it
	status         int           // expected; 0: 200
	before         func() error  // done first, if set
	below          *int64        // as in Exchange
}

// httpClient is one connection with a script of calls.
type httpClient struct {
	from    *world.Host
	uid     int
	local   netip.AddrPort // bound source, or zero
	to      netip.AddrPort
	name    string // Host header; "" for the address
	tls     *tls.Config
	control bool
	cause   *socket.Record
	linger  time.Duration // before it closes
	last    func() error  // before it closes, if set
	calls   []call
}

func (a *apps) play(c httpClient) error {
	start := time.Now()
	raw, err := c.from.DialTCP(a.Ctx, c.uid, c.local, c.to)
	if err != nil {
		return fmt.Errorf("client of %v: %w", c.to, err)
	}
	defer raw.Close()
	defer bounded(a.Ctx, raw)()
	rc := a.rec.Record(c.from, raw, false, start)
	rc.Record.Control, rc.Record.Cause = c.control, c.cause
	conn, err := rc.Secure(a.Ctx, c.tls)
	if err != nil {
		return fmt.Errorf("client of %v: %w", c.to, err)
	}
	defer socket.Farewell(conn)
	r := bufio.NewReader(conn)
	for i, call := range c.calls {
		if err := call.ready(a.World); err != nil {
			return err
		}
		if err := c.exchange(conn, r, rc.Record, call); err != nil {
			return fmt.Errorf("client of %v: request %d %s %s: %w", c.to, i, call.method, call.target, err)
		}
	}
	if c.last != nil {
		if err := c.last(); err != nil {
			return err
		}
	}
	return a.Pause(c.linger)
}

func (k call) ready(w *world.World) error {
	if k.before != nil {
		if err := k.before(); err != nil {
			return err
		}
	}
	return w.Pause(k.think)
}

// bounded bounds a connection's life and closes it when the run is
// called off; the result undoes that.
func bounded(ctx context.Context, c net.Conn) func() {
	_ = c.SetDeadline(time.Now().Add(time.Minute))
	done := make(chan struct{})
	go func() {
		select {
		case <-ctx.Done():
			_ = c.SetDeadline(time.Unix(1, 0))
		case <-done:
		}
	}()
	return func() { close(done) }
}

func (c httpClient) exchange(w io.Writer, r *bufio.Reader, rec *socket.Record, k call) error {
	k.below = rec.SentBelow()
	if err := c.send(w, k); err != nil {
		return err
	}
	if k.stream != nil {
		return world.Parallel(func() error { return k.stream.chunked(w) }, func() error { return k.answer(r, rec) })
	}
	return k.answer(r, rec)
}

// answer reads the response.
func (k call) answer(r *bufio.Reader, rec *socket.Record) error {
	resp, err := http.ReadResponse(r, &http.Request{Method: k.method})
	if err != nil {
		return err
	}
	if _, err := io.Copy(io.Discard, resp.Body); err != nil {
		return err
	}
	if want := cmp.Or(k.status, 200); resp.StatusCode != want {
		return fmt.Errorf("status %d", resp.StatusCode)
	}
	e := socket.Exchange{Method: k.method, Target: k.target, Status: resp.StatusCode, Below: k.below}
	for _, h := range k.header {
		if h[0] == "x-request-id" {
			e.RequestID = h[1]
		}
	}
	rec.Exchange(e)
	return nil
}

func (c httpClient) send(w io.Writer, k call) error {
	var m bytes.Buffer
	name := c.name
	if name == "" {
		name = c.to.String()
	}
	fmt.Fprintf(&m, "%s %s HTTP/1.1\r\nhost: %s\r\n", k.method, k.target, name)
	for _, h := range k.header {
		fmt.Fprintf(&m, "%s: %s\r\n", h[0], h[1])
	}
	body := k.body
	switch {
	case k.stream != nil:
		m.WriteString("transfer-encoding: chunked\r\n")
	case k.chunked:
		m.WriteString("transfer-encoding: chunked\r\n")
		body = chunks(k.body)
	case len(k.body) > 0:
		m.WriteString("content-length: " + strconv.Itoa(len(k.body)) + "\r\n")
	}
	m.WriteString("\r\n")
	if !k.split {
		m.Write(body)
		body = nil
	}
	if _, err := w.Write(m.Bytes()); err != nil || len(body) == 0 {
		return err
	}
	_, err := w.Write(body)
	return err
}

func chunks(body []byte) []byte {
	var m bytes.Buffer
	for len(body) > 0 {
		n := min(len(body), 500)
		fmt.Fprintf(&m, "%x\r\n%s\r\n", n, body[:n])
		body = body[n:]
	}
	m.WriteString("0\r\n\r\n")
	return m.Bytes()
}
