package accesslog

import "time"

// A moment is a time and how exact it is, both in nanoseconds. The zero moment
// is unknown.
type moment struct{ nanos, resolution int64 }

// The years a log may be from. Nanoseconds since 1970 hold no more.
const (
	firstYear = 1970
	lastYear  = 2261
)

// parseTimestamp reads the RFC 3339 time that s begins with, such as
// "2022-04-01T03:23:12.736Z", and returns what follows it.
func parseTimestamp(s string) (at moment, rest string, ok bool) {
	const form = "2006-01-02T15:04:05"
	if len(s) <= len(form) || s[4] != '-' || s[7] != '-' || s[10] != 'T' || s[13] != ':' || s[16] != ':' {
		return moment{}, s, false
	}
	var c clock
	ok = digits(s[0:4], &c.year) && digits(s[5:7], &c.month) && digits(s[8:10], &c.day) &&
		digits(s[11:13], &c.hour) && digits(s[14:16], &c.minute) && digits(s[17:19], &c.second)
	c.has = hasDate
	c.resolution = int64(time.Second)
	rest = s[len(form):]
	if ok && rest[0] == '.' {
		rest, ok = c.fraction(rest[1:], 0)
	}
	if ok {
		rest, ok = c.zone(rest)
	}
	if ok {
		at, ok = c.moment()
	}
	return at, rest, ok
}

// digits reads a number of digits only.
func digits(s string, n *int) bool {
	*n = 0
	for i := 0; i < len(s); i++ {
		c := s[i] - '0'
		if c > 9 {
			return false
		}
		*n = *n*10 + int(c)
	}
	return s != ""
}

// What a clock has.
const (
	hasYear = 1 << iota
	hasMonth
	hasDay
	hasEpoch
	hasPM
	hasAM

	hasDate = hasYear | hasMonth | hasDay
)

// A clock is a time in parts, as they are read.
type clock struct {
	year, month, day, hour, minute, second int
	frac, offset, epoch                    int64 // nanoseconds, seconds east of UTC, seconds since 1970
	resolution                             int64
	has                                    int
}

// fraction reads n digits, or as many as there are if n is 0. Those beyond the
// ninth are dropped.
func (c *clock) fraction(s string, n int) (rest string, ok bool) {
	c.frac, c.resolution = 0, int64(time.Second)
	i := 0
	for ; i < len(s) && s[i]-'0' <= 9 && (n == 0 || i < n); i++ {
		if i < 9 {
			c.resolution /= 10
			c.frac += int64(s[i]-'0') * c.resolution
		}
	}
	return s[i:], i > 0 && (n == 0 || i == n)
}

// zone reads "Z", "+hhmm" or "+hh:mm".
func (c *clock) zone(s string) (rest string, ok bool) {
	if s == "" {
		return s, false
	}
	if s[0] == 'Z' {
		return s[1:], true
	}
	var hours, minutes int
	if len(s) < 5 || s[0] != '+' && s[0] != '-' || !digits(s[1:3], &hours) {
		return s, false
	}
	sign, rest := s[0], s[3:]
	if rest[0] == ':' {
		rest = rest[1:]
	}
	if len(rest) < 2 || !digits(rest[:2], &minutes) || hours > 23 || minutes > 59 {
		return s, false
	}
	c.offset = int64(hours*60+minutes) * 60
	if sign == '-' {
		c.offset = -c.offset
	}
	return rest[2:], true
}

// moment puts the parts together. It is the unknown moment if there is no
// date.
func (c *clock) moment() (moment, bool) {
	if c.has&hasEpoch != 0 {
		return moment{c.epoch*1e9 + c.frac, c.resolution}, true
	}
	if c.has&(hasPM|hasAM) != 0 {
		if c.hour < 1 || c.hour > 12 {
			return moment{}, false
		}
		c.hour %= 12
		if c.has&hasPM != 0 {
			c.hour += 12
		}
	}
	if c.hour > 23 || c.minute > 59 || c.second > 60 {
		return moment{}, false
	}
	if c.has&hasDate != hasDate {
		return moment{}, true
	}
	if c.year < firstYear || c.year > lastYear || c.month < 1 || c.month > 12 || c.day < 1 || c.day > 31 {
		return moment{}, false
	}
	sec := daysSince1970(c.year, c.month, c.day)*86400 + int64(c.hour*3600+c.minute*60+c.second) - c.offset
	if sec < 0 {
		return moment{}, false
	}
	return moment{sec*1e9 + c.frac, c.resolution}, true
}

// daysSince1970 counts the days of the Gregorian calendar. Years begin in
// March here, so that the leap day is the last of one.
func daysSince1970(year, month, day int) int64 {
	if month <= 2 {
		year, month = year-1, month+12
	}
	ofYear := (153*(month-3)+2)/5 + day - 1
	return int64(365*year+year/4-year/100+year/400+ofYear) - 719468
}
