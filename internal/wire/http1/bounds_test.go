package http1_test

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/pcapmesh/pcapmesh/internal/wire/http1"
)

// TestChunkLines shows what may stand in a chunk's first line.
func TestChunkLines(t *testing.T) {
	const head = "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"
	for _, tt := range []struct {
		name, body string
		want       string // "length end|marks" of the message
	}{
		{"bare LF", "3\nabc\n0\n\n", "3 56|"},
		{"extension", "3;x\r\nabc\r\n0;y\r\n\r\n", "3 64|"},
		{"space", "3 \r\nabc\r\n0\t\r\n\r\n", "3 62|"},
		{"letters of both cases", "a\r\n0123456789\r\nA\r\n0123456789\r\n0\r\n\r\n", "20 82|"},
		{"sixteen digits", "0000000000000003\r\nabc\r\n0\r\n\r\n", "3 75|"},
		{"seventeen digits", "00000000000000003\r\nabc\r\n0\r\n\r\n", "0 63|incomplete"},
		{"no digits", "\r\nabc\r\n0\r\n\r\n", "0 47|incomplete"},
		{"extension without digits", ";x\r\nabc\r\n0\r\n\r\n", "0 47|incomplete"},
		{"a letter behind", "3g\r\nabc\r\n0\r\n\r\n", "0 48|incomplete"},
		{"what follows 9", "3:\r\nabc\r\n0\r\n\r\n", "0 48|incomplete"},
		{"what precedes 0", "3/\r\nabc\r\n0\r\n\r\n", "0 48|incomplete"},
		{"what precedes a", "3`\r\nabc\r\n0\r\n\r\n", "0 48|incomplete"},
		{"what precedes A", "3@\r\nabc\r\n0\r\n\r\n", "0 48|incomplete"},
		{"the largest that is read on", "3ffffffffffffff\r\nabc", "3 67|incomplete"},
		{"one more", "400000000000000\r\nabc", "3 67|incomplete"},
		{"its next digit", "4000000000000000\r\nabc", "0 62|incomplete"},
		{"two CR behind the data", "3\r\nabc\r\r\n0\r\n\r\n", "3 54|incomplete"},
		{"text behind the data", "3\r\nabcd\r\n0\r\n\r\n", "3 53|incomplete"},
		{"trailers", "1\r\na\r\n0\r\nX: y\r\n\r\n", "1 64|"},
		{"a trailer of one letter", "1\r\na\r\n0\r\nx\n\r\n", "1 60|"},
		{"a trailer that begins with CR", "1\r\na\r\n0\r\n\rab\n\r\n", "1 62|"},
		{"two CR in the trailer", "1\r\na\r\n0\r\n\r\r\n\r\n", "1 61|"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := new(record)
			run(r, true, true, whole(head+tt.body)...)
			var got []string
			for _, m := range r.messages {
				got = append(got, fmt.Sprintf("%d %d|%s", m.BodyLen, m.End, strings.TrimPrefix(marks(head0, m), " ")))
			}
			if !slices.Equal(got, []string{tt.want}) {
				t.Errorf("%q, want %q", got, tt.want)
			}
		})
	}
}

// head0 has no marks of its own.
var head0 head

// TestHeadAndTrailerLimits shows the longest head and trailer that are read.
func TestHeadAndTrailerLimits(t *testing.T) {
	const limit = 64 << 10
	padded := func(begin string, n int) string {
		return begin + "X: " + strings.Repeat("x", n-len(begin)-len("X: ")-len("\r\n\r\n")) + "\r\n\r\n"
	}
	const chunked = "GET / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n"
	for _, tt := range []struct {
		name, text string
		heads      int
		complete   bool
	}{
		{"longest head", padded("GET / HTTP/1.1\r\n", limit), 1, true},
		{"head too long", padded("GET / HTTP/1.1\r\n", limit+1), 0, false},
		{"longest trailer", chunked + padded("", limit), 1, true},
		{"trailer too long", chunked + padded("", limit+1), 1, false},
	} {
		for _, size := range []int{1000, limit - 1, 1 << 20} {
			t.Run(fmt.Sprint(tt.name, " in pieces of ", size), func(t *testing.T) {
				var ops []op
				for piece := range slices.Chunk([]byte(tt.text), size) {
					ops = append(ops, op{text: string(piece)})
				}
				r := new(record)
				run(r, true, true, ops...)
				complete := len(r.messages) == 1 && r.messages[0].Complete
				if len(r.heads) != tt.heads || complete != tt.complete {
					t.Errorf("%d heads, complete %v; want %d, %v", len(r.heads), complete, tt.heads, tt.complete)
				}
			})
		}
	}
}

