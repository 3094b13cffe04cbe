package http1_test

import (
	"strings"
	"testing"

	"github.com/pcapmesh/pcapmesh/internal/wire/http1"
)

// sink is a Handler that reads one field of each head and keeps nothing.
type sink struct{ ids, ends int }

func (s *sink) Head(h *http1.Head) http1.BodyRule {
	for name := range h.Fields {
		if string(name) == "x-request-id" {
			s.ids++
		}
	}
	return http1.BodyNormal
}

func (s *sink) End(*http1.Message) { s.ends++ }

func (s *sink) Tunnel(int64) {}

// exchangeHead is a request as a sidecar sends it to an application.
const exchangeHead = "POST /api/v1/things?id=123 HTTP/1.1\r\n" +
	"host: things.example.svc.cluster.local:8080\r\n" +
	"user-agent: Go-http-client/1.1\r\n" +
	"content-length: 1024\r\n" +
	"content-type: application/json\r\n" +
	"accept-encoding: gzip\r\n" +
	"x-forwarded-proto: http\r\n" +
	"x-request-id: 5d4be35c-6e7d-9f4e-b6a5-3a4d9b4c8f10\r\n" +
	"x-envoy-attempt-count: 1\r\n" +
	"x-b3-traceid: 1b2c3d4e5f60718293a4b5c6d7e8f901\r\n" +
	"x-b3-spanid: 93a4b5c6d7e8f901\r\n" +
	"x-b3-sampled: 0\r\n\r\n"

func pieceOf(head string, body int) []byte { return []byte(head + strings.Repeat("b", body)) }

// chunkedPiece is a response in eight chunks of 512 bytes.
func chunkedPiece() []byte {
	return []byte("HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ntransfer-encoding: chunked\r\n\r\n" +
		strings.Repeat("200\r\n"+strings.Repeat("c", 512)+"\r\n", 8) + "0\r\n\r\n")
}

func TestAllocs(t *testing.T) {
	tests := []struct {
		name  string
		piece []byte
		size  int // of what is fed at once
	}{
		{"whole", pieceOf(exchangeHead, 1024), 1 << 20},
		{"split", pieceOf(exchangeHead, 1024), 100},
		{"chunked", chunkedPiece(), 1460},
	}
	for _, tt := range tests {
		var s http1.Scanner
		h := new(sink)
		s.Reset(new(http1.Scratch), true)
		var off int64
		if n := testing.AllocsPerRun(100, func() {
			for p := tt.piece; len(p) > 0; {
				k := min(tt.size, len(p))
				s.Feed(off, p[:k], h)
				off, p = off+int64(k), p[k:]
			}
		}); n != 0 {
			t.Errorf("%s: %v allocations a message, want none", tt.name, n)
		}
		if h.ends != 101 {
			t.Errorf("%s: %d messages, want 101", tt.name, h.ends)
		}
	}
}

func BenchmarkFeed(b *testing.B) {
	for _, bb := range []struct {
		name  string
		piece []byte
	}{
		{"head", pieceOf(strings.Replace(exchangeHead, "1024", "0", 1), 0)},
		{"body1k", pieceOf(exchangeHead, 1024)},
		{"chunked", chunkedPiece()},
	} {
		b.Run(bb.name, func(b *testing.B) {
			var s http1.Scanner
			h := new(sink)
			s.Reset(new(http1.Scratch), true)
			b.SetBytes(int64(len(bb.piece)))
			var off int64
			for b.Loop() {
				s.Feed(off, bb.piece, h)
				off += int64(len(bb.piece))
			}
		})
	}
}

// BenchmarkSeek feeds segments of a body whose beginning was not captured.
func BenchmarkSeek(b *testing.B) {
	p := pieceOf("", 1460)
	var s http1.Scanner
	h := new(sink)
	s.Reset(new(http1.Scratch), false)
	b.SetBytes(int64(len(p)))
	var off int64
	for b.Loop() {
		s.Feed(off, p, h)
		off += int64(len(p))
	}
}

// BenchmarkLargeBody passes a 10 MB body over as an assembler does, in
// segments.
func BenchmarkLargeBody(b *testing.B) {
	const size = 10 << 20
	head := []byte("HTTP/1.1 200 OK\r\nContent-Length: 10485760\r\n\r\n")
	p := pieceOf("", 1460)
	var s http1.Scanner
	h := new(sink)
	s.Reset(new(http1.Scratch), true)
	b.SetBytes(size)
	var off int64
	for b.Loop() {
		skip := s.Feed(off, head, h)
		off += int64(len(head))
		for left := int64(size); left > 0; {
			n := min(int64(len(p)), left)
			k := min(n, skip)
			if k > 0 {
				s.Skip(off, k, h)
				skip -= k
			}
			if k < n {
				skip = s.Feed(off+k, p[k:n], h)
			}
			off, left = off+n, left-n
		}
	}
	if h.ends != b.N {
		b.Errorf("%d messages, want %d", h.ends, b.N)
	}
}
