package flow_test

import (
	"testing"

	"github.com/pcapmesh/pcapmesh/mesh/flow"
)

func TestDirection(t *testing.T) {
	for d, want := range map[flow.Direction]string{
		flow.DirectionUnknown: "unknown", flow.Inbound: "inbound", flow.Outbound: "outbound", flow.Self: "self", flow.Gateway: "gateway", flow.Direct: "direct",
	} {
		if got := d.String(); got != want {
			t.Errorf("direction %d is %q, want %q", d, got, want)
		}
	}
	if got := new(flow.Path).Direction; got != flow.DirectionUnknown {
		t.Errorf("a path of which nothing is known runs %v", got)
	}
}
