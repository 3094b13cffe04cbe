package recorded

import (
	"fmt"
	"io"
	"net/netip"
	"slices"
	"strings"

	"github.com/pcapmesh/pcapmesh/mesh/accesslog"
	"github.com/pcapmesh/pcapmesh/mesh/record"
)

// A Line is a line of an access log. The proxy writes
// one for each exchange, and for each connection that it forwards as bytes: the
// ends of both connections, when it began and how long it took.
type Line struct {
	number               int   // 1-based
	Start, Resolution    int64 // nanoseconds since 1970, 0 unknown; and how exact that is
	duration             int64 // nanoseconds; -1 unknown
	BytesReceived        int64 // of the request's body; -1 unknown
	BytesSent            int64 // of the response's
	DownstreamRemote     netip.AddrPort
	DownstreamLocal      netip.AddrPort // as the client dialled it
	downstreamDirect     netip.AddrPort
	UpstreamLocal        netip.AddrPort
	UpstreamHost         netip.AddrPort
	Method, Path         string
	RequestID            string
	Flags                []string
	CodeDetails, Cluster string
	Termination, Failure string
	fault                string // what ztunnel says went wrong
	route                string
	Status, attempts     int
	whole                bool           // of a connection rather than of an exchange
	Ztunnel, Inbound     bool           // ztunnel's, and of what came to the pod
	Target               netip.AddrPort // ztunnel's: what its stream of a tunnel leads to

	File int    // index into Records.Files
	Pod  string // whose proxy wrote it; "" = any
}

// TCP reports whether the line is of a connection rather than of an exchange.
func (l *Line) TCP() bool { return l.whole }

// hasFlag reports whether the line has a response flag.
func (l *Line) hasFlag(flag string) bool { return slices.Contains(l.Flags, flag) }

// LogSlack is how far a time in a log may be from that of the packet that it
// means, beside how exact it is, in nanoseconds: a proxy under load takes up
// late what came in, and writes down late what it sent.
const LogSlack = int64(2e9)

// WithoutTwins leaves out lines that an earlier file of the same pod has too, since logs
// are fetched again when they have grown, and the second half of a log that holds every
// line twice. The log of a node may be given for each of its pods.
func WithoutTwins(lines []*Line) []*Line {
	in := make(map[mark]map[int]int) // how often in each file
	of := make(map[int]string)       // pods of files
	for _, l := range lines {
		of[l.File] = l.Pod
		m := l.mark()
		if in[m] == nil {
			in[m] = make(map[int]int)
		}
		in[m][l.File]++
	}
	twice := make(map[int]bool) // files in which every line stands twice
	for _, l := range lines {
		if _, seen := twice[l.File]; !seen {
			twice[l.File] = true
		}
		twice[l.File] = twice[l.File] && in[l.mark()][l.File]%2 == 0
	}
	seen := make(map[mark]map[int]int)
	return slices.DeleteFunc(slices.Clone(lines), func(l *Line) bool {
		m := l.mark()
		if seen[m] == nil {
			seen[m] = make(map[int]int)
		}
		seen[m][l.File]++
		n := seen[m][l.File]
		if twice[l.File] && n > in[m][l.File]/2 {
			return true
		}
		for file, k := range in[m] {
			if file < l.File && n <= k && (of[file] == l.Pod || of[file] == "" || l.Pod == "") {
				return true
			}
		}
		return false
	})
}

// A mark is what two lines of one exchange have in common.
type mark struct {
	start, duration, received, sent int64
	id, path                        string
	client, server, target          netip.AddrPort
	status                          int
}

func (l *Line) mark() mark {
	return mark{l.Start, l.duration, l.BytesReceived, l.BytesSent, l.RequestID, l.Path, l.DownstreamRemote, l.UpstreamLocal, l.Target, l.Status}
}

// Client returns the far end of the client's connection. What was taken from a
// header or from the PROXY protocol is not an end of any: its port is 0.
func (l *Line) Client() netip.AddrPort {
	for _, a := range [2]netip.AddrPort{l.downstreamDirect, l.DownstreamRemote} {
		if a.IsValid() && a.Port() != 0 {
			return a
		}
	}
	return netip.AddrPort{}
}

// Ends returns when the line's exchange was over; ok is false if it does not
// say.
func (l *Line) Ends() (at int64, ok bool) {
	return l.Start + l.duration, l.Start != 0 && l.duration >= 0
}

// Source names the line.
func (l *Line) Source(files []record.Info) record.Source {
	return record.Source{Kind: record.AccessLog, File: files[l.File].Name, Line: l.number}
}

// Ties says which ends the line names.
func (l *Line) Ties() string {
	if !l.UpstreamLocal.IsValid() && !l.UpstreamHost.IsValid() {
		return fmt.Sprintf("%s → %s", orDash(l.DownstreamRemote), orDash(l.DownstreamLocal))
	}
	return fmt.Sprintf("%s → %s, then %s → %s", orDash(l.DownstreamRemote), orDash(l.DownstreamLocal), orDash(l.UpstreamLocal), orDash(l.UpstreamHost))
}

