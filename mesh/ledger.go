package mesh

import (
	"net/netip"
	"slices"

	"github.com/pcapmesh/pcapmesh/mesh/flow"
	"github.com/pcapmesh/pcapmesh/mesh/internal/recorded"
)

// A namedLine is a line with the legs it names.
type namedLine struct {
	*recorded.Line
	down, up *workLeg // nil when not captured, or not named
	said     bool     // a leg that it names was captured
}

// A ledger finds the legs that log lines name.
type ledger struct {
	lines []*namedLine // in the order of files, and then of their lines
	byEnd map[netip.AddrPort][]*workLeg
	byDst map[netip.AddrPort][]*workLeg // by what was dialled
}

// newLedger finds the legs of all lines.
func newLedger(lines []*recorded.Line, legs []*workLeg) *ledger {
	g := new(ledger)
	g.byEnd, g.byDst = make(map[netip.AddrPort][]*workLeg), make(map[netip.AddrPort][]*workLeg)
	for _, l := range legs {
		g.byEnd[l.Orig.Src] = append(g.byEnd[l.Orig.Src], l)
		if l.Reply.Dst != l.Orig.Src { // NAT moved the port: this one the proxy sees
			g.byEnd[l.Reply.Dst] = append(g.byEnd[l.Reply.Dst], l)
		}
		g.byDst[l.Orig.Dst] = append(g.byDst[l.Orig.Dst], l)
	}
	for _, line := range recorded.WithoutTwins(lines) {
		n := &namedLine{Line: line}
		n.down = g.find(line, line.Client(), line.DownstreamLocal, (*workLeg).downstream)
		n.up = g.find(line, line.UpstreamLocal, line.UpstreamHost, (*workLeg).upstream)
		n.said = n.down != nil || n.inferred()
		g.lines = append(g.lines, n)
	}
	return g
}

// inferred tells whether the line names the server's side but not which connection
// the client had.
func (l *namedLine) inferred() bool { return l.up != nil && !l.Client().IsValid() }

// find returns the leg from an end to what it dialled at the time of the line.
func (g *ledger) find(line *recorded.Line, from, to netip.AddrPort, fits func(*workLeg, string) bool) *workLeg {
	if !from.IsValid() || from.Port() == 0 {
		return nil
	}
	var best *workLeg
	for _, l := range g.byEnd[from] {
		if !fits(l, line.Pod) || !during(line, l) || to.IsValid() && l.Orig.Dst != to && !l.lostTarget() {
			continue
		}
		if best == nil || gap(line, l) < gap(line, best) {
			best = l
		}
	}
	return best
}

// lostTarget tells whether only the half of l was captured that does not show
// what was dialled.
func (l *workLeg) lostTarget() bool {
	return l.conn.Reply == 0 && l.conn.loopback && l.Orig.Dst.Addr().IsLoopback() && !l.Orig.Src.Addr().IsLoopback()
}

// downstream tells whether a proxy of the pod, or of any if that is "", may
// have accepted l.
func (l *workLeg) downstream(pod string) bool {
	return l.plays(pod, flow.RoleClientProxy, flow.RoleAppProxy, flow.RoleProxyProxy, flow.RoleUnknown, flow.RoleDirect)
}

// upstream tells whether a proxy of the pod may have dialled l.
func (l *workLeg) upstream(pod string) bool {
	return l.plays(pod, flow.RoleProxyApp, flow.RoleProxyServer, flow.RoleProxyProxy, flow.RoleUnknown, flow.RoleDirect)
}

func (l *workLeg) plays(pod string, roles ...flow.Role) bool {
	return slices.ContainsFunc(l.views, func(v view) bool {
		return (pod == "" || v.pod == pod) && (slices.Contains(roles, v.role) || v.tentative)
	})
}

// during tells whether the line's exchange may have been on the leg, by time.
func during(l *recorded.Line, leg *workLeg) bool {
	if l.Start == 0 {
		return true
	}
	end, ok := l.Ends()
	return l.Start <= leg.End+recorded.LogSlack && (!ok || end+l.Resolution+recorded.LogSlack >= leg.Start)
}

// gap returns by how much the line's time lies outside the leg's.
func gap(l *recorded.Line, leg *workLeg) int64 {
	end, _ := l.Ends()
	return max(l.Start-leg.End, leg.Start-max(end, l.Start), 0)
}
