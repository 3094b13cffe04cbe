package names

import (
	"fmt"
	"net/netip"

	"github.com/pcapmesh/pcapmesh/capture"
	"github.com/pcapmesh/pcapmesh/capture/tcpip"
	"github.com/pcapmesh/pcapmesh/mesh/record"
)

// A Role says on whose behalf a name was looked up.
type Role uint8

// The roles of lookups.
const (
	Direct   Role = iota // no agent had a part in it
	App                  // the application's; redirected to the mesh's agent
	Upstream             // the agent's own, or the proxy's: not redirected where the application's are
)

// String returns the role's name in the JSON output.
func (r Role) String() string {
	names := [...]string{"direct", "app", "upstream"}
	if int(r) < len(names) {
		return names[r]
	}
	return fmt.Sprint(uint8(r))
}

// A Lookup is one question to a DNS server over UDP and what was answered:
// a query, sent once or more often, and its answer, either of which may be
// missing in the capture.
type Lookup struct {
	ID        int // in the order in which the lookups began
	Role      Role
	Pod       string // as given by the user; "" when all inputs are one pod's
	Interface string
	Client    netip.AddrPort // who asked
	// Server is whom the client asked. It is not valid when a redirect changed
	// that and neither the answer was captured nor a record tells.
	Server netip.AddrPort
	// AnsweredBy is who really answered, or was to: behind a redirect the agent's
	// address. It is not valid when only the answer was captured behind one.
	AnsweredBy netip.AddrPort
	Redirected bool
	Record     record.Source // what tells Server or AnsweredBy, if packets do not
	Captured   []tcpip.Tuple // each directed tuple seen

	MessageID uint16 // of the DNS header
	Name      string // asked for, without the last dot; "" when it was cut off
	Type      string // such as A or AAAA; "" with Name

	Queries, Answers int          // packets of each, retransmissions included
	Asked, Answered  capture.Time // of the first of each; 0 = not captured

	RCode       string // such as NOERROR or NXDOMAIN; "" when there is no answer
	Truncated   bool   // the answer did not fit into a datagram
	Records     []Record
	MoreRecords int // in the answer section, beside Records

	Packets []capture.Ref // the first few that show it
	// UpstreamOf is the ID of the application's lookup that the agent passed on
	// with this one; -1 = none is known.
	UpstreamOf int
}

// A Record is one record of an answer.
type Record struct {
	Name   string
	Type   string
	TTL    uint32     // seconds
	Addr   netip.Addr // of A and AAAA, else not valid
	Target string     // of CNAME and PTR, else ""
}
