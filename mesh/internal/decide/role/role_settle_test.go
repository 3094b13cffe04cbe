package role

import (
	"net/netip"
	"slices"
	"testing"

	"github.com/pcapmesh/pcapmesh/capture"
	"github.com/pcapmesh/pcapmesh/capture/tcpip"
	"github.com/pcapmesh/pcapmesh/mesh/conntrack"
	"github.com/pcapmesh/pcapmesh/mesh/flow"
	"github.com/pcapmesh/pcapmesh/mesh/internal/decide/conn"
	"github.com/pcapmesh/pcapmesh/mesh/internal/decide/graph"
	"github.com/pcapmesh/pcapmesh/mesh/internal/index"
	"github.com/pcapmesh/pcapmesh/mesh/internal/index/scan"
	"github.com/pcapmesh/pcapmesh/mesh/internal/recorded"
	"github.com/pcapmesh/pcapmesh/mesh/profile"
	"github.com/pcapmesh/pcapmesh/mesh/record"
	"github.com/pcapmesh/pcapmesh/mesh/rules/netfilter"
)

// legAt is a leg to a port, with its role in the pod "p".
func legAt(port uint16, role flow.Role, change func(*graph.Leg)) *graph.Leg {
	l := &graph.Leg{Leg: &flow.Leg{}, Conn: &conn.Conn{}, Views: []graph.View{{Pod: "p", Role: role}}}
	l.Orig.Dst = netip.AddrPortFrom(netip.MustParseAddr(pod), port)
	l.Start, l.End = 1000, 2000
	if change != nil {
		change(l)
	}
	return l
}

func ports(p ...uint16) map[uint16]bool {
	m := make(map[uint16]bool)
	for _, p := range p {
		m[p] = true
	}
	return m
}

// rosterWith knows the pod "p" of a mesh.
func rosterWith(f *PodFacts, mesh string, rs ...*recorded.Rules) *Roster {
	return &Roster{profile: profile.Named(mesh), proxies: newProxies(nil, profile.Named(mesh)), Records: &recorded.Records{Rules: rs}, Pods: map[string]*PodFacts{"p": f}}
}

