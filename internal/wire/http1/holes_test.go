package http1_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/pcapmesh/pcapmesh/internal/wire/fingerprint"
	"github.com/pcapmesh/pcapmesh/internal/wire/http1"
)

const next = "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\na"

// TestHoles shows what a hole does at each place of a message.
func TestHoles(t *testing.T) {
	length := "HTTP/1.1 200 OK\r\nContent-Length: 200\r\n\r\n"
	chunked := "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
	a := func(n int) string { return strings.Repeat("a", n) }
	tests := []struct {
		name string
		ops  []op
		want []string // "body length, missing|marks"
	}{
		{"in a body", []op{{text: length + a(90)}, {gap: 10}, {text: a(100) + next}},
			[]string{"200 10|", "1 0|"}},
		{"at the start of a body", []op{{text: length}, {gap: 190}, {text: a(10) + next}},
			[]string{"200 190|", "1 0|"}},
		{"the whole body", []op{{text: length}, {gap: 200}, {text: next}},
			[]string{"200 200|", "1 0|"}},
		{"over the end of a body", []op{{text: length + a(90)}, {gap: 111}, {text: next}},
			[]string{"200 110|", "1 0|resync"}},
		{"between messages", []op{{text: length + a(200)}, {gap: 5}, {text: next}},
			[]string{"200 0|", "1 0|resync"}},
		{"in a head", []op{{text: next + length[:20]}, {gap: 5}, {text: length[25:] + a(200)}, {text: next}},
			[]string{"1 0|", "1 0|resync"}},
		{"in a start line", []op{{text: next + length[:8]}, {gap: 5}, {text: length[13:] + a(200)}, {text: next}},
			[]string{"1 0|", "1 0|resync"}},
		{"at the start of the stream", []op{{gap: 5}, {text: a(100)}, {text: next}},
			[]string{"1 0|resync"}},
		{"in a chunk", []op{{text: chunked + "64\r\n" + a(50)}, {gap: 20}, {text: a(30) + "\r\n1\r\na\r\n0\r\n\r\n" + next}},
			[]string{"101 20|", "1 0|"}},
		{"exactly a chunk's data", []op{{text: chunked + "64\r\n"}, {gap: 100}, {text: "\r\n0\r\n\r\n" + next}},
			[]string{"100 100|", "1 0|"}},
		{"over a chunk's end", []op{{text: chunked + "64\r\n" + a(50)}, {gap: 51}, {text: "\n0\r\n\r\n"}, {text: next}},
			[]string{"100 50|incomplete", "1 0|resync"}},
		{"in a chunk size", []op{{text: chunked + "6"}, {gap: 1}, {text: "\r\n" + a(100)}, {text: next}},
			[]string{"0 0|incomplete", "1 0|resync"}},
		{"in a trailer", []op{{text: chunked + "1\r\na\r\n0\r\n"}, {gap: 1}, {text: "\n"}, {text: next}},
			[]string{"1 0|incomplete", "1 0|resync"}},
		{"in a body until close", []op{{text: "HTTP/1.1 200 OK\r\n\r\n" + a(100)}, {gap: 20}, {text: a(10)}},
			[]string{"130 20|"}},
		{"skipped more than the body", []op{{text: length}, {skip: 201}, {text: next}},
			[]string{"200 0|", "1 0|resync"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := new(record)
			run(r, true, true, tt.ops...)
			if got := lengths(r); !slices.Equal(got, tt.want) {
				t.Errorf("%q, want %q", got, tt.want)
			}
		})
	}
}

func lengths(r *record) []string {
	var got []string
	for i, m := range r.messages {
		h := r.heads[i]
		h.Chunked = false
		got = append(got, fmt.Sprintf("%d %d|%s", m.BodyLen, m.MissingBytes, marks(h, m)))
	}
	return got
}

// TestHoleKnowsLess compares the print of a body with a hole to the whole one.
func TestHoleKnowsLess(t *testing.T) {
	body := strings.Repeat("0123456789", 10000)
	head := "PUT / HTTP/1.1\r\nContent-Length: 100000\r\n\r\n"
	tests := []struct {
		name    string
		at, gap int
		want    fingerprint.Verdict
	}{
		{"first window", 10, 10, fingerprint.Unknown},
		{"no window", 100, 16000, fingerprint.Equal},
		{"middle window", 16384, 1, fingerprint.Unknown},
		{"last window", 99999, 1, fingerprint.Unknown},
	}
	for _, tt := range tests {
		r := new(record)
		run(r, true, true, op{text: head + body[:tt.at]}, op{gap: int64(tt.gap)}, op{text: body[tt.at+tt.gap:]})
		if len(r.messages) != 1 {
			t.Fatalf("%s: %q", tt.name, r.log)
		}
		if got := r.messages[0].Body.Match(printOf(body)); got != tt.want {
			t.Errorf("%s: %v, want %v", tt.name, got, tt.want)
		}
	}
}

