//go:build linux

package envoy

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"time"
)

// istioFormat is Istio's default access log since 1.23
// (pilot/pkg/model/telemetry_logging.go).
const istioFormat = `[%START_TIME%] "%REQ(:METHOD)% %REQ(X-ENVOY-ORIGINAL-PATH?:PATH)% %PROTOCOL%" %RESPONSE_CODE% %RESPONSE_FLAGS% ` +
	`%RESPONSE_CODE_DETAILS% %CONNECTION_TERMINATION_DETAILS% "%UPSTREAM_TRANSPORT_FAILURE_REASON%" %BYTES_RECEIVED% %BYTES_SENT% %DURATION% ` +
	`%RESP(X-ENVOY-UPSTREAM-SERVICE-TIME)% "%REQ(X-FORWARDED-FOR)%" "%REQ(USER-AGENT)%" "%REQ(X-REQUEST-ID)%" "%REQ(:AUTHORITY)%" ` +
	`"%UPSTREAM_HOST%" %UPSTREAM_CLUSTER_RAW% %UPSTREAM_LOCAL_ADDRESS% %DOWNSTREAM_LOCAL_ADDRESS% %DOWNSTREAM_REMOTE_ADDRESS% ` +
	"%REQUESTED_SERVER_NAME% %ROUTE_NAME%\n"

// truthFormat is what a Line has.
var truthFormat = map[string]string{
	"conn": "%CONNECTION_ID%", "upconn": "%UPSTREAM_CONNECTION_ID%", "attempts": "%UPSTREAM_REQUEST_ATTEMPT_COUNT%",
	"client": "%DOWNSTREAM_DIRECT_REMOTE_ADDRESS%", "dialled": "%DOWNSTREAM_LOCAL_ADDRESS%",
	"from": "%UPSTREAM_LOCAL_ADDRESS%", "to": "%UPSTREAM_REMOTE_ADDRESS%", "host": "%UPSTREAM_HOST%", "cluster": "%UPSTREAM_CLUSTER_RAW%",
	"method": "%REQ(:METHOD)%", "target": "%REQ(X-ENVOY-ORIGINAL-PATH?:PATH)%", "id": "%REQ(X-REQUEST-ID)%", "status": "%RESPONSE_CODE%",
	"flags": "%RESPONSE_FLAGS%", "received": "%BYTES_RECEIVED%", "sent": "%BYTES_SENT%", "tls": "%DOWNSTREAM_TLS_VERSION%", "protocol": "%PROTOCOL%",
	"start": "%START_TIME(%s.%6f)%", "end": "%EMIT_TIME(%s.%6f)%", "begun": "%COMMON_DURATION(DS_RX_BEG:US_TX_BEG:us)%",
}

// The kinds of lines.
const (
	Conn    = "conn" // a connection of a client's has ended
	Request = "req"  // a request has
	Try     = "try"  // an attempt to have it served has
	Raw     = "tcp"  // a connection that was carried on as bytes has
)

// Line is one line of the log.
type Line struct {
	Kind     string `json:"kind"`
	Way      string `json:"way"`      // in, out
	Conn     *int   `json:"conn"`     // the client's connection
	UpConn   *int   `json:"upconn"`   // the server's, nil if there was none
	Attempts int    `json:"attempts"` // of a request
	Client   string `json:"client"`
	Dialled  string `json:"dialled"`
	From     string `json:"from"`
	To       string `json:"to"`
	Host     string `json:"host"`
	Cluster  string `json:"cluster"`
	Method   string `json:"method"`
	Target   string `json:"target"`
	ID       string `json:"id"`
	Status   int    `json:"status"`
	Flags    string `json:"flags"`
	Received int64  `json:"received"`
	Sent     int64  `json:"sent"`
	TLS      string `json:"tls"`
	Protocol string `json:"protocol"` // of the client's connection
	Start    string `json:"start"`    // seconds since 1970
	End      string `json:"end"`
	Begun    *int64 `json:"begun"` // microseconds from Start to the attempt's first byte
}

// Parse reads a log.
func Parse(text []byte) (lines []Line, err error) {
	in := bufio.NewScanner(bytes.NewReader(text))
	in.Buffer(nil, 1<<20)
	for in.Scan() {
		var l Line
		if err := json.Unmarshal(in.Bytes(), &l); err != nil {
			return nil, fmt.Errorf("%w: %s", err, in.Text())
		}
		lines = append(lines, l)
	}
	return lines, in.Err()
}

// Address reads an address of the log; it is not valid where there was none.
func Address(s string) netip.AddrPort {
	a, _ := netip.ParseAddrPort(s)
	return a
}

// Began is when the request or the connection began.
func (l *Line) Began() time.Time { return seconds(l.Start) }

// Ended is when the line was written.
func (l *Line) Ended() time.Time { return seconds(l.End) }

// Tried is when the attempt's first byte was sent, or, if none was, when it ended.
func (l *Line) Tried() time.Time {
	if l.Begun == nil {
		return l.Ended()
	}
	return l.Began().Add(time.Duration(*l.Begun) * time.Microsecond)
}

func seconds(s string) time.Time {
	whole, part, _ := strings.Cut(s, ".")
	sec, _ := strconv.ParseInt(whole, 10, 64)
	micro, _ := strconv.ParseInt(part, 10, 64)
	return time.Unix(sec, micro*1000)
}

// file is a logger that writes to a file.
func file(name string, format map[string]any, filter map[string]any) map[string]any {
	m := map[string]any{"name": "envoy.access_loggers.file", "typed_config": map[string]any{
		"@type": "type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog", "path": name, "log_format": format}}
	if filter != nil {
		m["filter"] = filter
	}
	return m
}

func (c Config) istio(filter map[string]any) map[string]any {
	return file(c.Access, map[string]any{"text_format_source": map[string]any{"inline_string": istioFormat}}, filter)
}

func (c Config) line(kind, way string) map[string]any {
	fields := map[string]string{"kind": kind, "way": way}
	for k, v := range truthFormat {
		fields[k] = v
	}
	return file(c.Truth, map[string]any{"json_format": fields}, nil)
}

// logs are the loggers of what is proxied: Istio's, and ours.
func (c Config) logs(kind, way string) (string, error) { return flow(c.istio(nil), c.line(kind, way)) }

// truth is the logger that Istio has none of.
func (c Config) truth(kind, way string) (string, error) { return flow(c.line(kind, way)) }

// refusals are the loggers of a listener: Istio's has only what no filter chain took.
func (c Config) refusals(way string) (string, error) {
	return flow(c.istio(map[string]any{"response_flag_filter": map[string]any{"flags": []string{"NR"}}}), c.line(Conn, way))
}

// flow is YAML in one line: JSON.
func flow(v ...any) (string, error) {
	b, err := json.Marshal(v)
	return string(b), err
}
