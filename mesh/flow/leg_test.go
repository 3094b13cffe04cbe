package flow_test

import (
	"testing"

	"github.com/pcapmesh/pcapmesh/mesh/flow"
)

func TestRole(t *testing.T) {
	for r, want := range map[flow.Role]string{
		flow.RoleUnknown: "unknown", flow.RoleClientProxy: "client-proxy", flow.RoleProxyApp: "proxy-app", flow.RoleAppProxy: "app-proxy",
		flow.RoleProxyServer: "proxy-server", flow.RoleProxyProxy: "proxy-proxy", flow.RoleDirect: "direct", flow.RoleControl: "control",
	} {
		if got := r.String(); got != want {
			t.Errorf("role %d is %q, want %q", r, got, want)
		}
	}
	if got := new(flow.Leg).Role; got != flow.RoleUnknown {
		t.Errorf("a leg of which nothing is known is %v", got)
	}
}