// What no link confirmed is corrected: what has no counterpart where one must have
// been seen passed by the proxy.
func TestSettled(t *testing.T) {
	tentative := func(l *graph.Leg) { l.Views[0].Tentative = true }
	tunnel := func(l *graph.Leg) { l.Tunnel = true }
	readable := func(l *graph.Leg) { l.Protocol, l.OrigBytes = flow.ProtocolHTTP1, 1 }
	sealed := func(l *graph.Leg) { l.Protocol, l.OrigBytes = flow.ProtocolTLS, 1 }
	passing := &recorded.Rules{Pod: "p"} // whatever port it is
	passing.InboundPorts = []uint16{4143}
	taking := &recorded.Rules{Pod: "p"}
	taking.InboundPorts, taking.OutboundPorts, taking.InboundAll, taking.OutboundAll = []uint16{15006}, []uint16{15001}, true, true
	taking.OutboundExcludedPorts, taking.InboundExcluded = []netfilter.Span{{Lo: 81, Hi: 81}}, []netfilter.Span{{Lo: 81, Hi: 81}}
	const in, out = flow.RoleClientProxy, flow.RoleProxyServer
	watched := PodFacts{meshed: true, apps: ports(82), loopback: true, to: 3000}
	envoy := &record.Process{Name: "envoy", PID: 7}
	answered := func(tuple string) func(*graph.Leg) {
		return func(l *graph.Leg) {
			l.Conn.Pod = "p"
			l.Conn.Entry = &recorded.Entry{Entry: conntrack.Entry{Orig: l.Orig, Reply: tcpip.Tuple{Src: netip.MustParseAddrPort(tuple)}}}
		}
	}
	said := func(req, resp scan.Flags) func(*graph.Leg) {
		return func(l *graph.Leg) {
			readable(l)
			l.Exchanges = []graph.Exchange{{Req: &scan.Message{Flags: req}, Resp: &scan.Message{Flags: resp}}}
		}
	}
	call := legAt(80, flow.RoleAppProxy, nil)
	for _, tt := range []struct {
		name   string
		mesh   string
		f      PodFacts
		rules  []*recorded.Rules
		leg    *graph.Leg
		others []*graph.Leg
		want   flow.Role
	}{
		{"tentative", "istio", PodFacts{meshed: true}, nil, legAt(80, flow.RoleProxyApp, tentative), nil, flow.RoleDirect},
		{"tentative, at a port of which one was confirmed", "istio", PodFacts{meshed: true, apps: ports(80)}, nil, legAt(80, flow.RoleProxyApp, tentative), nil, flow.RoleProxyApp},
		{"a tunnel from outside", "istio", PodFacts{meshed: true, loopback: true, to: 3000}, nil, legAt(15008, flow.RoleClientProxy, tunnel), nil, flow.RoleClientProxy},
		{"a tunnel of a pod without proxy", "istio", PodFacts{}, nil, legAt(15008, flow.RoleProxyServer, tunnel), nil, flow.RoleProxyServer},
		{"a client where nothing shows a proxy", "istio", PodFacts{}, nil, legAt(80, flow.RoleClientProxy, nil), nil, flow.RoleUnknown},
		{"a server where nothing does", "istio", PodFacts{}, nil, legAt(80, flow.RoleProxyServer, nil), nil, flow.RoleUnknown},
		{"a client where half-flows do", "istio", PodFacts{meshed: true, apps: ports(80)}, nil, legAt(80, flow.RoleClientProxy, nil), nil, flow.RoleClientProxy},
		{"a client where only loopback was captured", "istio", PodFacts{loopback: true, to: 3000, apps: ports(80)}, nil, legAt(80, flow.RoleClientProxy, nil), nil, flow.RoleClientProxy},
		{"a server where only loopback was captured", "istio", PodFacts{loopback: true, to: 3000}, nil, legAt(80, flow.RoleProxyServer, nil), []*graph.Leg{call}, flow.RoleProxyServer},
		{"a client at another port than the application's", "istio", PodFacts{meshed: true, apps: ports(81)}, nil, legAt(80, flow.RoleClientProxy, nil), nil, flow.RoleDirect},
		{"the same, before loopback was captured", "istio", PodFacts{meshed: true, apps: ports(81), loopback: true, from: 2001, to: 3000}, nil, legAt(80, flow.RoleClientProxy, nil), nil, flow.RoleClientProxy},
		{"the same, while it was", "istio", PodFacts{meshed: true, apps: ports(81), loopback: true, from: 2000, to: 3000}, nil, legAt(80, flow.RoleClientProxy, nil), nil, flow.RoleDirect},
		{"a peer", "linkerd", PodFacts{meshed: true, apps: ports(81)}, nil, legAt(4143, flow.RoleClientProxy, nil), nil, flow.RoleClientProxy},
		{"a peer where rules leave it out", "linkerd", PodFacts{meshed: true, apps: ports(81)}, []*recorded.Rules{passing}, legAt(4143, flow.RoleClientProxy, nil), nil, flow.RoleDirect},
		{"a readable call with content, though the application had asked", "istio", PodFacts{meshed: true}, nil, legAt(80, flow.RoleProxyServer, readable), []*graph.Leg{call}, flow.RoleDirect},
		{"a sealed call, and the application had asked", "istio", PodFacts{meshed: true}, nil, legAt(80, flow.RoleProxyServer, sealed), []*graph.Leg{call}, flow.RoleProxyServer},
		{"a sealed call, and the application had not", "istio", PodFacts{meshed: true}, nil, legAt(80, flow.RoleProxyServer, sealed), nil, flow.RoleDirect},
		{"a proxy's, by ALPN", "istio", watched, nil, legAt(80, out, func(l *graph.Leg) { readable(l); l.TLS.ALPN = []string{"istio-http/1.1", "istio"} }), nil, out},
		{"from a proxy, by ALPN", "istio", watched, nil, legAt(80, in, func(l *graph.Leg) { l.TLS.ALPN = []string{"istio"} }), nil, in},
		{"from a proxy, by ALPN, where nothing else shows one", "istio", PodFacts{}, nil, legAt(80, in, func(l *graph.Leg) { l.TLS.ALPN = []string{"istio"} }), nil, flow.RoleUnknown},
		{"redirected by conntrack, where nothing else shows a proxy", "istio", PodFacts{}, nil, legAt(80, in, answered(pod+":15006")), nil, in},
		{"another's ALPN", "istio", watched, nil, legAt(80, in, func(l *graph.Leg) { l.TLS.ALPN = []string{"h2", "http/1.1"} }), nil, flow.RoleDirect},
		{"to a cluster of a proxy's, by SNI", "istio", watched, nil, legAt(80, out, func(l *graph.Leg) { readable(l); l.TLS.SNI = "outbound_.80_._.svc-b" }), nil, out},
		{"to another name", "istio", watched, nil, legAt(80, out, func(l *graph.Leg) { readable(l); l.TLS.SNI = "svc-b" }), nil, flow.RoleDirect},
		{"redirected by conntrack", "istio", watched, nil, legAt(80, in, answered(pod+":15006")), nil, in},
		{"of which a line of the log is", "istio", PodFacts{}, nil, legAt(80, in, func(l *graph.Leg) { l.Log = new(recorded.Line) }), nil, in},
		{"of an exchange of which a line is", "istio", PodFacts{}, nil, legAt(80, in, func(l *graph.Leg) { l.Exchanges = []graph.Exchange{{Log: new(recorded.Line)}} }), nil, in},
		{"not redirected by conntrack", "istio", watched, nil, legAt(80, in, answered(pod+":80")), nil, flow.RoleDirect},
		{"sent to another port by conntrack", "istio", watched, nil, legAt(80, in, answered(pod+":8080")), nil, flow.RoleDirect},
		{"accepted by a proxy's process", "istio", watched, nil, legAt(80, in, func(l *graph.Leg) { l.ReplyProcess = envoy }), nil, in},
		{"dialled by a proxy's process", "istio", watched, nil, legAt(80, out, func(l *graph.Leg) { readable(l); l.OrigProcess = envoy }), nil, out},
		{"accepted by another", "istio", watched, nil, legAt(80, in, func(l *graph.Leg) { l.ReplyProcess = &record.Process{Name: "app", PID: 8} }), nil, flow.RoleDirect},
		{"taken by rules on the way in", "istio", watched, []*recorded.Rules{taking}, legAt(80, in, nil), nil, in},
		{"left by rules on the way in", "istio", watched, []*recorded.Rules{taking}, legAt(81, in, nil), nil, flow.RoleDirect},
		{"taken by rules on the way out", "istio", watched, []*recorded.Rules{taking}, legAt(80, out, readable), nil, out},
		{"left by rules on the way out", "istio", watched, []*recorded.Rules{taking}, legAt(81, out, readable), nil, flow.RoleDirect},
		{"rules that take it, of a pod in which nothing shows a proxy", "istio", PodFacts{}, []*recorded.Rules{taking}, legAt(80, in, nil), nil, flow.RoleUnknown},
		{"what an Envoy asks for itself", "istio", watched, nil, legAt(80, out, said(scan.MsgByEnvoy, 0)), nil, out},
		{"what an Envoy somewhere else answers", "istio", watched, nil, legAt(80, out, said(0, scan.MsgByEnvoy)), nil, flow.RoleDirect},
		{"what an Envoy answered alone", "istio", watched, nil, legAt(80, in, said(0, scan.MsgByEnvoy)), nil, in},
		{"what an Envoy somewhere else asked", "istio", watched, nil, legAt(80, in, said(scan.MsgByEnvoy, 0)), nil, flow.RoleDirect},
		{"what the proxy dialled in the pod", "istio", PodFacts{meshed: true}, nil, legAt(80, flow.RoleProxyApp, nil), nil, flow.RoleProxyApp},
		{"an application's call", "istio", PodFacts{meshed: true}, nil, legAt(80, flow.RoleAppProxy, readable), nil, flow.RoleAppProxy},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := rosterWith(&tt.f, tt.mesh, tt.rules...)
			if got := r.settled(append(tt.others, tt.leg), tt.leg, tt.leg.Views[0]); got != tt.want {
				t.Errorf("settled as %s, want %s", got, tt.want)
			}
		})
	}
}

