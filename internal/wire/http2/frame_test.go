package http2_test

import (
	"encoding/binary"
	"fmt"
	"strings"
	"testing"

	"golang.org/x/net/http2"

	ours "github.com/pcapmesh/pcapmesh/internal/wire/http2"
)

// raw returns a frame of any kind, as sent.
func raw(kind http2.FrameType, flags http2.Flags, stream uint32, payload string) string {
	b := binary.BigEndian.AppendUint32(nil, uint32(len(payload))<<8|uint32(kind))
	b = append(b, byte(flags))
	return string(binary.BigEndian.AppendUint32(b, stream)) + payload
}

// zeros is a payload.
func zeros(n int) string { return strings.Repeat("\x00", n) }

// settings is what a server's half begins with.
var settings = raw(http2.FrameSettings, 0, 0, "")

// What a frame may be (RFC 9113 §6). After one that it may not be the framing is
// lost.
func TestFramesAreValid(t *testing.T) {
	const padded, priority, ack = http2.FlagHeadersPadded, http2.FlagHeadersPriority, http2.FlagSettingsAck
	for _, tt := range []struct {
		name   string
		kind   http2.FrameType
		flags  http2.Flags
		stream uint32
		length int
		want   bool
	}{
		{"data", http2.FrameData, 0, 1, 0, true}, {"data of no stream", http2.FrameData, 0, 0, 1, false}, {"padded data", http2.FrameData, padded, 1, 1, true}, {"padded data, no pad length", http2.FrameData, padded, 1, 0, false},
		{"headers", http2.FrameHeaders, 0, 1, 0, true}, {"headers of no stream", http2.FrameHeaders, 0, 0, 9, false}, {"padded headers", http2.FrameHeaders, padded, 1, 1, true}, {"padded headers, no pad length", http2.FrameHeaders, padded, 1, 0, false},
		{"headers with priority", http2.FrameHeaders, priority, 1, 5, true}, {"headers with half a priority", http2.FrameHeaders, priority, 1, 4, false},
		{"headers with both", http2.FrameHeaders, padded | priority, 1, 6, true}, {"headers with too little of both", http2.FrameHeaders, padded | priority, 1, 5, false},
		{"priority", http2.FramePriority, 0, 1, 5, true}, {"priority of no stream", http2.FramePriority, 0, 0, 5, false}, {"short priority", http2.FramePriority, 0, 1, 4, false}, {"long priority", http2.FramePriority, 0, 1, 6, false},
		{"reset", http2.FrameRSTStream, 0, 1, 4, true}, {"reset of no stream", http2.FrameRSTStream, 0, 0, 4, false}, {"short reset", http2.FrameRSTStream, 0, 1, 3, false}, {"long reset", http2.FrameRSTStream, 0, 1, 5, false},
		{"settings", http2.FrameSettings, 0, 0, 12, true}, {"no settings", http2.FrameSettings, 0, 0, 0, true}, {"settings of a stream", http2.FrameSettings, 0, 1, 6, false}, {"settings cut", http2.FrameSettings, 0, 0, 5, false}, {"settings and more", http2.FrameSettings, 0, 0, 7, false},
		{"settings taken", http2.FrameSettings, ack, 0, 0, true}, {"settings taken, with some", http2.FrameSettings, ack, 0, 6, false},
		{"promise", http2.FramePushPromise, 0, 1, 4, true}, {"promise of no stream", http2.FramePushPromise, 0, 0, 4, false}, {"short promise", http2.FramePushPromise, 0, 1, 3, false},
		{"ping", http2.FramePing, 0, 0, 8, true}, {"ping of a stream", http2.FramePing, 0, 1, 8, false}, {"short ping", http2.FramePing, 0, 0, 7, false}, {"long ping", http2.FramePing, 0, 0, 9, false},
		{"going away", http2.FrameGoAway, 0, 0, 8, true}, {"going away, with words", http2.FrameGoAway, 0, 0, 9, true}, {"a stream going away", http2.FrameGoAway, 0, 1, 8, false}, {"short going away", http2.FrameGoAway, 0, 0, 7, false},
		{"window of all", http2.FrameWindowUpdate, 0, 0, 4, true}, {"window of a stream", http2.FrameWindowUpdate, 0, 1, 4, true}, {"short window", http2.FrameWindowUpdate, 0, 0, 3, false}, {"long window", http2.FrameWindowUpdate, 0, 0, 5, false},
		{"continuation", http2.FrameContinuation, 0, 1, 0, true}, {"continuation of no stream", http2.FrameContinuation, 0, 0, 3, false},
		{"of an extension", 0x0a, 0xff, 7, 3, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			text := settings + raw(tt.kind, tt.flags, tt.stream, zeros(tt.length))
			for _, ops := range [][]op{{{text: text}}, {{text: text[:len(settings)+9]}, {text: text[len(settings)+9:]}}} {
				if len(ops) > 1 && ops[1].text == "" {
					continue
				}
				if _, s := run(true, false, ops...); s.Lost() == tt.want {
					t.Errorf("in %d pieces: lost %v, want %v", len(ops), s.Lost(), !tt.want)
				}
			}
		})
	}
}

