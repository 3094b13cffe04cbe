//go:build linux

package testbed

import (
	"fmt"
	"net/netip"
	"time"

	"golang.org/x/net/dns/dnsmessage"

	"github.com/pcapmesh/pcapmesh/internal/test/bed/mesh"
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
func dnsPod(b *bed) error {
	a, ext := b.Host("a"), b.Host("ext")
	rules := mesh.IstioDefaults()
	rules.Resolver = resolverVIP.Addr().String()
	var s mesh.Sidecar
	for i, h := range []*world.Host{b.Host("b"), ext} {
		if err := b.serveHTTP(h, h.At(appPort), nil); err != nil {
			return err
		}
		v := vip(byte(i+1), svcPort)
		if err := b.service(v, h.At(appPort)); err != nil {
			return err
		}
		s.Routes = append(s.Routes, mesh.Route{VIP: v, Endpoint: h.At(appPort)})
	}
	many := zone{}
	for i := range 40 {
		many["many.example.com"] = append(many["many.example.com"], addressOf(netip.AddrFrom4([4]byte{198, 51, 100, byte(i + 1)})))
	}
	upstream := zone{
		wwwName: {&dnsmessage.CNAMEResource{CNAME: dnsmessage.MustNewName("edge.cdn.example.net.")},
			addressOf(vip(2, svcPort).Addr()), addressOf(netip.MustParseAddr("2001:db8:e::80"))},
		"slow.example.com":                      {addressOf(netip.MustParseAddr("198.51.100.7"))},
		"retry.example.com":                     {addressOf(netip.MustParseAddr("198.51.100.8"))},
		"istiod.istio-system.svc.cluster.local": {addressOf(netip.MustParseAddr("10.96.0.20"))},
		"many.example.com":                      many["many.example.com"],
	}
	gw := b.Host("gw")
	for _, at := range []netip.AddrPort{gw.At(53), ext.At(53)} {
		h := gw
		if at == ext.At(53) {
			h = ext
		}
		if err := b.serveDNS(h, 0, at, b.resolver(upstream)); err != nil {
			return err
		}
	}
	if err := b.service(resolverVIP, gw.At(53)); err != nil {
		return err
	}
	if _, err := b.Inside(b.Node, "iptables", "-t", "nat", "-A", "PREROUTING", "-p", "udp", "-d", resolverVIP.Addr().String(),
		"--dport", "53", "-j", "DNAT", "--to-destination", gw.At(53).String()); err != nil {
		return err
	}
	if _, err := b.Inject(a, rules, s); err != nil {
		return err
	}
	return b.serveDNS(a, rules.UID, dnsAgent, b.agent(a, rules.UID, resolverVIP, zone{shopName: {addressOf(vip(1, svcPort).Addr())}}))
}

// playDNS has an application look names up through the agent and call what they
// stand for.
func playDNS(b *bed) error {
	if err := dnsPod(b); err != nil {
		return err
	}
	a := b.Host("a")
	if err := b.sniffPod(a); err != nil {
		return err
	}
	app := dnsClient{from: a, to: resolverVIP, role: "app", by: dnsAgent, patience: 4 * time.Second}
	fixed := app
	fixed.local = netip.AddrPortFrom(a.IP, 41000)
	hasty := app
	hasty.patience = 300 * time.Millisecond
	agent := dnsClient{from: a, uid: 1337, to: resolverVIP, role: "upstream", by: resolverVIP, patience: 2 * time.Second}
	other := dnsClient{from: a, to: b.Host("ext").At(53), role: "direct", by: b.Host("ext").At(53), patience: 2 * time.Second}
	both := func(name string, id uint16) []dnsAsk {
		return []dnsAsk{{name: name, typ: dnsmessage.TypeA, id: id}, {name: name, typ: dnsmessage.TypeAAAA, id: id + 1}}
	}
	one := func(name string, id uint16) dnsAsk { return dnsAsk{name: name, typ: dnsmessage.TypeA, id: id} }
	ask := func(c dnsClient, asks ...dnsAsk) func() error {
		return func() error { _, err := b.resolve(c, asks...); return err }
	}
	again := one("retry.example.com", 0x2001)
	again.again = 1300 * time.Millisecond // the agent has given up by then
	if err := world.Parallel(
		ask(app, both(shopName, 0x1001)...), ask(app, both(wwwName, 0x1011)...), ask(app, one("missing.example.com", 0x1021)),
		ask(app, one("slow.example.com", 0x1031)), ask(app, one("slow.example.com", 0x1032)), ask(app, again),
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
	packed, err := one("many.example.com", 0x3001).pack()
	if err != nil {
		return err
	}
	for _, name := range []string{"", shopName} { // the long answer, and one that the agent knows
		query := packed
		if name != "" {
			if query, err = one(name, 0x3002).pack(); err != nil {
				return err
			}
		}
		if _, err := b.resolveTCP(app, query); err != nil {
			return err
		}
	}
	return world.Parallel(func() error { return named(b, a, vip(1, svcPort), shopName) }, func() error { return named(b, a, vip(2, svcPort), wwwName) })
}

// named calls a service twice by its name.
func named(b *bed, h *world.Host, to netip.AddrPort, name string) error {
	return b.crowd(2, func(i int) httpClient {
		return httpClient{from: h, to: to, name: name, calls: b.script(fmt.Sprintf("%s%d", name[:3], i), 3, half(i))}
	})
}
