//go:build linux

package mesh

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/pcapmesh/pcapmesh/internal/test/bed/world"
	"github.com/pcapmesh/pcapmesh/internal/test/truth"
)

// Access is one line of the access log that Envoy would have written in the
// proxy's place, in Istio's default text format since 1.23 (istio/istio
// pilot/pkg/model/telemetry_logging.go). The tags are the keys of Istio's
// JSON format; a nil there, and "-" in text, stand for what is not known.
type Access struct {
	Start     string  `json:"start_time"`
	Method    *string `json:"method"`
	Path      *string `json:"path"`
	Protocol  *string `json:"protocol"`
	Code      int     `json:"response_code"`
	Flags     string  `json:"response_flags"`
	Details   *string `json:"response_code_details"`
	Ending    *string `json:"connection_termination_details"`
	Failure   *string `json:"upstream_transport_failure_reason"`
	Received  int64   `json:"bytes_received"`
	Sent      int64   `json:"bytes_sent"`
	Duration  int64   `json:"duration"`
	Spent     *int64  `json:"upstream_service_time"`
	Forwarded *string `json:"x_forwarded_for"`
	Agent     *string `json:"user_agent"`
	ID        *string `json:"request_id"`
	Authority *string `json:"authority"`
	Upstream  *string `json:"upstream_host"`
	Cluster   *string `json:"upstream_cluster"`
	From      *string `json:"upstream_local_address"`
	Local     *string `json:"downstream_local_address"`
	Remote    *string `json:"downstream_remote_address"`
	SNI       *string `json:"requested_server_name"`
	Route     *string `json:"route_name"`
}

const refusedBy = "delayed_connect_error:_111" // ECONNREFUSED

// Access is the line of a log line; ok is false where Envoy writes none, since
// no request came, and where the log is too old to tell times.
func (l LogLine) Access() (a Access, ok bool) {
	if l.Total == nil || l.Kind == "http" && (l.Method == "<BADREQ>" || l.Idle < 0) {
		return a, false
	}
	a = Access{Flags: l.flags(), SNI: known(l.SNI), Cluster: known(l.cluster()),
		Upstream: address(l.Server()), From: address(l.From()), Local: address(l.Dialled()), Remote: address(l.Client())}
	if l.refused() {
		a.From, a.Failure = nil, known(refusedBy)
	}
	start := l.T
	if l.Kind == "http" {
		start = l.Began()
		l.exchange(&a)
	} else {
		a.Received, a.Sent, a.Duration = l.Up, l.Down, *l.Total
	}
	a.Start = time.UnixMilli(start).UTC().Format("2006-01-02T15:04:05.000Z")
	return a, true
}

// Began is when the first byte of the request reached the proxy, in
// milliseconds since 1970. The times that lead to it are cut off, so that their
// sum is up to two milliseconds early; the time of the whole head is late where
// the proxy was busy.
func (l LogLine) Began() int64 {
	first := l.T + max(l.Shake, 0) + l.Idle
	if head, err := strconv.ParseInt(l.Start, 10, 64); err == nil {
		return max(first, min(head, first+1))
	}
	return first
}

// exchange adds what only HTTP has.
func (l LogLine) exchange(a *Access) {
	a.Method, a.Path, a.Protocol = &l.Method, &l.Target, known(strings.TrimSuffix(l.Version, ".0"))
	if l.Version == "HTTP/1.0" {
		a.Protocol = &l.Version
	}
	a.Code, a.Details, a.Route = max(l.Status, 0), known(l.details()), known("default")
	if l.Backend == "passthrough" {
		a.Route = known("allow_any")
	}
	a.Received, _ = body(l.Up, l.Asked)
	a.Sent = l.answer()
	if l.Method == http.MethodHead {
		a.Sent = 0
	}
	a.Duration = l.Active
	if l.Active < 0 { // called off
		a.Duration = max(*l.Total-max(l.Shake, 0)-l.Idle, 0)
	}
	if n, err := strconv.ParseInt(l.Spent, 10, 64); err == nil {
		a.Spent = &n
	}
	a.Forwarded, a.Agent, a.ID, a.Authority = known(l.XFF), known(l.Agent), known(l.ID), known(l.Host)
}

