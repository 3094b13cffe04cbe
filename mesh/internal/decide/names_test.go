package decide

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/pcapmesh/pcapmesh/mesh/names"
)

func TestHostName(t *testing.T) {
	for s, want := range map[string]string{
		"svc": "svc", "Svc.Default.": "svc.default", "svc:8080": "svc", "_sip._tcp.example": "_sip._tcp.example",
		"10.96.10.1": "", "10.96.10.1:80": "", "[fd00::1]:80": "", "fd00::1": "", "": "", ".": "", "a b": "", "\x1b[31m": "",
		"user@host": "", "host:http": "", strings.Repeat("a", 254): "", "b\u00fccher.example": "",
	} {
		if got := hostName(s); got != want {
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
		if got := serverName(s); got != want {
			t.Errorf("ServerName(%q) = %q, want %q", s, got, want)
		}
	}
}

// chosenName adds the names to one address's and returns the one that is chosen.
func chosenName(learned ...names.Learned) (names.Learned, bool) {
	var n collector
	for _, l := range learned {
		n.add(l.Addr, l.Name, l.Source, 1)
	}
	return n.of(learned[0].Addr)
}

// The most frequent name wins, of equals the first; a better source for the same
// name counts.
func TestNameIsChosen(t *testing.T) {
	a := netip.MustParseAddr("10.96.10.1")
	name := func(s string, source names.Source) names.Learned {
		return names.Learned{Addr: a, Name: s, Source: source}
	}
	for _, tt := range []struct {
		heard []names.Learned
		want  names.Learned
	}{
		{[]names.Learned{name("a", names.FromDNS), name("b", names.FromHost)}, name("a", names.FromDNS)},
		{[]names.Learned{name("a", names.FromDNS), name("b", names.FromHost), name("B.", names.FromSNI)}, name("b", names.FromSNI)},
		{[]names.Learned{name("a", names.FromHost), name("a:80", names.FromDNS)}, name("a", names.FromDNS)},
		{[]names.Learned{name("10.96.10.1", names.FromHost), name("a", names.FromHost)}, name("a", names.FromHost)},
	} {
		if got, ok := chosenName(tt.heard...); !ok || got != tt.want {
			t.Errorf("of %v chosen: %v, want %v", tt.heard, got, tt.want)
		}
	}
	if got, ok := chosenName(names.Learned{Addr: netip.MustParseAddr("127.0.0.1"), Name: "a"}); ok {
		t.Errorf("a loopback address is called %v", got)
	}
}