// orDash prints an address as a log does.
func orDash(a netip.AddrPort) string {
	if !a.IsValid() {
		return "-"
	}
	return a.String()
}

// Failed reports whether the line is of something that failed upstream at least
// once.
func (l *Line) Failed() bool {
	return l.hasFlag("UF") || l.hasFlag("URX") || l.hasFlag("UC") || l.attempts > 1 || l.Failure != ""
}

// CameToNothing reports whether the line says that something went wrong before any byte
// went through.
func (l *Line) CameToNothing() bool { return l.fault != "" && l.BytesReceived <= 0 && l.BytesSent <= 0 }

// Fault reports whether ztunnel says that something went wrong.
func (l *Line) Fault() bool { return l.fault != "" }

// farAnswer is how ztunnel's errors begin that are the answer of a tunnel's far end.
const farAnswer = "http status: "

// Answered reports whether the line says that the far end of a tunnel would not carry the
// connection: there was a stream for it.
func (l *Line) Answered() bool { return strings.HasPrefix(l.fault, farAnswer) }

// Rejected reports whether a policy forbade the connection: nothing was dialled for it.
func (l *Line) Rejected() bool { return strings.Contains(l.fault, "policy rejection") }

// TriedAgain reports whether the line tells of more than one attempt upstream.
func (l *Line) TriedAgain() bool { return l.attempts > 1 || l.hasFlag("URX") }

// Silent reports whether nothing in the line says that it is of an exchange: its format
// may have no such field.
func (l *Line) Silent() bool { return l.Method == "" && l.Path == "" && l.Status == 0 }

// accessLogs reads logs of proxies, and keeps lines that name an end in the
// captures.
func (rd *reader) accessLogs() error {
	var format *accesslog.Format
	if rd.given.AccessLogFormat != "" {
		var err error
		if format, err = accesslog.ParseFormat(rd.given.AccessLogFormat); err != nil {
			return err
		}
	}
	return rd.files(record.AccessLog, func(in io.Reader, info *record.Info) error {
		return each(accesslog.NewReader(in, format), info, func(l *accesslog.Line) {
			l.Start = rd.correct(info.Pod, l.Start)
			if rd.touched.line(l) {
				rd.records.Lines = append(rd.records.Lines, rd.logLine(l, info.Pod))
			}
		})
	})
}

// line reports whether a log line names an end that was captured, at the time of
// the captures. Whose leg behind the proxy it names may matter, though its client was not
// captured: that leg is nobody else's.
func (t *touched) line(l *accesslog.Line) bool {
	if l.Start != 0 && (int64(l.Start) > t.to+LogSlack || l.Duration >= 0 && int64(l.Start)+int64(l.Duration)+int64(l.Resolution)+LogSlack < t.from) {
		return false
	}
	for _, client := range [...]netip.AddrPort{l.DownstreamDirect, l.DownstreamRemote} {
		if client.IsValid() && client.Port() != 0 {
			return t.end(client) || t.end(l.UpstreamLocal)
		}
	}
	return t.end(l.UpstreamLocal)
}

// logLine keeps of a line what ties legs and what is shown. What few values have
// is kept once.
func (rd *reader) logLine(l *accesslog.Line, pod string) *Line {
	_, k := rd.records.memory.Add()
	*k = Line{
		number: l.Number, Start: int64(l.Start), Resolution: int64(l.Resolution), duration: int64(l.Duration), BytesReceived: l.BytesReceived, BytesSent: l.BytesSent,
		DownstreamRemote: l.DownstreamRemote, DownstreamLocal: l.DownstreamLocal, downstreamDirect: l.DownstreamDirect,
		UpstreamLocal: l.UpstreamLocal, UpstreamHost: l.UpstreamHost, Method: rd.once(l.Method), Path: rd.once(l.Path),
		RequestID: strings.Clone(l.RequestID), CodeDetails: rd.once(l.CodeDetails), Cluster: rd.once(l.Cluster), Termination: rd.once(l.TerminationDetails),
		Failure: rd.once(l.TransportFailure), fault: rd.once(l.Error), route: rd.once(l.Route), Status: l.Status, attempts: l.Attempts, whole: l.TCP(), File: rd.file(), Pod: pod,
		Ztunnel: l.Kind == accesslog.Ztunnel, Inbound: l.Direction == "inbound",
	}
	k.Target, _ = netip.ParseAddrPort(l.HBONEAddr) // a waypoint may be asked for a name
	for _, f := range l.Flags {
		k.Flags = append(k.Flags, rd.once(f))
	}
	return k
}

// Logged returns what the line adds; nil if there is none.
func (l *Line) Logged(files []record.Info) *record.Logged {
	if l == nil {
		return nil
	}
	return &record.Logged{Source: l.Source(files), Flags: l.Flags, Details: l.CodeDetails, Termination: l.Termination,
		Failure: l.Failure, Cluster: l.Cluster, Route: l.route, Upstream: l.UpstreamHost, Error: l.fault}
}
