package accesslog_test

import (
	"io"
	"strings"
	"testing"

	"github.com/pcapmesh/pcapmesh/mesh/accesslog"
)

// A million lines must take less than 1.5 s, so a line less than 1,500 ns.
func BenchmarkReader(b *testing.B) {
	docker := `{"log":"` + strings.ReplaceAll(outboundHTTP, `"`, `\"`) + `\n","stream":"stdout","time":"2022-04-01T03:23:13Z"}`
	bench := []struct{ name, line, format string }{
		{"text", outboundHTTP, ""},
		{"tcp", passthroughTCP, ""},
		{"json", string(accesslog.IstioJSON().Append(nil, parse(b, outboundHTTP))), ""},
		{"ztunnel", ztunnelInbound, ""},
		{"ztunnel json", ztunnelJSON, ""},
		{"custom", outboundHTTP, accesslog.Istio19().String()},
		{"custom json", string(accesslog.IstioJSON().Append(nil, parse(b, outboundHTTP))), accesslog.IstioJSON().String()},
		{"kubectl", "2022-04-01T03:23:13.000000001Z " + outboundHTTP, ""},
		{"docker", docker, ""},
		{"other", "2022-04-01T03:23:13.000001Z\tinfo\txdsproxy\tconnected to upstream XDS server: istiod.istio-system.svc:15012", ""},
	}
	for _, c := range bench {
		b.Run(c.name, func(b *testing.B) {
			var f *accesslog.Format
			if c.format != "" {
				f = format(b, c.format)
			}
			b.ReportAllocs()
			b.SetBytes(int64(len(c.line) + 1))
			r := accesslog.NewReader(&endless{line: []byte(c.line + "\n")}, f)
			for range b.N {
				if c.name == "other" {
					break
				}
				if _, err := r.Next(); err != nil {
					b.Fatal(err)
				}
			}
			if c.name == "other" {
				r = accesslog.NewReader(io.LimitReader(&endless{line: []byte(c.line + "\n")}, int64(b.N)*int64(len(c.line)+1)), f)
				if _, err := r.Next(); err != io.EOF || r.Skipped() != b.N {
					b.Fatal(err, r.Skipped())
				}
			}
			if n, first := r.Malformed(); n > 0 {
				b.Fatal(n, first)
			}
		})
	}
}

// endless repeats a line without end.
type endless struct {
	line []byte
	at   int
}

func (e *endless) Read(p []byte) (n int, err error) {
	for n < len(p) {
		c := copy(p[n:], e.line[e.at:])
		n, e.at = n+c, (e.at+c)%len(e.line)
	}
	return n, nil
}

// parse reads the one line of the access log in text.
func parse(t testing.TB, text string) *accesslog.Line {
	t.Helper()
	l, err := accesslog.NewReader(strings.NewReader(text), nil).Next()
	if err != nil {
		t.Fatalf("%.60s: %v", text, err)
	}
	kept := *l
	return &kept
}

func format(t testing.TB, s string) *accesslog.Format {
	t.Helper()
	f, err := accesslog.ParseFormat(s)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// The worst lines: every value may end at any of thousands of places, or every
// string has an escape.
func BenchmarkHostile(b *testing.B) {
	const head, tail = `[2022-04-01T03:23:12.736Z] "GET `, ` HTTP/1.1" 200 - via_upstream - "-" 0 605 4 3 "-" `
	for _, c := range []struct{ name, line string }{
		{"quotes", head + "/" + tail + strings.Repeat(`" "`, 20000)},
		{"spaces", head + strings.Repeat("/ ", 30000) + tail},
		{"escapes", `{"start_time":"2022-04-01T03:23:12.736Z"` + strings.Repeat(`,"\n":"\n"`, 6000) + "}"},
	} {
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(int64(len(c.line) + 1))
			in := io.LimitReader(&endless{line: []byte(c.line + "\n")}, int64(b.N)*int64(len(c.line)+1))
			r := accesslog.NewReader(in, nil)
			for {
				if _, err := r.Next(); err != nil {
					break
				}
			}
			if r.Lines() != b.N {
				b.Fatal(r.Lines())
			}
		})
	}
}
