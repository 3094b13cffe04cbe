package clock_test

import (
	"testing"
	"time"

	"github.com/pcapmesh/pcapmesh/mesh/accesslog/internal/clock"
)

// nanos returns a time of RFC 3339 in nanoseconds since 1970.
func nanos(t *testing.T, s string) int64 {
	t.Helper()
	at, err := time.Parse(time.RFC3339Nano, s)
	if err != nil {
		t.Fatal(err)
	}
	return at.UnixNano()
}

func TestCut(t *testing.T) {
	for _, tc := range []struct {
		name, in, want, rest string
		resolution           time.Duration
	}{
		{"seconds", "2026-03-09T17:05:07Z", "2026-03-09T17:05:07Z", "", time.Second},
		{"milliseconds", "2026-03-09T17:05:07.012Z x", "2026-03-09T17:05:07.012Z", " x", time.Millisecond},
		{"one digit", "2026-03-09T17:05:07.5Z", "2026-03-09T17:05:07.5Z", "", time.Second / 10},
		{"nanoseconds", "2026-03-09T17:05:07.012345678Z", "2026-03-09T17:05:07.012345678Z", "", 1},
		{"more digits than are kept", "2026-03-09T17:05:07.0123456789Z", "2026-03-09T17:05:07.012345678Z", "", 1},
		{"east", "2026-03-09T19:35:07.012+02:30", "2026-03-09T17:05:07.012Z", "", time.Millisecond},
		{"west, without colon", "2026-03-09T12:05:07-0500]", "2026-03-09T17:05:07Z", "]", time.Second},
		{"farthest east", "2026-03-10T16:59:00+23:59", "2026-03-09T17:00:00Z", "", time.Second},
		{"first of the year", "2026-01-01T00:00:00Z", "2026-01-01T00:00:00Z", "", time.Second},
		{"last of the year", "2026-12-31T23:59:59Z", "2026-12-31T23:59:59Z", "", time.Second},
		{"leap day", "2024-02-29T12:00:00Z", "2024-02-29T12:00:00Z", "", time.Second},
		{"after a leap day", "2024-03-01T12:00:00Z", "2024-03-01T12:00:00Z", "", time.Second},
		{"no leap day in 2100", "2100-03-01T00:00:00Z", "2100-03-01T00:00:00Z", "", time.Second},
		{"a leap day in 2000", "2000-03-01T00:00:00Z", "2000-03-01T00:00:00Z", "", time.Second},
		{"leap second", "2016-12-31T23:59:60Z", "2017-01-01T00:00:00Z", "", time.Second},
		{"first that is known", "1970-01-01T00:00:01Z", "1970-01-01T00:00:01Z", "", time.Second},
		{"last year", "2261-12-31T23:59:59.999999999Z", "2261-12-31T23:59:59.999999999Z", "", 1},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, rest, ok := clock.Cut(tc.in)
			want := clock.Moment{Nanos: nanos(t, tc.want), Resolution: int64(tc.resolution)}
			if got != want || rest != tc.rest || !ok {
				t.Errorf("%+v, %q, %v; want %+v, %q", got, rest, ok, want, tc.rest)
			}
		})
	}
}

// The start of all time is 0, which means that nothing is known.
func TestCutEpoch(t *testing.T) {
	if at, _, ok := clock.Cut("1970-01-01T00:00:00Z"); at.Nanos != 0 || !ok {
		t.Errorf("%+v, %v", at, ok)
	}
}

// Every day from 1970 to 2261 is that of package time.
func TestCutEveryDay(t *testing.T) {
	for at := time.Unix(0, 0).UTC(); at.Year() < 2262; at = at.AddDate(0, 0, 1) {
		s := at.Format(time.RFC3339)
		if got, _, ok := clock.Cut(s); !ok || got.Nanos != at.UnixNano() {
			t.Fatalf("%s is read as %d, %v; want %d", s, got.Nanos, ok, at.UnixNano())
		}
	}
}

func TestCutNone(t *testing.T) {
	for _, tc := range []struct{ name, in string }{
		{"empty", ""},
		{"a word", "yesterday, or the day before"},
		{"cut off", "2026-03-09T17:05:07"},
		{"no zone", "2026-03-09T17:05:07 "},
		{"no digits after the point", "2026-03-09T17:05:07.Z"},
		{"a blank for T", "2026-03-09 17:05:07Z"},
		{"slash in the date", "2026/03-09T17:05:07Z"},
		{"slash in the date, later", "2026-03/09T17:05:07Z"},
		{"point in the time", "2026-03-09T17.05:07Z"},
		{"point in the time, later", "2026-03-09T17:05.07Z"},
		{"letter in the year", "202x-03-09T17:05:07Z"},
		{"letter in the month", "2026-0x-09T17:05:07Z"},
		{"letter in the day", "2026-03-0xT17:05:07Z"},
		{"letter in the hour", "2026-03-09T1x:05:07Z"},
		{"letter in the minute", "2026-03-09T17:0x:07Z"},
		{"letter in the second", "2026-03-09T17:05:0xZ"},
		{"month 0", "2026-00-09T17:05:07Z"},
		{"month 13", "2026-13-09T17:05:07Z"},
		{"day 0", "2026-03-00T17:05:07Z"},
		{"day 32", "2026-03-32T17:05:07Z"},
		{"hour 24", "2026-03-09T24:05:07Z"},
		{"minute 60", "2026-03-09T17:60:07Z"},
		{"second 61", "2026-03-09T17:05:61Z"},
		{"before 1970", "1969-12-31T23:59:59Z"},
		{"before 1970 by its zone", "1970-01-01T00:00:00+01:00"},
		{"beyond nanoseconds", "2262-01-01T00:00:00Z"},
		{"zone of one digit", "2026-03-09T17:05:07+1"},
		{"zone of three digits", "2026-03-09T17:05:07+010"},
		{"zone without minutes", "2026-03-09T17:05:07+01:0"},
		{"zone of a letter", "2026-03-09T17:05:07+0x:00"},
		{"zone of a letter, later", "2026-03-09T17:05:07+01:0x"},
		{"zone with a blank", "2026-03-09T17:05:07 01:00"},
		{"zone of 24 hours", "2026-03-09T17:05:07+24:00"},
		{"zone of 60 minutes", "2026-03-09T17:05:07+01:60"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if at, _, ok := clock.Cut(tc.in); ok {
				t.Errorf("%s is read as %+v", tc.in, at)
			}
		})
	}
}
