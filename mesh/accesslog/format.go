package accesslog

import (
	"errors"
	"fmt"
	"strings"
)

// A Format is a compiled access log format. It is immutable, and safe for
// concurrent use. The zero Format is not valid.
type Format struct {
	source string
	text   *template // for one line of text,
	json   *node     // or for JSON
}

// ParseFormat compiles an Envoy format string, such as
//
//	[%START_TIME%] %DOWNSTREAM_REMOTE_ADDRESS% %UPSTREAM_LOCAL_ADDRESS% %RESPONSE_FLAGS%
//
// or, if it is a JSON object, one whose values are such strings. A line break
// at the end, also written as \n, is no part of it. Operators that mean
// nothing to a Line stand for any text.
func ParseFormat(format string) (*Format, error) {
	if len(format) > maxFormat {
		return nil, fmt.Errorf("access log format is longer than %d bytes", maxFormat)
	}
	f := &Format{source: format}
	var err error
	if s := strings.TrimSpace(format); strings.HasPrefix(s, "{") {
		f.json, err = parseObjectFormat(s)
	} else {
		f.text, err = parseLineFormat(format)
	}
	if err != nil {
		return nil, fmt.Errorf("access log format: %w", err)
	}
	return f, nil
}

// parseLineFormat compiles the format of one line of text.
func parseLineFormat(s string) (*template, error) {
	s = strings.TrimRight(strings.TrimSuffix(strings.TrimRight(s, "\r\n"), `\n`), "\r\n")
	if strings.ContainsAny(s, "\r\n") {
		return nil, errors.New("more than one line; logs are read line by line")
	}
	t, err := parseTemplate(s)
	if err == nil && len(t.slots) == 0 {
		err = errNoOperator
	}
	return t, err
}

var errNoKey = errors.New("not of the format: has none of its keys")

var errNoOperator = errors.New("no operator such as %START_TIME% in it")

// String returns what the format was compiled from.
func (f *Format) String() string { return f.source }

// Parse reads a line, given without line break, into l. What l held is gone,
// also if there is an error.
func (f *Format) Parse(line string, l *Line) error { return f.parse(line, l, new(scratch)) }

// parse is Parse with memory that is reused. Text is first taken as it mostly
// is, with no value containing what ends it.
func (f *Format) parse(line string, l *Line, sc *scratch) error {
	l.reset()
	if f.json != nil {
		d := decoder{text: line, root: f.json, line: l, scratch: sc}
		if err := d.decode(); err != nil {
			return err
		}
		if d.fields == 0 {
			return errNoKey
		}
		l.finish(d.fields, d.written)
		return nil
	}
	m := &sc.matcher
	if !f.parseText(line, true, l, m) && !f.parseText(line, false, l, m) {
		return f.text.mismatch(m.far)
	}
	return nil
}

// parseText reads a line of text, and leaves l as it is if it is not of the
// format.
func (f *Format) parseText(line string, strict bool, l *Line, m *matcher) bool {
	ok := m.parse(f.text, line, strict, l)
	if ok {
		l.judge(f.text.fields)
	}
	return ok
}
