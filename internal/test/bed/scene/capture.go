//go:build linux

package scene

import (
	"bytes"
	"fmt"
	"net/netip"

	"github.com/pcapmesh/pcapmesh/internal/test/bed/app"
	"github.com/pcapmesh/pcapmesh/internal/test/bed/mesh"
	"github.com/pcapmesh/pcapmesh/internal/test/bed/stage"
	"github.com/pcapmesh/pcapmesh/internal/test/bed/world"
)

// captureAs is inbound-plain-pooled recorded in another way.
func captureAs(record func(b *stage.Bed, srv *world.Host) error) func(*stage.Bed) error {
	return func(b *stage.Bed) error {
		srv := b.Host("b")
		if err := b.ServeHTTP(srv, srv.At(stage.AppPort), nil); err != nil {
			return err
		}
		if _, err := b.Inject(srv, mesh.IstioDefaults(), mesh.Sidecar{}); err != nil {
			return err
		}
		if err := record(b, srv); err != nil {
			return err
		}
		return b.Visitors(4, 4, half)
	}
}

func recordAny(b *stage.Bed, h *world.Host) error { return b.Sniff(h, "any", "any.pcap") }

// playSLL1 writes the cooked header that libpcap before 1.10 did.
func playSLL1(b *stage.Bed) error {
	a := b.Host("a")
	if err := b.OutboundPod(mesh.Sidecar{}); err != nil {
		return err
	}
	if err := b.Sniff(a, "any", "any.pcap", "-y", "LINUX_SLL"); err != nil {
		return err
	}
	return b.Callers(a, stage.VIP(1, stage.SvcPort), 3, 5)
}

func recordBoth(b *stage.Bed, h *world.Host) error { return b.Dump(h, "both.pcapng", "eth0", "lo") }

func recordSnaplen(b *stage.Bed, h *world.Host) error {
	b.Notes.Incomplete = true
	return recordFiltered(b, h, "-s", "96")
}

// recordGaps loses about one packet in 32, as a capture under load does: those
// whose IP identification ends in 7.
func recordGaps(b *stage.Bed, h *world.Host) error {
	b.Notes.Incomplete = true
	return recordFiltered(b, h, "ip[4:2] & 31 != 7")
}

func recordFiltered(b *stage.Bed, h *world.Host, extra ...string) error {
	for _, iface := range []string{"eth0", "lo"} {
		if err := b.Sniff(h, iface, iface+".pcap", extra...); err != nil {
			return err
		}
	}
	return nil
}

// recordPlain captures eth0 and lo without watching conntrack.
func recordPlain(b *stage.Bed, h *world.Host) error {
	err := recordFiltered(b, h)
	b.PackLater()
	return err
}

// recordLossy is recordPlain on a network that loses three packets in a
// hundred.
func recordLossy(b *stage.Bed, h *world.Host) error {
	b.Notes.Brief = true
	if err := lossy(b, "0.03"); err != nil {
		return err
	}
	return recordPlain(b, h)
}

// recordMissing is recordPlain of which one packet in a hundred is missing.
func recordMissing(b *stage.Bed, h *world.Host) error {
	b.Notes.Incomplete, b.Notes.Missing = true, 100
	return recordPlain(b, h)
}

// recordCut is recordPlain with a snap length of 96 bytes.
func recordCut(b *stage.Bed, h *world.Host) error {
	err := recordSnaplen(b, h)
	for _, s := range b.Sniffers {
		s.Packed = true
	}
	return err
}

// lossy makes the node lose packets on their way, in segments no larger than
// the MTU.
func lossy(b *stage.Bed, probability string) error {
	for _, h := range b.Hosts {
		if _, err := b.Inside(h, "ethtool", "-K", "eth0", "tso", "off", "gso", "off", "gro", "off"); err != nil {
			return err
		}
	}
	_, err := b.Inside(b.Node, "iptables", "-A", "FORWARD", "-p", "tcp", "-m", "statistic", "--mode", "random",
		"--probability", probability, "-j", "DROP")
	return err
}

// recordWays has one file for each direction of eth0. On lo that makes no
// sense: libpcap records only what lo receives.
func recordWays(b *stage.Bed, h *world.Host) error {
	for _, way := range []string{"in", "out"} {
		if err := b.Sniff(h, "eth0", "eth0-"+way+".pcap", "-Q", way); err != nil {
			return err
		}
	}
	return b.Sniff(h, "lo", "lo.pcap")
}