// What a server's half may begin with (RFC 9113 §3.4).
func TestFirstFrame(t *testing.T) {
	for _, tt := range []struct {
		name  string
		frame string
		want  ours.Kind
	}{
		{"no settings", settings, ours.Responses}, {"settings", raw(http2.FrameSettings, 0, 0, zeros(6)), ours.Responses},
		{"as many as there may be", raw(http2.FrameSettings, 0, 0, zeros(16380)), ours.Responses}, {"more", raw(http2.FrameSettings, 0, 0, zeros(16386)), ours.NotHTTP2},
		{"settings taken", raw(http2.FrameSettings, http2.FlagSettingsAck, 0, ""), ours.NotHTTP2}, {"settings of a stream", raw(http2.FrameSettings, 0, 1, ""), ours.NotHTTP2},
		{"settings cut", raw(http2.FrameSettings, 0, 0, zeros(5)), ours.NotHTTP2}, {"a ping", raw(http2.FramePing, 0, 0, zeros(8)), ours.NotHTTP2},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := ours.Looks([]byte(tt.frame), true); got != tt.want {
				t.Errorf("looks like %v, want %v", got, tt.want)
			}
			if _, s := run(true, false, op{text: tt.frame}); s.Kind() != tt.want {
				t.Errorf("kind %v, want %v", s.Kind(), tt.want)
			}
		})
	}
}

// What is taken for a frame in mid-stream, if it is all that a piece has: less than
// may be one, since anything may stand there.
func TestPlausibleFrames(t *testing.T) {
	const end, padded = http2.FlagDataEndStream, http2.FlagDataPadded
	for _, tt := range []struct {
		name   string
		kind   http2.FrameType
		flags  http2.Flags
		stream uint32
		length int
		want   bool
	}{
		{"data", http2.FrameData, 0, 1, 1, true}, {"the end of data", http2.FrameData, end, 1, 0, true}, {"no data", http2.FrameData, 0, 1, 0, false}, {"data of an even stream", http2.FrameData, 0, 2, 1, false},
		{"data with a flag that it has not", http2.FrameData, http2.FlagHeadersPriority, 1, 9, false}, {"padded data", http2.FrameData, padded, 1, 9, true}, {"padded data, no pad length", http2.FrameData, padded | end, 1, 0, false},
		{"headers", http2.FrameHeaders, 0, 1, 1, true}, {"no headers", http2.FrameHeaders, 0, 1, 0, false}, {"headers of an even stream", http2.FrameHeaders, 0, 2, 1, false}, {"headers with all flags", http2.FrameHeaders, 0x2d, 1, 9, true}, {"headers with another flag", http2.FrameHeaders, 0x02, 1, 9, false},
		{"continuation", http2.FrameContinuation, 0, 1, 1, true}, {"no continuation", http2.FrameContinuation, 0, 1, 0, false}, {"continuation of an even stream", http2.FrameContinuation, 0, 2, 1, false},
		{"promise", http2.FramePushPromise, 0, 1, 4, true}, {"short promise", http2.FramePushPromise, 0, 1, 3, false},
		{"settings", http2.FrameSettings, 0, 0, 6, true}, {"window", http2.FrameWindowUpdate, 0, 0, 4, true}, {"priority", http2.FramePriority, 0, 1, 5, true}, {"reset", http2.FrameRSTStream, 0, 1, 4, true},
		{"longest", http2.FrameData, 0, 1, 16 << 10, true}, {"too long", http2.FrameData, 0, 1, 16<<10 + 1, false},
		{"highest stream", http2.FrameData, 0, 1<<24 - 1, 1, true}, {"highest stream of no parity", http2.FrameWindowUpdate, 0, 1 << 24, 4, true}, {"a stream too high", http2.FrameWindowUpdate, 0, 1<<24 + 1, 4, false},
		{"the reserved bit", http2.FrameData, 0, 1<<31 | 1, 1, false}, {"the last kind", http2.FrameContinuation, http2.FlagContinuationEndHeaders, 1, 1, true}, {"an extension", 0x0a, 0, 0, 1, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			frame := raw(tt.kind, tt.flags, tt.stream, zeros(tt.length))
			want := ours.NotHTTP2
			if tt.want {
				want = ours.Unknown
			}
			if got := ours.Looks([]byte(frame), false); got != want {
				t.Errorf("looks like %v, want %v", got, want)
			}
		})
	}
}

