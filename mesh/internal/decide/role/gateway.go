package role

import (
	"net/netip"
	"slices"

	"github.com/pcapmesh/pcapmesh/mesh/cluster"
)

// A traffic is who dials whom at one pod's points, loopback left out: what tells
// a gateway where its captures show other traffic too.
type traffic struct {
	order []netip.Addr // in the order in which they were first seen
	by    map[netip.Addr]*dealings
}

// dealings is how one address takes part.
type dealings struct {
	dialled, dials   bool
	fromOut, intoNet bool         // dialled from outside of the cluster's networks; dials into them
	by               []netip.Addr // the first of those that dial it, at most maxDiallers
}

// maxDiallers is how many of those that dial an address are kept.
const maxDiallers = 8

func (t *traffic) of(a netip.Addr) *dealings {
	if t.by == nil {
		t.by = make(map[netip.Addr]*dealings)
	}
	if t.by[a] == nil {
		t.by[a] = new(dealings)
		t.order = append(t.order, a)
	}
	return t.by[a]
}

// add notes that src dialled dst.
func (t *traffic) add(src, dst netip.Addr, n *cluster.Networks) {
	d, s := t.of(dst), t.of(src)
	d.dialled, s.dials = true, true
	d.fromOut = d.fromOut || !n.Contain(src)
	s.intoNet = s.intoNet || n.Contain(dst)
	if len(d.by) < maxDiallers && !slices.Contains(d.by, src) {
		d.by = append(d.by, src)
	}
}

// forwarders lists the addresses of a gateway. Where the cluster's networks are
// known, these are the ones that take connections from outside and make some
// into them, be it the same address or another one; else the only one that is
// dialled and dials others.
func (t *traffic) forwarders(n *cluster.Networks) []netip.Addr {
	if !n.IsZero() {
		return t.between()
	}
	both := t.which(func(d *dealings) bool { return d.dialled && d.dials })
	if len(both) > 1 {
		return nil
	}
	return both
}

// between lists the addresses that take connections from outside, and those that
// make connections into the cluster's networks.
func (t *traffic) between() []netip.Addr {
	makers := t.which(func(d *dealings) bool { return d.dials && d.fromOut && d.intoNet })
	alone := len(makers) == 0
	if alone {
		makers = t.which(func(d *dealings) bool { return !d.dialled && d.intoNet })
	}
	takers := t.which(func(d *dealings) bool {
		return !d.dials && d.fromOut && !slices.ContainsFunc(d.by, func(a netip.Addr) bool { return slices.Contains(makers, a) })
	})
	if alone && (len(makers) != 1 || len(takers) == 0) {
		return nil
	}
	return append(makers, takers...)
}

// which lists the addresses of which take is true, in the order in which they were
// first seen.
func (t *traffic) which(take func(*dealings) bool) []netip.Addr {
	var found []netip.Addr
	for _, a := range t.order {
		if take(t.by[a]) {
			found = append(found, a)
		}
	}
	return found
}
