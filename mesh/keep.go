package mesh

import (
	"github.com/pcapmesh/pcapmesh/mesh/internal/index"
	"github.com/pcapmesh/pcapmesh/mesh/profile"
)

// Under TPROXY, and in ambient pods, the proxy may dial the application from
// the address of its client, with a port of its own. On loopback a stranger
// then dials the pod, which nobody else can do.

// mirrored tells whether both directions were captured, under one tuple.
func (c *conn) mirrored() bool { return c.Orig != 0 && c.Reply != 0 && !c.halfFlow }

// lends tells whether the client's end of c, on the pod's loopback interface,
// is an address of somebody else: of a client of the proxy's.
func (f *podFacts) lends(x *index.Index, c *conn) bool {
	t := c.origTuple(x)
	src, dst := t.Src.Addr(), t.Dst.Addr()
	if !c.loopback || !c.mirrored() || src.IsLoopback() || profile.IsBindSource(src) || f.addrs[src] {
		return false
	}
	return f.addrs[dst] || dst.IsLoopback()
}

// mayServe tells whether the ends allow that the proxy dialled u on behalf of d:
// where it keeps its client's address, only of legs from there, and where the port
// that was dialled is the application's, only at that port.
func mayServe(d, u *workLeg) bool {
	return (!u.kept || d.Orig.Src.Addr() == u.Orig.Src.Addr()) && (!d.fixed || d.Orig.Dst.Port() == u.Orig.Dst.Port())
}
