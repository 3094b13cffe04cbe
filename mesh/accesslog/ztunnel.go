package accesslog

import (
	"errors"
	"strings"

	"github.com/pcapmesh/pcapmesh/capture"
	"github.com/pcapmesh/pcapmesh/mesh/accesslog/internal/clock"
)

// What ztunnel says of a connection (ztunnel: README.md, "Logging"; it calls
// the form unstable). The first is for those who debug it, the last of what never
// came as far as to be counted: it has neither bytes nor a duration.
const (
	opened   = "connection opened"
	complete = "connection complete"
	failed   = "connection failed"
)

// A pair is a key of ztunnel's log and the operator it stands for.
type pair struct {
	key string
	operator
}

// ztunnelPairs are the keys that follow the message, in ztunnel's order.
var ztunnelPairs = [...]pair{
	{"src.addr", operator{field: srcAddr}},
	{"src.workload", operator{field: srcWorkload}},
	{"src.namespace", operator{field: srcNamespace}},
	{"src.identity", operator{field: srcIdentity}},
	{"dst.addr", operator{field: dstAddr}},
	{"dst.hbone_addr", operator{field: hboneAddr}},
	{"dst.service", operator{field: dstService}},
	{"dst.workload", operator{field: dstWorkload}},
	{"dst.namespace", operator{field: dstNamespace}},
	{"dst.identity", operator{field: dstIdentity}},
	{"direction", operator{field: direction}},
	{"bytes_sent", operator{field: workloadSent}},
	{"bytes_recv", operator{field: workloadReceived}},
	{"duration", operator{field: duration, unit: true}},
	{"error", operator{field: errorText}},
}

// leaf adds a key with the value of an operator.
func (n *node) leaf(key string, o operator) {
	t := &template{slots: []slot{{operator: o}}, fields: 1 << o.field}
	n.add(&node{key: key, template: t})
}

// isPairs reports whether s is a line of ztunnel's text log about a connection
// that ended.
func isPairs(s string) bool {
	_, rest, ok := clock.Cut(s)
	if !ok || rest == "" || rest[0] != ' ' && rest[0] != '\t' || !strings.Contains(rest, "src.addr=") {
		return false
	}
	_, ok = cutMessage(rest)
	return ok
}

// cutMessage returns what follows the message of a connection that ended.
func cutMessage(s string) (rest string, ok bool) {
	at, m := -1, ""
	for _, k := range [...]string{complete, failed} { // the first, since an error's text may hold the other
		if i := strings.Index(s, k); i >= 0 && (at < 0 || i < at) {
			at, m = i, k
		}
	}
	if at < 0 {
		return "", false
	}
	return s[at+len(m):], true
}

var (
	errNoMessage = errors.New(`no time and "` + complete + `" or "` + failed + `"`)
	errNoPair    = errors.New("no key=value where one is due")
	errNoQuote   = errors.New("no closing quote")
)

// parsePairs reads a line of ztunnel's text log into l, which was reset.
func parsePairs(s string, l *Line) error {
	written, rest, ok := clock.Cut(s)
	rest, ok2 := cutMessage(rest)
	if !ok || !ok2 {
		return errNoMessage
	}
	l.Kind = Ztunnel
	for {
		rest = strings.TrimLeft(rest, " \t")
		if rest == "" {
			break
		}
		key, value, ok := strings.Cut(rest, "=")
		if !ok || blank(key) < len(key) {
			return errNoPair
		}
		var err error
		if value, rest, err = cutValue(value); err != nil {
			return err
		}
		if o := pairOperator(key); o != nil && value != "" && value != none && !l.set(o, value) {
			return errors.New("cannot read " + key)
		}
	}
	l.finish(0, written)
	return nil
}

// cutValue reads a value, quoted or up to the next space.
func cutValue(s string) (value, rest string, err error) {
	if !strings.HasPrefix(s, `"`) {
		i := blank(s)
		return s[:i], s[i:], nil
	}
	d := decoder{text: s, pos: 1}
	value, err = d.string()
	if err != nil {
		return "", "", errNoQuote
	}
	return value, s[d.pos:], nil
}

// blank returns where the first space or tab of s stands, its length if there
// is none.
func blank(s string) int {
	for i := 0; i < len(s); i++ {
		if s[i] == ' ' || s[i] == '\t' {
			return i
		}
	}
	return len(s)
}

// pairOperator returns the operator of a key of ztunnel's log, nil for one of
// no use.
func pairOperator(key string) *operator {
	for i := range ztunnelPairs {
		if ztunnelPairs[i].key == key {
			return &ztunnelPairs[i].operator
		}
	}
	return nil
}

// finish completes a line of whose format the fields are has. ztunnel logs at
// the end, and counts what it sent and received as the workload would: the
// client outbound, the server inbound.
func (l *Line) finish(has fieldSet, written clock.Moment) {
	if l.Kind != Ztunnel {
		l.judge(has)
		return
	}
	if written.Nanos != 0 && l.Duration < 0 && l.Error != "" { // it does not tell when that began
		l.Start, l.Resolution = capture.Time(written.Nanos), nanosPerMilli
	}
	if written.Nanos != 0 && l.Duration >= 0 && int64(l.Duration) < written.Nanos {
		l.Start, l.Resolution = capture.Time(written.Nanos-int64(l.Duration)), nanosPerMilli
	}
	switch l.Direction {
	case "inbound":
		l.DownstreamLocal, l.UpstreamHost = l.UpstreamHost, l.DownstreamLocal
	case "outbound":
		l.BytesReceived, l.BytesSent = l.BytesSent, l.BytesReceived
	}
}
