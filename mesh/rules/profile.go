package rules

import (
	"slices"

	"github.com/pcapmesh/pcapmesh/mesh/profile"
	"github.com/pcapmesh/pcapmesh/mesh/rules/netfilter"
)

// Profile returns a profile with what the rules say in place of what it has:
// ports, users, and the addresses from which the proxy dials the application. If
// the rules are another mesh's, it is that mesh's profile.
func (f *Facts) Profile(p *profile.Profile) *profile.Profile {
	if named := profile.Named(f.Mesh); named != nil {
		p = named
	}
	q := *p
	q.Ports = slices.Clone(p.Ports)
	q.OutboundPorts = moved(&q, p.OutboundPorts, f.OutboundPorts)
	q.InboundPorts = moved(&q, p.InboundPorts, f.InboundPorts)
	for i := range q.Ports {
		if l := &q.Ports[i]; l.Protocol == "DNS" && len(f.DNSPorts) > 0 {
			l.Number = f.DNSPorts[0]
		}
	}
	if len(f.BindSources) > 0 {
		q.BindSources = f.BindSources
	}
	if uids := numbers(f.UIDs); len(uids) > 0 {
		q.UIDs = uids
	}
	return &q
}

// moved renames the listeners at old ports, and returns the new ones, if there are
// some.
func moved(p *profile.Profile, old, new []uint16) []uint16 {
	if len(new) == 0 || slices.Equal(old, new) {
		return old
	}
	for i := range p.Ports {
		if l := &p.Ports[i]; slices.Contains(old, l.Number) && !slices.Contains(new, l.Number) {
			l.Number = new[0]
		}
	}
	return new
}

// maxSpan bounds the users that a range of rules stands for.
const maxSpan = 64

func numbers(spans []netfilter.Span) []uint32 {
	var out []uint32
	for _, s := range spans {
		for n := uint64(s.Lo); n <= uint64(s.Hi) && n < uint64(s.Lo)+maxSpan; n++ {
			out = append(out, uint32(n))
		}
	}
	return out
}
