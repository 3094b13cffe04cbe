package role

import (
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/pcapmesh/pcapmesh/capture/tcpip"
	"github.com/pcapmesh/pcapmesh/mesh/flow"
	"github.com/pcapmesh/pcapmesh/mesh/internal/decide/conn"
	"github.com/pcapmesh/pcapmesh/mesh/internal/decide/graph"
	"github.com/pcapmesh/pcapmesh/mesh/internal/testindex"
	"github.com/pcapmesh/pcapmesh/mesh/profile"
	"github.com/pcapmesh/pcapmesh/mesh/record"
)

// ss is a listing of sockets; each is "LOCAL REMOTE PROCESS PID".
func ss(pod string, sockets ...string) testindex.Text {
	var b strings.Builder
	for _, s := range sockets {
		var local, remote, name string
		var pid int
		fmt.Sscan(s, &local, &remote, &name, &pid)
		fmt.Fprintf(&b, "ESTAB 0 0 %s %s users:((\"%s\",pid=%d,fd=3))\n", local, remote, name, pid)
	}
	return testindex.Text{Kind: record.Sockets, Pod: pod, Text: b.String()}
}

// selfCall is conntrack's entry of a call that the pod makes to itself, which the
// proxy accepts.
const selfCall = "tcp 6 431999 ESTABLISHED src=10.244.1.10 dst=10.244.1.10 sport=40000 dport=8080 src=127.0.0.1 dst=10.244.1.10 sport=15006 dport=40000 [ASSURED] mark=0 use=1\n"

// nameOf names a process.
func nameOf(p *record.Process) string {
	if p == nil {
		return "-"
	}
	return p.Name
}

// Whose socket an end is: as packets show it, or at the proxy's listener behind a
// redirect that they do not show.
func TestNameProcesses(t *testing.T) {
	conntrack := testindex.Text{Kind: record.Conntrack, Text: selfCall}
	for _, tt := range []struct {
		name  string
		d     dialled
		texts []testindex.Text
		want  string // who has the ends
		told  []int  // lines of the first list of sockets
	}{
		{"nobody", dialled{"eth0", client, app, "", ""}, []testindex.Text{ss("", "10.244.1.10:9 10.0.0.1:9 other 1")}, "- -", nil},
		{"both ends", dialled{"lo", out, app, "", ""}, []testindex.Text{ss("", out+" "+app+" curl 1", app+" "+out+" server 2")}, "curl server", []int{1, 2}},
		{"the redirected end", dialled{"lo", out, vip, proxy, ""}, []testindex.Text{ss("", out+" "+vip+" curl 1", proxy+" "+out+" envoy 2")}, "curl envoy", []int{1, 2}},
		{"the end that was dialled", dialled{"lo", out, vip, "127.0.0.1:15099", ""}, []testindex.Text{ss("", vip+" "+out+" envoy 2")}, "- envoy", []int{1}},
		{"packets come before that", dialled{"lo", out, vip, proxy, ""}, []testindex.Text{ss("", vip+" "+out+" other 1", proxy+" "+out+" envoy 2")}, "- envoy", []int{2}},
		{"the end that conntrack knows", dialled{"lo", out, app, accepts, "reply"}, []testindex.Text{ss("", accepts+" "+out+" envoy 2"), conntrack}, "- envoy", []int{1}},
		{"the proxy's inbound listener", dialled{"eth0", client, app, "", ""}, []testindex.Text{ss("", pod+":15006 "+client+" envoy 2")}, "- envoy", []int{1}},
		{"no listener of the proxy's", dialled{"eth0", client, app, "", ""}, []testindex.Text{ss("", pod+":15007 "+client+" envoy 2")}, "- -", nil},
		{"another pod's list", dialled{"eth0", client, app, "", ""}, []testindex.Text{ss("x", app+" "+client+" server 2")}, "- -", nil},
		{"a socket without process is looked at", dialled{"eth0", client, app, "", ""}, []testindex.Text{
			{Kind: record.Sockets, Text: "ESTAB 0 0 " + app + " " + client + "\nESTAB 0 0 " + pod + ":15006 " + client + " users:((\"envoy\",pid=2,fd=3))\n"},
		}, "- envoy", []int{1, 2}},
		{"the first list counts", dialled{"lo", out, app, "", ""}, []testindex.Text{ss("", out+" "+app+" curl 1"), ss("", out+" "+app+" wget 1", app+" "+out+" server 2")}, "curl server", []int{1}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r, legs := legsOf(t, testindex.Of(play([]dialled{tt.d}), tt.texts...))
			told := NameProcesses(r.Index, r.Records, legs, profile.Istio())
			if got := nameOf(legs[0].OrigProcess) + " " + nameOf(legs[0].ReplyProcess); got != tt.want {
				t.Errorf("ends of %q, want %q", got, tt.want)
			}
			if got := slices.Sorted(maps.Keys(told[r.Records.Sockets[0]])); !slices.Equal(got, tt.told) {
				t.Errorf("told by lines %v, want %v", got, tt.told)
			}
		})
	}
}

