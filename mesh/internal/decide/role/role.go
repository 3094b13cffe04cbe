package role

import (
	"slices"

	"github.com/pcapmesh/pcapmesh/capture/tcpip"
	"github.com/pcapmesh/pcapmesh/mesh/cluster"
	"github.com/pcapmesh/pcapmesh/mesh/flow"
	"github.com/pcapmesh/pcapmesh/mesh/internal/decide/conn"
	"github.com/pcapmesh/pcapmesh/mesh/internal/decide/graph"
	"github.com/pcapmesh/pcapmesh/mesh/internal/index"
	"github.com/pcapmesh/pcapmesh/mesh/internal/recorded"
	"github.com/pcapmesh/pcapmesh/mesh/profile"
)

// A Roster knows the facts of every pod.
type Roster struct {
	x       *index.Index
	Records *recorded.Records
	profile *profile.Profile
	proxies *proxySet
	Pods    map[string]*PodFacts
	agents  map[string]bool // pods whose agent answers DNS queries
}

// Assign gives every leg its role in each pod that shows it, as far as structure and
// ports tell; what joins tell is added by [Roster.Settle]. agents are the pods whose
// agent answers DNS queries.
func Assign(x *index.Index, rs *recorded.Records, known *cluster.Known, legs []*graph.Leg, p *profile.Profile, agents map[string]bool) *Roster {
	r := newRoster(x, rs, known, legs, p)
	r.agents = agents
	r.assign(legs)
	return r
}

// newRoster gathers the facts from all sightings of all legs.
func newRoster(x *index.Index, rs *recorded.Records, known *cluster.Known, legs []*graph.Leg, p *profile.Profile) *Roster {
	r := &Roster{x: x, Records: rs, profile: p, proxies: newProxies(legs, p), Pods: make(map[string]*PodFacts)}
	seen := r.look(legs, &known.Networks)
	for _, p := range known.Pods {
		for _, a := range p.Addrs {
			r.facts(p.Name).addrs[a] = true
		}
	}
	for pod, s := range seen {
		f := r.Pods[pod]
		if len(f.addrs) == 0 {
			s.elect(f, &known.Networks)
		}
		s.extend(f)
	}
	for _, l := range index.Each(x, legs) {
		for c := range l.Sightings {
			r.note(l, c)
		}
	}
	return r
}

// assign gives every leg its roles.
func (r *Roster) assign(legs []*graph.Leg) {
	for _, l := range index.Each(r.x, legs) {
		for c := range l.Sightings {
			role, tentative := r.role(c)
			role, tentative = r.dialled(l, c.Pod, role, tentative)
			if tentative {
				r.Pods[c.Pod].maybe[c.Server(r.x).Port()] = true
			}
			if l.View(c.Pod) == flow.RoleUnknown {
				l.Views = append(l.Views, graph.View{Pod: c.Pod, Role: role, Tentative: tentative, Bare: !r.Pods[c.Pod].proxied()})
			}
		}
		l.Role = l.Overall()
		l.Fixed = r.Pods[l.Conn.Pod].Peers && l.Role == flow.RoleClientProxy && !r.dialledByPeers(l)
	}
}

// role returns what c is for its pod. A tentative role holds only if a join
// confirms it.
func (r *Roster) role(c *conn.Conn) (role flow.Role, tentative bool) {
	f, t := r.Pods[c.Pod], c.OrigTuple(r.x)
	if c.Loopback {
		return r.loopbackRole(f, c, t)
	}
	control := r.control(c.Pod, t.Dst.Port())
	switch {
	case !f.addrs[t.Dst.Addr()] && !f.addrs[t.Src.Addr()]:
		return flow.RoleUnknown, false
	case r.profile.Probes(t.Src.Addr()):
		return flow.RoleDirect, false
	case control:
		return flow.RoleControl, false
	case f.addrs[t.Dst.Addr()]:
		return flow.RoleClientProxy, false
	case t.Dst.Port() == 53 && r.agents[c.Pod]: // the application's queries do not leave the pod
		return flow.RoleControl, false
	}
	return flow.RoleProxyServer, false
}

// dialledByPeers reports whether a leg goes to the port at which the proxies of others
// dial the proxy, whatever application's port they mean. HBONE has streams for that.
func (r *Roster) dialledByPeers(l *graph.Leg) bool {
	port := l.Orig.Dst.Port()
	return port != profile.HBONEPort && slices.Contains(r.profile.TunnelPorts, port)
}

