package decide

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/pcapmesh/pcapmesh/internal/test/pcap"
	"github.com/pcapmesh/pcapmesh/mesh/flow"
	"github.com/pcapmesh/pcapmesh/mesh/internal/decide/algebra"
	"github.com/pcapmesh/pcapmesh/mesh/internal/decide/crossing"
	"github.com/pcapmesh/pcapmesh/mesh/internal/decide/graph"
	"github.com/pcapmesh/pcapmesh/mesh/internal/decide/role"
	"github.com/pcapmesh/pcapmesh/mesh/internal/testindex"
	"github.com/pcapmesh/pcapmesh/mesh/profile"
	"github.com/pcapmesh/pcapmesh/mesh/record"
)

// Pods stand in the order in which legs show them.
func TestPodNames(t *testing.T) {
	a, b := bareLeg(0, "b", flow.RoleUnknown, client, app), bareLeg(1, "a", flow.RoleUnknown, client, app)
	a.Views = append(a.Views, graph.View{Pod: "c"})
	b.Views = append(b.Views, graph.View{Pod: "b"})
	if got, want := podNames([]*graph.Leg{a, b}), []string{"b", "c", "a"}; !slices.Equal(got, want) {
		t.Errorf("pods %q, want %q", got, want)
	}
}

// factsOf returns what a world says of its pod.
func factsOf(t *testing.T, tr *pcap.Trace) *role.PodFacts {
	t.Helper()
	in := inputOf(t, testindex.Of(tr))
	return role.Assign(in.Index, in.Records, in.Known, graph.Legs(in.Index, in.Conns), profile.Istio(), nil).Pods[""]
}

// legNumbers lists the numbers of legs.
func legNumbers(legs []*graph.Leg) string {
	var s []string
	for _, l := range legs {
		s = append(s, fmt.Sprint(l.ID))
	}
	return strings.Join(s, " ")
}

// Which legs are on which sides of which crossings: all outbound traffic at one,
// what comes in at one for each port of the application, and probes at theirs.
func TestCrossings(t *testing.T) {
	meshed, gateway, peers := factsOf(t, bothWays()), new(role.PodFacts), &role.PodFacts{Peers: true}
	const cp, pa, pp, ap, ps = flow.RoleClientProxy, flow.RoleProxyApp, flow.RoleProxyProxy, flow.RoleAppProxy, flow.RoleProxyServer
	to := func(r flow.Role, port int) *graph.Leg {
		return bareLeg(0, "p", r, client, fmt.Sprintf("%s:%d", podAddr, port))
	}
	tunnel := to(cp, 15008)
	tunnel.Tunnel = true
	for _, tt := range []struct {
		name string
		f    *role.PodFacts
		legs []*graph.Leg
		want string // legs down > legs up, by crossing; that of outbound traffic first
	}{
		{"none", meshed, nil, "> | >"},
		{"inbound", meshed, []*graph.Leg{to(cp, 80), to(pa, 80)}, "> | 0>1 | >"},
		{"by port", meshed, []*graph.Leg{to(cp, 80), to(cp, 81), to(pa, 81), to(pa, 80)}, "> | 0>3 | 1>2 | >"},
		{"outbound", meshed, []*graph.Leg{to(ap, 80), to(ps, 81), to(ps, 82)}, "0>1 2 | >"},
		{"to the proxy itself", meshed, []*graph.Leg{to(pp, 80), to(ap, 90), to(pa, 80)}, "1>0 | 0>2 | >"},
		{"of the mesh", meshed, []*graph.Leg{to(flow.RoleControl, 15020), to(flow.RoleControl, 15021)}, "> | 0 1>"},
		{"past the proxy", meshed, []*graph.Leg{to(flow.RoleDirect, 80), to(flow.RoleUnknown, 80)}, "> | >"},
		{"another pod's", meshed, []*graph.Leg{bareLeg(0, "q", cp, client, app), to(cp, 80)}, "> | 1> | >"},
		{"a tunnel", meshed, []*graph.Leg{tunnel, to(ap, 80)}, "1> | >"},
		{"a gateway", gateway, []*graph.Leg{to(cp, 80), to(cp, 443), to(ps, 81)}, "0 1>2 | >"},
		{"peers dial one port", peers, []*graph.Leg{to(cp, 4143), to(pa, 80), to(pa, 81)}, "> | 0>1 2 | >"},
		{"peers dial one port, and probes another", peers, []*graph.Leg{to(flow.RoleControl, 4191), to(cp, 4143)}, "> | 0> | 1>"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for i, l := range tt.legs {
				l.ID = i
			}
			var got []string
			for _, c := range crossings(nil, nil, new(graph.Ledger), tt.legs, "p", tt.f) {
				got = append(got, legNumbers(c.Down)+">"+legNumbers(c.Up))
			}
			if s := strings.Join(got, " | "); s != tt.want {
				t.Errorf("crossings %s, want %s", s, tt.want)
			}
		})
	}
}

