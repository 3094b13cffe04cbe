package http1

import (
	"bytes"
	"math"
)

// A Head is the start line and the fields of a message. All its slices alias
// the scanner's input or memory: they are valid during Handler.Head only; copy
// them with bytes.Clone to keep them.
type Head struct {
	Off    int64 // stream offset of the start line
	EndOff int64 // stream offset after the empty line

	Request bool   // a request; else a response
	Method  []byte // of a request, as sent (methods are case-sensitive)
	Target  []byte // of a request, as sent
	Status  int    // of a response, 100 to 999
	Minor   int    // the y of HTTP/1.y

	// ContentLength is the declared length of the body in bytes, -1 if it is
	// not declared or overruled by Transfer-Encoding. The response to a HEAD
	// request declares one and has no body.
	ContentLength int64
	Chunked       bool // the body is chunked (RFC 9112 §7.1)
	Close         bool // the sender means to close the connection after this message
	Upgrade       bool // there is an Upgrade field (RFC 9110 §7.8)
	Resync        bool // see Message

	fields   []byte // the field lines, unfolded
	unfolded []byte // owned: memory for fields if they were folded
	coded    bool   // there is a Transfer-Encoding that counts
	keep     bool   // Connection: keep-alive
}

// Informational reports whether h is a 1xx response after which the final one
// is still to come. 101 is final (RFC 9110 §15.2.2).
func (h *Head) Informational() bool {
	return !h.Request && h.Status < 200 && h.Status != statusSwitching
}

// statusSwitching is 101 Switching Protocols.
const statusSwitching = 101

// Fields calls yield for each field in the order sent, until it returns false.
// Names are as sent; values have no white space around them; folded values
// (RFC 9112 §5.2) are joined by a space. It is an iter.Seq2.
func (h *Head) Fields(yield func(name, value []byte) bool) {
	for rest := h.fields; len(rest) > 0; {
		var line []byte
		line, rest = cutLine(rest)
		i := bytes.IndexByte(line, ':')
		if i < 0 || !yield(line[:i], trim(line[i+1:])) {
			return
		}
	}
}

// Field returns the value of the first field of that name in any case, nil if
// there is none.
func (h *Head) Field(name string) []byte {
	for n, v := range h.Fields {
		if equalFold(n, name) {
			return v
		}
	}
	return nil
}

// reset empties h but keeps its memory.
func (h *Head) reset() {
	*h = Head{ContentLength: -1, unfolded: h.unfolded[:0]}
}

// parseFields reads the field lines and the empty line after them. It returns
// false if they are none, or leave the length of the body uncertain.
func (h *Head) parseFields(fields []byte) bool {
	if len(fields) == 0 || isSpace(fields[0]) {
		return false // a fold of nothing
	}
	h.fields = fields
	return h.readFields() && h.frame()
}

// readFields checks the field lines and reads those that frame the message. It
// ends h.fields before the empty line.
func (h *Head) readFields() bool {
	for rest := h.fields; ; {
		line, next := cutLine(rest)
		if len(line) == 0 {
			h.fields = h.fields[:len(h.fields)-len(rest)]
			return true
		}
		if len(next) > 0 && isSpace(next[0]) {
			rest = h.unfold(len(h.fields) - len(rest))
			continue
		}
		i := fieldName(line)
		if i == 0 || !h.field(line[:i], line[i+1:]) {
			return false
		}
		rest = next
	}
}

// field reads one field. It returns false if it makes the framing uncertain.
func (h *Head) field(name, value []byte) bool {
	switch len(name) {
	case len("upgrade"):
		h.Upgrade = h.Upgrade || equalFold(name, "upgrade")
	case len("connection"):
		if equalFold(name, "connection") {
			h.Close = h.Close || hasToken(value, "close")
			h.keep = h.keep || hasToken(value, "keep-alive")
		}
	case len("content-length"):
		if equalFold(name, "content-length") {
			n := parseLength(trim(value))
			same := h.ContentLength < 0 || h.ContentLength == n
			h.ContentLength = n
			return n >= 0 && same
		}
	case len("transfer-encoding"):
		// net/http and RFC 9112 §6.1: there is none before HTTP/1.1.
		if h.Minor > 0 && equalFold(name, "transfer-encoding") {
			h.coding(trim(value))
		}
	}
	return true
}

// coding reads a Transfer-Encoding: the last coding of the last field counts.
func (h *Head) coding(value []byte) {
	last := trim(value[bytes.LastIndexByte(value, ',')+1:])
	h.Chunked = equalFold(last, "chunked")
	h.coded = h.coded || !equalFold(last, "identity")
}

// frame settles what the fields say together (RFC 9112 §6.3).
func (h *Head) frame() bool {
	h.Close = h.Close || h.Minor == 0 && !h.keep
	if !h.coded {
		return true
	}
	h.ContentLength = -1
	return h.Chunked || !h.Request
}

// unfold joins the folded lines (RFC 9112 §5.2) among the field lines from
// offset from on as net/http does: each trimmed, a space between them. It
// returns the lines from there on.
func (h *Head) unfold(from int) []byte {
	to := append(h.unfolded[:0], h.fields[:from]...)
	for rest := h.fields[from:]; len(rest) > 0; {
		fold := isSpace(rest[0])
		var line []byte
		line, rest = cutLine(rest)
		if fold {
			to[len(to)-1] = ' ' // in place of the line end
		}
		to = append(append(to, trim(line)...), '\n')
	}
	h.unfolded, h.fields = to, to
	return to[from:]
}

// parseLength returns the value of a Content-Length, -1 if it is none.
func parseLength(b []byte) int64 {
	if len(b) == 0 {
		return -1
	}
	var n int64
	for _, c := range b {
		d := int64(c - '0')
		if c < '0' || c > '9' || n > (math.MaxInt64-d)/10 {
			return -1
		}
		n = n*10 + d
	}
	return n
}
