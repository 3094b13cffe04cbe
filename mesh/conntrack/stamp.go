package conntrack

import "time"

// A Stamp is a time as conntrack prints it. It is comparable; the zero Stamp is
// an unknown time.
type Stamp struct {
	// Nanos counts nanoseconds since 1970-01-01 00:00 UTC; 0: unknown.
	Nanos int64

	// Local says that the time was printed in words, by a clock whose zone is
	// not known: [start=…], [stop=…] and <when>. Nanos then holds whole
	// seconds, rounded down, read as if the zone were UTC, which it is in
	// nearly all containers.
	Local bool
}

// Known reports whether s is a time.
func (s Stamp) Known() bool { return s.Nanos != 0 }

// In returns the time as nanoseconds since 1970 UTC, given the zone in which it
// was printed if it is local; 0 if it is unknown. A local time may be up to a
// second early.
func (s Stamp) In(zone *time.Location) int64 {
	if !s.Local || !s.Known() {
		return s.Nanos
	}
	t := time.Unix(0, s.Nanos).UTC()
	return time.Date(t.Year(), t.Month(), t.Day(), t.Hour(), t.Minute(), t.Second(), 0, zone).UnixNano()
}

// better returns s, or o if it is known and s is not, or o is exact and s is not.
func (s Stamp) better(o Stamp) Stamp {
	if !s.Known() || s.Local && o.Known() && !o.Local {
		return o
	}
	return s
}

// ctime is the layout of ctime(3).
const ctime = time.ANSIC

// localStamp reads a time in ctime's layout. It fails beyond what a Stamp holds.
func localStamp(b []byte) (Stamp, bool) {
	t, err := time.Parse(ctime, string(b))
	if err != nil || t.Year() < 1970 || t.Year() > 2261 {
		return Stamp{}, false
	}
	return Stamp{t.UnixNano(), true}, true
}

// appendLocal appends s in ctime's layout.
func (s Stamp) appendLocal(b []byte) []byte {
	return time.Unix(0, s.Nanos).UTC().AppendFormat(b, ctime)
}

// exactStamp reads "seconds.microseconds", as -o timestamp prints them.
func exactStamp(b []byte) (Stamp, bool) {
	const digits = 6
	if len(b) < digits+2 || b[len(b)-digits-1] != '.' {
		return Stamp{}, false
	}
	sec, ok := number(b[:len(b)-digits-1], 1<<33-1)
	usec, ok2 := number(b[len(b)-digits:], 1e6-1)
	return Stamp{Nanos: int64(sec)*1e9 + int64(usec)*1e3}, ok && ok2
}
