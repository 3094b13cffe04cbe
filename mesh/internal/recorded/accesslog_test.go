package recorded

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/pcapmesh/pcapmesh/capture"
	"github.com/pcapmesh/pcapmesh/mesh/accesslog"
	"github.com/pcapmesh/pcapmesh/mesh/record"
)

// Logs are fetched again when they have grown, and some collectors keep every line
// twice. A line is written as its file and what it says: 0a.
func TestWithoutTwins(t *testing.T) {
	for _, tc := range []struct{ name, lines, want string }{
		{"nothing", "", ""},
		{"no twins", "0a 0b 1c", "0a 0b 1c"},
		{"a log fetched again", "0a 0b 1a 1b 1c", "0a 0b 1c"},
		{"two of one kind, then three", "0a 0a 0b 1a 1a 1a", "0a 0a 0b 1a"},
		{"two of one kind, then two", "0a 0a 0b 1a 1a", "0a 0a 0b"},
		{"three files", "0a 1a 1b 2b 2c", "0a 1b 2c"},
		{"equal lines of one file", "0a 0a 0b", "0a 0a 0b"},
		{"every line twice", "0a 0b 0a 0b", "0a 0b"},
		{"every line twice in turn", "0a 0a 0b 0b", "0a 0b"},
		{"every line four times", "0a 0a 0a 0a", "0a 0a"},
		{"all twice but the first", "0a 0b 0b", "0a 0b 0b"},
		{"all twice but the last", "0a 0a 0b", "0a 0a 0b"},
		{"only the second file twice", "0a 1b 1b 1c 1c", "0a 1b 1c"},
		{"only the first file twice", "0b 0b 1a 1c", "0b 1a 1c"},
		{"twice, and in the file before", "0a 1a 1a", "0a"},
		{"twice, and in the file after", "0a 0a 1a 1b", "0a 1b"},
		{"given for two pods", "0a:p 0b:p 1a:q 1b:q", "0a 0b 1a 1b"},
		{"given for one pod twice", "0a:p 0b:p 1a:p 1b:p", "0a 0b"},
		{"given for a pod, and for any", "0a:p 0b:p 1a 1b", "0a 0b"},
		{"given for any, and for two", "0a 0b 1a:p 2b:q", "0a 0b"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var lines []*Line
			for s := range strings.FieldsSeq(tc.lines) {
				id, pod, _ := strings.Cut(s[1:], ":")
				lines = append(lines, &Line{File: int(s[0] - '0'), RequestID: id, Pod: pod})
			}
			before := len(lines)
			var got []string
			for _, l := range WithoutTwins(lines) {
				got = append(got, fmt.Sprint(l.File, l.RequestID))
			}
			if got := strings.ReplaceAll(strings.Join(got, ","), " ", ""); got != strings.ReplaceAll(tc.want, " ", ",") {
				t.Errorf("left %s, want %s", got, tc.want)
			}
			if len(lines) != before {
				t.Errorf("%d lines given are left, want %d", len(lines), before)
			}
		})
	}
}

// Lines are twins if nothing tells them apart.
func TestMark(t *testing.T) {
	for _, tc := range []struct {
		name   string
		change func(*Line)
		twins  bool
	}{
		{"nothing", func(*Line) {}, true},
		{"its number", func(l *Line) { l.number++ }, true},
		{"its method", func(l *Line) { l.Method = "PUT" }, true},
		{"start", func(l *Line) { l.Start++ }, false},
		{"duration", func(l *Line) { l.duration++ }, false},
		{"bytes received", func(l *Line) { l.BytesReceived++ }, false},
		{"bytes sent", func(l *Line) { l.BytesSent++ }, false},
		{"request id", func(l *Line) { l.RequestID = "b" }, false},
		{"path", func(l *Line) { l.Path = "/b" }, false},
		{"client", func(l *Line) { l.DownstreamRemote = ap(server) }, false},
		{"its end upstream", func(l *Line) { l.UpstreamLocal = ap(server) }, false},
		{"status", func(l *Line) { l.Status++ }, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			a, b := &Line{File: 0, Start: 1}, &Line{File: 1, Start: 1}
			tc.change(b)
			if left := WithoutTwins([]*Line{a, b}); (len(left) == 1) != tc.twins {
				t.Errorf("%d lines left, twins: want %v", len(left), tc.twins)
			}
		})
	}
}

// A client's end is one only with a port, and the peer comes before what a header
// says.
func TestClient(t *testing.T) {
	for _, tc := range []struct{ name, direct, remote, want string }{
		{"none", "", "", ""},
		{"remote", "", client, client},
		{"direct", client, "", client},
		{"both", client, "192.0.2.1:1", client},
		{"direct without port", "10.0.0.1:0", client, client},
		{"remote without port", "", "10.0.0.1:0", ""},
		{"neither with port", "10.0.0.1:0", "10.0.0.2:0", ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			l := &Line{downstreamDirect: ap(tc.direct), DownstreamRemote: ap(tc.remote)}
			if got := l.Client(); got != ap(tc.want) {
				t.Errorf("client %v, want %s", got, tc.want)
			}
		})
	}
}

