package flow

import (
	"fmt"
	"net/netip"

	"github.com/pcapmesh/pcapmesh/mesh/record"
)

// A Direction says which way a path runs, seen from the pod.
type Direction uint8

// The directions of paths.
const (
	DirectionUnknown Direction = iota
	Inbound                    // from a client to the pod's application
	Outbound                   // from the pod's application to a server
	Self                       // from the pod's application to itself, by way of the proxy
	Gateway                    // through a pod that only forwards
	Direct                     // past the proxy
)

var directionNames = [...]string{"unknown", "inbound", "outbound", "self", "gateway", "direct"}

// String returns the direction's name in the JSON output, such as "inbound".
func (d Direction) String() string {
	if int(d) < len(directionNames) {
		return directionNames[d]
	}
	return fmt.Sprint(uint8(d))
}

// A Path is one conversation, from the client's end to the server's: a client
// leg, and the legs that carry it on behind the proxies.
type Path struct {
	ID             int // also the number of its TCP stream in the default view of the stitched capture
	Direction      Direction
	Client, Server netip.AddrPort
	Legs           []int // leg IDs, client side first
	Complete       bool  // joined to its end, and no byte of it is missing
	Ambiguous      bool  // some join has rivals
	Exchanges      []Exchange
	Mode           Mode // how its stream is written, if not as the client spoke
	Joined         bool // a join without rivals ties legs of it
	Lead           int  // ID of the leg that has its ends: the client's, or what a tunnel carried of it
}

// A Mode says what became of a path's exchanges in its stream.
type Mode string

// The modes. In both, HTTP/1.1 is what can be read of a client that spoke HTTP/2, or was
// asked for.
const (
	// H2To11: the stream has the client's exchanges as they were read, one after the
	// other.
	H2To11 Mode = "h2→1.1"
	// H11To2: exchanges overlapped, so that in HTTP/1.1 an answer would seem to be that
	// of another request. The stream has them re-encoded, as HTTP/2 of its own.
	H11To2 Mode = "1.1→h2"
)

// An Exchange is one request and its response, leg by leg.
type Exchange struct {
	ID        int // 0-based within the path
	RequestID string
	Method    string
	Target    string
	Status    int  // 0 when the response was not captured
	Proven    bool // the weakest hop's
	Ambiguous bool
	Hops      []Hop          // client side first
	GRPC      *GRPC          // nil if it is no gRPC call, or that is not known
	Logged    *record.Logged // what the proxy logged of it; nil if nothing is known
}

// GRPC is what an exchange says as a gRPC call.
type GRPC struct {
	Status   int // grpc-status; -1 when it was not captured
	Sent     int // messages of the request, as far as they were captured
	Received int // messages of the response
}
