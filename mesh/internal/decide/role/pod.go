package role

import (
	"maps"
	"net/netip"
	"slices"

	"github.com/pcapmesh/pcapmesh/capture/tcpip"
	"github.com/pcapmesh/pcapmesh/mesh/cluster"
	"github.com/pcapmesh/pcapmesh/mesh/internal/decide/conn"
	"github.com/pcapmesh/pcapmesh/mesh/internal/decide/graph"
	"github.com/pcapmesh/pcapmesh/mesh/internal/index"
	"github.com/pcapmesh/pcapmesh/mesh/profile"
)

// PodFacts is what the connections of a pod say about the pod.
type PodFacts struct {
	addrs    map[netip.Addr]bool // its own addresses, loopback not counted
	loopback bool                // its loopback interface was captured
	from, to int64               // and when, by its first and last TCP packets
	meshed   bool                // half-flows or bind sources: a proxy is at work
	asks     bool                // its applications' connections are redirected to the proxy
	dials    bool                // it makes connections
	Peers    bool                // its proxy is dialled by those of others at a port of its own
	forwards bool                // its proxy's log shows that what comes in goes out
	maybe    map[uint16]bool     // ports that were dialled over loopback as an older proxy does
	apps     map[uint16]bool     // ports on which a proxy dialled the application
	inbound  map[uint16]bool     // ports of the pod that remote clients dialled

	accepted  map[*graph.Leg]bool // what its proxy's log says that it accepted
	tunnelled bool                // it has tunnels
}

// A dialling is who dials whom at a pod's points, loopback left out.
type dialling struct {
	votes  census
	others census // the same without what the mesh itself dials
	wires  traffic
}

// look learns what structure tells of pods, and returns who dials whom.
func (r *Roster) look(legs []*graph.Leg, n *cluster.Networks) map[string]*dialling {
	seen := make(map[string]*dialling)
	for _, l := range index.Each(r.x, legs) {
		for c := range l.Sightings {
			f := r.facts(c.Pod)
			f.watch(c)
			r.structure(f, c)
			if c.Loopback {
				continue
			}
			if seen[c.Pod] == nil {
				seen[c.Pod] = &dialling{votes: newCensus(), others: newCensus()}
			}
			t := c.OrigTuple(r.x)
			if !r.control(c.Pod, t.Dst.Port()) {
				seen[c.Pod].others.add(t)
			}
			seen[c.Pod].votes.add(t)
			seen[c.Pod].wires.add(t.Src.Addr(), t.Dst.Addr(), n)
		}
	}
	return seen
}

// elect gives a pod of which structure tells no address the one that all its
// connections have in common, else those of a gateway.
func (d *dialling) elect(f *PodFacts, n *cluster.Networks) {
	d.votes.elect(f.addrs)
	if len(f.addrs) > 0 {
		return
	}
	for _, a := range d.wires.forwarders(n) {
		f.addrs[a] = true
	}
}

// extend gives a pod of two families of addresses the one of which structure tells nothing:
// its applications dial in one family, and for them the proxy dials in the other, in which
// nothing else goes on. So it is who opens all connections of that family, if the pod's
// known address opens none.
func (d *dialling) extend(f *PodFacts) {
	if !f.asks || slices.ContainsFunc(slices.Collect(maps.Keys(f.addrs)), d.others.opens) {
		return
	}
	var found [2][]netip.Addr
	for _, a := range d.others.common() {
		if d.others.opens(a) {
			found[family(a)] = append(found[family(a)], a)
		}
	}
	for k, as := range found {
		if len(as) == 1 && !f.has(k) {
			f.addrs[as[0]] = true
		}
	}
}

// has reports whether an address of a family is known.
func (f *PodFacts) has(of int) bool {
	for a := range f.addrs {
		if family(a) == of {
			return true
		}
	}
	return false
}

// note learns from one observation of a leg, once the addresses of its pod are known.
func (r *Roster) note(l *graph.Leg, c *conn.Conn) {
	f, t := r.Pods[c.Pod], c.OrigTuple(r.x)
	if f.lends(r.x, c) || r.marked(f, c) {
		f.meshed, l.Kept = true, true
		f.apps[l.Orig.Dst.Port()] = true
	}
	if c.Loopback {
		return
	}
	if f.addrs[t.Dst.Addr()] {
		f.inbound[t.Dst.Port()] = true
		f.Peers = f.Peers || r.dialledByPeers(l)
	}
	f.dials = f.dials || f.addrs[t.Src.Addr()]
}

