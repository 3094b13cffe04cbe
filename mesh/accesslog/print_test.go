package accesslog

import (
	"cmp"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/pcapmesh/pcapmesh/mesh/accesslog/internal/clock"
)

// ParseV4 is how most addresses are read.
var ParseV4 = parseV4

// The formats of this package, for tests.
var (
	Envoy     = envoy
	Istio10   = istio10
	Istio11   = istio11
	Istio12   = istio12
	Istio13   = istio13
	Istio18   = istio18
	Istio19   = istio19
	Istio123  = istio123
	IstioJSON = istioJSON
)

// A Form reads lines and prints them as they were: a Format, or one of ztunnel's.
type Form interface {
	Parse(line string, l *Line) error
	Append(dst []byte, l *Line) []byte
}

// ZtunnelText is the form of ztunnel's text log.
type ZtunnelText struct{}

// Parse reads a line into l.
func (ZtunnelText) Parse(line string, l *Line) error {
	l.reset()
	return parsePairs(line, l)
}

// Append appends l.
func (ZtunnelText) Append(dst []byte, l *Line) []byte { return appendPairs(dst, l) }

// A ZtunnelJSON is the form of ztunnel's log with LOG_FORMAT=json.
type ZtunnelJSON struct{ root *node }

// NewZtunnelJSON returns the form.
func NewZtunnelJSON() ZtunnelJSON {
	root := &node{isObject: true}
	root.add(&node{key: "level", constant: []byte(`"info"`)})
	root.leaf("time", operator{field: endTime})
	root.add(&node{key: "scope", constant: []byte(`"access"`)})
	root.leaf("message", operator{field: message})
	for _, p := range ztunnelPairs {
		root.leaf(p.key, p.operator)
	}
	return ZtunnelJSON{root}
}

// Parse reads a line into l.
func (z ZtunnelJSON) Parse(line string, l *Line) error {
	l.reset()
	l.Kind = Ztunnel
	d := decoder{text: line, root: z.root, line: l, scratch: new(scratch)}
	if err := d.decode(); err != nil {
		return err
	}
	if d.fields == 0 {
		return errNoKey
	}
	l.finish(d.fields, d.written)
	return nil
}

// Append appends l.
func (z ZtunnelJSON) Append(dst []byte, l *Line) []byte { return z.root.append(dst, l, true) }

// Append appends l in the format, without line break. What the format has and
// a Line has not is "-", or null in JSON.
func (f *Format) Append(dst []byte, l *Line) []byte {
	if f.json != nil {
		return f.json.append(dst, l, false)
	}
	return f.text.append(dst, l)
}

// append appends what Envoy would log for l.
func (t *template) append(dst []byte, l *Line) []byte {
	dst = append(dst, t.lead...)
	for i := range t.slots {
		dst = l.append(dst, &t.slots[i].operator)
		dst = append(dst, t.slots[i].next...)
	}
	return dst
}

// append appends l as JSON, in the order of the format. What is sparse leaves out
// what Envoy would log as null.
func (n *node) append(dst []byte, l *Line, sparse bool) []byte {
	switch {
	case n.isObject:
		return n.appendObject(dst, l, sparse)
	case n.template == nil:
		return append(dst, n.constant...)
	}
	o := n.bare()
	if o == nil {
		return appendQuoted(dst, string(n.template.append(nil, l)))
	}
	v := string(l.append(nil, o))
	switch {
	case v == none:
		return append(dst, "null"...)
	case o.field.isNumber() && !o.unit:
		return append(dst, v...)
	}
	return appendQuoted(dst, v)
}

// appendObject appends the children of n; if it is sparse, without those that
// are null.
func (n *node) appendObject(dst []byte, l *Line, sparse bool) []byte {
	dst = append(dst, '{')
	for _, c := range n.children {
		before := len(dst)
		if dst[before-1] != '{' {
			dst = append(dst, ',')
		}
		dst = append(appendQuoted(dst, c.key), ':')
		value := len(dst)
		if dst = c.append(dst, l, sparse); sparse && string(dst[value:]) == "null" {
			dst = dst[:before]
		}
	}
	return append(dst, '}')
}

// appendQuoted appends s as a JSON string. Bytes that are no UTF-8 stay as
// they are, as Envoy and the decoder here leave them.
func appendQuoted(dst []byte, s string) []byte {
	const hex = "0123456789abcdef"
	dst = append(dst, '"')
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '"' || c == '\\':
			dst = append(dst, '\\', c)
		case c < ' ':
			dst = append(dst, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
		default:
			dst = append(dst, c)
		}
	}
	return append(dst, '"')
}

// append appends what Envoy would log for the operator.
func (l *Line) append(dst []byte, o *operator) []byte {
	switch f := o.field; {
	case f.isText():
		return appendText(dst, *l.text(f))
	case f.isAddress():
		return appendAddress(dst, *l.address(f), o.part)
	case f.isNumber():
		return l.appendNumber(dst, o)
	case f == endTime:
		return l.appendWritten(dst)
	case f == message:
		return append(dst, complete...)
	case f == startTime && l.Start != 0:
		return appendStart(dst, o.time, int64(l.Start), int64(l.Resolution))
	case f == flags && len(l.Flags) > 0:
		return append(dst, strings.Join(l.Flags, ",")...)
	}
	return append(dst, none...)
}

