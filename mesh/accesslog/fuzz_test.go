package accesslog_test

import (
	"io"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pcapmesh/pcapmesh/mesh/accesslog"
)

// reread fails unless a line printed in the format is read back as the same.
func reread(t *testing.T, name string, f accesslog.Form, l *accesslog.Line) {
	t.Helper()
	printed := string(f.Append(nil, l))
	var again accesslog.Line
	if err := f.Parse(printed, &again); err != nil {
		t.Fatalf("format %s: %v:\n%q", name, err, printed)
	}
	if l.Kind == accesslog.Unknown { // keys were missing that are printed as null
		again.Kind = accesslog.Unknown
	}
	if diff := cmp.Diff(l, &again, equalAddresses); diff != "" {
		t.Fatalf("format %s: printed as %q\n-read +read again:\n%s", name, printed, diff)
	}
}

// What is read in a format of this package is printed and read as the same.
func FuzzLine(f *testing.F) {
	for _, l := range realLines() {
		f.Add(l)
	}
	f.Add(`{"direction":"outbound","bytes_sent":0}`) // ztunnel's, but for its source
	formats := predefined()
	f.Fuzz(func(t *testing.T, s string) {
		for name, f := range formats {
			var l accesslog.Line
			if f.Parse(s, &l) == nil {
				reread(t, name, f, &l)
			}
		}
	})
}

