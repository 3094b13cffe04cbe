package accesslog_test

import (
	"testing"

	"github.com/pcapmesh/pcapmesh/mesh/accesslog"
)

// One moment, written in several zones.
func TestTimeZones(t *testing.T) {
	for text, format := range map[string]string{
		"2026-03-09T19:05:07.012+02:00": "%START_TIME%",
		"2026-03-09T12:05:07.012-0500":  "%START_TIME(%FT%T.%3f%z)%",
		"2026-03-09T17:05:07.012Z":      "%START_TIME(%FT%T.%3f%Ez)%",
		"2026-03-09T05:05:07.012 PM":    "%START_TIME(%FT%I:%M:%S.%3f %p)%",
	} {
		f, err := accesslog.ParseFormat(format)
		if err != nil {
			t.Fatal(err)
		}
		var l accesslog.Line
		if err := f.Parse(text, &l); err != nil || l.Start != 1773075907012e6 {
			t.Errorf("%s: %v, %v", text, l.Start, err)
		}
	}
}

// Lines whose time is none are none.
func TestTimesThatAreNone(t *testing.T) {
	f := accesslog.Envoy()
	for _, s := range []string{
		"2026-13-09T17:05:07Z", "2026-00-09T17:05:07Z", "2026-03-32T17:05:07Z", "2026-03-09T24:05:07Z", "2026-03-09T17:60:07Z",
		"2026-03-09T17:05:61Z", "1969-03-09T17:05:07Z", "2262-03-09T17:05:07Z", "2026-03-09T17:05:07", "2026-03-09T17:05:07.Z",
		"2026-03-09 17:05:07Z", "2026-03-09T17:05:07+1", "1970-01-01T00:00:00+01:00", "yesterday",
	} {
		var l accesslog.Line
		if err := f.Parse("["+s+`] "- - -" 0 - 0 0 0 - "-" "-" "-" "-" "-"`, &l); err == nil {
			t.Errorf("%s is read as %v", s, l.Start)
		}
	}
}