// readTo decides a world up to before legs are tied.
func readTo(in *Input) *legible { return in.read(in.assign(in.look())) }

// outOf returns the crossing of a pod's outbound traffic, and inTo that of a port.
func outOf(in *Input, l *legible) *crossing.Crossing { return crossingsOf(in, l)[0] }

func crossingsOf(in *Input, l *legible) []*crossing.Crossing {
	return crossings(in.Index, in.Records, l.logs, l.legs, "", l.roster.Pods[""])
}

func inTo(t *testing.T, in *Input, l *legible) *crossing.Crossing {
	t.Helper()
	for _, c := range crossingsOf(in, l)[1:] {
		if len(c.Down) > 0 && len(c.Up) > 0 {
			return c
		}
	}
	t.Fatal("no crossing has legs on both sides")
	return nil
}

// links describes links by the ports of the clients' ends, with the numbers of
// exchanges, and of attempts behind the first.
func links(ls []*graph.Link) string {
	var s []string
	for _, l := range ls {
		text := fmt.Sprintf("%d>%d", l.From.Orig.Src.Port(), l.To.Orig.Src.Port())
		if l.Down != nil {
			text = fmt.Sprintf("%d.%d>%d", l.From.Orig.Src.Port(), l.Down.No, l.To.Orig.Src.Port())
		}
		if l.Up != nil {
			text += fmt.Sprintf(".%d", l.Up.No)
		}
		if l.Attempt > 1 {
			text += fmt.Sprintf(" attempt %d", l.Attempt)
		}
		if l.Ambiguous {
			text += "?"
		}
		s = append(s, text)
	}
	return strings.Join(s, ", ")
}

// Links stand in the order of legs, then of exchanges, then of attempts.
func TestJoinOrder(t *testing.T) {
	tr := new(pcap.Trace)
	ds := []*pcap.Connection{on(tr, "lo", podAddr+":42000", vip).Redirect(proxy), on(tr, "lo", podAddr+":42002", vip).Redirect(proxy)}
	us := []*pcap.Connection{on(tr, "eth0", podAddr+":43000", server), on(tr, "eth0", podAddr+":43002", server)}
	for i, c := range slices.Concat(ds, us) {
		c.ISN(uint32(i+1)*30_000_001, uint32(i+1)*50_000_003).Handshake()
	}
	for i, d := range []int{1, 0, 0, 1} {
		request := get("/", fmt.Sprintf("x-request-id: id-%d", i))
		ds[d].Send(request)
		if i == 2 {
			us[1].Send(request)
			us[1].Reply(fail)
		}
		us[0].Send(request)
		us[0].Reply(ok("x"))
		ds[d].Reply(ok("x"))
	}
	in := inputOf(t, testindex.Of(tr))
	c := outOf(in, readTo(in))
	join(c)
	if got, want := links(c.Links), "42000.0>43000.1, 42000.1>43002.0, 42000.1>43000.2 attempt 2, 42002.0>43000.0, 42002.1>43000.3"; got != want {
		t.Errorf("links %s, want %s", got, want)
	}
}

// Without one of its sides nothing of a crossing is tied.
func TestJoinOneSide(t *testing.T) {
	in := inputOf(t, testindex.Of(bothWays()))
	l := readTo(in)
	for _, side := range []func(c *crossing.Crossing){func(c *crossing.Crossing) { c.Up = nil }, func(c *crossing.Crossing) { c.Down = nil }} {
		c := outOf(in, l)
		side(c)
		join(c)
		if (c.Trust != nil) != (len(c.Down) > 0) || c.Links != nil {
			t.Errorf("%d legs down, %d up: %d links", len(c.Down), len(c.Up), len(c.Links))
		}
	}
	c := outOf(in, l)
	join(c)
	if got := links(c.Links); got != "42000.0>43000.0" || c.Trust == nil {
		t.Errorf("links %s, want one", got)
	}
}

