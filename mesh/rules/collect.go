package rules

import (
	"cmp"
	"net/netip"

	"github.com/pcapmesh/pcapmesh/mesh/rules/netfilter"
)

// A collector goes through the chains that packets can reach and notes what
// their rules say.
type collector struct {
	f      Facts
	chains map[string]*netfilter.Chain // of the table at hand
	budget int

	redirected, returned [2][]netfilter.Span // by uid and gid: whose packets are
}

// A context is under which conditions a chain is reached.
type context struct {
	inbound bool             // from PREROUTING
	face    string           // in by this interface
	owner   []netfilter.Span // made by these
	gid     bool             // owner holds groups
	to      conditions
}

// conditions are those of a rule that facts are made of.
type conditions struct {
	proto    uint32
	ports    []netfilter.Span // destination
	notPorts []netfilter.Span // not these destinations
	dst, src []netip.Prefix   // not negated
	in, out  string
	uid, gid []netfilter.Span
	mark     *netfilter.Match
	others   int // conditions that no fact is made of
	n        int // of ports, dst, src, in, out but lo, uid, gid, mark
}

// sum adds up the matches of a rule.
func sum(r *netfilter.Rule) conditions {
	var c conditions
	for i := range r.Matches {
		m := &r.Matches[i]
		n := 1
		switch {
		case m.Kind == netfilter.MatchComment || m.Kind == netfilter.MatchProto && !m.Not:
			if m.Kind == netfilter.MatchProto {
				c.proto = m.Value
			}
			continue
		case m.Kind == netfilter.MatchMark:
			c.mark = m
		case m.Not && (m.Kind == netfilter.MatchDstPort || m.Kind == netfilter.MatchDstPorts):
			c.notPorts, n = m.Spans, 0
			c.others++
		case m.Not:
			c.others++
			n = 0
		case m.Kind == netfilter.MatchDstPort || m.Kind == netfilter.MatchDstPorts:
			c.ports = m.Spans
		case m.Kind == netfilter.MatchDst:
			c.dst = m.Prefixes
		case m.Kind == netfilter.MatchSrc:
			c.src = m.Prefixes
		case m.Kind == netfilter.MatchIn:
			c.in = m.Text
		case m.Kind == netfilter.MatchOut && m.Text == netfilter.Loopback:
			c.out, n = netfilter.Loopback, 0
		case m.Kind == netfilter.MatchOut:
			c.out = m.Text
		case m.Kind == netfilter.MatchUID:
			c.uid = m.Spans
		case m.Kind == netfilter.MatchGID:
			c.gid = m.Spans
		default:
			c.others++
			n = 0
		}
		c.n += n
	}
	return c
}

// chain notes what the rules of a chain say.
func (c *collector) chain(ch *netfilter.Chain, ctx context, depth int) {
	if depth >= netfilter.MaxDepth {
		return
	}
	for i := range ch.Rules {
		if c.budget--; c.budget < 0 {
			return
		}
		r := &ch.Rules[i]
		now := sum(r)
		for j := range r.Targets {
			t := &r.Targets[j]
			if to := c.chains[t.Name]; to != nil && to.Hook == "" {
				c.chain(to, ctx.under(&now), depth+1)
				continue
			}
			c.target(t, ctx, &now)
			if t.Name == netfilter.TargetMark && does(r, netfilter.TargetTPROXY) { // nftables marks on its own
				c.f.TPROXYMark = t.Value
			}
		}
	}
}

// under returns the context of a chain that a rule jumps to.
func (x context) under(c *conditions) context {
	if c.uid != nil {
		x.owner = c.uid
	}
	if c.gid != nil {
		x.owner, x.gid = c.gid, true
	}
	if c.in != "" {
		x.face = c.in
	}
	x.to = x.to.and(c)
	return x
}

// and returns the conditions of both.
func (c conditions) and(d *conditions) conditions {
	if d.proto != 0 {
		c.proto = d.proto
	}
	if d.ports != nil {
		c.ports = d.ports
	}
	if d.notPorts != nil {
		c.notPorts = d.notPorts
	}
	if d.dst != nil {
		c.dst = d.dst
	}
	if d.mark != nil {
		c.mark = d.mark
	}
	c.others += d.others
	c.n += d.n
	return c
}

// target notes what one target does under conditions.
func (c *collector) target(t *netfilter.Target, ctx context, now *conditions) {
	switch t.Name {
	case netfilter.TargetRedirect, netfilter.TargetDNAT, netfilter.TargetTPROXY:
		c.redirect(t, ctx.under(now))
	case netfilter.TargetReturn, netfilter.TargetAccept:
		if ctx.owner == nil && ctx.to.n == 0 {
			c.except(ctx, now)
		}
	}
}

