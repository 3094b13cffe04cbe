package graph

import (
	"encoding/binary"
	"fmt"
	"slices"
	"testing"

	"github.com/pcapmesh/pcapmesh/internal/test/pcap"
	"github.com/pcapmesh/pcapmesh/mesh/flow"
	"github.com/pcapmesh/pcapmesh/mesh/internal/decide/conn"
	"github.com/pcapmesh/pcapmesh/mesh/internal/index"
	"github.com/pcapmesh/pcapmesh/mesh/internal/index/scan"
	"github.com/pcapmesh/pcapmesh/mesh/internal/testindex"
)

// What can be read, and what may go on at once.
func TestSpeaks(t *testing.T) {
	tls := func(alpn ...string) func(*Leg) {
		return func(l *Leg) { l.Protocol, l.TLS.ALPN = flow.ProtocolTLS, alpn }
	}
	for _, tt := range []struct {
		name                        string
		set                         func(*Leg)
		readable, multiplexed, http bool
	}{
		{"bytes", func(l *Leg) { l.Protocol = flow.ProtocolTCP }, true, false, false},
		{"HTTP/1", func(l *Leg) { l.Protocol = flow.ProtocolHTTP1 }, true, false, false},
		{"HTTP/2", func(l *Leg) { l.Protocol = flow.ProtocolHTTP2 }, true, true, true},
		{"TLS", tls(), false, false, false},
		{"TLS with HTTP/2", tls("h2", "http/1.1"), false, false, true},
		{"TLS between sidecars with HTTP/2", tls("istio-h2"), false, false, true},
		{"TLS that prefers HTTP/1", tls("http/1.1", "h2"), false, false, false},
		{"names are of TLS", func(l *Leg) { l.Protocol, l.TLS.ALPN = flow.ProtocolHTTP1, []string{"h2"} }, true, false, false},
		{"a tunnel", func(l *Leg) { l.Protocol, l.Tunnel = flow.ProtocolHBONE, true }, false, false, false},
		{"an opened tunnel", func(l *Leg) { l.Protocol, l.Tunnel, l.Opened = flow.ProtocolHBONE, true, true }, true, true, true},
	} {
		l := bare()
		tt.set(l)
		if l.Readable() != tt.readable || l.Multiplexed() != tt.multiplexed || l.SpeaksHTTP2() != tt.http {
			t.Errorf("%s: readable %v, multiplexed %v, HTTP/2 %v; want %v, %v, %v", tt.name, l.Readable(), l.Multiplexed(), l.SpeaksHTTP2(), tt.readable, tt.multiplexed, tt.http)
		}
	}
}

// Nothing but HTTP/2 can be spoken where the client offers nothing else, but for Istio's
// word for its mesh.
func TestOnlyHTTP2(t *testing.T) {
	for _, tt := range []struct {
		offered []string
		want    bool
	}{
		{[]string{"istio-h2", "istio", "h2"}, true}, {[]string{"h2"}, true}, {[]string{"h2", "http/1.1"}, false},
		{[]string{"istio-http/1.1", "istio", "http/1.1"}, false}, {nil, false},
	} {
		l := bare()
		if l.Protocol, l.TLS.ALPN = flow.ProtocolTLS, tt.offered; l.OnlyHTTP2() != tt.want {
			t.Errorf("%v: only HTTP/2 %v", tt.offered, !tt.want)
		}
		if l.Protocol = flow.ProtocolHTTP1; l.OnlyHTTP2() {
			t.Errorf("%v: what can be read is HTTP/1.1", tt.offered)
		}
	}
}

