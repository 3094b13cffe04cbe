package rules_test

import "testing"

// Meshes are known by how the names of their chains begin. The most of a name
// decides, and where that is one mesh's own, it is that one whatever else is
// there.
func TestMesh(t *testing.T) {
	for _, tt := range []struct{ name, text, want string }{
		{"no rules", "*nat\nCOMMIT\n-N X\n", ""},
		{"no mesh", "-A KUBE-SERVICES -j RETURN\n", ""},
		{"Istio", "-A ISTIO_OUTPUT -j RETURN\n", "istio"},
		{"Istio ambient", "-A ISTIO_PRERT -j RETURN\n", "istio-ambient"},
		{"ambient has chains of sidecars too", "-A ISTIO_OUTPUT -j RETURN\n-A ISTIO_PRERT -j RETURN\n", "istio-ambient"},
		{"in either order", "-A ISTIO_PRERT -j RETURN\n-A ISTIO_OUTPUT -j RETURN\n", "istio-ambient"},
		{"ambient beside another", "-A KUMA_MESH_X -j RETURN\n-A ISTIO_PRERT -j RETURN\n", "istio-ambient"},
		{"two meshes: the first", "-A KUMA_MESH_X -j RETURN\n-A ISTIO_OUTPUT -j RETURN\n", "kuma"},
		{"Kuma", "-A KUMA_MESH_INBOUND -j RETURN\n", "kuma"},
		{"old Kuma", "-A MESH_INBOUND -j RETURN\n", "kuma"},
		{"Linkerd", "-A PROXY_INIT_OUTPUT -j RETURN\n", "linkerd"},
		{"Consul", "-A CONSUL_PROXY_OUTPUT -j RETURN\n", "consul"},
		{"OSM", "-A OSM_PROXY_INBOUND -j RETURN\n", "osm"},
		{"App Mesh", "-A APPMESH_EGRESS -j RETURN\n", "appmesh"},
		{"Istio with nftables", "add chain inet istio-proxy-nat istio-output\n", "istio"},
		{"a table of ambient's", "add chain inet istio-ambient-nat istio-output\n", "istio-ambient"},
		{"the beginning of a name is not enough", "-A ISTIO -j RETURN\n", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := parse(t, tt.text).Mesh(); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}
