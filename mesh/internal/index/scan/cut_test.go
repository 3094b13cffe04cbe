package scan_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/pcapmesh/pcapmesh/internal/arena"
	"github.com/pcapmesh/pcapmesh/mesh/internal/index/scan"
	"github.com/pcapmesh/pcapmesh/reassembly"
)

// snap sends a packet of which the snapshot length cut off n bytes.
func (h *half) snap(p string, n int64) *half { return h.send(p).cut(n) }

// With a small snapshot length messages are told apart by turns: one begins when
// its sender has heard more of the other side.
func TestCutMessages(t *testing.T) {
	tests := []struct {
		name string
		h    *half
		want []string
	}{
		{"one request", alone().snap("GET /index HTTP/1.1\r\nhost", 40).fin(),
			[]string{"GET /index, bytes 0/0-0-65, packets 1-1, complete, cut, body ? (0)"}},
		{"a request in two packets", alone().snap("GET /index HT", 40).snap("cookie", 10).fin(),
			[]string{"GET /index, bytes 0/0-0-69, packets 1-2, complete, cut, body ? (0)"}},
		{"a request and its body", alone().snap("POST /index HT", 6).send("body").fin(),
			[]string{"POST /index, bytes 0/0-0-24, packets 1-2, complete, cut, body ? (0)"}},
		{"two of them", alone().snap("GET /a HT", 11).hear(50).snap("GET /b HT", 11).fin(),
			[]string{"GET /a, bytes 0/0-0-20, packets 1-1, complete, cut, body ? (0)", "GET /b, bytes 20/20-0-40, packets 2-2, heard 50-50, complete, cut, body ? (0)"}},
		{"two of them without hearing anything", alone().snap("GET /a HT", 11).snap("GET /b HT", 11).fin(),
			[]string{"GET /a, bytes 0/0-0-40, packets 1-2, complete, cut, body ? (0)"}},
		{"a turn that begins with no request goes on with it", alone().snap("GET /a HT", 11).hear(25).snap("some body", 11).fin(),
			[]string{"GET /a, bytes 0/0-0-40, packets 1-2, heard 0-25, complete, cut, body ? (0)"}},
		{"so does one that begins with a response", alone().snap("GET /a HT", 11).hear(25).snap("HTTP/1.1 200", 8).fin(),
			[]string{"GET /a, bytes 0/0-0-40, packets 1-2, heard 0-25, complete, cut, body ? (0)"}},
		{"packets that are not cut", alone().snap("GET /a HT", 11).hear(50).send(getB).hear(50).send(getA).fin(),
			[]string{
				"GET /a, bytes 0/0-0-20, packets 1-1, complete, cut, body ? (0)", "GET /b, bytes 20/20-0-50, packets 2-2, heard 50-50, complete, cut, body ? (0)",
				"GET /a, bytes 50/50-0-80, packets 3-3, heard 100-100, complete, cut, body ? (0)",
			}},
		{"whole messages before", alone().send(getA).hear(50).snap("GET /b HT", 11).fin(),
			[]string{"GET /a, bytes 0/0-30-30, packets 1-1, complete, body 0 (7)", "GET /b, bytes 30/30-0-50, packets 2-2, heard 50-50, complete, cut, body ? (0)"}},
		{"a body that is cut is no head", alone().send(postA).snap("GET", 7).hear(4).send(getB).fin(),
			[]string{"POST /a, bytes 0/0-40-50, packets 1-2, complete, has body, body 10 (2)", "GET /b, bytes 50/50-80-80, packets 3-3, heard 4-4, complete, body 0 (7)"}},
		{"a hole belongs to the message", alone().snap("GET /a HT", 11).lose(30).fin(),
			[]string{"GET /a, bytes 0/0-0-50, packets 1-2, complete, cut, body ? (0)"}},
		{"sent again", alone().snap("GET /a HT", 11).again(5, "cookie").fin(),
			[]string{"GET /a, bytes 0/0-0-26, packets 1-1, complete, cut, body ? (0)"}},
		{"sent at the same time", alone().snap("GET /a HT", 11).again(10, "cookie").fin(),
			[]string{"GET /a, bytes 0/0-0-26, packets 1-2, complete, cut, body ? (0)"}},
		{"from the middle", midway().snap("GET /a HT", 11).fin(),
			[]string{"GET /a, bytes 0/0-0-20, packets 1-1, complete, cut, body ? (0)"}},
		{"a response", alone().snap("HTTP/1.1 404 Not Found\r\n", 9).fin(),
			[]string{"404, bytes 0/0-0-33, packets 1-1, complete, cut, body ? (0)"}},
		{"a response as short as tells its status", alone().snap("HTTP/1.1 404", 9).fin(),
			[]string{"404, bytes 0/0-0-21, packets 1-1, complete, cut, body ? (0)"}},
		{"a response too short for that", alone().snap("HTTP/1.1 40", 9).fin(),
			[]string{"0, bytes 0/0-0-20, packets 1-1, complete, cut, body ? (0)"}},
		{"a response of no status", alone().snap("HTTP/1.1 4-4 Not", 9).fin(),
			[]string{"0, bytes 0/0-0-25, packets 1-1, complete, cut, body ? (0)"}},
		{"a line that ends", alone().snap("GET /a\r\nx: y", 9).fin(),
			[]string{"GET /a, bytes 0/0-0-21, packets 1-1, complete, cut, body ? (0)"}},
		{"64 bytes of a line are kept", alone().snap("GET /"+strings.Repeat("b", 100), 9).fin(),
			[]string{"GET /" + strings.Repeat("b", 59) + ", bytes 0/0-0-114, packets 1-1, complete, cut, body ? (0)"}},
		{"a turn of unwanted bytes", alone().send(text("POST / HTTP/1.1", "content-length: 33000")+strings.Repeat("x", 3000), strings.Repeat("x", 30000)).hear(9).snap("GET /b HT", 11).fin(),
			[]string{"POST /, bytes 0/0-42-33042, packets 1-2, complete, has body, body 33000 (7)", "GET /b, bytes 33042/33042-0-33062, packets 3-3, heard 9-9, complete, cut, body ? (0)"}},
		{"a whole message in the same packet is not read again", alone().send(getA+"GET /b HT").cut(11).hear(9).snap("GET /c HT", 11).fin(),
			[]string{"GET /a, bytes 0/0-30-30, packets 1-1, complete, body 0 (7)", "GET /c, bytes 30/50-0-70, packets 2-2, heard 9-9, complete, cut, body ? (0)"}},
		{"nor one in the packet before", alone().send(getA).snap("GET /b HT", 11).hear(9).snap("GET /c HT", 11).fin(),
			[]string{"GET /a, bytes 0/0-30-30, packets 1-1, complete, body 0 (7)", "GET /c, bytes 30/50-0-70, packets 3-3, heard 9-9, complete, cut, body ? (0)"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) { tt.h.check(t, tt.want...) })
	}
}

