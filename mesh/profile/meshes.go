package profile

// istioAmbient is ztunnel inside the pod's network namespace (cni/pkg/iptables,
// ztunnel's ARCHITECTURE.md).
func istioAmbient() mesh {
	return mesh{
		Profile: Profile{
			Name:          "istio-ambient",
			Title:         "Istio ambient (ztunnel)",
			OutboundPorts: []uint16{15001},
			InboundPorts:  []uint16{15006},
			TunnelPorts:   []uint16{15008},
			KeepsSource:   true,
			ProbeSources:  probeSources(),
			Proxy:         "ztunnel",
			Chains:        []string{"ISTIO_PRERT"}, // where sidecars have ISTIO_INBOUND
			Tables:        []string{"istio-ambient"},
			Ports: append([]Port{
				{15000, "ztunnel", "HTTP", "admin", ScopeWire, "only in ztunnel's pod", true},
				{15001, "ztunnel", "TCP", "outbound capture", ScopeRedirected, showsOutbound, false},
				{15006, "ztunnel", "TCP", "inbound capture, plaintext", ScopeRedirected, "eth0: nothing, the redirect is behind the tap; lo: the client's address with another port to the application", false},
				{15008, "ztunnel, waypoint", "HTTP/2 over mTLS", "HBONE tunnel", ScopeWire, "eth0: TLS, many conversations in one connection", false},
				{15020, "ztunnel", "HTTP", "metrics", ScopeWire, "only in ztunnel's pod", true},
				{15021, "ztunnel", "HTTP", "health /healthz/ready", ScopeWire, "only in ztunnel's pod", true},
				{15053, "ztunnel", "DNS", "DNS proxy", ScopeRedirected, "lo: request to 127.0.0.1:15053, answer from the server's :53", true},
				{15080, "ztunnel", "SOCKS5", "outbound", ScopeLoopback, "lo: 127.0.0.1 to 127.0.0.1:15080", false},
			}, istiod()...),
		},
		programs: []program{{"ztunnel", "ztunnel"}},
		tells: []tell{
			{weak: true, listener: 15001, bound: no, spoofed: yes, dialled: []uint16{HBONEPort}},
			{weak: true, listener: 15001, bound: no, spoofed: yes, loop: no},
		},
	}
}

// linkerd follows linkerd2-proxy-init's pkg/iptables/iptables.go and the
// linkerd-control-plane chart.
func linkerd() mesh {
	return mesh{
		Profile: Profile{
			Name:          "linkerd",
			Title:         "Linkerd 2",
			OutboundPorts: []uint16{4140},
			InboundPorts:  []uint16{4143},
			TunnelPorts:   []uint16{4143},
			UIDs:          []uint32{2102},
			MetricsPorts:  []uint16{4191},
			Proxy:         "linkerd2-proxy",
			Chains:        []string{"PROXY_INIT_"},
			Ports: []Port{
				{4140, "linkerd2-proxy", "TCP", "outbound capture", ScopeRedirected, showsOutbound, false},
				{4143, "linkerd2-proxy", "TCP", "inbound capture; peers dial it for opaque ports", ScopeWire, "eth0: TLS with ALPN transport.l5d.io/v1; lo: POD to POD, the application's connection", false},
				{4190, "linkerd2-proxy", "gRPC over TLS", "control (tap, policy)", ScopeWire, "eth0: the control plane", true},
				{4191, "linkerd2-proxy", "HTTP", "admin and metrics", ScopeWire, "eth0: kubelet, Prometheus", true},
				{4567, "Galera", "TCP", "not redirected by default", ScopeWire, "eth0: the application's own", false},
				{4568, "Galera", "TCP", "not redirected by default", ScopeWire, "eth0: the application's own", false},
			},
		},
		programs: []program{{"linkerd2-proxy", "linkerd2-proxy"}},
		tells: []tell{
			{listener: 4140},
			{dialled: []uint16{4143}, bound: no, noListener: 15001},
		},
	}
}

