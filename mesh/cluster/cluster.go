package cluster

import (
	"net/netip"
	"slices"
)

// Networks are the networks of a cluster, as far as the caller knows them.
type Networks struct {
	Pods     []netip.Prefix // of pods (kube-controller-manager --cluster-cidr)
	Services []netip.Prefix // of services (kube-apiserver --service-cluster-ip-range)
}

// Contain reports whether an address is one of the cluster's.
func (n *Networks) Contain(a netip.Addr) bool {
	holds := func(p netip.Prefix) bool { return p.Contains(a) }
	return slices.ContainsFunc(n.Pods, holds) || slices.ContainsFunc(n.Services, holds)
}

// IsZero reports whether no network is known.
func (n *Networks) IsZero() bool { return len(n.Pods) == 0 && len(n.Services) == 0 }

// A Known is what the caller knows beforehand.
type Known struct {
	Pods     []Pod
	Networks Networks
}

// A Pod is what the caller knows of a pod beforehand.
type Pod struct {
	Name  string
	Addrs []netip.Addr // none: found in the captures
}