// Of the passes over one crossing each ties what those before it left. One whose
// forerunner is left out ties less, or the wrong.
func TestPassesInOrder(t *testing.T) {
	probe := func(tr *pcap.Trace) {
		d := on(tr, "eth0", client, podAddr+":15020")
		u := on(tr, "lo", inside, app)
		d.Handshake()
		u.Handshake()
		d.Send(get("/app-health/x/livez", "user-agent: kube-probe/1.30"))
		u.Send(get("/", "user-agent: kube-probe/1.30"))
		u.Reply(ok("x"))
		d.Reply(ok("x"))
	}
	retried := func(tr *pcap.Trace) {
		d := on(tr, "lo", out, vip).Redirect(proxy)
		d.Handshake()
		request := get("/", "x-request-id: id-1")
		d.Send(request)
		for i, status := range []string{fail, fail} {
			u := on(tr, "eth0", fmt.Sprintf("%s:%d", podAddr, 43000+2*i), server)
			u.Handshake()
			u.Send(request)
			u.Reply(status)
		}
		d.Reply(fail)
	}
	bytes := func(tr *pcap.Trace) {
		d, u := on(tr, "lo", out, vip).Redirect(proxy), on(tr, "eth0", onward, server).ISN(77, 99)
		d.Handshake()
		u.Handshake()
		pass(d, u, "hello", "you")
	}
	refused := func(tr *pcap.Trace) {
		d := on(tr, "lo", out, vip).Redirect(proxy)
		d.Handshake()
		d.Send(get("/"))
		u := on(tr, "eth0", onward, server)
		u.SYN()
		u.Refuse()
		d.Reply(fail)
	}
	for _, tt := range []struct {
		name    string
		play    func(tr *pcap.Trace)
		of      func(*testing.T, *Input, *legible) *crossing.Crossing
		without func(c *crossing.Crossing) // what comes behind the pass that is left out
		whole   string
		less    string
	}{
		{"probes are tied before all else, by time alone", probe, inTo, func(c *crossing.Crossing) { c.JoinExchanges() }, "40000.0>41000.0", ""},
		{"attempts before one of them is taken for all", retried, outAsIn, func(c *crossing.Crossing) { c.JoinExchanges() }, "42000.0>43000.0, 42000.0>43002.0 attempt 2", "42000.0>43000.0?"},
		{"contents before what merely fits", bytes, outAsIn, func(c *crossing.Crossing) { c.JoinExchanges() }, "42000>43000", ""},
		{"what came to nothing last", refused, outAsIn, func(c *crossing.Crossing) { c.JoinExchanges(); c.JoinUnread() }, "42000.0>43000", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tr := new(pcap.Trace)
			tt.play(tr)
			in := inputOf(t, testindex.Of(tr))
			c := tt.of(t, in, readTo(in))
			join(c)
			if got := links(c.Links); got != tt.whole {
				t.Errorf("links %s, want %s", got, tt.whole)
			}
			c = tt.of(t, in, readTo(in))
			c.Trust = crossing.NewTrust(c)
			tt.without(c)
			if got := links(c.Links); got != tt.less {
				t.Errorf("links %s where a pass is left out, want %s", got, tt.less)
			}
		})
	}
}

// logLine is a line of the proxy's log, of a request for a target from an end, sent
// on from another, and of what was answered.
func logLine(target, content, from, to, local, host string) string {
	return fmt.Sprintf(`{"start_time":"2026-01-02T03:04:05.000Z","duration":1,"method":"GET","path":%q,"protocol":"HTTP/1.1","response_code":200,"response_flags":"-","bytes_received":0,"bytes_sent":%d,`+
		`"downstream_remote_address":%q,"downstream_local_address":%q,"upstream_local_address":%q,"upstream_host":%q,"upstream_cluster":"outbound|80||svc.ns.svc.cluster.local"}`+"\n", target, len(content), from, to, local, host)
}

// alike lets two clients ask the same at the same time, over connections crossed.
func alike() *pcap.Trace {
	tr := new(pcap.Trace)
	var ds, us []*pcap.Connection
	for i := range 2 {
		ds = append(ds, on(tr, "lo", fmt.Sprintf("%s:%d", podAddr, 42000+2*i), vip).Redirect(proxy))
		us = append(us, on(tr, "eth0", fmt.Sprintf("%s:%d", podAddr, 43000+2*i), server))
	}
	for _, c := range slices.Concat(ds, us) {
		c.Handshake()
	}
	for _, step := range []func(i int){func(i int) { ds[i].Send(get("/")) }, func(i int) { us[1-i].Send(get("/")) }, func(i int) { us[1-i].Reply(ok("out")) }, func(i int) { ds[i].Reply(ok("out")) }} {
		step(0)
		step(1)
	}
	return tr
}

