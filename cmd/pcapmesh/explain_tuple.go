package main

import (
	"fmt"
	"math"
	"net/netip"
	"slices"
	"strings"

	"github.com/pcapmesh/pcapmesh/mesh"
	"github.com/pcapmesh/pcapmesh/mesh/rules"
	"github.com/pcapmesh/pcapmesh/mesh/rules/netfilter"
	"github.com/pcapmesh/pcapmesh/mesh/rules/walk"
)

// ofTuple walks the connection of the command line.
func (f *explainFlags) ofTuple(set *rules.Ruleset, args []string) ([]rules.Flow, error) {
	t, err := parseTuple(strings.Fields(strings.Join(args, " ")))
	if err != nil {
		return nil, err
	}
	pods, err := f.in.knownPods()
	if err != nil {
		return nil, err
	}
	p := walk.Packet{Tuple: t, In: f.from, Out: f.to}
	if p.Local = addresses4(pods); !f.place(&p) {
		return nil, usagef("--pod-ip IP of the pod, or --in eth0 if it comes in, --out eth0 if the pod makes it", "%s: nothing tells which end is the pod", t)
	}
	if t.Dst.Addr().Is6() && !set.Covers(netfilter.IPv6) || t.Dst.Addr().Is4() && !set.Covers(netfilter.IPv4) {
		return nil, &hintedError{fmt.Errorf("%s: the rules given are not for this family of addresses", t), "iptables-save prints those for IPv4, ip6tables-save those for IPv6; --rules may be given twice"}
	}
	facts := set.Facts()
	if err := f.own(&p, &facts); err != nil {
		return nil, err
	}
	return []rules.Flow{walkOne(set, p, &facts)}, nil
}

// addresses4 returns all addresses of pods.
func addresses4(pods []mesh.Pod) []netip.Addr {
	var out []netip.Addr
	for _, p := range pods {
		out = append(out, p.Addrs...)
	}
	return out
}

// place finds out where a packet comes from and goes to, as far as it was not
// said. It reports whether it knows.
func (f *explainFlags) place(p *walk.Packet) bool {
	src, dst := p.Src.Addr(), p.Dst.Addr()
	here := func(a netip.Addr) bool { return a.IsLoopback() || slices.Contains(p.Local, a) }
	switch {
	case p.In != "" || p.Out != "":
	case here(dst) && (here(src) || f.uid >= 0), src == dst:
		p.Out = "lo"
	case here(src) || f.uid >= 0:
		p.Out = "eth0"
	case here(dst):
		p.In = "eth0"
	default:
		return false
	}
	if p.Local == nil && p.Out != "" && !src.IsLoopback() {
		p.Local = []netip.Addr{src}
	} else if p.Local == nil && p.In != "" {
		p.Local = []netip.Addr{dst}
	}
	return true
}

// own gives a packet its user and group.
func (f *explainFlags) own(p *walk.Packet, facts *rules.Facts) error {
	if f.uid > math.MaxUint32 || f.gid > math.MaxUint32 {
		return usagef("--uid 1337", "no user or group has a number above %d", uint32(math.MaxUint32))
	}
	p.UID = facts.AppID()
	if f.uid >= 0 {
		p.UID = uint32(f.uid)
	}
	p.GID = p.UID
	if f.gid >= 0 {
		p.GID = uint32(f.gid)
	}
	return nil
}

// walkOne draws the way of one connection, up to its address.
func walkOne(set *rules.Ruleset, p walk.Packet, facts *rules.Facts) rules.Flow {
	from := "Local Pod"
	switch {
	case p.In != "":
		from = "Remote Pod"
	case facts.IsProxy(p.UID, p.GID, p.Mark):
		from = facts.Proxy()
	}
	t := set.Walk(p)
	to := t.Dst.String()
	if t.Outcome == walk.Dropped || t.Outcome == walk.Unknown {
		to = t.Outcome.String()
	} else if t.Outcome == walk.Proxied {
		to = fmt.Sprintf("%s %d", facts.Proxy(), t.Port)
	}
	return rules.Flow{Parts: []rules.Part{{From: from, To: to, Trace: t}}}
}
