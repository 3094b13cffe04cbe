package role

import (
	"fmt"
	"testing"

	"github.com/pcapmesh/pcapmesh/mesh/cluster"
	"github.com/pcapmesh/pcapmesh/mesh/flow"
	"github.com/pcapmesh/pcapmesh/mesh/internal/decide/graph"
	"github.com/pcapmesh/pcapmesh/mesh/internal/recorded"
	"github.com/pcapmesh/pcapmesh/mesh/internal/testindex"
	"github.com/pcapmesh/pcapmesh/mesh/profile"
	"github.com/pcapmesh/pcapmesh/mesh/record"
)

// listing is a line of conntrack's table.
func listing(src, sport, dst, dport, answered, mark string) string {
	return fmt.Sprintf("tcp 6 119 TIME_WAIT src=%s dst=%s sport=%s dport=%s src=%s dst=%s sport=%s dport=%s [ASSURED] mark=%s use=1\n", src, dst, sport, dport, dst, src, answered, sport, mark)
}

const takesAll = "*nat\n:PREROUTING ACCEPT [0:0]\n:ISTIO_PRERT - [0:0]\n-A PREROUTING -j ISTIO_PRERT\n-A ISTIO_PRERT ! -d 127.0.0.1/32 -p tcp -m tcp ! --dport 15008 -m mark ! --mark 0x539/0xfff -j REDIRECT --to-ports 15006\nCOMMIT\n"

// A connection into the pod at a port at which the proxy dialled nobody passed by it, unless
// a record says that the proxy took it, or ztunnel takes all.
func TestTaken(t *testing.T) {
	const denied = "2026-01-02T03:04:05.000000Z\terror\taccess\tconnection complete\tsrc.addr=192.0.2.1:40000 dst.addr=10.244.1.10:9001 direction=\"inbound\" bytes_sent=0 bytes_recv=0 duration=\"0ms\" error=\"connection closed due to policy rejection: explicitly denied by: demo/no\"\n"
	for _, tt := range []struct {
		name  string
		mesh  string
		texts []testindex.Text
		more  []dialled
		want  flow.Role
	}{
		{"nothing tells", "istio", nil, nil, flow.RoleDirect},
		{"ztunnel logged it", "istio", []testindex.Text{{Kind: record.AccessLog, Text: denied}}, nil, flow.RoleClientProxy},
		{"conntrack has it redirected", "istio", []testindex.Text{{Kind: record.Conntrack, Text: listing("192.0.2.1", "40000", pod, "9001", "15006", "0")}}, nil, flow.RoleClientProxy},
		{"conntrack has it as it is", "istio", []testindex.Text{{Kind: record.Conntrack, Text: listing("192.0.2.1", "40000", pod, "9001", "9001", "0")}}, nil, flow.RoleDirect},
		{"rules take all", "istio-ambient", []testindex.Text{{Kind: record.Rules, Text: takesAll}}, nil, flow.RoleClientProxy},
		{"a tunnel into an ambient pod", "istio-ambient", nil, []dialled{{"eth0", peer, pod + ":15008", "", ""}}, flow.RoleClientProxy},
		{"a tunnel into another pod", "istio", nil, []dialled{{"eth0", peer, pod + ":15008", "", ""}}, flow.RoleDirect},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := testindex.Of(play(append([]dialled{{"lo", "127.0.0.6:1", app, "", ""}, {"eth0", client, pod + ":9001", "", ""}, {"lo", "127.0.0.6:2", app, "", ""}}, tt.more...)), tt.texts...)
			r, legs := legsOf(t, w)
			for _, l := range legs {
				l.Tunnel = l.Orig.Dst.Port() == 15008
			}
			ro := Assign(r.Index, r.Records, new(cluster.Known), legs, profile.Named(tt.mesh), nil)
			ro.Believe(graph.NewLedger(undated(r.Records.Lines), legs))
			ro.Settle(legs, nil)
			if got := legs[1].Role; got != tt.want {
				t.Errorf("it is %s, want %s", got, tt.want)
			}
		})
	}
}

// undated leaves lines without a time, so that they are of whatever was captured.
func undated(lines []*recorded.Line) []*recorded.Line {
	for _, l := range lines {
		l.Start = 0
	}
	return lines
}

// Conntrack's mark tells what ztunnel dialled from the pod's own address from what the
// application did; and so does a tunnel out of which it came.
func TestMarked(t *testing.T) {
	own := dialled{"lo", out, app, "", ""}
	mark := func(m string) []testindex.Text {
		return []testindex.Text{{Kind: record.Conntrack, Text: listing(pod, "40000", pod, "8080", "8080", m)}}
	}
	for _, tt := range []struct {
		name   string
		d      dialled
		texts  []testindex.Text
		linked bool
		want   flow.Role
		kept   bool
	}{
		{"not known", own, nil, false, flow.RoleDirect, false},
		{"marked", own, mark("273"), false, flow.RoleProxyApp, true},
		{"with other bits", own, mark("4369"), false, flow.RoleProxyApp, true},
		{"not marked", own, mark("0"), false, flow.RoleDirect, false},
		{"with another mark", own, mark("1337"), false, flow.RoleDirect, false},
		{"on the wire", dialled{"eth0", out, peer, "", ""}, []testindex.Text{{Kind: record.Conntrack, Text: listing(pod, "40000", "10.244.9.9", "8080", "8080", "273")}}, false, flow.RoleProxyServer, false},
		{"out of a tunnel", own, nil, true, flow.RoleProxyApp, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := testindex.Of(play([]dialled{tt.d, {"lo", pod + ":41000", vip, proxy, ""}}), tt.texts...)
			r, legs := legsOf(t, w)
			ro := Assign(r.Index, r.Records, new(cluster.Known), legs, profile.Named("istio-ambient"), nil)
			var links []*graph.Link
			if tt.linked {
				tunnel := legAt(15008, flow.RoleProxyProxy, nil)
				tunnel.Tunnel = true
				links = []*graph.Link{{From: tunnel, To: legs[0]}, {From: tunnel, To: legs[1], Ambiguous: true}}
			}
			ro.Settle(legs, links)
			if got := legs[0].Role; got != tt.want || legs[0].Kept != tt.kept || legs[1].Role != flow.RoleAppProxy {
				t.Errorf("it is %s, from its client's address %v, the other %s; want %s, %v", got, legs[0].Kept, legs[1].Role, tt.want, tt.kept)
			}
		})
	}
}
