package accesslog

import (
	"fmt"
	"strings"
	"time"
)

// A timeFormat is the compiled argument of START_TIME: strftime's conversions
// and, after Envoy's documentation, %s for the seconds since 1970 and %f, %1f
// … %9f for digits of the fraction of the second, 9 by default. The nil
// timeFormat is the default, RFC 3339 with milliseconds.
type timeFormat struct {
	tokens     []timeToken
	resolution int64 // of what is logged, in nanoseconds
}

// A timeToken is a conversion, or literal text if verb is 0.
type timeToken struct {
	verb   byte
	digits int // of %f
	text   string
}

// expansion returns the conversions that verb stands for, "" if it stands for
// itself.
func expansion(verb byte) string {
	switch verb {
	case 'D', 'x':
		return "%m/%d/%y"
	case 'F':
		return "%Y-%m-%d"
	case 'R':
		return "%H:%M"
	case 'T', 'X':
		return "%H:%M:%S"
	case 'r':
		return "%I:%M:%S %p"
	case 'c':
		return "%a %b %e %H:%M:%S %Y"
	}
	return ""
}

// parseTimeFormat compiles the argument of START_TIME.
func parseTimeFormat(s string) (*timeFormat, error) {
	f := &timeFormat{resolution: int64(24 * time.Hour)}
	if err := f.compile(s); err != nil {
		return nil, err
	}
	return f, nil
}

// compile adds the tokens of s. absl's modifier E changes only what is logged
// of seconds and of the zone's offset, and offsets are read in both forms.
func (f *timeFormat) compile(s string) error {
	for s != "" {
		text, rest, more := strings.Cut(s, "%")
		f.literal(text)
		if !more {
			return nil
		}
		n, rest := leadingDigit(strings.TrimPrefix(rest, "E"))
		if rest == "" {
			return fmt.Errorf("time format ends in %q", "%")
		}
		if err := f.conversion(rest[0], n); err != nil {
			return err
		}
		s = rest[1:]
	}
	return nil
}

// leadingDigit takes a digit from 1 to 9 off s, 0 if there is none.
func leadingDigit(s string) (n int, rest string) {
	if s != "" && '1' <= s[0] && s[0] <= '9' {
		return int(s[0] - '0'), s[1:]
	}
	return 0, s
}

// literal adds text, if there is any.
func (f *timeFormat) literal(text string) {
	if text != "" {
		f.tokens = append(f.tokens, timeToken{text: text})
	}
}

// conversion adds a conversion with its number of digits, 0 if none is given.
func (f *timeFormat) conversion(verb byte, n int) error {
	if e := expansion(verb); e != "" {
		return f.compile(e)
	}
	switch verb {
	case '%':
		f.literal("%")
		return nil
	case 'n':
		f.literal("\n")
		return nil
	case 't':
		f.literal("\t")
		return nil
	case 'S':
		f.tokens = append(f.tokens, timeToken{verb: 'S'})
		f.finer(time.Second)
		if n == 0 {
			return nil
		}
		f.literal(".") // absl's %E3S
	case 'f':
		if n == 0 {
			n = 9
		}
	case 's':
		f.finer(time.Second)
	case 'M':
		f.finer(time.Minute)
	case 'H', 'I', 'k', 'l':
		f.finer(time.Hour)
	case 'Y', 'y', 'm', 'd', 'e', 'j', 'b', 'h', 'B', 'a', 'A', 'p', 'z', 'Z':
	default:
		return fmt.Errorf("time format has the unknown conversion %q", "%"+string(rune(verb)))
	}
	if verb == 'f' || verb == 'S' {
		verb = 'f'
		f.finer(time.Duration(unit(n)))
	}
	f.tokens = append(f.tokens, timeToken{verb: verb, digits: n})
	return nil
}

// finer notes that a conversion logs units of d.
func (f *timeFormat) finer(d time.Duration) { f.resolution = min(f.resolution, int64(d)) }

// unit returns what the n-th digit after the point counts, in nanoseconds.
func unit(n int) int64 {
	u := int64(time.Second)
	for range n {
		u /= 10
	}
	return u
}

