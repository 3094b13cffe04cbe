package role

import (
	"net/netip"
	"slices"
	"strings"

	"github.com/pcapmesh/pcapmesh/mesh/flow"
	"github.com/pcapmesh/pcapmesh/mesh/internal/decide/conn"
	"github.com/pcapmesh/pcapmesh/mesh/internal/decide/graph"
)

// owned reports whether records of a pod tell that its proxy has leg l: its log, conntrack,
// or who has its end open.
func (r *Roster) owned(l *graph.Leg, v graph.View) bool {
	switch v.Role {
	case flow.RoleClientProxy:
		return l.InLog() || r.redirectedIn(l, v.Pod) || r.proxies.has(l.ReplyProcess, v.Pod)
	case flow.RoleProxyServer:
		return r.proxies.dialled(l, v.Pod) == dialledByProxy
	}
	return false
}

// touched reports whether something shows that the proxy of a pod had its part in leg l,
// so that it did not pass by the proxy though nothing is tied to it: the proxy may have
// made it for itself, or have answered it alone. Rules that are given lead it to the
// proxy, or let nobody but the proxy dial it.
func (r *Roster) touched(l *graph.Leg, v graph.View) bool {
	rules := r.Records.Intercepts(v.Pod)
	switch {
	case l.OfIstio() || strings.HasPrefix(l.TLS.SNI, "outbound_"):
		return true
	case v.Role == flow.RoleClientProxy:
		return l.AnsweredByEnvoy() || rules != nil && len(rules.InboundPorts) > 0 && !rules.Passes(l.Orig.Dst.Port())
	}
	return v.Role == flow.RoleProxyServer && (l.AskedByEnvoy() || rules != nil && len(rules.OutboundPorts) > 0 && rules.Takes(l.Orig.Dst))
}

// redirectedIn reports whether conntrack of a pod tells that a connection was redirected
// to its proxy.
func (r *Roster) redirectedIn(l *graph.Leg, pod string) bool {
	return slices.ContainsFunc(slices.Collect(l.Sightings), func(c *conn.Conn) bool {
		return c.Pod == pod && c.Entry != nil && c.Entry.Reply.Src.Port() != c.Entry.Orig.Dst.Port() &&
			slices.Contains(r.profileOf(pod).InboundPorts, c.Entry.Reply.Src.Port())
	})
}

// A waiting is the legs to pods with a proxy that may be some which the proxy accepted and
// keeps: nothing was answered on them. Envoy tells by a client's first bytes what it
// speaks, and waits for those. Where others at the same port pass by the proxy, these do.
type waiting struct {
	silent []*graph.View // that would be direct else
	at     []door        // of each
	passed map[door]bool // where something was answered directly
}

// A door is a port of a pod, as dialled.
type door struct {
	pod string
	dst netip.AddrPort
}

// note takes down what a leg is for a pod, and was taken for before.
func (w *waiting) note(r *Roster, l *graph.Leg, v *graph.View, was flow.Role) {
	if v.Role != flow.RoleDirect || was != flow.RoleClientProxy {
		return
	}
	at := door{v.Pod, l.Orig.Dst}
	if l.ReplyBytes > 0 || l.ReplyMissing > 0 {
		if w.passed == nil {
			w.passed = make(map[door]bool)
		}
		w.passed[at] = true
	} else if r.Pods[v.Pod].meshed && r.accepted(l) {
		w.silent, w.at = append(w.silent, v), append(w.at, at)
	}
}

// settle gives those that wait their roles.
func (w *waiting) settle() {
	for i, v := range w.silent {
		if !w.passed[w.at[i]] {
			v.Role = flow.RoleClientProxy
		}
	}
}

// accepted reports whether the other end was seen to accept a leg.
func (r *Roster) accepted(l *graph.Leg) bool {
	return l.Conn.Reply != 0 && (l.Midstream || r.x.Half(l.Conn.Reply).SYNACK)
}