// Proxies of Istio say in ALPN that they carry the bytes of one connection, and that they
// are such proxies: all other TLS is the application's own.
func TestCarriesBytes(t *testing.T) {
	for _, tt := range []struct {
		offered      []string
		carries, own bool
	}{
		{[]string{"istio-peer-exchange", "istio"}, true, false},
		{[]string{"istio-peer-exchange"}, true, false},
		{[]string{"istio"}, false, false},
		{[]string{"istio-peer-exchange", "istio", "h2"}, false, false},
		{[]string{"istio-http/1.1", "istio-peer-exchange"}, false, false},
		{[]string{"istio-h2", "istio", "h2"}, false, false},
		{[]string{"h2", "http/1.1"}, false, true},
		{nil, false, true},
	} {
		l := bare()
		l.Protocol, l.TLS.ALPN = flow.ProtocolTLS, tt.offered
		if l.CarriesBytes() != tt.carries || l.OwnTLS() != tt.own {
			t.Errorf("%v: carries bytes %v, own %v", tt.offered, l.CarriesBytes(), l.OwnTLS())
		}
		if l.Protocol = flow.ProtocolTCP; l.OwnTLS() {
			t.Errorf("%v: what is no TLS is no TLS of its own", tt.offered)
		}
	}
}

// The role over all pods: between proxies if one sends and another receives.
func TestOverall(t *testing.T) {
	const cp, ps, pa, un = flow.RoleClientProxy, flow.RoleProxyServer, flow.RoleProxyApp, flow.RoleUnknown
	for _, tt := range []struct {
		name  string
		views []View
		want  flow.Role
	}{
		{"one", []View{{Role: cp}}, cp},
		{"one sends, one receives", []View{{Role: ps}, {Role: cp}}, flow.RoleProxyProxy},
		{"one receives, one sends", []View{{Role: cp}, {Role: ps}}, flow.RoleProxyProxy},
		{"both receive", []View{{Role: cp}, {Role: cp}}, cp},
		{"the first that knows", []View{{Role: un}, {Role: pa}, {Role: cp}}, pa},
		{"the first of others", []View{{Role: pa}, {Role: ps}}, pa},
		{"the first of others, then sends", []View{{Role: cp}, {Role: pa}}, cp},
		{"none knows", []View{{Role: un}, {Role: un}}, un},
		{"what only passes by", []View{{Role: ps}, {Role: cp, Bare: true}}, ps},
		{"what only passes by, first", []View{{Role: cp, Bare: true}, {Role: ps}}, ps},
		{"nothing but that", []View{{Role: ps, Bare: true}, {Role: cp, Bare: true}}, flow.RoleProxyProxy},
	} {
		l := bare()
		l.Views = tt.views
		if got := l.Overall(); got != tt.want {
			t.Errorf("%s: %s, want %s", tt.name, got, tt.want)
		}
		if len(l.Views) != len(tt.views) || l.View("") != tt.views[0].Role {
			t.Errorf("%s: views became %v", tt.name, l.Views)
		}
	}
}

// A role is corrected in one pod, or in all, unless it fits already and is sure.
func TestRecast(t *testing.T) {
	const cp, ps = flow.RoleClientProxy, flow.RoleProxyServer
	for _, tt := range []struct {
		name string
		pod  string
		view View
		want View
	}{
		{"it does not fit", "p", View{Pod: "p", Role: ps}, View{Pod: "p", Role: cp}},
		{"another pod", "q", View{Pod: "p", Role: ps}, View{Pod: "p", Role: ps}},
		{"one that fits", "p", View{Pod: "p", Role: flow.RoleAppProxy}, View{Pod: "p", Role: flow.RoleAppProxy}},
		{"one that fits, but tentative", "p", View{Pod: "p", Role: flow.RoleAppProxy, Tentative: true}, View{Pod: "p", Role: cp}},
	} {
		l := bare()
		l.Views = []View{tt.view}
		l.Recast(tt.pod, cp, cp, flow.RoleAppProxy)
		if l.Views[0] != tt.want || l.Role != tt.want.Role {
			t.Errorf("%s: %+v, role %s; want %+v", tt.name, l.Views[0], l.Role, tt.want)
		}
	}
	l := bare()
	l.Views = []View{{Pod: "p", Role: ps}}
	if got := l.View("q"); got != flow.RoleUnknown {
		t.Errorf("in a pod that does not show it the role is %s", got)
	}
}

