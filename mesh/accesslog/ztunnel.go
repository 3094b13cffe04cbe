package accesslog

import (
	"errors"
	"strings"
)

// What ztunnel says of a connection (ztunnel: README.md, "Logging"; it calls
// the form unstable). The first is for those who debug it.
const (
	opened   = "connection opened"
	complete = "connection complete"
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

// ZtunnelText returns the format of ztunnel's text log.
func ZtunnelText() *Format { return &Format{source: "ztunnel", ztunnel: true} }

// ZtunnelJSON returns the format of ztunnel's log with LOG_FORMAT=json.
func ZtunnelJSON() *Format {
	root := &node{isObject: true}
	root.add(&node{key: "level", constant: []byte(`"info"`)})
	root.leaf("time", operator{field: endTime})
	root.add(&node{key: "scope", constant: []byte(`"access"`)})
	root.leaf("message", operator{field: message})
	for _, p := range ztunnelPairs {
		root.leaf(p.key, p.operator)
	}
	return &Format{source: "ztunnel json", json: root, ztunnel: true}
}

// leaf adds a key with the value of an operator. ztunnel leaves out what it does
// not know.
func (n *node) leaf(key string, o operator) {
	t := &template{slots: []slot{{operator: o}}, fields: 1 << o.field}
	n.add(&node{key: key, template: t, optional: true})
}

// isPairs tells whether s is a line of ztunnel's text log about a connection
// that ended.
func isPairs(s string) bool {
	_, rest, ok := parseTimestamp(s)
	return ok && rest != "" && (rest[0] == ' ' || rest[0] == '\t') &&
		strings.Contains(rest, complete) && strings.Contains(rest, "src.addr=")
}

var (
	errNoMessage = errors.New(`no time and "` + complete + `"`)
	errNoPair    = errors.New("no key=value where one is due")
	errNoQuote   = errors.New("no closing quote")
)

// parsePairs reads a line of ztunnel's text log into l, which was reset.
func parsePairs(s string, l *Line) error {
	written, rest, ok := parseTimestamp(s)
	_, rest, ok2 := strings.Cut(rest, complete)
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
func (l *Line) finish(has fieldSet, written moment) {
	if l.Kind != Ztunnel {
		l.judge(has)
		return
	}
	if written.nanos != 0 && l.Duration >= 0 && l.Duration < written.nanos {
		l.Start, l.Resolution = written.nanos-l.Duration, nanosPerMilli
	}
	switch l.Direction {
	case "inbound":
		l.DownstreamLocal, l.UpstreamHost = l.UpstreamHost, l.DownstreamLocal
	case "outbound":
		l.BytesReceived, l.BytesSent = l.BytesSent, l.BytesReceived
	}
}

// ofProxy returns the field that holds what ztunnel's counter f counts, seen
// from the proxy as all counters of a Line are.
func (l *Line) ofProxy(f field) field {
	toClient := l.Direction != "outbound"
	switch {
	case f == workloadSent && toClient, f == workloadReceived && !toClient:
		return bytesSent
	case f == workloadSent, f == workloadReceived:
		return bytesReceived
	}
	return f
}

// appendPairs appends l as ztunnel's text log has it. What is not known is left
// out.
func appendPairs(dst []byte, l *Line) []byte {
	dst = l.appendWritten(dst)
	dst = append(dst, "\tinfo\taccess\t"+complete...)
	sep := byte('\t')
	for i := range ztunnelPairs {
		p := &ztunnelPairs[i]
		v := string(l.append(nil, &p.operator))
		if v == none {
			continue
		}
		dst = append(append(append(dst, sep), p.key...), '=')
		sep = ' '
		if p.isBare() && !strings.ContainsAny(v, " \t\"") {
			dst = append(dst, v...)
		} else {
			dst = appendQuoted(dst, v)
		}
	}
	return dst
}

// isBare tells whether ztunnel logs the value without quotes.
func (p *pair) isBare() bool {
	return p.field == hboneAddr || p.field.isAddress() || p.field.isNumber() && !p.unit
}

// appendWritten appends when ztunnel wrote the line.
func (l *Line) appendWritten(dst []byte) []byte {
	if l.Start == 0 {
		return append(dst, "1970-01-01T00:00:00.000000Z"...)
	}
	return appendTimestamp(dst, l.Start+max(l.Duration, 0), 1)
}