// A leg that two pods show has an end in each.
func TestNameProcessesOfTwoPods(t *testing.T) {
	d := []dialled{{"eth0", out, peer, "", ""}}
	w := &testindex.World{
		Pods:  []testindex.Pod{{Name: "a", Trace: play(d)}, {Name: "b", Trace: play(d)}},
		Texts: []testindex.Text{ss("a", out+" "+peer+" envoy 1"), ss("b", peer+" "+out+" server 2", out+" "+peer+" other 3")},
	}
	r, legs := legsOf(t, w)
	told := NameProcesses(r.Index, r.Records, legs, profile.Istio())
	if got, want := nameOf(legs[0].OrigProcess)+" "+nameOf(legs[0].ReplyProcess), "envoy server"; len(legs) != 1 || got != want {
		t.Errorf("%d legs, ends of %q, want one leg and %q", len(legs), got, want)
	}
	if a, b := told[r.Records.Sockets[0]], told[r.Records.Sockets[1]]; len(a) != 1 || len(b) != 2 {
		t.Errorf("told by %d and %d lines, want 1 and 2", len(a), len(b))
	}
}

// processLeg is a leg of pod "p" between two ends that processes have open.
func processLeg(orig string, from, to *record.Process, c *conn.Conn) *graph.Leg {
	c.Pod = "p"
	l := &graph.Leg{Leg: &flow.Leg{OrigProcess: from, ReplyProcess: to}, Conn: c}
	l.Orig = tcpip.Tuple{Src: netip.MustParseAddrPort(orig), Dst: netip.MustParseAddrPort(vip)}
	return l
}

// Who accepted what was redirected, or dials from 127.0.0.6, is the proxy; so is
// who is called or runs as it. Once one process of it is known, others are the
// application.
func TestDiallers(t *testing.T) {
	process := func(name string, pid int, uid int64) *record.Process {
		return &record.Process{Name: name, PID: pid, UID: uid}
	}
	accepted := processLeg(out, process("curl", 7, -1), process("x", 5, -1), &conn.Conn{HalfFlow: true})
	bound := processLeg("127.0.0.6:1", process("x", 5, -1), process("server", 8, -1), new(conn.Conn))
	plain := processLeg(out, process("x", 5, -1), process("x", 5, -1), new(conn.Conn))
	nobody := processLeg(out, nil, process("", 0, 1337), &conn.Conn{HalfFlow: true})
	for _, tt := range []struct {
		name      string
		legs      []*graph.Leg
		by        *record.Process
		orig, pod string
		want      dialler
	}{
		{"not known", []*graph.Leg{accepted}, nil, out, "p", diallerUnknown},
		{"accepted a redirect", []*graph.Leg{accepted}, process("x", 5, -1), out, "p", dialledByProxy},
		{"dialled from 127.0.0.6", []*graph.Leg{bound}, process("x", 5, -1), out, "p", dialledByProxy},
		{"dialled what was redirected", []*graph.Leg{accepted}, process("curl", 7, -1), out, "p", dialledByApp},
		{"was dialled from 127.0.0.6", []*graph.Leg{bound}, process("server", 8, -1), out, "p", dialledByApp},
		{"dialled and accepted, as anybody may", []*graph.Leg{plain}, process("x", 5, -1), out, "p", diallerUnknown},
		{"the same number in another pod", []*graph.Leg{accepted}, process("x", 5, -1), out, "q", diallerUnknown},
		{"another process of a pod of which the proxy is not known", nil, process("curl", 9, -1), out, "p", diallerUnknown},
		{"called as a proxy is", nil, process("envoy", 9, -1), out, "p", dialledByProxy},
		{"runs as the proxy's user", nil, process("", 0, 1337), out, "p", dialledByProxy},
		{"runs as another", []*graph.Leg{accepted}, process("", 0, 1000), out, "p", diallerUnknown},
		{"runs as the proxy's user, but its process is known", []*graph.Leg{accepted}, process("y", 9, 1337), out, "p", dialledByApp},
		{"a user accepted a redirect: processes tell, users do not", []*graph.Leg{nobody}, process("y", 9, -1), out, "p", diallerUnknown},
		{"loopback of its own pod", []*graph.Leg{accepted}, process("x", 5, -1), "127.0.0.1:1", "p", dialledByProxy},
		{"loopback of another pod", []*graph.Leg{accepted}, process("envoy", 5, -1), "127.0.0.1:1", "q", diallerUnknown},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := newProxies(tt.legs, profile.Istio())
			if got := p.dialled(processLeg(tt.orig, tt.by, nil, new(conn.Conn)), tt.pod); got != tt.want {
				t.Errorf("dialled by %d, want %d", got, tt.want)
			}
		})
	}
}

// A connection whose redirect only conntrack knows was accepted by the proxy too.
func TestDiallersByConntrack(t *testing.T) {
	texts := []testindex.Text{
		ss("", accepts+" "+out+" x 5", out+" "+app+" curl 7"),
		{Kind: record.Conntrack, Text: selfCall},
	}
	r, legs := legsOf(t, testindex.Of(play([]dialled{{"lo", out, app, accepts, "reply"}}), texts...))
	NameProcesses(r.Index, r.Records, legs, profile.Istio())
	p := newProxies(legs, profile.Istio())
	if !p.known[proxyKey{pid: 5}] || len(p.known) != 1 {
		t.Errorf("proxies %v, want process 5", p.known)
	}
}