// watch notes when the loopback interface was captured.
func (f *PodFacts) watch(c *conn.Conn) {
	if !c.Loopback {
		return
	}
	if !f.loopback {
		f.from, f.to = c.Start, c.End
	}
	f.loopback, f.from, f.to = true, min(f.from, c.Start), max(f.to, c.End)
}

// watched reports whether the loopback interface was being captured when l began,
// so that its counterpart there would have been seen.
func (f *PodFacts) watched(l *graph.Leg) bool {
	return f.loopback && f.from <= int64(l.End) && int64(l.Start) <= f.to
}

func (r *Roster) facts(pod string) *PodFacts {
	f := r.Pods[pod]
	if f == nil {
		f = &PodFacts{addrs: make(map[netip.Addr]bool), apps: make(map[uint16]bool), inbound: make(map[uint16]bool), maybe: make(map[uint16]bool)}
		r.Pods[pod] = f
	}
	return f
}

// structure learns the pod's address from the two shapes that only a mesh
// makes: the server of 127.0.0.6 and the client of half-flows are the pod.
func (r *Roster) structure(f *PodFacts, c *conn.Conn) {
	t := c.OrigTuple(r.x)
	switch {
	case !c.Loopback:
	case profile.IsBindSource(t.Src.Addr()):
		f.meshed = true
		f.addrs[t.Dst.Addr()] = true
		f.apps[t.Dst.Port()] = true
	case c.Mirrored() && !t.Dst.Addr().IsLoopback(): // what is dialled over loopback is the pod
		f.addrs[t.Dst.Addr()] = true
	case c.HalfFlow && t.Src.Addr().IsLoopback(): // DNAT to the pod's address
		f.meshed = true
		f.addrs[c.ReplyTuple(r.x).Src.Addr()] = true
		f.apps[t.Dst.Port()] = true
	case c.HalfFlow || c.TornEntry() || c.Reply == 0 && t.Dst.Addr().IsLoopback() && !t.Src.Addr().IsLoopback():
		f.meshed, f.asks = true, true
		f.addrs[t.Src.Addr()] = true
	}
}

// A census counts how many conns each address takes part in.
type census struct {
	conns [2]int // IPv4, IPv6
	count map[netip.Addr]int
	dials map[netip.Addr]int // of these, how many it opened
	order []netip.Addr
}

func newCensus() census {
	return census{count: make(map[netip.Addr]int), dials: make(map[netip.Addr]int)}
}

// opens reports whether an address opened a conn.
func (v *census) opens(a netip.Addr) bool { return v.dials[a] > 0 }

func (v *census) add(t tcpip.Tuple) {
	v.conns[family(t.Src.Addr())]++
	v.dials[t.Src.Addr()]++
	for _, a := range [2]netip.Addr{t.Dst.Addr(), t.Src.Addr()} { // of equals the server wins
		if v.count[a] == 0 {
			v.order = append(v.order, a)
		}
		v.count[a]++
	}
}

func family(a netip.Addr) int {
	if a.Is4() {
		return 0
	}
	return 1
}

// elect adds the address of each family that is common to all conns.
func (v *census) elect(addrs map[netip.Addr]bool) {
	for f, n := range v.conns {
		for _, a := range v.order {
			if n > 0 && family(a) == f && v.count[a] == n {
				addrs[a] = true
				break
			}
		}
	}
}

// common lists the addresses that all conns of their family have in common.
func (v *census) common() (all []netip.Addr) {
	for _, a := range v.order {
		if v.count[a] == v.conns[family(a)] {
			all = append(all, a)
		}
	}
	return all
}

// proxied reports whether the pod may have a proxy: there are traces of one, or it
// takes connections and makes some, as gateways do.
func (f *PodFacts) proxied() bool { return f.meshed || f.loopback || f.dials && len(f.inbound) > 0 }

// Gateway reports whether what comes in to a port may be forwarded by the pod
// without interception.
func (f *PodFacts) Gateway(port uint16) bool {
	return f.forwards && !f.apps[port] || !f.meshed && !f.maybe[port] && !f.Peers
}
