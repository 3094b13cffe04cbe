package sockets

import (
	"bytes"
	"strconv"
	"unicode"
	"unicode/utf8"
)

// processName returns a name that can be shown and printed within quotes: a
// process may call itself anything.
func processName(b []byte) string {
	for _, c := range b {
		if c < ' ' || c == '"' || c >= 0x7f {
			return string(printable(b))
		}
	}
	return string(b)
}

// printable puts '?' for what is not printable and for quotes.
func printable(b []byte) []byte {
	return bytes.Map(func(c rune) rune {
		if c == '"' || c == utf8.RuneError || !unicode.IsPrint(c) {
			return '?'
		}
		return c
	}, b)
}

// unescape undoes lsof's escapes, such as \x20 for a blank (lsof(8), "OUTPUT").
func unescape(b []byte) []byte {
	if !bytes.Contains(b, []byte(`\x`)) {
		return b
	}
	var out []byte
	for len(b) > 0 {
		if len(b) >= 4 && b[0] == '\\' && b[1] == 'x' {
			if c, err := strconv.ParseUint(string(b[2:4]), 16, 8); err == nil {
				out, b = append(out, byte(c)), b[4:]
				continue
			}
		}
		out, b = append(out, b[0]), b[1:]
	}
	return out
}

// userID returns the number of a user, -1 for a name that only the pod's
// /etc/passwd can tell.
func userID(b []byte) int64 {
	if n, ok := decimal(b, 1<<32-1); ok {
		return int64(n)
	}
	if string(b) == "root" {
		return 0
	}
	return -1
}
