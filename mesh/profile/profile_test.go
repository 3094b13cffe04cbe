package profile_test

import (
	"net/netip"
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

func TestIsBindSource(t *testing.T) {
	for _, tt := range []struct {
		in   string
		want bool
	}{
		{"127.0.0.6", true}, {"::6", true}, {"127.0.0.1", false}, {"127.0.0.7", false}, {"::1", false}, {"::7", false}, {"::ffff:127.0.0.6", false},
	} {
		if got := profile.IsBindSource(netip.MustParseAddr(tt.in)); got != tt.want {
			t.Errorf("%s: %v, want %v", tt.in, got, tt.want)
		}
	}
}

// Of all tunnel ports only HBONE's carry many connections.
func TestTunnels(t *testing.T) {
	for _, tt := range []struct {
		profile string
		port    uint16
		want    bool
	}{
		{"istio", 15008, true}, {"istio-ambient", 15008, true}, {"istio", 15006, false}, {"istio", 15009, false},
		{"linkerd", 4143, false}, {"linkerd", 15008, false}, {"consul", 20000, false}, {"kuma", 15008, false},
	} {
		if got := profile.Named(tt.profile).Tunnels(tt.port); got != tt.want {
			t.Errorf("%s, port %d: %v, want %v", tt.profile, tt.port, got, tt.want)
		}
	}
}

func TestProbes(t *testing.T) {
	for _, tt := range []struct {
		profile, in string
		want        bool
	}{
		{"istio", "169.254.7.127", true}, {"istio", "fd16:9254:7127:1337:ffff:ffff:ffff:ffff", true}, {"istio-ambient", "e9ac:1e77:90ca:399f:4d6d:ece2:2f9b:3164", true},
		{"istio", "169.254.7.126", false}, {"istio", "10.244.0.1", false}, {"linkerd", "169.254.7.127", false},
	} {
		if got := profile.Named(tt.profile).Probes(netip.MustParseAddr(tt.in)); got != tt.want {
			t.Errorf("%s, %s: %v, want %v", tt.profile, tt.in, got, tt.want)
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
