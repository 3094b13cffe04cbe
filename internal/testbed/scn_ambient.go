//go:build linux

package testbed

import (
	"fmt"
	"net/netip"
	"time"

	"github.com/pcapmesh/pcapmesh/internal/test/bed/app"
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
	if err := b.ServeHTTP(ext, ext.At(appPort), nil); err != nil {
		return err
	}
	raw, err := b.ServeTCP(ext, ext.At(rawPort), nil)
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
			k := app.TCPClient{From: a, To: srv.At(rawPort), Before: m.wait}
			for t := range 6 {
				k.Script.Turns = append(k.Script.Turns, app.Turn{FromClient: t%2 == 0, Data: b.Random([]int{64, 256}[t%2]), Pause: 5 * time.Millisecond})
			}
			inB.Expect(k.Script)
			c := app.HTTPClient{From: a, To: vip(1, svcPort), Name: "svc", Calls: []app.Call{
				{Method: "GET", Target: fmt.Sprintf("/alike/%02d?size=200&delay=5", i), Header: agent, Before: m.wait},
				{Method: "GET", Target: fmt.Sprintf("/again/%02d?size=200&delay=5", i), Header: agent}}}
			if half(i) {
				fs = append(fs, func() error { return b.Talk(k) })
			} else {
				fs = append(fs, func() error { return b.Play(c) })
			}
		}
		return world.Parallel(fs...)
	})
}

// ambientPods makes pods a and b, with applications for HTTP and for raw TCP.
// Each knows the other by its address and by a service (b: VIP 1, a: VIP 2).
func ambientPods(b *bed) (inA, inB *app.TCPServer, err error) {
	ca, err := b.Authority()
	if err != nil {
		return nil, nil, err
	}
	a, srv := b.Host("a"), b.Host("b")
	peers := map[netip.AddrPort]mesh.Peer{vip(1, svcPort): {At: srv.At(appPort)}, vip(2, svcPort): {At: a.At(appPort)}}
	for _, h := range []*world.Host{a, srv} {
		peers[h.At(appPort)], peers[h.At(rawPort)] = mesh.Peer{At: h.At(appPort)}, mesh.Peer{At: h.At(rawPort)}
		if err := b.ServeHTTP(h, h.At(appPort), nil); err != nil {
			return nil, nil, err
		}
		if err := b.InjectZtunnel(h, ca, peers); err != nil {
			return nil, nil, err
		}
	}
	if inA, err = b.ServeTCP(a, a.At(rawPort), nil); err != nil {
		return nil, nil, err
	}
	inB, err = b.ServeTCP(srv, srv.At(rawPort), nil)
	return inA, inB, err
}

// ambientCallers are n connections of one pod's application to another pod's:
// HTTP to the service and to the pod, raw TCP to the pod.
func ambientCallers(b *bed, from, to *world.Host, service netip.AddrPort, app *app.TCPServer, n int) error {
	return world.Parallel(
		func() error { return mixed(b, n-n/3, from, netip.AddrPort{}, service, to.At(rawPort), app) },
		func() error { return mixed(b, n/3, from, netip.AddrPort{}, to.At(appPort), to.At(rawPort), app) })
}

// mixed are n connections, every other one HTTP and the rest raw TCP.
func mixed(b *bed, n int, from *world.Host, local, web, raw netip.AddrPort, server *app.TCPServer) error {
	var fs []func() error
	for i := range n {
		wait := time.Duration(b.Between(0, 60)) * time.Millisecond
		c := app.HTTPClient{From: from, Local: local, To: web, Name: "svc", Calls: b.ScriptOf(fmt.Sprintf("%s%d", from.Name, i), b.Between(2, 4), half(i), 1500)}
		k := app.TCPClient{From: from, Local: local, To: raw, Script: b.Turns(b.Between(6, 12), 600, app.ClientCloses)}
		server.Expect(k.Script)
		fs = append(fs, func() error {
			if err := b.Pause(wait); err != nil {
				return err
			}
			if half(i) {
				return b.Play(c)
			}
			return b.Talk(k)
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
		c := app.HTTPClient{From: b.Node, Local: netip.AddrPortFrom(kubelet, 0), To: h.At(appPort), Calls: []app.Call{{Method: "GET",
			Target: fmt.Sprintf("/healthz?size=2&n=%d", i), Header: [][2]string{{"user-agent", "kube-probe/1.31"}, {"connection", "close"}}}}}
		if err := b.Play(c); err != nil {
			return err
		}
		if err := b.Pause(30 * time.Millisecond); err != nil {
			return err
		}
	}
	return nil
}