// redirect notes where connections are sent to, and which.
func (c *collector) redirect(t *netfilter.Target, ctx context) {
	f, to, port := &c.f, &ctx.to, uint16(t.Ports.Lo)
	switch {
	case port == 0 && t.Name != netfilter.TargetDNAT:
		return
	case len(to.ports) == 1 && to.ports[0] == netfilter.Span{Lo: 53, Hi: 53}:
		c.dns(port, to)
		return
	case t.Name == netfilter.TargetDNAT || to.proto != 6 && to.proto != 0:
		return
	case ctx.owner != nil: // the proxy, to its own pod
		f.InboundPorts = append(f.InboundPorts, port)
		c.proxy(ctx)
		return
	}
	if m := to.mark; m != nil && m.Not && t.Name == netfilter.TargetRedirect {
		f.Mark, f.MarkMask = m.Value, m.Mask
	}
	if t.Name == netfilter.TargetTPROXY {
		f.TPROXY = true
		f.TPROXYMark = cmp.Or(t.Value, f.TPROXYMark)
	}
	switch {
	case ctx.inbound && ctx.face != "" && ctx.face != netfilter.Loopback:
		f.OutboundPorts = append(f.OutboundPorts, port)
		f.VirtualInterfaces = append(f.VirtualInterfaces, ctx.face)
	case ctx.inbound:
		f.InboundPorts = append(f.InboundPorts, port)
		f.InboundIncluded = append(f.InboundIncluded, to.ports...)
		f.InboundAll = f.InboundAll || to.ports == nil
		c.tunnels(to)
	default:
		f.OutboundPorts = append(f.OutboundPorts, port)
		f.OutboundIncluded = append(f.OutboundIncluded, to.dst...)
		f.OutboundIncludedPorts = append(f.OutboundIncludedPorts, to.ports...)
		f.OutboundAll = f.OutboundAll || to.dst == nil && to.ports == nil
	}
}

// proxy notes whose connections are the proxy's.
func (c *collector) proxy(ctx context) {
	i := 0
	if ctx.gid {
		i = 1
	}
	c.redirected[i] = append(c.redirected[i], ctx.owner...)
	c.tunnels(&ctx.to)
}

// tunnels notes the ports that a redirect leaves out by its own condition; 53 is
// DNS.
func (c *collector) tunnels(to *conditions) {
	for _, s := range to.notPorts {
		if s.Lo == s.Hi && s.Lo != 53 {
			c.f.TunnelPorts = append(c.f.TunnelPorts, uint16(s.Lo))
		}
	}
}

// dns notes where queries are sent to.
func (c *collector) dns(port uint16, to *conditions) {
	f := &c.f
	if port != 0 {
		f.DNSPorts = append(f.DNSPorts, port)
	}
	f.DNSServers = append(f.DNSServers, to.dst...)
	f.DNSUDP = f.DNSUDP || to.proto == 17
	f.DNSTCP = f.DNSTCP || to.proto == 6
}

// except notes what a rule lets pass, if it does so by a single condition.
func (c *collector) except(ctx context, now *conditions) {
	f := &c.f
	if now.n != 1 || now.others > 0 {
		return
	}
	switch {
	case now.uid != nil:
		c.returned[0] = append(c.returned[0], now.uid...)
	case now.gid != nil:
		c.returned[1] = append(c.returned[1], now.gid...)
	case now.in != "" && now.in != netfilter.Loopback:
		f.ExcludedInterfaces = append(f.ExcludedInterfaces, now.in)
	case now.out != "" && now.out != netfilter.Loopback:
		f.ExcludedInterfaces = append(f.ExcludedInterfaces, now.out)
	case now.src != nil:
		c.source(ctx, now.src)
	case now.proto == 17: // the redirect is TCP's
	case now.ports != nil && ctx.inbound:
		f.InboundExcluded = append(f.InboundExcluded, now.ports...)
	case now.ports != nil && now.out == "":
		f.OutboundExcludedPorts = append(f.OutboundExcludedPorts, now.ports...)
	case now.dst != nil && !ctx.inbound:
		c.destination(now.dst)
	}
}

// source notes sources that pass: the proxy's own, or clients'.
func (c *collector) source(ctx context, list []netip.Prefix) {
	for _, p := range list {
		switch {
		case ctx.inbound:
			c.f.InboundSources = append(c.f.InboundSources, p)
		case p.IsSingleIP():
			c.f.BindSources = append(c.f.BindSources, p.Addr())
		}
	}
}

// destination notes destinations that pass.
func (c *collector) destination(list []netip.Prefix) {
	for _, p := range list {
		if p.Addr().IsLoopback() {
			c.f.Loopback = append(c.f.Loopback, p)
		} else {
			c.f.OutboundExcluded = append(c.f.OutboundExcluded, p)
		}
	}
}

// zones notes the zones of conntrack that rules set.
func (c *collector) zones(t *netfilter.Table) {
	for _, ch := range t.Chains {
		for i := range ch.Rules {
			for _, target := range ch.Rules[i].Targets {
				if target.HasZone {
					c.f.DNSZones = append(c.f.DNSZones, target.Zone)
				}
			}
		}
	}
}
