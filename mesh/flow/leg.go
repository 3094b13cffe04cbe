package flow

import (
	"fmt"

	"github.com/pcapmesh/pcapmesh/capture"
	"github.com/pcapmesh/pcapmesh/capture/tcpip"
	"github.com/pcapmesh/pcapmesh/mesh/record"
)

// A Role says what a connection does for the mesh.
type Role uint8

// The roles of legs, named by who dials whom.
const (
	RoleUnknown     Role = iota
	RoleClientProxy      // a remote client to this pod's proxy (inbound)
	RoleProxyApp         // the proxy to its own application (inbound)
	RoleAppProxy         // the application to its own proxy (outbound)
	RoleProxyServer      // the proxy to a server (outbound)
	RoleProxyProxy       // a proxy to a proxy, both of them captured
	RoleDirect           // past the proxy
	RoleControl          // the mesh's own traffic: health, metrics, DNS, agent
)

var roleNames = [...]string{"unknown", "client-proxy", "proxy-app", "app-proxy", "proxy-server", "proxy-proxy", "direct", "control"}

// String returns the role's name in the JSON output, such as "client-proxy".
func (r Role) String() string {
	if int(r) < len(roleNames) {
		return roleNames[r]
	}
	return fmt.Sprint(uint8(r))
}

// A Protocol is what a connection speaks, as the JSON output names it.
type Protocol string

// The protocols of legs.
const (
	ProtocolTCP   Protocol = "tcp" // bytes that nothing here reads
	ProtocolHTTP1 Protocol = "http/1.1"
	ProtocolHTTP2 Protocol = "h2"
	ProtocolHBONE Protocol = "hbone" // a tunnel, decrypted or not
	ProtocolTLS   Protocol = "tls"   // not decrypted
	ProtocolDNS   Protocol = "dns"
)

// A Leg is one TCP connection in its role.
type Leg struct {
	ID        int
	Role      Role
	Pod       string // as given by the user; "" when all inputs are one pod's
	Inputs    []int  // 0-based numbers of the inputs that show it
	Interface string
	Orig      tcpip.Tuple   // as the client dialled it
	Reply     tcpip.Tuple   // conntrack's reply tuple: Src is who really answered
	Captured  []tcpip.Tuple // each directed tuple seen
	Start     capture.Time
	End       capture.Time
	Midstream bool   // the connection began before the capture
	Inferred  bool   // its direction was guessed, since no SYN was seen
	ClosedBy  string // orig, reply, orig-rst, reply-rst or open

	OrigPackets, ReplyPackets int
	OrigBytes, ReplyBytes     int64 // distinct stream bytes seen
	OrigMissing, ReplyMissing int64 // stream bytes known to be missing
	// ExchangeCount is the number of requests and responses read on the leg, in a
	// tunnel that of its streams.
	ExchangeCount int

	Protocol Protocol
	TLS      TLS // zero unless the connection is TLS; if it is decrypted, Protocol is what is inside
	// Decrypted tells that the connection is TLS and was read with secrets, from a key
	// log or from a pcapng input.
	Decrypted bool
	// Notes say what is wrong with the connection, such as records that do not
	// authenticate.
	Notes []string
	// Unused tells that a proxy dialled the connection, and that nothing went over it: it
	// waited in the proxy's pool.
	Unused bool
	// LostHeaders tells that header fields of HTTP/2 are not known, because
	// they refer to others that were not captured.
	LostHeaders bool
	Conntrack   *record.Tracked // nil when no entry is known
	// OrigProcess and ReplyProcess have the connection's ends open; nil when that
	// is not known, or they are not in the pod.
	OrigProcess, ReplyProcess *record.Process
	Logged                    *record.Logged // what the proxy logged of a connection that it forwards as bytes; nil when nothing is known
}
