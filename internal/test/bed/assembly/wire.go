//go:build linux

package assembly

import (
	"net/netip"
	"time"

	"github.com/pcapmesh/pcapmesh/internal/test/bed/mesh"
	"github.com/pcapmesh/pcapmesh/internal/test/bed/socket"
	"github.com/pcapmesh/pcapmesh/internal/test/truth"
)

// wire is one TCP connection, put together from whatever saw an end of it.
type wire struct {
	key       wireKey
	client    *socket.Record
	server    *socket.Record
	up, down  *mesh.Pod      // the proxy that dialled it, the proxy that accepted it
	asked     int            // exchanges that the accepting proxy logged on it
	served    int            // exchanges that the dialling proxy logged on it
	taken     map[int]bool   // of the server's exchanges, those a line tells of
	told      map[int]bool   // of the client's, on HTTP/2
	seen      netip.AddrPort // the source as the accepting proxy saw it, if NAT changed it
	start     time.Time
	leg       int // index + 1 of its leg, 0: not captured
	encrypted bool
	refused   bool
	dated     bool // start is when it was dialled, though no application has an end
	tunnel    bool // carries streams that are connections

	multiplexed bool // HTTP/2, as an Envoy at one of its ends has it
	unread      bool // its server ended it with a request that it never read

	downConn, upConn int // the numbers that the Envoys at its ends gave it, 0: none
}

// wireKey is the tuple as the client's socket has it.
type wireKey struct{ src, dst netip.AddrPort }

// hop is one exchange over one proxy, before legs have names.
type hop struct {
	from, to   *wire
	fromX, toX int
	line       mesh.LogLine
	pod        *mesh.Pod
	at         time.Time // when the application had answered
	attempt    int
	link       int // index + 1 of its link, 0: none
	down, up   *socket.Turn
	copy       bool // of what another hop carried, its answer goes nowhere
	vain       bool // refused before the attempt that was logged
}

// assembly turns records and log lines into the truth.
type assembly struct {
	in    *Evidence
	wires []*wire
	byKey map[wireKey][]*wire
	truth *truth.Truth
	hops  []*hop
	nat   map[string]natTable // by pod
	masks map[wireKey]translation
}

// dash reads HAProxy's "-" as nothing.
func dash(s string) string {
	if s == "-" {
		return ""
	}
	return s
}
