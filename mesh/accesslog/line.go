package accesslog

import (
	"net/netip"
	"time"

	"github.com/pcapmesh/pcapmesh/capture"
)

// A Kind says what a line is about.
type Kind uint8

// The kinds of lines.
const (
	Unknown Kind = iota // the format has nothing that tells
	HTTP                // one request and its response
	TCP                 // one connection proxied as bytes
	Ztunnel             // one connection through ztunnel
)

var kindNames = [...]string{"unknown", "http", "tcp", "ztunnel"}

// String returns the kind's name in lower case.
func (k Kind) String() string {
	if int(k) < len(kindNames) {
		return kindNames[k]
	}
	return kindNames[Unknown]
}

// A Line is one line of an access log. What the line does not say, or says
// with "-", is zero, or -1 where 0 is a value. A copy of a Line shares nothing
// that changes; its strings share the text of the line.
//
// Of an address that the proxy inferred from x-forwarded-for or the PROXY
// protocol the port is 0, and also of one logged without port. Addresses that
// are none of IP, such as socket paths and Envoy's internal listeners, are
// invalid.
type Line struct {
	Number int // of the line in its log, 1-based; of the first if joined from partial ones
	Kind   Kind

	Start      capture.Time  // of the request, or of the connection for TCP; of one that failed in ztunnel, which tells no more, its end
	Resolution time.Duration // of Start: it was in [Start, Start+Resolution), with ztunnel in (Start-Resolution, Start]
	Duration   time.Duration // -1 unknown

	RequestDuration  time.Duration // from Start to the last byte of the request, -1 unknown
	ResponseDuration time.Duration // from Start to the first byte from upstream, -1 unknown
	ServiceTime      time.Duration // x-envoy-upstream-service-time, -1 unknown

	DownstreamRemote netip.AddrPort // the client, as the proxy sees it
	DownstreamLocal  netip.AddrPort // the original destination, never the proxy's listener
	DownstreamDirect netip.AddrPort // the physical peer
	UpstreamLocal    netip.AddrPort // the proxy's own end
	UpstreamHost     netip.AddrPort // the server

	Method, Path, Protocol  string
	RequestID, Authority    string
	ForwardedFor, UserAgent string
	SNI                     string // the server name the client asked for
	Cluster                 string // upstream; see ParseCluster
	Route                   string
	CodeDetails             string // such as via_upstream
	TerminationDetails      string
	TransportFailure        string
	Flags                   []string // response flags in their short form, such as UF and URX; nil if none

	Status        int   // 0 if there is none
	BytesReceived int64 // from downstream: of the body, for TCP all; -1 unknown
	BytesSent     int64 // to downstream, alike; -1 unknown

	UpstreamWireSent       int64 // bytes with heads, -1 unknown
	UpstreamWireReceived   int64
	DownstreamWireSent     int64
	DownstreamWireReceived int64

	ConnectionID         int64 // downstream, of one run of Envoy; 0 unknown
	UpstreamConnectionID int64 // 0 unknown
	Attempts             int   // upstream; 0 if unknown or none was made

	// Of ztunnel only. Its source is DownstreamRemote. Its destination is
	// UpstreamHost outbound, and DownstreamLocal inbound.
	Direction                              string // inbound, outbound
	HBONEAddr                              string // what the tunnel leads to: address or name, with port
	SrcWorkload, SrcNamespace, SrcIdentity string
	DstService                             string
	DstWorkload, DstNamespace, DstIdentity string
	Error                                  string
}

// TCP reports whether the line is about a whole connection rather than one
// request.
func (l *Line) TCP() bool { return l.Kind == TCP || l.Kind == Ztunnel }

// reset makes l a line that says nothing.
func (l *Line) reset() {
	*l = Line{
		Duration: -1, RequestDuration: -1, ResponseDuration: -1, ServiceTime: -1,
		BytesReceived: -1, BytesSent: -1,
		UpstreamWireSent: -1, UpstreamWireReceived: -1, DownstreamWireSent: -1, DownstreamWireReceived: -1,
	}
}

// judge sets the kind of an Envoy line whose format has the fields of has.
// Envoy logs a connection as an exchange without method, path and protocol,
// and with code 0.
func (l *Line) judge(has fieldSet) {
	switch {
	case l.Kind == Ztunnel:
	case l.Method != "" || l.Path != "" || l.Protocol != "" || l.RequestID != "" || l.Authority != "" || l.Status != 0:
		l.Kind = HTTP
	case has&(1<<method|1<<protocol|1<<status) != 0:
		l.Kind = TCP
	}
}
