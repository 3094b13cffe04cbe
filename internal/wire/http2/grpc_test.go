package http2_test

import (
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
	"testing"

	"golang.org/x/net/http2"

	ours "github.com/pcapmesh/pcapmesh/internal/wire/http2"
)

// call returns a server's half with one call, whose body comes in DATA frames as
// given; "-" stands for a frame of as many bytes as follow, which are missing.
func call(contentType string, frames ...string) []op {
	h := newHalf(2, false)
	h.headers(1, false, 999, ours.Field{Name: ":status", Value: "200"}, ours.Field{Name: "content-type", Value: contentType})
	ops := []op{{text: h.out.String()}}
	for i, f := range frames {
		text, missing := strings.CutPrefix(f, "-")
		flags := http2.Flags(0)
		if i == len(frames)-1 {
			flags = http2.FlagDataEndStream
		}
		frame := raw(http2.FrameData, flags, 1, text)
		if missing {
			ops = append(ops, op{text: frame[:9]}, op{gap: int64(len(text))})
			continue
		}
		ops = append(ops, op{text: frame})
	}
	return ops
}

// message returns a message of n bytes with its prefix.
func message(n int) string {
	return "\x00" + string(binary.BigEndian.AppendUint32(nil, uint32(n))) + strings.Repeat("m", n)
}

func TestGRPCMessages(t *testing.T) {
	for _, tt := range []struct {
		name   string
		frames []string
		want   string // messages, lengths, lost
	}{
		{"none", []string{""}, "0 [] false"},
		{"empty", []string{message(0)}, "1 [0] false"},
		{"one", []string{message(7)}, "1 [7] false"},
		{"two in a frame", []string{message(7) + message(8)}, "2 [7 8] false"},
		{"a length of each byte", []string{"\x00\x00\x00\x01\x02" + strings.Repeat("m", 258)}, "1 [258] false"},
		{"a length of all bytes", []string{"\x00\x01\x02\x03\x04"}, "1 [16909060] false"},
		{"compressed", []string{"\x01\x00\x00\x00\x01m"}, "1 [1] false"},
		{"no prefix", []string{"\x02\x00\x00\x00\x01m"}, "0 [] true"},
		{"no prefix later", []string{message(3) + "\x02\x00\x00\x00\x01m" + message(3)}, "1 [3] true"},
		{"half a prefix", []string{message(3) + "\x00\x00"}, "1 [3] false"},
		{"a prefix in pieces", []string{"\x00", "\x00\x00", "\x00\x03", "mm", "m" + message(4)}, "2 [3 4] false"},
		{"a message missing", []string{message(10)[:5], "-" + strings.Repeat("m", 10), message(3)}, "2 [10 3] false"},
		{"the end of a message missing", []string{message(10)[:10], "-mmmmm", message(3)}, "2 [10 3] false"},
		{"a byte beyond a message missing", []string{message(10)[:10], "-mmmmm\x00", message(3)[1:]}, "1 [10] true"},
		{"a prefix missing", []string{message(3), "-" + message(4), message(5)}, "1 [3] true"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r, _ := run(true, true, call("application/grpc", tt.frames...)...)
			g := r.messages[0].GRPC
			if got := fmt.Sprint(g.Messages, g.Lengths, g.Lost); got != tt.want || !g.Found {
				t.Errorf("%s, found %v; want %s", got, g.Found, tt.want)
			}
		})
	}
}

// Of the first 64 messages the lengths are kept; all are counted.
func TestGRPCLengths(t *testing.T) {
	for _, n := range []int{63, 64, 65, 200} {
		var body strings.Builder
		var want []uint32
		for i := range n {
			body.WriteString(message(i % 9))
			if i < 64 {
				want = append(want, uint32(i%9))
			}
		}
		r, _ := run(true, true, call("application/grpc", body.String())...)
		if g := r.messages[0].GRPC; g.Messages != n || !slices.Equal(g.Lengths, want) {
			t.Errorf("%d messages, lengths %v; want %d, %v", g.Messages, g.Lengths, n, want)
		}
	}
}

// What of a body is not wanted: what neither its print nor the next prefix needs.
func TestGRPCWants(t *testing.T) {
	const window = 64
	for _, tt := range []struct {
		name, contentType, body string
		want                    int64
	}{
		{"a message", "application/grpc", message(10000)[:window], 10000 + 5 - window - window},
		{"text", "text/plain", message(10000)[:window], 10000 + 5 - window - window},
		{"a message, and the next one", "application/grpc", message(1000)[:window], 1000 + 5 - window},
		{"lost", "application/grpc", "\xff" + message(10000)[1:window], 10000 + 5 - window - window},
	} {
		t.Run(tt.name, func(t *testing.T) {
			h := newHalf(2, false)
			h.headers(1, false, 999, ours.Field{Name: ":status", Value: "200"}, ours.Field{Name: "content-type", Value: tt.contentType})
			text := h.out.String() + raw(http2.FrameData, 0, 1, zeros(10000+5))[:9] + tt.body
			for _, everything := range []bool{false, true} {
				var s ours.Scanner
				s.Reset(new(ours.Scratch), true)
				want := tt.want
				if everything {
					s.Everything()
					want = 0
				}
				if got := s.Feed(0, []byte(text), new(record)); got != want {
					t.Errorf("everything %v: %d bytes are not wanted, want %d", everything, got, want)
				}
			}
		})
	}
}

// What is gRPC by its content type.
func TestGRPCContentTypes(t *testing.T) {
	for _, tt := range []struct {
		contentType string
		want        bool
	}{
		{"application/grpc", true}, {"application/grpc+proto", true}, {"application/grpc;charset=x", true}, {"application/grpc-web", false}, {"application/grpcx", false},
		{"application/json", false}, {"", false}, {"+x", false}, {";x", false}, {"text/application/grpc", false},
	} {
		t.Run(tt.contentType, func(t *testing.T) {
			r, _ := run(true, true, call(tt.contentType, message(3))...)
			if got := r.messages[0].GRPC.Found; got != tt.want {
				t.Errorf("%v, want %v", got, tt.want)
			}
		})
	}
}

func TestGRPCStatuses(t *testing.T) {
	for _, tt := range []struct {
		in   string
		want int
	}{
		{"0", 0}, {"13", 13}, {"2147483647", 2147483647}, {"2147483648", -1}, {"-1", -1}, {"x", -1}, {"", -1},
	} {
		h := newHalf(2, false)
		h.headers(1, true, 999, ours.Field{Name: ":status", Value: "200"}, ours.Field{Name: "content-type", Value: "application/grpc"}, ours.Field{Name: "grpc-status", Value: tt.in})
		r, _ := run(true, true, op{text: h.out.String()})
		if got := r.messages[0].GRPC.Status; got != tt.want {
			t.Errorf("%q: %d, want %d", tt.in, got, tt.want)
		}
	}
}
