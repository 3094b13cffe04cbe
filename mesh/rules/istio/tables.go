package istio

import "strings"

// nat makes the nat table, in the order of Istio's run.go.
func (g *generator) nat() {
	g.table("nat")
	for _, face := range split(g.ExcludeInterfaces) {
		g.rule("PREROUTING", "-i", face, "-j RETURN")
		g.rule("OUTPUT", "-o", face, "-j RETURN")
	}
	for _, face := range split(g.VirtualInterfaces) {
		g.insert("PREROUTING", 0, "-i", face, "-j RETURN")
	}
	g.rule("ISTIO_INBOUND", "-p tcp --dport", g.TunnelPort, "-j RETURN")
	g.rule("ISTIO_REDIRECT", "-p tcp -j REDIRECT --to-ports", g.ProxyPort)
	g.rule("ISTIO_IN_REDIRECT", "-p tcp -j REDIRECT --to-ports", g.InboundPort)
	if g.Mode != "TPROXY" {
		g.inbound("-j ISTIO_IN_REDIRECT")
	}
	g.rule("OUTPUT", "-j ISTIO_OUTPUT")
	for _, port := range split(g.OutboundPortsExclude) {
		g.rule("ISTIO_OUTPUT", "-p tcp --dport", port, "-j RETURN")
		g.rule("ISTIO_OUTPUT", "-p udp --dport", port, "-j RETURN")
	}
	g.rule("ISTIO_OUTPUT", "-o lo -s", g.pass, "-j RETURN")
	g.owners()
	g.groups()
	if g.RedirectDNS && (g.everyQuery() || len(g.servers) > 0) {
		g.rule("ISTIO_OUTPUT", "-j ISTIO_OUTPUT_DNS")
	}
	if g.RedirectDNS {
		g.redirectDNS()
	}
	g.rule("ISTIO_OUTPUT", "-d", g.lo, "-j RETURN")
	for _, net := range g.exclude {
		g.rule("ISTIO_OUTPUT", "-d", net, "-j RETURN")
	}
	for _, port := range split(g.OutboundPorts) {
		g.rule("ISTIO_OUTPUT", "-p tcp --dport", port, "-j ISTIO_REDIRECT")
	}
	g.outbound()
}

// inbound makes the rules for what clients send; jump is where to.
func (g *generator) inbound(jump string) {
	if g.InboundInclude == "" {
		return
	}
	g.rule("PREROUTING", "-p tcp -j ISTIO_INBOUND")
	if g.InboundInclude != "*" {
		for _, port := range split(g.InboundInclude) {
			g.divert("--dport " + port)
			g.rule("ISTIO_INBOUND", "-p tcp --dport", port, jump)
		}
		return
	}
	for _, port := range split(g.InboundExclude) {
		g.rule("ISTIO_INBOUND", "-p tcp --dport", port, "-j RETURN")
	}
	g.divert("")
	g.rule("ISTIO_INBOUND", "-p tcp", jump)
}

// divert keeps connections that have begun on their way: TPROXY looks for a
// listener with each packet.
func (g *generator) divert(port string) {
	if g.tables[len(g.tables)-1].Name == "mangle" {
		g.rule("ISTIO_INBOUND", "-p tcp", port, "-m conntrack --ctstate RELATED,ESTABLISHED -j ISTIO_DIVERT")
	}
}

// owners makes the three rules for each of the proxy's users and groups: what it
// sends back to its own pod goes to its inbound listener, what others send there
// goes nowhere else, and all else of the proxy leaves.
func (g *generator) owners() {
	for _, kind := range []string{"uid", "gid"} {
		ids := g.UID
		if kind == "gid" {
			ids = g.gid
		}
		for _, id := range split(ids) {
			ports, others := "! --dport "+g.TunnelPort, ""
			if g.RedirectDNS {
				others = "-p tcp ! --dport 53"
				if kind == "uid" {
					ports = "-m multiport ! --dports 53," + g.TunnelPort
				}
			}
			owner := "--" + kind + "-owner " + id
			g.rule("ISTIO_OUTPUT", "-o lo ! -d", g.lo, "-p tcp", ports, "-m owner", owner, "-j ISTIO_IN_REDIRECT")
			if !g.loopback {
				g.rule("ISTIO_OUTPUT", "-o lo", others, "-m owner !", owner, "-j RETURN")
			}
			g.rule("ISTIO_OUTPUT", "-m owner", owner, "-j RETURN")
		}
	}
}

// groups leaves out the traffic of some groups, or of all but some.
func (g *generator) groups() {
	if strings.TrimSpace(g.OwnerGroups) == "*" || g.OwnerGroups == "" {
		for _, gid := range split(g.OwnerGroupsExclude) {
			g.rule("ISTIO_OUTPUT", "-m owner --gid-owner", gid, "-j RETURN")
		}
		return
	}
	words := ""
	for _, gid := range split(g.OwnerGroups) {
		words += "-m owner ! --gid-owner " + gid + " "
	}
	g.rule("ISTIO_OUTPUT", words, "-j RETURN")
}