// profileOf returns the profile of a pod.
func (r *Roster) profileOf(pod string) *profile.Profile { return r.Records.Profile(pod, r.profile) }

// control reports whether only the mesh itself speaks at a port, by its profile or by
// that of the mesh whose rules a pod is said to have.
func (r *Roster) control(pod string, port uint16) bool {
	_, ok := r.profile.Control(port)
	_, ruled := r.profileOf(pod).Control(port)
	return ok || ruled
}

// passes reports whether the pod's firewall rules let connections to a port pass by
// the proxy, and none shows otherwise.
func (r *Roster) passes(f *PodFacts, pod string, port uint16) bool {
	i := r.Records.Intercepts(pod)
	return i != nil && i.Passes(port) && !f.apps[port]
}

// loopbackRole returns the role of a connection on the loopback interface.
func (r *Roster) loopbackRole(f *PodFacts, c *conn.Conn, t tcpip.Tuple) (role flow.Role, tentative bool) {
	src, dst := t.Src.Addr(), t.Dst.Addr()
	control := r.control(c.Pod, t.Dst.Port())
	switch {
	case c.HalfFlow && src.IsLoopback(): // the proxy dials 127.0.0.1, and is sent to the pod's address
		return flow.RoleProxyApp, false
	case c.HalfFlow || tornHalf(c, r.x, f):
		return r.redirected(c, f, t), false
	case profile.IsBindSource(src):
		return flow.RoleProxyApp, false
	case control || t.Dst.Port() == 53:
		return flow.RoleControl, false
	case r.marked(f, c): // ztunnel dials for what the application called by a service
		return flow.RoleProxyApp, false
	case src.IsLoopback() && dst.IsLoopback(), f.addrs[src] && f.addrs[dst]:
		// Istio before 1.10 and Linkerd dial the application like this, and
		// so does the application itself.
		if (f.inbound[t.Dst.Port()] || f.Peers) && !f.apps[t.Dst.Port()] {
			return flow.RoleProxyApp, true
		}
		return flow.RoleDirect, false
	case f.addrs[dst], f.lends(r.x, c): // TPROXY and ambient keep the client's address
		return flow.RoleProxyApp, false
	}
	return flow.RoleUnknown, false
}

// dialled corrects a role by who dialled the connection, as far as sockets tell:
// what the application dials on loopback or past the redirect is its own, and what
// the proxy dials is on behalf of someone.
func (r *Roster) dialled(l *graph.Leg, pod string, role flow.Role, tentative bool) (flow.Role, bool) {
	switch by := r.proxies.dialled(l, pod); {
	case tentative && by != diallerUnknown:
		if by == dialledByProxy {
			return flow.RoleProxyApp, false
		}
		return flow.RoleDirect, false
	case role == flow.RoleProxyServer && by == dialledByApp:
		return flow.RoleDirect, false
	}
	return role, tentative
}

// tornHalf reports whether a lone half on loopback has the shape of a half-flow: a
// pod speaks to 127.0.0.1 under its own address, or is answered by a stranger.
func tornHalf(c *conn.Conn, x *index.Index, f *PodFacts) bool {
	t := c.OrigTuple(x)
	src, dst := t.Src.Addr(), t.Dst.Addr()
	switch {
	case c.Orig != 0 && c.Reply != 0:
		return false
	case c.TornEntry():
		return true
	case c.Orig != 0:
		return dst.IsLoopback() && !src.IsLoopback()
	}
	return f.addrs[src] && !f.addrs[dst] && !dst.IsLoopback()
}

// redirected returns the role of a half-flow by what had been dialled.
func (r *Roster) redirected(c *conn.Conn, f *PodFacts, t tcpip.Tuple) flow.Role {
	switch control := r.control(c.Pod, t.Dst.Port()); {
	case t.Dst.Port() == 53, control: // the latter if the answers are missing
		return flow.RoleControl
	case f.addrs[t.Dst.Addr()]: // the pod's proxy dials its own inbound side
		return flow.RoleProxyProxy
	}
	return flow.RoleAppProxy
}