// recordTwice has the packets of eth0 in two files.
func recordTwice(b *stage.Bed, h *world.Host) error {
	if err := b.Sniff(h, "eth0", "eth0.pcap"); err != nil {
		return err
	}
	return recordAny(b, h)
}

// playRotated writes more than tcpdump -C 1 puts into one file, 1 MB. The
// bodies repeat, so that the files pack well; they are shipped gzipped.
func playRotated(b *stage.Bed) error {
	srv := b.Host("b")
	if err := b.InboundApp(); err != nil {
		return err
	}
	if _, err := b.Inject(srv, mesh.IstioDefaults(), mesh.Sidecar{}); err != nil {
		return err
	}
	for _, iface := range []string{"eth0", "lo"} {
		if err := b.Sniff(srv, iface, iface+".pcap", "-C", "1"); err != nil {
			return err
		}
		b.Sniffers[len(b.Sniffers)-1].Rotated = true
	}
	return b.Crowd(4, func(i int) app.HTTPClient {
		calls := b.Script(fmt.Sprint("c", i), 10, half(i))
		for k := range calls {
			calls[k].Method = "POST"
			calls[k].Body = bytes.Repeat([]byte("all work and no play\n"), b.Between(2500, 3500))
		}
		return app.HTTPClient{From: b.Host("client"), To: srv.At(stage.AppPort), Name: "svc-b", Calls: calls}
	})
}

// playLoss has a network that loses packets after the capture of their sender
// and before that of their receiver.
func playLoss(b *stage.Bed) error {
	srv := b.Host("b")
	if err := b.InboundApp(); err != nil {
		return err
	}
	if err := lossy(b, "0.04"); err != nil {
		return err
	}
	if err := b.SidecarAt(srv, mesh.IstioDefaults(), mesh.Sidecar{}); err != nil {
		return err
	}
	return b.Crowd(5, func(i int) app.HTTPClient {
		calls := b.Script(fmt.Sprint("c", i), 4, half(i))
		calls[1].Method, calls[1].Body = "POST", app.BodyFor(calls[1].Target, b.Between(6000, 9000))
		return app.HTTPClient{From: b.Host("client"), To: srv.At(stage.AppPort), Name: "svc-b", Calls: calls}
	})
}

// playIPv6 is inbound and outbound over IPv6.
func playIPv6(b *stage.Bed) error {
	srv, ext := b.Host("b"), b.Host("ext")
	in, out := netip.AddrPortFrom(srv.IP6, stage.AppPort), netip.AddrPortFrom(ext.IP6, stage.AppPort)
	for h, at := range map[*world.Host]netip.AddrPort{srv: in, ext: out} {
		if err := b.ServeHTTP(h, at, nil); err != nil {
			return err
		}
	}
	service := netip.MustParseAddrPort("[fd00:10:96::a:1]:80")
	if err := b.Service(service, out); err != nil {
		return err
	}
	if err := b.SidecarAt(srv, mesh.IstioDefaults(), mesh.Sidecar{Routes: []mesh.Route{{VIP: service, Endpoint: out}}}); err != nil {
		return err
	}
	return world.Parallel(
		func() error { return b.Callers(srv, service, 3, 4) },
		func() error {
			return b.Crowd(4, func(i int) app.HTTPClient {
				return app.HTTPClient{From: b.Host("client"), To: in, Name: "svc-b", Calls: b.Script(fmt.Sprint("c", i), 4, half(i))}
			})
		})
}

// playBig has many small and some large bodies. The buffer is large enough
// for what two processors cannot write at once.
func playBig(b *stage.Bed) error {
	srv := b.Host("b")
	if err := b.InboundApp(); err != nil {
		return err
	}
	if _, err := b.Inject(srv, mesh.IstioDefaults(), mesh.Sidecar{}); err != nil {
		return err
	}
	if err := recordFiltered(b, srv, "-B", "262144"); err != nil {
		return err
	}
	return b.Crowd(16, func(i int) app.HTTPClient {
		calls := b.Script(fmt.Sprint("c", i), 600, half(i))
		for k := range calls {
			if k%3 == 0 {
				calls[k].Method, calls[k].Body, calls[k].Chunked = "GET", nil, false
				calls[k].Target = fmt.Sprintf("/c%d/big/%d?size=%d", i, k, b.Between(20_000, 110_000))
			}
		}
		return app.HTTPClient{From: b.Host("client"), To: srv.At(stage.AppPort), Name: "svc-b", Calls: calls}
	})
}
