package accesslog

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/pcapmesh/pcapmesh/mesh/accesslog/internal/clock"
)

// A decoder reads one JSON object into a line. It takes each value from where
// it stands and builds nothing; encoding/json takes eight times as long.
type decoder struct {
	text string
	pos  int
	line *Line

	root  *node // of the format
	loose bool  // objects that the format does not have may hold its keys too

	*scratch

	fields  fieldSet     // seen, also as null
	set     fieldSet     // set
	written clock.Moment // by ztunnel's clock
	opened  bool         // ztunnel says that a connection began
}

var errJSON = errors.New("bad JSON")

// decode reads the whole text.
func (d *decoder) decode() error {
	d.space()
	if err := d.object(d.root, 0); err != nil {
		return err
	}
	if d.space(); d.pos != len(d.text) {
		return errJSON
	}
	return nil
}

// space passes over white space (RFC 8259 §2).
func (d *decoder) space() {
	for d.pos < len(d.text) {
		switch d.text[d.pos] {
		case ' ', '\t', '\r', '\n':
			d.pos++
		default:
			return
		}
	}
}

// next skips space and reports whether c follows, which it takes.
func (d *decoder) next(c byte) bool {
	d.space()
	if d.pos < len(d.text) && d.text[d.pos] == c {
		d.pos++
		return true
	}
	return false
}

// object reads an object whose keys are n's, which is nil for one of no use.
func (d *decoder) object(n *node, depth int) error {
	if depth == maxDepth || !d.next('{') {
		return errJSON
	}
	if d.next('}') {
		return nil
	}
	for i := 0; ; i++ {
		key, err := d.key()
		if err != nil {
			return err
		}
		if err := d.value(d.child(n, key, i), depth); err != nil {
			return err
		}
		switch {
		case d.next(','):
		case d.next('}'):
			return nil
		default:
			return errJSON
		}
	}
}

// child returns n's child with the key that is the i-th of its object, nil if
// there is none.
func (d *decoder) child(n *node, key string, i int) *node {
	switch {
	case n == nil:
		return nil
	case n != d.root || d.scratch == nil || i >= len(d.keys):
		return n.index[key]
	}
	guess := &d.keys[i]
	if *guess == nil || (*guess).key != key {
		*guess = n.index[key]
	}
	return *guess
}

// A scratch is what is reused from line to line. One serves one JSON format.
type scratch struct {
	matcher matcher
	keys    [64]*node // of the last object of the root, in order: a proxy keeps to one, so few need be looked up
}

// key reads a key and the colon after it.
func (d *decoder) key() (string, error) {
	if !d.next('"') {
		return "", errJSON
	}
	key, err := d.string()
	if err == nil && !d.next(':') {
		err = errJSON
	}
	return key, err
}

// value reads the value of a key that is child's, nil for one of no use.
func (d *decoder) value(child *node, depth int) error {
	d.space()
	if d.pos == len(d.text) {
		return errJSON
	}
	switch d.text[d.pos] {
	case '{':
		if child != nil && !child.isObject {
			child = nil
		}
		if child == nil && d.loose {
			child = d.root
		}
		return d.object(child, depth+1)
	case '[':
		return d.array(depth + 1)
	case '"':
		d.pos++
		s, err := d.string()
		if err != nil {
			return err
		}
		return d.leaf(child, s, false, depth)
	}
	s, err := d.literal()
	if err != nil {
		return err
	}
	return d.leaf(child, s, s == "null", depth)
}

// array passes over an array.
func (d *decoder) array(depth int) error {
	if depth == maxDepth || !d.next('[') {
		return errJSON
	}
	if d.next(']') {
		return nil
	}
	for {
		d.space()
		if err := d.value(nil, depth); err != nil {
			return err
		}
		switch {
		case d.next(','):
		case d.next(']'):
			return nil
		default:
			return errJSON
		}
	}
}

// literal reads a number, true, false or null.
func (d *decoder) literal() (string, error) {
	start := d.pos
	for d.pos < len(d.text) {
		c := d.text[d.pos]
		if c == ',' || c == '}' || c == ']' || c <= ' ' {
			break
		}
		d.pos++
	}
	s := d.text[start:d.pos]
	if s == "null" || s == "true" || s == "false" {
		return s, nil
	}
	if _, ok := parseNumber(s); ok {
		return s, nil
	}
	if strings.Trim(s, "0123456789+-.eE") != "" {
		return "", errJSON
	}
	if _, err := strconv.ParseFloat(s, 64); err != nil {
		return "", errJSON
	}
	return s, nil
}

