package decide

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/pcapmesh/pcapmesh/capture/tcpip"
	"github.com/pcapmesh/pcapmesh/internal/test/pcap"
	"github.com/pcapmesh/pcapmesh/mesh/flow"
	"github.com/pcapmesh/pcapmesh/mesh/internal/decide/conn"
	"github.com/pcapmesh/pcapmesh/mesh/internal/decide/graph"
	"github.com/pcapmesh/pcapmesh/mesh/internal/index"
	"github.com/pcapmesh/pcapmesh/mesh/internal/recorded"
	"github.com/pcapmesh/pcapmesh/mesh/internal/testindex"
	"github.com/pcapmesh/pcapmesh/mesh/record"
)

// entry is conntrack's entry of what src dialled and answerer answered.
func entry(src, dst, answerer string) *recorded.Entry {
	e := new(recorded.Entry)
	e.Orig, e.Reply = tuple(src, dst), tuple(answerer, src)
	return e
}

// entries finds entries by all their tuples.
func entries(es ...*recorded.Entry) *recorded.Entries {
	b := &recorded.Entries{Entries: es, Views: make(map[tcpip.Tuple][]recorded.View)}
	for _, e := range es {
		for _, t := range []tcpip.Tuple{e.Orig, e.Orig.Reverse(), e.Reply, e.Reply.Reverse()} {
			b.Views[t] = append(b.Views[t], recorded.View{E: e})
		}
	}
	return b
}

// A conntrack entry contradicts a connection with which it shares a direction, if
// it is of that time, says something else, and is of no other connection.
func TestEntryConflicts(t *testing.T) {
	const other = "10.9.9.9:80"
	call := func(tr *pcap.Trace) { // one that was redirected
		c := on(tr, "lo", out, vip).Redirect(proxy)
		c.Handshake()
		c.Send("hello")
		c.Reply("hi")
	}
	again := func(tr *pcap.Trace) { call(tr); call(tr) }
	const shows = out + " dialled " + vip + " and " + proxy + " answered"
	for _, tt := range []struct {
		name string
		play func(tr *pcap.Trace)
		es   []*recorded.Entry
		set  func(e *recorded.Entry, legs []*graph.Leg)
		want []string
	}{
		{"it fits", call, []*recorded.Entry{entry(out, vip, proxy)}, nil, nil},
		{"another answered", call, []*recorded.Entry{entry(out, vip, other)}, nil, []string{"0: " + out + " dialled " + vip + " and " + other + " answered | " + shows}},
		{"another was dialled", call, []*recorded.Entry{entry(out, other, proxy)}, nil, []string{"0: " + out + " dialled " + other + " and " + proxy + " answered | " + shows}},
		{"it rewrites nothing", call, []*recorded.Entry{entry(out, vip, vip)}, nil, []string{"0: " + out + " dialled " + vip + " | " + shows}},
		{"it shares nothing", call, []*recorded.Entry{entry(out, other, other)}, nil, nil},
		{"each its own", call, []*recorded.Entry{entry(out, vip, other), entry(out, other, proxy)}, nil, []string{
			"0: " + out + " dialled " + other + " and " + proxy + " answered | " + shows, "0: " + out + " dialled " + vip + " and " + other + " answered | " + shows}},
		{"it fits another connection", call, []*recorded.Entry{entry(out, vip, other)}, func(e *recorded.Entry, _ []*graph.Leg) { e.Fits = true }, nil},
		{"it was gone before", call, []*recorded.Entry{entry(out, vip, other)}, func(e *recorded.Entry, _ []*graph.Leg) { e.To.Time = 1 }, nil},
		{"only asked", call, []*recorded.Entry{entry(out, vip, other)}, func(_ *recorded.Entry, legs []*graph.Leg) { legs[0].Conn.Reply = 0 }, nil},
		{"only answered", call, []*recorded.Entry{entry(out, vip, other)}, func(_ *recorded.Entry, legs []*graph.Leg) { legs[0].Conn.Orig = 0 }, nil},
		{"two connections", again, []*recorded.Entry{entry(out, vip, other)}, nil, []string{"0: " + out + " dialled " + vip + " and " + other + " answered | " + shows}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tr := new(pcap.Trace)
			tt.play(tr)
			x := testindex.Of(tr).Read(t).Index
			legs := graph.Legs(x, conn.Bind(x, entries(tt.es...)))
			if tt.set != nil {
				tt.set(tt.es[0], legs)
			}
			got := entryConflicts(x, entries(tt.es...), []record.Info{{File: record.File{Name: "f"}}}, legs)
			var texts []string
			for _, k := range got {
				texts = append(texts, fmt.Sprintf("%d: %s | %s", k.Leg, k.Says, k.Packets))
				if k.Source.Kind != record.Conntrack || k.Source.File != "f" || len(k.Shown) != 2 || k.Shown[0] == k.Shown[1] {
					t.Errorf("conflict %+v, want the file, and a packet of each half", k)
				}
			}
			if !slices.Equal(texts, tt.want) {
				t.Errorf("conflicts %q, want %q", texts, tt.want)
			}
		})
	}
}