func TestEnds(t *testing.T) {
	for _, tc := range []struct {
		name            string
		start, duration int64
		at              int64
		ok              bool
	}{
		{"both", 100, 20, 120, true},
		{"at once", 100, 0, 100, true},
		{"no duration", 100, -1, 99, false},
		{"no start", 0, 20, 20, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			at, ok := (&Line{Start: tc.start, duration: tc.duration}).Ends()
			if ok != tc.ok || ok && at != tc.at {
				t.Errorf("ends at %d, %v, want %d, %v", at, ok, tc.at, tc.ok)
			}
		})
	}
}

func TestFailedAndSilent(t *testing.T) {
	for _, tc := range []struct {
		name                  string
		line                  Line
		failed, silent, again bool
	}{
		{"nothing said", Line{}, false, true, false},
		{"refused", Line{Flags: []string{"UF"}}, true, true, false},
		{"retries used up", Line{Flags: []string{"X", "URX"}}, true, true, true},
		{"torn down", Line{Flags: []string{"UC"}}, true, true, false},
		{"no route", Line{Flags: []string{"NR"}}, false, true, false},
		{"one attempt", Line{attempts: 1, Status: 200}, false, false, false},
		{"two attempts", Line{attempts: 2, Method: "GET"}, true, false, true},
		{"a reason", Line{Failure: "delayed connect error: 111", Path: "/"}, true, false, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if got := tc.line.Failed(); got != tc.failed {
				t.Errorf("failed %v, want %v", got, tc.failed)
			}
			if got := tc.line.TriedAgain(); got != tc.again {
				t.Errorf("tried again %v, want %v", got, tc.again)
			}
			if got := tc.line.Silent(); got != tc.silent {
				t.Errorf("silent %v, want %v", got, tc.silent)
			}
		})
	}
}

func TestCameToNothing(t *testing.T) {
	for _, tc := range []struct {
		line Line
		want bool
	}{
		{Line{BytesReceived: 0, BytesSent: 0}, false},
		{Line{fault: "http status: 503 Service Unavailable"}, true},
		{Line{fault: "connection failed", BytesReceived: -1, BytesSent: -1}, true},
		{Line{fault: "connection reset", BytesReceived: 1}, false},
		{Line{fault: "connection reset", BytesSent: 1}, false},
	} {
		if got := tc.line.CameToNothing(); got != tc.want {
			t.Errorf("%+v came to nothing: %v, want %v", tc.line, got, tc.want)
		}
	}
}

func TestTies(t *testing.T) {
	l := &Line{DownstreamRemote: ap(client), UpstreamHost: ap(server)}
	if got, want := l.Ties(), client+" → -, then - → "+server; got != want {
		t.Errorf("ties %q, want %q", got, want)
	}
	l = &Line{DownstreamLocal: ap(service), UpstreamLocal: ap(listener)}
	if got, want := l.Ties(), "- → "+service+", then "+listener+" → -"; got != want {
		t.Errorf("ties %q, want %q", got, want)
	}
}

func TestLogged(t *testing.T) {
	files := []record.Info{{}, {File: record.File{Name: "log"}}}
	if got := (*Line)(nil).Logged(files); got != nil {
		t.Errorf("no line adds %+v", got)
	}
	l := &Line{File: 1, number: 7, Flags: []string{"UF"}, CodeDetails: "d", Termination: "t", Failure: "f", Cluster: "c", route: "r", UpstreamHost: ap(server)}
	want := &record.Logged{Source: record.Source{Kind: record.AccessLog, File: "log", Line: 7}, Flags: []string{"UF"}, Details: "d",
		Termination: "t", Failure: "f", Cluster: "c", Route: "r", Upstream: ap(server)}
	if diff := cmp.Diff(want, l.Logged(files), cmpopts.EquateComparable(netip.AddrPort{})); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// A line is kept if it names an end that was captured, at the time of the captures.
func TestLineTouches(t *testing.T) {
	const from, to = int64(1_000e9), int64(1_100e9)
	seen := &touched{ends: map[uint64]struct{}{hashEnd(ap(client)): {}, hashEnd(ap(server)): {}}, from: from, to: to}
	of := func(remote string) accesslog.Line { return accesslog.Line{DownstreamRemote: ap(remote), Duration: -1} }
	at := func(start, duration, resolution int64) accesslog.Line {
		l := of(client)
		l.Start, l.Duration, l.Resolution = capture.Time(start), time.Duration(duration), time.Duration(resolution)
		return l
	}
	for _, tc := range []struct {
		name string
		line accesslog.Line
		want bool
	}{
		{"the client", of(client), true},
		{"another client", of("10.244.1.10:40001"), false},
		{"nobody", of(""), false},
		{"the peer", accesslog.Line{DownstreamDirect: ap(client), DownstreamRemote: ap("192.0.2.1:1")}, true},
		{"another peer", accesslog.Line{DownstreamDirect: ap("192.0.2.1:1"), DownstreamRemote: ap(client)}, false},
		{"a peer without port", accesslog.Line{DownstreamDirect: ap("192.0.2.1:0"), DownstreamRemote: ap(client)}, true},
		{"the proxy's end", accesslog.Line{UpstreamLocal: ap(server)}, true},
		{"the proxy's end, another client", accesslog.Line{DownstreamRemote: ap("192.0.2.1:1"), UpstreamLocal: ap(server)}, true},
		{"another client and another end", accesslog.Line{DownstreamRemote: ap("192.0.2.1:1"), UpstreamLocal: ap("192.0.2.1:2")}, false},
		{"the proxy's end, a client without port", accesslog.Line{DownstreamRemote: ap("192.0.2.1:0"), UpstreamLocal: ap(server)}, true},
		{"the server alone", accesslog.Line{UpstreamHost: ap(server)}, false},
		{"as late as may be", at(to+LogSlack, 0, 0), true},
		{"too late", at(to+LogSlack+1, 0, 0), false},
		{"as early as may be", at(from-LogSlack-50, 40, 10), true},
		{"too early", at(from-LogSlack-51, 40, 10), false},
		{"at once, as early as may be", at(from-LogSlack, 0, 0), true},
		{"at once, too early", at(from-LogSlack-1, 0, 0), false},
		{"early, and how long is not known", at(1, -1, 0), true},
		{"no time", at(0, 5, 0), true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if got := seen.line(&tc.line); got != tc.want {
				t.Errorf("touches %v, want %v", got, tc.want)
			}
		})
	}
}

