//go:build linux

package scene

import (
	"fmt"
	"net/netip"
	"time"

	"golang.org/x/net/dns/dnsmessage"

	"github.com/pcapmesh/pcapmesh/internal/test/bed/app"
	"github.com/pcapmesh/pcapmesh/internal/test/bed/mesh"
	"github.com/pcapmesh/pcapmesh/internal/test/bed/stage"
	"github.com/pcapmesh/pcapmesh/internal/test/bed/world"
)

// The service address of the cluster's resolver, where Istio's agent listens,
// and the names of the two services that the application calls.
var (
	resolverVIP = netip.MustParseAddrPort("10.96.0.10:53")
	dnsAgent    = netip.MustParseAddrPort("127.0.0.1:15053")
)

const (
	shopName = "shop.default.svc.cluster.local" // known to the agent
	wwwName  = "www.example.com"                // an alias, known to the resolver
)

// dnsPod makes pod a with DNS capture, an agent, and routes to two services,
// and the resolver with its service address.
func dnsPod(b *stage.Bed) error {
	a, ext := b.Host("a"), b.Host("ext")
	rules := mesh.IstioDefaults()
	rules.Resolver = resolverVIP.Addr().String()
	var s mesh.Sidecar
	for i, h := range []*world.Host{b.Host("b"), ext} {
		if err := b.ServeHTTP(h, h.At(stage.AppPort), nil); err != nil {
			return err
		}
		v := stage.VIP(byte(i+1), stage.SvcPort)
		if err := b.Service(v, h.At(stage.AppPort)); err != nil {
			return err
		}
		s.Routes = append(s.Routes, mesh.Route{VIP: v, Endpoint: h.At(stage.AppPort)})
	}
	many := app.Zone{}
	for i := range 40 {
		many["many.example.com"] = append(many["many.example.com"], app.AddressOf(netip.AddrFrom4([4]byte{198, 51, 100, byte(i + 1)})))
	}
	upstream := app.Zone{
		wwwName: {&dnsmessage.CNAMEResource{CNAME: dnsmessage.MustNewName("edge.cdn.example.net.")},
			app.AddressOf(stage.VIP(2, stage.SvcPort).Addr()), app.AddressOf(netip.MustParseAddr("2001:db8:e::80"))},
		"slow.example.com":                      {app.AddressOf(netip.MustParseAddr("198.51.100.7"))},
		"retry.example.com":                     {app.AddressOf(netip.MustParseAddr("198.51.100.8"))},
		"istiod.istio-system.svc.cluster.local": {app.AddressOf(netip.MustParseAddr("10.96.0.20"))},
		"many.example.com":                      many["many.example.com"],
	}
	gw := b.Host("gw")
	for _, at := range []netip.AddrPort{gw.At(53), ext.At(53)} {
		h := gw
		if at == ext.At(53) {
			h = ext
		}
		if err := b.ServeDNS(h, 0, at, b.Resolver(upstream)); err != nil {
			return err
		}
	}
	if err := b.Service(resolverVIP, gw.At(53)); err != nil {
		return err
	}
	if _, err := b.Inside(b.Node, "iptables", "-t", "nat", "-A", "PREROUTING", "-p", "udp", "-d", resolverVIP.Addr().String(),
		"--dport", "53", "-j", "DNAT", "--to-destination", gw.At(53).String()); err != nil {
		return err
	}
	if _, err := b.Inject(a, rules, s); err != nil {
		return err
	}
	return b.ServeDNS(a, rules.UID, dnsAgent, b.Agent(a, rules.UID, resolverVIP, app.Zone{shopName: {app.AddressOf(stage.VIP(1, stage.SvcPort).Addr())}}))
}

// playDNS has an application look names up through the agent and call what they
// stand for.
func playDNS(b *stage.Bed) error {
	if err := dnsPod(b); err != nil {
		return err
	}
	a := b.Host("a")
	if err := b.SniffPod(a); err != nil {
		return err
	}
	own := app.DNSClient{From: a, To: resolverVIP, Role: "app", By: dnsAgent, Patience: 4 * time.Second}
	fixed := own
	fixed.Local = netip.AddrPortFrom(a.IP, 41000)
	hasty := own
	hasty.Patience = 300 * time.Millisecond
	agent := app.DNSClient{From: a, UID: 1337, To: resolverVIP, Role: "upstream", By: resolverVIP, Patience: 2 * time.Second}
	other := app.DNSClient{From: a, To: b.Host("ext").At(53), Role: "direct", By: b.Host("ext").At(53), Patience: 2 * time.Second}
	both := func(name string, id uint16) []app.DNSAsk {
		return []app.DNSAsk{{Name: name, Typ: dnsmessage.TypeA, ID: id}, {Name: name, Typ: dnsmessage.TypeAAAA, ID: id + 1}}
	}
	one := func(name string, id uint16) app.DNSAsk { return app.DNSAsk{Name: name, Typ: dnsmessage.TypeA, ID: id} }
	ask := func(c app.DNSClient, asks ...app.DNSAsk) func() error {
		return func() error { _, err := b.Resolve(c, asks...); return err }
	}
	again := one("retry.example.com", 0x2001)
	again.Again = 1300 * time.Millisecond // the agent has given up by then
	if err := world.Parallel(
		ask(own, both(shopName, 0x1001)...), ask(own, both(wwwName, 0x1011)...), ask(own, one("missing.example.com", 0x1021)),
		ask(own, one("slow.example.com", 0x1031)), ask(own, one("slow.example.com", 0x1032)), ask(own, again),
		ask(hasty, one("lost.example.com", 0x1041)), ask(agent, one("istiod.istio-system.svc.cluster.local", 0x1051)),
		ask(other, one(wwwName, 0x1061)),
	); err != nil {
		return err
	}
	// The same port and id again, for another name and for the same one.
	for _, name := range []string{shopName, wwwName, shopName, "many.example.com"} {
		if err := ask(fixed, one(name, 0x3001))(); err != nil {
			return err
		}
	}
	packed, err := one("many.example.com", 0x3001).Pack()
	if err != nil {
		return err
	}
	for _, name := range []string{"", shopName} { // the long answer, and one that the agent knows
		query := packed
		if name != "" {
			if query, err = one(name, 0x3002).Pack(); err != nil {
				return err
			}
		}
		if _, err := b.ResolveTCP(own, query); err != nil {
			return err
		}
	}
	return world.Parallel(func() error { return named(b, a, stage.VIP(1, stage.SvcPort), shopName) }, func() error { return named(b, a, stage.VIP(2, stage.SvcPort), wwwName) })
}

// named calls a service twice by its name.
func named(b *stage.Bed, h *world.Host, to netip.AddrPort, name string) error {
	return b.Crowd(2, func(i int) app.HTTPClient {
		return app.HTTPClient{From: h, To: to, Name: name, Calls: b.Script(fmt.Sprintf("%s%d", name[:3], i), 3, half(i))}
	})
}
