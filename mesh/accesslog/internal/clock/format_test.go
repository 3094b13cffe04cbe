package clock_test

import (
	"testing"
	"time"

	"github.com/pcapmesh/pcapmesh/mesh/accesslog/internal/clock"
)

// compile compiles a format that is one.
func compile(t *testing.T, s string) *clock.Format {
	t.Helper()
	f, err := clock.Compile(s)
	if err != nil {
		t.Fatalf("%s: %v", s, err)
	}
	return f
}

func TestParse(t *testing.T) {
	const (
		day      = 24 * time.Hour
		full     = "2026-03-09T17:05:07.012345678Z"
		midnight = "2026-03-09T00:00:00Z"
		unknown  = "1970-01-01T00:00:00Z"
	)
	for _, tc := range []struct {
		format, text, want string
		resolution         time.Duration
	}{
		{"%Y-%m-%dT%H:%M:%E3SZ", "2026-03-09T17:05:07.012Z", "2026-03-09T17:05:07.012Z", time.Millisecond},
		{"%F %T.%f", "2026-03-09 17:05:07.012345678", full, 1},
		{"%F %T.%9f", "2026-03-09 17:05:07.012345678", full, 1},
		{"%F %T.%1f", "2026-03-09 17:05:07.5", "2026-03-09T17:05:07.5Z", time.Second / 10},
		{"%F %X", "2026-03-09 17:05:07", "2026-03-09T17:05:07Z", time.Second},
		{"%D %R", "03/09/26 17:05", "2026-03-09T17:05:00Z", time.Minute},
		{"%x %H", "03/09/26 17", "2026-03-09T17:00:00Z", time.Hour},
		{"%d/%b/%Y:%H:%M:%S %z", "09/Mar/2026:17:05:07 +0000", "2026-03-09T17:05:07Z", time.Second},
		{"%d/%b/%Y:%H:%M:%S %Ez", "09/Mar/2026:19:05:07 +02:00", "2026-03-09T17:05:07Z", time.Second},
		{"%FT%T.%3f%z", "2026-03-09T12:05:07.012-0500", "2026-03-09T17:05:07.012Z", time.Millisecond},
		{"%a, %d %B %Y %r %Z", "Mon, 09 March 2026 05:05:07 PM UTC", "2026-03-09T17:05:07Z", time.Second},
		{"%A %e %h %y %I%p", "Monday  9 Mar 26 05PM", "2026-03-09T17:00:00Z", time.Hour},
		{"%F %l %p", "2026-03-09  5 AM", "2026-03-09T05:00:00Z", time.Hour},
		{"%F %I%p", "2026-03-09 12AM", midnight, time.Hour},
		{"%F %I%p", "2026-03-09 12PM", "2026-03-09T12:00:00Z", time.Hour},
		{"%F %I%p", "2026-03-09 01AM", "2026-03-09T01:00:00Z", time.Hour},
		{"%Y.%j %k%n%t%%", "2026.068 17\n\t%", "2026-03-09T17:00:00Z", time.Hour},
		{"%F %k", "2026-03-09  7", "2026-03-09T07:00:00Z", time.Hour},
		{"%Y.%j", "2026.001", "2026-01-01T00:00:00Z", day},
		{"%Y.%j", "2026.365", "2026-12-31T00:00:00Z", day},
		{"%Y.%j", "2024.366", "2024-12-31T00:00:00Z", day},
		{"%c", "Mon Mar  9 17:05:07 2026", "2026-03-09T17:05:07Z", time.Second},
		{"%b %d %Y", "Dec 31 2026", "2026-12-31T00:00:00Z", day},
		{"%A %F", "Saturday 2026-03-07", "2026-03-07T00:00:00Z", day},
		{"%A %F", "Sunday 2026-03-08", "2026-03-08T00:00:00Z", day},
		{"%y%m%d", "690102", "1969-01-02T00:00:00Z", 0},
		{"%y%m%d", "700102", "1970-01-02T00:00:00Z", day},
		{"%y%m%d", "680102", "2068-01-02T00:00:00Z", day},
		{"%s", "1773075907", "2026-03-09T17:05:07Z", time.Second},
		{"%s%6f", "1773075907012345", "2026-03-09T17:05:07.012345Z", time.Microsecond},
		{"%s.%3f", "9.012", "1970-01-01T00:00:09.012Z", time.Millisecond},
		{"%s", "9000000000", "2255-03-14T16:00:00Z", time.Second},
		{"%s %F", "1773075907 2001-01-01", "2026-03-09T17:05:07Z", time.Second}, // what counts seconds tells more
		{"%F", "2026-03-09", midnight, day},
		{"%T", "17:05:07", unknown, 0}, // of no day
		{"%Y-%m %T", "2026-03 17:05:07", unknown, 0},
		{"x%Fy", "x2026-03-09y", midnight, day},
		{"literal", "literal", unknown, 0},
	} {
		t.Run(tc.format+" "+tc.text, func(t *testing.T) {
			got, ok := compile(t, tc.format).Parse(tc.text)
			if want := nanos(t, tc.want); want < 0 {
				if ok {
					t.Errorf("%+v: before 1970", got)
				}
			} else if want := (clock.Moment{Nanos: want, Resolution: int64(tc.resolution)}); got != want || !ok {
				t.Errorf("%+v, %v; want %+v", got, ok, want)
			}
		})
	}
}

