//go:build linux

package app

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

// Call is one request of a client's script.
type Call struct {
	Method, Target string
	Header         [][2]string
	Body           []byte
	Chunked        bool
	Stream         *Streaming    // the body, sent while the response arrives
	Split          bool          // header and body in separate writes
	Think          time.Duration // before it
	Status         int           // expected; 0: 200
	Or             int           // what may come instead; 0: nothing
	Before         func() error  // done first, if set
	below          *int64        // as in Exchange
}

// HTTPClient is one connection with a script of calls.
type HTTPClient struct {
	From    *world.Host
	UID     int
	Local   netip.AddrPort // bound source, or zero
	To      netip.AddrPort
	Name    string // Host header; "" for the address
	TLS     *tls.Config
	Control bool
	Cause   *socket.Record
	Preface string        // sent before anything else
	Linger  time.Duration // before it closes
	Last    func() error  // before it closes, if set
	Calls   []Call
}

// Play plays a client to its end.
func (a *Apps) Play(c HTTPClient) error {
	start := time.Now()
	raw, err := c.From.DialTCP(a.Ctx, c.UID, c.Local, c.To)
	if err != nil {
		return fmt.Errorf("client of %v: %w", c.To, err)
	}
	defer raw.Close()
	defer bounded(a.Ctx, raw)()
	rc := a.Rec.Record(c.From, raw, false, start)
	rc.Record.Control, rc.Record.Cause = c.Control, c.Cause
	if _, err := io.WriteString(rc, c.Preface); err != nil {
		return err
	}
	conn, err := rc.Secure(a.Ctx, c.TLS)
	if err != nil {
		return fmt.Errorf("client of %v: %w", c.To, err)
	}
	defer socket.Farewell(conn)
	r := bufio.NewReader(conn)
	for i, call := range c.Calls {
		if err := call.ready(a.World); err != nil {
			return err
		}
		if err := c.exchange(conn, r, rc.Record, call); err != nil {
			return fmt.Errorf("client of %v: request %d %s %s: %w", c.To, i, call.Method, call.Target, err)
		}
	}
	if c.Last != nil {
		if err := c.Last(); err != nil {
			return err
		}
	}
	return a.Pause(c.Linger)
}

func (k Call) ready(w *world.World) error {
	if k.Before != nil {
		if err := k.Before(); err != nil {
			return err
		}
	}
	return w.Pause(k.Think)
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

func (c HTTPClient) exchange(w io.Writer, r *bufio.Reader, rec *socket.Record, k Call) error {
	k.below = rec.SentBelow()
	if err := c.send(w, k); err != nil {
		return err
	}
	if k.Stream != nil {
		return world.Parallel(func() error { return k.Stream.chunked(w) }, func() error { return k.answer(r, rec) })
	}
	return k.answer(r, rec)
}

// answer reads the response.
func (k Call) answer(r *bufio.Reader, rec *socket.Record) error {
	resp, err := http.ReadResponse(r, &http.Request{Method: k.Method})
	if err != nil {
		return err
	}
	if _, err := io.Copy(io.Discard, resp.Body); err != nil {
		return err
	}
	if resp.StatusCode != cmp.Or(k.Status, 200) && resp.StatusCode != k.Or {
		return fmt.Errorf("status %d", resp.StatusCode)
	}
	e := socket.Exchange{Method: k.Method, Target: k.Target, Status: resp.StatusCode, Below: k.below}
	for _, h := range k.Header {
		if h[0] == "x-request-id" {
			e.RequestID = h[1]
		}
	}
	rec.Exchange(e)
	return nil
}

func (c HTTPClient) send(w io.Writer, k Call) error {
	var m bytes.Buffer
	name := c.Name
	if name == "" {
		name = c.To.String()
	}
	fmt.Fprintf(&m, "%s %s HTTP/1.1\r\nhost: %s\r\n", k.Method, k.Target, name)
	for _, h := range k.Header {
		fmt.Fprintf(&m, "%s: %s\r\n", h[0], h[1])
	}
	body := k.Body
	switch {
	case k.Stream != nil:
		m.WriteString("transfer-encoding: chunked\r\n")
	case k.Chunked:
		m.WriteString("transfer-encoding: chunked\r\n")
		body = chunks(k.Body)
	case len(k.Body) > 0:
		m.WriteString("content-length: " + strconv.Itoa(len(k.Body)) + "\r\n")
	}
	m.WriteString("\r\n")
	if !k.Split {
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