// A log names both ends, and does so before contents are asked, which leave them in
// doubt.
func TestLogBeforeContents(t *testing.T) {
	lines := logLine("/", "out", out, vip, podAddr+":43002", server) + logLine("/", "out", podAddr+":42002", vip, podAddr+":43000", server)
	in := inputOf(t, testindex.Of(alike(), testindex.Text{Kind: record.AccessLog, Text: lines}))
	c := outOf(in, readTo(in))
	join(c)
	if got, want := links(c.Links), "42000.0>43002.0, 42002.0>43000.0"; got != want {
		t.Errorf("links %s, want %s", got, want)
	}
	c = outOf(in, readTo(in))
	c.Trust = crossing.NewTrust(c)
	c.JoinExchanges()
	if got, want := links(c.Links), "42000.0>43002.0?, 42002.0>43000.0?"; got != want {
		t.Errorf("links %s without the log, want %s", got, want)
	}
}

// That a whole file is not believed is said before what its lines say.
func TestConflictsOfLogs(t *testing.T) {
	tr := new(pcap.Trace)
	lines := ""
	for i := range 4 {
		d, u := on(tr, "lo", fmt.Sprintf("%s:%d", podAddr, 42000+2*i), vip).Redirect(proxy), on(tr, "eth0", fmt.Sprintf("%s:%d", podAddr, 43000+2*i), server)
		d.Handshake()
		u.Handshake()
		pass(d, u, get("/", fmt.Sprintf("x-request-id: id-%d", i)), ok("out"))
		lines += logLine("/", "out", fmt.Sprintf("%s:%d", podAddr, 42000+2*i), vip, fmt.Sprintf("%s:%d", podAddr, 43000+2*(3-i)), server)
	}
	in := inputOf(t, testindex.Of(tr, testindex.Text{Kind: record.AccessLog, Text: lines}))
	l := readTo(in)
	found, conflicts := linkLegs(in.Index, l.legs, l.roster, l.logs)
	var got []int
	for _, k := range conflicts {
		got = append(got, k.Leg)
	}
	if want := []int{-1, 0, 2, 4, 6}; !slices.Equal(got, want) {
		t.Errorf("conflicts about legs %v, want %v", got, want)
	}
	if got, want := links(found), "42000.0>43000.0, 42002.0>43002.0, 42004.0>43004.0, 42006.0>43006.0"; got != want {
		t.Errorf("links %s, want %s: packets count", got, want)
	}
}

// sealed lets clients ask the application over TLS, of which only lengths show.
func sealed() *pcap.Trace {
	tr := new(pcap.Trace)
	for i := range 3 {
		d := on(tr, "eth0", fmt.Sprintf("192.0.2.1:%d", 40000+2*i), app)
		d.Handshake()
		over := d.TLS(pcap.TLSConfig{Mutual: true})
		u := on(tr, "lo", fmt.Sprintf("127.0.0.6:%d", 41000+2*i), app)
		u.Handshake()
		for k := range 8 {
			request, response := get("/"+strings.Repeat("a", 31*i+k*k)), ok(strings.Repeat("b", 300+97*i+13*k*k))
			over.Send(len(request))
			u.Send(request)
			u.Reply(response)
			over.Reply(len(response))
		}
	}
	return tr
}

// Exchanges that turns tied are exchanges like others only once they are revealed,
// so that they are counted behind that.
func TestHiddenAreRevealed(t *testing.T) {
	in := inputOf(t, testindex.Of(sealed()))
	l := readTo(in)
	c := inTo(t, in, l)
	counts := func() (n []int) {
		graph.CountExchanges(l.legs)
		for _, d := range c.Down {
			n = append(n, d.ExchangeCount)
		}
		return n
	}
	if got := counts(); !slices.Equal(got, []int{0, 0, 0}) {
		t.Errorf("%v exchanges before legs are tied, want none", got)
	}
	c.Trust = crossing.NewTrust(c)
	algebra.JoinTurns(c)
	if got := counts(); len(c.Links) != 24 || !slices.Equal(got, []int{0, 0, 0}) {
		t.Errorf("%d links of %v exchanges before these are revealed, want 24 of none", len(c.Links), got)
	}
	algebra.RevealHidden(c)
	if got := counts(); !slices.Equal(got, []int{8, 8, 8}) {
		t.Errorf("%v exchanges, want 8 of each leg", got)
	}
}

// outAsIn is outOf for tables.
func outAsIn(_ *testing.T, in *Input, l *legible) *crossing.Crossing { return outOf(in, l) }
