package http1

import "bytes"

// cutLine splits text after its first line. The line has no LF or CRLF.
func cutLine(text []byte) (line, rest []byte) {
	i := bytes.IndexByte(text, '\n')
	if i < 0 {
		return text, nil
	}
	line, rest = text[:i], text[i+1:]
	if i > 0 && line[i-1] == '\r' {
		line = line[:i-1]
	}
	return line, rest
}

func isSpace(c byte) bool { return c == ' ' || c == '\t' }

// trim removes spaces and tabs around b (OWS, RFC 9110 §5.6.3).
func trim(b []byte) []byte {
	for len(b) > 0 && isSpace(b[0]) {
		b = b[1:]
	}
	for len(b) > 0 && isSpace(b[len(b)-1]) {
		b = b[:len(b)-1]
	}
	return b
}

// isTokenByte reports whether c is a tchar (RFC 9110 §5.6.2).
func isTokenByte(c byte) bool {
	const mask = 0 |
		(1<<10-1)<<'0' |
		(1<<26-1)<<'a' |
		(1<<26-1)<<'A' |
		1<<'!' | 1<<'#' | 1<<'$' | 1<<'%' | 1<<'&' | 1<<'\'' | 1<<'*' | 1<<'+' |
		1<<'-' | 1<<'.' | 1<<'^' | 1<<'_' | 1<<'`' | 1<<'|' | 1<<'~'
	return (uint64(1)<<c&(mask&(1<<64-1)) | uint64(1)<<(c-64)&(mask>>64)) != 0
}

// isToken reports whether b is a token (RFC 9110 §5.6.2).
func isToken(b []byte) bool {
	for _, c := range b {
		if !isTokenByte(c) {
			return false
		}
	}
	return len(b) > 0
}

// fieldName returns the length of the name that begins the field line, 0 if
// there is none. Spaces are allowed as net/http does; such a name equals no
// other.
func fieldName(line []byte) int {
	for i, c := range line {
		switch {
		case c|0x20 >= 'a' && c|0x20 <= 'z' || c == '-': // nearly all
		case c == ':':
			return i
		case !isTokenByte(c) && c != ' ':
			return 0
		}
	}
	return 0
}

// equalFold reports whether b is the lower-case ASCII text s in any case.
func equalFold(b []byte, s string) bool {
	if len(b) != len(s) {
		return false
	}
	for i, c := range b {
		if lower(c) != lower(s[i]) {
			return false
		}
	}
	return true
}

func lower(c byte) byte {
	if c >= 'A' && c <= 'Z' {
		c |= 0x20
	}
	return c
}

// hasToken reports whether the comma-separated list has an element equal to
// the lower-case token in any case.
func hasToken(list []byte, token string) bool {
	for {
		elem, rest, more := bytes.Cut(list, []byte(","))
		if equalFold(trim(elem), token) {
			return true
		}
		if !more {
			return false
		}
		list = rest
	}
}

// What of a line was seen so far; see emptyLine.
const (
	lineStart = iota // nothing
	lineCR           // a CR, which may be that of an empty line
	lineText         // text
)

// emptyLine looks for the empty line that ends a head or trailer. seen is what
// precedes p on its line. It returns the number of bytes up to the end of the
// empty line, or len(p) and what to pass with the next bytes.
func emptyLine(p []byte, seen uint8) (n int, next uint8, found bool) {
	for {
		i := bytes.IndexByte(p[n:], '\n')
		if i < 0 {
			return len(p), lineSeen(p[n:], seen), false
		}
		if lineSeen(p[n:n+i], seen) != lineText {
			return n + i + 1, lineStart, true
		}
		n, seen = n+i+1, lineStart
	}
}

// lineSeen adds the bytes p of a line to what was seen of it.
func lineSeen(p []byte, seen uint8) uint8 {
	switch {
	case len(p) == 0:
		return seen
	case len(p) == 1 && p[0] == '\r' && seen == lineStart:
		return lineCR
	}
	return lineText
}
