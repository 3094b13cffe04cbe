package mesh

import (
	"net/netip"
	"slices"

	"github.com/pcapmesh/pcapmesh/mesh/flow"
	"github.com/pcapmesh/pcapmesh/mesh/record"
)

// A logLine is a line of an access log. The proxy writes
// one for each exchange, and for each connection that it forwards as bytes: the
// ends of both connections, when it began and how long it took.
type logLine struct {
	Number               int   // 1-based
	Start, Resolution    int64 // nanoseconds since 1970, 0 unknown; and how exact that is
	Duration             int64 // nanoseconds; -1 unknown
	BytesReceived        int64 // of the request's body; -1 unknown
	BytesSent            int64 // of the response's
	DownstreamRemote     netip.AddrPort
	DownstreamLocal      netip.AddrPort // as the client dialled it
	DownstreamDirect     netip.AddrPort
	UpstreamLocal        netip.AddrPort
	UpstreamHost         netip.AddrPort
	Method, Path         string
	RequestID            string
	Flags                []string
	CodeDetails, Cluster string
	Termination, Failure string
	Route                string
	Status, Attempts     int
	whole                bool // of a connection rather than of an exchange

	file int    // index into records.files
	pod  string // whose proxy wrote it; "" = any
}

// A namedLine is a line with the legs it names.
type namedLine struct {
	*logLine
	down, up *workLeg // nil when not captured, or not named
	said     bool     // a leg that it names was captured
}

// TCP tells whether the line is of a connection rather than of an exchange.
func (l *logLine) TCP() bool { return l.whole }

// HasFlag tells whether the line has a response flag.
func (l *logLine) HasFlag(flag string) bool { return slices.Contains(l.Flags, flag) }

// A ledger finds the legs that log lines name.
type ledger struct {
	lines []*namedLine // in the order of files, and then of their lines
	byEnd map[netip.AddrPort][]*workLeg
	byDst map[netip.AddrPort][]*workLeg // by what was dialled
}

// logSlack is how far a time in a log may be from that of the packet that it
// means, beside how exact it is, in nanoseconds: a proxy under load takes up
// late what came in, and writes down late what it sent.
const logSlack = int64(2e9)

// newLedger finds the legs of all lines.
func newLedger(lines []*logLine, legs []*workLeg) *ledger {
	g := new(ledger)
	g.byEnd, g.byDst = make(map[netip.AddrPort][]*workLeg), make(map[netip.AddrPort][]*workLeg)
	for _, l := range legs {
		g.byEnd[l.Orig.Src] = append(g.byEnd[l.Orig.Src], l)
		if l.Reply.Dst != l.Orig.Src { // NAT moved the port: this one the proxy sees
			g.byEnd[l.Reply.Dst] = append(g.byEnd[l.Reply.Dst], l)
		}
		g.byDst[l.Orig.Dst] = append(g.byDst[l.Orig.Dst], l)
	}
	for _, line := range withoutTwins(lines) {
		n := &namedLine{logLine: line}
		n.down = g.find(line, line.client(), line.DownstreamLocal, (*workLeg).downstream)
		n.up = g.find(line, line.UpstreamLocal, line.UpstreamHost, (*workLeg).upstream)
		n.said = n.down != nil || n.inferred()
		g.lines = append(g.lines, n)
	}
	return g
}

// withoutTwins leaves out lines that an earlier file has too, since logs are
// fetched again when they have grown, and the second half of a log that holds every
// line twice.
func withoutTwins(lines []*logLine) []*logLine {
	in := make(map[logMark]map[int]int) // how often in each file
	for _, l := range lines {
		m := l.mark()
		if in[m] == nil {
			in[m] = make(map[int]int)
		}
		in[m][l.file]++
	}
	twice := make(map[int]bool) // files in which every line stands twice
	for _, l := range lines {
		if _, seen := twice[l.file]; !seen {
			twice[l.file] = true
		}
		twice[l.file] = twice[l.file] && in[l.mark()][l.file]%2 == 0
	}
	seen := make(map[logMark]map[int]int)
	return slices.DeleteFunc(slices.Clone(lines), func(l *logLine) bool {
		m := l.mark()
		if seen[m] == nil {
			seen[m] = make(map[int]int)
		}
		seen[m][l.file]++
		n := seen[m][l.file]
		if twice[l.file] && n > in[m][l.file]/2 {
			return true
		}
		for file, k := range in[m] {
			if file < l.file && n <= k {
				return true
			}
		}
		return false
	})
}

// A logMark is what two lines of one exchange have in common.
type logMark struct {
	start, duration, received, sent int64
	id, path                        string
	client, server                  netip.AddrPort
	status                          int
}

func (l *logLine) mark() logMark {
	return logMark{l.Start, l.Duration, l.BytesReceived, l.BytesSent, l.RequestID, l.Path, l.DownstreamRemote, l.UpstreamLocal, l.Status}
}

// client returns the far end of the client's connection. What was taken from a
// header or from the PROXY protocol is not an end of any: its port is 0.
func (l *logLine) client() netip.AddrPort {
	for _, a := range [2]netip.AddrPort{l.DownstreamDirect, l.DownstreamRemote} {
		if a.IsValid() && a.Port() != 0 {
			return a
		}
	}
	return netip.AddrPort{}
}

// inferred tells whether the line names the server's side but not which connection
// the client had.
func (l *namedLine) inferred() bool { return l.up != nil && !l.client().IsValid() }

// find returns the leg from an end to what it dialled at the time of the line.
func (g *ledger) find(line *logLine, from, to netip.AddrPort, fits func(*workLeg, string) bool) *workLeg {
	if !from.IsValid() || from.Port() == 0 {
		return nil
	}
	var best *workLeg
	for _, l := range g.byEnd[from] {
		if !fits(l, line.pod) || !during(line, l) || to.IsValid() && l.Orig.Dst != to && !l.lostTarget() {
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

// ends returns when the line's exchange was over; ok is false if it does not
// say.
func (l *logLine) ends() (at int64, ok bool) {
	return l.Start + l.Duration, l.Start != 0 && l.Duration >= 0
}

// during tells whether the line's exchange may have been on the leg, by time.
func during(l *logLine, leg *workLeg) bool {
	if l.Start == 0 {
		return true
	}
	end, ok := l.ends()
	return l.Start <= leg.End+logSlack && (!ok || end+l.Resolution+logSlack >= leg.Start)
}

// gap returns by how much the line's time lies outside the leg's.
func gap(l *logLine, leg *workLeg) int64 {
	end, _ := l.ends()
	return max(l.Start-leg.End, leg.Start-max(end, l.Start), 0)
}

// source names the line.
func (l *logLine) source(files []record.Info) record.Source {
	return record.Source{Kind: record.AccessLog, File: files[l.file].Name, Line: l.Number}
}