// Believe takes roles from the proxy's log where structure leaves them open:
// which connection it accepted and which it dialled for that.
func (r *Roster) Believe(g *graph.Ledger) {
	r.heed(g)
	for _, line := range g.Lines {
		d, u := line.Down, line.Up
		if d == nil || u == nil || d == u {
			continue
		}
		accepted, dialled := flow.RoleClientProxy, flow.RoleProxyServer
		if d.Conn.Loopback {
			accepted = flow.RoleAppProxy
		}
		if u.Conn.Loopback {
			dialled = flow.RoleProxyApp
		}
		for _, pod := range podsOf(line) {
			d.Recast(pod, accepted, flow.RoleClientProxy, flow.RoleAppProxy, flow.RoleProxyProxy)
			u.Recast(pod, dialled, flow.RoleProxyApp, flow.RoleProxyServer, flow.RoleProxyProxy)
		}
		for _, v := range u.Views {
			if v.Role == flow.RoleProxyServer && d.View(v.Pod) == flow.RoleClientProxy {
				r.Pods[v.Pod].forwards = true
			}
		}
	}
}

// podsOf lists the pods of whose proxy a line of a log is: the one that it is given for,
// else those that saw both of its connections. What another pod saw of one of them was
// on the way there.
func podsOf(line *graph.NamedLine) (pods []string) {
	if line.Pod != "" {
		return []string{line.Pod}
	}
	for _, v := range line.Down.Views {
		if slices.ContainsFunc(line.Up.Views, func(w graph.View) bool { return w.Pod == v.Pod }) {
			pods = append(pods, v.Pod)
		}
	}
	return pods
}

// Settle corrects the roles of legs that no join confirmed: what has no
// counterpart, where a counterpart must have been seen, passed by the proxy.
func (r *Roster) Settle(legs []*graph.Leg, links []*graph.Link) {
	linked := make(map[*graph.Leg]bool)
	for _, l := range index.Each(r.x, links) {
		linked[l.From], linked[l.To] = true, true
	}
	for _, l := range index.Each(r.x, legs) {
		for _, v := range l.Views {
			if v.Tentative && linked[l] {
				r.Pods[v.Pod].apps[l.Orig.Dst.Port()] = true
				r.Pods[v.Pod].meshed = true
			}
		}
	}
	r.through(legs, links)
	var w waiting
	for _, l := range index.Each(r.x, legs) {
		for i := range l.Views {
			if v := &l.Views[i]; !linked[l] {
				was := v.Role
				v.Role = r.settled(legs, l, *v)
				w.note(r, l, v, was)
			}
		}
	}
	w.settle()
	for _, l := range index.Each(r.x, legs) {
		l.Role = l.Overall()
	}
}

func (r *Roster) settled(legs []*graph.Leg, l *graph.Leg, v graph.View) flow.Role {
	f := r.Pods[v.Pod]
	switch {
	case v.Tentative && !f.apps[l.Orig.Dst.Port()]:
		return flow.RoleDirect
	case l.Tunnel, r.owned(l, v): // what it carries may not have been captured
		return v.Role
	case v.Role == flow.RoleClientProxy && !f.meshed && !f.loopback, v.Role == flow.RoleProxyServer && !f.meshed && !f.loopback:
		return flow.RoleUnknown
	case f.loopback && !f.watched(l), r.touched(l, v):
		return v.Role
	case v.Role == flow.RoleClientProxy && !f.apps[l.Orig.Dst.Port()] && !r.dialledByPeers(l) && !r.taken(l, v.Pod):
		return flow.RoleDirect
	case v.Role == flow.RoleClientProxy && r.passes(f, v.Pod, l.Orig.Dst.Port()):
		return flow.RoleDirect
	case v.Role == flow.RoleProxyServer && (tells(l) || !servesApp(legs, l, v.Pod)):
		return flow.RoleDirect
	}
	return v.Role
}

// tells reports whether l shows anything that its counterpart behind a proxy would
// show too. Of HTTP/2 that is an exchange: all else is a connection's own.
func tells(l *graph.Leg) bool {
	if l.Multiplexed() {
		return len(l.Exchanges) > 0
	}
	return l.Readable() && l.OrigBytes+l.ReplyBytes > 0
}

// servesApp reports whether some connection of the pod's application was open
// when l began, so that the proxy may have dialled l for it.
func servesApp(legs []*graph.Leg, l *graph.Leg, pod string) bool {
	for _, a := range legs {
		if a.View(pod) == flow.RoleAppProxy && a.Start <= l.Start+index.Causality && a.End >= l.Start-index.Causality {
			return true
		}
	}
	return false
}