// body is how many of a message's bytes in HAProxy's own form are its body.
// The rest are the start line, each header's name and value, one byte for the
// end of these, another for the end of a chunked body, and trailers. head has
// the size of the start line, that of the headers as text, their number, those
// of transfer-encoding, content-length and trailer, and the version. Without a
// content-length HTTP/2 may have a byte for the end too, or not: open is then
// true. The assembly holds the result, with HAProxy 2.6, against the clients.
func body(bytes int64, head string) (n int64, open bool) {
	var line, text, headers, chunked, length, trailers int64
	var version string
	if k, _ := fmt.Sscan(head, &line, &text, &headers, &chunked, &length, &trailers, &version); k < 7 {
		return bytes, false
	}
	const colon, end = int64(len(": \r\n")), int64(len("\r\n"))
	bytes -= line + text - end - headers*colon + 1
	if bytes > 0 {
		bytes -= chunked
	}
	return max(bytes-trailers*trailer, 0), bytes > 0 && length == 0 && strings.HasPrefix(version, "2")
}

// The trailers that are ever sent, which HAProxy counts too: x-sum: 1, and
// those of gRPC, grpc-status: 0 and an empty grpc-message.
const (
	trailer     = int64(len("x-sum1"))
	grpcTrailer = int64(len("grpc-status0grpc-message"))

	grpcPrefix = 5 // before each message of gRPC: a flag and its length
)

// answer is the length of the response's body. Where HAProxy leaves it open, it
// is what was asked for: size bytes, or messages of one length.
func (l LogLine) answer() int64 {
	if l.Answered == "-" { // made by the proxy
		n, _ := strconv.ParseInt(l.Length, 10, 64)
		return n
	}
	n, open := body(l.Down, l.Answered)
	if !open {
		return n
	}
	if unit := int64(world.Number(l.Unit)); unit > 0 {
		unit += grpcPrefix
		return max(n-grpcTrailer, 0) / unit * unit
	}
	if u, err := url.Parse(l.Target); err == nil && u.Query().Has("size") {
		return int64(world.Number(u.Query().Get("size")))
	}
	return n
}

// refused says whether the last connection that was tried was refused.
func (l LogLine) refused() bool { return strings.HasPrefix(l.State, "SC") }

// flags are Envoy's response flags for HAProxy's reason of the end: who ended
// it, and at what stage. Retries that were used up are URX, which on raw TCP
// comes with every failure to connect.
func (l LogLine) flags() string {
	tries := world.Number(l.Retries)
	switch {
	case l.refused() && (l.Kind == "tcp" || tries > 0):
		return "UF,URX"
	case l.refused(), strings.HasPrefix(l.State, "sC"):
		return "UF"
	case strings.HasPrefix(l.State, "C"), strings.HasPrefix(l.State, "c"):
		return "DC"
	case strings.HasPrefix(l.State, "S"):
		return "UC"
	case tries > 0 && l.Status == http.StatusServiceUnavailable:
		return "URX"
	}
	return "-"
}

// details is why the response is what it is.
func (l LogLine) details() string {
	switch {
	case l.refused():
		return "upstream_reset_before_response_started{remote_connection_failure," + refusedBy + "}"
	case l.flags() == "DC":
		return "downstream_remote_disconnect"
	case l.flags() == "UC" && l.Answered == "-":
		return "upstream_reset_before_response_started{connection_termination}"
	case l.flags() == "UC":
		return "upstream_reset_after_response_started{connection_termination}"
	}
	return "via_upstream"
}