// eachServer calls f with the destination of queries that are captured: each
// server's, or none if it does not matter.
func (g *generator) eachServer(option string, f func(to string)) {
	if g.everyQuery() {
		f("")
		return
	}
	for _, s := range g.servers {
		f(option + " " + s)
	}
}

func (g *generator) redirectDNS() {
	for _, proto := range []string{"tcp", "udp"} {
		g.eachServer("-d", func(to string) {
			g.rule("ISTIO_OUTPUT_DNS", "-p", proto, "--dport 53", to, "-j REDIRECT --to-ports 15053")
		})
	}
}

// outbound makes the rules for what applications send.
func (g *generator) outbound() {
	if g.all {
		g.rule("ISTIO_OUTPUT", "-j ISTIO_REDIRECT")
		for _, face := range split(g.VirtualInterfaces) {
			g.insert("PREROUTING", 0, "-i", face, "-j ISTIO_REDIRECT")
		}
		return
	}
	for _, net := range g.include {
		for _, face := range split(g.VirtualInterfaces) {
			g.insert("PREROUTING", 0, "-i", face, "-d", net, "-j ISTIO_REDIRECT")
		}
		g.rule("ISTIO_OUTPUT", "-d", net, "-j ISTIO_REDIRECT")
	}
}

// mangle makes the rules of TPROXY, and those that drop what conntrack takes for
// invalid.
func (g *generator) mangle() {
	g.table("mangle")
	tproxy := g.Mode == "TPROXY"
	for _, face := range split(g.ExcludeInterfaces) {
		if tproxy {
			g.rule("PREROUTING", "-i", face, "-j RETURN")
			g.rule("OUTPUT", "-o", face, "-j RETURN")
		}
	}
	if g.DropInvalid {
		g.rule("PREROUTING", "-m conntrack --ctstate INVALID -j ISTIO_DROP")
		g.rule("ISTIO_DROP", "-j DROP")
	}
	if !tproxy {
		return
	}
	if g.InboundInclude != "" {
		g.rule("ISTIO_DIVERT", "-j MARK --set-mark", g.TPROXYMark)
		g.rule("ISTIO_DIVERT", "-j ACCEPT")
		g.rule("ISTIO_TPROXY", "! -d", g.lo, "-p tcp -j TPROXY --tproxy-mark", g.TPROXYMark+"/0xffffffff", "--on-port", g.InboundPort)
	}
	g.inbound("-j ISTIO_TPROXY")
	g.marks()
}

// outboundMark is the mark of what the proxy sends to its own pod (Istio's
// constants.OutboundMark).
const outboundMark = "1338"

// marks makes the rules that keep TPROXY off what has passed the proxy.
func (g *generator) marks() {
	mark := "-m mark --mark " + g.TPROXYMark
	g.rule("PREROUTING", "-p tcp", mark, "-j CONNMARK --save-mark")
	g.rule("OUTPUT", "-p tcp -o lo", mark, "-j RETURN")
	for _, uid := range split(g.UID) {
		g.rule("OUTPUT", "! -d", g.lo, "-p tcp -o lo -m owner --uid-owner", uid, "-j MARK --set-mark", outboundMark)
	}
	for _, gid := range split(g.gid) {
		g.rule("OUTPUT", "! -d", g.lo, "-p tcp -o lo -m owner --gid-owner", gid, "-j MARK --set-mark", outboundMark)
	}
	g.rule("OUTPUT", "-p tcp -m connmark --mark", g.TPROXYMark, "-j CONNMARK --restore-mark")
	g.insert("ISTIO_INBOUND", 0, "-p tcp", mark, "-j RETURN")
	g.insert("ISTIO_INBOUND", 1, "-p tcp -s", g.pass, "-i lo -j RETURN")
	g.insert("ISTIO_INBOUND", 2, "-p tcp -i lo -m mark ! --mark", outboundMark, "-j RETURN")
}

// raw makes the rules that keep queries to the agent and those of the agent in
// conntrack zones of their own.
func (g *generator) raw() {
	g.table("raw")
	g.rule("OUTPUT", "-j ISTIO_OUTPUT_DNS")
	for _, kind := range []string{"uid", "gid"} {
		ids := g.UID
		if kind == "gid" {
			ids = g.gid
		}
		for _, id := range split(ids) {
			owner := "-m owner --" + kind + "-owner " + id
			g.rule("ISTIO_OUTPUT_DNS", "-p udp --dport 53", owner, "-j CT --zone 1")
			g.rule("ISTIO_OUTPUT_DNS", "-p udp --sport 15053", owner, "-j CT --zone 2")
		}
	}
	if g.everyQuery() || len(g.servers) > 0 {
		g.rule("PREROUTING", "-j ISTIO_INBOUND")
	}
	g.eachServer("-d", func(to string) {
		g.rule("ISTIO_OUTPUT_DNS", "-p udp --dport 53", to, "-j CT --zone 2")
	})
	g.eachServer("-s", func(from string) {
		g.rule("ISTIO_INBOUND", "-p udp --sport 53", from, "-j CT --zone 1")
	})
}
