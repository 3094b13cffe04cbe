package recorded

import (
	"errors"
	"io"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/pcapmesh/pcapmesh/mesh/profile"
	"github.com/pcapmesh/pcapmesh/mesh/record"
	"github.com/pcapmesh/pcapmesh/mesh/rules"
	"github.com/pcapmesh/pcapmesh/mesh/rules/netfilter"
)

// Rules is what a pod's firewall rules redirect.
type Rules struct {
	rules.Facts
	set  *rules.Ruleset
	File int    // index into Records.Files
	Pod  string // "" = any

	profile *profile.Profile // of the mesh, with these rules
}

// Passes reports whether connections to a port of the pod pass by the proxy. Rules
// without any redirect of what comes in tell nothing.
func (i *Rules) Passes(port uint16) bool {
	holds := func(spans []netfilter.Span) bool {
		return slices.ContainsFunc(spans, func(s netfilter.Span) bool { return s.Lo <= uint32(port) && uint32(port) <= s.Hi })
	}
	switch {
	case len(i.InboundPorts) == 0 || slices.Contains(i.TunnelPorts, port):
		return false
	case holds(i.InboundExcluded):
		return true
	}
	return !i.InboundAll && !holds(i.InboundIncluded)
}

// Intercepts returns the rules of a pod; nil if they are not known.
func (rs *Records) Intercepts(pod string) *Rules {
	for _, i := range rs.Rules {
		if i.Pod == "" || i.Pod == pod {
			return i
		}
	}
	return nil
}

// Profile returns the profile of a pod: with its rules in place of what p has.
func (rs *Records) Profile(pod string, p *profile.Profile) *profile.Profile {
	if i := rs.Intercepts(pod); i != nil {
		if i.profile == nil {
			i.profile = i.Profile(p)
		}
		return i.profile
	}
	return p
}

// Takes reports whether the rules redirect what applications dial there.
func (i *Rules) Takes(to netip.AddrPort) bool {
	in := func(list []netip.Prefix) bool {
		return slices.ContainsFunc(list, func(p netip.Prefix) bool { return p.Contains(to.Addr()) })
	}
	has := func(list []netfilter.Span) bool {
		return slices.ContainsFunc(list, func(s netfilter.Span) bool { return s.Lo <= uint32(to.Port()) && uint32(to.Port()) <= s.Hi })
	}
	if len(i.OutboundPorts) == 0 {
		return true // nothing is known of them
	}
	return (i.OutboundAll || in(i.OutboundIncluded) || has(i.OutboundIncludedPorts)) && !in(i.OutboundExcluded) && !has(i.OutboundExcludedPorts)
}

// RedirectsTo reports whether a redirect of the rules leads to port.
func (i *Rules) RedirectsTo(port uint16) bool {
	return slices.Contains(i.OutboundPorts, port) || slices.Contains(i.InboundPorts, port) || slices.Contains(i.DNSPorts, port)
}

// Line returns where the redirect of what the application dials stands; 0 if it
// was made from arguments.
func (i *Rules) Line() int {
	for _, t := range i.set.Tables {
		for _, c := range t.Chains {
			for k := range c.Rules {
				for _, to := range c.Rules[k].Targets {
					if to.Name == netfilter.TargetRedirect && len(i.OutboundPorts) > 0 && to.Ports.Lo == uint32(i.OutboundPorts[0]) {
						return c.Rules[k].Line
					}
				}
			}
		}
	}
	return 0
}

// List prints ports.
func List(ports []uint16) string {
	var out []string
	for _, p := range ports {
		out = append(out, strconv.Itoa(int(p)))
	}
	return strings.Join(out, ", ")
}

// rules reads firewall rules, or what makes some.
func (rd *reader) rules() error {
	return rd.files(record.Rules, func(in io.Reader, info *record.Info) error {
		set, err := rules.Parse(in)
		if err != nil && !errors.Is(err, rules.ErrNoRules) {
			return err
		}
		count(set, info)
		info.Entries = set.Rules()
		if err == nil {
			i := &Rules{Facts: set.Facts(), set: set, File: rd.file(), Pod: info.Pod}
			info.Mesh = i.Mesh
			rd.records.Rules = append(rd.records.Rules, i)
		}
		return nil
	})
}

// DNSPorts lists the ports to which rules redirect DNS queries.
func (rs *Records) DNSPorts() []uint16 {
	var ports []uint16
	for _, i := range rs.Rules {
		ports = append(ports, i.DNSPorts...)
	}
	return ports
}