// string reads a string whose first quote was read.
func (d *decoder) string() (string, error) {
	rest := d.text[d.pos:]
	end := strings.IndexByte(rest, '"')
	if end < 0 {
		return "", errJSON
	}
	if strings.IndexByte(rest[:end], '\\') < 0 {
		d.pos += end + 1
		return rest[:end], nil
	}
	return d.escaped()
}

// escaped reads a string with escapes.
func (d *decoder) escaped() (string, error) {
	n := d.quote()
	if n < 0 {
		return "", errJSON
	}
	var b strings.Builder
	b.Grow(n)
	for end := d.pos + n; ; {
		i := strings.IndexByte(d.text[d.pos:end], '\\')
		if i < 0 {
			b.WriteString(d.text[d.pos:end])
			d.pos = end + 1
			return b.String(), nil
		}
		b.WriteString(d.text[d.pos : d.pos+i])
		d.pos += i + 1
		if !d.escape(&b) {
			return "", errJSON
		}
	}
}

// quote returns the length of the string up to its closing quote, -1 if there
// is none.
func (d *decoder) quote() int {
	for i := d.pos; i < len(d.text); i++ {
		switch d.text[i] {
		case '\\':
			i++
		case '"':
			return i - d.pos
		}
	}
	return -1
}

// escape reads what follows a backslash, and reports whether it is an escape
// (RFC 8259 §7). The text has a closing quote, so something follows.
func (d *decoder) escape(b *strings.Builder) bool {
	c := d.text[d.pos]
	d.pos++
	switch c {
	case '"', '\\', '/':
	case 'b':
		c = '\b'
	case 'f':
		c = '\f'
	case 'n':
		c = '\n'
	case 'r':
		c = '\r'
	case 't':
		c = '\t'
	case 'u':
		return d.unicode(b)
	default:
		return false
	}
	b.WriteByte(c)
	return true
}

// unicode reads the four hexadecimal digits of a \u, and of a second one that
// makes a pair with it. Half a pair is U+FFFD, as encoding/json has it.
func (d *decoder) unicode(b *strings.Builder) bool {
	r, ok := d.hex(0)
	if !ok {
		return false
	}
	d.pos += 4
	if utf16.IsSurrogate(r) && strings.HasPrefix(d.text[d.pos:], `\u`) {
		if low, ok := d.hex(2); ok && utf16.DecodeRune(r, low) != utf8.RuneError {
			d.pos += 6
			r = utf16.DecodeRune(r, low)
		}
	}
	b.WriteRune(r)
	return true
}

// hex returns the value of the four digits after off bytes.
func (d *decoder) hex(off int) (rune, bool) {
	s := d.text[d.pos:]
	if len(s) < off+4 {
		return 0, false
	}
	n, err := strconv.ParseUint(s[off:off+4], 16, 16)
	return rune(n), err == nil
}

// leaf stores a value that is neither object nor array.
func (d *decoder) leaf(n *node, v string, null bool, depth int) error {
	if n == nil || n.template == nil || len(n.template.slots) == 0 {
		return nil
	}
	d.fields |= n.template.fields
	if null || v == "" || v == none || depth > 0 && d.loose && d.set&n.template.fields != 0 {
		return nil
	}
	d.set |= n.template.fields
	o := n.bare()
	switch {
	case o == nil:
		return d.composite(n, v)
	case o.field == endTime:
		d.written, _, _ = clock.Cut(v)
	case o.field == message:
		d.opened = v == opened
	case !d.line.set(o, v) && !(o.field.isNumber() && d.line.set(o, integer(v))):
		return fmt.Errorf("cannot read %q of key %q", shown(v), n.key)
	}
	return nil
}

// composite stores a value of several operators, or of one and other text.
func (d *decoder) composite(n *node, v string) error {
	m := &d.matcher
	if !m.parse(n.template, v, true, d.line) && !m.parse(n.template, v, false, d.line) {
		return fmt.Errorf("key %q: %w", n.key, n.template.mismatch(m.far))
	}
	return nil
}

// integer returns a whole number that was written as a float, such as 8.0 or
// 1e3, in digits.
func integer(s string) string {
	n, err := strconv.ParseFloat(s, 64)
	if err != nil || n != math.Trunc(n) || n < 0 || n > 1<<53 {
		return ""
	}
	return strconv.FormatInt(int64(n), 10)
}