// consul follows consul's sdk/iptables/iptables.go and consul-k8s'
// control-plane/connect-inject.
func consul() mesh {
	return mesh{
		Profile: Profile{
			Name:          "consul",
			Title:         "Consul service mesh",
			OutboundPorts: []uint16{15001},
			InboundPorts:  []uint16{20000},
			TunnelPorts:   []uint16{20000},
			DialsLoopback: true,
			UIDs:          []uint32{5995, 5996},
			Chains:        []string{"CONSUL_"},
			Ports: []Port{
				{15001, "Envoy", "TCP", "outbound capture", ScopeRedirected, showsOutbound, false},
				{20000, "Envoy", "mTLS", "inbound; 20001 and on for more services of a pod", ScopeWire, "eth0: TLS, peers dial it; lo: 127.0.0.1 to 127.0.0.1, the application's connection", false},
				{20300, "Envoy", "HTTP", "liveness probes, 20300 and on", ScopeWire, "eth0: kubelet", true},
				{20400, "Envoy", "HTTP", "readiness probes, 20400 and on", ScopeWire, "eth0: kubelet", true},
				{20500, "Envoy", "HTTP", "startup probes, 20500 and on", ScopeWire, "eth0: kubelet", true},
				{21000, "consul-dataplane", "HTTP", "health of the proxy", ScopeWire, "eth0: kubelet", true},
			},
		},
		programs: []program{envoy(), {"consul-dataplane", "consul-dataplane"}},
		tells:    []tell{{dialled: []uint16{20000}, loop: yes, bound: no}},
	}
}

// kuma follows kuma's pkg/transparentproxy and its golden files.
func kuma() mesh {
	return mesh{
		Profile: Profile{
			Name:          "kuma",
			Title:         "Kuma, Kong Mesh",
			OutboundPorts: []uint16{15001},
			InboundPorts:  []uint16{15006},
			BindSources:   bindSources(),
			UIDs:          []uint32{5678},
			Chains:        []string{"KUMA_MESH_", "MESH_INBOUND"},
			Ports: []Port{
				{15001, "Envoy", "TCP", "outbound capture", ScopeRedirected, showsOutbound, false},
				{15006, "Envoy", "TCP", "inbound capture", ScopeRedirected, showsInbound, false},
				{15053, "kuma-dp", "DNS", "DNS proxy", ScopeRedirected, "lo: request to 127.0.0.1:15053, answer from the server's :53", true},
			},
		},
		programs: []program{envoy(), {"kuma-dp", "kuma-dp"}},
	}
}

// osm follows openservicemesh's pkg/injector/iptables.go and pkg/constants.
func osm() mesh {
	return mesh{
		Profile: Profile{
			Name:          "osm",
			Title:         "Open Service Mesh (archived)",
			OutboundPorts: []uint16{15001},
			InboundPorts:  []uint16{15003},
			DialsLoopback: true,
			UIDs:          []uint32{1500},
			Chains:        []string{"OSM_PROXY_"},
			Ports: []Port{
				{15000, "Envoy", "HTTP", "admin", ScopeLoopback, "lo: 127.0.0.1 to 127.0.0.1:15000", true},
				{15001, "Envoy", "TCP", "outbound capture", ScopeRedirected, showsOutbound, false},
				{15003, "Envoy", "TCP", "inbound capture", ScopeRedirected, "eth0: nothing, the redirect is behind the tap; lo: 127.0.0.1 to 127.0.0.1, the application's connection", false},
				{15010, "Envoy", "HTTP", "metrics", ScopeWire, "eth0: Prometheus", true},
				{15901, "Envoy", "HTTP", "liveness probe", ScopeWire, "eth0: kubelet", true},
				{15902, "Envoy", "HTTP", "readiness probe", ScopeWire, "eth0: kubelet", true},
				{15903, "Envoy", "HTTP", "startup probe", ScopeWire, "eth0: kubelet", true},
				{15904, "osm-healthcheck", "HTTP", "TCP probes as HTTP", ScopeWire, "eth0: kubelet", true},
			},
		},
		programs: []program{envoy()},
		tells:    []tell{{weak: true, listener: 15001, bound: no, dialled: []uint16{15901, 15902, 15903}}},
	}
}

// appMesh follows aws-app-mesh-inject's pkg/config/constants.go and
// pkg/patch/init.go.
func appMesh() mesh {
	return mesh{
		Profile: Profile{
			Name:          "appmesh",
			Title:         "AWS App Mesh (ended)",
			OutboundPorts: []uint16{15001},
			InboundPorts:  []uint16{15000},
			DialsLoopback: true,
			UIDs:          []uint32{1337},
			Chains:        []string{"APPMESH_"},
			Ports: []Port{
				{15000, "Envoy", "TCP", "inbound capture", ScopeRedirected, "eth0: nothing, the redirect is behind the tap; lo: 127.0.0.1 to 127.0.0.1, the application's connection", false},
				{15001, "Envoy", "TCP", "outbound capture", ScopeRedirected, showsOutbound, false},
			},
		},
		programs: []program{envoy()},
	}
}