// TestLengths shows what a Content-Length may be; -1 where the head is none.
func TestLengths(t *testing.T) {
	for _, tt := range []struct {
		fields string
		want   int64
	}{
		{"Content-Length: 0\r\n", 0}, {"Content-Length: 5\r\n", 5}, {"Content-Length:5\r\n", 5}, {"Content-Length: \t5\t \r\n", 5}, {"Content-Length: 0005\r\n", 5},
		{"Content-Length: 9223372036854775807\r\n", math.MaxInt64}, {"Content-Length: 9223372036854775808\r\n", -1}, {"Content-Length: 9223372036854775810\r\n", -1},
		{"Content-Length: 92233720368547758070\r\n", -1}, {"Content-Length: 1000000000000000000\r\n", 1e18},
		{"Content-Length:\r\n", -1}, {"Content-Length: \r\n", -1}, {"Content-Length: +5\r\n", -1}, {"Content-Length: 5:\r\n", -1}, {"Content-Length: 5/\r\n", -1},
		{"Content-Length: 5\r\nContent-Length: 5\r\n", 5}, {"Content-Length: 0\r\nContent-Length: 0\r\n", 0},
		{"Content-Length: 0\r\nContent-Length: 5\r\n", -1}, {"Content-Length: 5\r\nContent-Length: 0\r\n", -1},
	} {
		t.Run(tt.fields, func(t *testing.T) {
			r := new(record)
			run(r, true, false, whole("POST / HTTP/1.1\r\n"+tt.fields+"\r\n")...)
			got := int64(-1)
			if len(r.heads) == 1 {
				got = r.heads[0].ContentLength
			}
			if got != tt.want || len(r.heads) > 1 {
				t.Errorf("%d of %d heads, want %d", got, len(r.heads), tt.want)
			}
		})
	}
}

// TestStatuses shows what a status makes of the body after it, by the request.
func TestStatuses(t *testing.T) {
	const body, tunnel, informational = "body", "tunnel", "informational"
	for _, tt := range []struct {
		status int
		rule   http1.BodyRule
		want   string
	}{
		{100, http1.BodyNormal, informational}, {101, http1.BodyNormal, tunnel}, {102, http1.BodyNormal, informational}, {199, http1.BodyNormal, informational},
		{200, http1.BodyNormal, body}, {203, http1.BodyNormal, body}, {204, http1.BodyNormal, ""}, {205, http1.BodyNormal, body},
		{303, http1.BodyNormal, body}, {304, http1.BodyNormal, ""}, {305, http1.BodyNormal, body}, {999, http1.BodyNormal, body},
		{200, http1.BodyNone, ""}, {404, http1.BodyNone, ""},
		{100, http1.BodyConnect, informational}, {199, http1.BodyConnect, informational}, {200, http1.BodyConnect, tunnel}, {299, http1.BodyConnect, tunnel},
		{300, http1.BodyConnect, body}, {407, http1.BodyConnect, body},
	} {
		t.Run(fmt.Sprint(tt.status, " ", tt.rule), func(t *testing.T) {
			r := &record{rules: []http1.BodyRule{tt.rule}}
			run(r, true, true, whole(fmt.Sprintf("HTTP/1.1 %d X\r\nContent-Length: 3\r\n\r\nabc", tt.status))...)
			got := ""
			switch {
			case len(r.messages) == 0:
				t.Fatal("no message")
			case r.tunnel >= 0:
				got = tunnel
			case r.messages[0].Informational:
				got = informational
			case r.messages[0].BodyLen == 3:
				got = body
			}
			if got != tt.want || r.messages[0].BodyLen != 0 && got != body {
				t.Errorf("%s, want %s: %q", got, tt.want, r.log)
			}
		})
	}
}

