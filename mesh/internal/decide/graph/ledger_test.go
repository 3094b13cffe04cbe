package graph

import (
	"fmt"
	"net/netip"
	"slices"
	"testing"

	"github.com/pcapmesh/pcapmesh/capture"
	"github.com/pcapmesh/pcapmesh/capture/tcpip"
	"github.com/pcapmesh/pcapmesh/mesh/flow"
	"github.com/pcapmesh/pcapmesh/mesh/internal/decide/conn"
	"github.com/pcapmesh/pcapmesh/mesh/internal/index"
	"github.com/pcapmesh/pcapmesh/mesh/internal/recorded"
	"github.com/pcapmesh/pcapmesh/mesh/internal/testindex"
	"github.com/pcapmesh/pcapmesh/mesh/record"
)

// logged is a line of a log that took a second, moved to begin at a time.
func logged(t *testing.T, begin int64) *recorded.Line {
	t.Helper()
	text := `{"start_time":"2026-01-02T03:04:05.000Z","duration":1000,"method":"GET","path":"/","protocol":"HTTP/1.1","response_code":200,"response_flags":"-","bytes_received":0,"bytes_sent":0,` +
		`"downstream_remote_address":"` + client + `","downstream_local_address":"` + app + `","upstream_local_address":"127.0.0.6:41000","upstream_host":"` + app + `"}` + "\n"
	lines := testindex.Of(traceOf("eth0", client, app, nil), testindex.Text{Kind: record.AccessLog, Text: text}).Read(t).Records.Lines
	if len(lines) != 1 {
		t.Fatalf("%d lines of the log, want one", len(lines))
	}
	lines[0].Start, lines[0].Resolution = begin, 0
	return lines[0]
}

// ledgerLeg is a leg between two ends, with its role in the pod "p".
func ledgerLeg(src, dst string, role flow.Role) *Leg {
	l := bare()
	l.Orig = tcpip.Tuple{Src: netip.MustParseAddrPort(src), Dst: netip.MustParseAddrPort(dst)}
	l.Reply = l.Orig.Reverse()
	l.Conn.Pair = index.Pair{Orig: 1, Reply: 2}
	l.Views = []View{{Pod: "p", Role: role}}
	l.Start, l.End = 1000, 2000
	return l
}

// A line was written of what was there, up to how late a proxy may be and how
// exact its times are.
func TestDuring(t *testing.T) {
	const second, slack = int64(1e9), recorded.LogSlack
	line := logged(t, 1)
	leg := ledgerLeg(client, app, flow.RoleClientProxy)
	leg.Start, leg.End = capture.Time(100*second), capture.Time(200*second)
	for _, tt := range []struct {
		name              string
		start, resolution int64
		during            bool
		gap               int64
	}{
		{"no time", 0, 0, true, 99 * second},
		{"within", 150 * second, 0, true, 0},
		{"as it ends", 200 * second, 0, true, 0},
		{"as late as may be", 200*second + slack, 0, true, slack},
		{"later", 200*second + slack + 1, 0, false, slack + 1},
		{"until it begins", 99 * second, 0, true, 0},
		{"as early as may be", 99*second - slack, 0, true, slack},
		{"earlier", 99*second - slack - 1, 0, false, slack + 1},
		{"earlier, by a log of whole seconds", 98*second - slack, second, true, second + slack},
		{"still earlier", 98*second - slack - 1, second, false, second + slack + 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			line.Start, line.Resolution = tt.start, tt.resolution
			if got := During(line, leg); got != tt.during {
				t.Errorf("during %v, want %v", got, tt.during)
			}
			if got := gap(line, leg); got != tt.gap {
				t.Errorf("%d off, want %d", got, tt.gap)
			}
		})
	}
}

