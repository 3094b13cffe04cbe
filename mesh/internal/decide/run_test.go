package decide

import (
	"fmt"
	"strings"
	"testing"

	"github.com/pcapmesh/pcapmesh/internal/test/pcap"
	"github.com/pcapmesh/pcapmesh/mesh/internal/decide/dns"
	"github.com/pcapmesh/pcapmesh/mesh/internal/decide/graph"
	"github.com/pcapmesh/pcapmesh/mesh/internal/decide/role"
	"github.com/pcapmesh/pcapmesh/mesh/internal/testindex"
	"github.com/pcapmesh/pcapmesh/mesh/names"
	"github.com/pcapmesh/pcapmesh/mesh/profile"
	"github.com/pcapmesh/pcapmesh/mesh/record"
)

// legList describes legs: "client-proxy 40000 1", by role, client's port and number
// of exchanges.
func legList(legs []*graph.Leg) string {
	var s []string
	for _, l := range legs {
		s = append(s, fmt.Sprintf("%s %d %d", l.Role, l.Orig.Src.Port(), l.ExchangeCount))
	}
	return strings.Join(s, ", ")
}

// joinList describes joins by the ports of the clients' ends.
func joinList(f *Result) string {
	var s []string
	for _, j := range f.Joins {
		text := fmt.Sprintf("%d>%d", f.Legs[j.From].Orig.Src.Port(), f.Legs[j.To].Orig.Src.Port())
		if j.Ambiguous {
			text += "?"
		}
		s = append(s, text)
	}
	return strings.Join(s, ", ")
}

// pathList describes paths by their legs.
func pathList(f *Result) string {
	var s []string
	for _, p := range f.Paths {
		s = append(s, fmt.Sprintf("%s %v", p.Direction, p.Legs))
	}
	return strings.Join(s, ", ")
}

// A pod whose application is asked, and asks, has two paths; asked again, the same.
func TestRun(t *testing.T) {
	in := inputOf(t, testindex.Of(bothWays()))
	for range 2 {
		f := Run(in)
		if got, want := legList(f.Legs), "client-proxy 40000 1, proxy-app 41000 1, app-proxy 42000 1, proxy-server 43000 1"; got != want {
			t.Errorf("legs %s, want %s", got, want)
		}
		if got, want := joinList(f), "40000>41000, 42000>43000"; got != want {
			t.Errorf("joins %s, want %s", got, want)
		}
		if got, want := pathList(f), "inbound [0 1], outbound [2 3]"; got != want {
			t.Errorf("paths %s, want %s", got, want)
		}
		if f.Profile.Name != "istio" || len(f.Conflicts) != 0 || len(f.Records) != 0 {
			t.Errorf("mesh %s, %d conflicts, %d records", f.Profile.Name, len(f.Conflicts), len(f.Records))
		}
		for _, n := range f.Names {
			if n.Name != "app" || n.Source != names.FromHost {
				t.Errorf("%s is called %s by source %d, want app, as requests say", n.Addr, n.Name, n.Source)
			}
		}
		if len(f.Names) != 3 {
			t.Errorf("names %v, want those of the pod, the service and the server", f.Names)
		}
	}
}

// A mesh that is given is not recognised.
func TestRunWithProfile(t *testing.T) {
	in := inputOf(t, testindex.Of(bothWays()))
	in.Profile = profile.Named("kuma")
	if got := Run(in).Profile; got != in.Profile {
		t.Errorf("mesh %s, want what was given", got.Name)
	}
}

// ss is a listing of one socket.
func ss(local, remote, name string, pid int) string {
	return fmt.Sprintf("ESTAB 0 0 %s %s users:((%q,pid=%d,fd=3))\n", local, remote, name, pid)
}

