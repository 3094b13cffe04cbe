package http1_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"unsafe"

	"github.com/pcapmesh/pcapmesh/internal/wire/fingerprint"
	"github.com/pcapmesh/pcapmesh/internal/wire/http1"
)

// rulesTable shows each rule of framing: the stream, and what must be found.
// A message is its start line, length of the body, body.
var rulesTable = []struct {
	name   string
	stream string
	rules  []http1.BodyRule
	open   bool     // the stream does not end with FIN
	want   []string // "start line|body|marks"
	kind   http1.Kind
	tunnel string // what the tunnel carries; "-" if there is none
}{
	{"no body", "GET / HTTP/1.1\r\nHost: a\r\n\r\n", nil, false,
		[]string{"GET /||"}, http1.Requests, "-"},
	{"no fields", "GET / HTTP/1.0\r\n\r\n", nil, false,
		[]string{"GET /||close"}, http1.Requests, "-"},
	{"bare LF", "GET / HTTP/1.1\nHost: a\n\nGET /b HTTP/1.1\n\n", nil, false,
		[]string{"GET /||", "GET /b||"}, http1.Requests, "-"},
	{"empty lines before", "\r\n\nGET / HTTP/1.1\r\n\r\n\r\n\r\nGET /b HTTP/1.1\r\n\r\n", nil, false,
		[]string{"GET /||", "GET /b||"}, http1.Requests, "-"},
	{"pipelined", "POST /a HTTP/1.1\r\nContent-Length: 3\r\n\r\nabcGET /b HTTP/1.1\r\n\r\nGET /c HTTP/1.1\r\n\r\n", nil, false,
		[]string{"POST /a|abc|", "GET /b||", "GET /c||"}, http1.Requests, "-"},
	{"length zero", "POST / HTTP/1.1\r\ncontent-LENGTH:\t0 \r\n\r\nGET /b HTTP/1.1\r\n\r\n", nil, false,
		[]string{"POST /||", "GET /b||"}, http1.Requests, "-"},
	{"same length twice", "POST / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\nx", nil, false,
		[]string{"POST /|x|"}, http1.Requests, "-"},
	{"chunked", "POST / HTTP/1.1\r\nTransfer-Encoding: Chunked\r\n\r\n3\r\nabc\r\nA;x=\"y\"\r\n0123456789\r\n0\r\n\r\nGET /b HTTP/1.1\r\n\r\n", nil, false,
		[]string{"POST /|abc0123456789|chunked", "GET /b||"}, http1.Requests, "-"},
	{"chunked, spaces after the size", "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n003 \t\r\nabc\r\n0\r\n\r\n", nil, false,
		[]string{"POST /|abc|chunked"}, http1.Requests, "-"},
	{"chunked, trailers", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\nX: y\r\n z\r\n\r\nHTTP/1.1 204 No\r\n\r\n", nil, false,
		[]string{"200|a|chunked", "204||"}, http1.Responses, "-"},
	{"chunked wins over length", "POST / HTTP/1.1\r\nContent-Length: 100\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n", nil, false,
		[]string{"POST /|a|chunked"}, http1.Requests, "-"},
	{"several codings", "POST / HTTP/1.1\r\nTransfer-Encoding: gzip, chunked\r\n\r\n1\r\na\r\n0\r\n\r\n", nil, false,
		[]string{"POST /|a|chunked"}, http1.Requests, "-"},
	{"coding without chunked: until close", "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\nContent-Length: 1\r\n\r\nabc", nil, false,
		[]string{"200|abc|"}, http1.Responses, "-"},
	{"no codings in HTTP/1.0", "POST / HTTP/1.0\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\nab", nil, false,
		[]string{"POST /|ab|close"}, http1.Requests, "-"},
	{"folded field", "POST / HTTP/1.1\r\nX: a\r\n\t b\r\nContent-Length:\r\n 2\r\n\r\nab", nil, false,
		[]string{"POST /|ab|"}, http1.Requests, "-"},
	{"until close", "HTTP/1.1 200 OK\r\n\r\nHTTP/1.1 200 OK\r\n\r\n", nil, false,
		[]string{"200|HTTP/1.1 200 OK\r\n\r\n|"}, http1.Responses, "-"},
	{"until close, nothing came", "HTTP/1.0 200\r\n\r\n", nil, false,
		[]string{"200||close"}, http1.Responses, "-"},
	{"until close, no FIN", "HTTP/1.1 200 OK\r\n\r\nabc", nil, true,
		[]string{"200|?|incomplete"}, http1.Responses, "-"},
	{"cut body", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nabc", nil, false,
		[]string{"200|?|incomplete"}, http1.Responses, "-"},
	{"cut chunk", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabc", nil, false,
		[]string{"200|?|chunked incomplete"}, http1.Responses, "-"},
	{"cut trailer", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n", nil, false,
		[]string{"200|?|chunked incomplete"}, http1.Responses, "-"},
	{"cut head", "GET / HTTP/1.1\r\nHost: a\r\n", nil, false, nil, http1.Unknown, "-"},
	{"204, 304", "HTTP/1.1 204 No\r\nContent-Length: 9\r\n\r\nHTTP/1.1 304 Not\r\nTransfer-Encoding: chunked\r\n\r\n", nil, false,
		[]string{"204||", "304||chunked"}, http1.Responses, "-"},
	{"continue", "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early\r\nLink: x\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\na", nil, false,
		[]string{"100||informational", "103||informational", "200|a|"}, http1.Responses, "-"},
	{"expect", "POST / HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\nabGET / HTTP/1.1\r\n\r\n", nil, false,
		[]string{"POST /|ab|", "GET /||"}, http1.Requests, "-"},
	{"HEAD", "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\na",
		[]http1.BodyRule{http1.BodyNone, http1.BodyNormal}, false,
		[]string{"200||", "200|a|"}, http1.Responses, "-"},
	{"HEAD, chunked", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\na",
		[]http1.BodyRule{http1.BodyNone, http1.BodyNormal}, false,
		[]string{"200||chunked", "200|a|"}, http1.Responses, "-"},
	{"101", "HTTP/1.1 101 Switching\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\r\n\x81\x05hello", nil, false,
		[]string{"101||upgrade"}, http1.Tunnel, "\x81\x05hello"},
	{"CONNECT", "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n\x16\x03\x01", []http1.BodyRule{http1.BodyConnect}, false,
		[]string{"200||"}, http1.Tunnel, "\x16\x03\x01"},
	{"CONNECT refused", "HTTP/1.1 403 No\r\nContent-Length: 3\r\n\r\nabcHTTP/1.1 200 OK\r\n\r\n", []http1.BodyRule{http1.BodyConnect, http1.BodyNormal}, false,
		[]string{"403|abc|", "200||"}, http1.Responses, "-"},
	{"request tunnel after upgrade", "GET / HTTP/1.1\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\r\n\x81\x05hello", nil, false,
		[]string{"GET /||upgrade"}, http1.Tunnel, "\x81\x05hello"},
	{"request tunnel that begins with a token", "CONNECT a:25 HTTP/1.1\r\n\r\nEHLO a\r\nGET / HTTP/1.1\r\n\r\n", nil, false,
		[]string{"CONNECT a:25||"}, http1.Tunnel, "EHLO a\r\nGET / HTTP/1.1\r\n\r\n"},
	{"request tunnel, one byte", "CONNECT a:25 HTTP/1.1\r\n\r\nE", nil, false,
		[]string{"CONNECT a:25||"}, http1.Tunnel, "E"},
	{"request tunnel, line end first", "CONNECT a:25 HTTP/1.1\r\n\r\n\r\n\x00", nil, false,
		[]string{"CONNECT a:25||"}, http1.Tunnel, "\r\n\x00"},
	{"upgrade refused", "GET / HTTP/1.1\r\nUpgrade: h2c\r\nConnection: upgrade\r\n\r\nGET /b HTTP/1.1\r\n\r\n", nil, false,
		[]string{"GET /||upgrade", "GET /b||"}, http1.Requests, "-"},
	{"h2c upgrade", "GET / HTTP/1.1\r\nUpgrade: h2c\r\nConnection: upgrade\r\n\r\nPRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", nil, false,
		[]string{"GET /||upgrade"}, http1.Tunnel, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"},
	{"HTTP/2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", nil, false, nil, http1.NotHTTP, "-"},
	{"TLS", "\x16\x03\x01\x02\x00\x01\x00", nil, false, nil, http1.NotHTTP, "-"},
	{"SMTP", "220 mail.example ESMTP\r\n250 hello\r\n", nil, false, nil, http1.NotHTTP, "-"},
	{"SSH", "SSH-2.0-OpenSSH_9.2\r\n", nil, false, nil, http1.NotHTTP, "-"},
	{"no target", "GET  HTTP/1.1\r\n\r\n", nil, false, nil, http1.NotHTTP, "-"},
	{"no version", "GET /\r\n\r\n", nil, false, nil, http1.NotHTTP, "-"},
	{"version of two digits", "GET / HTTP/1.11\r\n\r\n", nil, false, nil, http1.NotHTTP, "-"},
	{"status of two digits", "HTTP/1.1 20 OK\r\n\r\n", nil, false, nil, http1.NotHTTP, "-"},
	{"status of four digits", "HTTP/1.1 2000 OK\r\n\r\n", nil, false, nil, http1.NotHTTP, "-"},
	{"status below 100", "HTTP/1.1 099 OK\r\n\r\n", nil, false, nil, http1.NotHTTP, "-"},
	{"binary after letters", "GET\x00\x01", nil, false, nil, http1.NotHTTP, "-"},
	{"junk after an upgrade refused", "GET / HTTP/1.1\r\nUpgrade: h2c\r\n\r\nGET /b HTTP/1.1\r\n\r\n\x00\x01", nil, false,
		[]string{"GET /||upgrade", "GET /b||"}, http1.Requests, "-"},
	{"two lengths", "POST / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab", nil, false, nil, http1.Unknown, "-"},
	{"length list", "POST / HTTP/1.1\r\nContent-Length: 1, 1\r\n\r\nab", nil, false, nil, http1.Unknown, "-"},
	{"huge length", "POST / HTTP/1.1\r\nContent-Length: 9223372036854775808\r\n\r\nab", nil, false, nil, http1.Unknown, "-"},
	{"length that wraps to 1", "POST / HTTP/1.1\r\nContent-Length: 18446744073709551617\r\n\r\na", nil, false, nil, http1.Unknown, "-"},
	{"request with unknown coding", "POST / HTTP/1.1\r\nTransfer-Encoding: gzip\r\n\r\nab", nil, false, nil, http1.Unknown, "-"},
	{"field without colon", "GET / HTTP/1.1\r\nHost\r\n\r\n", nil, false, nil, http1.Unknown, "-"},
	{"field without name", "GET / HTTP/1.1\r\n: a\r\n\r\n", nil, false, nil, http1.Unknown, "-"},
	{"fold of nothing", "GET / HTTP/1.1\r\n a: b\r\n\r\n", nil, false, nil, http1.Unknown, "-"},
	{"chunk size no number", "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n", nil, false,
		[]string{"POST /|?|chunked incomplete"}, http1.Requests, "-"},
	{"chunk size too large", "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\n", nil, false,
		[]string{"POST /|?|chunked incomplete"}, http1.Requests, "-"},
	{"chunk size too large for us", "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\nabc\r\n", nil, false,
		[]string{"POST /|?|chunked incomplete"}, http1.Requests, "-"},
	{"chunk longer than its size", "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nab\r\n0\r\n\r\n", nil, false,
		[]string{"POST /|?|chunked incomplete"}, http1.Requests, "-"},
}

// describe writes what was found as rulesTable has it.
func describe(r *record, stream string) []string {
	var got []string
	for i, m := range r.messages {
		h := r.heads[i]
		line := fmt.Sprint(h.Status)
		if h.Request {
			line = h.method + " " + h.target
		}
		body := "?"
		if m.Complete {
			body = decoded(h, stream[m.HeadEnd:m.End], m.BodyLen)
			if m.Body != printOf(body) || m.BodyLen != int64(len(body)) {
				body = fmt.Sprintf("%q is not %+v", body, m)
			}
		}
		got = append(got, line+"|"+body+"|"+marks(h, m))
	}
	return got
}

// decoded returns the body in raw, the bytes after the head.
func decoded(h head, raw string, n int64) string {
	if !h.Chunked || n == 0 {
		return raw
	}
	var body string
	for {
		size, rest, _ := strings.Cut(raw, "\r\n")
		var k int
		fmt.Sscanf(size, "%x", &k)
		if k == 0 {
			return body
		}
		body, raw = body+rest[:k], rest[k+2:]
	}
}

func marks(h head, m http1.Message) string {
	var s []string
	for _, f := range []struct {
		name string
		set  bool
	}{
		{"chunked", h.Chunked}, {"close", h.Close}, {"upgrade", h.Upgrade},
		{"informational", m.Informational}, {"resync", m.Resync}, {"incomplete", !m.Complete},
	} {
		if f.set {
			s = append(s, f.name)
		}
	}
	return strings.Join(s, " ")
}

func TestRules(t *testing.T) {
	for _, tt := range rulesTable {
		t.Run(tt.name, func(t *testing.T) {
			r := &record{rules: tt.rules}
			kind := run(r, true, !tt.open, whole(tt.stream)...)
			if got := describe(r, tt.stream); !slices.Equal(got, tt.want) {
				t.Errorf("messages\n%q, want\n%q", got, tt.want)
			}
			tunnel := "-"
			if r.tunnel >= 0 {
				tunnel = tt.stream[r.tunnel:]
			}
			if tunnel != tt.tunnel {
				t.Errorf("tunnel %q, want %q", tunnel, tt.tunnel)
			}
			if kind != tt.kind {
				t.Errorf("kind %v, want %v", kind, tt.kind)
			}
		})
	}
}

func TestSplitAnywhere(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	for _, tt := range rulesTable {
		t.Run(tt.name, func(t *testing.T) {
			want := &record{rules: tt.rules}
			wantKind := run(want, true, !tt.open, whole(tt.stream)...)
			for i := range 200 {
				got := &record{rules: tt.rules}
				ops := pieces(r, tt.stream, 1+i%40)
				if kind := run(got, true, !tt.open, ops...); kind != wantKind {
					t.Fatalf("kind %v, whole %v: %v", kind, wantKind, ops)
				}
				if !slices.Equal(got.log, want.log) {
					t.Fatalf("in pieces %v:\n%q, want\n%q", ops, got.log, want.log)
				}
			}
		})
	}
}

// pieces cuts text into pieces of at most most bytes.
func pieces(r *rand.Rand, text string, most int) []op {
	var ops []op
	for len(text) > 0 {
		n := min(1+r.IntN(most), len(text))
		ops = append(ops, op{text: text[:n]})
		text = text[n:]
	}
	return ops
}

func TestFields(t *testing.T) {
	r := new(record)
	run(r, true, true, whole("GET /x HTTP/1.1\r\nHost: a\r\nX-Empty:\r\nX-Fold: one \r\n  two\r\n \r\n\tthree\r\nb : c:d \r\nHOST:\t e\r\n\r\n")...)
	if len(r.heads) != 1 {
		t.Fatalf("%d heads, want 1", len(r.heads))
	}
	want := []string{"Host: a", "X-Empty: ", "X-Fold: one two  three", "b : c:d", "HOST: e"}
	if got := r.heads[0].fields; !slices.Equal(got, want) {
		t.Errorf("fields %q, want %q", got, want)
	}
}

func TestConnection(t *testing.T) {
	tests := []struct {
		head string
		want bool
	}{
		{"HTTP/1.1 200 OK\r\n\r\n", false},
		{"HTTP/1.1 200 OK\r\nConnection: foo, CLOSE\r\n\r\n", true},
		{"HTTP/1.1 200 OK\r\nConnection: closed\r\n\r\n", false},
		{"HTTP/1.0 200 OK\r\n\r\n", true},
		{"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\n\r\n", false},
		{"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nConnection: close\r\n\r\n", true},
	}
	for _, tt := range tests {
		r := new(record)
		run(r, true, true, whole(tt.head)...)
		if len(r.heads) != 1 || r.heads[0].Close != tt.want {
			t.Errorf("%q: heads %v, want one with close %v", tt.head, r.heads, tt.want)
		}
	}
}

func TestGuess(t *testing.T) {
	next := "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\na"
	tests := []struct {
		name, first string
		want        []string
	}{
		{"body", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nab", []string{"200|ab|", "200|a|"}},
		{"HEAD", "HTTP/1.1 200 OK\r\nContent-Length: 70000\r\n\r\n", []string{"200||", "200|a|"}},
		{"HEAD, chunked", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", []string{"200||chunked", "200|a|"}},
		{"HEAD, no length", "HTTP/1.1 200 OK\r\n\r\n", []string{"200||", "200|a|"}},
	}
	for _, tt := range tests {
		for _, ops := range [][]op{whole(tt.first + next), {{text: tt.first}, {text: next}}} {
			r := &record{rules: []http1.BodyRule{http1.BodyGuess}}
			run(r, true, true, ops...)
			if got := describe(r, tt.first+next); !slices.Equal(got, tt.want) {
				t.Errorf("%s in %d pieces: %q, want %q", tt.name, len(ops), got, tt.want)
			}
		}
	}
}

// TestGuessEnds shows that a guess holds for its own message only.
func TestGuessEnds(t *testing.T) {
	stream := "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\nHTTP/1.1 200 OK\r\n\r\nHTTP/1.1 200 OK\r\n\r\n"
	r := &record{rules: []http1.BodyRule{http1.BodyGuess, http1.BodyNormal}}
	run(r, true, true, whole(stream)...)
	if got, want := describe(r, stream), []string{"200||", "200|HTTP/1.1 200 OK\r\n\r\n|"}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}

// TestCutBody shows what is known of a body that the end of the stream cut off.
func TestCutBody(t *testing.T) {
	tests := []struct {
		name, fields string
		len          int64 // of the print
		known        fingerprint.Parts
	}{
		{"declared", "Content-Length: 500\r\n", 500, fingerprint.KnownFirst | fingerprint.KnownMiddle}, // there is no middle
		{"until close", "", -1, fingerprint.KnownFirst},
		{"chunked", "Transfer-Encoding: chunked\r\n", -1, fingerprint.KnownFirst},
	}
	for _, tt := range tests {
		body := "64\r\n" + strings.Repeat("a", 100) // also a whole chunk
		r := new(record)
		run(r, true, false, whole("HTTP/1.1 200 OK\r\n"+tt.fields+"\r\n"+body)...)
		if len(r.messages) != 1 || r.messages[0].Complete {
			t.Fatalf("%s: %q, want one incomplete message", tt.name, r.log)
		}
		p := r.messages[0].Body
		if p.Len != tt.len || p.Known != tt.known {
			t.Errorf("%s: print %+v, want length %d and %b known", tt.name, p, tt.len, tt.known)
		}
	}
}

func TestBegan(t *testing.T) {
	var s http1.Scanner
	s.Reset(new(http1.Scratch), true)
	r := new(record)
	steps := []struct {
		text string
		want int64
	}{
		{"\r\n", -1}, {"GET", 2}, {" / HTTP/1.1\r\n", 2}, {"\r\n", -1},
		{"GET /b HTTP/1.1\r\nContent-Length: 2\r\n\r\n", 20}, {"a", 20}, {"bG", 60},
	}
	var off int64
	for _, step := range steps {
		s.Feed(off, []byte(step.text), r)
		off += int64(len(step.text))
		if got := s.Began(); got != step.want {
			t.Errorf("after %q: began %d, want %d", step.text, got, step.want)
		}
	}
}

func TestSize(t *testing.T) {
	if got := unsafe.Sizeof(http1.Scanner{}); got > 200 {
		t.Errorf("Scanner has %d bytes, want at most 200", got)
	}
}
