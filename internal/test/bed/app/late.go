//go:build linux

package app

import (
	"bufio"
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

// ServeLate starts an HTTP/1.1 application in h that gives up a connection which was
// idle for so long, and closes it a little later: what is asked in between is never
// read.
func (a *Apps) ServeLate(h *world.Host, at netip.AddrPort, idle, late time.Duration) error {
	return a.accept(h, at, func(c *socket.Conn) { serveLate(c, idle, late) })
}

func serveLate(c *socket.Conn, idle, late time.Duration) {
	defer c.Close()
	r := bufio.NewReader(c)
	for {
		_ = c.SetReadDeadline(time.Now().Add(idle))
		if _, err := r.Peek(1); err != nil {
			time.Sleep(late)
			return
		}
		_ = c.SetReadDeadline(time.Now().Add(time.Minute))
		if serveOne(c, r) != nil {
			return
		}
	}
}

// serveOne answers one request with as many bytes as it asks for.
func serveOne(c net.Conn, r *bufio.Reader) error {
	q, err := http.ReadRequest(r)
	if err != nil {
		return err
	}
	begun := time.Now()
	if _, err := io.Copy(io.Discard, q.Body); err != nil {
		return err
	}
	size, _ := strconv.Atoi(q.URL.Query().Get("size"))
	_, err = fmt.Fprintf(c, "HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%s", size, BodyFor(q.RequestURI, size))
	c.(*socket.Conn).Record.Exchange(socket.Exchange{Method: q.Method, Target: q.RequestURI, Status: http.StatusOK, Begun: begun,
		RequestID: q.Header.Get("x-request-id")})
	return err
}
