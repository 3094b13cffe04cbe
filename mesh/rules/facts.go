package rules

import (
	"cmp"
	"net/netip"
	"slices"

	"github.com/pcapmesh/pcapmesh/mesh/rules/netfilter"
)

// Facts are what a rule set tells of a mesh. Lists are sorted and hold nothing
// twice; those of IPv4 and IPv6 are put together.
type Facts struct {
	Mesh string // as [Ruleset.Mesh] names it

	OutboundPorts []uint16 // what applications dial is redirected here
	InboundPorts  []uint16 // what clients dial is redirected here, or given by TPROXY
	TunnelPorts   []uint16 // never redirected, since peers' proxies dial them

	UIDs, GIDs  []netfilter.Span // of the proxy
	BindSources []netip.Addr     // from which the proxy dials the application
	Loopback    []netip.Prefix
	// Mark and MarkMask tell the proxy's packets from others, where users do not
	// (ambient); zero if nothing does.
	Mark, MarkMask uint32

	InboundAll      bool             // clients' connections to all ports are redirected,
	InboundIncluded []netfilter.Span // or those to these,
	InboundExcluded []netfilter.Span // but not to these,
	InboundSources  []netip.Prefix
	// InboundSources are the clients whose connections are not redirected.

	OutboundAll           bool             // applications' connections are redirected wherever they go,
	OutboundIncluded      []netip.Prefix   // or those to these
	OutboundIncludedPorts []netfilter.Span // or these ports,
	OutboundExcluded      []netip.Prefix   // but not to these
	OutboundExcludedPorts []netfilter.Span // or these ports
	ExcludedUIDs          []netfilter.Span // applications' users that keep clear of the proxy
	ExcludedGIDs          []netfilter.Span
	ExcludedInterfaces    []string
	VirtualInterfaces     []string // what comes in here is outbound

	TPROXY     bool
	TPROXYMark uint32

	DNSPorts       []uint16 // the listener of captured queries; none: they are not captured
	DNSUDP, DNSTCP bool
	DNSServers     []netip.Prefix // whose queries are captured; none: all are
	DNSZones       []uint16       // of conntrack
}

// has reports whether n lies in one of the spans.
func has(list []netfilter.Span, n uint32) bool {
	return slices.ContainsFunc(list, func(s netfilter.Span) bool { return s.Lo <= n && n <= s.Hi })
}

// Facts reads the facts off the rules. What several conditions together except
// is left out: only [Ruleset.Walk] can tell.
func (s *Ruleset) Facts() Facts {
	c := collector{budget: 4*s.Rules() + 10000} // chains of meshes are reached one way or two
	c.f.Mesh = s.Mesh()
	for _, t := range s.Tables {
		c.chains = t.ByName()
		for _, base := range t.Chains {
			switch {
			case base.Hook == "PREROUTING" && base.Type == "nat", base.Hook == "OUTPUT" && base.Type == "nat",
				base.Hook == "PREROUTING" && hasTPROXY(t):
				c.chain(base, context{inbound: base.Hook == "PREROUTING"}, 0)
			}
		}
		c.zones(t)
	}
	c.settle()
	return c.f
}

// hasTPROXY reports whether the rules of a table give packets to sockets.
func hasTPROXY(t *netfilter.Table) bool {
	for _, c := range t.Chains {
		for i := range c.Rules {
			if does(&c.Rules[i], netfilter.TargetTPROXY) {
				return true
			}
		}
	}
	return false
}

// does reports whether a rule has a target of that name.
func does(r *netfilter.Rule, target string) bool {
	return slices.ContainsFunc(r.Targets, func(t netfilter.Target) bool { return t.Name == target })
}

// settle sorts the lists and takes out what stands in two of them.
func (c *collector) settle() {
	f := &c.f
	for _, list := range []*[]uint16{&f.OutboundPorts, &f.InboundPorts, &f.TunnelPorts, &f.DNSPorts, &f.DNSZones} {
		unique(list, cmp.Compare)
	}
	for _, list := range []*[]netfilter.Span{&c.redirected[0], &c.redirected[1], &c.returned[0], &c.returned[1], &f.InboundIncluded, &f.InboundExcluded,
		&f.OutboundIncludedPorts, &f.OutboundExcludedPorts} {
		unique(list, compareSpans)
	}
	for _, list := range []*[]netip.Prefix{&f.Loopback, &f.InboundSources, &f.OutboundIncluded, &f.OutboundExcluded, &f.DNSServers} {
		unique(list, comparePrefixes)
	}
	unique(&f.BindSources, netip.Addr.Compare)
	unique(&f.ExcludedInterfaces, cmp.Compare)
	unique(&f.VirtualInterfaces, cmp.Compare)
	f.UIDs, f.ExcludedUIDs = owners(c.redirected[0], c.returned[0])
	f.GIDs, f.ExcludedGIDs = owners(c.redirected[1], c.returned[1])
	c.tunnel()
	f.ExcludedInterfaces = without(f.ExcludedInterfaces, f.VirtualInterfaces)
}

// owners tells the proxy's users from others that are excepted: the proxy's
// connections to its own pod are redirected. Where no rule does that, all that
// are excepted are the proxy's.
func owners(redirected, returned []netfilter.Span) (proxy, excluded []netfilter.Span) {
	if len(redirected) == 0 {
		return returned, nil
	}
	return redirected, without(returned, redirected)
}

// tunnel moves ports that proxies keep clear of, on their way to the own pod
// too, from the exceptions to the tunnel's.
func (c *collector) tunnel() {
	f := &c.f
	var ports []netfilter.Span
	for _, p := range f.TunnelPorts {
		ports = append(ports, netfilter.Span{Lo: uint32(p), Hi: uint32(p)})
	}
	f.InboundExcluded = without(f.InboundExcluded, ports)
}

func without[T comparable](list, gone []T) []T {
	var out []T
	for _, v := range list {
		if !slices.Contains(gone, v) {
			out = append(out, v)
		}
	}
	return out
}

func unique[T comparable](list *[]T, compare func(a, b T) int) {
	slices.SortFunc(*list, compare)
	*list = slices.Compact(*list)
}

func compareSpans(a, b netfilter.Span) int {
	return cmp.Or(cmp.Compare(a.Lo, b.Lo), cmp.Compare(a.Hi, b.Hi))
}

func comparePrefixes(a, b netip.Prefix) int {
	return cmp.Or(a.Addr().Compare(b.Addr()), cmp.Compare(a.Bits(), b.Bits()))
}
