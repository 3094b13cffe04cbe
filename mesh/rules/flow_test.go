package rules_test

import (
	"net/netip"
	"testing"

	"github.com/pcapmesh/pcapmesh/mesh/rules"
	"github.com/pcapmesh/pcapmesh/mesh/rules/istio"
	"github.com/pcapmesh/pcapmesh/mesh/rules/walk"
)

// The flows of a sidecar as they are known from drawings, with the numbers of
// the rules given.
func TestFlows(t *testing.T) {
	want := []string{
		"Remote Pod → PREROUTING → ISTIO_INBOUND (rule 5) → ISTIO_IN_REDIRECT → Envoy 15006 (inbound) → OUTPUT → ISTIO_OUTPUT (rule 1) → POSTROUTING → Local Pod",
		"Local Pod → OUTPUT → ISTIO_OUTPUT (rule 9) → ISTIO_REDIRECT → Envoy 15001 (outbound) → OUTPUT → ISTIO_OUTPUT (rule 4) → POSTROUTING → Remote Pod",
		"Prometheus → PREROUTING → ISTIO_INBOUND (rule 4) → INPUT → Local Pod",
		"Local Pod → OUTPUT → ISTIO_OUTPUT (rule 9) → ISTIO_REDIRECT → Envoy 15001 (outbound) → OUTPUT → ISTIO_OUTPUT (rule 2) → ISTIO_IN_REDIRECT → Envoy 15006 (inbound) → OUTPUT → ISTIO_OUTPUT (rule 1) → POSTROUTING → Local Pod",
		"Local Pod → OUTPUT → ISTIO_OUTPUT (rule 3) → POSTROUTING → Local Pod",
		"Envoy → OUTPUT → ISTIO_OUTPUT (rule 4) → POSTROUTING → Envoy",
		"Agent → OUTPUT → ISTIO_OUTPUT (rule 4) → POSTROUTING → Control Plane",
	}
	a := istio.DefaultArgs()
	for _, tt := range []struct {
		name string
		set  *rules.Ruleset
		pod  string
	}{
		{"istio-init.log", read(t, "testdata/istio-init.log"), "10.244.1.10"},
		{"default", rules.Made(&a), "10.244.1.10"},
		{"default, IPv6", rules.Made(&a), "fd00:10:244:1::10"},
	} {
		for i, f := range tt.set.Flows(rules.Cast{Pod: netip.MustParseAddr(tt.pod)}) {
			if got := f.Path(); got != want[i] {
				t.Errorf("%s: %s:\n got %s\nwant %s", tt.name, f.Name, got, want[i])
			}
		}
	}
}

// TPROXY leaves addresses as they are; the proxy's own packets to its pod carry
// a mark.
func TestFlowsTPROXY(t *testing.T) {
	a := istio.DefaultArgs()
	a.Mode = "TPROXY"
	flows := rules.Made(&a).Flows(rules.Cast{})
	const want = "Remote Pod → PREROUTING (mangle, rule 1) → ISTIO_INBOUND (rule 8) → ISTIO_TPROXY → Envoy 15006 (inbound)" +
		" → OUTPUT (mangle, rule 3) → OUTPUT → ISTIO_OUTPUT (rule 1) → POSTROUTING → Local Pod"
	if got := flows[0].Path(); got != want {
		t.Errorf("%s:\n got %s\nwant %s", flows[0].Name, got, want)
	}
	if in := flows[0].Parts[0]; in.Outcome != walk.Proxied || in.Dst != in.Packet.Dst || in.Mark != 1337 {
		t.Errorf("outcome %v, destination %v, mark %d", in.Outcome, in.Dst, in.Mark)
	}
}