// A linked leg keeps its role, and one that was tentative shows the port of the
// application, for all others.
func TestSettle(t *testing.T) {
	tentative := func(l *graph.Leg) { l.Views[0].Tentative = true }
	down := legAt(80, flow.RoleClientProxy, nil)
	up := legAt(80, flow.RoleProxyApp, tentative)
	alone := legAt(80, flow.RoleProxyApp, tentative)
	other := legAt(81, flow.RoleProxyApp, tentative)
	open := legAt(81, flow.RoleClientProxy, nil)
	f := &PodFacts{apps: ports()}
	r := rosterWith(f, "istio")
	r.Settle([]*graph.Leg{alone, down, up, other, open}, []*graph.Link{{From: down, To: up}})
	var got []flow.Role
	for _, l := range []*graph.Leg{alone, down, up, other, open} {
		if l.Role != l.Views[0].Role {
			t.Errorf("role %s, but %s in the pod", l.Role, l.Views[0].Role)
		}
		got = append(got, l.Role)
	}
	want := []flow.Role{flow.RoleProxyApp, flow.RoleClientProxy, flow.RoleProxyApp, flow.RoleDirect, flow.RoleDirect}
	if !slices.Equal(got, want) {
		t.Errorf("roles %v, want %v", got, want)
	}
	if !f.meshed || !f.apps[80] || f.apps[81] {
		t.Errorf("the pod is %s, want meshed, and 80 the only port of the application", f)
	}
}

