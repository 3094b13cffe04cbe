package rules_test

import (
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/pcapmesh/pcapmesh/mesh/rules"
	"github.com/pcapmesh/pcapmesh/mesh/rules/netfilter"
)

func one(n uint32) []netfilter.Span { return []netfilter.Span{{Lo: n, Hi: n}} }

func spans(list ...uint32) []netfilter.Span {
	var out []netfilter.Span
	for _, n := range list {
		out = append(out, netfilter.Span{Lo: n, Hi: n})
	}
	return out
}

func nets(list ...string) []netip.Prefix {
	var out []netip.Prefix
	for _, s := range list {
		out = append(out, netip.MustParsePrefix(s))
	}
	return out
}

func TestFacts(t *testing.T) {
	bind := []netip.Addr{netip.MustParseAddr("127.0.0.6")}
	for _, tt := range []struct {
		file string
		want rules.Facts
	}{
		{"istio-init.log", rules.Facts{Mesh: "istio", OutboundPorts: []uint16{15001}, InboundPorts: []uint16{15006}, TunnelPorts: []uint16{15008},
			UIDs: one(1337), GIDs: one(1337), BindSources: bind, Loopback: nets("127.0.0.1/32"), InboundAll: true, OutboundAll: true,
			InboundExcluded: spans(15020, 15021, 15090)}},
		{"ambient.rules", rules.Facts{Mesh: "istio-ambient", OutboundPorts: []uint16{15001}, InboundPorts: []uint16{15006}, TunnelPorts: []uint16{15008},
			Mark: 0x539, MarkMask: 0xfff, InboundAll: true, OutboundAll: true, InboundSources: nets("169.254.7.127/32"),
			OutboundExcluded: nets("169.254.7.127/32"), DNSPorts: []uint16{15053}, DNSUDP: true, DNSTCP: true}},
		{"kuma.txt", rules.Facts{Mesh: "kuma", OutboundPorts: []uint16{15001}, InboundPorts: []uint16{15006}, UIDs: one(5678), BindSources: bind,
			Loopback: nets("127.0.0.1/32"), InboundAll: true, InboundExcluded: one(4444), InboundSources: nets("192.168.0.1/32"), OutboundAll: true,
			OutboundExcluded: nets("10.0.0.1/32"), OutboundExcludedPorts: one(6), VirtualInterfaces: []string{"br+"},
			DNSPorts: []uint16{8888}, DNSUDP: true, DNSTCP: true}},
		{"linkerd.txt", rules.Facts{Mesh: "linkerd", OutboundPorts: []uint16{4140}, InboundPorts: []uint16{4143}, UIDs: one(2102), InboundAll: true,
			InboundExcluded: spans(4190, 4191, 4567, 4568), OutboundAll: true, OutboundExcludedPorts: spans(4567, 4568)}},
		{"native.txt", rules.Facts{Mesh: "istio", OutboundPorts: []uint16{15001}, InboundPorts: []uint16{15006}, TunnelPorts: []uint16{15008},
			UIDs: one(1337), GIDs: one(1337), BindSources: append(bind, netip.MustParseAddr("::6")), Loopback: nets("127.0.0.1/32", "::1/128"),
			InboundAll: true, InboundExcluded: append([]netfilter.Span{{Lo: 9000, Hi: 9010}}, spans(15021, 15090)...), OutboundAll: true,
			OutboundExcluded: nets("10.1.0.0/16"), TPROXY: true, TPROXYMark: 1337, DNSPorts: []uint16{15053}, DNSUDP: true, DNSTCP: true,
			DNSServers: nets("10.96.0.10/32"), DNSZones: []uint16{1, 2}}},
	} {
		got := read(t, "testdata/"+tt.file).Facts()
		if diff := cmp.Diff(tt.want, got, exact, cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("%s (- want, + got):\n%s", tt.file, diff)
		}
	}
}