// parse reads a time, all of s. The moment is unknown if the format has no
// date.
func (f *timeFormat) parse(s string) (moment, bool) {
	if f == nil {
		at, rest, ok := parseTimestamp(s)
		return at, ok && rest == ""
	}
	var c clock
	for i := range f.tokens {
		var ok bool
		if s, ok = c.read(&f.tokens[i], s); !ok {
			return moment{}, false
		}
	}
	c.resolution = f.resolution
	at, ok := c.moment()
	if s != "" || !ok || at.nanos == 0 {
		return moment{}, ok && s == ""
	}
	return at, true
}

// read reads what one token stands for.
func (c *clock) read(t *timeToken, s string) (rest string, ok bool) {
	switch t.verb {
	case 0:
		return strings.CutPrefix(s, t.text)
	case 'f':
		return c.fraction(s, t.digits)
	case 's':
		return c.readEpoch(s)
	case 'z':
		return c.zone(s)
	case 'Z':
		return strings.TrimLeft(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZ"), s != ""
	case 'b', 'h', 'B', 'a', 'A', 'p':
		return c.readName(t.verb, s)
	default:
		return c.readNumber(t.verb, s)
	}
}

// readEpoch reads the seconds since 1970, at most ten digits: that lasts until
// 2286, and milliseconds may follow without a point.
func (c *clock) readEpoch(s string) (rest string, ok bool) {
	i := 0
	for i < len(s) && i < 10 && s[i]-'0' <= 9 {
		i++
	}
	n, ok := parseNumber(s[:i])
	c.epoch, c.has = n, c.has|hasEpoch
	return s[i:], ok && n <= 9e9
}

// readName reads the name of a month or a day, or AM or PM.
func (c *clock) readName(verb byte, s string) (rest string, ok bool) {
	switch verb {
	case 'p':
		if rest, ok = strings.CutPrefix(s, "PM"); ok {
			c.has |= hasPM
			return rest, true
		}
		c.has |= hasAM
		return strings.CutPrefix(s, "AM")
	case 'a', 'A':
		for d := time.Sunday; d <= time.Saturday; d++ {
			if rest, ok = strings.CutPrefix(s, shorten(d.String(), verb == 'a')); ok {
				return rest, true
			}
		}
		return s, false
	}
	for m := time.January; m <= time.December; m++ {
		if rest, ok = strings.CutPrefix(s, shorten(m.String(), verb != 'B')); ok {
			c.month, c.has = int(m), c.has|hasMonth
			return rest, true
		}
	}
	return s, false
}

// shorten returns the first three letters of a name if short is set.
func shorten(name string, short bool) string {
	if short {
		return name[:3]
	}
	return name
}

// readNumber reads a number of fixed width.
func (c *clock) readNumber(verb byte, s string) (rest string, ok bool) {
	width := 2
	switch verb {
	case 'Y':
		width = 4
	case 'j':
		width = 3
	}
	if len(s) < width {
		return s, false
	}
	number, rest := s[:width], s[width:]
	if verb == 'e' || verb == 'k' || verb == 'l' {
		number = strings.TrimPrefix(number, " ")
	}
	var n int
	ok = digits(number, &n)
	switch verb {
	case 'Y':
		c.year, c.has = n, c.has|hasYear
	case 'y':
		c.year, c.has = centuryOf(n)+n, c.has|hasYear
	case 'm':
		c.month, c.has = n, c.has|hasMonth
	case 'd', 'e':
		c.day, c.has = n, c.has|hasDay
	case 'j':
		c.month, c.day, c.has = 0, 0, c.has|hasMonth|hasDay
		ok = ok && c.ofYear(n)
	case 'H', 'I', 'k', 'l':
		c.hour = n
	case 'M':
		c.minute = n
	case 'S':
		c.second = n
	}
	return rest, ok
}

// centuryOf returns the century of a year of two digits: 69 is 1969, as POSIX
// has it.
func centuryOf(n int) int {
	if n >= 69 {
		return 1900
	}
	return 2000
}

// ofYear sets month and day from the day of the year, 1-based. The year must
// have been read before.
func (c *clock) ofYear(n int) bool {
	if c.has&hasYear == 0 || n < 1 || n > 366 {
		return false
	}
	t := time.Date(c.year, time.January, n, 0, 0, 0, 0, time.UTC)
	c.month, c.day = int(t.Month()), t.Day()
	return t.Year() == c.year
}
