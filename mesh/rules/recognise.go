package rules

import "strings"

// Mesh returns the name of the mesh that wrote the rules, as --mesh takes it:
// istio, istio-ambient, kuma, linkerd, consul, osm or appmesh; "" if they tell
// none. Meshes are known by the names of their chains and tables.
func (s *Ruleset) Mesh() string {
	found := ""
	for _, t := range s.Tables {
		if strings.HasPrefix(t.Name, "istio-ambient") {
			return "istio-ambient"
		}
		for _, c := range t.Chains {
			name := meshOfChain(c.Name)
			if name == "istio-ambient" {
				return name
			}
			if found == "" {
				found = name
			}
		}
	}
	return found
}

// meshOfChain knows the chains of meshes. Ambient's pods have ISTIO_PRERT where
// sidecars have ISTIO_INBOUND (istio, cni/pkg/iptables).
func meshOfChain(name string) string {
	for _, m := range [...]struct{ prefix, mesh string }{
		{"ISTIO_PRERT", "istio-ambient"}, {"ISTIO_", "istio"}, {"istio-", "istio"}, {"KUMA_MESH_", "kuma"}, {"MESH_INBOUND", "kuma"},
		{"PROXY_INIT_", "linkerd"}, {"CONSUL_", "consul"}, {"OSM_PROXY_", "osm"}, {"APPMESH_", "appmesh"},
	} {
		if strings.HasPrefix(name, m.prefix) {
			return m.mesh
		}
	}
	return ""
}
