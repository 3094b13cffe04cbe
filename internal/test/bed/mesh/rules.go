//go:build linux

package mesh

import (
	"fmt"
	"strings"
)

// rules returns the nat table for iptables-restore (or, with v6, for
// ip6tables-restore), line for line and in the order that Istio's
// tools/istio-iptables writes it in REDIRECT mode with all ports included.
func (c Interception) rules(v6 bool) string {
	lo, pass := "127.0.0.1/32", "127.0.0.6/32"
	if v6 {
		lo, pass = "::1/128", "::6/128"
	}
	if c.Mode == ModeAmbient {
		return ambientRules
	}
	var w strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&w, format+"\n", args...) }
	if c.Mode == ModeTProxy {
		w.WriteString(c.mangle(lo, pass))
	}
	line("*nat")
	for _, chain := range []string{"ISTIO_INBOUND", "ISTIO_REDIRECT", "ISTIO_IN_REDIRECT", "ISTIO_OUTPUT"} {
		line("-N %s", chain)
	}
	tunnel, local := "! --dport 15008", ""
	if c.Resolver != "" {
		line("-N ISTIO_OUTPUT_DNS")
		tunnel, local = "-m multiport ! --dports 53,15008", " -p tcp ! --dport 53"
	}
	line("-A ISTIO_INBOUND -p tcp --dport 15008 -j RETURN")
	line("-A ISTIO_REDIRECT -p tcp -j REDIRECT --to-ports %d", c.Out)
	line("-A ISTIO_IN_REDIRECT -p tcp -j REDIRECT --to-ports %d", c.In)
	if c.Mode == ModeRedirect {
		line("-A PREROUTING -p tcp -j ISTIO_INBOUND")
	}
	for _, port := range c.ExcludeIn {
		line("-A ISTIO_INBOUND -p tcp --dport %d -j RETURN", port)
	}
	line("-A ISTIO_INBOUND -p tcp -j ISTIO_IN_REDIRECT")
	line("-A OUTPUT -j ISTIO_OUTPUT")
	for _, port := range c.ExcludeOut {
		line("-A ISTIO_OUTPUT -p tcp --dport %d -j RETURN", port)
		line("-A ISTIO_OUTPUT -p udp --dport %d -j RETURN", port)
	}
	line("-A ISTIO_OUTPUT -o lo -s %s -j RETURN", pass)
	for _, owner := range []string{"uid", "gid"} {
		line("-A ISTIO_OUTPUT -o lo ! -d %s -p tcp %s -m owner --%s-owner %d -j ISTIO_IN_REDIRECT", lo, tunnel, owner, c.UID)
		line("-A ISTIO_OUTPUT -o lo%s -m owner ! --%s-owner %d -j RETURN", local, owner, c.UID)
		line("-A ISTIO_OUTPUT -m owner --%s-owner %d -j RETURN", owner, c.UID)
	}
	if c.Resolver != "" {
		line("-A ISTIO_OUTPUT -j ISTIO_OUTPUT_DNS")
		for _, proto := range []string{"tcp", "udp"} {
			line("-A ISTIO_OUTPUT_DNS -p %s --dport 53 -d %s/32 -j REDIRECT --to-ports %d", proto, c.Resolver, agentPort)
		}
	}
	line("-A ISTIO_OUTPUT -d %s -j RETURN", lo)
	for _, cidr := range c.ExcludeCIDRs {
		line("-A ISTIO_OUTPUT -d %s -j RETURN", cidr)
	}
	line("-A ISTIO_OUTPUT -j ISTIO_REDIRECT")
	line("COMMIT")
	c.zones(line)
	return w.String()
}

// agentPort is where the agent takes DNS queries.
const agentPort = 15053

// zones writes the raw table of DNS capture: what the agent asks itself is
// tracked apart (zone 1) from what it is asked (zone 2), since both may have the
// same addresses and ports.
func (c Interception) zones(line func(format string, args ...any)) {
	if c.Resolver == "" {
		return
	}
	line("*raw")
	line("-N ISTIO_OUTPUT_DNS")
	line("-N ISTIO_INBOUND")
	line("-A OUTPUT -j ISTIO_OUTPUT_DNS")
	line("-A PREROUTING -j ISTIO_INBOUND")
	for _, owner := range []string{"uid", "gid"} {
		line("-A ISTIO_OUTPUT_DNS -p udp --dport 53 -m owner --%s-owner %d -j CT --zone 1", owner, c.UID)
		line("-A ISTIO_OUTPUT_DNS -p udp --sport %d -m owner --%s-owner %d -j CT --zone 2", agentPort, owner, c.UID)
	}
	line("-A ISTIO_OUTPUT_DNS -p udp --dport 53 -d %s/32 -j CT --zone 2", c.Resolver)
	line("-A ISTIO_INBOUND -p udp --sport 53 -s %s/32 -j CT --zone 1", c.Resolver)
	line("COMMIT")
}
