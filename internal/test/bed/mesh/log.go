//go:build linux

package mesh

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"net/netip"
	"strings"
	"time"

	"github.com/pcapmesh/pcapmesh/internal/test/bed/world"
)

// LogLine is one line of the proxy's log: an HTTP exchange or a TCP
// connection.
type LogLine struct {
	Kind    string `json:"kind"` // http, tcp
	Dir     string `json:"dir"`  // in, out
	CI      string `json:"ci"`
	CP      int    `json:"cp"`
	FI      string `json:"fi"` // original destination
	FP      int    `json:"fp"`
	BI      string `json:"bi"`
	BP      string `json:"bp"`
	SI      string `json:"si"`
	SP      string `json:"sp"`
	ID      string `json:"rid"`
	Method  string `json:"method"`
	Target  string `json:"target"`
	Status  int    `json:"status"`
	Retries string `json:"retries"` // with a plus if another server was tried
	State   string `json:"state"`   // how it ended (HAProxy, "Session state at disconnection")
	Up      int64  `json:"up"`      // bytes, on HTTP of HAProxy's own form of the message
	Down    int64  `json:"down"`
	T       int64  `json:"t"` // accepted, or on a connection that was used before, when that was over; milliseconds since 1970
	Keys    string `json:"keys"`

	Backend string `json:"backend,omitempty"` // app, passthrough, route0, route1 ...
	Version string `json:"version,omitempty"` // HTTP/1.1, HTTP/2.0
	Host    string `json:"host,omitempty"`
	Agent   string `json:"agent,omitempty"`
	XFF     string `json:"xff,omitempty"`
	SNI     string `json:"sni,omitempty"`
	Spent   string `json:"spent,omitempty"` // milliseconds until the response's headers

	// Times in milliseconds. From T on there is the handshake, then nothing
	// until the request's first byte, then the exchange; -1 for what was not
	// reached. Total is all three. Logs of older testbeds have none.
	Shake  int64  `json:"shake,omitempty"`
	Idle   int64  `json:"idle,omitempty"`
	Active int64  `json:"active,omitempty"`
	Total  *int64 `json:"total,omitempty"`
	Start  string `json:"start,omitempty"` // when the request's head was there, milliseconds since 1970

	// What the heads of the messages are of Up and Down, see body. Length is the
	// content-length of the response, also of one that HAProxy made itself.
	Asked    string `json:"asked,omitempty"`
	Answered string `json:"answered,omitempty"`
	Length   string `json:"length,omitempty"`
	Unit     string `json:"unit,omitempty"`   // size of a gRPC message, as asked
	Tunnel   string `json:"tunnel,omitempty"` // ztunnel: the side that is a stream of a tunnel, "down" or "up"
	Stream   int    `json:"stream,omitempty"` // which one, 0-based

	Exact *Exact `json:"-"` // of a real Envoy, else nil
}

// Bodies are the lengths of the bodies of an exchange, as the log has them.
func (l LogLine) Bodies() (received, sent int64, ok bool) {
	if l.Exact != nil {
		return l.Up, l.Down, l.Exact.Last && l.Kind == "http"
	}
	a, ok := l.Access()
	return a.Received, a.Sent, ok && a.Code == l.Status
}

// Client is the client's end, as the proxy saw it.
func (l LogLine) Client() netip.AddrPort { return world.Endpoint(l.CI, l.CP) }

// Dialled is what the client dialled.
func (l LogLine) Dialled() netip.AddrPort { return world.Endpoint(l.FI, l.FP) }

// From is where the proxy dialled from.
func (l LogLine) From() netip.AddrPort { return world.Endpoint(l.BI, world.Number(l.BP)) }

// Server is whom the proxy dialled.
func (l LogLine) Server() netip.AddrPort { return world.Endpoint(l.SI, world.Number(l.SP)) }

// path is the target without the scheme and authority that the proxy puts
// before those of HTTP/2.
func (l LogLine) path() string {
	if _, rest, ok := strings.Cut(l.Target, "://"); ok {
		if i := strings.IndexByte(rest, '/'); i >= 0 {
			return rest[i:]
		}
	}
	return l.Target
}

// Accepted is T as a time.
func (l LogLine) Accepted() time.Time { return time.UnixMilli(l.T) }

func parseLog(text []byte) (lines []LogLine, err error) {
	in := bufio.NewScanner(bytes.NewReader(text))
	in.Buffer(nil, 1<<20)
	for in.Scan() {
		if !bytes.HasPrefix(in.Bytes(), []byte("{")) {
			continue
		}
		var l LogLine
		if err := json.Unmarshal(in.Bytes(), &l); err != nil {
			return nil, fmt.Errorf("%w: %s", err, in.Text())
		}
		l.Target = l.path()
		lines = append(lines, l)
	}
	return lines, in.Err()
}
