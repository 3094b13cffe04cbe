package http1

import "bytes"

const version = "HTTP/1." // followed by one digit

// startLine parses a request line or status line (RFC 9112 §3, §4), whichever
// the kind of the stream allows.
func (h *Head) startLine(line []byte, kind Kind) bool {
	h.Request = kind == Requests || kind == Unknown && !bytes.HasPrefix(line, []byte(version))
	if h.Request {
		return h.requestLine(line)
	}
	return h.statusLine(line)
}

// requestLine parses "method SP target SP HTTP/1.y".
func (h *Head) requestLine(line []byte) bool {
	i, j := bytes.IndexByte(line, ' '), bytes.LastIndexByte(line, ' ')
	if i <= 0 || j <= i+1 {
		return false
	}
	h.Method, h.Target = line[:i], line[i+1:j]
	return isToken(h.Method) && isTarget(h.Target) && h.version(line[j+1:])
}

// statusLine parses "HTTP/1.y SP status [SP reason]".
func (h *Head) statusLine(line []byte) bool {
	proto, rest, ok := bytes.Cut(line, []byte(" "))
	if !ok || !h.version(proto) {
		return false
	}
	rest = bytes.TrimLeft(rest, " ") // as net/http
	if len(rest) < 3 || len(rest) > 3 && rest[3] != ' ' {
		return false
	}
	for _, c := range rest[:3] {
		if c < '0' || c > '9' {
			return false
		}
		h.Status = h.Status*10 + int(c-'0')
	}
	return h.Status >= 100
}

// version parses "HTTP/1.y".
func (h *Head) version(b []byte) bool {
	if len(b) != len(version)+1 || string(b[:len(version)]) != version {
		return false
	}
	h.Minor = int(b[len(version)]) - '0'
	return h.Minor >= 0 && h.Minor <= 9
}

// prefixLen is how many bytes mayStart looks at. Methods are as good as never
// longer.
const prefixLen = 32

// mayStart reports whether a start line can begin with b, by its first bytes.
func mayStart(b []byte, kind Kind) bool {
	if kind != Requests && mayBeVersion(b) {
		return true
	}
	if kind == Responses {
		return false
	}
	b = b[:min(len(b), prefixLen)]
	if i := bytes.IndexByte(b, ' '); i >= 0 {
		b = b[:i]
	}
	return isToken(b)
}

// looksLikeStart is mayStart for bytes in the middle of a stream, where a body
// is likelier than a head: a method is in upper case (or has '-' and '_') and
// of usual length, and a target begins as RFC 9112 §3.2 has it.
func looksLikeStart(b []byte, kind Kind) bool {
	if kind != Requests && mayBeVersion(b) {
		return true
	}
	if kind == Responses {
		return false
	}
	b = b[:min(len(b), prefixLen)]
	for i, c := range b {
		switch {
		case c >= 'A' && c <= 'Z':
		case i > 0 && (c == '-' || c == '_'):
		default:
			return i > 2 && c == ' ' && (i+1 == len(b) || isTargetStart(b[i+1], b[:i]))
		}
	}
	return len(b) < prefixLen
}

// mayBeVersion reports whether b begins with the version, as far as it goes.
func mayBeVersion(b []byte) bool {
	n := min(len(b), len(version))
	return string(b[:n]) == version[:n]
}

// isTargetStart reports whether a request target can begin with c.
func isTargetStart(c byte, method []byte) bool {
	if string(method) == "CONNECT" {
		return c > ' ' && c < 0x7f
	}
	return c == '/' || c == '*' || c|0x20 == 'h' // http://…
}

// isTarget reports whether b has no control characters and no spaces.
func isTarget(b []byte) bool {
	for _, c := range b {
		if c <= ' ' || c == 0x7f {
			return false
		}
	}
	return true
}
