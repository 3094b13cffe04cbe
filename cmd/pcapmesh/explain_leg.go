package main

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/pcapmesh/pcapmesh/mesh"
	"github.com/pcapmesh/pcapmesh/mesh/flow"
	"github.com/pcapmesh/pcapmesh/mesh/record"
	"github.com/pcapmesh/pcapmesh/mesh/rules"
	"github.com/pcapmesh/pcapmesh/mesh/rules/walk"
)

// ofLeg walks a connection that was captured.
func (f *explainFlags) ofLeg(cmd *cobra.Command, o *options, set *rules.Ruleset, files []string) (list []rules.Flow, partial, err error) {
	f.in.records.files[record.Rules] = nil // read already, perhaps from standard input
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
	if p.Local = addressesOf(pods); p.Local == nil {
		p.Local = rules.LocalAddrs(legsOf(r.Legs, l.Pod))
	}
	facts := set.Facts()
	if err := f.own(&p, &facts); err != nil {
		return nil, nil, err
	}
	if f.uid < 0 {
		facts.Own(&p, maker(l.Role))
	}
	rules.Route(&p, maker(l.Role))
	t := set.Walk(p)
	if !o.quiet {
		warnLeg(cmd.ErrOrStderr(), l, t)
	}
	return []rules.Flow{facts.Flow(t)}, partial, nil
}

// maker returns who made a leg, by its role.
func maker(role flow.Role) rules.Maker {
	switch role {
	case flow.RoleClientProxy:
		return rules.MakerClient
	case flow.RoleAppProxy:
		return rules.MakerApp
	case flow.RoleProxyApp:
		return rules.MakerProxyHome
	case flow.RoleProxyServer:
		return rules.MakerProxy
	case flow.RoleProxyProxy:
		return rules.MakerProxyLink
	}
	return rules.MakerUnknown
}

// legsOf returns the legs of a pod.
func legsOf(legs []*flow.Leg, pod string) []rules.Leg {
	var out []rules.Leg
	for _, l := range legs {
		if l.Pod == pod {
			out = append(out, rules.Leg{Maker: maker(l.Role), Tuple: l.Orig})
		}
	}
	return out
}

// warnLeg says that the packets of a leg went another way than the rules send
// them.
func warnLeg(w io.Writer, l *flow.Leg, t *walk.Trace) {
	seen := t.Sights()
	if len(seen) == 0 {
		fmt.Fprintf(w, "pcapmesh: leg %d was captured, but the rules leave nothing to capture: are they of this pod?\n", l.ID)
		return
	}
	for _, c := range t.Strays(l.Captured) {
		fmt.Fprintf(w, "pcapmesh: leg %d: captures show %s, the rules say %s and %s\n", l.ID, c, seen[0].Request, seen[0].Reply)
	}
}
