package graph

import (
	"net/netip"
	"slices"

	"github.com/pcapmesh/pcapmesh/mesh/flow"
	"github.com/pcapmesh/pcapmesh/mesh/internal/recorded"
)

// A NamedLine is a line with the legs it names.
type NamedLine struct {
	*recorded.Line
	Down, Up *Leg    // nil when not captured, or not named
	Said     bool    // a leg that it names was captured
	Unseen   [2]bool // the client's leg, and that behind the proxy: it names one, and none with that end was captured
}

// A Ledger finds the legs that log lines name.
type Ledger struct {
	Lines []*NamedLine // in the order of files, and then of their lines
	Again []*NamedLine // what another file said before
	byEnd map[netip.AddrPort][]*Leg
}

// NewLedger finds the legs of all lines.
func NewLedger(lines []*recorded.Line, legs []*Leg) *Ledger {
	g := new(Ledger)
	if len(lines) == 0 { // nobody will look for a leg
		return g
	}
	g.byEnd = make(map[netip.AddrPort][]*Leg)
	for _, l := range legs {
		g.byEnd[l.Orig.Src] = append(g.byEnd[l.Orig.Src], l)
		if l.Reply.Dst != l.Orig.Src { // NAT moved the port: this one the proxy sees
			g.byEnd[l.Reply.Dst] = append(g.byEnd[l.Reply.Dst], l)
		}
	}
	single := recorded.WithoutTwins(lines)
	for _, line := range lines {
		n := &NamedLine{Line: line}
		n.Down = g.find(line, line.Client(), line.DownstreamLocal, (*Leg).downstream)
		n.Up = g.find(line, line.UpstreamLocal, line.UpstreamHost, (*Leg).upstream)
		n.Said = n.Down != nil || n.Inferred()
		n.Unseen = [2]bool{g.unseen(line.Client()), g.unseen(line.UpstreamLocal)}
		if len(g.Lines) < len(single) && single[len(g.Lines)] == line {
			g.Lines = append(g.Lines, n)
		} else {
			g.Again = append(g.Again, n)
		}
	}
	return g
}

// Inferred reports whether the line names the server's side but not which connection
// the client had.
func (l *NamedLine) Inferred() bool { return l.Up != nil && !l.Client().IsValid() }

// find returns the leg from an end to what it dialled at the time of the line.
func (g *Ledger) find(line *recorded.Line, from, to netip.AddrPort, fits func(*Leg, string) bool) *Leg {
	if !from.IsValid() || from.Port() == 0 {
		return nil
	}
	var best *Leg
	for _, l := range g.byEnd[from] {
		if !fits(l, line.Pod) || !During(line, l) || to.IsValid() && l.Orig.Dst != to && !l.lostTarget() {
			continue
		}
		if best == nil || gap(line, l) < gap(line, best) {
			best = l
		}
	}
	return best
}

// unseen reports whether an end is named that no leg has, at any time.
func (g *Ledger) unseen(end netip.AddrPort) bool {
	return end.IsValid() && end.Port() != 0 && len(g.byEnd[end]) == 0
}

// lostTarget reports whether only the half of l was captured that does not show
// what was dialled.
func (l *Leg) lostTarget() bool {
	return l.Conn.Reply == 0 && l.Conn.Loopback && l.Orig.Dst.Addr().IsLoopback() && !l.Orig.Src.Addr().IsLoopback()
}

// downstream reports whether a proxy of the pod, or of any if that is "", may
// have accepted l.
func (l *Leg) downstream(pod string) bool {
	return l.plays(pod, flow.RoleClientProxy, flow.RoleAppProxy, flow.RoleProxyProxy, flow.RoleUnknown, flow.RoleDirect)
}

// upstream reports whether a proxy of the pod may have dialled l.
func (l *Leg) upstream(pod string) bool {
	return l.plays(pod, flow.RoleProxyApp, flow.RoleProxyServer, flow.RoleProxyProxy, flow.RoleUnknown, flow.RoleDirect)
}

func (l *Leg) plays(pod string, roles ...flow.Role) bool {
	return slices.ContainsFunc(l.Views, func(v View) bool {
		return (pod == "" || v.Pod == pod) && (slices.Contains(roles, v.Role) || v.Tentative)
	})
}

// During reports whether the line's exchange may have been on the leg, by time.
func During(l *recorded.Line, leg *Leg) bool {
	if l.Start == 0 {
		return true
	}
	end, ok := l.Ends()
	return l.Start <= int64(leg.End)+recorded.LogSlack && (!ok || end+l.Resolution+recorded.LogSlack >= int64(leg.Start))
}

// gap returns by how much the line's time lies outside the leg's.
func gap(l *recorded.Line, leg *Leg) int64 {
	end, _ := l.Ends()
	return max(l.Start-int64(leg.End), int64(leg.Start)-max(end, l.Start), 0)
}
