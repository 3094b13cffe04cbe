package mesh_test

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/pcapmesh/pcapmesh/mesh"
)

func TestHostName(t *testing.T) {
	for s, want := range map[string]string{
		"svc": "svc", "Svc.Default.": "svc.default", "svc:8080": "svc", "_sip._tcp.example": "_sip._tcp.example",
		"10.96.10.1": "", "10.96.10.1:80": "", "[fd00::1]:80": "", "fd00::1": "", "": "", ".": "", "a b": "", "\x1b[31m": "",
		"user@host": "", "host:http": "", strings.Repeat("a", 254): "", "b\u00fccher.example": "",
	} {
		if got := mesh.HostName(s); got != want {
			t.Errorf("HostName(%q) = %q, want %q", s, got, want)
		}
	}
}

func TestServerName(t *testing.T) {
	for s, want := range map[string]string{
		"outbound_.8000_._.httpbin.default.svc.cluster.local":   "httpbin.default.svc.cluster.local",
		"outbound_.8000_.v1_.httpbin.default.svc.cluster.local": "httpbin.default.svc.cluster.local",
		"www.example.com": "www.example.com", "outbound_.": "outbound_.", "outbound_.x": "outbound_.x",
	} {
		if got := mesh.ServerName(s); got != want {
			t.Errorf("ServerName(%q) = %q, want %q", s, got, want)
		}
	}
}

// The most frequent name wins, of equals the first; a better source for the same
// name counts.
func TestNameIsChosen(t *testing.T) {
	a := netip.MustParseAddr("10.96.10.1")
	name := func(s string, source mesh.NameSource) mesh.LearnedName {
		return mesh.LearnedName{Addr: a, Name: s, Source: source}
	}
	for _, tt := range []struct {
		heard []mesh.LearnedName
		want  mesh.LearnedName
	}{
		{[]mesh.LearnedName{name("a", mesh.NameFromDNS), name("b", mesh.NameFromHost)}, name("a", mesh.NameFromDNS)},
		{[]mesh.LearnedName{name("a", mesh.NameFromDNS), name("b", mesh.NameFromHost), name("B.", mesh.NameFromSNI)}, name("b", mesh.NameFromSNI)},
		{[]mesh.LearnedName{name("a", mesh.NameFromHost), name("a:80", mesh.NameFromDNS)}, name("a", mesh.NameFromDNS)},
		{[]mesh.LearnedName{name("10.96.10.1", mesh.NameFromHost), name("a", mesh.NameFromHost)}, name("a", mesh.NameFromHost)},
	} {
		if got, ok := mesh.ChosenName(tt.heard...); !ok || got != tt.want {
			t.Errorf("of %v chosen: %v, want %v", tt.heard, got, tt.want)
		}
	}
	if got, ok := mesh.ChosenName(mesh.LearnedName{Addr: netip.MustParseAddr("127.0.0.1"), Name: "a"}); ok {
		t.Errorf("a loopback address is called %v", got)
	}
}
