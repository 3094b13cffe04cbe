package accesslog_test

import (
	"encoding/json"
	"io"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/pcapmesh/pcapmesh/capture"
	"github.com/pcapmesh/pcapmesh/mesh/accesslog"
)

// line returns a line that says nothing but what edit adds.
func line(kind accesslog.Kind, start string, edit func(*accesslog.Line)) *accesslog.Line {
	l := &accesslog.Line{
		Number: 1, Kind: kind, Duration: -1, RequestDuration: -1, ResponseDuration: -1, ServiceTime: -1, BytesReceived: -1, BytesSent: -1,
		UpstreamWireSent: -1, UpstreamWireReceived: -1, DownstreamWireSent: -1, DownstreamWireReceived: -1,
	}
	if start != "" {
		t, err := time.Parse(time.RFC3339Nano, start)
		if err != nil {
			panic(err)
		}
		l.Start, l.Resolution = capture.Time(t.UnixNano()), time.Duration(int64(time.Millisecond))
	}
	edit(l)
	return l
}

func addr(s string) netip.AddrPort { return netip.MustParseAddrPort(s) }

const ms = time.Millisecond

var equalAddresses = cmpopts.EquateComparable(netip.AddrPort{})

func TestRealLines(t *testing.T) {
	for _, c := range []struct {
		name, text string
		want       *accesslog.Line
	}{
		{"outbound http", outboundHTTP, line(accesslog.HTTP, "2022-04-01T03:23:12.736Z", func(l *accesslog.Line) {
			l.Method, l.Path, l.Protocol, l.Status, l.CodeDetails = "GET", "/get", "HTTP/1.1", 200, "via_upstream"
			l.BytesReceived, l.BytesSent, l.Duration, l.ServiceTime = 0, 605, 4*ms, 3*ms
			l.UserAgent, l.RequestID, l.Authority = "curl/7.82.0-DEV", "200efb6c-82be-4760-8ab6-7b6af588d4fb", "httpbin:8000"
			l.UpstreamHost, l.Cluster = addr("10.244.0.31:80"), "outbound|8000||httpbin.default.svc.cluster.local"
			l.UpstreamLocal, l.DownstreamLocal, l.DownstreamRemote = addr("10.244.0.26:35086"), addr("10.96.71.143:8000"), addr("10.244.0.26:41616")
			l.Route = "default"
		})},
		{"inbound http", inboundHTTP, line(accesslog.HTTP, "2022-04-01T03:23:12.738Z", func(l *accesslog.Line) {
			l.Method, l.Path, l.Protocol, l.Status, l.CodeDetails = "GET", "/get", "HTTP/1.1", 200, "via_upstream"
			l.BytesReceived, l.BytesSent, l.Duration, l.ServiceTime = 0, 605, 2*ms, 2*ms
			l.UserAgent, l.RequestID, l.Authority = "curl/7.82.0-DEV", "200efb6c-82be-4760-8ab6-7b6af588d4fb", "httpbin:8000"
			l.UpstreamHost, l.Cluster = addr("10.244.0.31:80"), "inbound|80||"
			l.UpstreamLocal, l.DownstreamLocal, l.DownstreamRemote = addr("127.0.0.6:52027"), addr("10.244.0.31:80"), addr("10.244.0.26:35086")
			l.SNI, l.Route = "outbound_.8000_._.httpbin.default.svc.cluster.local", "default"
		})},
		{"outbound 1.9", outbound19, line(accesslog.HTTP, "2020-11-25T21:26:18.409Z", func(l *accesslog.Line) {
			l.Method, l.Path, l.Protocol, l.Status, l.CodeDetails = "GET", "/status/418", "HTTP/1.1", 418, "via_upstream"
			l.BytesReceived, l.BytesSent, l.Duration, l.ServiceTime = 0, 135, 4*ms, 4*ms
			l.UserAgent, l.RequestID, l.Authority = "curl/7.73.0-DEV", "84961386-6d84-929d-98bd-c5aee93b5c88", "httpbin:8000"
			l.UpstreamHost, l.Cluster = addr("10.44.1.27:80"), "outbound|8000||httpbin.foo.svc.cluster.local"
			l.UpstreamLocal, l.DownstreamLocal, l.DownstreamRemote = addr("10.44.1.23:37652"), addr("10.0.45.184:8000"), addr("10.44.1.23:46520")
			l.Route = "default"
		})},
		{"inbound 1.9", inbound19, line(accesslog.HTTP, "2020-11-25T21:26:18.409Z", func(l *accesslog.Line) {
			l.Method, l.Path, l.Protocol, l.Status, l.CodeDetails = "GET", "/status/418", "HTTP/1.1", 418, "via_upstream"
			l.BytesReceived, l.BytesSent, l.Duration, l.ServiceTime = 0, 135, 3*ms, 1*ms
			l.UserAgent, l.RequestID, l.Authority = "curl/7.73.0-DEV", "84961386-6d84-929d-98bd-c5aee93b5c88", "httpbin:8000"
			l.UpstreamHost, l.Cluster = addr("127.0.0.1:80"), "inbound|8000||"
			l.UpstreamLocal, l.DownstreamLocal, l.DownstreamRemote = addr("127.0.0.1:41854"), addr("10.44.1.27:80"), addr("10.44.1.23:37652")
			l.SNI, l.Route = "outbound_.8000_._.httpbin.foo.svc.cluster.local", "default"
		})},
		{"passthrough tcp 1.3", passthroughTCP, line(accesslog.TCP, "2020-05-19T19:53:38.151Z", func(l *accesslog.Line) {
			l.BytesReceived, l.BytesSent, l.Duration = 2279, 3059, 63*ms
			l.UpstreamHost, l.Cluster = addr("1.2.3.4:443"), "PassthroughCluster"
			l.UpstreamLocal, l.DownstreamLocal, l.DownstreamRemote = addr("10.0.0.93:37018"), addr("1.2.3.4:443"), addr("10.0.0.93:39849")
		})},
		{"inbound tcp 1.1", inboundTCP11, line(accesslog.TCP, "2019-04-23T11:02:56.481Z", func(l *accesslog.Line) {
			l.BytesReceived, l.BytesSent, l.Duration = 129, 200, 81*ms
			l.UpstreamHost, l.Cluster = addr("127.0.0.1:8081"), "inbound|8081|mgmt-8081|mgmtCluster"
			l.UpstreamLocal, l.DownstreamLocal, l.DownstreamRemote = addr("127.0.0.1:43756"), addr("10.16.118.7:8081"), addr("10.16.118.1:60630")
		})},
		{"black hole", blackHole, line(accesslog.TCP, "2020-04-15T00:02:27.874Z", func(l *accesslog.Line) {
			l.Flags, l.BytesReceived, l.BytesSent, l.Duration = []string{"UH"}, 0, 0, 0
			l.DownstreamLocal, l.DownstreamRemote = addr("35.170.216.115:443"), addr("10.28.1.90:59692")
		})},
		{"black hole json", blackHoleJSON, line(accesslog.TCP, "2021-06-04T14:35:50.462Z", func(l *accesslog.Line) {
			l.Flags, l.BytesReceived, l.BytesSent, l.Duration = []string{"UH"}, 0, 0, 8*ms
			l.DownstreamLocal, l.DownstreamRemote = addr("13.249.75.75:443"), addr("172.17.3.28:35070")
		})},
		{"refused tcp", refusedTCP, line(accesslog.TCP, "2024-05-28T18:42:53.929Z", func(l *accesslog.Line) {
			l.Flags, l.TransportFailure = []string{"UF", "URX"}, "delayed_connect_error:_111"
			l.BytesReceived, l.BytesSent, l.Duration = 0, 0, 0
			l.UpstreamHost, l.Cluster = addr("100.72.2.95:7801"), "InboundPassthroughClusterIpv4"
			l.DownstreamLocal, l.DownstreamRemote = addr("100.72.2.95:7801"), addr("100.72.9.97:33948")
		})},
		{"refused http", refusedHTTP, line(accesslog.HTTP, "2024-05-28T15:12:57.143Z", func(l *accesslog.Line) {
			l.Method, l.Path, l.Protocol, l.Status = "POST", "/plugins/high-availability/event/ref-updated", "HTTP/1.1", 503
			l.Flags, l.CodeDetails = []string{"UF"}, "upstream_reset_before_response_started{remote_connection_failure,delayed_connect_error:_111}"
			l.TransportFailure = "delayed_connect_error:_111"
			l.BytesReceived, l.BytesSent, l.Duration = 398, 152, 0
			l.UserAgent, l.RequestID = "Apache-HttpClient/4.5.14 (Java/17.0.10)", "87383523-4754-4ac6-9acd-5e63d4cebb65"
			l.Authority, l.UpstreamHost, l.Cluster = "redacted.svc.cluster.local:8080", addr("100.72.2.83:8080"), "inbound|8080||"
			l.DownstreamLocal, l.DownstreamRemote, l.Route = addr("100.72.2.83:8080"), addr("100.72.9.85:44759"), "default"
		})},
		{"egress http 1.3", egressHTTP, line(accesslog.HTTP, "2019-09-03T20:57:49.103Z", func(l *accesslog.Line) {
			l.Method, l.Path, l.Protocol, l.Status = "GET", "/politics", "HTTP/2", 301
			l.BytesReceived, l.BytesSent, l.Duration, l.ServiceTime = 0, 0, 90*ms, 89*ms
			l.ForwardedFor, l.UserAgent, l.RequestID = "10.244.2.10", "curl/7.64.0", "ea379962-9b5c-4431-ab66-f01994f5a5a5"
			l.Authority, l.UpstreamHost, l.Cluster = "edition.cnn.com", addr("151.101.65.67:80"), "outbound|80||edition.cnn.com"
			l.DownstreamLocal, l.DownstreamRemote, l.SNI = addr("10.244.1.5:80"), addr("10.244.2.10:50482"), "edition.cnn.com"
		})},
		{"egress tls 1.0", egressTLS, line(accesslog.TCP, "2019-01-02T11:46:46.981Z", func(l *accesslog.Line) {
			l.BytesReceived, l.BytesSent, l.Duration = 627, 1879689, 44*ms
			l.UpstreamHost, l.Cluster = addr("151.101.129.67:443"), "outbound|443||edition.cnn.com"
			l.UpstreamLocal, l.DownstreamLocal, l.DownstreamRemote = addr("172.30.109.80:41122"), addr("172.30.109.80:443"), addr("172.30.109.112:59970")
			l.SNI = "edition.cnn.com"
		})},
		{"outbound json", outboundJSON, line(accesslog.Unknown, "", func(l *accesslog.Line) {
			l.UpstreamHost, l.Cluster = addr("10.42.4.107:34021"), "outbound|34021|release-brand|sapi-tenant-part.sopei-biz.svc.cluster.local"
			l.UpstreamLocal, l.DownstreamLocal, l.DownstreamRemote = addr("10.42.0.84:52930"), addr("10.43.171.192:34021"), addr("10.42.0.84:47918")
		})},
		{"ztunnel", ztunnelReadme, line(accesslog.Ztunnel, "2024-04-19T16:31:53.555836Z", func(l *accesslog.Line) {
			l.DownstreamRemote, l.UpstreamHost, l.HBONEAddr = addr("10.244.0.24:46238"), addr("10.244.0.42:15008"), "10.96.108.116:80"
			l.SrcWorkload, l.SrcNamespace, l.SrcIdentity = "sleep-7656cf8794-s4wwq", "default", "spiffe://cluster.local/ns/default/sa/sleep"
			l.DstService, l.Direction = "echo.default.svc.cluster.local", "outbound"
			l.BytesReceived, l.BytesSent, l.Duration = 67, 490, 13*ms
		})},
		{"ztunnel inbound", ztunnelInbound, line(accesslog.Ztunnel, "2025-04-01T14:00:57.463412Z", func(l *accesslog.Line) {
			l.DownstreamRemote, l.DownstreamLocal, l.HBONEAddr = addr("10.244.3.9:52462"), addr("10.244.3.8:15008"), "10.244.3.8:8080"
			l.SrcWorkload, l.SrcNamespace, l.SrcIdentity = "simple-http-waypoint-547d6d7b8b-4xckr", "default", "spiffe://cluster.local/ns/default/sa/simple-http-waypoint"
			l.DstService, l.DstWorkload, l.DstNamespace = "httpbin.default.svc.cluster.local", "httpbin-54845dfb75-4tsvd", "default"
			l.DstIdentity, l.Direction = "spiffe://cluster.local/ns/default/sa/httpbin", "inbound"
			l.BytesReceived, l.BytesSent, l.Duration = 156, 564, 5013*ms
		})},
		{"ztunnel json", ztunnelJSON, line(accesslog.Ztunnel, "2026-08-10T08:19:57.944669Z", func(l *accesslog.Line) {
			l.DownstreamRemote, l.UpstreamHost, l.HBONEAddr = addr("10.244.0.6:57866"), addr("10.244.0.7:15008"), "10.244.0.7:18080"
			l.SrcWorkload, l.SrcNamespace, l.SrcIdentity = "http-client-7fc85576c4-h95l5", "default", "spiffe://cluster.local/ns/default/sa/http-client-sa"
			l.DstService, l.DstWorkload, l.DstNamespace = "http-service.default.svc.cluster.local", "http-server-7bbf596dd9-4rgdc", "default"
			l.DstIdentity, l.Direction = "spiffe://cluster.local/ns/default/sa/http-server-sa", "outbound"
			l.BytesReceived, l.BytesSent, l.Duration = 16, 16, 1006*ms
		})},
	} {
		t.Run(c.name, func(t *testing.T) {
			if diff := cmp.Diff(c.want, parse(t, c.text), equalAddresses); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

// readAll reads a log and returns its lines.
func readAll(t *testing.T, log string, f *accesslog.Format) ([]accesslog.Line, *accesslog.Reader) {
	t.Helper()
	r := accesslog.NewReader(strings.NewReader(log), f)
	var lines []accesslog.Line
	for {
		l, err := r.Next()
		if err == io.EOF {
			return lines, r
		}
		if err != nil {
			t.Fatal(err)
		}
		lines = append(lines, *l)
	}
}

// All formats in one file, among the messages of the agent and Envoy.
func TestMixedLog(t *testing.T) {
	messages := []string{
		"2024-01-01T00:00:00.123456Z\tinfo\txdsproxy\tconnected to upstream XDS server: istiod.istio-system.svc:15012",
		"2024-01-01T00:00:00.123456Z\twarning\tenvoy config external/envoy/source/common/config/grpc_stream.h:191\tgRPC config stream closed",
		"[2024-05-28 18:42:53.929][15][critical][main] [external/envoy/source/server/server.cc:117] std::bad_alloc called",
		`{"level":"info","time":"2024-01-01T00:00:00.123456Z","scope":"xdsproxy","msg":"connected"}`,
		`{"level":"debug","time":"2024-01-01T00:00:00.123456Z","scope":"access","message":"connection opened","src.addr":"10.0.0.1:5"}`,
		"2024-01-01T00:00:00.123456Z  INFO ztunnel: listening on 15008",
		"anything else",
	}
	var log []string
	for i, l := range slices.Concat(realLines(), realLines()) {
		log = append(log, messages[i%len(messages)], l, "")
	}
	lines, r := readAll(t, strings.Join(log, "\n"), nil)
	if got, want := len(lines), 2*len(realLines()); got != want {
		t.Errorf("%d lines, want %d", got, want)
	}
	for i, l := range lines {
		want := *parse(t, realLines()[i%len(realLines())])
		want.Number = 3*i + 2
		if diff := cmp.Diff(want, l, equalAddresses); diff != "" {
			t.Errorf("line %d: -want +got:\n%s", i, diff)
		}
	}
	if n, first := r.Malformed(); n != 0 {
		t.Errorf("%d malformed: %v", n, first)
	}
	if got, want := r.Skipped(), len(lines); got != want {
		t.Errorf("%d other lines, want %d", got, want)
	}
	if got, want := r.Lines(), len(log)-1; got != want { // the last is empty and has no line break
		t.Errorf("%d lines in all, want %d", got, want)
	}
}

// What runtimes and kubectl put around lines changes nothing of them.
func TestEnvelopes(t *testing.T) {
	docker := func(s string) string {
		b, err := json.Marshal(map[string]string{"log": s + "\n", "stream": "stdout", "time": "2024-01-01T00:00:00.1Z"})
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	const at, pod = "2024-01-01T00:00:00.123456789Z ", "[pod/httpbin-7f/istio-proxy] "
	halves := func(open, tagP, tagF string) func(string) string {
		return func(s string) string {
			n := len(s) / 2
			return open + tagP + s[:n] + "\n" + open + tagF + s[n:]
		}
	}
	for name, wrap := range map[string]func(string) string{
		"timestamps":        func(s string) string { return at + s },
		"timestamps, zone":  func(s string) string { return "2024-01-01T00:00:00.123456789+02:00 " + s },
		"prefix":            func(s string) string { return pod + s },
		"prefix, timestamp": func(s string) string { return pod + at + s },
		"cri":               func(s string) string { return at + "stdout F " + s },
		"cri stderr":        func(s string) string { return at + "stderr F " + s },
		"cri, pieces":       halves(at, "stdout P ", "stdout F "),
		"docker":            docker,
		"docker, pieces": func(s string) string {
			n := len(s) / 3
			return strings.Replace(docker(s[:n]), `\n"`, `"`, 1) + "\n" + strings.Replace(docker(s[n:2*n]), `\n"`, `"`, 1) + "\n" + docker(s[2*n:])
		},
		"carriage return": func(s string) string { return s + "\r" },
	} {
		t.Run(name, func(t *testing.T) {
			for _, s := range realLines() {
				lines, r := readAll(t, "unlike\n"+wrap(s)+"\n", nil)
				if n, first := r.Malformed(); n > 0 || len(lines) != 1 || r.Skipped() != 1 {
					t.Fatalf("%d lines, %d malformed %v, %d skipped: %s", len(lines), n, first, r.Skipped(), wrap(s))
				}
				want := *parse(t, s)
				want.Number = 2
				if diff := cmp.Diff(want, lines[0], equalAddresses); diff != "" {
					t.Errorf("-want +got:\n%s", diff)
				}
			}
		})
	}
}

// Pieces of two streams may lie between each other.
func TestPiecesOfTwoStreams(t *testing.T) {
	const at = "2024-01-01T00:00:00.123456789Z "
	n := len(outboundHTTP) / 2
	lines, _ := readAll(t, at+"stdout P "+outboundHTTP[:n]+"\n"+at+"stderr P "+inboundHTTP[:n]+"\n"+
		at+"stdout F "+outboundHTTP[n:]+"\n"+at+"stderr F "+inboundHTTP[n:]+"\n", nil)
	if len(lines) != 2 || lines[0].Number != 1 || lines[1].Number != 2 || lines[0].Duration != 4*ms || lines[1].Duration != 2*ms {
		t.Errorf("got %+v", lines)
	}
}

func TestMalformedLinesAreCounted(t *testing.T) {
	long := strings.Replace(outboundHTTP, "/get", "/"+strings.Repeat("x", 64<<10), 1)
	log := strings.Join([]string{
		outboundHTTP,
		outboundHTTP[:200],
		`{"start_time":"yesterday"}`,
		long,
		`{"start_time":`,
		`{"log":"[2022-`,
		"2024-04-19T16:31:53.568836Z  INFO access: connection complete src.addr=10.0.0.1:5 dst.addr=\"x",
		inboundHTTP,
		"2024-01-01T00:00:00.1Z stdout P " + inboundHTTP[:100],
	}, "\n")
	lines, r := readAll(t, log, nil)
	if len(lines) != 2 || lines[1].Number != 8 {
		t.Errorf("%d lines", len(lines))
	}
	n, first := r.Malformed()
	want := []accesslog.Malformed{
		{Line: 2, Text: outboundHTTP[:200], Why: "no known access log format; give its format string"},
		{Line: 3, Text: `{"start_time":"yesterday"}`, Why: `cannot read "yesterday" of key "start_time"`},
		{Line: 4, Text: long[:200], Why: "longer than 65536 bytes"},
	}
	if n != 7 {
		t.Errorf("%d malformed, want 7", n)
	}
	if diff := cmp.Diff(want, first); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if r.Lines() != 9 {
		t.Errorf("%d lines, want 9", r.Lines())
	}
}

// A log that ends inside a line says so.
func TestLogEndsInsideLine(t *testing.T) {
	const at = "2024-01-01T00:00:00.123456789Z "
	_, r := readAll(t, at+"stdout P "+outboundHTTP[:100], nil)
	if n, first := r.Malformed(); n != 1 || first[0] != (accesslog.Malformed{Line: 1, Text: outboundHTTP[:100], Why: "the log ends inside the line"}) {
		t.Errorf("%d malformed: %v", n, first)
	}
	lines, _ := readAll(t, at+"stdout P "+outboundHTTP, nil)
	if len(lines) != 1 {
		t.Errorf("%d lines of a whole one marked as a piece, want 1", len(lines))
	}
}

// Pieces without end are not kept.
func TestEndlessPieces(t *testing.T) {
	piece := "2024-01-01T00:00:00.1Z stdout P " + strings.Repeat("x", 1000) + "\n"
	lines, r := readAll(t, strings.Repeat(piece, 1000)+"2024-01-01T00:00:00.1Z stdout F end\n"+outboundHTTP, nil)
	if n, first := r.Malformed(); n != 1 || first[0] != (accesslog.Malformed{Line: 1, Text: strings.Repeat("x", 200), Why: "longer than 65536 bytes"}) || len(lines) != 1 {
		t.Errorf("%d lines, %d malformed: %v", len(lines), n, first)
	}
}

// failing fails after what it has.
type failing struct{ io.Reader }

func (f failing) Read(p []byte) (int, error) {
	n, err := f.Reader.Read(p)
	if err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	return n, err
}

func TestErrorOfTheReader(t *testing.T) {
	r := accesslog.NewReader(failing{strings.NewReader(outboundHTTP + "\n" + inboundHTTP)}, nil)
	for range 2 {
		if _, err := r.Next(); err != nil {
			t.Fatal(err)
		}
	}
	for range 2 {
		if _, err := r.Next(); err != io.ErrUnexpectedEOF {
			t.Errorf("error %v, want that of the reader, again and again", err)
		}
	}
}
