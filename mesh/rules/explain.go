package rules

import (
	"net/netip"
	"slices"
	"strconv"

	"github.com/pcapmesh/pcapmesh/capture/tcpip"
	"github.com/pcapmesh/pcapmesh/mesh/rules/netfilter"
	"github.com/pcapmesh/pcapmesh/mesh/rules/walk"
)

// A Maker says who made a connection that was captured in a pod, and to whom.
type Maker uint8

// The makers of connections.
const (
	MakerUnknown   Maker = iota // its addresses tell which way it went
	MakerClient                 // someone outside, to the pod
	MakerApp                    // the application
	MakerProxy                  // the proxy, to others
	MakerProxyHome              // the proxy, to its own application
	MakerProxyLink              // one proxy, to another
)

// proxy reports whether it is a proxy.
func (m Maker) proxy() bool { return m == MakerProxy || m == MakerProxyHome || m == MakerProxyLink }

// A Leg is one connection of a pod, as captures show it.
type Leg struct {
	Maker Maker
	Tuple tcpip.Tuple // of the maker's packets, with the address that was dialled
}

// LocalAddrs returns what the legs of a pod tell of its addresses, sorted.
func LocalAddrs(legs []Leg) []netip.Addr {
	var out []netip.Addr
	for _, l := range legs {
		switch l.Maker {
		case MakerClient, MakerProxyHome:
			out = append(out, l.Tuple.Dst.Addr())
		case MakerApp, MakerProxy:
			out = append(out, l.Tuple.Src.Addr())
		}
	}
	out = slices.DeleteFunc(out, netip.Addr.IsLoopback)
	slices.SortFunc(out, netip.Addr.Compare)
	return slices.Compact(out)
}

// Own gives a packet that a proxy made the proxy's user, group and mark. One of
// others stays as it is.
func (f *Facts) Own(p *walk.Packet, by Maker) {
	if by.proxy() {
		p.UID, p.GID = f.proxyIDs()
		p.Mark = f.Mark
	}
}

// wire is the name of the interface by which pods have their network.
const wire = "eth0"

// Route sets the interface of a packet that was captured, if it has none: by who
// made it, and by which of its addresses are p.Local.
func Route(p *walk.Packet, by Maker) {
	switch src := p.Src.Addr(); {
	case p.In != "" || p.Out != "":
	case by == MakerProxyHome:
		p.Out = netfilter.Loopback
	case by == MakerClient, !slices.Contains(p.Local, src) && !src.IsLoopback():
		p.In = wire
	case slices.Contains(p.Local, p.Dst.Addr()) || p.Dst.Addr().IsLoopback():
		p.Out = netfilter.Loopback
	default:
		p.Out = wire
	}
}

// Place sets the interface of a packet that somebody thought up, if it has none,
// and the pod's address, if p.Local is empty. made tells that a process of the
// pod makes it. It reports whether it found out which end is the pod.
func Place(p *walk.Packet, made bool) bool {
	src, dst := p.Src.Addr(), p.Dst.Addr()
	here := func(a netip.Addr) bool { return a.IsLoopback() || slices.Contains(p.Local, a) }
	switch {
	case p.In != "" || p.Out != "":
	case here(dst) && (here(src) || made), src == dst:
		p.Out = netfilter.Loopback
	case here(src) || made:
		p.Out = wire
	case here(dst):
		p.In = wire
	default:
		return false
	}
	if p.Local == nil && p.Out != "" && !src.IsLoopback() {
		p.Local = []netip.Addr{src}
	} else if p.Local == nil && p.In != "" {
		p.Local = []netip.Addr{dst}
	}
	return true
}

// Flow draws the way of one connection that was walked, up to its address.
func (f *Facts) Flow(t *walk.Trace) Flow {
	p := &t.Packet
	from := "Local Pod"
	switch {
	case p.In != "":
		from = "Remote Pod"
	case f.isProxy(p.UID, p.GID, p.Mark):
		from = f.proxyName()
	}
	to := t.Dst.String()
	switch t.Outcome {
	case walk.Dropped, walk.Unknown:
		to = t.Outcome.String()
	case walk.Proxied:
		to = f.proxyName() + " " + strconv.Itoa(int(t.Port))
	}
	return Flow{Parts: []Part{{From: from, To: to, Trace: t}}}
}
