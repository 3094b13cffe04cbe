//go:build linux

package testbed

import (
	"fmt"
	"net/netip"

	"github.com/pcapmesh/pcapmesh/internal/test/bed/mesh"
	"github.com/pcapmesh/pcapmesh/internal/test/bed/world"
)

const (
	appPort = 8080
	svcPort = 80
)

// vip is a service address of the cluster.
func vip(n byte, port int) netip.AddrPort {
	return netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 96, 10, n}), uint16(port))
}

// service makes the node translate a service address as kube-proxy does.
func (b *bed) service(at, endpoint netip.AddrPort) error {
	b.notes.Vips[at] = endpoint
	tool := "iptables"
	if at.Addr().Is6() {
		tool = "ip6tables"
	}
	_, err := b.Inside(b.Node, tool, "-t", "nat", "-A", "PREROUTING", "-p", "tcp", "-d", at.Addr().String(),
		"--dport", fmt.Sprint(at.Port()), "-j", "DNAT", "--to-destination", endpoint.String())
	return err
}

// sniffPod captures eth0 and lo of a pod, with conntrack's events.
func (b *bed) sniffPod(h *world.Host) error {
	if err := b.Sniff(h, "eth0", "eth0.pcap"); err != nil {
		return err
	}
	return b.Sniff(h, "lo", "lo.pcap")
}

// inboundPod makes pod b: application, sidecar, captures.
func (b *bed) inboundPod(s mesh.Sidecar) error {
	if err := b.inboundApp(); err != nil {
		return err
	}
	return b.sidecarAt(b.Host("b"), mesh.IstioDefaults(), s)
}
