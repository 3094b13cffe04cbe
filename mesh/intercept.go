package mesh

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/pcapmesh/pcapmesh/capture"
	"github.com/pcapmesh/pcapmesh/mesh/flow"
	"github.com/pcapmesh/pcapmesh/mesh/internal/index"
	"github.com/pcapmesh/pcapmesh/mesh/profile"
	"github.com/pcapmesh/pcapmesh/mesh/record"
	"github.com/pcapmesh/pcapmesh/mesh/rules"
)

// An interception is what a pod's firewall rules redirect.
type interception struct {
	rules.Facts
	set  *rules.Ruleset
	file int    // index into records.files
	pod  string // "" = any

	profile *profile.Profile // of the mesh, with these rules
}

// passes tells whether connections to a port of the pod pass by the proxy. Rules
// without any redirect of what comes in tell nothing.
func (i *interception) passes(port uint16) bool {
	holds := func(spans []rules.Span) bool {
		return slices.ContainsFunc(spans, func(s rules.Span) bool { return s.Lo <= uint32(port) && uint32(port) <= s.Hi })
	}
	switch {
	case len(i.InboundPorts) == 0 || slices.Contains(i.TunnelPorts, port):
		return false
	case holds(i.InboundExcluded):
		return true
	}
	return !i.InboundAll && !holds(i.InboundIncluded)
}

// intercepts returns the rules of a pod; nil if they are not known.
func (rs *records) intercepts(pod string) *interception {
	for _, i := range rs.rules {
		if i.pod == "" || i.pod == pod {
			return i
		}
	}
	return nil
}

// profile returns the profile of a pod: with its rules in place of what p has.
func (rs *records) profile(pod string, p *profile.Profile) *profile.Profile {
	if i := rs.intercepts(pod); i != nil {
		if i.profile == nil {
			i.profile = i.Profile(p)
		}
		return i.profile
	}
	return p
}

// ruleConflicts lists what connections show that the rules do not: redirects to
// other ports, and a proxy that serves a port which is not redirected.
func ruleConflicts(i *interception, x *index.Index, files []record.Info, legs []*workLeg, joins []flow.Join) []record.Conflict {
	var out []record.Conflict
	joined := make(map[int]bool)
	for _, j := range joins {
		joined[j.From] = joined[j.From] || !j.Ambiguous
	}
	told := make(map[string]bool)
	tell := func(l *workLeg, says, packets string) {
		if !told[says+packets] {
			told[says+packets] = true
			out = append(out, record.Conflict{Source: record.Source{Kind: record.Rules, File: files[i.file].Name, Line: i.line()}, Leg: l.ID, Says: says, Packets: packets,
				Shown: []capture.Ref{x.Half(l.conn.Lead()).First}})
		}
	}
	for _, l := range legs {
		c := l.conn
		if i.pod != "" && c.pod != i.pod {
			continue
		}
		listener := l.Reply.Src.Port()
		if c.halfFlow && l.Reply.Src.Addr().IsLoopback() && len(i.OutboundPorts) > 0 && !i.redirectsTo(listener) {
			tell(l, "connections are redirected to port "+list(i.OutboundPorts), fmt.Sprintf("those of the application are answered at port %d", listener))
		}
		switch port := l.Orig.Dst.Port(); {
		case profile.IsBindSource(l.Orig.Src.Addr()) && i.passes(port) && l.Role == flow.RoleProxyApp:
			tell(l, fmt.Sprintf("connections to port %d are not redirected", port), fmt.Sprintf("the proxy dials %s", l.Orig.Dst))
		case l.Role == flow.RoleClientProxy && i.passes(port) && joined[l.ID]:
			tell(l, fmt.Sprintf("connections to port %d are not redirected", port), "the proxy serves them")
		case c.halfFlow && l.Role == flow.RoleAppProxy && !i.takes(l.Orig.Dst):
			tell(l, fmt.Sprintf("connections to %s are not redirected", l.Orig.Dst), fmt.Sprintf("%s answered them", l.Reply.Src))
		}
	}
	return out
}

// takes tells whether the rules redirect what applications dial there.
func (i *interception) takes(to netip.AddrPort) bool {
	in := func(list []netip.Prefix) bool {
		return slices.ContainsFunc(list, func(p netip.Prefix) bool { return p.Contains(to.Addr()) })
	}
	has := func(list []rules.Span) bool {
		return slices.ContainsFunc(list, func(s rules.Span) bool { return s.Lo <= uint32(to.Port()) && uint32(to.Port()) <= s.Hi })
	}
	if len(i.OutboundPorts) == 0 {
		return true // nothing is known of them
	}
	return (i.OutboundAll || in(i.OutboundIncluded) || has(i.OutboundIncludedPorts)) && !in(i.OutboundExcluded) && !has(i.OutboundExcludedPorts)
}

// redirectsTo tells whether a redirect of the rules leads to port.
func (i *interception) redirectsTo(port uint16) bool {
	return slices.Contains(i.OutboundPorts, port) || slices.Contains(i.InboundPorts, port) || slices.Contains(i.DNSPorts, port)
}

// line returns where the redirect of what the application dials stands; 0 if it
// was made from arguments.
func (i *interception) line() int {
	for _, t := range i.set.Tables {
		for _, c := range t.Chains {
			for k := range c.Rules {
				for _, to := range c.Rules[k].Targets {
					if to.Name == rules.TargetRedirect && len(i.OutboundPorts) > 0 && to.Ports.Lo == uint32(i.OutboundPorts[0]) {
						return c.Rules[k].Line
					}
				}
			}
		}
	}
	return 0
}

// list prints ports.
func list(ports []uint16) string {
	var out []string
	for _, p := range ports {
		out = append(out, strconv.Itoa(int(p)))
	}
	return strings.Join(out, ", ")
}