// How many frame headers must follow each other in mid-stream.
func TestChainOfFrames(t *testing.T) {
	ping := raw(http2.FramePing, 0, 0, zeros(8))
	bad := raw(http2.FramePing, 0, 1, zeros(8))
	for _, tt := range []struct {
		name, text string
		want       ours.Kind
	}{
		{"one, whole", ping, ours.Unknown}, {"one, cut", ping[:16], ours.NotHTTP2}, {"one, and more", ping + "x", ours.NotHTTP2}, {"one, and most of another", ping + ping[:8], ours.NotHTTP2},
		{"two headers", ping + ping[:9], ours.Unknown}, {"one, and none", ping + bad, ours.NotHTTP2}, {"two, and none", ping + ping + bad, ours.NotHTTP2}, {"three, and none", ping + ping + ping + bad, ours.NotHTTP2},
		{"four, and none", ping + ping + ping + ping + bad, ours.Unknown}, {"none", bad, ours.NotHTTP2}, {"a header too short", ping[:8], ours.NotHTTP2}, {"nothing", "", ours.NotHTTP2},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := ours.Looks([]byte(tt.text), false); got != tt.want {
				t.Errorf("looks like %v, want %v", got, tt.want)
			}
		})
	}
}

// In mid-stream the beginning of a piece is believed sooner than its middle, where a
// second header is waited for.
func TestSeek(t *testing.T) {
	status := raw(http2.FrameHeaders, http2.FlagHeadersEndHeaders|http2.FlagHeadersEndStream, 1, "\x88")
	long := raw(http2.FrameData, 0, 3, zeros(100))
	two := raw(http2.FrameData, 0, 3, zeros(20)+long[:9]+zeros(71)) // has in it what looks like another one
	for _, tt := range []struct {
		name string
		ops  []op
		want int // messages
	}{
		{"a frame", []op{{text: status}}, 1},
		{"a frame, and the next one", []op{{text: status}, {text: status}}, 2},
		{"behind other bytes, with the next one", []op{{text: "xx" + status + status}}, 2},
		{"behind other bytes, at the end of a piece", []op{{text: "xx" + status}}, 1},
		{"a header at the beginning of a piece", []op{{text: long[:50]}, {text: long[50:] + status}}, 2},
		{"a header behind other bytes, and what it leads to", []op{{text: "xx" + long[:50]}, {text: long[50:] + status}}, 1},
		{"a header behind other bytes, and something else where it leads", []op{{text: "xx" + long[:50]}, {text: long[50:] + "x" + status[:9]}}, 0},
		{"what it leads to is behind a hole", []op{{text: "xx" + long[:50]}, {gap: 59}, {text: status}}, 1},
		{"a header at the beginning of a piece, and another one in it", []op{{text: two[:60]}, {text: two[60:] + status}}, 1},
		{"what a header leads to is the beginning of a piece with another one in it", []op{{text: "xx" + long[:50]}, {text: long[50:]}, {text: two[:60]}, {text: two[60:] + status}}, 2},
		{"what it leads to is just before the end of a hole", []op{{text: "xx" + long[:50]}, {gap: 60}, {text: status}}, 1},
		{"a header cut at the end of a piece", []op{{text: "xx" + status[:8]}, {text: status[8:]}}, 0},
		{"text", []op{{text: strings.Repeat("hello ", 100)}}, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r, s := run(false, false, tt.ops...)
			if len(r.messages) != tt.want || !s.Lost() {
				t.Errorf("%d messages, want %d: %q", len(r.messages), tt.want, r.log)
			}
			for _, b := range r.blocks {
				if !b.Resync && b.Off == r.blocks[0].Off {
					t.Errorf("the first block is not marked: %+v", b)
				}
			}
		})
	}
}