// The nil Format is RFC 3339, all of the text.
func TestParseDefault(t *testing.T) {
	var f *clock.Format
	if at, ok := f.Parse("2026-03-09T17:05:07.012Z"); !ok || at.Nanos != nanos(t, "2026-03-09T17:05:07.012Z") || at.Resolution != 1e6 {
		t.Errorf("%+v, %v", at, ok)
	}
	for _, s := range []string{"2026-03-09T17:05:07.012Z ", "17:05:07", ""} {
		if at, ok := f.Parse(s); ok {
			t.Errorf("%q is read as %+v", s, at)
		}
	}
}

func TestParseNone(t *testing.T) {
	for _, tc := range []struct{ name, format, text string }{
		{"more behind it", "%F", "2026-03-09 "},
		{"more behind a time of no day", "%T", "17:05:07 "},
		{"other text", "[%F", "(2026-03-09"},
		{"nothing", "%F", ""},
		{"cut off in the year", "%Y", "202"},
		{"cut off in the day", "%d", "0"},
		{"cut off in the day of the year", "%Y%j", "202606"},
		{"letter in a number", "%Y", "20x6"},
		{"blank where digits are due", "%d", " 9"},
		{"hour 24", "%F %H", "2026-03-09 24"},
		{"hour 13 with PM", "%F %I%p", "2026-03-09 13PM"},
		{"hour 0 with AM", "%F %I%p", "2026-03-09 00AM"},
		{"neither AM nor PM", "%F %I%p", "2026-03-09 05XM"},
		{"no month", "%b", "Mxr"},
		{"short name where the long one is due", "%B", "Jan"},
		{"no day", "%a", "Mxn"},
		{"short day where the long one is due", "%A", "Mon"},
		{"no zone", "%T%z", "17:05:07"},
		{"no name of a zone", "%Z", ""},
		{"no fraction", "%f", ""},
		{"too few digits", "%3f", "12"},
		{"too many digits", "%3f", "1234"},
		{"no seconds", "%s", ""},
		{"seconds beyond nanoseconds", "%s", "9000000001"},
		{"too many seconds", "%s", "17730759070"},
		{"day of no year", "%j", "068"},
		{"day 0 of the year", "%Y%j", "2026000"},
		{"day 366 of a year of 365", "%Y%j", "2026366"},
		{"day 367", "%Y%j", "2024367"},
		{"before 1970", "%F", "1969-12-31"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if at, ok := compile(t, tc.format).Parse(tc.text); ok {
				t.Errorf("%s reads %q as %+v", tc.format, tc.text, at)
			}
		})
	}
}

func TestCompileErrors(t *testing.T) {
	for _, tc := range []struct{ in, want string }{
		{"%Q", `time format has the unknown conversion "%Q"`},
		{"%F %", `time format ends in "%"`},
		{"%3", `time format ends in "%"`},
		{"%E", `time format ends in "%"`},
		{"%0f", `time format has the unknown conversion "%0"`},
	} {
		if _, err := clock.Compile(tc.in); err == nil || err.Error() != tc.want {
			t.Errorf("%s: %v, want %s", tc.in, err, tc.want)
		}
	}
}

func TestFormatString(t *testing.T) {
	const in = "%D %3S%%"
	if got := compile(t, in).String(); got != in {
		t.Errorf("%q, want %q", got, in)
	}
}

// FuzzParse holds the reading of a format against the printing of package time.
func FuzzParse(f *testing.F) {
	f.Add(int64(1773075907012345678), byte(0))
	f.Add(int64(1), byte(3))
	forms := []struct{ format, layout string }{
		{"%Y-%m-%dT%H:%M:%S.%f%z", "2006-01-02T15:04:05.000000000-0700"},
		{"%c", "Mon Jan _2 15:04:05 2006"},
		{"%A %e %B %Y %r", "Monday _2 January 2006 03:04:05 PM"},
		{"%Y %j %T.%3f", "2006 002 15:04:05.000"},
		{"%D %R", "01/02/06 15:04"},
		{"%F %I%p", "2006-01-02 03PM"},
	}
	f.Fuzz(func(t *testing.T, at int64, which byte) {
		form := forms[int(which)%len(forms)]
		want := time.Unix(0, max(at, 24*int64(time.Hour))).UTC()
		if form.format == "%D %R" && want.Year() > 2068 || want.Year() > 2261 {
			return
		}
		got, ok := compile(t, form.format).Parse(want.Format(form.layout))
		if !ok || got.Nanos > want.UnixNano() || want.UnixNano()-got.Nanos >= got.Resolution {
			t.Errorf("%s: %v is read as %v to %v, %v", form.format, want, time.Unix(0, got.Nanos).UTC(), time.Duration(got.Resolution), ok)
		}
	})
}
