package http1_test

import (
	"bufio"
	"bytes"
	"io"
	"math/rand/v2"
	"net/http"
	"net/textproto"
	"slices"
	"strings"
	"testing"

	"github.com/pcapmesh/pcapmesh/internal/wire/http1"
)

// oracleMessage is a message as net/http reads it.
type oracleMessage struct {
	method, target string
	status         int
	header         http.Header
	body           string
	end            int // offset after the message
}

// maxFuzz keeps heads and trailers below the scanner's limit and the line
// limits of net/http apart from the question.
const maxFuzz = 32 << 10

// counted tells how much of data a bufio.Reader over it has given out.
type counted struct {
	data *bytes.Reader
	size int
	buf  *bufio.Reader
}

func newCounted(data []byte) *counted {
	r := bytes.NewReader(data)
	return &counted{r, len(data), bufio.NewReaderSize(r, 64<<10)}
}

func (c *counted) off() int { return c.size - c.data.Len() - c.buf.Buffered() }

// oracleRequests returns the requests that net/http accepts, one by one up to
// the first it rejects. It also takes CONNECT without a target, which RFC 9112
// §3 has no place for.
func oracleRequests(data []byte) []oracleMessage {
	var all []oracleMessage
	for c := newCounted(data); ; {
		req, err := http.ReadRequest(c.buf)
		if err != nil || req.ProtoMajor != 1 || req.RequestURI == "" {
			return all
		}
		body, err := io.ReadAll(req.Body)
		if err != nil {
			return all
		}
		all = append(all, oracleMessage{
			method: req.Method, target: req.RequestURI,
			header: req.Header, body: string(body), end: c.off(),
		})
	}
}

// oracleResponses is oracleRequests for responses; heads has a bit for each
// that answers a HEAD request. It ends with a 101.
func oracleResponses(data []byte, heads uint64) []oracleMessage {
	var all []oracleMessage
	for c := newCounted(data); ; {
		resp, err := http.ReadResponse(c.buf, &http.Request{Method: methodOf(heads, len(all))})
		if err != nil || resp.ProtoMajor != 1 || !isStatus(resp.Status) {
			return all
		}
		body, err := io.ReadAll(resp.Body)
		if err != nil {
			return all
		}
		all = append(all, oracleMessage{
			status: resp.StatusCode, header: resp.Header, body: string(body), end: c.off(),
		})
		if resp.StatusCode == 101 {
			return all
		}
	}
}

// isStatus reports whether the status is one of RFC 9110 §15: net/http also
// takes "+20" and "007".
func isStatus(s string) bool { return s[0] >= '1' && s[0] <= '9' }

func methodOf(heads uint64, i int) string {
	if heads>>(i%64)&1 != 0 {
		return "HEAD"
	}
	return "GET"
}

func rulesOf(heads uint64, n int) []http1.BodyRule {
	rules := make([]http1.BodyRule, n+1)
	for i := range rules {
		if methodOf(heads, i) == "HEAD" {
			rules[i] = http1.BodyNone
		}
	}
	return rules
}

// compare checks that what was found begins with what net/http accepts.
func compare(t *testing.T, r *record, want []oracleMessage) {
	t.Helper()
	if len(r.messages) < len(want) {
		t.Fatalf("found %d messages, net/http %d: %q", len(r.messages), len(want), r.log)
	}
	for i, w := range want {
		h, m := r.heads[i], r.messages[i]
		if h.method != w.method || h.target != w.target || h.Status != w.status {
			t.Errorf("message %d: start line %v, net/http %q %q %d", i, h, w.method, w.target, w.status)
		}
		if !m.Complete || m.MissingBytes != 0 || m.Resync || m.End != int64(w.end) {
			t.Errorf("message %d: %+v, want a whole one that ends at %d", i, m, w.end)
		}
		if m.BodyLen != int64(len(w.body)) || m.Body != printOf(w.body) {
			t.Errorf("message %d: body %+v, net/http %q", i, m, w.body)
		}
		if got, want := fieldList(headerOf(h)), fieldList(w.header); !slices.Equal(got, want) {
			t.Errorf("message %d: fields %q, net/http %q", i, got, want)
		}
	}
}

func headerOf(h head) http.Header {
	header := make(http.Header)
	for _, f := range h.fields {
		name, value, _ := strings.Cut(f, ": ")
		header.Add(name, value)
	}
	return header
}

// fieldList lists the fields, sorted by name, without those that net/http
// moves, merges or adds.
func fieldList(header http.Header) []string {
	var list []string
	for name, values := range header {
		switch textproto.CanonicalMIMEHeaderKey(name) {
		case "Host", "Content-Length", "Transfer-Encoding", "Connection", "Trailer", "Cache-Control":
			continue
		}
		for i, v := range values {
			// Of a blank folded line net/http leaves a space, which is no part of
			// the value (RFC 9110 §5.5).
			values[i] = strings.TrimRight(v, " ")
		}
		list = append(list, name+"="+strings.Join(values, "\x00"))
	}
	slices.Sort(list)
	return list
}

