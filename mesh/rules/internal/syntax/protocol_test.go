package syntax_test

import (
	"testing"

	"github.com/pcapmesh/pcapmesh/mesh/rules/internal/syntax"
)

// Protocols have the numbers of IANA; what has no name is its number.
func TestProtocol(t *testing.T) {
	for _, tt := range []struct {
		name   string
		number uint32
		ports  bool
	}{
		{"tcp", 6, true},
		{"udp", 17, true},
		{"icmp", 1, false},
		{"ipv6-icmp", 58, false},
		{"sctp", 132, true},
		{"dccp", 33, true},
		{"udplite", 136, true},
		{"gre", 47, false},
		{"esp", 50, false},
		{"ah", 51, false},
		{"2", 2, false},
		{"255", 255, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := syntax.ProtocolName(tt.number); got != tt.name {
				t.Errorf("%d is named %q, want %q", tt.number, got, tt.name)
			}
			if got, ok := syntax.ProtocolNumber(tt.name); !ok || got != tt.number {
				t.Errorf("%s has number %d (%v), want %d", tt.name, got, ok, tt.number)
			}
			if got := syntax.HasPorts(tt.number); got != tt.ports {
				t.Errorf("ports of %s: %v, want %v", tt.name, got, tt.ports)
			}
		})
	}
}

// Some names are read only, since iptables writes others.
func TestProtocolNumber(t *testing.T) {
	for _, tt := range []struct {
		name string
		want uint32
		ok   bool
	}{
		{"all", 0, true},
		{"0", 0, true},
		{"icmpv6", 58, true},
		{"6", 6, true},
		{"256", 255, false},
		{"quic", 0, false},
		{"", 0, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got, ok := syntax.ProtocolNumber(tt.name); ok != tt.ok || ok && got != tt.want {
				t.Errorf("got %d, %v, want %d, %v", got, ok, tt.want, tt.ok)
			}
		})
	}
}
