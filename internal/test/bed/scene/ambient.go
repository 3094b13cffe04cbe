//go:build linux

package scene

import (
	"fmt"
	"net/netip"
	"time"

	"github.com/pcapmesh/pcapmesh/internal/test/bed/app"
	"github.com/pcapmesh/pcapmesh/internal/test/bed/mesh"
	"github.com/pcapmesh/pcapmesh/internal/test/bed/stage"
	"github.com/pcapmesh/pcapmesh/internal/test/bed/world"
)

// kubelet is the address under which the node's probes reach ambient pods.
var kubelet = netip.MustParseAddr("169.254.7.127")

// playAmbient captures pod b, which speaks with clients outside (plain), with
// pod a (tunnels both ways) and with a server outside (plain).
func playAmbient(b *stage.Bed) error {
	a, srv, ext := b.Host("a"), b.Host("b"), b.Host("ext")
	inA, inB, err := ambientPods(b)
	if err != nil {
		return err
	}
	if err := b.ServeHTTP(ext, ext.At(stage.AppPort), nil); err != nil {
		return err
	}
	raw, err := b.ServeTCP(ext, ext.At(stage.RawPort), nil)
	if err != nil {
		return err
	}
	who, err := b.Addresses(2)
	if err != nil {
		return err
	}
	if err := b.SniffPod(srv); err != nil {
		return err
	}
	b.PackLater()
	return world.Parallel(
		func() error { return kubeletProbes(b, srv) },
		func() error { return ambientCallers(b, a, srv, stage.VIP(1, stage.SvcPort), inB, 7) },
		func() error { return ambientCallers(b, srv, a, stage.VIP(2, stage.SvcPort), inA, 7) },
		func() error {
			return mixed(b, 2, srv, netip.AddrPort{}, ext.At(stage.AppPort), ext.At(stage.RawPort), raw)
		},
		func() error {
			return mixed(b, 4, b.Host("client"), who[0], srv.At(stage.AppPort), srv.At(stage.RawPort), inB)
		},
		func() error {
			return mixed(b, 2, b.Host("client"), who[1], srv.At(stage.AppPort), srv.At(stage.RawPort), inB)
		})
}

func playAmbientBoth(b *stage.Bed) error {
	a, srv := b.Host("a"), b.Host("b")
	_, inB, err := ambientPods(b)
	if err != nil {
		return err
	}
	for _, h := range []*world.Host{a, srv} {
		if err := b.SniffOf(h); err != nil {
			return err
		}
	}
	b.PackLater()
	return ambientCallers(b, a, srv, stage.VIP(1, stage.SvcPort), inB, 10)
}

// playAmbientAlike captures pod a, whose connections are all of the same sizes
// and go on at once.
func playAmbientAlike(b *stage.Bed) error {
	a, srv := b.Host("a"), b.Host("b")
	_, inB, err := ambientPods(b)
	if err != nil {
		return err
	}
	if err := b.SniffPod(a); err != nil {
		return err
	}
	b.PackLater()
	m := b.Meeting()
	const n = 14
	agent := [][2]string{{"user-agent", "curl/7.88.1"}}
	return world.Parallel(func() error { return m.Hold(n, func() error { return nil }) }, func() error {
		var fs []func() error
		for i := range n {
			k := app.TCPClient{From: a, To: srv.At(stage.RawPort), Before: m.Wait}
			for t := range 6 {
				k.Script.Turns = append(k.Script.Turns, app.Turn{FromClient: t%2 == 0, Data: b.Random([]int{64, 256}[t%2]), Pause: 5 * time.Millisecond})
			}
			inB.Expect(k.Script)
			c := app.HTTPClient{From: a, To: stage.VIP(1, stage.SvcPort), Name: "svc", Calls: []app.Call{
				{Method: "GET", Target: fmt.Sprintf("/alike/%02d?size=200&delay=5", i), Header: agent, Before: m.Wait},
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
func ambientPods(b *stage.Bed) (inA, inB *app.TCPServer, err error) {
	ca, err := b.Authority()
	if err != nil {
		return nil, nil, err
	}
	a, srv := b.Host("a"), b.Host("b")
	peers := map[netip.AddrPort]mesh.Peer{stage.VIP(1, stage.SvcPort): {At: srv.At(stage.AppPort)}, stage.VIP(2, stage.SvcPort): {At: a.At(stage.AppPort)}}
	for _, h := range []*world.Host{a, srv} {
		peers[h.At(stage.AppPort)], peers[h.At(stage.RawPort)] = mesh.Peer{At: h.At(stage.AppPort)}, mesh.Peer{At: h.At(stage.RawPort)}
		if err := b.ServeHTTP(h, h.At(stage.AppPort), nil); err != nil {
			return nil, nil, err
		}
		if err := b.InjectZtunnel(h, ca, peers); err != nil {
			return nil, nil, err
		}
	}
	if inA, err = b.ServeTCP(a, a.At(stage.RawPort), nil); err != nil {
		return nil, nil, err
	}
	inB, err = b.ServeTCP(srv, srv.At(stage.RawPort), nil)
	return inA, inB, err
}

// ambientCallers are n connections of one pod's application to another pod's:
// HTTP to the service and to the pod, raw TCP to the pod.
func ambientCallers(b *stage.Bed, from, to *world.Host, service netip.AddrPort, server *app.TCPServer, n int) error {
	return world.Parallel(
		func() error { return mixed(b, n-n/3, from, netip.AddrPort{}, service, to.At(stage.RawPort), server) },
		func() error {
			return mixed(b, n/3, from, netip.AddrPort{}, to.At(stage.AppPort), to.At(stage.RawPort), server)
		})
}

// mixed are n connections, every other one HTTP and the rest raw TCP.
func mixed(b *stage.Bed, n int, from *world.Host, local, web, raw netip.AddrPort, server *app.TCPServer) error {
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
func kubeletProbes(b *stage.Bed, h *world.Host) error {
	if _, err := b.Command("ip", "-n", b.Node.NS, "addr", "add", kubelet.String()+"/32", "dev", "lo"); err != nil {
		return err
	}
	for i := range 3 {
		c := app.HTTPClient{From: b.Node, Local: netip.AddrPortFrom(kubelet, 0), To: h.At(stage.AppPort), Calls: []app.Call{{Method: "GET",
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
