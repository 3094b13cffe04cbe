package mesh

import (
	"net/netip"
	"slices"
)

// Under TPROXY, and in ambient pods, the proxy may dial the application from
// the address of its client, with a port of its own. On loopback a stranger
// then dials the pod, which nobody else can do.

// mirrored tells whether both directions were captured, under one tuple.
func (c *conn) mirrored() bool { return c.orig != 0 && c.reply != 0 && !c.halfFlow }

// lends tells whether the client's end of c, on the pod's loopback interface,
// is an address of somebody else: of a client of the proxy's.
func (f *podFacts) lends(x *index, c *conn) bool {
	t := c.origTuple(x)
	src, dst := t.Src.Addr(), t.Dst.Addr()
	if !c.loopback || !c.mirrored() || src.IsLoopback() || isBindSource(src) || f.addrs[src] {
		return false
	}
	return f.addrs[dst] || dst.IsLoopback()
}

// mayServe tells whether the ends allow that the proxy dialled u on behalf of d:
// where it keeps its client's address, only of legs from there, and where the port
// that was dialled is the application's, only at that port.
func mayServe(d, u *Leg) bool {
	return (!u.kept || d.Orig.Src.Addr() == u.Orig.Src.Addr()) && (!d.fixed || d.Orig.Dst.Port() == u.Orig.Dst.Port())
}

// probes tells whether the node's probes come from addr.
func (p *Profile) probes(addr netip.Addr) bool { return slices.Contains(p.ProbeSources, addr) }

// probeSources returns the addresses to which Istio's rules translate the
// kubelet's on its way into an ambient pod (cni/pkg/iptables, default.golden).
func probeSources() []netip.Addr {
	return []netip.Addr{netip.AddrFrom4([4]byte{169, 254, 7, 127}),
		netip.MustParseAddr("e9ac:1e77:90ca:399f:4d6d:ece2:2f9b:3164"), netip.MustParseAddr("fd16:9254:7127:1337:ffff:ffff:ffff:ffff")}
}