// seedStreams are those of rulesTable and some more that exercise boundaries.
func seedStreams() []string {
	big := strings.Repeat("0123456789abcdef", 2000)
	list := []string{
		"POST /big HTTP/1.1\r\nContent-Length: 32000\r\n\r\n" + big + "GET / HTTP/1.1\r\n\r\n",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n7d00\r\n" + big + "\r\n0\r\n\r\n",
		"HTTP/1.1 200 OK\r\n\r\n" + big,
		"0 * HTTP/1.0\n0:0\n  \n\n",
		"CONNECT  HTTP/1.0\r\n\r\n0",
		"GET http://a/b?c#d HTTP/1.1\r\nContent-Length : 5\r\nPragma: no-cache\r\n\r\n",
		"OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n",
		"HTTP/1.1  200  two spaces\r\nContent-Length: 0\r\n\r\nHTTP/1.1 999\r\n\r\n",
	}
	for _, tt := range rulesTable {
		list = append(list, tt.stream)
	}
	return list
}

func FuzzRequests(f *testing.F) {
	for i, s := range seedStreams() {
		f.Add([]byte(s), uint64(i))
	}
	f.Fuzz(func(t *testing.T, data []byte, seed uint64) {
		if len(data) > maxFuzz {
			return
		}
		r := new(record)
		run(r, true, true, randomPieces(seed, data)...)
		checkRecord(t, r, int64(len(data)))
		if want := oracleRequests(data); len(want) > 0 {
			compare(t, r, want)
		}
	})
}

func FuzzResponses(f *testing.F) {
	for i, s := range seedStreams() {
		f.Add([]byte(s), uint64(i), uint64(0))
		f.Add([]byte(s), uint64(i), uint64(1))
	}
	f.Fuzz(func(t *testing.T, data []byte, seed, heads uint64) {
		if len(data) > maxFuzz {
			return
		}
		want := oracleResponses(data, heads)
		r := &record{rules: rulesOf(heads, len(want)+8)}
		run(r, true, true, randomPieces(seed, data)...)
		checkRecord(t, r, int64(len(data)))
		compare(t, r, want)
	})
}

// FuzzHoles cuts holes into a stream of whole messages: what is found must be
// consistent, and what is found in one piece without holes must be right.
func FuzzHoles(f *testing.F) {
	for i, s := range seedStreams() {
		f.Add([]byte(s), uint64(i), true)
		f.Add([]byte(s), uint64(i), false)
	}
	f.Fuzz(func(t *testing.T, data []byte, seed uint64, start bool) {
		if len(data) > maxFuzz {
			return
		}
		rnd := rand.New(rand.NewPCG(seed, 3))
		ops := randomPieces(seed, data)
		var missing int64
		for i := range ops {
			if n := int64(len(ops[i].text)); rnd.IntN(8) == 0 {
				ops[i] = op{gap: n}
				missing += n
			}
		}
		r := &record{rules: []http1.BodyRule{http1.BodyGuess}}
		run(r, start, seed%2 == 0, ops...)
		checkRecord(t, r, int64(len(data)))
		for _, m := range r.messages {
			if missing -= m.MissingBytes; missing < 0 {
				t.Errorf("messages miss more bytes than were cut out: %q", r.log)
			}
			if m.MissingBytes == 0 && m.Complete && !m.Body.Complete() {
				t.Errorf("whole message has no whole print: %+v", m)
			}
		}
	})
}

// randomPieces cuts data into pieces of a size that depends on seed.
func randomPieces(seed uint64, data []byte) []op {
	sizes := []int{1 << 20, 1460, 100, 7, 1}
	return pieces(rand.New(rand.NewPCG(seed, 5)), string(data), sizes[seed%5])
}

// checkRecord checks what must hold for any stream of n bytes: heads and ends
// alternate, offsets ascend, bodies fit between them.
func checkRecord(t *testing.T, r *record, n int64) {
	t.Helper()
	if len(r.heads) != len(r.messages) {
		t.Fatalf("%d heads, %d ends: %q", len(r.heads), len(r.messages), r.log)
	}
	var last int64
	for i, m := range r.messages {
		h := r.heads[i]
		if m.Start < last || m.HeadEnd <= m.Start || m.End < m.HeadEnd || m.End > n {
			t.Errorf("message %d: offsets %d, %d, %d after %d of %d", i, m.Start, m.HeadEnd, m.End, last, n)
		}
		if h.Off != m.Start || h.EndOff != m.HeadEnd || h.Request != m.Request || h.Resync != m.Resync || h.Informational() != m.Informational {
			t.Errorf("message %d: head %v does not go with %+v", i, h, m)
		}
		if m.BodyLen > m.End-m.HeadEnd || m.MissingBytes > m.BodyLen || m.Body.Len >= 0 && m.Complete && m.Body.Len != m.BodyLen {
			t.Errorf("message %d: lengths do not fit: %+v", i, m)
		}
		last = m.End
	}
	if r.tunnel >= 0 && r.tunnel != last {
		t.Errorf("tunnel at %d, last message ends at %d", r.tunnel, last)
	}
}
