package capture

import "time"

// A Time is when a packet was captured, in nanoseconds since 1970-01-01 UTC. The
// zero Time is unknown. Times of one clock are compared with < and ==.
type Time int64

// TimeOf returns t as a Time; the zero time.Time is unknown. The result is
// undefined before 1678 and after 2262.
func TimeOf(t time.Time) Time {
	if t.IsZero() {
		return 0
	}
	return Time(t.UnixNano())
}

// Time returns t in UTC, and the zero time.Time if t is unknown.
func (t Time) Time() time.Time {
	if t == 0 {
		return time.Time{}
	}
	return time.Unix(0, int64(t)).UTC()
}

// Sub returns the time from u to t.
func (t Time) Sub(u Time) time.Duration { return time.Duration(t - u) }

// Add returns the time d after t.
func (t Time) Add(d time.Duration) Time { return t + Time(d) }

// String returns t as RFC 3339 has it, with nanoseconds, or "unknown".
func (t Time) String() string {
	if t == 0 {
		return "unknown"
	}
	return t.Time().Format(time.RFC3339Nano)
}
