package main

import (
	"fmt"
	"math"
	"net/netip"
	"strings"

	"github.com/pcapmesh/pcapmesh/mesh/cluster"
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
	if p.Local = addresses4(pods); !rules.Place(&p, f.uid >= 0) {
		return nil, usagef("--pod-ip IP of the pod, or --in eth0 if it comes in, --out eth0 if the pod makes it", "%s: nothing tells which end is the pod", t)
	}
	if t.Dst.Addr().Is6() && !set.Covers(netfilter.IPv6) || t.Dst.Addr().Is4() && !set.Covers(netfilter.IPv4) {
		return nil, &hintedError{fmt.Errorf("%s: the rules given are not for this family of addresses", t), "iptables-save prints those for IPv4, ip6tables-save those for IPv6; --rules may be given twice"}
	}
	facts := set.Facts()
	if err := f.own(&p, &facts); err != nil {
		return nil, err
	}
	return []rules.Flow{facts.Flow(set.Walk(p))}, nil
}

// addresses4 returns all addresses of pods.
func addresses4(pods []cluster.Pod) []netip.Addr {
	var out []netip.Addr
	for _, p := range pods {
		out = append(out, p.Addrs...)
	}
	return out
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