// A line names the leg from its client and the leg that was dialled for it.
func TestLedger(t *testing.T) {
	const other, later = "192.0.2.2:40000", "10.0.0.1:1"
	down := func(change func(*Leg)) *Leg {
		l := ledgerLeg(client, app, flow.RoleClientProxy)
		if change != nil {
			change(l)
		}
		return l
	}
	up := func(role flow.Role) *Leg { return ledgerLeg("127.0.0.6:41000", app, role) }
	lost := func(change func(*Leg)) *Leg {
		return down(func(l *Leg) {
			l.Orig.Dst, l.Conn.Pair, l.Conn.Loopback = netip.MustParseAddrPort("127.0.0.1:15001"), index.Pair{Orig: 1}, true
			l.Reply = l.Orig.Reverse()
			if change != nil {
				change(l)
			}
		})
	}
	for _, tt := range []struct {
		name   string
		legs   []*Leg
		change func(*recorded.Line)
		want   string // numbers of the legs it names, and whether it says something
	}{
		{"both", []*Leg{down(nil), up(flow.RoleProxyApp)}, nil, "0 1 true"},
		{"neither", []*Leg{ledgerLeg(other, app, flow.RoleClientProxy)}, nil, "-1 -1 false"},
		{"the client's only", []*Leg{down(nil)}, nil, "0 -1 true"},
		{"the server's only", []*Leg{up(flow.RoleProxyApp)}, nil, "-1 0 false"},
		{"the server's, and no client named", []*Leg{up(flow.RoleProxyApp)}, func(l *recorded.Line) { l.DownstreamRemote = netip.AddrPort{} }, "-1 0 true"},
		{"the server's, and a client without port", []*Leg{up(flow.RoleProxyApp)}, func(l *recorded.Line) { l.DownstreamRemote = netip.MustParseAddrPort("192.0.2.1:0") }, "-1 0 true"},
		{"nothing but times", []*Leg{down(nil)}, func(l *recorded.Line) { l.DownstreamRemote, l.UpstreamLocal = netip.AddrPort{}, netip.AddrPort{} }, "-1 -1 false"},
		{"dialled elsewhere", []*Leg{down(func(l *Leg) { l.Orig.Dst = netip.MustParseAddrPort(later) })}, nil, "-1 -1 false"},
		{"dialled elsewhere, and the line does not say where", []*Leg{down(func(l *Leg) { l.Orig.Dst = netip.MustParseAddrPort(later) })}, func(l *recorded.Line) { l.DownstreamLocal = netip.AddrPort{} }, "0 -1 true"},
		{"what was dialled is lost", []*Leg{lost(nil)}, nil, "0 -1 true"},
		{"it is not: both halves were captured", []*Leg{lost(func(l *Leg) { l.Conn.Reply = 2 })}, nil, "-1 -1 false"},
		{"it is not: not on loopback", []*Leg{lost(func(l *Leg) { l.Conn.Loopback = false })}, nil, "-1 -1 false"},
		{"it is not: not redirected there", []*Leg{lost(func(l *Leg) { l.Orig.Dst = netip.MustParseAddrPort(later) })}, nil, "-1 -1 false"},
		{"NAT moved the port", []*Leg{down(func(l *Leg) { l.Orig.Src = netip.MustParseAddrPort("192.0.2.1:7") })}, nil, "0 -1 true"},
		{"another pod's log", []*Leg{down(nil), up(flow.RoleProxyApp)}, func(l *recorded.Line) { l.Pod = "q" }, "-1 -1 false"},
		{"the pod's log", []*Leg{down(nil), up(flow.RoleProxyApp)}, func(l *recorded.Line) { l.Pod = "p" }, "0 1 true"},
		{"roles that do not fit", []*Leg{ledgerLeg(client, app, flow.RoleProxyServer), up(flow.RoleClientProxy)}, nil, "-1 -1 false"},
		{"roles that do not fit, tentatively", []*Leg{down(func(l *Leg) { l.Views[0] = View{Pod: "p", Role: flow.RoleProxyApp, Tentative: true} })}, nil, "0 -1 true"},
		{"the nearest in time", []*Leg{down(func(l *Leg) { l.Start, l.End = 0, 100 }), down(func(l *Leg) { l.Start, l.End = 0, 300 }), down(func(l *Leg) { l.Start, l.End = 0, 200 })}, nil, "1 -1 true"},
		{"of equals the first", []*Leg{down(nil), down(nil)}, nil, "0 -1 true"},
		{"too early", []*Leg{down(func(l *Leg) { l.Start, l.End = -4e9, -3e9 })}, nil, "-1 -1 false"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			line := logged(t, 500)
			if tt.change != nil {
				tt.change(line)
			}
			n := NewLedger([]*recorded.Line{line}, tt.legs).Lines[0]
			if got := fmt.Sprint(slices.Index(tt.legs, n.Down), slices.Index(tt.legs, n.Up), n.Said); got != tt.want {
				t.Errorf("names legs %s, want %s", got, tt.want)
			}
		})
	}
}

// Which roles a proxy may have accepted, and which dialled.
func TestStreams(t *testing.T) {
	const down, up = 1, 2
	for role, want := range map[flow.Role]int{
		flow.RoleUnknown: down | up, flow.RoleDirect: down | up, flow.RoleProxyProxy: down | up,
		flow.RoleClientProxy: down, flow.RoleAppProxy: down, flow.RoleProxyApp: up, flow.RoleProxyServer: up, flow.RoleControl: 0,
	} {
		l, got := ledgerLeg(client, app, role), 0
		if l.downstream("p") {
			got |= down
		}
		if l.upstream("p") {
			got |= up
		}
		if got != want || l.downstream("q") || l.upstream("q") {
			t.Errorf("%s: %d, want %d; of another pod %v, %v", role, got, want, l.downstream("q"), l.upstream("q"))
		}
	}
}

// A line that two files have is entered once.
func TestLedgerTwins(t *testing.T) {
	a, b := logged(t, 500), logged(t, 500)
	b.File = 1
	if got := NewLedger([]*recorded.Line{a, b}, []*Leg{{Leg: new(flow.Leg), Conn: new(conn.Conn)}}).Lines; len(got) != 1 || got[0].Line != a {
		t.Errorf("%d lines, want the first one", len(got))
	}
}
