package flow

import (
	"fmt"

	"github.com/pcapmesh/pcapmesh/capture"
	"github.com/pcapmesh/pcapmesh/mesh/record"
)

// An EvidenceKind says what ties two legs together; the strongest come first.
type EvidenceKind uint8

// The kinds of evidence.
const (
	SameConnection EvidenceKind = iota + 1 // one TCP connection seen twice
	Conntrack                              // a conntrack entry names both
	AccessLog                              // a line of the proxy's access log names both
	RequestID                              // equal x-request-id
	SameBytes                              // equal contents, and no other candidate has them
	TurnAlgebra                            // lengths of turns
	PoolOrder                              // whose turn it was of the connections in a proxy's pool
	OnlyCandidate                          // nothing else fits in time
	PortAdjacency                          // neighbouring source ports
)

var kindNames = [...]string{"", "same-connection", "conntrack", "access-log", "request-id", "same-bytes", "turn-algebra", "pool-order", "only-candidate", "port-adjacency"}

// String returns the kind's name in the JSON output, such as "request-id".
func (k EvidenceKind) String() string {
	if int(k) < len(kindNames) {
		return kindNames[k]
	}
	return fmt.Sprint(uint8(k))
}

// Evidence is one reason to join two legs, and the packets that show it.
type Evidence struct {
	Kind    EvidenceKind
	Detail  string
	Packets []capture.Ref
	Source  record.Source // the record that says so; none if packets show it
}
