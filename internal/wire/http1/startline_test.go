package http1_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/pcapmesh/pcapmesh/internal/wire/http1"
)

// TestStartLines shows what a start line may be.
func TestStartLines(t *testing.T) {
	for _, tt := range []struct {
		line string
		want string // as found; "" if it is none
	}{
		{"GET / HTTP/1.0", "GET / 0"}, {"GET / HTTP/1.9", "GET / 9"}, {"GET / HTTP/1./", ""}, {"GET / HTTP/1.:", ""}, {"GET / HTTP/1.", ""},
		{"GET / HTTP/1.11", ""}, {"GET / HTTP/2.0", ""}, {"GET / http/1.1", ""}, {"GET / HTTQ/1.1", ""}, {"GET /", ""}, {"GET", ""},
		{"G / HTTP/1.1", "G / 1"}, {"GET x HTTP/1.1", "GET x 1"}, {"GET \x7f HTTP/1.1", ""}, {"GET ~ HTTP/1.1", "GET ~ 1"}, {"GET \xff HTTP/1.1", "GET \xff 1"},
		{"GET a\x1fb HTTP/1.1", ""}, {"GET a!b HTTP/1.1", "GET a!b 1"}, {"GET a b HTTP/1.1", ""}, {"GET  HTTP/1.1", ""}, {"GET HTTP/1.1", ""}, {" GET / HTTP/1.1", ""}, {" / HTTP/1.1", ""},
		{"HTTP/1.1 200", "200 1"}, {"HTTP/1.1 200 ", "200 1"}, {"HTTP/1.1 200 OK yes", "200 1"}, {"HTTP/1.1  200 OK", "200 1"}, {"HTTP/1.0 100", "100 0"}, {"HTTP/1.9 999", "999 9"},
		{"HTTP/1.1 2000", ""}, {"HTTP/1.1 200x", ""}, {"HTTP/1.1 20", ""}, {"HTTP/1.1 2", ""}, {"HTTP/1.1 ", ""}, {"HTTP/1.1", ""}, {"HTTP/1.1\t200", ""},
		{"HTTP/1.1 099", ""}, {"HTTP/1.1 000", ""}, {"HTTP/1.1 20:", ""}, {"HTTP/1.1 2/0", ""}, {"HTTP/1.1 x00", ""}, {"HTTP/1.: 200", ""},
	} {
		t.Run(tt.line, func(t *testing.T) {
			for _, end := range []string{"\r\n", "\n"} {
				r := new(record)
				kind := run(r, true, true, whole(tt.line+end+end)...)
				got := ""
				if len(r.heads) == 1 {
					h := r.heads[0]
					if got = fmt.Sprint(h.Status, " ", h.Minor); h.Request {
						got = fmt.Sprint(h.method, " ", h.target, " ", h.Minor)
					}
				}
				if got != tt.want || (kind == http1.NotHTTP) != (tt.want == "") {
					t.Errorf("%q, kind %v; want %q", got, kind, tt.want)
				}
			}
		})
	}
}

// TestLooksLikeStart shows what is taken for the beginning of a message where
// the stream does not begin with the connection, before more has come.
func TestLooksLikeStart(t *testing.T) {
	for _, tt := range []struct {
		piece string
		want  bool
	}{
		{"GET / HTTP/1.1", true}, {"AZA /", true}, {"GET", true}, {"G", true}, {"GET ", true}, {"GET *", true}, {"GET http://a", true}, {"GET Http://a", true},
		{"GET x", false}, {"GET .", false}, {"GET 0", false}, {"GE /", false}, {"G@T /", false}, {"G[T /", false}, {"GeT /", false}, {"@GT /", false}, {"[GT /", false},
		{"M-SEARCH *", true}, {"X_Y /", true}, {"-GET /", false}, {"_GET /", false}, {"G.T /", false}, {"G^T /", false}, {"", false}, {" ", false}, {" GET /", false},
		{"CONNECT a", true}, {"CONNECT 1", true}, {"CONNECT  ", false}, {"CONNECT !", true}, {"CONNECT ~", true}, {"CONNECT \x7f", false}, {"CONNECT \x01", false}, {"CONNECTS a", false},
		{strings.Repeat("A", 31), true}, {strings.Repeat("A", 32), false}, {strings.Repeat("A", 33), false},
		{strings.Repeat("A", 31) + " ", true}, {strings.Repeat("A", 31) + " x", true}, {strings.Repeat("A", 30) + " x", false}, {strings.Repeat("A", 30) + " /", true},
		{"H", true}, {"HTTP/1.", true}, {"HTTP/1.1 200", true}, {"HTTP/2", false}, {"HTTP/1x", false}, {"HTTP", true},
	} {
		t.Run(tt.piece, func(t *testing.T) {
			var s http1.Scanner
			s.Reset(new(http1.Scratch), false)
			r := new(record)
			s.Feed(0, []byte("x"), r)
			s.Feed(1, []byte(tt.piece), r)
			if got := s.Began() == 1; got != tt.want || s.Kind() != http1.Unknown {
				t.Errorf("begins one: %v, want %v; kind %v", got, tt.want, s.Kind())
			}
		})
	}
}