// The fullest observation is used, of equals the first.
func TestChoose(t *testing.T) {
	for _, tt := range []struct {
		name  string
		set   func(x *index.Index, cs []*conn.Conn)
		want  int
		first []int // the others, in order
	}{
		{"equals", func(x *index.Index, cs []*conn.Conn) {}, 0, []int{1, 2}},
		{"more bytes", func(x *index.Index, cs []*conn.Conn) { x.Half(cs[1].Orig).Bytes++ }, 1, []int{0, 2}},
		{"fewer missing", func(x *index.Index, cs []*conn.Conn) {
			x.Half(cs[0].Reply).Missing = 1
			x.Half(cs[1].Reply).Missing = 2
		}, 2, []int{1, 0}},
		{"the most of two", func(x *index.Index, cs []*conn.Conn) { x.Half(cs[1].Orig).Bytes++; x.Half(cs[2].Orig).Bytes += 2 }, 2, []int{1, 0}},
		{"the first of two", func(x *index.Index, cs []*conn.Conn) { x.Half(cs[1].Orig).Bytes++; x.Half(cs[2].Orig).Bytes++ }, 1, []int{0, 2}},
		{"both halves of one", func(x *index.Index, cs []*conn.Conn) {
			for _, c := range cs {
				x.Half(c.Reply).Bytes = 0
			}
			cs[0].Reply = 0
		}, 1, []int{0, 2}},
		{"both halves of one, that asked nothing", func(x *index.Index, cs []*conn.Conn) {
			for _, c := range cs {
				x.Half(c.Orig).Bytes = 0
			}
			cs[0].Orig, cs[1].Orig = 0, 0
		}, 2, []int{1, 0}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := new(testindex.World)
			for _, p := range []string{"a", "b", "c"} {
				w.Pods = append(w.Pods, testindex.Pod{Name: p, Trace: traceOf("eth0", client, app, func(c *pcap.Connection) { c.Send("hello"); c.Reply("hi") })})
			}
			x, cs := bound(t, w)
			tt.set(x, cs)
			l := &Leg{Conn: cs[0], others: []*conn.Conn{cs[1], cs[2]}}
			l.choose(x)
			if l.Conn != cs[tt.want] || l.others[0] != cs[tt.first[0]] || l.others[1] != cs[tt.first[1]] {
				t.Errorf("observation %d is used, then %d and %d; want %d, %v", slices.Index(cs, l.Conn), slices.Index(cs, l.others[0]), slices.Index(cs, l.others[1]), tt.want, tt.first)
			}
		})
	}
}

// What is told of a leg follows from its halves.
func TestDescribe(t *testing.T) {
	tr := traceOf("lo", pod, vip, func(c *pcap.Connection) { c.Redirect("127.0.0.1:15001") })
	c := testindex.On(tr, "lo", "10.244.1.10:40002", vip).ISN(7, 9).Redirect("127.0.0.1:15001")
	c.Handshake()
	c.Send("hello")
	c.Send("hello")
	c.Reply("hi")
	c.SendAt(20, "end")
	c.Close()
	_, legs := legsOf(t, testindex.Of(tr))
	l := legs[len(legs)-1]
	got := fmt.Sprintf("%s | %s | %s | %v | %d/%d/%d, %d/%d/%d | %s | %v %v | %v | %s", l.Orig, l.Reply, l.Interface, l.Captured,
		l.OrigPackets, l.OrigBytes, l.OrigMissing, l.ReplyPackets, l.ReplyBytes, l.ReplyMissing, l.ClosedBy, l.Midstream, l.Inferred, l.Inputs, l.Protocol)
	want := "10.244.1.10:40002 > 10.96.10.1:80 | 127.0.0.1:15001 > 10.244.1.10:40002 | lo | [10.244.1.10:40002 > 127.0.0.1:15001 10.96.10.1:80 > 10.244.1.10:40002] | 7/13/10, 3/2/0 | orig | false false | [0] | tcp"
	if got != want {
		t.Errorf("leg\n%s, want\n%s", got, want)
	}
	if l.ID != len(legs)-1 || len(Plain(legs)) != len(legs) || Plain(legs)[l.ID] != l.Leg {
		t.Errorf("leg %d of %d is not where its number says", l.ID, len(legs))
	}
}

