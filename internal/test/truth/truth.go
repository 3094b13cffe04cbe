package truth

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
)

// Truth is what really happened in one scenario. It is written as JSON beside
// the captures and read back by the tests of other packages. It is put
// together from what the applications wrote and read on their own sockets and
// from the proxy's log, never from the captures themselves.
type Truth struct {
	Scenario string `json:"scenario"`       // its name
	About    string `json:"about"`          // one sentence
	Files    []File `json:"files"`          // captures, in the order they should be given to a reader
	Keys     string `json:"keys,omitempty"` // TLS key log (NSS format) beside the captures
	// Args are the arguments a reader needs besides the file names, such as
	// --pod b=x-b-eth0.pcap,x-b-lo.pcap. Usually empty.
	Args          []string       `json:"args"`
	Pods          []Pod          `json:"pods"`  // pods that were captured
	Legs          []Leg          `json:"legs"`  // every TCP connection that crossed a capture point, by start
	Links         []Link         `json:"links"` // every exchange that crossed a captured proxy
	Conversations []Conversation `json:"conversations"`
	Lookups       []Lookup       `json:"lookups,omitempty"` // names looked up over UDP, at a pod that was captured
}

// File is one capture file of a scenario.
type File struct {
	Name      string `json:"name"`      // without directory
	Pod       string `json:"pod"`       // Pod.Name
	Interface string `json:"interface"` // "eth0", "lo", "any" (cooked) or "eth0+lo" (one pcapng)
	Packets   int    `json:"packets"`   // records in the file
	SHA256    string `json:"sha256"`    // of the file, hex
}

// Pod is a pod with a sidecar at which packets were captured.
type Pod struct {
	Name         string `json:"name"`
	IP           string `json:"ip"`
	IPv6         string `json:"ipv6,omitempty"` // where the scenario uses it
	ProxyUID     int    `json:"proxy_uid"`
	OutboundPort int    `json:"outbound_port"`
	InboundPort  int    `json:"inbound_port"`
}

// Tally is a byte stream reduced to its length and its SHA-256 in hex.
type Tally struct {
	Bytes  int64  `json:"bytes"`
	SHA256 string `json:"sha256"`
}

// Leg is one TCP connection that was visible at one capture point or more.
type Leg struct {
	ID   string `json:"id"`
	Pod  string `json:"pod"` // first of Points
	Role string `json:"role"`
	// Interface is where it was captured, "eth0" or "lo", also when the file is
	// one of -i any.
	Interface string   `json:"interface"`
	Points    []string `json:"points"`   // all "pod/interface" it crossed
	OrigSrc   string   `json:"orig_src"` // as the client's socket had it
	OrigDst   string   `json:"orig_dst"` // as the client dialled it
	// ReplySrc is who answered as far as the point shows: the proxy's listener
	// (127.0.0.1:15001) on a half-flow, else OrigDst. It is not 15006 on an
	// inbound leg, since that redirect happens behind the tap.
	ReplySrc string `json:"reply_src"`
	// RequestSrc is set only where NAT moved the client's port too (collision):
	// the source the request half shows.
	RequestSrc string `json:"request_src,omitempty"`
	HalfFlow   bool   `json:"half_flow"` // request and reply half have different tuples
	// Tunnel is true for an HBONE connection: its exchanges are the CONNECT
	// streams in the order in which they were opened, each of which carries one
	// connection.
	Tunnel    bool `json:"tunnel,omitempty"`
	Encrypted bool `json:"encrypted"`
	// Translated is how the leg looks at those of Points that are behind the
	// node's NAT; OrigSrc and OrigDst hold at all others.
	Translated []Translation `json:"translated,omitempty"`
	// Lost says which direction of a half-flow the capture lacks altogether,
	// "request" or "reply". Conntrack tells what it went to.
	Lost      string `json:"lost,omitempty"`
	Midstream bool   `json:"midstream"`         // began before its capture, or the capture has no SYN of it
	Refused   bool   `json:"refused,omitempty"` // answered by RST, carries no byte
	Start     string `json:"start,omitempty"`   // RFC 3339 with nanoseconds, UTC, at the end that recorded it
	// Cause is the leg whose request made the pod open this one, where known:
	// the kubelet's probe of an agent's, a request of an application's calls.
	Cause string `json:"cause,omitempty"`
	// Sent is the whole byte stream from orig to reply and Received the one back,
	// as an application end of this socket wrote and read them (on TLS the
	// records); on a midstream leg, from the first captured byte on. Absent when
	// only proxies had its ends.
	Sent     *Tally `json:"sent,omitempty"`
	Received *Tally `json:"received,omitempty"`
	// Complete is false when the capture misses bytes between its first and its
	// last packet: packets not recorded, or cut by the snap length.
	Complete  bool `json:"complete"`
	Exchanges int  `json:"exchanges"` // HTTP exchanges captured, 0 for raw TCP
}

