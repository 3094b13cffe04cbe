package accesslog_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pcapmesh/pcapmesh/mesh/accesslog"
)

// predefined returns the formats of this package by name.
func predefined() map[string]accesslog.Form {
	return map[string]accesslog.Form{
		"envoy": accesslog.Envoy(), "1.0": accesslog.Istio10(), "1.1": accesslog.Istio11(), "1.2": accesslog.Istio12(),
		"1.3": accesslog.Istio13(), "1.8": accesslog.Istio18(), "1.9": accesslog.Istio19(), "1.23": accesslog.Istio123(),
		"json": accesslog.IstioJSON(), "ztunnel": accesslog.ZtunnelText{}, "ztunnel json": accesslog.NewZtunnelJSON(),
	}
}

// Each real line is of its version's format, the first named, and is found to
// be. Some are also of one with fewer quoted values, one of which then contains
// a quote.
func TestIstioFormats(t *testing.T) {
	formats := predefined()
	for _, c := range []struct {
		line    string
		formats []string
	}{
		{outboundHTTP, []string{"1.9", "1.23"}},
		{refusedHTTP, []string{"1.9", "1.23"}},
		{refusedTCP, []string{"1.9", "1.23"}},
		{passthroughTCP, []string{"1.3", "1.8"}},
		{egressHTTP, []string{"1.3", "1.8"}},
		{blackHole, []string{"1.3", "1.8"}},
		{inboundTCP11, []string{"1.1"}},
		{egressTLS, []string{"1.0"}},
		{strings.TrimSuffix(passthroughTCP, " -"), []string{"1.2", "1.1"}},
		{strings.Replace(passthroughTCP, `"-" "-" 2279`, `"-" 2279`, 1), []string{"1.8"}},
		{egressTLS[:strings.Index(egressTLS, " outbound|")], []string{"envoy"}},
		{blackHoleJSON, []string{"json", "ztunnel json"}},
		{ztunnelInbound, []string{"ztunnel"}},
		{ztunnelJSON, []string{"ztunnel json"}},
	} {
		var first accesslog.Line
		if err := formats[c.formats[0]].Parse(c.line, &first); err != nil {
			t.Errorf("format %s, %.80s: %v", c.formats[0], c.line, err)
		}
		first.Number = 1
		if diff := cmp.Diff(&first, parse(t, c.line), equalAddresses); diff != "" {
			t.Errorf("%s: found out -, + but:\n%s", c.line, diff)
		}
		for name, f := range formats {
			want := false
			for _, n := range c.formats {
				want = want || n == name
			}
			if name == "json" || name == "ztunnel json" && c.line[0] == '{' {
				continue // JSON has no shape: keys may be missing
			}
			var l accesslog.Line
			if err := f.Parse(c.line, &l); (err == nil) != want {
				t.Errorf("format %s, %.80s: %v", name, c.line, err)
			}
		}
	}
}

