package conntrack

import (
	"bytes"
	"net/netip"
)

// words walks through a line, word by word; separators are blanks and control
// characters.
type words struct {
	line []byte
	pos  int // of the byte after the last word
}

// next returns the next word, empty at the end.
func (w *words) next() []byte {
	i := w.pos
	for i < len(w.line) && w.line[i] <= ' ' {
		i++
	}
	begin := i
	for i < len(w.line) && w.line[i] > ' ' {
		i++
	}
	w.pos = i
	return w.line[begin:i]
}

// until returns what lies between the last word's byte at from and the next c
// of the line, and moves behind it.
func (w *words) until(from int, c byte) []byte {
	n := bytes.IndexByte(w.line[from:], c)
	if n < 0 {
		return nil
	}
	w.pos = from + n + 1
	return w.line[from : from+n]
}

// pair splits "key=value"; ok reports whether there was a sign.
func pair(word []byte) (key, value []byte, ok bool) {
	if i := bytes.IndexByte(word, '='); i >= 0 {
		return word[:i], word[i+1:], true
	}
	return word, nil, false
}

// number reads an unsigned decimal number of at most limit.
func number(b []byte, limit uint64) (uint64, bool) {
	if len(b) == 0 || len(b) > 20 {
		return 0, false
	}
	var n uint64
	for _, c := range b {
		d := uint64(c - '0')
		if d > 9 || n > (limit-d)/10 {
			return 0, false
		}
		n = n*10 + d
	}
	return n, n <= limit
}

// greKey reads a key of GRE: decimal, or hexadecimal behind 0x.
func greKey(b []byte) (uint16, bool) {
	if len(b) < 3 || string(b[:2]) != "0x" {
		n, ok := number(b, 1<<16-1)
		return uint16(n), ok
	}
	var n uint32
	for _, c := range b[2:] {
		d, ok := hexDigit(c)
		if !ok || n > 0xfff {
			return 0, false
		}
		n = n<<4 | d
	}
	return uint16(n), true
}

func hexDigit(c byte) (uint32, bool) {
	switch {
	case '0' <= c && c <= '9':
		return uint32(c - '0'), true
	case 'a' <= c && c <= 'f':
		return uint32(c-'a') + 10, true
	case 'A' <= c && c <= 'F':
		return uint32(c-'A') + 10, true
	}
	return 0, false
}

// maxAddr is the longest textual address in bytes: IPv6 with an IPv4 tail.
const maxAddr = 45

// address reads an IP address without zone. IPv4 is done here because
// netip.ParseAddr needs a string, and dumps of millions of lines have four each.
func address(b []byte) (netip.Addr, bool) {
	if a, ok := address4(b); ok {
		return a, true
	}
	if len(b) > maxAddr || bytes.IndexByte(b, ':') < 0 {
		return netip.Addr{}, false
	}
	a, err := netip.ParseAddr(string(b))
	return a, err == nil && a.Zone() == ""
}

// address4 reads a dotted IPv4 address.
func address4(b []byte) (netip.Addr, bool) {
	var a [4]byte
	part, digits, n := 0, 0, 0
	for _, c := range b {
		switch {
		case '0' <= c && c <= '9' && digits < 3:
			n = n*10 + int(c-'0')
			digits++
		case c == '.' && digits > 0 && part < 3 && n <= 255:
			a[part] = byte(n)
			part, digits, n = part+1, 0, 0
		default:
			return netip.Addr{}, false
		}
	}
	if part != 3 || digits == 0 || n > 255 {
		return netip.Addr{}, false
	}
	a[3] = byte(n)
	return netip.AddrFrom4(a), true
}

// maxName is the longest state, security context, helper or list of labels in
// bytes. 128 labels of 8 fit.
const maxName = 1 << 10

// isName reports whether b can stand as one word in a line.
func isName(b []byte) bool {
	if len(b) == 0 || len(b) > maxName {
		return false
	}
	for _, c := range b {
		if c <= ' ' || c >= 0x7f {
			return false
		}
	}
	return true
}

// isState reports whether b is a word such as SYN_SENT2.
func isState(b []byte) bool {
	if len(b) == 0 || len(b) > 32 || b[0] < 'A' || b[0] > 'Z' {
		return false
	}
	for _, c := range b {
		if (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '_' {
			return false
		}
	}
	return true
}
