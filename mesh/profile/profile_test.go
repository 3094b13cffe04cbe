package profile_test

import (
	"slices"
	"testing"

	"github.com/pcapmesh/pcapmesh/mesh/profile"
)

func TestProfilePorts(t *testing.T) {
	p := profile.Istio()
	for _, tt := range []struct {
		port                       uint16
		outbound, inbound, control bool
	}{
		{15001, true, false, false},
		{15006, false, true, false},
		{15008, false, false, false}, // carries conversations
		{15000, false, false, true},
		{15012, false, false, true},
		{15020, false, false, true},
		{15053, false, false, true},
		{15443, false, false, false},
		{8080, false, false, false}, // istiod's, but applications' first
		{443, false, false, false},
		{80, false, false, false},
	} {
		outbound, inbound := slices.Contains(p.OutboundPorts, tt.port), slices.Contains(p.InboundPorts, tt.port)
		_, control := p.Control(tt.port)
		if outbound != tt.outbound || inbound != tt.inbound || control != tt.control {
			t.Errorf("port %d: outbound %v, inbound %v, control %v; want %v, %v, %v",
				tt.port, outbound, inbound, control, tt.outbound, tt.inbound, tt.control)
		}
	}
}

func TestProfiles(t *testing.T) {
	if name := profile.All()[0].Name; name != "istio" {
		t.Errorf("the first profile is %s, want istio", name)
	}
	if profile.Named("nosuch") != nil {
		t.Error("there is a profile named nosuch")
	}
	for _, p := range profile.All() {
		if got := profile.Named(p.Name); got == nil || got.Title != p.Title {
			t.Errorf("ProfileNamed(%s) = %v", p.Name, got)
		}
		listed := make(map[uint16]bool)
		for _, l := range p.Ports {
			listed[l.Number] = true
			if l.Component == "" || l.Protocol == "" || l.Purpose == "" || l.Shows == "" || l.Scope.String() == "unknown" {
				t.Errorf("%s: port %d is not described: %+v", p.Name, l.Number, l)
			}
			if l.Control && (slices.Contains(p.OutboundPorts, l.Number) || slices.Contains(p.InboundPorts, l.Number)) {
				t.Errorf("%s: port %d is control and redirected to", p.Name, l.Number)
			}
		}
		for _, ports := range [][]uint16{p.OutboundPorts, p.InboundPorts, p.TunnelPorts} {
			for _, n := range ports {
				if !listed[n] {
					t.Errorf("%s: port %d is used but not listed", p.Name, n)
				}
			}
		}
	}
}