// ruleText is a set of rules that redirect all that the application dials, with
// more of them for what is left out and what comes in.
func ruleText(outward, inward string) string {
	return "*nat\n:PREROUTING ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n:ISTIO_INBOUND - [0:0]\n:ISTIO_OUTPUT - [0:0]\n-A PREROUTING -p tcp -j ISTIO_INBOUND\n-A OUTPUT -p tcp -j ISTIO_OUTPUT\n" +
		outward + "-A ISTIO_OUTPUT -p tcp -j REDIRECT --to-ports 15001\n" + inward + "COMMIT\n"
}

// What rules say is held against what connections show, of the pod that they are
// of: where redirects lead, and what is not redirected.
func TestRuleConflicts(t *testing.T) {
	half := func(id int, role flow.Role, dst, answerer string) *graph.Leg {
		l := bareLeg(id, "p", role, out, dst)
		l.Reply, l.Conn.HalfFlow = tuple(answerer, out), true
		return l
	}
	dialled := func(src string) *graph.Leg { return bareLeg(5, "p", flow.RoleProxyApp, src, app) }
	served := bareLeg(7, "p", flow.RoleClientProxy, client, app)
	passing := ruleText("", "-A ISTIO_INBOUND -p tcp --dport 8080 -j RETURN\n-A ISTIO_INBOUND -p tcp -j REDIRECT --to-ports 15006\n")
	plain, leaving := ruleText("", ""), ruleText("-A ISTIO_OUTPUT -p tcp --dport 80 -j RETURN\n", "")
	sure := []flow.Join{{From: 7, To: 8, Ambiguous: true}, {From: 7, To: 5}, {From: 7, To: 9, Ambiguous: true}}
	for _, tt := range []struct {
		name  string
		text  string
		set   func(i *recorded.Rules)
		legs  []*graph.Leg
		joins []flow.Join
		want  []string
	}{
		{"as the rules say", plain, nil, []*graph.Leg{half(1, flow.RoleAppProxy, vip, proxy)}, nil, nil},
		{"redirected elsewhere", plain, nil, []*graph.Leg{half(1, flow.RoleAppProxy, vip, "127.0.0.1:25001")}, nil, []string{"1: connections are redirected to port 15001 | those of the application are answered at port 25001"}},
		{"answered by no listener of the pod", plain, nil, []*graph.Leg{half(1, flow.RoleAppProxy, vip, server)}, nil, nil},
		{"not redirected", plain, nil, []*graph.Leg{bareLeg(1, "p", flow.RoleDirect, "127.0.0.1:1", "127.0.0.1:25001")}, nil, nil},
		{"rules that redirect nothing outbound", plain, func(i *recorded.Rules) { i.OutboundPorts = nil }, []*graph.Leg{half(1, flow.RoleAppProxy, vip, "127.0.0.1:25001")}, nil, nil},
		{"to one of several ports", plain, func(i *recorded.Rules) { i.OutboundPorts = []uint16{15001, 15002} }, []*graph.Leg{half(1, flow.RoleAppProxy, vip, "127.0.0.1:15002")}, nil, nil},
		{"another pod's", plain, func(i *recorded.Rules) { i.Pod = "q" }, []*graph.Leg{half(1, flow.RoleAppProxy, vip, "127.0.0.1:25001")}, nil, nil},
		{"any pod's", plain, func(i *recorded.Rules) { i.Pod = "" }, []*graph.Leg{half(1, flow.RoleAppProxy, vip, "127.0.0.1:25001")}, nil, []string{"1: connections are redirected to port 15001 | those of the application are answered at port 25001"}},

		{"the proxy dials what passes", passing, nil, []*graph.Leg{dialled(inside)}, nil, []string{"5: connections to port 8080 are not redirected | the proxy dials " + app}},
		{"what does not pass", plain, nil, []*graph.Leg{dialled(inside)}, nil, nil},
		{"another port", passing, nil, []*graph.Leg{bareLeg(5, "p", flow.RoleProxyApp, inside, podAddr+":8081")}, nil, nil},
		{"not from its own address", passing, nil, []*graph.Leg{dialled(client)}, nil, nil},
		{"what the agent dials", passing, nil, []*graph.Leg{bareLeg(5, "p", flow.RoleControl, inside, app)}, nil, nil},

		{"the proxy serves what passes", passing, nil, []*graph.Leg{served}, sure, []string{"7: connections to port 8080 are not redirected | the proxy serves them"}},
		{"perhaps", passing, nil, []*graph.Leg{served}, []flow.Join{{From: 7, To: 8, Ambiguous: true}}, nil},
		{"another", passing, nil, []*graph.Leg{served}, []flow.Join{{From: 8, To: 7}}, nil},
		{"what does not pass is served", plain, nil, []*graph.Leg{served}, sure, nil},
		{"a leg of another role", passing, nil, []*graph.Leg{bareLeg(7, "p", flow.RoleDirect, client, app)}, sure, nil},

		{"what is left out was answered", leaving, nil, []*graph.Leg{half(1, flow.RoleAppProxy, vip, proxy)}, nil, []string{"1: connections to " + vip + " are not redirected | " + proxy + " answered them"}},
		{"by another role", leaving, nil, []*graph.Leg{half(1, flow.RoleControl, vip, proxy)}, nil, nil},
		{"though it was not redirected", leaving, nil, []*graph.Leg{bareLeg(1, "p", flow.RoleAppProxy, out, vip)}, nil, nil},

		{"each only once", plain, nil, []*graph.Leg{half(1, flow.RoleAppProxy, vip, "127.0.0.1:25001"), half(2, flow.RoleAppProxy, server, "127.0.0.1:25001"), half(3, flow.RoleAppProxy, vip, "127.0.0.1:25002")}, nil, []string{
			"1: connections are redirected to port 15001 | those of the application are answered at port 25001", "3: connections are redirected to port 15001 | those of the application are answered at port 25002"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := testindex.Of(bothWays(), testindex.Text{Kind: record.Rules, Pod: "p", Text: tt.text}).Read(t)
			i := r.Records.Rules[0]
			if tt.set != nil {
				tt.set(i)
			}
			for n, l := range tt.legs {
				l.Conn.Pair = index.Pair{Orig: index.HalfNo(n + 1)}
			}
			line := 1 + strings.Count(tt.text[:strings.Index(tt.text, "--to-ports 15001")], "\n")
			var texts []string
			for _, k := range ruleConflicts(r.Index, i, r.Records.Files, tt.legs, tt.joins) {
				texts = append(texts, fmt.Sprintf("%d: %s | %s", k.Leg, k.Says, k.Packets))
				if k.Source.Kind != record.Rules || !strings.HasSuffix(k.Source.File, "record0") || k.Source.Line != line || len(k.Shown) != 1 {
					t.Errorf("conflict %+v, want line %d of the rules, and a packet", k, line)
				}
			}
			if !slices.Equal(texts, tt.want) {
				t.Errorf("conflicts %q, want %q", texts, tt.want)
			}
		})
	}
}
