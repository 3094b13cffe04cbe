//go:build linux

package app

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/pcapmesh/pcapmesh/internal/test/bed/socket"
	"github.com/pcapmesh/pcapmesh/internal/test/bed/world"
)

// Step is what a scripted client sends at once, and the requests whose
// responses it then reads, as "METHOD target status"; "100" and "103" stand for
// interim responses, "end" for the end of the connection, "none METHOD target 0" for
// the same in place of a response.
type Step struct {
	send  string
	reads []string
}

// Say makes a step.
func Say(send string, reads ...string) Step { return Step{send, reads} }

// Scripted is a client that writes its requests byte by byte as given.
func (a *Apps) Scripted(h *world.Host, to netip.AddrPort, steps ...Step) error {
	start := time.Now()
	raw, err := h.DialTCP(a.Ctx, 0, netip.AddrPort{}, to)
	if err != nil {
		return err
	}
	defer raw.Close()
	defer bounded(a.Ctx, raw)()
	c := a.Rec.Record(h, raw, false, start)
	r := bufio.NewReader(c)
	for _, s := range steps {
		if _, err := io.WriteString(c, s.send); err != nil {
			return err
		}
		for _, want := range s.reads {
			if err := expect(c, r, want); err != nil {
				return fmt.Errorf("%.40q: %s: %w", s.send, want, err)
			}
		}
	}
	return nil
}

func expect(c *socket.Conn, r *bufio.Reader, want string) error {
	if bytes, ok := strings.CutPrefix(want, "echo "); ok {
		_, err := io.ReadFull(r, make([]byte, len(bytes)))
		return err
	}
	if unanswered, ok := strings.CutPrefix(want, "none "); ok || want == "end" {
		_, _ = io.Copy(io.Discard, r) // that may be a reset
		if f := strings.Fields(unanswered); len(f) > 1 {
			c.Record.Exchange(socket.Exchange{Method: f[0], Target: f[1]})
		}
		return nil
	}
	method, rest, _ := strings.Cut(want, " ")
	resp, err := http.ReadResponse(r, &http.Request{Method: method})
	if err != nil {
		return err
	}
	if _, err := io.Copy(io.Discard, resp.Body); err != nil {
		return err
	}
	if interim, err := strconv.Atoi(method); err == nil {
		if resp.StatusCode != interim {
			return fmt.Errorf("status %d", resp.StatusCode)
		}
		return nil
	}
	var target string
	var status int
	if _, err := fmt.Sscan(rest, &target, &status); err != nil {
		return err
	}
	if resp.StatusCode != status {
		return fmt.Errorf("status %d", resp.StatusCode)
	}
	c.Record.Exchange(socket.Exchange{Method: method, Target: target, Status: status})
	return nil
}
