//go:build linux

package stage

import (
	"fmt"
	"net/netip"
)

// The ports of applications that speak HTTP, of services, and of applications
// that speak a protocol of their own.
const (
	AppPort = 8080
	SvcPort = 80
	RawPort = 5432
)

// VIP is a service address of the cluster.
func VIP(n byte, port int) netip.AddrPort {
	return netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 96, 10, n}), uint16(port))
}

// Service makes the node translate a service address as kube-proxy does.
func (b *Bed) Service(at, endpoint netip.AddrPort) error {
	b.Notes.VIPs[at] = endpoint
	tool := "iptables"
	if at.Addr().Is6() {
		tool = "ip6tables"
	}
	_, err := b.Inside(b.Node, tool, "-t", "nat", "-A", "PREROUTING", "-p", "tcp", "-d", at.Addr().String(),
		"--dport", fmt.Sprint(at.Port()), "-j", "DNAT", "--to-destination", endpoint.String())
	return err
}
