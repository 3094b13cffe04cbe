package role

import (
	"github.com/pcapmesh/pcapmesh/mesh/internal/decide/conn"
	"github.com/pcapmesh/pcapmesh/mesh/internal/index"
	"github.com/pcapmesh/pcapmesh/mesh/profile"
)

// Under TPROXY, and in ambient pods, the proxy may dial the application from
// the address of its client, with a port of its own. On loopback a stranger
// then dials the pod, which nobody else can do.

// lends reports whether the client's end of c, on the pod's loopback interface,
// is an address of somebody else: of a client of the proxy's.
func (f *PodFacts) lends(x *index.Index, c *conn.Conn) bool {
	t := c.OrigTuple(x)
	src, dst := t.Src.Addr(), t.Dst.Addr()
	if !c.Loopback || !c.Mirrored() || src.IsLoopback() || profile.IsBindSource(src) || f.addrs[src] {
		return false
	}
	return f.addrs[dst] || dst.IsLoopback()
}

// marked reports whether conntrack says that ztunnel dialled c from the pod's own address
// to it: nothing in the packets tells such a connection from one of the application's.
func (r *Roster) marked(f *PodFacts, c *conn.Conn) bool {
	t := c.OrigTuple(r.x)
	by, known := c.ByZtunnel()
	return known && by && f.addrs[t.Src.Addr()] && t.Src.Addr() == t.Dst.Addr() && !r.profile.Tunnels(t.Dst.Port())
}