// cluster is Istio's name of where the exchange went.
func (l LogLine) cluster() string {
	switch n, routed := strings.CutPrefix(l.Backend, "route"); {
	case routed:
		name := "svc"
		if k := world.Number(n); k > 0 {
			name = fmt.Sprintf("svc-%d", k+1)
		}
		return fmt.Sprintf("outbound|%d||%s.default.svc.cluster.local", l.FP, name)
	case l.Dir == "in":
		return fmt.Sprintf("inbound|%d||", l.FP)
	}
	return "PassthroughCluster"
}

// text is the line in Istio's default text format.
func (a Access) text() string {
	or := func(s *string) string {
		if s == nil {
			return "-"
		}
		return *s
	}
	spent := "-"
	if a.Spent != nil {
		spent = strconv.FormatInt(*a.Spent, 10)
	}
	return fmt.Sprintf("[%s] \"%s %s %s\" %d %s %s %s \"%s\" %d %d %d %s \"%s\" \"%s\" \"%s\" \"%s\" \"%s\" %s %s %s %s %s %s\n",
		a.Start, or(a.Method), or(a.Path), or(a.Protocol), a.Code, a.Flags, or(a.Details), or(a.Ending), or(a.Failure),
		a.Received, a.Sent, a.Duration, spent, or(a.Forwarded), or(a.Agent), or(a.ID), or(a.Authority), or(a.Upstream),
		or(a.Cluster), or(a.From), or(a.Local), or(a.Remote), or(a.SNI), or(a.Route))
}

// known is nil for what HAProxy has nothing for.
func known(s string) *string {
	if s == "" || s == "-" {
		return nil
	}
	return &s
}

func address(a netip.AddrPort) *string {
	if !a.IsValid() {
		return nil
	}
	s := a.String()
	return &s
}

// accessLog is the access log of lines, in the order in which they were
// written: that of the ends.
func accessLog(lines []LogLine, form func(Access) ([]byte, error)) ([]byte, error) {
	var out []byte
	for _, l := range lines {
		a, ok := l.Access()
		if !ok {
			continue
		}
		b, err := form(a)
		if err != nil {
			return nil, err
		}
		out = append(out, b...)
	}
	return out, nil
}

// WriteAccess writes the access log that Envoy would have written in the place
// of a proxy whose log is given: in Istio's text format, or as JSON if the file's
// name ends so.
func WriteAccess(name string, log []byte) error {
	lines, err := parseLog(log)
	if err != nil {
		return err
	}
	form := asText
	if filepath.Ext(name) == ".json" {
		form = asJSON
	}
	return writeAccess(name, lines, form)
}

func asText(a Access) ([]byte, error) { return []byte(a.text()), nil }

func asJSON(a Access) ([]byte, error) {
	var w bytes.Buffer
	e := json.NewEncoder(&w)
	e.SetEscapeHTML(false)
	err := e.Encode(a)
	return w.Bytes(), err
}

// AccessLogs writes, beside every log of the proxy in dir, the access log that
// Envoy would have written. It returns the names of logs that are too old: they
// do not tell when a request began, nor how long it took.
func AccessLogs(dir string) (old []string, err error) {
	names, err := filepath.Glob(filepath.Join(dir, "*-haproxy.log*"))
	if err != nil {
		return nil, err
	}
	for _, n := range names {
		text, err := os.ReadFile(n)
		if err != nil {
			return nil, err
		}
		if text, err = truth.Unpacked(text); err != nil {
			return nil, fmt.Errorf("%s: %w", n, err)
		}
		lines, err := parseLog(text)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", n, err)
		}
		if len(lines) > 0 && lines[0].Total == nil {
			old = append(old, filepath.Base(n))
			continue
		}
		base, _, _ := strings.Cut(n, "haproxy.log")
		if err := writeAccess(base+"access.log", lines, asText); err != nil {
			return nil, err
		}
	}
	return old, nil
}

func writeAccess(name string, lines []LogLine, form func(Access) ([]byte, error)) error {
	text, err := accessLog(lines, form)
	if err != nil {
		return err
	}
	return os.WriteFile(name, text, 0o644)
}