// Links between legs that were never in doubt say nothing new of the pod.
func TestSettleCertain(t *testing.T) {
	down, up := legAt(80, flow.RoleClientProxy, nil), legAt(80, flow.RoleProxyServer, nil)
	f := &PodFacts{apps: ports()}
	rosterWith(f, "istio").Settle([]*graph.Leg{down, up}, []*graph.Link{{From: down, To: up}})
	if got := f.String(); got != "" || down.Role != flow.RoleClientProxy || up.Role != flow.RoleProxyServer {
		t.Errorf("the pod is %q, its legs %s and %s; want nothing new", got, down.Role, up.Role)
	}
}

// What a leg shows, its counterpart behind a proxy would show too.
func TestTells(t *testing.T) {
	for _, tt := range []struct {
		name        string
		protocol    flow.Protocol
		sent, heard int64
		exchanges   int
		want        bool
	}{
		{"bytes of the client", flow.ProtocolTCP, 1, 0, 0, true},
		{"bytes of the server", flow.ProtocolTCP, 0, 1, 0, true},
		{"nothing", flow.ProtocolTCP, 0, 0, 0, false},
		{"nothing that can be read", flow.ProtocolTLS, 1, 1, 0, false},
		{"HTTP/2 without an exchange", flow.ProtocolHTTP2, 1, 1, 0, false},
		{"HTTP/2 with one", flow.ProtocolHTTP2, 0, 0, 1, true},
	} {
		l := legAt(80, flow.RoleProxyServer, nil)
		l.Protocol, l.OrigBytes, l.ReplyBytes, l.Exchanges = tt.protocol, tt.sent, tt.heard, make([]graph.Exchange, tt.exchanges)
		if got := tells(l); got != tt.want {
			t.Errorf("%s: tells %v, want %v", tt.name, got, tt.want)
		}
	}
}

// A call may be for the application only while that had one open, up to how far
// two interfaces' clocks are apart.
func TestServesApp(t *testing.T) {
	const slack = index.Causality
	call := legAt(80, flow.RoleAppProxy, func(l *graph.Leg) { l.Start, l.End = 1_000_000, 2_000_000 })
	passing := legAt(80, flow.RoleDirect, func(l *graph.Leg) { l.Start, l.End = 0, 9_000_000 })
	for _, tt := range []struct {
		name  string
		pod   string
		start int64
		want  bool
	}{
		{"too early", "p", 1_000_000 - slack - 1, false},
		{"as early as clocks allow", "p", 1_000_000 - slack, true},
		{"as late as clocks allow", "p", 2_000_000 + slack, true},
		{"too late", "p", 2_000_000 + slack + 1, false},
		{"in another pod", "q", 1_500_000, false},
	} {
		l := legAt(80, flow.RoleProxyServer, func(l *graph.Leg) { l.Start = capture.Time(tt.start) })
		if got := servesApp([]*graph.Leg{passing, l, call}, l, tt.pod); got != tt.want {
			t.Errorf("%s: serves the application %v, want %v", tt.name, got, tt.want)
		}
	}
}

