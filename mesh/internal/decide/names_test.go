package decide

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"github.com/pcapmesh/pcapmesh/capture"
	"github.com/pcapmesh/pcapmesh/internal/test/pcap"
	"github.com/pcapmesh/pcapmesh/mesh/flow"
	"github.com/pcapmesh/pcapmesh/mesh/internal/decide/dns"
	"github.com/pcapmesh/pcapmesh/mesh/internal/decide/graph"
	"github.com/pcapmesh/pcapmesh/mesh/internal/recorded"
	"github.com/pcapmesh/pcapmesh/mesh/internal/testindex"
	"github.com/pcapmesh/pcapmesh/mesh/names"
)

func TestHostName(t *testing.T) {
	for s, want := range map[string]string{
		"svc": "svc", "Svc.Default.": "svc.default", "svc:8080": "svc", "_sip._tcp.example": "_sip._tcp.example",
		"10.96.10.1": "", "10.96.10.1:80": "", "[fd00::1]:80": "", "fd00::1": "", "": "", ".": "", "a b": "", "\x1b[31m": "",
		"user@host": "", "host:http": "", "a-z_0.9": "a-z_0.9", "`": "", "{": "", "/": "", "svc:": "svc", "svc:80:80": "", "[fd00::1": "", "A.": "a", "a..": "a.",
		strings.Repeat("a", 253): strings.Repeat("a", 253), strings.Repeat("a", 253) + ".": strings.Repeat("a", 253), strings.Repeat("a", 254): "", "b\u00fccher.example": "",
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
		"www.example.com": "www.example.com", "outbound_.": "outbound_.", "outbound_.x": "outbound_.x", "outbound_._.x": "x",
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

// learnedList describes names: "10.96.10.1 svc dns".
func learnedList(ns []names.Learned) string {
	var s []string
	for _, n := range ns {
		s = append(s, fmt.Sprintf("%s %s %s", n.Addr, n.Name, n.Source))
	}
	return strings.Join(s, ", ")
}

// An address is heard of under no more than so many names, but each of them as
// often as may be.
func TestManyNames(t *testing.T) {
	var n collector
	addr := netip.MustParseAddr("10.96.10.1")
	for i := range maxNames {
		n.add(addr, fmt.Sprintf("n%d", i), names.FromHost, 1)
	}
	n.add(addr, "late", names.FromHost, 99)
	if got, _ := n.of(addr); got.Name != "n0" {
		t.Errorf("chosen %s, want the first: the last came too late", got.Name)
	}
	n.add(addr, fmt.Sprintf("n%d", maxNames-1), names.FromHost, 1)
	if got, _ := n.of(addr); got.Name != fmt.Sprintf("n%d", maxNames-1) {
		t.Errorf("chosen %s, want what was heard twice", got.Name)
	}
}

// What is no address of somebody has no name; the others stand in their order.
func TestNamesOfAll(t *testing.T) {
	var n collector
	n.add(netip.Addr{}, "a", names.FromDNS, 1)
	n.add(netip.MustParseAddr("0.0.0.0"), "b", names.FromDNS, 1)
	n.add(netip.MustParseAddr("::1"), "c", names.FromDNS, 1)
	n.add(netip.MustParseAddr("10.0.0.2"), "d", names.FromDNS, 1)
	n.add(netip.MustParseAddr("10.0.0.1"), "e", names.FromDNS, 1)
	n.add(netip.MustParseAddr("10.0.0.3"), "f", names.FromDNS, 0)
	if got, want := learnedList(n.all()), "10.0.0.1 e dns, 10.0.0.2 d dns"; got != want {
		t.Errorf("names %s, want %s", got, want)
	}
	if _, ok := n.of(netip.MustParseAddr("10.9.9.9")); ok {
		t.Error("a name of an address that was never heard of")
	}
}

// Lookups name every address after what was asked for.
func TestHearLookups(t *testing.T) {
	var n collector
	n.hearLookups([]*dns.Lookup{{Lookup: &names.Lookup{Name: "svc", Records: []names.Record{
		{Name: "svc", Target: "alias"}, {Name: "alias", Addr: netip.MustParseAddr("10.0.0.1")}, {Name: "alias", Addr: netip.MustParseAddr("10.0.0.2")}}}}})
	if got, want := learnedList(n.all()), "10.0.0.1 svc dns, 10.0.0.2 svc dns"; got != want {
		t.Errorf("names %s, want %s", got, want)
	}
}

// A log names what was dialled and the server that was chosen after the service,
// if a captured leg is its own.
func TestHearLog(t *testing.T) {
	line := func(cluster string, said bool) *graph.NamedLine {
		return &graph.NamedLine{Said: said, Line: &recorded.Line{Cluster: cluster, DownstreamLocal: netip.MustParseAddrPort(vip), UpstreamHost: netip.MustParseAddrPort(server)}}
	}
	for _, tt := range []struct {
		name string
		line *graph.NamedLine
		want string
	}{
		{"outbound", line("outbound|80||svc.ns.svc.cluster.local", true), "10.96.10.1 svc.ns.svc.cluster.local access-log, 10.244.9.9 svc.ns.svc.cluster.local access-log"},
		{"not captured", line("outbound|80||svc.ns.svc.cluster.local", false), ""},
		{"inbound", line("inbound|80||svc.ns.svc.cluster.local", true), ""},
		{"no service", line("outbound|80||", true), ""},
		{"a fixed name", line("PassthroughCluster", true), ""},
		{"none", line("", true), ""},
	} {
		var n collector
		n.hearLog(&graph.Ledger{Lines: []*graph.NamedLine{tt.line}})
		if got := learnedList(n.all()); got != tt.want {
			t.Errorf("%s: names %s, want %s", tt.name, got, tt.want)
		}
	}
}

// Requests name whom they are sent to, each of them once, in the order of time.
func TestHearHosts(t *testing.T) {
	for _, tt := range []struct {
		name  string
		hosts []string
		want  string
	}{
		{"one", []string{"a"}, "10.244.1.10 a host"},
		{"the most frequent", []string{"a", "b", "b", "a", "b"}, "10.244.1.10 b host"},
		{"of equals the first", []string{"a", "b", "b", "a"}, "10.244.1.10 a host"},
		{"none that is a name", []string{"10.0.0.1"}, ""},
	} {
		tr := new(pcap.Trace)
		c := on(tr, "eth0", client, app)
		c.Handshake()
		for _, h := range tt.hosts {
			c.Send("GET / HTTP/1.1\r\nhost: " + h + "\r\n\r\n")
			c.Reply(ok("x"))
		}
		in := inputOf(t, testindex.Of(tr))
		legs := graph.Legs(in.Index, in.Conns)
		graph.FindExchanges(in.Index, legs)
		legs[0].Exchanges = append(legs[0].Exchanges, graph.Exchange{Resp: legs[0].Exchanges[0].Resp}) // of which the request was not captured
		var n collector
		n.hearLegs(nil, legs)
		if got := learnedList(n.all()); got != tt.want {
			t.Errorf("%s: names %s, want %s", tt.name, got, tt.want)
		}
	}
}

// The name that TLS asks for counts, too; legs are heard in the order of time.
func TestHearLegs(t *testing.T) {
	leg := func(start int64, name string) *graph.Leg {
		l := bareLeg(0, "p", flow.RoleProxyServer, out, server)
		l.Start, l.TLS.SNI = capture.Time(start), name
		return l
	}
	for _, tt := range []struct {
		name string
		legs []*graph.Leg
		want string
	}{
		{"one", []*graph.Leg{leg(1, "outbound_.80_._.svc")}, "10.244.9.9 svc sni"},
		{"none", []*graph.Leg{leg(1, "")}, ""},
		{"the earlier", []*graph.Leg{leg(2, "b"), leg(1, "a")}, "10.244.9.9 a sni"},
		{"at the same time, the first", []*graph.Leg{leg(1, "b"), leg(1, "a")}, "10.244.9.9 b sni"},
	} {
		var n collector
		n.hearLegs(nil, tt.legs)
		if got := learnedList(n.all()); got != tt.want {
			t.Errorf("%s: names %s, want %s", tt.name, got, tt.want)
		}
	}
}

// Whatever names an address is heard.
func TestLearnNames(t *testing.T) {
	l := bareLeg(0, "p", flow.RoleProxyServer, out, server)
	l.TLS.SNI = "sni"
	logs := &graph.Ledger{Lines: []*graph.NamedLine{{Said: true, Line: &recorded.Line{Cluster: "outbound|80||log", DownstreamLocal: netip.MustParseAddrPort(vip)}}}}
	lookup := &dns.Lookup{Lookup: &names.Lookup{Name: "dns", Records: []names.Record{{Addr: netip.MustParseAddr("10.0.0.1")}}}}
	if got, want := learnedList(learnNames(nil, []*dns.Lookup{lookup}, []*graph.Leg{l}, logs)), "10.0.0.1 dns dns, 10.96.10.1 log access-log, 10.244.9.9 sni sni"; got != want {
		t.Errorf("names %s, want %s", got, want)
	}
}
