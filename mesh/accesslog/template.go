package accesslog

import (
	"errors"
	"fmt"
	"strings"
)

// A template is compiled text of a format: a literal, then operators, each
// with the literal that follows it.
type template struct {
	lead   string
	slots  []slot
	fields fieldSet
}

// A slot is an operator, what its values may be, and the literal after it.
type slot struct {
	operator
	class class
	next  string
}

// A class says which characters a value may have. A value ends where the next
// literal first stands; only values of some classes may contain it.
type class uint8

const (
	anything class = iota // may contain even the next literal
	unquoted              // no quote
	word                  // neither space nor quote
	number                // digits, or "-"
	stamp                 // what the time format reads
)

// parseTemplate compiles text.
func parseTemplate(s string) (*template, error) {
	t := &template{}
	var literal strings.Builder
	for s != "" {
		text, rest, more := strings.Cut(s, "%")
		literal.WriteString(text)
		if !more {
			break
		}
		if strings.HasPrefix(rest, "%") {
			literal.WriteByte('%')
			s = rest[1:]
			continue
		}
		o, after, err := cutOperator("%" + rest)
		if err != nil {
			return nil, err
		}
		t.end(literal.String())
		literal.Reset()
		t.slots = append(t.slots, slot{operator: o})
		t.fields |= 1 << o.field
		s = after
	}
	t.end(literal.String())
	if len(t.slots) > maxOperators {
		return nil, fmt.Errorf("format has %d operators, more than %d", len(t.slots), maxOperators)
	}
	t.classify()
	return t, nil
}

// end sets the literal after the last slot.
func (t *template) end(literal string) {
	if len(t.slots) == 0 {
		t.lead = literal
		return
	}
	t.slots[len(t.slots)-1].next = literal
}

// classify sets the classes of the values.
func (t *template) classify() {
	before := t.lead
	for i := range t.slots {
		s := &t.slots[i]
		quoted := strings.HasSuffix(before, `"`) && strings.HasPrefix(s.next, `"`)
		last := i == len(t.slots)-1
		switch f := s.field; {
		case f == startTime:
			s.class = stamp
		case f.isNumber():
			s.class = number
		case f == skip, f == userAgent, f == path, f == transportFailure, f == route && last:
			s.class = anything
		case quoted, f == codeDetails, f == terminationDetails:
			s.class = unquoted
		default:
			s.class = word
		}
		before = s.next
	}
}

// accepts reports whether v may be a value of the slot.
func (s *slot) accepts(v string) bool {
	switch s.class {
	case unquoted:
		return strings.IndexByte(v, '"') < 0
	case word:
		return strings.IndexByte(v, '"') < 0 && strings.IndexByte(v, ' ') < 0
	case number:
		n, ok := parseNumber(v)
		return v == none || v == "" || ok && (n <= maxMillis || !s.field.isDuration())
	case stamp:
		if v == none || v == "" {
			return true
		}
		_, ok := s.time.Parse(v)
		return ok
	}
	return true
}

// maxStamp bounds the length of a time, so that looking for its end ends.
const maxStamp = 128

// mayGrow reports whether a value of n bytes that was not accepted may be if it
// is longer.
func (s *slot) mayGrow(n int) bool { return s.class == stamp && n < maxStamp }

// maxTries bounds how often values are tried at other lengths in one line.
const maxTries = 64

// A matcher cuts a line into the values of a template. It is reused, so that
// reading a line takes no memory.
type matcher struct {
	slots  []slot
	text   string
	values [maxOperators]string
	tries  int // left
	far    int // the slot that was reached
}

// cut cuts text into values, and reports whether it is of the template. If
// strict is set, each value ends where the next literal first stands.
// Otherwise values may contain it, and the first way is taken in which all is
// accepted.
func (m *matcher) cut(t *template, text string, strict bool) bool {
	rest, ok := strings.CutPrefix(text, t.lead)
	m.slots, m.text, m.tries, m.far = t.slots, rest, maxTries, 0
	switch {
	case !ok:
		return false
	case strict:
		return m.straight()
	}
	return m.from(0, 0)
}

// straight takes the first end of each value.
func (m *matcher) straight() bool {
	pos := 0
	for i := range m.slots {
		m.far = i
		end := m.end(i, pos, pos)
		if end < 0 {
			return false
		}
		m.values[i] = m.text[pos:end]
		pos = end + len(m.slots[i].next)
	}
	return pos == len(m.text)
}

// from cuts the values from slot i on, which begins at pos, trying all ends.
func (m *matcher) from(i, pos int) bool {
	if i == len(m.slots) {
		return pos == len(m.text)
	}
	m.far = max(m.far, i)
	for at := pos; ; {
		end := m.end(i, pos, at)
		if end < 0 {
			return false
		}
		m.values[i] = m.text[pos:end]
		if m.from(i+1, end+len(m.slots[i].next)) {
			return true
		}
		if m.tries--; m.tries < 0 {
			return false
		}
		at = end + 1
	}
}

// end returns the first end, at or after at, of a value of slot i that begins
// at pos; -1 if there is none.
func (m *matcher) end(i, pos, at int) int {
	s := &m.slots[i]
	for {
		end := m.literal(i, at)
		if end < 0 || s.accepts(m.text[pos:end]) {
			return end
		}
		if !s.mayGrow(end - pos) {
			return -1
		}
		at = end + 1
	}
}

// literal returns where the literal after slot i stands, at or after at, -1 if
// it does not. That after the last slot stands at the end of the line.
func (m *matcher) literal(i, at int) int {
	next := m.slots[i].next
	if i == len(m.slots)-1 {
		end := len(m.text) - len(next)
		if end < at || m.text[end:] != next {
			return -1
		}
		return end
	}
	if at > len(m.text) {
		return -1
	}
	n := 0
	switch len(next) {
	case 0:
	case 1:
		n = strings.IndexByte(m.text[at:], next[0])
	default:
		n = strings.Index(m.text[at:], next)
	}
	if n < 0 {
		return -1
	}
	return at + n
}

// parse reads a line of the template t into l, which was reset.
func (m *matcher) parse(t *template, text string, strict bool, l *Line) bool {
	if !m.cut(t, text, strict) {
		return false
	}
	for i := range t.slots {
		if v := m.values[i]; v != none && v != "" {
			l.set(&t.slots[i].operator, v)
		}
	}
	return true
}

// mismatch returns an error that says which operator a line could not be matched
// with.
func (t *template) mismatch(far int) error {
	if far >= len(t.slots) {
		return errNoMatch
	}
	return fmt.Errorf("not of the format: no value for %%%s%%", t.slots[far].name)
}

var errNoMatch = errors.New("not of the format")