// TestMidstream shows what is believed to be a message where the stream does
// not begin with the connection.
func TestMidstream(t *testing.T) {
	get := "GET /x HTTP/1.1\r\nHost: a\r\n\r\n"
	tests := []struct {
		name string
		ops  []op
		want []string // start lines
	}{
		{"at once", []op{{text: get}}, []string{"GET /x"}},
		{"in the middle of a piece", []op{{text: "junk" + get}}, nil},
		{"at the next piece", []op{{text: "junk"}, {text: get}}, []string{"GET /x"}},
		{"split", []op{{text: "junk"}, {text: get[:2]}, {text: get[2:9]}, {text: get[9:]}}, []string{"GET /x"}},
		{"after what looked like one", []op{{text: "PUT /y"}, {text: get}}, []string{"GET /x"}},
		{"after what looked like one, longer", []op{{text: "PUT /y HTTP/1.1\r\nno field\r\n\r\n"}, {text: get}}, []string{"GET /x"}},
		{"lower case", []op{{text: "get /x HTTP/1.1\r\nHost: a\r\n\r\n"}}, nil},
		{"short method", []op{{text: "AB /x HTTP/1.1\r\nHost: a\r\n\r\n"}}, nil},
		{"odd target", []op{{text: "PUT x HTTP/1.1\r\nHost: a\r\n\r\n"}}, nil},
		{"hole after CONNECT", []op{{text: "CONNECT a:1 HTTP/1.1\r\n\r\n"}, {gap: 1}, {text: "PUT /y"}, {text: "\x00\r\n"}, {text: get}},
			[]string{"CONNECT a:1", "GET /x"}},
		{"text", []op{{text: "The end of / HTTP/1.1\r\n"}, {text: "A B"}, {text: "HTTP/1.2"}, {text: "\r\n"}}, nil},
		{"HTTP/2", []op{{text: "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"}}, nil},
		{"absolute target", []op{{text: "GET http://a/ HTTP/1.1\r\n\r\n"}}, []string{"GET http://a/"}},
		{"authority", []op{{text: "CONNECT a:1 HTTP/1.1\r\n\r\n"}}, []string{"CONNECT a:1"}},
		{"response", []op{{text: "a\r\n0\r\n\r\n"}, {text: next}}, []string{"200"}},
		{"response split", []op{{text: "H"}, {text: next[1:]}}, []string{"200"}},
		{"no response among requests", []op{{text: get}, {gap: 1}, {text: next}, {text: get}}, []string{"GET /x", "GET /x"}},
		{"no request among responses", []op{{text: next}, {gap: 1}, {text: get}, {text: next}}, []string{"200", "200"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := new(record)
			kind := run(r, false, true, tt.ops...)
			var got []string
			for _, h := range r.heads {
				line := h.method + " " + h.target
				if !h.Request {
					line = fmt.Sprint(h.Status)
				}
				got = append(got, line)
			}
			if !slices.Equal(got, tt.want) {
				t.Errorf("%q, want %q", got, tt.want)
			}
			if (kind == http1.Unknown) != (len(tt.want) == 0) || kind == http1.NotHTTP {
				t.Errorf("kind %v with %d messages", kind, len(got))
			}
		})
	}
}

// TestLimits shows that a head or trailer without end is given up.
func TestLimits(t *testing.T) {
	field := "X: " + strings.Repeat("x", 997) + "\r\n"
	tests := []struct {
		name string
		text string
		want int // heads
		kind http1.Kind
	}{
		{"long head", "GET / HTTP/1.1\r\n" + strings.Repeat(field, 60) + "\r\n", 1, http1.Requests},
		{"endless head", "GET / HTTP/1.1\r\n" + strings.Repeat(field, 70), 0, http1.Unknown},
		{"endless token", strings.Repeat("A", 70000), 0, http1.NotHTTP},
		{"endless target", "GET /" + strings.Repeat("A", 70000), 0, http1.NotHTTP},
		{"endless trailer", "GET / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n" + strings.Repeat(field, 70), 1, http1.Requests},
	}
	for _, tt := range tests {
		for _, size := range []int{1, 1460, 1 << 20} {
			var ops []op
			for rest := tt.text; len(rest) > 0; rest = rest[min(size, len(rest)):] {
				ops = append(ops, op{text: rest[:min(size, len(rest))]})
			}
			r := new(record)
			kind := run(r, true, true, ops...)
			for _, m := range r.messages {
				if m.End == int64(len(tt.text)) && !m.Complete {
					t.Errorf("%s in pieces of %d: never given up", tt.name, size)
				}
			}
			if len(r.heads) != tt.want || kind != tt.kind {
				t.Errorf("%s in pieces of %d: %d heads, %v; want %d, %v", tt.name, size, len(r.heads), kind, tt.want, tt.kind)
			}
		}
	}
}

// TestResyncAfterBadMessage shows that a message that is none does not end the
// search for the next one.
func TestResyncAfterBadMessage(t *testing.T) {
	for _, bad := range []string{
		"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nno chunk",
		"HTTP/1.1 abc\r\n\r\n",
		"\x00\x01",
	} {
		r := new(record)
		run(r, true, true, op{text: next + bad}, op{text: "more"}, op{text: next + next})
		n := len(r.messages)
		if n < 3 || !r.messages[n-2].Resync || r.messages[n-1].Resync || !r.messages[n-1].Complete {
			t.Errorf("after %q: %q, want two messages, the first marked", bad, r.log)
		}
	}
}

// TestOffsetsRule shows that Feed believes its offsets: what lies between
// pieces is a hole, what came before is not read again.
func TestOffsetsRule(t *testing.T) {
	head := "PUT / HTTP/1.1\r\nContent-Length: 9\r\n\r\n"
	n := int64(len(head))
	var s http1.Scanner
	r := new(record)
	s.Reset(new(http1.Scratch), true)
	s.Feed(0, []byte(head+"abc"), r)
	s.Feed(n+1, []byte("bcd"), r)                       // d is new
	s.Feed(n+6, []byte("ghiGET / HTTP/1.1\r\n\r\n"), r) // e and f are missing
	s.Close(n+27, true, r)
	if got, want := lengths(r), []string{"9 2|", "0 0|"}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}
