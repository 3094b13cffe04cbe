package capture_test

import (
	"math"
	"testing"
	"time"

	"github.com/pcapmesh/pcapmesh/capture"
)

func TestTime(t *testing.T) {
	noon := time.Date(2026, 11, 30, 12, 0, 0, 5, time.FixedZone("", 3600))
	for _, c := range []struct {
		name string
		at   capture.Time
		time time.Time
		text string
	}{
		{"unknown", 0, time.Time{}, "unknown"},
		{"first", 1, time.Unix(0, 1).UTC(), "1970-01-01T00:00:00.000000001Z"},
		{"before 1970", -1, time.Unix(0, -1).UTC(), "1969-12-31T23:59:59.999999999Z"},
		{"another zone", capture.TimeOf(noon), noon.UTC(), "2026-11-30T11:00:00.000000005Z"},
		{"last", math.MaxInt64, time.Unix(0, math.MaxInt64).UTC(), "2262-04-11T23:47:16.854775807Z"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := c.at.Time(); !got.Equal(c.time) || got.Location() != time.UTC {
				t.Errorf("Time() = %v, want %v", got, c.time)
			}
			if got := c.at.String(); got != c.text {
				t.Errorf("String() = %q, want %q", got, c.text)
			}
			if got := capture.TimeOf(c.time); got != c.at {
				t.Errorf("TimeOf(%v) = %d, want %d", c.time, got, c.at)
			}
		})
	}
	if got := capture.Time(7).Sub(9); got != -2 {
		t.Errorf("Sub = %v, want -2ns", got)
	}
	if got := capture.Time(7).Add(time.Microsecond); got != 1007 {
		t.Errorf("Add = %v, want 1007", int64(got))
	}
}