// Link says which exchange of which server-side leg served an exchange of a
// client-side leg, or, with an exchange -1, which connection as a whole carried
// another one on, or which stream of a tunnel did.
type Link struct {
	From         string `json:"from"`          // Leg.ID of the client side
	FromExchange int    `json:"from_exchange"` // 0-based, of those captured of the connection; -1: raw TCP
	To           string `json:"to"`
	ToExchange   int    `json:"to_exchange"`
	Attempt      int    `json:"attempt"`        // 1-based; above 1 the proxy had tried before
	Copy         bool   `json:"copy,omitempty"` // of what another link carried; the answer goes nowhere
	Method       string `json:"method,omitempty"`
	Target       string `json:"target,omitempty"`
	Status       int    `json:"status,omitempty"`
	RequestID    string `json:"request_id,omitempty"` // as the server side saw it
	// Separable is false when no readable byte, id or order tells this exchange
	// from its rivals, or one of its sides is encrypted.
	Separable bool `json:"separable"`
	// FromBelow is where the request begins on an encrypted client-side leg, as
	// an offset into what its client sent, or earlier if the client wrote other
	// requests at once (HTTP/2). Absent where no application had that end.
	FromBelow *int64 `json:"from_below,omitempty"`
	// FromBy and ToBy are times, on an encrypted leg of HTTP/1, after the request
	// began and before the next one on that leg did.
	FromBy string `json:"from_by,omitempty"`
	ToBy   string `json:"to_by,omitempty"`
	// The bytes of the exchange on either leg, headers included, absent where
	// no application had that end (a proxy, curl, nginx) and on raw TCP. Above
	// TLS they are the plaintext.
	FromRequest  *Tally `json:"from_request,omitempty"`
	FromResponse *Tally `json:"from_response,omitempty"`
	ToRequest    *Tally `json:"to_request,omitempty"`
	ToResponse   *Tally `json:"to_response,omitempty"`
}

// Conversation is one client connection with all that served it.
type Conversation struct {
	Client    string   `json:"client"`
	Server    string   `json:"server"`    // as the client dialled it
	Direction string   `json:"direction"` // inbound, outbound, self, gateway, direct
	Legs      []string `json:"legs"`      // client side first
	Exchanges int      `json:"exchanges"` // HTTP exchanges of the client's connection
	// Sent and Received are the client's plaintext streams, absent when the
	// client recorded none (curl) or when a proxy whose own pod was not captured
	// is the client.
	Sent     *Tally `json:"sent,omitempty"`
	Received *Tally `json:"received,omitempty"`
	// ServerSent and ServerReceived are what the server-side legs next to the
	// client carried of it: their requests and their responses, one after the
	// other in the client's order, of several attempts the last. Absent where
	// Link has no bytes of these.
	ServerSent     *Tally `json:"server_sent,omitempty"`
	ServerReceived *Tally `json:"server_received,omitempty"`
}

// Translation is the tuple of a leg, from its client to its server, at a point
// where NAT changed it.
type Translation struct {
	Point string `json:"point"`
	Src   string `json:"src"`
	Dst   string `json:"dst"`
}

// Leg returns the leg of the given id.
func (t *Truth) Leg(id string) (*Leg, bool) {
	for i := range t.Legs {
		if t.Legs[i].ID == id {
			return &t.Legs[i], true
		}
	}
	return nil, false
}

// Path names the truth file of a scenario in dir, gzipped where that is what is
// there.
func Path(dir, scenario string) string {
	name := filepath.Join(dir, scenario+"-truth.json")
	if _, err := os.Stat(name + ".gz"); err == nil {
		return name + ".gz"
	}
	return name
}

// Read loads a truth file, which may be gzipped.
func Read(name string) (*Truth, error) {
	b, err := os.ReadFile(name)
	if err != nil {
		return nil, err
	}
	if b, err = Unpacked(b); err != nil {
		return nil, fmt.Errorf("truth %s: %w", name, err)
	}
	t := new(Truth)
	if err := json.Unmarshal(b, t); err != nil {
		return nil, fmt.Errorf("truth %s: %w", name, err)
	}
	return t, nil
}

// Write writes a truth file.
func (t *Truth) Write(name string) error {
	b, err := json.MarshalIndent(t, "", " ")
	if err != nil {
		return fmt.Errorf("truth %s: %w", name, err)
	}
	return os.WriteFile(name, append(b, '\n'), 0o644)
}
