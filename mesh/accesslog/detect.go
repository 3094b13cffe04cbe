package accesslog

import (
	"errors"
	"strings"

	"github.com/pcapmesh/pcapmesh/mesh/accesslog/internal/clock"
)

// A verdict says what became of a line.
type verdict uint8

const (
	other  verdict = iota // some other log line
	read                  // a line of an access log
	broken                // one that cannot be read
)

// A detector finds out what a line is, and reads it.
type detector struct {
	custom *Format // tried first; may be nil
	text   []*Format
	json   *node

	given scratch // for custom
	known scratch // for the others
}

// newDetector returns a detector that tries custom first, which may be nil.
func newDetector(custom *Format) *detector {
	return &detector{custom: custom, text: families(), json: looseKeys()}
}

// looseKeys returns the keys that JSON of unknown format may have: Istio's,
// ztunnel's, and the names of operators and headers in lower case, as people
// call them.
func looseKeys() *node {
	root := istioJSON().json
	root.leaf("time", operator{field: endTime})
	root.leaf("message", operator{field: message})
	for i := range ztunnelPairs {
		if p := &ztunnelPairs[i]; root.index[p.key] == nil {
			root.leaf(p.key, p.operator)
		}
	}
	for _, name := range [...]string{
		"REQUEST_DURATION", "RESPONSE_DURATION", "CONNECTION_ID", "UPSTREAM_CONNECTION_ID", "UPSTREAM_REQUEST_ATTEMPT_COUNT",
		"DOWNSTREAM_DIRECT_REMOTE_ADDRESS", "UPSTREAM_REMOTE_ADDRESS",
		"UPSTREAM_WIRE_BYTES_SENT", "UPSTREAM_WIRE_BYTES_RECEIVED", "DOWNSTREAM_WIRE_BYTES_SENT", "DOWNSTREAM_WIRE_BYTES_RECEIVED",
	} {
		o, _ := newOperator(name, "", "")
		root.leaf(strings.ToLower(name), o)
	}
	for _, header := range [...]string{":method", ":path", ":authority", "x-request-id", "x-forwarded-for", "user-agent"} {
		root.leaf(header, operator{field: requestHeader(header)})
	}
	return root
}

var (
	errNoFamily = errors.New("no known access log format; give its format string")
	errFormat   = errors.New("not of the format given, and of no known one")
)

// whole reads s as it stands into l, if it is of the format given.
func (d *detector) whole(s string, l *Line) bool {
	return d.custom != nil && d.custom.parse(s, l, &d.given) == nil
}

// detect reads s, from which what a runtime put before it was taken, into l.
func (d *detector) detect(s string, l *Line) (verdict, error) {
	var err error
	if d.custom != nil {
		if err = d.custom.parse(s, l, &d.given); err == nil {
			return read, nil
		}
	}
	switch {
	case strings.HasPrefix(s, "{"):
		v, why := d.object(s, l)
		if v == other && err != nil && err != errNoKey && d.custom.json != nil {
			return broken, err
		}
		return v, why
	case isBracketed(s):
		return d.bracketed(s, l)
	case isPairs(s):
		l.reset()
		return judged(parsePairs(s, l))
	case d.custom == nil || d.custom.text == nil || isProxyLog(s):
		return other, nil
	}
	return broken, errFormat
}

// judged is the verdict on a line that can be nothing but an access log.
func judged(err error) (verdict, error) {
	if err != nil {
		return broken, err
	}
	return read, nil
}

// isBracketed reports whether s begins as Envoy's and Istio's text formats do:
// "[", an RFC 3339 time, and the quoted request. Envoy's own messages have a
// space inside the time.
func isBracketed(s string) bool {
	if len(s) < 12 || s[0] != '[' || s[11] != 'T' {
		return false
	}
	_, rest, ok := clock.Cut(s[1:])
	return ok && strings.HasPrefix(rest, `] "`)
}

// bracketed reads one of the text formats: that of the line before, if it can
// be, else any. Only then may values contain what ends them.
func (d *detector) bracketed(s string, l *Line) (verdict, error) {
	l.reset()
	for _, strict := range [...]bool{true, false} {
		for i, f := range d.text {
			if f.parseText(s, strict, l, &d.known.matcher) {
				copy(d.text[1:i+1], d.text[:i])
				d.text[0] = f
				return read, nil
			}
		}
	}
	return broken, errNoFamily
}

// telling are the fields of which JSON of unknown format must have one to be
// an access log.
const telling = fieldSet(1<<startTime | 1<<flags | 1<<downstreamRemote | 1<<downstreamLocal | 1<<downstreamDirect |
	1<<upstreamLocal | 1<<upstreamHost | 1<<srcAddr)

// object reads JSON of unknown format.
func (d *detector) object(s string, l *Line) (verdict, error) {
	l.reset()
	o := decoder{text: s, root: d.json, line: l, loose: true, scratch: &d.known}
	if err := o.decode(); err != nil {
		return broken, err
	}
	if o.fields&telling == 0 || o.opened {
		return other, nil
	}
	l.finish(o.fields, o.written)
	return read, nil
}

// isProxyLog reports whether s is of the log that the agent or Envoy keeps of
// itself: an RFC 3339 time and a level, or "[2024-05-28 18:42:53.929][15]".
func isProxyLog(s string) bool {
	if _, rest, ok := clock.Cut(s); ok {
		level, _, _ := strings.Cut(strings.TrimLeft(rest, " \t"), "\t")
		level, _, _ = strings.Cut(level, " ")
		return isLevel(level)
	}
	return len(s) > 12 && s[0] == '[' && s[5] == '-' && s[11] == ' ' && strings.Contains(s, "][")
}

// isLevel reports whether s is a level of a log: Envoy's and the agent's are in
// lower case, ztunnel's in older versions in capitals.
func isLevel(s string) bool {
	if len(s) > len("critical") {
		return false
	}
	switch strings.ToLower(s) {
	case "trace", "debug", "info", "warn", "warning", "error", "critical", "fatal":
		return true
	}
	return false
}