// The proxy's log tells which connection it accepted and which it dialled for it,
// where structure leaves that open.
func TestBelieve(t *testing.T) {
	loopback := func(l *graph.Leg) { l.Conn.Loopback = true }
	at := func(role flow.Role, change func(*graph.Leg)) *graph.Leg { return legAt(80, role, change) }
	for _, tt := range []struct {
		name     string
		down, up *graph.Leg
		want     []flow.Role
		forwards bool
	}{
		{"accepted and dialled on the wire", at(flow.RoleUnknown, nil), at(flow.RoleUnknown, nil), []flow.Role{flow.RoleClientProxy, flow.RoleProxyServer}, true},
		{"dialled the application", at(flow.RoleDirect, nil), at(flow.RoleDirect, loopback), []flow.Role{flow.RoleClientProxy, flow.RoleProxyApp}, false},
		{"accepted the application's call", at(flow.RoleDirect, loopback), at(flow.RoleDirect, nil), []flow.Role{flow.RoleAppProxy, flow.RoleProxyServer}, false},
		{"as structure says", at(flow.RoleAppProxy, nil), at(flow.RoleProxyApp, nil), []flow.Role{flow.RoleAppProxy, flow.RoleProxyApp}, false},
		{"between proxies", at(flow.RoleProxyProxy, nil), at(flow.RoleProxyProxy, nil), []flow.Role{flow.RoleProxyProxy, flow.RoleProxyProxy}, false},
		{"a server's leg was accepted", at(flow.RoleProxyServer, nil), at(flow.RoleProxyServer, nil), []flow.Role{flow.RoleClientProxy, flow.RoleProxyServer}, true},
		{"a client's leg was dialled", at(flow.RoleClientProxy, nil), at(flow.RoleClientProxy, nil), []flow.Role{flow.RoleClientProxy, flow.RoleProxyServer}, true},
		{"which was accepted is not known", nil, at(flow.RoleUnknown, nil), []flow.Role{flow.RoleUnknown}, false},
		{"which was dialled is not known", at(flow.RoleUnknown, nil), nil, []flow.Role{flow.RoleUnknown}, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f := new(PodFacts)
			rosterWith(f, "istio").Believe(&graph.Ledger{Lines: []*graph.NamedLine{{Line: &recorded.Line{Pod: "p"}, Down: tt.down, Up: tt.up}}})
			var got []flow.Role
			for _, l := range []*graph.Leg{tt.down, tt.up} {
				if l != nil {
					got = append(got, l.View("p"))
				}
			}
			if !slices.Equal(got, tt.want) || f.forwards != tt.forwards {
				t.Errorf("roles %v, forwards %v; want %v, %v", got, f.forwards, tt.want, tt.forwards)
			}
		})
	}
}

// A line given for no pod is of the proxy whose pod saw both connections. Where it leads to
// another pod, that one's view of it stays.
func TestBelieveOfNoPod(t *testing.T) {
	d, u := legAt(80, flow.RoleDirect, nil), legAt(80, flow.RoleDirect, nil)
	u.Views = append(u.Views, graph.View{Pod: "q", Role: flow.RoleClientProxy})
	rosterWith(new(PodFacts), "istio").Believe(&graph.Ledger{Lines: []*graph.NamedLine{{Line: new(recorded.Line), Down: d, Up: u}}})
	if d.View("p") != flow.RoleClientProxy || u.View("p") != flow.RoleProxyServer || u.View("q") != flow.RoleClientProxy {
		t.Errorf("accepted %s, dialled %s, in the other pod %s", d.View("p"), u.View("p"), u.View("q"))
	}
}

// A line that names one leg twice says nothing of it, nor does one of another pod.
func TestBelieveNothing(t *testing.T) {
	same := legAt(80, flow.RoleUnknown, nil)
	a, b := legAt(80, flow.RoleUnknown, nil), legAt(80, flow.RoleUnknown, nil)
	f := new(PodFacts)
	rosterWith(f, "istio").Believe(&graph.Ledger{Lines: []*graph.NamedLine{
		{Line: &recorded.Line{Pod: "p"}, Down: same, Up: same},
		{Line: &recorded.Line{Pod: "q"}, Down: a, Up: b},
	}})
	if same.View("p") != flow.RoleUnknown || a.View("p") != flow.RoleUnknown || b.View("p") != flow.RoleUnknown || f.forwards {
		t.Errorf("roles %s, %s, %s, forwards %v; want none", same.View("p"), a.View("p"), b.View("p"), f.forwards)
	}
}
