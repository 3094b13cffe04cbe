package decide

import (
	"github.com/pcapmesh/pcapmesh/mesh/flow"
	"github.com/pcapmesh/pcapmesh/mesh/internal/decide/graph"
	"github.com/pcapmesh/pcapmesh/mesh/internal/index"
)

// markUnused finds the connections that a proxy dialled and never used. Envoy dials one
// for a request that another connection serves in the end, if that becomes free first,
// and some proxies dial ahead.
func markUnused(x *index.Index, legs []*graph.Leg, links []*graph.Link) {
	named := make(map[*graph.Leg]bool)
	for _, k := range links {
		named[k.From], named[k.To] = true, true
		for _, r := range k.Rivals {
			named[r.Leg] = true
		}
	}
	for _, l := range legs {
		l.Unused = !named[l] && waited(x, l)
	}
}

// waited reports whether a proxy dialled a connection that was open, and over which
// nothing went. Of TLS that cannot be read that is not asked.
func waited(x *index.Index, l *graph.Leg) bool {
	switch l.Role {
	case flow.RoleProxyApp, flow.RoleProxyServer, flow.RoleProxyProxy:
	default:
		return false
	}
	answered := func(h index.HalfNo) bool { return h != 0 && x.Half(h).SYN }
	return answered(l.Conn.Orig) && answered(l.Conn.Reply) && l.Readable() && l.Empty() && l.OrigMissing+l.ReplyMissing == 0 && l.Log == nil
}
