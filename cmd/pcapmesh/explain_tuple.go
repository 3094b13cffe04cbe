package main

import (
	"fmt"
	"math"
	"net/netip"
	"slices"
	"strings"

	"github.com/pcapmesh/pcapmesh/capture/tcpip"
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
	if p.Local = addressesOf(pods); !rules.Place(&p, f.uid >= 0) {
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

// addressesOf returns all addresses of pods.
func addressesOf(pods []cluster.Pod) []netip.Addr {
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

// parseTuple reads "[tcp] SRC[:PORT] [>] DST:PORT".
func parseTuple(words []string) (t tcpip.Tuple, err error) {
	const hint = "pcapmesh explain 10.244.1.10:40000 10.96.10.1:80"
	t.Proto = tcpip.ProtoTCP
	if len(words) > 0 && (words[0] == "tcp" || words[0] == "udp") {
		if words[0] == "udp" {
			t.Proto = 17
		}
		words = words[1:]
	}
	words = slices.DeleteFunc(words, func(w string) bool { return w == ">" || w == "->" || w == "→" })
	if len(words) != 2 {
		return t, usagef(hint, "want a source and a destination, have %d words", len(words))
	}
	if t.Src, err = netip.ParseAddrPort(words[0]); err != nil {
		a, err := netip.ParseAddr(strings.Trim(words[0], "[]"))
		if err != nil {
			return t, usagef(hint, "%s: not an address", words[0])
		}
		t.Src = netip.AddrPortFrom(a, 40000) // any will do
	}
	if t.Dst, err = netip.ParseAddrPort(words[1]); err != nil {
		return t, usagef(hint, "%s: not an address with a port", words[1])
	}
	t.Src = netip.AddrPortFrom(t.Src.Addr().Unmap(), t.Src.Port())
	t.Dst = netip.AddrPortFrom(t.Dst.Addr().Unmap(), t.Dst.Port())
	if t.Src.Addr().Is6() != t.Dst.Addr().Is6() {
		return t, usagef(hint, "%s: one end is IPv4, the other IPv6", t)
	}
	return t, nil
}