// TestTokens shows which bytes a method may have (RFC 9110 §5.6.2).
func TestTokens(t *testing.T) {
	const others = "!#$%&'*+-.^_`|~"
	for c := range 256 {
		want := c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c < 0x80 && strings.IndexByte(others, byte(c)) >= 0
		r := new(record)
		kind := run(r, true, true, whole("G"+string([]byte{byte(c)})+"T / HTTP/1.1\r\n\r\n")...)
		if got := kind == http1.Requests && len(r.heads) == 1; got != want {
			t.Errorf("%#x in a method: %v, want %v", c, got, want)
		}
		if want == (kind == http1.NotHTTP) {
			t.Errorf("%#x in a method: kind %v", c, kind)
		}
	}
}

// TestFieldNames shows which bytes a field's name may have: those of a token,
// and spaces, as net/http has it.
func TestFieldNames(t *testing.T) {
	for _, tt := range []struct {
		line string
		ok   bool
	}{
		{"X: y", true}, {"x9: y", true}, {"X-y_z: y", true}, {"X y: z", true}, {"X:", true}, {"X: \x01", true}, {"@: y", false}, {"[: y", false},
		{"`: y", true}, {"{: y", false}, {"X\x7f: y", false}, {"X\ty: z", false}, {"X\x00: y", false}, {"\xff: y", false}, {": y", false}, {"X", false}, {"(): y", false},
	} {
		r := new(record)
		run(r, true, true, whole("GET / HTTP/1.1\r\n"+tt.line+"\r\n\r\n")...)
		if got := len(r.heads) == 1; got != tt.ok {
			t.Errorf("%q: %v, want %v", tt.line, got, tt.ok)
		}
	}
}

// fieldRecord looks fields up by name.
type fieldRecord struct {
	record
	names  []string
	values []string
}

func (r *fieldRecord) Head(h *http1.Head) http1.BodyRule {
	for _, name := range r.names {
		v := h.Field(name)
		if v == nil {
			r.values = append(r.values, "-")
			continue
		}
		r.values = append(r.values, string(v))
	}
	return r.record.Head(h)
}

func TestField(t *testing.T) {
	r := &fieldRecord{names: []string{"host", "x-az", "x-empty", "x-blank", "x~", "x`", "twice", "none", "x"}}
	var s http1.Scanner
	s.Reset(new(http1.Scratch), true)
	s.Feed(0, []byte("GET / HTTP/1.1\r\nHOST: a\r\nX-AZ:  b \t\r\nX-Empty:\r\nX-Blank: \r\nX^: c\r\nX@: d\r\n"+"\r\n"), r)
	if len(r.heads) != 0 { // "@" is in no name
		t.Errorf("heads %v", r.heads)
	}
	s.Reset(new(http1.Scratch), true)
	s.Feed(0, []byte("GET / HTTP/1.1\r\nHOST: a\r\nX-AZ:  b \t\r\nX-Empty:\r\nX-Blank: \r\nX^: c\r\ntwice: 1\r\nTwice: 2\r\n"+"\r\n"), r)
	if got, want := strings.Join(r.values, "|"), "a|b|||-|-|1|-|-"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

// TestFieldsStop shows that who has seen enough gets no more.
func TestFieldsStop(t *testing.T) {
	r := &stopRecord{}
	var s http1.Scanner
	s.Reset(new(http1.Scratch), true)
	s.Feed(0, []byte("GET / HTTP/1.1\r\nA: 1\r\nB: 2\r\nC: 3\r\n\r\n"), r)
	if got := strings.Join(r.seen, " "); got != "A B" {
		t.Errorf("saw %s, want A B", got)
	}
}

type stopRecord struct {
	record
	seen []string
}

func (r *stopRecord) Head(h *http1.Head) http1.BodyRule {
	for name := range h.Fields {
		if r.seen = append(r.seen, string(name)); len(r.seen) == 2 {
			break
		}
	}
	return http1.BodyNormal
}
