package flow_test

import (
	"testing"

	"github.com/pcapmesh/pcapmesh/mesh/flow"
)

// Kinds stand in the order of their strength, and are named in the JSON output.
func TestEvidenceKind(t *testing.T) {
	kinds := []flow.EvidenceKind{flow.SameConnection, flow.Conntrack, flow.AccessLog, flow.RequestID, flow.SameBytes, flow.TurnAlgebra, flow.PoolOrder, flow.OnlyCandidate, flow.PortAdjacency}
	for i, want := range []string{"same-connection", "conntrack", "access-log", "request-id", "same-bytes", "turn-algebra", "pool-order", "only-candidate", "port-adjacency"} {
		if got := kinds[i].String(); got != want {
			t.Errorf("kind %d is %q, want %q", kinds[i], got, want)
		}
		if i > 0 && kinds[i] <= kinds[i-1] {
			t.Errorf("%v comes before %v", kinds[i], kinds[i-1])
		}
	}
	if got := flow.EvidenceKind(99).String() + flow.Role(99).String() + flow.Direction(99).String(); got != "999999" {
		t.Errorf("what has no name is %q", got)
	}
	if got := flow.EvidenceKind(0).String(); got != "" {
		t.Errorf("no kind is named %q", got)
	}
}
