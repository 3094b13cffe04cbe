package http1_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/pcapmesh/pcapmesh/internal/wire/http1"
)

// told is a Reader that keeps what messages say, a line each.
type told struct {
	text string // the stream
	rule http1.BodyRule
	log  []string
	body string // what was told of the body since
}

func (r *told) add(s string) {
	if r.body != "" {
		r.log = append(r.log, "body "+r.body)
		r.body = ""
	}
	r.log = append(r.log, s)
}

func (r *told) Head(h *http1.Head) http1.BodyRule {
	r.add(fmt.Sprintf("head %s%d", h.Target, h.Status))
	return r.rule
}

func (r *told) End(m *http1.Message) { r.add(fmt.Sprintf("end %d complete=%v", m.End, m.Complete)) }

func (r *told) Tunnel(off int64) { r.add(fmt.Sprintf("tunnel %d", off)) }

func (r *told) Body(off int64, p []byte, n int64) {
	if p == nil {
		r.body += strings.Repeat("?", int(n))
		return
	}
	if r.text[off:off+n] != string(p) {
		r.body += fmt.Sprintf("<%d bytes at %d are not %q>", n, off, p)
	}
	r.body += string(p)
}

func (r *told) Trailer(h *http1.Head) {
	var fs []string
	for name, value := range h.Fields {
		fs = append(fs, string(name)+"="+string(value))
	}
	r.add("trailer " + strings.Join(fs, " "))
}

// A Reader is given bodies without their framing, and trailers; however the bytes
// come, it is the same.
func TestEverything(t *testing.T) {
	const chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
	long := strings.Repeat("0123456789", 2000)
	for _, tt := range []struct {
		name, text string
		rule       http1.BodyRule
		lose       [2]int // from, to
		want       []string
	}{
		{"no body", "GET /a HTTP/1.1\r\n\r\n", 0, [2]int{}, []string{"head /a0", "end 19 complete=true"}},
		{"a length", "POST /a HTTP/1.1\r\nContent-Length: 5\r\n\r\nhelloGET /b HTTP/1.1\r\n\r\n", 0, [2]int{},
			[]string{"head /a0", "body hello", "end 44 complete=true", "head /b0", "end 63 complete=true"}},
		{"a long body", "POST /a HTTP/1.1\r\nContent-Length: 20000\r\n\r\n" + long, 0, [2]int{}, []string{"head /a0", "body " + long, "end 20043 complete=true"}},
		{"chunks", chunked + "5\r\nhello\r\n1;x=y\r\n!\r\n0\r\n\r\n", 0, [2]int{}, []string{"head 200", "body hello!", "end 72 complete=true"}},
		{"a trailer", chunked + "2\r\nhi\r\n0\r\nX-A: 1\r\nX-B:\r\n 2\r\n\r\n", 0, [2]int{}, []string{"head 200", "body hi", "trailer X-A=1 X-B=2", "end 77 complete=true"}},
		{"a trailer that is none", chunked + "0\r\nnone\r\n\r\n", 0, [2]int{}, []string{"head 200", "end 58 complete=true"}},
		{"a trailer that begins with a fold", chunked + "0\r\n X: y\r\n\r\n", 0, [2]int{}, []string{"head 200", "end 59 complete=true"}},
		{"the answer to HEAD", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", http1.BodyNone, [2]int{}, []string{"head 200", "end 38 complete=true"}},
		{"until the end", "HTTP/1.0 200 OK\r\n\r\nhello", 0, [2]int{}, []string{"head 200", "body hello", "end 24 complete=true"}},
		{"interim", "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n", 0, [2]int{}, []string{"head 100", "end 25 complete=true", "head 204", "end 52 complete=true"}},
		{"a hole in the body", "POST /a HTTP/1.1\r\nContent-Length: 5\r\n\r\nhello", 0, [2]int{40, 43}, []string{"head /a0", "body h???o", "end 44 complete=true"}},
		{"a hole in a chunk", chunked + "5\r\nhello\r\n0\r\n\r\n", 0, [2]int{51, 54}, []string{"head 200", "body h???o", "end 62 complete=true"}},
		{"a hole in the framing", chunked + "5\r\nhello\r\n0\r\n\r\n", 0, [2]int{54, 58}, []string{"head 200", "body hell?", "end 55 complete=false"}},
		{"a hole before the end", "HTTP/1.0 200 OK\r\n\r\nhello", 0, [2]int{20, 22}, []string{"head 200", "body h??lo", "end 24 complete=true"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for _, size := range []int{1, 2, 7, 1 << 20} {
				if n := len(tt.text); n > 1000 && size < 7 {
					continue
				}
				r := &told{text: tt.text, rule: tt.rule}
				var s http1.Scanner
				s.Reset(new(http1.Scratch), true)
				s.Everything()
				put := func(from, to int) {
					for off := from; off < to; off += size {
						if skip := s.Feed(int64(off), []byte(tt.text[off:min(off+size, to)]), r); skip != 0 {
							t.Errorf("%d bytes not wanted", skip)
						}
					}
				}
				put(0, tt.lose[0])
				if tt.lose[1] > 0 {
					s.Gap(int64(tt.lose[0]), int64(tt.lose[1]-tt.lose[0]), r)
				}
				put(tt.lose[1], len(tt.text))
				s.Close(int64(len(tt.text)), true, r)
				if !slices.Equal(r.log, tt.want) {
					t.Errorf("in pieces of %d: %q, want %q", size, r.log, tt.want)
				}
			}
		})
	}
}
