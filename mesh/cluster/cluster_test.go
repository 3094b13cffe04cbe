package cluster_test

import (
	"net/netip"
	"testing"

	"github.com/pcapmesh/pcapmesh/mesh/cluster"
)

func TestNetworks(t *testing.T) {
	pods, services := []netip.Prefix{netip.MustParsePrefix("10.244.0.0/16"), netip.MustParsePrefix("fd00::/8")}, []netip.Prefix{netip.MustParsePrefix("10.96.0.0/12")}
	for _, tt := range []struct {
		name, addr string
		n          cluster.Networks
		contained  bool
		zero       bool
	}{
		{"nothing known", "10.244.1.10", cluster.Networks{}, false, true},
		{"a pod", "10.244.1.10", cluster.Networks{Pods: pods}, true, false},
		{"a pod of IPv6", "fd00::1", cluster.Networks{Pods: pods}, true, false},
		{"no pod", "10.245.0.1", cluster.Networks{Pods: pods}, false, false},
		{"a service", "10.96.0.10", cluster.Networks{Services: services}, true, false},
		{"a service where pods are known", "10.96.0.10", cluster.Networks{Pods: pods}, false, false},
		{"a pod where both are known", "10.244.255.255", cluster.Networks{Pods: pods, Services: services}, true, false},
		{"a service where both are known", "10.111.255.255", cluster.Networks{Pods: pods, Services: services}, true, false},
		{"neither", "10.112.0.0", cluster.Networks{Pods: pods, Services: services}, false, false},
		{"an address of IPv4 in IPv6", "::ffff:10.244.1.10", cluster.Networks{Pods: pods, Services: services}, false, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := tt.n.Contain(netip.MustParseAddr(tt.addr)); got != tt.contained {
				t.Errorf("contains %s: %v, want %v", tt.addr, got, tt.contained)
			}
			if got := tt.n.IsZero(); got != tt.zero {
				t.Errorf("is zero: %v, want %v", got, tt.zero)
			}
		})
	}
}
