package record

import (
	"net/netip"
	"strings"

	"github.com/pcapmesh/pcapmesh/capture"
	"github.com/pcapmesh/pcapmesh/capture/tcpip"
)

// A Process is a process that has an end of a connection open.
type Process struct {
	Name   string // "" if only its user is known
	PID    int    // 0 if it is not known
	UID    int64  // -1 if it is not known
	Source Source
}

// A File names a file with records, "-" for standard input; gzip is
// unpacked.
type File struct {
	Name string
	Pod  string // of which it is; "" = of any
}

// A Source names a line of a record. The zero Source is none: packets show it.
type Source struct {
	Kind Kind
	File string
	Line int // 1-based; 0 = the whole file
}

// An Info says what became of a file with records.
type Info struct {
	File
	Kind      Kind
	Lines     int
	Entries   int      // entries, exchanges, rules or sockets in it
	Matched   int      // of them those of connections or endpoints in the captures
	Malformed int      // lines that could not be read; the rest was used
	Faults    []string // the first three of them, with line numbers
	Mesh      string   // of rules: the mesh whose they are; "" if none is known
}

// A Conflict is a record that says otherwise than the packets, which count.
type Conflict struct {
	Source  Source
	Leg     int    // ID of the leg that it is about; -1 = none
	Says    string // what the record says
	Packets string // what the packets say
	Shown   []capture.Ref
}

// Tracked is what conntrack knows of a connection.
type Tracked struct {
	Source      Source
	Orig, Reply tcpip.Tuple
	State       string
	Mark        uint32
	Zone        uint16
}

// Logged is what a line of the proxy's access log adds to what packets show.
type Logged struct {
	Source      Source
	Flags       []string // response flags, such as UF, URX, NR and DC
	Details     string   // response code details, such as via_upstream
	Termination string   // connection termination details
	Failure     string   // upstream transport failure reason
	Cluster     string   // upstream cluster
	Route       string
	Upstream    netip.AddrPort // the server that was chosen; invalid if none was
	Error       string         // ztunnel's: why the connection came to nothing, or ended
}

// What ztunnel writes of connections that a policy forbids (ztunnel: src/proxy.rs and
// src/state.rs, AuthorizationRejectionError).
const (
	rejected = "connection closed due to policy rejection: "
	denied   = "explicitly denied by: "
	failed   = "connection failed: "
)

// Reason says why ztunnel ended the connection in fewer words than its error; "" if it
// gave none.
func (l *Logged) Reason() string {
	if why, ok := strings.CutPrefix(l.Error, rejected); ok {
		if policy, ok := strings.CutPrefix(why, denied); ok {
			return "denied by policy " + policy
		}
		return "denied: " + why
	}
	return strings.TrimPrefix(l.Error, failed)
}