// Of a block that goes on in other frames nothing may come between.
func TestContinuations(t *testing.T) {
	const end = http2.FlagHeadersEndHeaders
	begin := raw(http2.FrameHeaders, http2.FlagHeadersEndStream, 1, "\x88")
	rest := raw(http2.FrameContinuation, end, 1, "\x5f\x01x") // content-type: x
	ping := raw(http2.FramePing, 0, 0, zeros(8))
	for _, tt := range []struct {
		name, text string
		want       []string // stream, unknown, fields
	}{
		{"in two frames", begin + rest, []string{"1 false [{:status 200} {content-type x}]"}},
		{"in three frames", begin + raw(http2.FrameContinuation, 0, 1, "\x5f\x01") + raw(http2.FrameContinuation, end, 1, "x"), []string{"1 false [{:status 200} {content-type x}]"}},
		{"an empty frame at the end", begin + raw(http2.FrameContinuation, end, 1, ""), []string{"1 false [{:status 200}]"}},
		{"a ping between", begin + ping + rest, []string{"1 true []", "1 true []"}},
		{"another stream", begin + raw(http2.FrameContinuation, end, 3, "\x5f\x01x"), []string{"1 true []", "3 true []"}},
		{"a block between", begin + raw(http2.FrameHeaders, end, 3, "\x88"), []string{"1 true []", "3 false [{:status 200}]"}},
		{"alone", rest, []string{"1 true []"}},
		{"cut by the end", begin, nil},
		{"a promise in two frames", raw(http2.FramePushPromise, 0, 1, "\x00\x00\x00\x02\x82") + raw(http2.FrameContinuation, end, 1, "\x84"), []string{"2 false [{:method GET} {:path /}]"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for _, size := range []int{1, 5, 1000} {
				var ops []op
				for rest := settings + tt.text; rest != ""; rest = rest[min(size, len(rest)):] {
					ops = append(ops, op{text: rest[:min(size, len(rest))]})
				}
				r, _ := run(true, false, ops...)
				var got []string
				for _, b := range r.blocks {
					if !b.Headless {
						got = append(got, fmt.Sprint(b.Stream, b.Unknown, b.Fields))
					}
				}
				if strings.Join(got, "|") != strings.Join(tt.want, "|") {
					t.Errorf("in pieces of %d: %q, want %q", size, got, tt.want)
				}
			}
		})
	}
}

// Blocks, and frames of them, are read up to 1 MiB.
func TestLongestBlock(t *testing.T) {
	const longest = 1 << 20
	for _, tt := range []struct {
		name        string
		n, frame    int // bytes of the block, and of each of its frames
		wantUnknown bool
	}{
		{"longest, in frames", longest, 16 << 10, false}, {"too long, in frames", longest + 1, 16 << 10, true},
		{"longest, in one frame", longest, longest, false}, {"too long, in one frame", longest + 1, longest + 1, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			block := strings.Repeat("\x20", tt.n-1) + "\x88" // the table's size, again and again, and a status
			var text strings.Builder
			text.WriteString(settings)
			kind := http2.FrameHeaders
			for len(block) > 0 {
				part := block[:min(tt.frame, len(block))]
				block = block[len(part):]
				flags := http2.Flags(0)
				if block == "" {
					flags = http2.FlagHeadersEndHeaders
				}
				text.WriteString(raw(kind, flags, 1, part))
				kind = http2.FrameContinuation
			}
			for _, size := range []int{1460, 1 << 24} {
				var ops []op
				for rest := text.String(); rest != ""; rest = rest[min(size, len(rest)):] {
					ops = append(ops, op{text: rest[:min(size, len(rest))]})
				}
				r, s := run(true, false, ops...)
				if len(r.blocks) != 1 || r.blocks[0].Unknown != tt.wantUnknown || s.Lossy() != tt.wantUnknown {
					t.Errorf("in pieces of %d: %d blocks, lossy %v", size, len(r.blocks), s.Lossy())
				}
			}
		})
	}
}