// What begins no message is not read by turns, however it is cut.
func TestCutBeginsNoMessage(t *testing.T) {
	for _, tt := range []struct {
		line string
		want scan.Proto
	}{
		{"HTTP/1.", scan.ProtoResponses},
		{"HTTP/2 200", scan.ProtoTCP},
		{"GET /", scan.ProtoRequests},
		{"PUT *", scan.ProtoRequests},
		{"ABZ http://", scan.ProtoRequests},
		{"GE /", scan.ProtoTCP},
		{"GET ", scan.ProtoTCP},
		{"GET x", scan.ProtoTCP},
		{"GET", scan.ProtoTCP},
		{"GeT /", scan.ProtoTCP},
		{"G@T /", scan.ProtoTCP},
		{"G[T /", scan.ProtoTCP},
		{"CONNECT host:1", scan.ProtoRequests},
	} {
		t.Run(tt.line, func(t *testing.T) {
			h := alone().snap(tt.line, 300).close(reassembly.EndOpen)
			h.proto(t, tt.want)
			if got := len(h.messages()) > 0; got != (tt.want != scan.ProtoTCP) {
				t.Errorf("messages: %v, want %v", got, !got)
			}
		})
	}
}

// A cut half is told by its messages: no fingerprint is kept.
func TestCutHasNoPrint(t *testing.T) {
	h := alone().snap("GET /a HT", 11).hear(9).snap("GET /b HT", 11).fin()
	if p := h.content().Print; p.Known != 0 || p.Len != 0 {
		t.Errorf("print %+v, want none", p)
	}
}

func TestSameLine(t *testing.T) {
	type line struct {
		method, target string
		flags          scan.Flags
	}
	whole := func(target string) line { return line{"GET", target, 0} }
	cut := func(target string) line { return line{"GET", target, scan.MsgCut} }
	for _, tt := range []struct {
		name string
		a, b line
		want bool
	}{
		{"the same", whole("/a"), whole("/a"), true},
		{"another target", whole("/a"), whole("/b"), false},
		{"a longer target", whole("/a"), whole("/ab"), false},
		{"another method", whole("/a"), line{"PUT", "/a", 0}, false},
		{"a method unknown", whole("/a"), line{"", "/a", scan.MsgNoLine}, true},
		{"nothing known", whole("/a"), line{"", "", scan.MsgNoLine}, true},
		{"cut, as far as it goes", whole("/abc"), cut("/ab"), true},
		{"cut, otherwise", whole("/abc"), cut("/ax"), false},
		{"cut, and longer than the whole", whole("/abc"), cut("/abcd"), false},
		{"cut, and as long as the whole", whole("/abc"), cut("/abc"), true},
		{"both cut", cut("/abc"), cut("/abcd"), true},
		{"both cut, otherwise", cut("/abd"), cut("/abcd"), false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s, u := scan.New(nil, nil), scan.New(nil, nil)
			u.Text.Keep([]byte("offsets differ"))
			message := func(s *scan.Scan, l line) *scan.Message {
				return &scan.Message{Method: keep(s, l.method), Target: keep(s, l.target), Flags: l.flags}
			}
			a, b := message(s, tt.a), message(u, tt.b)
			if got := scan.SameLine(s, a, u, b); got != tt.want {
				t.Errorf("SameLine: %v, want %v", got, tt.want)
			}
			if got := scan.SameLine(u, b, s, a); got != tt.want {
				t.Errorf("SameLine the other way round: %v, want %v", got, tt.want)
			}
		})
	}
}

func keep(s *scan.Scan, text string) arena.Span { return s.Text.Keep([]byte(text)) }

// The target of a cut request is known whole if something follows it.
func TestSameLineOfCutRequest(t *testing.T) {
	long := alone().send(text("GET /abc HTTP/1.1"))
	for cut, want := range map[string]bool{"GET /ab": true, "GET /ab ": false, "GET /ab HTTP/1": false, "GET /abc ": true} {
		t.Run(fmt.Sprintf("%q", cut), func(t *testing.T) {
			h := alone().snap(cut, 300)
			if got := scan.SameLine(h.s, h.message(t), long.s, long.message(t)); got != want {
				t.Errorf("SameLine: %v, want %v", got, want)
			}
		})
	}
}
