//go:build linux

package assembly

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net/http"

	"github.com/pcapmesh/pcapmesh/internal/test/bed/socket"
)

// checkAccess holds the bodies' lengths in the access log, which HAProxy does
// not count as such and Envoy does, against what the clients sent and received.
func (a *assembly) checkAccess() error {
	for _, h := range a.hops {
		wantSent, wantReceived, ok := h.line.Bodies()
		if h.down == nil || !ok || h.line.Status == http.StatusSwitchingProtocols {
			continue
		}
		sent, received, err := bodies(h.down)
		if err != nil {
			return fmt.Errorf("%s %s: %w", h.line.Method, h.line.Target, err)
		}
		if again := h.attempt > 1 && h.line.Retries != "0"; again {
			continue // what was received is the last attempt's
		}
		if wantSent != sent || wantReceived != received {
			return fmt.Errorf("access log of %s: %s %s with bodies of %d and %d bytes, really %d and %d", h.pod.Name,
				h.line.Method, h.line.Target, wantSent, wantReceived, sent, received)
		}
	}
	return nil
}

// bodies are the lengths of the bodies of an exchange, without framing.
func bodies(t *socket.Turn) (request, response int64, err error) {
	q, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(t.Request)))
	if err != nil {
		return 0, 0, err
	}
	if request, err = io.Copy(io.Discard, q.Body); err != nil {
		return 0, 0, err
	}
	r, err := http.ReadResponse(bufio.NewReader(bytes.NewReader(t.Response)), q)
	if err != nil {
		return 0, 0, err
	}
	response, err = io.Copy(io.Discard, r.Body)
	return request, response, err
}
