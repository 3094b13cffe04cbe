package clock

import (
	"fmt"
	"strings"
	"time"
)

// A Format is the compiled argument of START_TIME: strftime's conversions
// and, after Envoy's documentation, %s for the seconds since 1970 and %f, %1f
// … %9f for digits of the fraction of the second, 9 by default. The nil Format
// is the default, RFC 3339 with milliseconds. It is safe for concurrent use.
type Format struct {
	source     string
	tokens     []token
	resolution int64 // of what is logged, in nanoseconds
}

// A token is a conversion, or literal text if verb is 0.
type token struct {
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

// Compile compiles the argument of START_TIME.
func Compile(s string) (*Format, error) {
	f := &Format{source: s, resolution: int64(24 * time.Hour)}
	if err := f.compile(s); err != nil {
		return nil, err
	}
	return f, nil
}

// String returns what the format was compiled from.
func (f *Format) String() string { return f.source }

// compile adds the tokens of s. absl's modifier E changes only what is logged
// of seconds and of the zone's offset, and offsets are read in both forms.
func (f *Format) compile(s string) error {
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
func (f *Format) literal(text string) {
	if text != "" {
		f.tokens = append(f.tokens, token{text: text})
	}
}

// conversion adds a conversion with its number of digits, 0 if none is given.
func (f *Format) conversion(verb byte, n int) error {
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
		f.tokens = append(f.tokens, token{verb: 'S'})
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
	f.tokens = append(f.tokens, token{verb: verb, digits: n})
	return nil
}

// finer notes that a conversion logs units of d.
func (f *Format) finer(d time.Duration) { f.resolution = min(f.resolution, int64(d)) }

// unit returns what the n-th digit after the point counts, in nanoseconds.
func unit(n int) int64 {
	u := int64(time.Second)
	for range n {
		u /= 10
	}
	return u
}

// Parse reads a time, all of s. The Moment is unknown if the format has no date.
func (f *Format) Parse(s string) (Moment, bool) {
	if f == nil {
		at, rest, ok := Cut(s)
		return at, ok && rest == ""
	}
	var p parts
	for i := range f.tokens {
		var ok bool
		if s, ok = p.read(&f.tokens[i], s); !ok {
			return Moment{}, false
		}
	}
	p.resolution = f.resolution
	at, ok := p.moment()
	if s != "" || !ok || at.Nanos == 0 {
		return Moment{}, ok && s == ""
	}
	return at, true
}

// read reads what one token stands for.
func (p *parts) read(t *token, s string) (rest string, ok bool) {
	switch t.verb {
	case 0:
		return strings.CutPrefix(s, t.text)
	case 'f':
		return p.fraction(s, t.digits)
	case 's':
		return p.readEpoch(s)
	case 'z':
		return p.zone(s)
	case 'Z':
		return strings.TrimLeft(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZ"), s != ""
	case 'b', 'h', 'B', 'a', 'A', 'p':
		return p.readName(t.verb, s)
	default:
		return p.readNumber(t.verb, s)
	}
}

// readEpoch reads the seconds since 1970, at most ten digits: that lasts until
// 2286, and milliseconds may follow without a point.
func (p *parts) readEpoch(s string) (rest string, ok bool) {
	i, n := 0, int64(0)
	for ; i < len(s) && i < 10 && s[i]-'0' <= 9; i++ {
		n = n*10 + int64(s[i]-'0')
	}
	p.epoch, p.has = n, p.has|hasEpoch
	return s[i:], i > 0 && n <= 9e9
}

// readName reads the name of a month or a day, or AM or PM.
func (p *parts) readName(verb byte, s string) (rest string, ok bool) {
	switch verb {
	case 'p':
		if rest, ok = strings.CutPrefix(s, "PM"); ok {
			p.has |= hasPM
			return rest, true
		}
		p.has |= hasAM
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
			p.month, p.has = int(m), p.has|hasMonth
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
func (p *parts) readNumber(verb byte, s string) (rest string, ok bool) {
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
		p.year, p.has = n, p.has|hasYear
	case 'y':
		p.year, p.has = centuryOf(n)+n, p.has|hasYear
	case 'm':
		p.month, p.has = n, p.has|hasMonth
	case 'd', 'e':
		p.day, p.has = n, p.has|hasDay
	case 'j':
		p.month, p.day, p.has = 0, 0, p.has|hasMonth|hasDay
		ok = ok && p.ofYear(n)
	case 'H', 'I', 'k', 'l':
		p.hour = n
	case 'M':
		p.minute = n
	case 'S':
		p.second = n
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
func (p *parts) ofYear(n int) bool {
	if p.has&hasYear == 0 || n < 1 || n > 366 {
		return false
	}
	t := time.Date(p.year, time.January, n, 0, 0, 0, 0, time.UTC)
	p.month, p.day = int(t.Month()), t.Day()
	return t.Year() == p.year
}
