package accesslog_test

import (
	"strings"
	"testing"
	"time"

	"github.com/pcapmesh/pcapmesh/capture"
	"github.com/pcapmesh/pcapmesh/mesh/accesslog"
)

// parsed reads a line of a format that it is of.
func parsed(t *testing.T, formatText, line string) *accesslog.Line {
	t.Helper()
	var l accesslog.Line
	if err := format(t, formatText).Parse(line, &l); err != nil {
		t.Fatalf("%q of %q: %v", line, formatText, err)
	}
	return &l
}

// rejected fails unless a line is not of a format.
func rejected(t *testing.T, formatText, line string) {
	t.Helper()
	var l accesslog.Line
	if format(t, formatText).Parse(line, &l) == nil {
		t.Errorf("%q is read as of %q: %+v", line, formatText, l)
	}
}

// Numbers have at most 18 digits, and durations are at most 31 years.
func TestNumberBounds(t *testing.T) {
	const none = -2 // not of the format
	for _, tc := range []struct {
		format, in string
		want       int64
	}{
		{"%BYTES_SENT%", "999999999999999999", 999999999999999999}, {"%BYTES_SENT%", "1000000000000000000", none}, {"%BYTES_SENT%", "000000000000000005", 5},
		{"%BYTES_SENT%", "1:", none}, {"%BYTES_SENT%", "1/", none}, {"%BYTES_SENT%", "-", -1}, {"%BYTES_SENT%", "", -1}, {"%BYTES_SENT%", "0", 0},
		{"%DURATION%", "1000000000000", int64(1000000000000 * ms)}, {"%DURATION%", "1000000000001", none}, {"%DURATION%", "0", 0},
	} {
		for _, form := range []struct{ format, in string }{{"x " + tc.format, "x " + tc.in}, {`{"k":"` + tc.format + `"}`, `{"k":"` + tc.in + `"}`}} {
			t.Run(form.in, func(t *testing.T) {
				if tc.want == none {
					rejected(t, form.format, form.in)
					return
				}
				l := parsed(t, form.format, form.in)
				if got := l.BytesSent + int64(l.Duration) + 1; got != tc.want { // the other one is -1
					t.Errorf("%d, want %d", got, tc.want)
				}
			})
		}
	}
}

// The first start is kept if none is finer; one of no day is none.
func TestStarts(t *testing.T) {
	for _, tc := range []struct {
		name, format, in string
		start            capture.Time
		resolution       time.Duration
	}{
		{"two of one kind", "%START_TIME(%s)% %START_TIME(%s)%", "5 6", 5e9, 1e9},
		{"a finer one first", "%START_TIME(%s.%3f)% %START_TIME(%s)%", "5.001 6", 5001e6, 1e6},
		{"a finer one last", "%START_TIME(%s)% %START_TIME(%s.%3f)%", "5 6.001", 6001e6, 1e6},
		{"of no day", "%START_TIME(%T)% %DURATION%", "22:29:50 5", 0, 0},
		{"of no day, then one", "%START_TIME(%T)% %START_TIME(%s)%", "22:29:50 5", 5e9, 1e9},
		{"none", "%START_TIME% %DURATION%", "- 5", 0, 0},
		{"empty", "%START_TIME% %DURATION%", " 5", 0, 0},
		{"one nanosecond", "%START_TIME(%s.%9f)% %DURATION%", "0.000000001 5", 1, 1},
		{"a blank in it", "%START_TIME(%F %T)% %DURATION%", "1970-01-01 00:00:05 7", 5e9, 1e9},
		{"a blank at its end", "%START_TIME(%s )% %DURATION%", "5  7", 5e9, 1e9},
		{"behind a long value", "%REQ(USER-AGENT)%|%START_TIME(%F %T)% %DURATION%", strings.Repeat("x", 300) + "|1970-01-01 00:00:05 7", 5e9, 1e9},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if l := parsed(t, tc.format, tc.in); l.Start != tc.start || l.Resolution != tc.resolution {
				t.Errorf("%d to %d, want %d to %d", l.Start, l.Resolution, tc.start, tc.resolution)
			}
		})
	}
}
