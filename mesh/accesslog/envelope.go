package accesslog

import (
	"strings"

	"github.com/pcapmesh/pcapmesh/mesh/accesslog/internal/clock"
)

// An envelope is what a runtime or kubectl put around a line, and the line.
type envelope struct {
	text    string
	stream  int  // 0 for stdout, 1 for stderr
	partial bool // the line goes on in the next of its stream
}

// open takes off what stands before a line:
//
//	[pod/httpbin-7f/istio-proxy] …             kubectl logs --prefix
//	2024-01-01T00:00:00.123456789Z …           kubectl logs --timestamps
//	2024-01-01T00:00:00.123456789Z stdout F …  the container runtime (CRI)
//	{"log":"…\n","stream":"stdout","time":"…"} docker
//
// each at most once, in this order.
func open(s string) (e envelope, err error) {
	if strings.HasPrefix(s, "[pod/") {
		if _, rest, ok := strings.Cut(s, "] "); ok {
			s = rest
		}
	}
	if rest, ok := cutTimestamp(s); ok {
		s = rest
	}
	if e, ok := openCRI(s); ok {
		return e, nil
	}
	if strings.HasPrefix(s, `{"log":"`) {
		return openDocker(s)
	}
	return envelope{text: s}, nil
}

// cutTimestamp takes off a time and one space, unless the time is the line's
// own: that has a tab, several spaces or a level behind it.
func cutTimestamp(s string) (rest string, ok bool) {
	if s == "" || s[0]-'0' > 9 {
		return s, false
	}
	_, rest, ok = clock.Cut(s)
	if !ok || !strings.HasPrefix(rest, " ") || strings.HasPrefix(rest, "  ") {
		return s, false
	}
	rest = rest[1:]
	level, _, _ := strings.Cut(rest, " ")
	return rest, !isLevel(level)
}

// openCRI takes off the stream and the tags of a container's log file, whose
// first is F for the last piece of a line and P for the others (Kubernetes:
// design proposal kubelet-cri-logging).
func openCRI(s string) (e envelope, ok bool) {
	switch {
	case strings.HasPrefix(s, "stdout "):
	case strings.HasPrefix(s, "stderr "):
		e.stream = 1
	default:
		return e, false
	}
	tags, rest, _ := strings.Cut(s[len("stdout "):], " ")
	tag, _, _ := strings.Cut(tags, ":")
	e.text, e.partial = rest, tag == "P"
	return e, tag == "P" || tag == "F"
}

// openDocker reads an object of docker's json-file driver, which cuts lines
// after 16 KiB: all pieces but the last lack the line break.
func openDocker(s string) (e envelope, err error) {
	var text, stream string
	d := decoder{text: s, pos: len(`{"log":"`)}
	if text, err = d.string(); err != nil {
		return e, err
	}
	if _, rest, ok := strings.Cut(s[d.pos:], `"stream":"`); ok {
		stream, _, _ = strings.Cut(rest, `"`)
	}
	if !strings.HasSuffix(s, "}") {
		return e, errJSON
	}
	if stream == "stderr" {
		e.stream = 1
	}
	e.text, e.partial = strings.TrimRight(text, "\r\n"), !strings.HasSuffix(text, "\n")
	return e, nil
}