// Of a log every field that ties or shows something is kept.
func TestReadAccessLog(t *testing.T) {
	x, from, _ := dialled(t)
	format := "%START_TIME(%s.%9f)% %DURATION% %REQ(:METHOD)% %REQ(:PATH)% %RESPONSE_CODE% %RESPONSE_FLAGS% %RESPONSE_CODE_DETAILS% " +
		"%CONNECTION_TERMINATION_DETAILS% %UPSTREAM_TRANSPORT_FAILURE_REASON% %UPSTREAM_REQUEST_ATTEMPT_COUNT% %BYTES_RECEIVED% %BYTES_SENT% " +
		"%REQ(X-REQUEST-ID)% %UPSTREAM_CLUSTER% %ROUTE_NAME% %DOWNSTREAM_DIRECT_REMOTE_ADDRESS% %DOWNSTREAM_REMOTE_ADDRESS% " +
		"%DOWNSTREAM_LOCAL_ADDRESS% %UPSTREAM_LOCAL_ADDRESS% %UPSTREAM_HOST%\n"
	line := func(at int64, direct string) string {
		return fmt.Sprintf("%d.%09d 12 GET /a 503 UF,URX details ended reset 3 5 9 id-1 cluster route %s 192.0.2.1:0 %s 10.244.1.10:50000 %s\n",
			at/1e9, at%1e9, direct, service, server)
	}
	files, file := given(t, record.AccessLog, line(from, "192.0.2.7:9")+line(from+5, client)+"nothing of the kind\n")
	files.AccessLogFormat = format
	rs := readBeside(t, files, x)
	want := &Line{number: 2, Start: from + 5, Resolution: 1, duration: 12e6, BytesReceived: 5, BytesSent: 9, DownstreamRemote: ap("192.0.2.1:0"),
		DownstreamLocal: ap(service), downstreamDirect: ap(client), UpstreamLocal: ap("10.244.1.10:50000"), UpstreamHost: ap(server), Method: "GET", Path: "/a",
		RequestID: "id-1", Flags: []string{"UF", "URX"}, CodeDetails: "details", Cluster: "cluster", Termination: "ended", Failure: "reset", route: "route",
		Status: 503, attempts: 3, File: 0, Pod: "p"}
	if diff := cmp.Diff([]*Line{want}, rs.Lines, cmp.AllowUnexported(Line{}), cmpopts.EquateComparable(netip.AddrPort{})); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if want := []record.Info{{File: file, Kind: record.AccessLog, Lines: 3, Entries: 2, Malformed: 1, Faults: rs.Files[0].Faults}}; !cmp.Equal(rs.Files, want) || len(rs.Files[0].Faults) != 1 {
		t.Errorf("files %+v, want %+v", rs.Files, want)
	}
	files.AccessLogFormat = "%NOTHING"
	if err := new(Records).Read(t.Context(), files, x); err == nil {
		t.Error("no error of a format that is none")
	}
}

// A line of a connection, in a format that tells.
func TestReadAccessLogOfConnections(t *testing.T) {
	x, _, _ := dialled(t)
	files, _ := given(t, record.AccessLog, "- "+client+"\nGET "+client+"\n")
	files.AccessLogFormat = "%REQ(:METHOD)% %DOWNSTREAM_REMOTE_ADDRESS%\n"
	var got []bool
	for _, l := range readBeside(t, files, x).Lines {
		got = append(got, l.TCP())
	}
	if want := []bool{true, false}; !cmp.Equal(got, want) {
		t.Errorf("of connections: %v, want %v", got, want)
	}
}
