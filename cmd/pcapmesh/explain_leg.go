package main

import (
	"fmt"
	"io"
	"net/netip"
	"slices"

	"github.com/spf13/cobra"

	"github.com/pcapmesh/pcapmesh/mesh"
	"github.com/pcapmesh/pcapmesh/mesh/rules"
	"github.com/pcapmesh/pcapmesh/mesh/rules/walk"
)

// ofLeg walks a connection that was captured.
func (f *explainFlags) ofLeg(cmd *cobra.Command, o *options, set *rules.Ruleset, files []string) (list []rules.Flow, partial, err error) {
	f.in.records.rules = nil // read already, perhaps from standard input
	r, partial, err := f.in.stitch(cmd, o, files, mesh.Options{})
	if err != nil {
		return nil, nil, err
	}
	defer r.Close()
	if f.leg >= len(r.Legs) {
		return nil, nil, usagef("pcapmesh flows lists the legs", "no leg %d: there are %d", f.leg, len(r.Legs))
	}
	l := r.Legs[f.leg]
	p := walk.Packet{Tuple: l.Orig, In: f.from, Out: f.to}
	pods, err := f.in.knownPods()
	if err != nil {
		return nil, nil, err
	}
	if p.Local = addresses4(pods); p.Local == nil {
		p.Local = podAddresses(r.Legs, l.Pod)
	}
	facts := set.Facts()
	if err := f.own(&p, &facts); err != nil {
		return nil, nil, err
	}
	f.cast(&p, l, &facts)
	flow := walkOne(set, p, &facts)
	if !o.quiet {
		warnLeg(cmd.ErrOrStderr(), l, flow.Parts[0].Trace)
	}
	return []rules.Flow{flow}, partial, nil
}

// cast tells by a leg's role who made it and which way it goes.
func (f *explainFlags) cast(p *walk.Packet, l *mesh.Leg, facts *rules.Facts) {
	byProxy := l.Role == mesh.RoleProxyApp || l.Role == mesh.RoleProxyServer || l.Role == mesh.RoleProxyProxy
	if byProxy && f.uid < 0 {
		p.UID, p.GID = facts.ProxyIDs()
		p.Mark = facts.Mark
	}
	switch src := p.Src.Addr(); {
	case p.In != "" || p.Out != "":
	case l.Role == mesh.RoleProxyApp:
		p.Out = "lo"
	case l.Role == mesh.RoleClientProxy, !slices.Contains(p.Local, src) && !src.IsLoopback():
		p.In = "eth0"
	case slices.Contains(p.Local, p.Dst.Addr()) || p.Dst.Addr().IsLoopback():
		p.Out = "lo"
	default:
		p.Out = "eth0"
	}
}

// podAddresses returns what the legs of a pod tell of its addresses.
func podAddresses(legs []*mesh.Leg, pod string) []netip.Addr {
	var out []netip.Addr
	for _, l := range legs {
		if l.Pod != pod {
			continue
		}
		switch l.Role {
		case mesh.RoleClientProxy, mesh.RoleProxyApp:
			out = append(out, l.Orig.Dst.Addr())
		case mesh.RoleAppProxy, mesh.RoleProxyServer:
			out = append(out, l.Orig.Src.Addr())
		}
	}
	out = slices.DeleteFunc(out, netip.Addr.IsLoopback)
	slices.SortFunc(out, netip.Addr.Compare)
	return slices.Compact(out)
}

// warnLeg says that the packets of a leg went another way than the rules send
// them.
func warnLeg(w io.Writer, l *mesh.Leg, t *walk.Trace) {
	seen := t.Sights()
	if len(seen) == 0 {
		fmt.Fprintf(w, "pcapmesh: leg %d was captured, but the rules leave nothing to capture: are they of this pod?\n", l.ID)
		return
	}
	for _, c := range l.Captured {
		if c != seen[0].Request && c != seen[0].Reply {
			fmt.Fprintf(w, "pcapmesh: leg %d: captures show %s, the rules say %s and %s\n", l.ID, c, seen[0].Request, seen[0].Reply)
		}
	}
}
