package clock

import "time"

// A Moment is a time and how exact it is: it was in [Nanos, Nanos+Resolution).
// It is comparable; the zero Moment is unknown.
type Moment struct {
	Nanos      int64 // since 1970, 0 unknown
	Resolution int64 // in nanoseconds
}

// The years a log may be from. Nanoseconds since 1970 hold no more.
const (
	firstYear = 1970
	lastYear  = 2261
)

// Cut reads the RFC 3339 time that s begins with, such as
// "2022-04-01T03:23:12.736Z", and returns what follows it.
func Cut(s string) (at Moment, rest string, ok bool) {
	const form = "2006-01-02T15:04:05"
	if len(s) <= len(form) || s[4] != '-' || s[7] != '-' || s[10] != 'T' || s[13] != ':' || s[16] != ':' {
		return Moment{}, s, false
	}
	var p parts
	ok = digits(s[0:4], &p.year) && digits(s[5:7], &p.month) && digits(s[8:10], &p.day) &&
		digits(s[11:13], &p.hour) && digits(s[14:16], &p.minute) && digits(s[17:19], &p.second)
	p.has = hasDate
	p.resolution = int64(time.Second)
	rest = s[len(form):]
	if ok && rest[0] == '.' {
		rest, ok = p.fraction(rest[1:], 0)
	}
	if ok {
		rest, ok = p.zone(rest)
	}
	if ok {
		at, ok = p.moment()
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

// What parts have.
const (
	hasYear = 1 << iota
	hasMonth
	hasDay
	hasEpoch
	hasPM
	hasAM

	hasDate = hasYear | hasMonth | hasDay
)

// parts are those of a time, as they are read.
type parts struct {
	year, month, day, hour, minute, second int
	frac, offset, epoch                    int64 // nanoseconds, seconds east of UTC, seconds since 1970
	resolution                             int64
	has                                    int
}

// fraction reads n digits, or as many as there are if n is 0. Those beyond the
// ninth are dropped.
func (p *parts) fraction(s string, n int) (rest string, ok bool) {
	p.frac, p.resolution = 0, int64(time.Second)
	i := 0
	for ; i < len(s) && s[i]-'0' <= 9 && (n == 0 || i < n); i++ {
		if i < 9 {
			p.resolution /= 10
			p.frac += int64(s[i]-'0') * p.resolution
		}
	}
	return s[i:], i > 0 && (n == 0 || i == n)
}

// zone reads "Z", "+hhmm" or "+hh:mm".
func (p *parts) zone(s string) (rest string, ok bool) {
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
	p.offset = int64(hours*60+minutes) * 60
	if sign == '-' {
		p.offset = -p.offset
	}
	return rest[2:], true
}

// moment puts the parts together. It is the unknown Moment if there is no
// date.
func (p *parts) moment() (Moment, bool) {
	if p.has&hasEpoch != 0 {
		return Moment{p.epoch*1e9 + p.frac, p.resolution}, true
	}
	if p.has&(hasPM|hasAM) != 0 {
		if p.hour < 1 || p.hour > 12 {
			return Moment{}, false
		}
		p.hour %= 12
		if p.has&hasPM != 0 {
			p.hour += 12
		}
	}
	if p.hour > 23 || p.minute > 59 || p.second > 60 {
		return Moment{}, false
	}
	if p.has&hasDate != hasDate {
		return Moment{}, true
	}
	if p.year < firstYear || p.year > lastYear || p.month < 1 || p.month > 12 || p.day < 1 || p.day > 31 {
		return Moment{}, false
	}
	sec := daysSince1970(p.year, p.month, p.day)*86400 + int64(p.hour*3600+p.minute*60+p.second) - p.offset
	if sec < 0 {
		return Moment{}, false
	}
	return Moment{sec*1e9 + p.frac, p.resolution}, true
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
