//go:build linux

package testbed

import (
	"fmt"
	"net/netip"
	"time"

	"github.com/pcapmesh/pcapmesh/internal/test/bed/mesh"
	"github.com/pcapmesh/pcapmesh/internal/test/bed/world"
)

// kubelet is the address under which the node's probes reach ambient pods.
var kubelet = netip.MustParseAddr("169.254.7.127")

// playAmbient captures pod b, which speaks with clients outside (plain), with
// pod a (tunnels both ways) and with a server outside (plain).
func playAmbient(b *bed) error {
	a, srv, ext := b.Host("a"), b.Host("b"), b.Host("ext")
	inA, inB, err := ambientPods(b)
	if err != nil {
		return err
	}
	if err := b.serveHTTP(ext, ext.At(appPort), nil); err != nil {
		return err
	}
	raw, err := b.serveTCP(ext, ext.At(rawPort), nil)
	if err != nil {
		return err
	}
	who, err := b.addresses(2)
	if err != nil {
		return err
	}
	if err := b.sniffPod(srv); err != nil {
		return err
	}
	b.PackLater()
	return world.Parallel(
		func() error { return kubeletProbes(b, srv) },
		func() error { return ambientCallers(b, a, srv, vip(1, svcPort), inB, 7) },
		func() error { return ambientCallers(b, srv, a, vip(2, svcPort), inA, 7) },
		func() error { return mixed(b, 2, srv, netip.AddrPort{}, ext.At(appPort), ext.At(rawPort), raw) },
		func() error { return mixed(b, 4, b.Host("client"), who[0], srv.At(appPort), srv.At(rawPort), inB) },
		func() error { return mixed(b, 2, b.Host("client"), who[1], srv.At(appPort), srv.At(rawPort), inB) })
}

func playAmbientBoth(b *bed) error {
	a, srv := b.Host("a"), b.Host("b")
	_, inB, err := ambientPods(b)
	if err != nil {
		return err
	}
	for _, h := range []*world.Host{a, srv} {
		if err := b.sniffOf(h); err != nil {
			return err
		}
	}
	b.PackLater()
	return ambientCallers(b, a, srv, vip(1, svcPort), inB, 10)
}

// playAmbientAlike captures pod a, whose connections are all of the same sizes
// and go on at once.
func playAmbientAlike(b *bed) error {
	a, srv := b.Host("a"), b.Host("b")
	_, inB, err := ambientPods(b)
	if err != nil {
		return err
	}
	if err := b.sniffPod(a); err != nil {
		return err
	}
	b.PackLater()
	m := b.meeting()
	const n = 14
	agent := [][2]string{{"user-agent", "curl/7.88.1"}}
	return world.Parallel(func() error { return m.hold(n, func() error { return nil }) }, func() error {
		var fs []func() error
		for i := range n {
			k := tcpClient{from: a, to: srv.At(rawPort), before: m.wait}
			for t := range 6 {
				k.script.turns = append(k.script.turns, turn{fromClient: t%2 == 0, data: b.Random([]int{64, 256}[t%2]), pause: 5 * time.Millisecond})
			}
			inB.expect(k.script)
			c := httpClient{from: a, to: vip(1, svcPort), name: "svc", calls: []call{
				{method: "GET", target: fmt.Sprintf("/alike/%02d?size=200&delay=5", i), header: agent, before: m.wait},
				{method: "GET", target: fmt.Sprintf("/again/%02d?size=200&delay=5", i), header: agent}}}
			if half(i) {
				fs = append(fs, func() error { return b.talk(k) })
			} else {
				fs = append(fs, func() error { return b.play(c) })
			}
		}
		return world.Parallel(fs...)
	})
}

// ambientPods makes pods a and b, with applications for HTTP and for raw TCP.
// Each knows the other by its address and by a service (b: VIP 1, a: VIP 2).
func ambientPods(b *bed) (inA, inB *tcpServer, err error) {
	ca, err := b.Authority()
	if err != nil {
		return nil, nil, err
	}
	a, srv := b.Host("a"), b.Host("b")
	peers := map[netip.AddrPort]mesh.Peer{vip(1, svcPort): {At: srv.At(appPort)}, vip(2, svcPort): {At: a.At(appPort)}}
	for _, h := range []*world.Host{a, srv} {
		peers[h.At(appPort)], peers[h.At(rawPort)] = mesh.Peer{At: h.At(appPort)}, mesh.Peer{At: h.At(rawPort)}
		if err := b.serveHTTP(h, h.At(appPort), nil); err != nil {
			return nil, nil, err
		}
		if err := b.InjectZtunnel(h, ca, peers); err != nil {
			return nil, nil, err
		}
	}
	if inA, err = b.serveTCP(a, a.At(rawPort), nil); err != nil {
		return nil, nil, err
	}
	inB, err = b.serveTCP(srv, srv.At(rawPort), nil)
	return inA, inB, err
}

// ambientCallers are n connections of one pod's application to another pod's:
// HTTP to the service and to the pod, raw TCP to the pod.
func ambientCallers(b *bed, from, to *world.Host, service netip.AddrPort, app *tcpServer, n int) error {
	return world.Parallel(
		func() error { return mixed(b, n-n/3, from, netip.AddrPort{}, service, to.At(rawPort), app) },
		func() error { return mixed(b, n/3, from, netip.AddrPort{}, to.At(appPort), to.At(rawPort), app) })
}

// mixed are n connections, every other one HTTP and the rest raw TCP.
func mixed(b *bed, n int, from *world.Host, local, web, raw netip.AddrPort, app *tcpServer) error {
	var fs []func() error
	for i := range n {
		wait := time.Duration(b.Between(0, 60)) * time.Millisecond
		c := httpClient{from: from, local: local, to: web, name: "svc", calls: b.scriptOf(fmt.Sprintf("%s%d", from.Name, i), b.Between(2, 4), half(i), 1500)}
		k := tcpClient{from: from, local: local, to: raw, script: b.turns(b.Between(6, 12), 600, clientCloses)}
		app.expect(k.script)
		fs = append(fs, func() error {
			if err := b.Pause(wait); err != nil {
				return err
			}
			if half(i) {
				return b.play(c)
			}
			return b.talk(k)
		})
	}
	return world.Parallel(fs...)
}

// kubeletProbes asks the application for its health as the node does.
func kubeletProbes(b *bed, h *world.Host) error {
	if _, err := b.Command("ip", "-n", b.Node.NS, "addr", "add", kubelet.String()+"/32", "dev", "lo"); err != nil {
		return err
	}
	for i := range 3 {
		c := httpClient{from: b.Node, local: netip.AddrPortFrom(kubelet, 0), to: h.At(appPort), calls: []call{{method: "GET",
			target: fmt.Sprintf("/healthz?size=2&n=%d", i), header: [][2]string{{"user-agent", "kube-probe/1.31"}, {"connection", "close"}}}}}
		if err := b.play(c); err != nil {
			return err
		}
		if err := b.Pause(30 * time.Millisecond); err != nil {
			return err
		}
	}
	return nil
}
