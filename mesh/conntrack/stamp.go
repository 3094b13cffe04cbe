package conntrack

import (
	"time"

	"github.com/pcapmesh/pcapmesh/capture"
)

// A Stamp is a time as conntrack prints it. It is comparable; the zero Stamp is
// an unknown time.
type Stamp struct {
	Time capture.Time

	// Local says that the time was printed in words, by a clock whose zone is
	// not known: [start=…], [stop=…] and <when>. Time then holds whole
	// seconds, rounded down, read as if the zone were UTC, which it is in
	// nearly all containers.
	Local bool
}

// Known reports whether s is a time.
func (s Stamp) Known() bool { return s.Time != 0 }

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
	return Stamp{capture.TimeOf(t), true}, true
}

// exactStamp reads "seconds.microseconds", as -o timestamp prints them.
func exactStamp(b []byte) (Stamp, bool) {
	const digits = 6
	if len(b) < digits+2 || b[len(b)-digits-1] != '.' {
		return Stamp{}, false
	}
	sec, ok := number(b[:len(b)-digits-1], 1<<33-1)
	usec, ok2 := number(b[len(b)-digits:], 1e6-1)
	return Stamp{Time: capture.Time(int64(sec)*1e9 + int64(usec)*1e3)}, ok && ok2
}
