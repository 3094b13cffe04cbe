package logged

import (
	"cmp"
	"fmt"
	"strings"
	"testing"

	"github.com/pcapmesh/pcapmesh/internal/test/pcap"
	"github.com/pcapmesh/pcapmesh/mesh/internal/index"
	"github.com/pcapmesh/pcapmesh/mesh/internal/recorded"
	"github.com/pcapmesh/pcapmesh/mesh/record"
)

// A line is one of the proxy's log. What is zero is not logged.
type line struct {
	at, took          float64 // milliseconds
	timeless, endless bool    // at, or took, is not logged
	request           string  // method and path
	status            int
	flags             string
	attempts          int
	received, sent    int // bytes
	id                string
	client, dialled   string // the client's leg
	proxy, host       string // the leg behind
	failure           string
}

// logFormat is what lines are written in. Times are exact to a millisecond.
const logFormat = "%START_TIME(%s.%3f)% %DURATION% %REQ(:METHOD)% %REQ(:PATH)% %RESPONSE_CODE% %RESPONSE_FLAGS% %UPSTREAM_REQUEST_ATTEMPT_COUNT% " +
	"%BYTES_RECEIVED% %BYTES_SENT% %REQ(X-REQUEST-ID)% %DOWNSTREAM_REMOTE_ADDRESS% %DOWNSTREAM_LOCAL_ADDRESS% %UPSTREAM_LOCAL_ADDRESS% %UPSTREAM_HOST% " +
	"%UPSTREAM_TRANSPORT_FAILURE_REASON%\n"

// silentFormat lacks all that tells an exchange from a connection.
const silentFormat = "%START_TIME(%s.%3f)% %DURATION% %BYTES_RECEIVED% %BYTES_SENT% %DOWNSTREAM_REMOTE_ADDRESS% %DOWNSTREAM_LOCAL_ADDRESS% %UPSTREAM_LOCAL_ADDRESS% %UPSTREAM_HOST%\n"

func (l *line) write(format string) string {
	at, took := "-", "-"
	if !l.timeless {
		at = fmt.Sprintf("%d.%03d", ms(l.at)/1e9, ms(l.at)%1e9/1e6)
	}
	if !l.endless {
		took = fmt.Sprint(int(l.took))
	}
	method, path, _ := strings.Cut(l.request, " ")
	number := func(n int) string {
		if n == 0 {
			return "-"
		}
		return fmt.Sprint(n)
	}
	out := []string{at, took}
	if format == logFormat {
		out = append(out, method, path, number(l.status), l.flags, number(l.attempts))
	}
	out = append(out, number(l.received), number(l.sent))
	if format == logFormat {
		out = append(out, l.id)
	}
	out = append(out, l.client, l.dialled, l.proxy, l.host)
	if format == logFormat {
		out = append(out, l.failure)
	}
	for i, s := range out {
		out[i] = cmp.Or(s, "-")
	}
	return strings.Join(out, " ") + "\n"
}

// of returns a line of an exchange between the n-th legs of both sides.
func of(d, u int, at, took float64) line {
	return line{at: at, took: took, request: "GET /", status: 200, client: clientEnd(d), dialled: service, proxy: proxyEnd(u), host: server}
}

// log adds a file with lines.
func (w *world) log(lines ...line) { w.logs = append(w.logs, lines) }

// records reads the log.
func (w *world) records(t *testing.T, x *index.Index, format string) *recorded.Records {
	t.Helper()
	files := &record.Files{AccessLogFormat: format}
	for _, lines := range w.logs {
		var text strings.Builder
		for _, l := range lines {
			text.WriteString(l.write(format))
		}
		files.AccessLogs = append(files.AccessLogs, record.File{Name: pcap.WriteFile(t, "log", []byte(text.String()))})
	}
	rs, err := recorded.ReadRules(t.Context(), files)
	if err == nil {
		err = rs.Read(t.Context(), files, x)
	}
	if err != nil {
		t.Fatal(err)
	}
	for i := range rs.Files {
		if rs.Files[i].Malformed > 0 {
			t.Fatalf("%d lines cannot be read: %v", rs.Files[i].Malformed, rs.Files[i].Faults)
		}
	}
	return rs
}
