package recorded

import (
	"net/netip"
	"slices"
	"testing"

	"github.com/pcapmesh/pcapmesh/mesh/profile"
	"github.com/pcapmesh/pcapmesh/mesh/record"
	"github.com/pcapmesh/pcapmesh/mesh/rules"
	"github.com/pcapmesh/pcapmesh/mesh/rules/netfilter"
)

// What comes in passes by the proxy where rules say so, and rules without a redirect
// say nothing.
func TestPasses(t *testing.T) {
	span := func(lo, hi uint32) []netfilter.Span { return []netfilter.Span{{Lo: lo, Hi: hi}} }
	in := []uint16{15006}
	for _, tc := range []struct {
		name  string
		facts rules.Facts
		port  uint16
		want  bool
	}{
		{"no redirect", rules.Facts{InboundExcluded: span(1, 65535)}, 80, false},
		{"all are taken", rules.Facts{InboundPorts: in, InboundAll: true}, 80, false},
		{"none is taken", rules.Facts{InboundPorts: in}, 80, true},
		{"a tunnel", rules.Facts{InboundPorts: in, TunnelPorts: []uint16{15008}, InboundExcluded: span(15008, 15008)}, 15008, false},
		{"below what is excluded", rules.Facts{InboundPorts: in, InboundAll: true, InboundExcluded: span(80, 82)}, 79, false},
		{"first that is excluded", rules.Facts{InboundPorts: in, InboundAll: true, InboundExcluded: span(80, 82)}, 80, true},
		{"last that is excluded", rules.Facts{InboundPorts: in, InboundAll: true, InboundExcluded: span(80, 82)}, 82, true},
		{"above what is excluded", rules.Facts{InboundPorts: in, InboundAll: true, InboundExcluded: span(80, 82)}, 83, false},
		{"below what is included", rules.Facts{InboundPorts: in, InboundIncluded: span(80, 82)}, 79, true},
		{"first that is included", rules.Facts{InboundPorts: in, InboundIncluded: span(80, 82)}, 80, false},
		{"last that is included", rules.Facts{InboundPorts: in, InboundIncluded: span(80, 82)}, 82, false},
		{"above what is included", rules.Facts{InboundPorts: in, InboundIncluded: span(80, 82)}, 83, true},
		{"included and excluded", rules.Facts{InboundPorts: in, InboundIncluded: span(80, 82), InboundExcluded: span(81, 81)}, 81, true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if got := (&Rules{Facts: tc.facts}).Passes(tc.port); got != tc.want {
				t.Errorf("port %d passes by: %v, want %v", tc.port, got, tc.want)
			}
		})
	}
}

func TestTakes(t *testing.T) {
	span := []netfilter.Span{{Lo: 80, Hi: 82}}
	nets := []netip.Prefix{netip.MustParsePrefix("10.96.0.0/16")}
	out := []uint16{15001}
	for _, tc := range []struct {
		name  string
		facts rules.Facts
		to    string
		want  bool
	}{
		{"nothing is known", rules.Facts{OutboundExcluded: nets}, "10.96.0.1:80", true},
		{"everything", rules.Facts{OutboundPorts: out, OutboundAll: true}, "192.0.2.1:443", true},
		{"nothing", rules.Facts{OutboundPorts: out}, "192.0.2.1:443", false},
		{"into a network", rules.Facts{OutboundPorts: out, OutboundIncluded: nets}, "10.96.255.255:443", true},
		{"past a network", rules.Facts{OutboundPorts: out, OutboundIncluded: nets}, "10.97.0.0:443", false},
		{"below the ports", rules.Facts{OutboundPorts: out, OutboundIncludedPorts: span}, "192.0.2.1:79", false},
		{"first of the ports", rules.Facts{OutboundPorts: out, OutboundIncludedPorts: span}, "192.0.2.1:80", true},
		{"last of the ports", rules.Facts{OutboundPorts: out, OutboundIncludedPorts: span}, "192.0.2.1:82", true},
		{"above the ports", rules.Facts{OutboundPorts: out, OutboundIncludedPorts: span}, "192.0.2.1:83", false},
		{"but into a network", rules.Facts{OutboundPorts: out, OutboundAll: true, OutboundExcluded: nets}, "10.96.0.1:443", false},
		{"but past that network", rules.Facts{OutboundPorts: out, OutboundAll: true, OutboundExcluded: nets}, "10.97.0.1:443", true},
		{"but to a port", rules.Facts{OutboundPorts: out, OutboundAll: true, OutboundExcludedPorts: span}, "192.0.2.1:81", false},
		{"but to another port", rules.Facts{OutboundPorts: out, OutboundAll: true, OutboundExcludedPorts: span}, "192.0.2.1:443", true},
		{"into a network but to a port", rules.Facts{OutboundPorts: out, OutboundIncluded: nets, OutboundExcludedPorts: span}, "10.96.0.1:80", false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if got := (&Rules{Facts: tc.facts}).Takes(ap(tc.to)); got != tc.want {
				t.Errorf("%s is taken: %v, want %v", tc.to, got, tc.want)
			}
		})
	}
}

