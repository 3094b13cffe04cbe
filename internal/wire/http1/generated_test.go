package http1_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/pcapmesh/pcapmesh/internal/wire/http1"
)

// A writer writes random streams that are HTTP/1 but for a mistake now and
// then, so that net/http accepts most of them.
type writer struct {
	*rand.Rand
	strings.Builder
}

func newWriter(seed uint64) *writer {
	return &writer{Rand: rand.New(rand.NewPCG(seed, 11))}
}

func (w *writer) pick(s ...string) string { return s[w.IntN(len(s))] }

// rarely returns one of s once in forty times, else usual.
func (w *writer) rarely(usual string, s ...string) string {
	if w.IntN(40) > 0 {
		return usual
	}
	return w.pick(s...)
}

func (w *writer) eol() string { return w.rarely("\r\n", "\n", "\r\r\n") }

func (w *writer) version() string {
	return w.rarely("HTTP/1.1", "HTTP/1.0", "HTTP/1.0", "HTTP/1.2", "HTTP/2.0", "HTTP/1.", "http/1.1")
}

func (w *writer) request() {
	method := w.pick("GET", "POST", "PUT", "OPTIONS", "x-y", "!#$%")
	target := w.rarely(w.pick("/", "/a?b=c", "*", "http://h:1/x"), "", "/ b", "/%zz", "/\x01", "/\xff")
	w.WriteString(method + " " + target + " " + w.version() + w.eol())
	w.rest()
}

func (w *writer) response() {
	status := w.pick("200", "200", "200", "404", "503", "204", "304", "100", "103", "999")
	status = w.rarely(status, "20", "2000", "0200", "+20", "101", "2 0")
	w.WriteString(w.version() + w.rarely(" ", "  ", "\t") + status + w.pick(" OK", "", " ", " Not Found") + w.eol())
	w.rest()
}

// rest writes the fields and the body.
func (w *writer) rest() {
	w.fields()
	body := strings.Repeat(w.pick("a", "\r\n", "HTTP/1.1 200 OK\r\n\r\n", "0\r\n\r\n"), w.IntN(1<<w.IntN(12)))
	switch w.IntN(5) {
	case 0, 1:
		fmt.Fprintf(w, "Content-Length%s: %d%s", w.rarely("", " ", "\t"), len(body), w.eol())
		if w.IntN(10) == 0 {
			fmt.Fprintf(w, "content-length:%d%s", len(body)+w.IntN(2), w.eol())
		}
		w.WriteString(w.eol() + body)
	case 2, 3:
		w.WriteString("Transfer-Encoding: " + w.rarely("chunked", "CHUNKED", "\tchunked \t", "gzip, chunked", "identity", "") + w.eol() + w.eol())
		w.chunks(body)
	default:
		w.WriteString(w.eol())
	}
}

func (w *writer) fields() {
	for range w.IntN(4) {
		name := w.rarely(w.pick("Host", "X-Request-Id", "accept", "Connection", "Expect", "Trailer"), "", "a b", "a\x00", "X ", "\x80")
		value := w.rarely(w.pick("a", "close", "keep-alive", "100-continue", "x, y"), "", "\t", "a\x01", "\xff", "a\r\n b", "a\n\t\r\n c")
		w.WriteString(name + w.rarely(": ", ":", ":  \t", "") + value + w.rarely("", " ", "\t ") + w.eol())
	}
}

func (w *writer) chunks(body string) {
	for len(body) > 0 {
		n := 1 + w.IntN(len(body))
		format := w.rarely("%x", "%X", "%05x", "0%x ", "%x;a=b", "%x ;a", "-%x", "%017x")
		fmt.Fprintf(w, format, n)
		w.WriteString(w.eol() + body[:n] + w.eol())
		body = body[n:]
	}
	w.WriteString("0\r\n")
	if w.IntN(8) == 0 {
		w.fields()
	}
	w.WriteString(w.eol())
}

// stream returns a random stream of messages.
func (w *writer) stream(requests bool) []byte {
	for range 1 + w.IntN(6) {
		if requests {
			w.request()
		} else {
			w.response()
		}
	}
	return []byte(w.String()[:max(0, w.Len()-w.IntN(1<<w.IntN(8)))])
}

// TestGenerated compares with net/http on random streams, in pieces of random
// size.
func TestGenerated(t *testing.T) {
	const streams = 4000
	var agreed int
	for seed := range uint64(streams) {
		requests := seed%2 == 0
		data := newWriter(seed).stream(requests)
		heads := seed >> 3
		r := &record{rules: rulesOf(heads, 16)}
		if requests {
			heads, r.rules = 0, nil
		}
		run(r, true, true, randomPieces(seed, data)...)
		checkRecord(t, r, int64(len(data)))
		want := oracleResponses(data, heads)
		if requests {
			want = oracleRequests(data)
		}
		compare(t, r, want)
		agreed += len(want)
		if t.Failed() {
			t.Fatalf("seed %d: %q", seed, data)
		}
	}
	if agreed < streams {
		t.Errorf("net/http accepted %d messages of %d streams, want at least one each: the streams test nothing", agreed, streams)
	}
	t.Logf("%d messages agree", agreed)
}

// TestSeekFinds cuts the beginning of random streams off: every message that
// begins a piece after the cut must be found unless an earlier one reaches
// over it.
func TestSeekFinds(t *testing.T) {
	for seed := range uint64(300) {
		w := newWriter(seed)
		var stream []op
		var starts []int64
		var off int64
		for i := range 6 {
			text := fmt.Sprintf("%s /%d HTTP/1.1\r\nHost: a\r\n\r\n", w.pick("GET", "DELETE", "X_Y"), i)
			if w.IntN(2) == 0 {
				body := strings.Repeat("a", w.IntN(3000))
				text = fmt.Sprintf("POST /%d HTTP/1.1\r\nContent-Length: %d\r\n\r\n%s", i, len(body), body)
			}
			starts = append(starts, off)
			off += int64(len(text))
			stream = append(stream, pieces(w.Rand, text, 1460)...)
		}
		cut := 1 + w.IntN(len(stream)-1)
		r := new(record)
		var s http1.Scanner
		s.Reset(new(http1.Scratch), false)
		var at, skip, first int64
		for i, o := range stream {
			if i < cut {
				at += int64(len(o.text))
				first = at
				continue
			}
			at, skip = feed(&s, r, at, skip, []byte(o.text))
		}
		var want []int64
		for _, start := range starts {
			if start >= first {
				want = append(want, start)
			}
		}
		if len(r.heads) != len(want) {
			t.Fatalf("seed %d: %d heads, want those at %d: %q", seed, len(r.heads), want, r.log)
		}
		for i, h := range r.heads {
			if h.Off != want[i] || h.Resync != (i == 0) {
				t.Errorf("seed %d: head %v, want one at %d", seed, h, want[i])
			}
		}
	}
}
