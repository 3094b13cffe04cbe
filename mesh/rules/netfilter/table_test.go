package netfilter_test

import (
	"testing"

	"github.com/pcapmesh/pcapmesh/mesh/rules/netfilter"
)

func TestFamily(t *testing.T) {
	for _, tt := range []struct {
		name   string
		family netfilter.Family
		covers [2]bool // IPv4, IPv6
	}{
		{"ip", netfilter.IPv4, [2]bool{true, false}},
		{"ip6", netfilter.IPv6, [2]bool{false, true}},
		{"inet", netfilter.Inet, [2]bool{true, true}},
		{"unknown", 0, [2]bool{false, false}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := tt.family.String(); got != tt.name {
				t.Errorf("named %s, want %s", got, tt.name)
			}
			got := [2]bool{tt.family.Covers(netfilter.FamilyOf(false)), tt.family.Covers(netfilter.FamilyOf(true))}
			if got != tt.covers {
				t.Errorf("covers IPv4, IPv6: %v, want %v", got, tt.covers)
			}
		})
	}
}

func TestByName(t *testing.T) {
	a, b := &netfilter.Chain{Name: "A"}, &netfilter.Chain{Name: "B"}
	table := netfilter.Table{Chains: []*netfilter.Chain{a, b}}
	if m := table.ByName(); len(m) != 2 || m["A"] != a || m["B"] != b || m["C"] != nil {
		t.Errorf("chains by name: %v", m)
	}
}