func TestRedirectsTo(t *testing.T) {
	i := &Rules{Facts: rules.Facts{OutboundPorts: []uint16{1, 2}, InboundPorts: []uint16{3}, DNSPorts: []uint16{4}, TunnelPorts: []uint16{5}}}
	for port, want := range map[uint16]bool{1: true, 2: true, 3: true, 4: true, 5: false, 6: false} {
		if got := i.RedirectsTo(port); got != want {
			t.Errorf("a redirect leads to %d: %v, want %v", port, got, want)
		}
	}
}

// Rules are those of a pod if they name it or none, and the first of these count.
func TestRulesOfPod(t *testing.T) {
	of := func(pod string, port uint16) *Rules {
		return &Rules{Pod: pod, Facts: rules.Facts{OutboundPorts: []uint16{port}, DNSPorts: []uint16{port + 1}}}
	}
	a, b, any := of("a", 1), of("b", 2), of("", 3)
	for _, tc := range []struct {
		name  string
		rules []*Rules
		pod   string
		want  *Rules
	}{
		{"none", nil, "a", nil},
		{"its own", []*Rules{a, b}, "b", b},
		{"another's", []*Rules{b}, "a", nil},
		{"of any", []*Rules{any}, "a", any},
		{"its own before those of any", []*Rules{a, any}, "a", a},
		{"those of any before its own", []*Rules{any, a}, "a", any},
	} {
		t.Run(tc.name, func(t *testing.T) {
			rs := &Records{Rules: tc.rules}
			if got := rs.Intercepts(tc.pod); got != tc.want {
				t.Errorf("rules %v, want %v", got, tc.want)
			}
			p := profile.Istio()
			switch got := rs.Profile(tc.pod, p); {
			case tc.want == nil && got != p:
				t.Error("the profile is another one without rules")
			case tc.want != nil && !slices.Equal(got.OutboundPorts, tc.want.OutboundPorts):
				t.Errorf("outbound ports %v, want %v", got.OutboundPorts, tc.want.OutboundPorts)
			case got != rs.Profile(tc.pod, p):
				t.Error("the profile is made anew")
			}
		})
	}
	if got, want := (&Records{Rules: []*Rules{a, b}}).DNSPorts(), []uint16{2, 3}; !slices.Equal(got, want) {
		t.Errorf("ports of DNS %v, want %v", got, want)
	}
}

// The redirect of what applications dial is found by its port.
func TestRuleLine(t *testing.T) {
	const text = `*nat
-A PREROUTING -p tcp -j REDIRECT --to-ports 15006
-A OUTPUT -p udp --dport 53 -j REDIRECT --to-ports 15053
-A OUTPUT -d 127.0.0.1/32 -j RETURN
-A OUTPUT -p tcp -j REDIRECT --to-ports 15001
COMMIT
`
	files, _ := given(t, record.Rules, text)
	rs, err := ReadRules(t.Context(), files)
	if err != nil {
		t.Fatal(err)
	}
	i := rs.Rules[0]
	if got, want := i.OutboundPorts, []uint16{15001}; !slices.Equal(got, want) {
		t.Fatalf("outbound ports %v, want %v", got, want)
	}
	if got := i.Line(); got != 5 {
		t.Errorf("line %d, want 5", got)
	}
	i.OutboundPorts = []uint16{15002}
	if got := i.Line(); got != 0 {
		t.Errorf("line %d of a redirect that is not there, want 0", got)
	}
	i.OutboundPorts = nil
	if got := i.Line(); got != 0 {
		t.Errorf("line %d without redirect, want 0", got)
	}
}

func TestList(t *testing.T) {
	for want, ports := range map[string][]uint16{"": nil, "80": {80}, "80, 15001": {80, 15001}} {
		if got := List(ports); got != want {
			t.Errorf("%v are listed as %q, want %q", ports, got, want)
		}
	}
}