// A leg seen twice names both inputs, and each tuple once; stray halves show too.
func TestObserve(t *testing.T) {
	w := &testindex.World{Pods: []testindex.Pod{{Name: "a", Trace: traceOf("eth0", client, app, nil)}, {Name: "b", Trace: traceOf("eth0", client, app, nil)}}}
	x, cs := bound(t, w)
	rename(x, cs[1], "", "10.9.9.9:80")
	other, more := bound(t, testindex.Of(traceOf("eth0", client, vip, nil)))
	x.Half(cs[1].Orig).First.Input, x.Half(cs[1].Reply).First.Input = 0, 1
	x.Half(cs[0].Orig).First.Input, x.Half(cs[0].Reply).First.Input = 2, 2
	*x.Half(cs[1].Reply) = *other.Half(more[0].Reply) // as a stray shows its tuple
	x.Half(cs[1].Reply).First.Input = 5
	cs[0].Strays = []conn.Stray{{Half: cs[1].Reply}}
	l := &Leg{Leg: new(flow.Leg), Conn: cs[0]}
	l.describe(x)
	if got, want := fmt.Sprint(l.Inputs, l.Captured), "[2 5] [192.0.2.1:40000 > 10.244.1.10:8080 10.244.1.10:8080 > 192.0.2.1:40000 10.96.10.1:80 > 192.0.2.1:40000]"; got != want {
		t.Errorf("inputs and tuples %s, want %s", got, want)
	}
}

// cooked makes a capture of Ethernet packets one of all interfaces, which has
// another header before them (LINKTYPE_LINUX_SLL).
func cooked(tr *pcap.Trace) []byte {
	const file, record, ethernet, sll = 24, 16, 14, 16
	in := tr.PCAP()
	out := slices.Clone(in[:file])
	binary.LittleEndian.PutUint32(out[20:], 113)
	for in = in[file:]; len(in) > 0; {
		n := int(binary.LittleEndian.Uint32(in[8:]))
		head := slices.Clone(in[:record])
		binary.LittleEndian.PutUint32(head[8:], uint32(n-ethernet+sll))
		binary.LittleEndian.PutUint32(head[12:], uint32(n-ethernet+sll))
		out = append(out, head...)
		out = append(out, 0, 0, 0, 1, 0, 6, 1, 2, 3, 4, 5, 6, 0, 0, 8, 0)
		out = append(out, in[record+ethernet:record+n]...)
		in = in[record+n:]
	}
	return out
}

// The interface captured alone names a leg's, not what "any" shows.
func TestWhere(t *testing.T) {
	tr := func() *pcap.Trace { return traceOf("eth0", client, app, nil) }
	for _, tt := range []struct {
		name string
		pods []testindex.Pod
		want string
	}{
		{"all, then one", []testindex.Pod{{Name: "a", File: cooked(tr())}, {Name: "a", Trace: tr()}}, "a eth0"},
		{"one, then all", []testindex.Pod{{Name: "a", Trace: tr()}, {Name: "a", File: cooked(tr())}}, "a eth0"},
		{"all, then one of another pod", []testindex.Pod{{Name: "a", File: cooked(tr())}, {Name: "b", Trace: tr()}}, "a eth"},
		{"all, then one of this pod and of another", []testindex.Pod{{Name: "a", File: cooked(tr())}, {Name: "a", Trace: tr()}, {Name: "b", Trace: tr()}}, "a eth0"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, legs := legsOf(t, &testindex.World{Pods: tt.pods})
			if len(legs) != 1 {
				t.Fatalf("%d legs, want one", len(legs))
			}
			if got := legs[0].Pod + " " + legs[0].Interface; got != tt.want {
				t.Errorf("seen at %q, want %q", got, tt.want)
			}
		})
	}
}