// appendText appends a text. An empty one is logged as "-" too.
func appendText(dst []byte, s string) []byte {
	if s == "" {
		s = none
	}
	return append(dst, s...)
}

// appendAddress appends a part of an address. A port may be known without its
// address.
func appendAddress(dst []byte, a netip.AddrPort, p part) []byte {
	switch {
	case p == portOnly && (a.Port() != 0 || a.IsValid()):
		return strconv.AppendUint(dst, uint64(a.Port()), 10)
	case p == withoutPort && a.IsValid():
		return a.Addr().AppendTo(dst)
	case p == whole && a.IsValid():
		return a.AppendTo(dst)
	}
	return append(dst, none...)
}

// appendNumber appends a number. Ids start at 1; Envoy logs code 0 as such.
func (l *Line) appendNumber(dst []byte, o *operator) []byte {
	var n int64
	f := l.ofProxy(o.field)
	switch p := l.wide(f); {
	case f == status:
		n = int64(l.Status)
	case f == attempts:
		n = int64(l.Attempts)
	case f.isDuration():
		n = *p
		if n >= 0 {
			n /= nanosPerMilli
		}
	default:
		n = *p
	}
	if n < 0 || n == 0 && (f == connectionID || f == upstreamConnectionID) {
		return append(dst, none...)
	}
	dst = strconv.AppendInt(dst, n, 10)
	if o.unit {
		dst = append(dst, "ms"...)
	}
	return dst
}

// appendStart appends a time in a format, read anew from its text.
func appendStart(dst []byte, f *clock.Format, nanos, resolution int64) []byte {
	if f == nil {
		return appendTimestamp(dst, nanos, resolution)
	}
	t := time.Unix(0, nanos).UTC()
	for s := f.String(); s != ""; s = s[1:] {
		if s[0] != '%' {
			dst = append(dst, s[0])
			continue
		}
		s = strings.TrimPrefix(s[1:], "E")
		digits := 0
		if '1' <= s[0] && s[0] <= '9' {
			digits, s = int(s[0]-'0'), s[1:]
		}
		dst = appendConversion(dst, s[0], digits, t)
	}
	return dst
}

// appendConversion appends what a conversion stands for, with its number of
// digits, 0 if none is given.
func appendConversion(dst []byte, verb byte, digits int, t time.Time) []byte {
	switch verb {
	case '%':
		return append(dst, '%')
	case 'n':
		return append(dst, '\n')
	case 't':
		return append(dst, '\t')
	case 's':
		return strconv.AppendInt(dst, t.Unix(), 10)
	case 'f':
		return appendFraction(dst, int64(t.Nanosecond()), cmp.Or(digits, 9))
	case 'S':
		dst = t.AppendFormat(dst, "05")
		if digits > 0 {
			dst = appendFraction(append(dst, '.'), int64(t.Nanosecond()), digits)
		}
		return dst
	}
	return t.AppendFormat(dst, layouts[verb])
}

// layouts are package time's of conversions.
var layouts = map[byte]string{
	'Y': "2006", 'y': "06", 'm': "01", 'd': "02", 'e': "_2", 'j': "002", 'H': "15", 'k': "15", 'I': "03", 'l': "03", 'M': "04",
	'b': "Jan", 'h': "Jan", 'B': "January", 'a': "Mon", 'A': "Monday", 'p': "PM", 'z': "-0700", 'Z': "MST",
	'D': "01/02/06", 'x': "01/02/06", 'F': "2006-01-02", 'R': "15:04", 'T': "15:04:05", 'X': "15:04:05",
	'r': "03:04:05 PM", 'c': "Mon Jan _2 15:04:05 2006",
}

// appendTimestamp appends a time as Envoy does by default, with as many digits
// as it was read with.
func appendTimestamp(dst []byte, nanos, resolution int64) []byte {
	dst = time.Unix(0, nanos).UTC().AppendFormat(dst, "2006-01-02T15:04:05")
	n := 9
	for r := max(resolution, 1); r >= 10; r /= 10 {
		n--
	}
	if resolution == 0 {
		n = 3
	}
	if n > 0 {
		dst = appendFraction(append(dst, '.'), nanos, n)
	}
	return append(dst, 'Z')
}

// appendFraction appends the first n digits of the fraction of the second.
func appendFraction(dst []byte, nanos int64, n int) []byte {
	frac, unit := nanos%1e9, int64(1e8)
	for range min(n, 9) {
		dst = append(dst, '0'+byte(frac/unit%10))
		unit = max(unit/10, 1)
	}
	return dst
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

// isBare reports whether ztunnel logs the value without quotes.
func (p *pair) isBare() bool {
	return p.field == hboneAddr || p.field.isAddress() || p.field.isNumber() && !p.unit
}

// appendWritten appends when ztunnel wrote the line.
func (l *Line) appendWritten(dst []byte) []byte {
	if l.Start == 0 {
		return append(dst, "1970-01-01T00:00:00.000000Z"...)
	}
	return appendTimestamp(dst, int64(l.Start.Add(max(l.Duration, 0))), 1)
}

// String returns the name of the cluster.
func (c Cluster) String() string {
	if c.Direction == "" {
		return c.Fixed
	}
	return c.Direction + "|" + strconv.Itoa(int(c.Port)) + "|" + c.Subset + "|" + c.Host
}
