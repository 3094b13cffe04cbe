package role

import (
	"slices"

	"github.com/pcapmesh/pcapmesh/mesh/flow"
	"github.com/pcapmesh/pcapmesh/mesh/internal/decide/graph"
)

// A connection into the pod of which nothing shows behind the proxy passed by it, or the
// proxy took it and dialled nobody: a policy denied it. Both look the same in packets.

// taken reports whether the proxy of a pod took a leg into it, by what the pod left beside
// packets, or since ztunnel takes all.
func (r *Roster) taken(l *graph.Leg, pod string) bool {
	f := r.Pods[pod]
	if f.accepted[l] || f.tunnelled && r.profile.KeepsSource {
		return true
	}
	port := l.Orig.Dst.Port()
	if i := r.Records.Intercepts(pod); i != nil && len(i.InboundPorts) > 0 && !i.Passes(port) {
		return true
	}
	inbound := r.profileOf(pod).InboundPorts
	for c := range l.Sightings {
		if e := c.Entry; c.Pod == pod && e != nil && e.NAT() && slices.Contains(inbound, e.Reply.Src.Port()) {
			return true
		}
	}
	return false
}

// heed notes what the logs of proxies say that these accepted.
func (r *Roster) heed(g *graph.Ledger) {
	for _, k := range g.Lines {
		if k.Down == nil {
			continue
		}
		for _, v := range k.Down.Views {
			if f := r.Pods[v.Pod]; f != nil && v.Role == flow.RoleClientProxy && (k.Pod == "" || k.Pod == v.Pod) {
				if f.accepted == nil {
					f.accepted = make(map[*graph.Leg]bool)
				}
				f.accepted[k.Down] = true
			}
		}
	}
}

// through notes which pods have tunnels, and that the proxy dialled what came out of one.
func (r *Roster) through(legs []*graph.Leg, links []*graph.Link) {
	for _, l := range legs {
		for _, v := range l.Views {
			if l.Tunnel && v.Role != flow.RoleUnknown {
				r.Pods[v.Pod].tunnelled = true
			}
		}
	}
	for _, k := range links {
		if k.From.Tunnel && !k.Ambiguous {
			for _, v := range k.To.Views {
				k.To.Recast(v.Pod, flow.RoleProxyApp, flow.RoleProxyApp, flow.RoleProxyServer, flow.RoleProxyProxy)
			}
		}
	}
}
