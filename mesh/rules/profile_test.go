package rules_test

import (
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pcapmesh/pcapmesh/mesh/profile"
	"github.com/pcapmesh/pcapmesh/mesh/rules"
	"github.com/pcapmesh/pcapmesh/mesh/rules/netfilter"
)

// number returns where a profile lists a listener of some purpose.
func number(p *profile.Profile, purpose string) uint16 {
	for _, l := range p.Ports {
		if l.Purpose == purpose {
			return l.Number
		}
	}
	return 0
}

// What rules say stands in a profile in place of what it has.
func TestProfile(t *testing.T) {
	for _, tt := range []struct {
		name string
		f    rules.Facts
		want func(p *profile.Profile) // changes Istio's
	}{
		{"nothing", rules.Facts{}, func(*profile.Profile) {}},
		{"the same ports", rules.Facts{OutboundPorts: []uint16{15001}, InboundPorts: []uint16{15006}}, func(*profile.Profile) {}},
		{"other ports", rules.Facts{OutboundPorts: []uint16{1}, InboundPorts: []uint16{2}}, func(p *profile.Profile) {
			p.OutboundPorts, p.InboundPorts = []uint16{1}, []uint16{2}
			move(p, 15001, 1)
			move(p, 15006, 2)
		}},
		{"one port more", rules.Facts{OutboundPorts: []uint16{1, 15001}}, func(p *profile.Profile) { p.OutboundPorts = []uint16{1, 15001} }},
		{"queries", rules.Facts{DNSPorts: []uint16{53, 54}}, func(p *profile.Profile) { move(p, 15053, 53) }},
		{"addresses", rules.Facts{BindSources: []netip.Addr{netip.MustParseAddr("127.0.0.7")}}, func(p *profile.Profile) { p.BindSources = []netip.Addr{netip.MustParseAddr("127.0.0.7")} }},
		{"users", rules.Facts{UIDs: []netfilter.Span{{Lo: 5, Hi: 7}, {Lo: 9, Hi: 9}}}, func(p *profile.Profile) { p.UIDs = []uint32{5, 6, 7, 9} }},
		{"the last users", rules.Facts{UIDs: []netfilter.Span{{Lo: 1<<32 - 2, Hi: 1<<32 - 1}}}, func(p *profile.Profile) { p.UIDs = []uint32{1<<32 - 2, 1<<32 - 1} }},
		{"another mesh that is not known", rules.Facts{Mesh: "x"}, func(*profile.Profile) {}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			given, want := profile.Istio(), profile.Istio()
			tt.want(want)
			if diff := cmp.Diff(want, tt.f.Profile(given), exact); diff != "" {
				t.Errorf("- want, + got:\n%s", diff)
			}
			if diff := cmp.Diff(profile.Istio(), given, exact); diff != "" {
				t.Errorf("the given one has changed (- was, + is):\n%s", diff)
			}
		})
	}
}

// move gives a listener another number.
func move(p *profile.Profile, old, new uint16) {
	for i := range p.Ports {
		if p.Ports[i].Number == old {
			p.Ports[i].Number = new
		}
	}
}

// Rules of another mesh bring its profile.
func TestProfileOfAnotherMesh(t *testing.T) {
	f := rules.Facts{Mesh: "kuma", DNSPorts: []uint16{8888}}
	p := f.Profile(profile.Istio())
	if p.Name != "kuma" || number(p, "DNS proxy") != 8888 || number(p, "outbound capture") != 15001 {
		t.Errorf("got %+v", p)
	}
}

// A range of users stands for 64 of them at most.
func TestProfileIsBounded(t *testing.T) {
	for hi, want := range map[uint32]int{62: 63, 63: 64, 64: 64, 1<<32 - 1: 64} {
		f := rules.Facts{UIDs: []netfilter.Span{{Lo: 0, Hi: hi}}}
		if got := len(f.Profile(profile.Istio()).UIDs); got != want {
			t.Errorf("0 to %d: %d users, want %d", hi, got, want)
		}
	}
}