// Whatever is in a log, every line is counted once, and those read are valid.
func FuzzReader(f *testing.F) {
	for _, l := range realLines() {
		f.Add("2024-01-01T00:00:00.123456789Z stdout P " + l[:20] + "\n2024-01-01T00:00:00.123456789Z stdout F " + l[20:] + "\n" + l)
	}
	f.Add(`{"log":"[2022-04-01T03:23:12.736Z] \"- - -\" 0","stream":"stderr","time":""}`)
	f.Fuzz(func(t *testing.T, log string) {
		r := accesslog.NewReader(strings.NewReader(log), nil)
		read, last := 0, 0
		for {
			l, err := r.Next()
			if err == io.EOF {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			read++
			if l.Number < 1 || l.Number > r.Lines() || l.Start < 0 || (l.Start == 0) != (l.Resolution == 0) {
				t.Fatalf("line %+v", l)
			}
			last = max(last, l.Number)
		}
		broken, first := r.Malformed()
		if got := read + broken + r.Skipped(); got > r.Lines() {
			t.Errorf("%d lines read, %d malformed, %d skipped: more than %d", read, broken, r.Skipped(), r.Lines())
		}
		if want := min(broken, 3); len(first) != want {
			t.Errorf("%d of %d malformed lines are kept", len(first), broken)
		}
	})
}

// Any format compiles or is refused, and reads or refuses any line.
func FuzzFormat(f *testing.F) {
	for _, p := range predefined() {
		if p, ok := p.(*accesslog.Format); ok {
			f.Add(p.String(), outboundHTTP)
		}
	}
	f.Add("%START_TIME(%Y/%m/%dT%H:%M:%S%z %s)% %%", "2018/05/28T22:29:50+0000 1527546590 %")
	f.Add(`{"a":{"b":"x%DURATION% %REQ(A?B):3%"}}`, `{"a":{"b":"x5 y"}}`)
	f.Fuzz(func(t *testing.T, format, line string) {
		f, err := accesslog.ParseFormat(format)
		if err != nil {
			return
		}
		var l accesslog.Line
		if f.Parse(line, &l) != nil {
			return
		}
		printed := f.Append(nil, &l)
		if l.Start < 0 || len(printed) == 0 {
			t.Fatalf("%q: %+v", printed, l)
		}
	})
}

// The operators of FuzzCustom, each with a value that it prints as it reads it.
var operators = []struct{ name, value string }{
	{"START_TIME", "2022-04-01T03:23:12.736Z"}, {"START_TIME(%s.%3f)", "1648783392.736"}, {"START_TIME(%Y/%m/%d %H:%M:%S)", "2022/04/01 03:23:12"},
	{"DURATION", "5"}, {"REQUEST_DURATION", "6"}, {"RESPONSE_DURATION", "7"}, {"RESP(x-envoy-upstream-service-time)", "8"},
	{"UPSTREAM_LOCAL_ADDRESS", "[2001:db8::1]:40000"}, {"UPSTREAM_HOST", "10.0.0.1:80"}, {"UPSTREAM_REMOTE_PORT", "80"},
	{"DOWNSTREAM_LOCAL_ADDRESS", "10.0.0.2:0"}, {"DOWNSTREAM_REMOTE_ADDRESS", "10.0.0.3:5"}, {"DOWNSTREAM_DIRECT_REMOTE_ADDRESS", "10.0.0.4:6"},
	{"DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT", "10.0.0.3"}, {"DOWNSTREAM_REMOTE_PORT", "5"},
	{"CONNECTION_ID", "9"}, {"UPSTREAM_CONNECTION_ID", "10"}, {"UPSTREAM_REQUEST_ATTEMPT_COUNT", "2"},
	{"REQ(:METHOD)", "GET"}, {"REQ(X-ENVOY-ORIGINAL-PATH?:PATH)", "/a"}, {"REQ(:AUTHORITY)", "h:80"}, {"REQ(X-REQUEST-ID)", "id"},
	{"REQ(X-FORWARDED-FOR)", "10.0.0.5"}, {"REQ(USER-AGENT)", "curl"}, {"REQ(OTHER)", "-"}, {"PROTOCOL", "HTTP/2"},
	{"RESPONSE_CODE", "503"}, {"RESPONSE_FLAGS", "UF,URX"}, {"RESPONSE_CODE_DETAILS", "via_upstream"},
	{"CONNECTION_TERMINATION_DETAILS", "d"}, {"UPSTREAM_TRANSPORT_FAILURE_REASON", "r"}, {"BYTES_RECEIVED", "11"}, {"BYTES_SENT", "12"},
	{"UPSTREAM_WIRE_BYTES_SENT", "13"}, {"DOWNSTREAM_WIRE_BYTES_RECEIVED", "14"}, {"UPSTREAM_CLUSTER", "outbound|80||h"},
	{"REQUESTED_SERVER_NAME", "sni"}, {"ROUTE_NAME", "r"}, {"HOSTNAME", "-"},
}

// literals stand in no value of operators.
var literals = []string{"~", "~~", " ~ ", `" ~ "`, "]~[", "~%%~", "\t~"}

// A format of any operators in any order, as text and as JSON, reads a line
// made of their values, and prints it as it was. Times are of one moment to
// the second, so the finest is printed by all.
func FuzzCustom(f *testing.F) {
	f.Add([]byte{0, 1, 2, 3})
	f.Add([]byte{2, 0, 40, 41, 255})
	all := make([]byte, len(operators))
	for i := range all {
		all[i] = byte(i)
	}
	f.Add(all)
	f.Fuzz(func(t *testing.T, tape []byte) {
		if len(tape) == 0 || len(tape) > 60 {
			return
		}
		var text, line strings.Builder
		var keys, values []string
		for i, b := range tape {
			o, lit := operators[int(b)%len(operators)], literals[(i+int(b)/len(operators))%len(literals)]
			text.WriteString("%" + o.name + "%" + lit)
			line.WriteString(o.value + strings.ReplaceAll(lit, "%%", "%"))
			key := `"` + strings.Repeat("k", i+1) + `":`
			keys = append(keys, key+`"<%`+o.name+`%>"`)
			values = append(values, key+`"<`+o.value+`>"`)
		}
		check := func(format, line string) {
			f, err := accesslog.ParseFormat(format)
			if err != nil {
				t.Fatal(err)
			}
			var l accesslog.Line
			if err := f.Parse(line, &l); err != nil {
				t.Fatalf("%s of %s: %v", line, format, err)
			}
			if got := string(f.Append(nil, &l)); got != line {
				t.Fatalf("format %s\ngot  %s\nwant %s", format, got, line)
			}
			reread(t, format, f, &l)
		}
		check(text.String(), line.String())
		check("{"+strings.Join(keys, ",")+"}", "{"+strings.Join(values, ",")+"}")
	})
}

// A cluster is printed as it was read.
func FuzzCluster(f *testing.F) {
	f.Add("outbound|8000|v1|httpbin.foo.svc.cluster.local")
	f.Add("InboundPassthroughCluster;")
	f.Fuzz(func(t *testing.T, name string) {
		if c, ok := accesslog.ParseCluster(name); ok {
			again, ok := accesslog.ParseCluster(c.String())
			if !ok || again != c && !strings.HasSuffix(c.Host, ";") {
				t.Errorf("%q: %+v, again %+v", name, c, again)
			}
		}
	})
}