// TestMayStart shows how soon a stream is known to be something else.
func TestMayStart(t *testing.T) {
	for _, tt := range []struct {
		pieces []string
		kind   http1.Kind
	}{
		{[]string{"G"}, http1.Unknown}, {[]string{"\x16"}, http1.NotHTTP}, {[]string{"G", "\x00"}, http1.NotHTTP}, {[]string{"get", "("}, http1.NotHTTP},
		{[]string{strings.Repeat("a", 31), "("}, http1.NotHTTP},
		{[]string{strings.Repeat("a", 32), "("}, http1.Unknown}, // what is longer than a method is looked at when the line ends
		{[]string{strings.Repeat("a", 32), "(", "\n"}, http1.NotHTTP},
		{[]string{"GET /", "\n"}, http1.NotHTTP}, {[]string{"HTTP/1", ".1 2"}, http1.Unknown}, {[]string{"HTTP/2"}, http1.NotHTTP},
		{[]string{"\r\n", "\r\n\n"}, http1.Unknown}, {[]string{"\r\n", "\x00"}, http1.NotHTTP}, {[]string{" "}, http1.NotHTTP},
	} {
		t.Run(strings.Join(tt.pieces, "|"), func(t *testing.T) {
			var s http1.Scanner
			s.Reset(new(http1.Scratch), true)
			r, off := new(record), int64(0)
			for _, p := range tt.pieces {
				s.Feed(off, []byte(p), r)
				off += int64(len(p))
			}
			if s.Kind() != tt.kind {
				t.Errorf("kind %v, want %v", s.Kind(), tt.kind)
			}
			if tt.kind == http1.NotHTTP && s.Began() != -1 {
				t.Errorf("a message began at %d", s.Began())
			}
		})
	}
}

// TestBeganNowhere shows that no message is being read where none can be.
func TestBeganNowhere(t *testing.T) {
	for _, tt := range []struct {
		name, text string
	}{
		{"not HTTP", "\x16\x03"}, {"tunnel", "HTTP/1.1 101 X\r\n\r\nabc"}, {"between messages", "GET / HTTP/1.1\r\n\r\n"},
	} {
		var s http1.Scanner
		s.Reset(new(http1.Scratch), true)
		r := new(record)
		s.Feed(0, []byte(tt.text), r)
		if got := s.Began(); got != -1 {
			t.Errorf("%s: began %d", tt.name, got)
		}
		s.Close(int64(len(tt.text)), true, r)
		if got := s.Began(); got != -1 {
			t.Errorf("%s, closed: began %d", tt.name, got)
		}
	}
}

// TestCutUpgrade shows what the end of a stream makes of a head that was not whole
// after a request for a tunnel: if its start line is one, there was none.
func TestCutUpgrade(t *testing.T) {
	const upgrade = "GET / HTTP/1.1\r\nUpgrade: h2c\r\n\r\n"
	for _, tt := range []struct {
		name, text string
		tunnel     int64
	}{
		{"after a start line", upgrade + "GET /b HTTP/1.1\r\nHost", -1},
		{"in a start line", upgrade + "GET /b HT", int64(len(upgrade))},
		{"in a start line, without upgrade", "GET / HTTP/1.1\r\n\r\nGET /b HT", -1},
		{"nothing came", upgrade, -1},
	} {
		for _, piece := range []int{1, 7, len(tt.text)} {
			r := new(record)
			var ops []op
			for rest := tt.text; rest != ""; rest = rest[min(piece, len(rest)):] {
				ops = append(ops, op{text: rest[:min(piece, len(rest))]})
			}
			if run(r, true, true, ops...); r.tunnel != tt.tunnel {
				t.Errorf("%s in pieces of %d: tunnel %d, want %d", tt.name, piece, r.tunnel, tt.tunnel)
			}
		}
	}
}

// TestSplitHeadsReuseMemory shows that scanners that share memory for split heads
// allocate nothing, as long as no more are at work than it keeps buffers, and that
// a buffer that grew is not kept.
func TestSplitHeadsReuseMemory(t *testing.T) {
	for _, tt := range []struct {
		name     string
		scanners int
		field    string
		none     bool
	}{
		{"one", 1, "X: y\r\n", true}, {"sixteen", 16, "X: y\r\n", true}, {"seventeen", 17, "X: y\r\n", false},
		{"large heads", 1, "X: " + strings.Repeat("y", 5000) + "\r\n", false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			mem, r := new(http1.Scratch), new(silent)
			scanners := make([]http1.Scanner, tt.scanners)
			first, last := []byte("GET / HTTP/1.1\r\n"+tt.field), []byte("\r\n")
			round := func() {
				for i := range scanners {
					scanners[i].Reset(mem, true)
					scanners[i].Feed(0, first, r)
				}
				for i := range scanners {
					scanners[i].Feed(int64(len(first)), last, r)
				}
			}
			round()
			if n := testing.AllocsPerRun(100, round); (n == 0) != tt.none {
				t.Errorf("%v allocations, want none: %v", n, tt.none)
			}
			if r.heads == 0 {
				t.Error("no heads were read")
			}
		})
	}
}

// silent counts heads.
type silent struct{ heads int }

func (s *silent) Head(*http1.Head) http1.BodyRule { s.heads++; return http1.BodyNormal }
func (s *silent) End(*http1.Message)              {}
func (s *silent) Tunnel(int64)                    {}