// What either half speaks is what the connection speaks; only ports tell DNS.
func TestProtocolOf(t *testing.T) {
	for _, tt := range []struct {
		a, b scan.Proto
		port string
		want flow.Protocol
	}{
		{scan.ProtoTCP, scan.ProtoTCP, "80", flow.ProtocolTCP},
		{scan.ProtoTCP, scan.ProtoTCP, "53", flow.ProtocolDNS},
		{scan.ProtoRequests, scan.ProtoTCP, "53", flow.ProtocolHTTP1},
		{scan.ProtoTCP, scan.ProtoResponses, "80", flow.ProtocolHTTP1},
		{scan.ProtoH2Requests, scan.ProtoResponses, "80", flow.ProtocolHTTP2},
		{scan.ProtoRequests, scan.ProtoH2Responses, "80", flow.ProtocolHTTP2},
		{scan.ProtoTLS, scan.ProtoH2Responses, "80", flow.ProtocolTLS},
		{scan.ProtoTCP, scan.ProtoTLS, "80", flow.ProtocolTLS},
	} {
		x, cs := bound(t, testindex.Of(traceOf("eth0", client, "10.244.1.10:"+tt.port, func(c *pcap.Connection) { c.Send("a"); c.Reply("b") })))
		x.Content(cs[0].Orig).Proto, x.Content(cs[0].Reply).Proto = tt.a, tt.b
		if got := protocolOf(x, cs[0]); got != tt.want {
			t.Errorf("halves %d and %d at port %s: %s, want %s", tt.a, tt.b, tt.port, got, tt.want)
		}
	}
}

// Exchanges are counted, of a tunnel its streams.
func TestCountExchanges(t *testing.T) {
	a, b := bare(), bare()
	a.Exchanges, b.Streams = make([]Exchange, 2), make([]Exchange, 3)
	CountExchanges([]*Leg{a, b})
	if a.ExchangeCount != 2 || b.ExchangeCount != 3 {
		t.Errorf("%d and %d exchanges, want 2 and 3", a.ExchangeCount, b.ExchangeCount)
	}
}

// A message's range is never negative, and a leg that is not decrypted carries it
// as it is.
func TestRangeOf(t *testing.T) {
	for _, tt := range []struct {
		m    *scan.Message
		want [2]int64
	}{{nil, [2]int64{}}, {&scan.Message{Start: 5, End: 9}, [2]int64{5, 9}}, {&scan.Message{Start: 5, End: 3}, [2]int64{5, 5}}} {
		if got := RangeOf(tt.m); got != tt.want {
			t.Errorf("range %v, want %v", got, tt.want)
		}
		if got := bare().Wire(0, RangeOf(tt.m)); got != tt.want {
			t.Errorf("range %v on the wire, want %v", got, tt.want)
		}
	}
}

// One half that was decrypted is enough for the leg to be.
func TestDecryptedHalf(t *testing.T) {
	for dir := range 2 {
		x, cs := bound(t, testindex.Of(traceOf("eth0", client, app, func(c *pcap.Connection) { c.Send("a"); c.Reply("b") })))
		h := []index.HalfNo{cs[0].Orig, cs[0].Reply}[dir]
		x.Plain = map[index.HalfNo]*index.Plaintext{h: {Len: 9}}
		x.Content(h).Unknown = true
		l := &Leg{Leg: new(flow.Leg), Conn: cs[0]}
		l.describe(x)
		if got := []int64{l.Sent(), l.Received()}[dir]; !l.Decrypted || !l.LostHeaders || got != 9 {
			t.Errorf("half %d: decrypted %v, lost headers %v, %d bytes; want true, true, 9", dir, l.Decrypted, l.LostHeaders, got)
		}
	}
}