// A stage is left out of a run if its precondition is missing: what comes out is
// worse, or nothing. Each row says what of a result shows it.
func TestStagesNeedEachOther(t *testing.T) {
	within := func() *testindex.World { // the application calls itself where clients call it, too
		tr := bothWays()
		down := on(tr, "lo", "127.0.0.1:44000", "127.0.0.1:8888")
		down.Handshake()
		pass(down, on(tr, "eth0", "192.0.2.9:1", podAddr+":8888"), get("/"), ok("x"))
		return testindex.Of(tr, testindex.Text{Kind: record.Sockets, Text: ss("127.0.0.1:44000", "127.0.0.1:8888", "curl", 7) + ss(proxy, out, "envoy", 1)})
	}
	past := func() *testindex.World { // the application dials past the redirect, too, while it has a call open
		tr := bothWays()
		for _, c := range []*pcap.Connection{on(tr, "lo", podAddr+":44000", vip).Redirect(proxy), on(tr, "eth0", podAddr+":44002", "203.0.113.9:443")} {
			c.Handshake()
			c.TLS(pcap.TLSConfig{})
		}
		return testindex.Of(tr, testindex.Text{Kind: record.Sockets, Text: ss(podAddr+":44002", "203.0.113.9:443", "curl", 7) + ss(proxy, out, "envoy", 1)})
	}
	lookups := func() *testindex.World { // an agent answers what the application asks of a name server
		tr := bothWays()
		for _, c := range []*pcap.Connection{on(tr, "lo", podAddr+":45000", "10.96.0.10:53").Redirect("127.0.0.1:15053"), on(tr, "eth0", podAddr+":45002", "10.96.0.10:53")} {
			c.Handshake()
			c.Send("hello")
		}
		return testindex.Of(tr)
	}
	linkerd := func() *testindex.World { // its agents listen elsewhere
		tr := new(pcap.Trace)
		for _, c := range []*pcap.Connection{on(tr, "lo", out, vip).Redirect("127.0.0.1:4140"), on(tr, "eth0", client, podAddr+":4191")} {
			c.Handshake()
			c.Send("hello")
		}
		return testindex.Of(tr)
	}
	gateway := func() *testindex.World { // only a log tells that what comes in goes out
		tr := bothWays()
		down, up := on(tr, "eth0", "192.0.2.7:46000", podAddr+":9090"), on(tr, "eth0", podAddr+":46002", server)
		down.Handshake()
		up.Handshake()
		pass(down, up, get("/g"), ok("out"))
		return testindex.Of(tr, testindex.Text{Kind: record.AccessLog, Text: logLine("/g", "out", "192.0.2.7:46000", podAddr+":9090", podAddr+":46002", server)})
	}
	tunnels := func() *testindex.World { // two calls go over one tunnel, by turns
		tr := new(pcap.Trace)
		tunnel := on(tr, "eth0", podAddr+":47000", "10.244.9.9:15008")
		tunnel.Handshake()
		over := tunnel.TLS(pcap.TLSConfig{ALPN: []string{"h2"}})
		var calls []*pcap.Connection
		for i := range 2 {
			c := on(tr, "lo", fmt.Sprintf("%s:%d", podAddr, 47002+2*i), vip).Redirect(proxy)
			c.Handshake()
			calls = append(calls, c)
		}
		for i := range 24 {
			c, n := calls[i%2], 100+i*i
			c.Send(strings.Repeat("a", n))
			over.Send(n + 9)
			over.Reply(n + 59)
			c.Reply(strings.Repeat("b", n+50))
		}
		return testindex.Of(tr)
	}
	plain := func() *testindex.World { return testindex.Of(bothWays()) }
	role1 := func(from string) func(*testing.T, *Result) string {
		return func(t *testing.T, f *Result) string { return legFrom(t, f.Legs, from).Role.String() }
	}
	joins := func(_ *testing.T, f *Result) string { return joinList(f) }
	for _, tt := range []struct {
		name    string
		world   func() *testindex.World
		shows   func(t *testing.T, f *Result) string
		without func(in *Input) *Result
		whole   string
		worse   string
	}{
		{"roles need processes", past, role1(podAddr + ":44002"), func(in *Input) *Result {
			s := in.look()
			a := &assigned{s, role.Assign(in.Index, in.Records, in.Known, s.legs, s.mesh, dns.Captured(in.Index, s.lookups, s.legs)), nil}
			return in.tell(in.settle(in.tie(in.read(a))))
		}, "direct", "proxy-server"},
		{"roles need to know whose agents answer", lookups, role1(podAddr + ":45002"), func(in *Input) *Result {
			s := in.look()
			told := role.NameProcesses(in.Index, in.Records, s.legs, s.mesh)
			return in.tell(in.settle(in.tie(in.read(&assigned{s, role.Assign(in.Index, in.Records, in.Known, s.legs, s.mesh, nil), told}))))
		}, "control", "proxy-server"},
		{"roles need the mesh", linkerd, role1(client), func(in *Input) *Result {
			in.Profile = profile.Istio()
			return Run(in)
		}, "control", "client-proxy"},
		{"the log corrects roles before legs are tied", gateway, joins, func(in *Input) *Result {
			a := in.assign(in.look())
			logs := graph.NewLedger(in.Records.Lines, a.legs)
			graph.FindExchanges(in.Index, a.legs)
			return in.tell(in.settle(in.tie(&legible{a, logs})))
		}, "40000>41000, 42000>43000, 46000>46002", "40000>41000, 42000>43000"},
		{"links need to know tunnels", tunnels, joins, func(in *Input) *Result {
			a := in.assign(in.look())
			logs := graph.NewLedger(in.Records.Lines, a.legs)
			graph.FindExchanges(in.Index, a.legs)
			return in.tell(in.settle(in.tie(&legible{a, logs})))
		}, "47002>47000, 47004>47000", ""},
		{"links need exchanges", plain, func(_ *testing.T, f *Result) string { return fmt.Sprint(len(f.Paths[0].Exchanges), " exchanges") }, func(in *Input) *Result {
			a := in.assign(in.look())
			return in.tell(in.settle(in.tie(&legible{a, graph.NewLedger(in.Records.Lines, a.legs)})))
		}, "1 exchanges", "0 exchanges"},
		{"what is settled needs links", plain, role1(onward), func(in *Input) *Result {
			return in.tell(in.settle(&tied{in.read(in.assign(in.look())), nil, nil}))
		}, "proxy-server", "direct"},
		{"what is told needs roles that are settled", within, role1("192.0.2.9:1"), func(in *Input) *Result {
			return in.tell(&settled{in.tie(in.read(in.assign(in.look())))})
		}, "direct", "client-proxy"},
		{"exchanges are counted when legs are settled", plain, func(_ *testing.T, f *Result) string { return legList(f.Legs[:1]) }, func(in *Input) *Result {
			return in.tell(&settled{in.tie(in.read(in.assign(in.look())))})
		}, "client-proxy 40000 1", "client-proxy 40000 0"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := tt.shows(t, Run(inputOf(t, tt.world()))); got != tt.whole {
				t.Errorf("a whole run shows %s, want %s", got, tt.whole)
			}
			if got := tt.shows(t, tt.without(inputOf(t, tt.world()))); got != tt.worse {
				t.Errorf("without its precondition it shows %s, want %s", got, tt.worse)
			}
		})
	}
}
