//go:build linux

package testbed

import (
	"fmt"
	"net/netip"
	"time"
)

const (
	appPort = 8080
	svcPort = 80
)

func (h *host) at(port int) netip.AddrPort { return netip.AddrPortFrom(h.ip, uint16(port)) }

// vip is a service address of the cluster.
func vip(n byte, port int) netip.AddrPort {
	return netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 96, 10, n}), uint16(port))
}

// service makes the node translate a service address as kube-proxy does.
func (b *bed) service(at, endpoint netip.AddrPort) error {
	b.notes.vips[at] = endpoint
	tool := "iptables"
	if at.Addr().Is6() {
		tool = "ip6tables"
	}
	_, err := b.inside(b.node, tool, "-t", "nat", "-A", "PREROUTING", "-p", "tcp", "-d", at.Addr().String(),
		"--dport", fmt.Sprint(at.Port()), "-j", "DNAT", "--to-destination", endpoint.String())
	return err
}

// sniffPod captures eth0 and lo of a pod, with conntrack's events.
func (b *bed) sniffPod(h *host) error {
	if err := b.sniff(h, "eth0", "eth0.pcap"); err != nil {
		return err
	}
	return b.sniff(h, "lo", "lo.pcap")
}

// script writes a client's requests: different targets, sizes and kinds, some
// with a request id of the client's own.
func (a *apps) script(who string, n int, ids bool) []call { return a.scriptOf(who, n, ids, 3000) }

// scriptOf is script with bodies of at most so many bytes.
func (a *apps) scriptOf(who string, n int, ids bool, most int) []call {
	var calls []call
	for i := range n {
		size := a.between(20, most)
		k := call{method: "GET", target: fmt.Sprintf("/%s/item/%d?size=%d&delay=%d", who, i, size, a.between(1, 9)),
			think: time.Duration(a.between(0, 12)) * time.Millisecond, split: a.between(0, 1) == 1}
		switch a.between(0, 5) {
		case 0, 1:
			k.method, k.body = "POST", bodyFor(k.target+"!", a.between(10, most*5/6))
			k.chunked = a.between(0, 3) == 0
		case 2:
			k.target += "&chunked=1"
		case 3:
			k.method = "HEAD"
		}
		if ids {
			k.header = append(k.header, [2]string{"x-request-id", a.uuid()})
		}
		k.header = append(k.header, [2]string{"user-agent", "client-" + who})
		calls = append(calls, k)
	}
	return calls
}

// crowd plays n clients at once.
func (a *apps) crowd(n int, make func(i int) httpClient) error {
	var fs []func() error
	for i := range n {
		c := make(i)
		fs = append(fs, func() error { return a.play(c) })
	}
	return parallel(fs...)
}

// inboundPod makes pod b: application, sidecar, captures.
func (b *bed) inboundPod(s sidecar) error {
	if err := b.inboundApp(); err != nil {
		return err
	}
	return b.sidecarAt(b.host("b"), istioDefaults(), s)
}

// pooled wants connections shared in both ways: a server-side leg that serves
// several clients, and a client served over several.
func pooled(t *Truth) error {
	clients, servers := map[string]map[string]bool{}, map[string]map[string]bool{}
	note := func(m map[string]map[string]bool, k, v string) {
		if m[k] == nil {
			m[k] = map[string]bool{}
		}
		m[k][v] = true
	}
	for _, l := range t.Links {
		note(clients, l.To, l.From)
		note(servers, l.From, l.To)
	}
	for _, m := range []map[string]map[string]bool{clients, servers} {
		widest := 0
		for _, v := range m {
			widest = max(widest, len(v))
		}
		if widest < 2 {
			return fmt.Errorf("no connection was shared")
		}
	}
	return nil
}