// A line is printed as it was read.
func TestAppend(t *testing.T) {
	for _, c := range []struct {
		line   string
		format accesslog.Form
	}{
		{outboundHTTP, accesslog.Istio123()},
		{inboundHTTP, accesslog.Istio19()},
		{passthroughTCP, accesslog.Istio13()},
		{strings.TrimSuffix(passthroughTCP, " -"), accesslog.Istio12()},
		{inboundTCP11, accesslog.Istio11()},
		{egressTLS, accesslog.Istio10()},
		{refusedTCP, accesslog.Istio123()},
		{refusedHTTP, accesslog.Istio123()},
		{egressHTTP, accesslog.Istio13()},
		{strings.Replace(ztunnelInbound, " src.protocol=TCP", "", 1), nil},
		{ztunnelJSON, accesslog.NewZtunnelJSON()},
	} {
		if c.format == nil {
			c.format = accesslog.ZtunnelText{}
			c.line = strings.Replace(strings.Replace(c.line, " dst.protocol=HBONE", "", 1), "476412Z", "476412000Z", 1)
		}
		line := strings.Replace(c.line, "950669Z", "950669000Z", 1) // a Line does not keep how ztunnel's clock was written
		if got := string(c.format.Append(nil, parse(t, c.line))); got != line {
			t.Errorf("got  %s\nwant %s", got, line)
		}
	}
	got := string(accesslog.IstioJSON().Append(nil, parse(t, blackHole)))
	want := `{"start_time":"2020-04-15T00:02:27.874Z","route_name":null,"method":null,"path":null,"protocol":null,"response_code":0,"response_flags":"UH","response_code_details":null,"connection_termination_details":null,"bytes_received":0,"bytes_sent":0,"duration":0,"upstream_service_time":null,"x_forwarded_for":null,"user_agent":null,"request_id":null,"authority":null,"upstream_host":null,"upstream_cluster":null,"upstream_local_address":null,"downstream_local_address":"35.170.216.115:443","downstream_remote_address":"10.28.1.90:59692","requested_server_name":null,"upstream_transport_failure_reason":null}`
	if got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

// Values that clients choose, and addresses of all kinds.
func TestHardValues(t *testing.T) {
	const head, tail = `[2022-04-01T03:23:12.736Z] "GET `, ` HTTP/1.1" 200 - via_upstream - "-" 0 605 4 3 "-" `
	for _, c := range []struct {
		name, line string
		edit       func(*accesslog.Line)
	}{
		{"user agent with quotes", `"Mozilla \"5.0\" (X11; "Linux") a"b" "id" "auth"`,
			func(l *accesslog.Line) { l.UserAgent = `Mozilla \"5.0\" (X11; "Linux") a"b` }},
		{"user agent like two", `"a" "b" "id" "auth"`, func(l *accesslog.Line) { l.UserAgent = `a" "b` }},
		{"user agent like three", `"a" "b" "c" "id" "auth"`, func(l *accesslog.Line) { l.UserAgent = `a" "b" "c` }},
		{"user agent ends in backslash", `"a\" "id" "auth"`, func(l *accesslog.Line) { l.UserAgent = `a\` }},
		{"empty user agent", `"" "id" "auth"`, func(*accesslog.Line) {}},
		{"request id with spaces", `"a b" "my id" "auth"`, func(l *accesslog.Line) { l.UserAgent, l.RequestID = "a b", "my id" }},
	} {
		l := parse(t, head+`/x y?z="`+tail+c.line+` "10.0.0.1:80" outbound|80||h 10.0.0.2:1 10.0.0.3:80 10.0.0.2:3 - a route`)
		want := line(accesslog.HTTP, "2022-04-01T03:23:12.736Z", func(l *accesslog.Line) {
			l.Method, l.Path, l.Protocol, l.Status, l.CodeDetails = "GET", `/x y?z="`, "HTTP/1.1", 200, "via_upstream"
			l.BytesReceived, l.BytesSent, l.Duration, l.ServiceTime = 0, 605, 4*ms, 3*ms
			l.RequestID, l.Authority, l.UpstreamHost, l.Cluster = "id", "auth", addr("10.0.0.1:80"), "outbound|80||h"
			l.UpstreamLocal, l.DownstreamLocal, l.DownstreamRemote = addr("10.0.0.2:1"), addr("10.0.0.3:80"), addr("10.0.0.2:3")
			l.Route = "a route"
			c.edit(l)
		})
		if diff := cmp.Diff(want, l, equalAddresses); diff != "" {
			t.Errorf("%s: -want +got:\n%s", c.name, diff)
		}
	}
}

func TestAddresses(t *testing.T) {
	f := format(t, "%START_TIME% %UPSTREAM_HOST% %DOWNSTREAM_REMOTE_ADDRESS%")
	for text, want := range map[string]string{
		"10.0.0.1:80": "10.0.0.1:80", "10.0.0.1:0": "10.0.0.1:0", "10.0.0.1": "10.0.0.1:0",
		"[::1]:80": "[::1]:80", "[2001:db8::1]:65535": "[2001:db8::1]:65535", "2001:db8::1": "[2001:db8::1]:0", "[::1]": "[::1]:0",
		"[::ffff:10.0.0.1]:80": "10.0.0.1:80", "tcp://10.0.0.1:80": "10.0.0.1:80", "255.255.255.255:65535": "255.255.255.255:65535",
		"/tmp/x.sock": "-", "-": "-", "": "-", "envoy://connect_originate/10.244.2.63:8080": "-", "example.com:80": "-",
		"256.0.0.1:80": "-", "10.0.0.1:65536": "-", "10.0.0.1:": "-", "10.0.0:80": "-", "10.0.0.01:80": "-", "10.0.0.1.2:80": "-",
		"[fe80::1%eth0]:80": "-", "10.0.0.1:80:90": "-", ":80": "-", "10.0.0.1:000080": "10.0.0.1:80", "1000000000000.0.0.1:80": "-",
	} {
		var l accesslog.Line
		if err := f.Parse("2022-04-01T03:23:12.736Z "+text+" 10.0.0.9:9", &l); err != nil {
			t.Errorf("%q: %v", text, err)
		}
		got := string(f.Append(nil, &l))
		if got != "2022-04-01T03:23:12.736Z "+want+" 10.0.0.9:9" {
			t.Errorf("%q is read as %q, want %q", text, got, want)
		}
	}
}

func TestCustomFormats(t *testing.T) {
	at := func(l *accesslog.Line, s string) { *l = *line(l.Kind, s, func(n *accesslog.Line) { n.Number = 0 }) }
	for _, c := range []struct {
		name, format, line string
		edit               func(*accesslog.Line)
	}{
		{"ends in a line break", "%DURATION% %CONNECTION_ID%\n", "5 17", func(l *accesslog.Line) { l.Duration, l.ConnectionID = 5*ms, 17 }},
		{"ends in a written line break", `%DURATION% %UPSTREAM_CONNECTION_ID%\n`, "5 17", func(l *accesslog.Line) { l.Duration, l.UpstreamConnectionID = 5*ms, 17 }},
		{"percent signs", "%%%DURATION%%% 100%%", "%5% 100%", func(l *accesslog.Line) { l.Duration = 5 * ms }},
		{"unknown operators", "%FOO% | %HOSTNAME% | %FILTER_STATE(a:PLAIN):10% | %DURATION%", "a | b c | d|e | 5", func(l *accesslog.Line) { l.Duration = 5 * ms }},
		{"unknown operator is empty", "<%FOO%> %DURATION%", "<> 5", func(l *accesslog.Line) { l.Duration = 5 * ms }},
		{"durations", "%REQUEST_DURATION%/%RESPONSE_DURATION%/%DURATION%", "1/-/3", func(l *accesslog.Line) { l.RequestDuration, l.Duration = ms, 3*ms }},
		{"addresses in parts", "%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT% %DOWNSTREAM_REMOTE_PORT% %UPSTREAM_LOCAL_PORT% %UPSTREAM_LOCAL_ADDRESS_WITHOUT_PORT%",
			"10.0.0.1 80 81 ::1", func(l *accesslog.Line) {
				l.DownstreamRemote, l.UpstreamLocal = addr("10.0.0.1:80"), addr("[::1]:81")
			}},
		{"direct and remote", "%DOWNSTREAM_DIRECT_REMOTE_ADDRESS% %UPSTREAM_REMOTE_ADDRESS%", "10.0.0.1:80 10.0.0.2:81", func(l *accesslog.Line) {
			l.DownstreamDirect, l.UpstreamHost = addr("10.0.0.1:80"), addr("10.0.0.2:81")
		}},
		{"headers", "%REQ(X-Request-Id)% %REQ(:authority?HOST)% %REQ(x-real-ip?x-forwarded-for)% %REQ(X-FORWARDED-FOR):100%", "id host 1.1.1.1 2.2.2.2",
			func(l *accesslog.Line) {
				l.Kind, l.RequestID, l.Authority, l.ForwardedFor = accesslog.HTTP, "id", "host", "2.2.2.2"
			}},
		{"id cut off", "%REQ(X-REQUEST-ID):8% %DURATION%", "200efb6c 5", func(l *accesslog.Line) { l.Duration = 5 * ms }},
		{"flags", "%RESPONSE_FLAGS_LONG% %RESPONSE_CODE% %PROTOCOL%", "UpstreamConnectionFailure,UpstreamRetryLimitExceeded,New 503 HTTP/2", func(l *accesslog.Line) {
			l.Kind, l.Flags, l.Status, l.Protocol = accesslog.HTTP, []string{"UF", "URX", "New"}, 503, "HTTP/2"
		}},
		{"wire bytes", "%UPSTREAM_WIRE_BYTES_SENT% %UPSTREAM_WIRE_BYTES_RECEIVED% %DOWNSTREAM_WIRE_BYTES_SENT% %DOWNSTREAM_WIRE_BYTES_RECEIVED% %UPSTREAM_REQUEST_ATTEMPT_COUNT%",
			"1 2 3 4 2", func(l *accesslog.Line) {
				l.UpstreamWireSent, l.UpstreamWireReceived, l.DownstreamWireSent, l.DownstreamWireReceived, l.Attempts = 1, 2, 3, 4, 2
			}},
		{"tcp", "%PROTOCOL% %DURATION%", "- 5", func(l *accesslog.Line) { l.Kind, l.Duration = accesslog.TCP, 5*ms }},
		{"time of the documentation", "[%START_TIME(%Y/%m/%dT%H:%M:%S%z %s)%] %DURATION%", "[2018/05/28T22:29:50+0000 1527546590] 5", func(l *accesslog.Line) {
			at(l, "2018-05-28T22:29:50Z")
			l.Resolution, l.Duration = time.Second, 5*ms
		}},
		{"time with spaces", "%START_TIME(%Y-%m-%d %T.%3f)% %DURATION%", "2018-05-28 22:29:50.528 5", func(l *accesslog.Line) {
			at(l, "2018-05-28T22:29:50.528Z")
			l.Duration = 5 * ms
		}},
		{"milliseconds", "%START_TIME(%s.%3f)%", "1527590590.528", func(l *accesslog.Line) { at(l, "2018-05-29T10:43:10.528Z") }},
		{"the finest of two", "%START_TIME(%s.%6f)%;%START_TIME(%s)%;", "1527590590.528123;1527590590;", func(l *accesslog.Line) {
			at(l, "2018-05-29T10:43:10.528123Z")
			l.Resolution = 1000
		}},
		{"json", `{"t": "%START_TIME(%s.%9f)%", "n": {"x": "%DURATION%", "y": {"z": "%REQ(:METHOD)% %REQ(:PATH)%"}}, "const": "a%%b", "five": 5}`,
			` {"n" : {"y":{"z":"GET /a b","more":[1,{"t":[]},"x"]},"x": "7" } ,"extra":{"t":"no"}, "t":"1527590590.528123456","u":-1.5e3} `, func(l *accesslog.Line) {
				at(l, "2018-05-29T10:43:10.528123456Z")
				l.Kind, l.Resolution, l.Duration, l.Method, l.Path = accesslog.HTTP, 1, 7*ms, "GET", "/a b"
			}},
	} {
		t.Run(c.name, func(t *testing.T) {
			var got accesslog.Line
			f := format(t, c.format)
			if err := f.Parse(c.line, &got); err != nil {
				t.Fatal(err)
			}
			want := line(accesslog.Unknown, "", func(l *accesslog.Line) {
				l.Number = 0
				c.edit(l)
			})
			want.Number = 0
			if diff := cmp.Diff(want, &got, equalAddresses); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
			var again accesslog.Line
			if err := f.Parse(string(f.Append(nil, &got)), &again); err != nil || !cmp.Equal(got, again, equalAddresses) {
				t.Errorf("printed and read again: %v\n%s", err, cmp.Diff(got, again, equalAddresses))
			}
		})
	}
}

// What START_TIME may be formatted with.
func TestStartTime(t *testing.T) {
	const start = "2026-03-09T17:05:07.012345678Z"
	for _, c := range []struct {
		format, text string
		resolution   time.Duration
	}{
		{"%Y-%m-%dT%H:%M:%E3SZ", "2026-03-09T17:05:07.012Z", time.Millisecond},
		{"%F %T.%f", "2026-03-09 17:05:07.012345678", 1},
		{"%D %R", "03/09/26 17:05", time.Minute},
		{"%d/%b/%Y:%H:%M:%S %z", "09/Mar/2026:17:05:07 +0000", time.Second},
		{"%a, %d %B %Y %r %Z", "Mon, 09 March 2026 05:05:07 PM UTC", time.Second},
		{"%A %e %h %y %I%p", "Monday  9 Mar 26 05PM", time.Hour},
		{"%Y.%j %k%n%t%%", "2026.068 17\n\t%", time.Hour},
		{"%c", "Mon Mar  9 17:05:07 2026", time.Second},
		{"%s", "1773075907", time.Second},
		{"%s%6f", "1773075907012345", time.Microsecond},
		{"%F", "2026-03-09", 24 * time.Hour},
		{"", start, 1},
	} {
		f := format(t, "%START_TIME("+c.format+")%")
		var l accesslog.Line
		if err := f.Parse(c.text, &l); err != nil {
			t.Errorf("%s: %v", c.format, err)
			continue
		}
		full, err := time.Parse(time.RFC3339Nano, start)
		if err != nil {
			t.Fatal(err)
		}
		if got, want := l.Start.Time(), full.Truncate(c.resolution); !got.Equal(want) || l.Resolution != c.resolution {
			t.Errorf("%s: %v to %v, want %v to %v", c.format, got, l.Resolution, want, c.resolution)
		}
		if got := string(f.Append(nil, &l)); got != c.text {
			t.Errorf("%s: printed as %q, want %q", c.format, got, c.text)
		}
	}
}

func TestFormatsThatAreNone(t *testing.T) {
	for _, c := range []struct{ format, want string }{
		{"", "access log format: no operator such as %START_TIME% in it"},
		{"text 100%%", "access log format: no operator such as %START_TIME% in it"},
		{"%DURATION% 100%", `access log format: "%" begins no operator; a percent sign is written "%%"`},
		{"%DURATION", `access log format: "%DURATION" begins no operator; a percent sign is written "%%"`},
		{"%duration%", `access log format: "%duration%" begins no operator; a percent sign is written "%%"`},
		{"%REQ(:PATH%", `access log format: "%REQ" has no closing parenthesis`},
		{"%START_TIME(%Q)%", `access log format: %START_TIME%: time format has the unknown conversion "%Q"`},
		{"%START_TIME(%Y-%)%", `access log format: %START_TIME%: time format ends in "%"`},
		{"%DURATION%\n%DURATION%", "access log format: more than one line; logs are read line by line"},
		{strings.Repeat("%DURATION% ", 65), "access log format: format has 65 operators, more than 64"},
		{strings.Repeat("x", 1<<17), "access log format is longer than 65536 bytes"},
		{`{"a": "%DURATION%"`, "access log format: bad JSON: unexpected EOF"},
		{`{"a": "%DURATION%"} {}`, "access log format: bad JSON: more after the object"},
		{`{"a": "%DURATION"}`, `access log format: key "a": "%DURATION" begins no operator; a percent sign is written "%%"`},
		{`{"a": "%DURATION%", "a": 1}`, `access log format: key "a" stands twice`},
		{`{"a": {"b": ["%DURATION%"]}}`, "access log format: no operator such as %START_TIME% in it"},
		{strings.Repeat(`{"a":`, 17) + `"%DURATION%"` + strings.Repeat("}", 17), "access log format: objects stand in each other more than 16 deep"},
	} {
		_, err := accesslog.ParseFormat(c.format)
		if err == nil || err.Error() != c.want {
			t.Errorf("%.40s:\ngot  %v\nwant %s", c.format, err, c.want)
		}
	}
}

// A line that is not of the format says where it differs.
func TestMismatch(t *testing.T) {
	f := format(t, "[%START_TIME%] %DURATION% %REQ(:METHOD)% %UPSTREAM_HOST% x")
	for _, c := range []struct{ line, want string }{
		{"[yesterday] 5 GET 10.0.0.1:80 x", "not of the format: no value for %START_TIME%"},
		{"[2026-03-09T17:05:07Z] five GET 10.0.0.1:80 x", "not of the format: no value for %DURATION%"},
		{`[2026-03-09T17:05:07Z] 5 G"T 10.0.0.1:80 x`, "not of the format: no value for %REQ(:METHOD)%"},
		{"[2026-03-09T17:05:07Z] 5 GET 10.0.0.1:80", "not of the format: no value for %UPSTREAM_HOST%"},
		{"2026", "not of the format: no value for %START_TIME%"},
	} {
		var l accesslog.Line
		if err := f.Parse(c.line, &l); err == nil || err.Error() != c.want {
			t.Errorf("%s: %v, want %s", c.line, err, c.want)
		}
	}
}

// A format that is given is tried first; what is not of it is found out.
func TestReaderWithFormat(t *testing.T) {
	const custom = "%CONNECTION_ID%|%START_TIME(%s.%3f)%|%UPSTREAM_LOCAL_ADDRESS%"
	lines, r := readAll(t, strings.Join([]string{
		"17|1527590590.528|10.0.0.1:80",
		"2024-01-01T00:00:00.1Z stdout F 18|1527590590.529|-",
		outboundHTTP,
		"2024-01-01T00:00:00.123456Z\tinfo\txdsproxy\tconnected",
		"[2024-05-28 18:42:53.929][15][critical][main] [x] y",
		"nonsense",
	}, "\n"), format(t, custom))
	if len(lines) != 3 || lines[0].ConnectionID != 17 || lines[1].ConnectionID != 18 || lines[2].Status != 200 {
		t.Errorf("got %+v", lines)
	}
	if n, first := r.Malformed(); n != 1 || first[0] != (accesslog.Malformed{Line: 6, Text: "nonsense", Why: "not of the format given, and of no known one"}) || r.Skipped() != 2 {
		t.Errorf("%d malformed %v, %d skipped", n, first, r.Skipped())
	}
}

// JSON of other logs is not taken for that of the format that is given.
func TestReaderWithJSONFormat(t *testing.T) {
	lines, r := readAll(t, strings.Join([]string{
		`{"took":"5","pool":"10.0.0.1:80"}`,
		`{"level":"info","msg":"connected"}`,
		blackHoleJSON,
		`{"pool":null,"took":"soon"}`,
		"text of something else",
	}, "\n"), format(t, `{"took": "%DURATION%", "pool": "%UPSTREAM_LOCAL_ADDRESS%"}`))
	if len(lines) != 2 || lines[0].Duration != 5*ms || lines[0].UpstreamLocal != addr("10.0.0.1:80") || !slices.Contains(lines[1].Flags, "UH") {
		t.Errorf("got %+v", lines)
	}
	want := accesslog.Malformed{Line: 4, Text: `{"pool":null,"took":"soon"}`, Why: `cannot read "soon" of key "took"`}
	if n, first := r.Malformed(); n != 1 || first[0] != want || r.Skipped() != 2 {
		t.Errorf("%d malformed %v, %d skipped", n, first, r.Skipped())
	}
}

// Keys of JSON may be named after operators and headers, stand in objects, and
// have values of other types than Istio writes.
func TestLooseJSON(t *testing.T) {
	want := line(accesslog.HTTP, "2022-04-01T03:23:12.736Z", func(l *accesslog.Line) {
		l.Method, l.Path, l.Status, l.Duration = "GET", "/a\"b\\\u00e9\U0001f600\n", 200, 4*ms
		l.RequestID, l.ConnectionID, l.DownstreamDirect = "id", 17, addr("10.0.0.1:5")
	})
	for _, s := range []string{
		`{"start_time":"2022-04-01T03:23:12.736Z","method":"GET","path":"/a\"b\\\u00e9\ud83d\ude00\n","response_code":200,"duration":4,"request_id":"id","connection_id":17,"downstream_direct_remote_address":"10.0.0.1:5"}`,
		`{"start_time":"2022-04-01T03:23:12.736Z",":method":"GET",":path":"\/a\u0022b\\é😀\n","response_code":"200","duration":"4","x-request-id":"id","connection_id":"17","downstream_direct_remote_address":"10.0.0.1:5","upstream_host":""}`,
		`{"duration":4.0,"response_code":2e2,"k8s":{"pod":"x","log":{"start_time":"2022-04-01T03:23:12.736Z","method":"GET","path":"/a\"b\\é😀\n","request_id":"id","connection_id":17,"downstream_direct_remote_address":"10.0.0.1:5","duration":9}},"tags":[{"method":"no"},[]],"ok":true,"upstream_host":null}`,
	} {
		if diff := cmp.Diff(want, parse(t, s), equalAddresses); diff != "" {
			t.Errorf("%s: -want +got:\n%s", s, diff)
		}
	}
}

func TestBadJSON(t *testing.T) {
	f := accesslog.IstioJSON()
	for _, s := range []string{
		"", "{", "{}", "[]", "null", `{"a"}`, `{"a":}`, `{"a":1,}`, `{"a":1 "b":2}`, `{"a":x}`, `{"a":+-1}`, `{"a":"\x"}`, `{"a":"\u12"}`, `{"a":"`, `{"a":"\`,
		`{"a":[1,]}`, `{"a":[1}`, `{"a":1}}`, `{a:1}`, `{"duration":"x"}`, `{"duration":-1}`, `{"duration":1.5}`, `{"duration":true}`, `{"duration":1e300}`,
		`{"start_time":12}`, strings.Repeat(`{"a":`, 20) + "1" + strings.Repeat("}", 20), strings.Repeat(`{"a":[`, 9) + strings.Repeat("]}", 9),
	} {
		var l accesslog.Line
		if err := f.Parse(s, &l); err == nil {
			t.Errorf("%s is read", s)
		}
	}
}
