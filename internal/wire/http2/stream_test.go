package http2_test

import (
	"fmt"
	"strings"
	"testing"

	"golang.org/x/net/http2"

	ours "github.com/pcapmesh/pcapmesh/internal/wire/http2"
)

// In which frame a message began, as known after each piece.
func TestBegan(t *testing.T) {
	ping := raw(http2.FramePing, 0, 0, zeros(8))
	head := raw(http2.FrameHeaders, 0, 1, ok200)
	rest := raw(http2.FrameContinuation, endHeaders, 1, plain)
	var s ours.Scanner
	s.Reset(new(ours.Scratch), true)
	r := new(record)
	var off int64
	for i, step := range []struct {
		text string
		want int64
	}{
		{settings, -1}, {ping[:1], 9}, {ping[1:8], 9}, {ping[8:9], 9}, {ping[9:16], 9}, {ping[16:], -1},
		{head[:4], 26}, {head[4:], 26}, {rest[:3], 26}, {rest[3:9], 26}, {rest[9:10], 26}, {rest[10:], -1}, // a block goes on
		{raw(http2.FrameData, 0, 1, zeros(5))[:11], 50}, {zeros(3), -1},
	} {
		if i == 12 {
			step.want = off
		}
		s.Feed(off, []byte(step.text), r)
		off += int64(len(step.text))
		if got := s.Began(); got != step.want {
			t.Errorf("step %d, after %q: began %d, want %d", i, step.text, got, step.want)
		}
	}
	s.Close(off, r)
	if got := s.Began(); got != -1 {
		t.Errorf("closed: began %d", got)
	}
	s.Reset(new(ours.Scratch), true)
	s.Feed(0, []byte("GET / HTTP/1.1\r\n"), r)
	if got := s.Began(); got != -1 || s.Kind() != ours.NotHTTP2 {
		t.Errorf("not HTTP/2: began %d", got)
	}
}

// Frame headers are looked for in mid-stream, and after a loss.
func TestSeeking(t *testing.T) {
	ping := raw(http2.FramePing, 0, 0, zeros(8))
	var s ours.Scanner
	r := new(record)
	s.Reset(new(ours.Scratch), true)
	if s.Seeking() || s.Lost() {
		t.Error("at the start: seeking or lost")
	}
	s.Feed(0, []byte(settings+ping[:10]), r)
	s.Gap(19, 7, r) // the rest of the frame
	if s.Seeking() || s.Lost() {
		t.Error("behind a hole in a payload: seeking or lost")
	}
	s.Gap(26, 1, r)
	if !s.Seeking() || !s.Lost() {
		t.Error("behind a hole between frames: neither seeking nor lost")
	}
	s.Feed(27, []byte(ping), r)
	if s.Seeking() || !s.Lost() {
		t.Error("found again: seeking, or never lost")
	}
	s.Reset(new(ours.Scratch), false)
	if !s.Seeking() || !s.Lost() {
		t.Error("in mid-stream: neither seeking nor lost")
	}
}

// Bytes that came before are not read again, and what lies between is a hole.
func TestFeedOffsets(t *testing.T) {
	data := raw(http2.FrameData, http2.FlagDataEndStream, 1, "0123456789")
	text := settings + headersFrame(1, 0, ok200) + data
	from := int64(len(text) - 10)
	var s ours.Scanner
	r := new(record)
	s.Reset(new(ours.Scratch), true)
	s.Everything()
	s.Feed(0, []byte(text[:from+3]), r)
	s.Feed(from+1, []byte("123"), r) // only 3 is new
	s.Feed(from, []byte("012"), r)   // nothing is
	s.Skip(from+2, 3, r)             // 4 is passed over
	s.Feed(from+7, []byte("789"), r) // 5 and 6 are missing
	if m := r.ended(1); m == nil || m.BodyLen != 10 || m.MissingBytes != 2 || !m.Complete || string(r.data[1]) != "0123789" {
		t.Errorf("%+v of %q", m, r.data[1])
	}
	s.Close(from+12, r)
	if !s.Lost() {
		t.Error("two bytes that are missing at the end lose nothing")
	}
}

// What a hole does at each place of a frame.
func TestHolesInFrames(t *testing.T) {
	padded := raw(http2.FrameData, http2.FlagDataPadded|http2.FlagDataEndStream, 1, "\x04body"+zeros(4))
	begin := settings + headersFrame(1, 0, ok200)
	from := int64(len(begin))
	for _, tt := range []struct {
		name     string
		at, n    int64 // of the hole, from the frame on
		lost     bool
		complete bool
		body     int64 // its length
		known    bool  // the length is
		missing  int64
	}{
		{"none", 0, 0, false, true, 4, true, 0}, {"in the header", 3, 1, true, false, 0, false, 0}, {"the header", 0, 9, true, false, 0, false, 0}, {"the pad length", 9, 1, false, true, 0, false, 0}, {"the pad length and more", 9, 3, false, true, 0, false, 0},
		{"a byte of the body", 10, 1, false, true, 4, true, 1}, {"the body", 10, 4, false, true, 4, true, 4}, {"a byte of the padding", 14, 1, false, true, 4, true, 0}, {"the body and the padding", 10, 8, false, true, 4, true, 4}, {"all but the header", 9, 9, false, true, 0, false, 0},
		{"and a byte more", 14, 5, true, true, 4, true, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			text := begin + padded + raw(http2.FramePing, 0, 0, zeros(8))
			var s ours.Scanner
			r := new(record)
			s.Reset(new(ours.Scratch), true)
			s.Feed(0, []byte(text[:from+tt.at]), r)
			s.Gap(from+tt.at, tt.n, r)
			s.Feed(from+tt.at+tt.n, []byte(text[from+tt.at+tt.n:]), r)
			s.Close(int64(len(text)), r)
			m := r.ended(1)
			if m == nil || m.Complete != tt.complete || m.BodyLen != tt.body || m.MissingBytes != tt.missing || s.Lost() != tt.lost || (m.Body.Len >= 0) != tt.known {
				t.Errorf("%+v, lost %v", m, s.Lost())
			}
		})
	}
}

// A stream that is given up is the one that was quiet for longest; those that are
// open at the end end by number.
func TestQuietStreams(t *testing.T) {
	const most = 4096
	for _, tt := range []struct {
		name  string
		touch []uint32 // streams that have another frame
		want  string   // the first three that end
	}{
		{"none", nil, "1 3 5"}, {"the first", []uint32{1}, "3 5 7"}, {"one in the middle", []uint32{3}, "1 5 7"}, {"the newest", []uint32{2*most - 1}, "1 3 5"}, {"the first two", []uint32{1, 3}, "5 7 9"}, {"the first two, the other way", []uint32{3, 1}, "5 7 9"}, {"one twice", []uint32{5, 5, 1}, "3 7 9"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var text strings.Builder
			text.WriteString(settings)
			for i := range uint32(most) {
				text.WriteString(headersFrame(2*i+1, 0, ok200))
			}
			for _, id := range tt.touch {
				text.WriteString(raw(http2.FrameData, 0, id, "x"))
			}
			for i := range uint32(3) {
				text.WriteString(headersFrame(2*(most+i)+1, 0, ok200))
			}
			r := new(record)
			var s ours.Scanner
			s.Reset(new(ours.Scratch), true)
			s.Feed(0, []byte(text.String()), r)
			var got []string
			for _, m := range r.messages {
				got = append(got, fmt.Sprint(m.Stream))
			}
			if strings.Join(got, " ") != tt.want {
				t.Errorf("ended %v, want %s", got, tt.want)
			}
			s.Close(int64(text.Len()), r)
			for i := 4; i < len(r.messages); i++ {
				if r.messages[i].Stream <= r.messages[i-1].Stream {
					t.Fatalf("stream %d ends after %d", r.messages[i].Stream, r.messages[i-1].Stream)
				}
			}
			if len(r.messages) != most+3 {
				t.Errorf("%d messages, want %d", len(r.messages), most+3)
			}
		})
	}
}

// Streams end in any order, and others go on.
func TestStreamsInAnyOrder(t *testing.T) {
	for _, order := range [][]uint32{{1, 3, 5}, {5, 3, 1}, {3, 1, 5}, {3, 5, 1}, {1, 5, 3}, {5, 1, 3}} {
		text := settings + headersFrame(1, 0, ok200) + headersFrame(3, 0, ok200) + headersFrame(5, 0, ok200)
		for _, id := range order {
			text += raw(http2.FrameData, 0, id, "ab") + raw(http2.FrameData, http2.FlagDataEndStream, id, "c")
		}
		text += headersFrame(7, endStream, ok200)
		r, _ := run(true, false, op{text: text})
		var got []uint32
		for _, m := range r.messages {
			if got = append(got, m.Stream); m.BodyLen != 3 && m.Stream != 7 || !m.Complete {
				t.Errorf("%+v", m)
			}
		}
		if want := fmt.Sprint(append(order, 7)); fmt.Sprint(got) != want {
			t.Errorf("ended %v, want %s", got, want)
		}
	}
}

// Scanners that share memory for split frames allocate nothing for them, as long as
// no more are at work than it keeps buffers for.
func TestSplitFramesReuseMemory(t *testing.T) {
	frame := []byte(headersFrame(1, endStream, ok200+ok200)) // two bytes of a block, in two pieces
	allocations := func(n int) float64 {
		mem, r := new(ours.Scratch), silent{}
		scanners, offs := make([]ours.Scanner, n), make([]int64, n)
		feed := func(i int, text []byte) {
			scanners[i].Feed(offs[i], text, r)
			offs[i] += int64(len(text))
		}
		for i := range scanners {
			scanners[i].Reset(mem, true)
			feed(i, []byte(settings))
		}
		round := func() {
			for i := range scanners {
				feed(i, frame[:10])
			}
			for i := range scanners {
				feed(i, frame[10:])
			}
		}
		round()
		return testing.AllocsPerRun(50, round)
	}
	one := allocations(1) // what parsing allocates, for each block
	for _, tt := range []struct {
		scanners int
		none     bool // beside that
	}{
		{2, true}, {16, true}, {17, false}, {20, false},
	} {
		if n := allocations(tt.scanners); (n == one*float64(tt.scanners)) != tt.none {
			t.Errorf("%d scanners: %v allocations, one %v; want as many for each: %v", tt.scanners, n, one, tt.none)
		}
	}
}

// silent is told and keeps nothing.
type silent struct{}

func (silent) Headers(*ours.Headers) uint32 { return 0 }
func (silent) Data(*ours.Data)              {}
func (silent) End(*ours.Message)            {}
func (silent) GoAway(uint32, uint32)        {}

// A reset ends a stream, with its code if that was captured.
func TestResets(t *testing.T) {
	reset := raw(http2.FrameRSTStream, 0, 1, "\x00\x00\x00\x08")
	for _, tt := range []struct {
		name string
		ops  []op
		want string // reset, code, ended, bytes of frames
	}{
		{"whole", []op{{text: settings + headersFrame(1, 0, ok200) + reset}}, "true 8 false 23"},
		{"its code missing", []op{{text: settings + headersFrame(1, 0, ok200) + reset[:11]}, {gap: 2}}, "true 0 false 23"},
		{"in pieces", []op{{text: settings + headersFrame(1, 0, ok200) + reset[:10]}, {text: reset[10:]}}, "true 8 false 23"},
		{"behind a body", []op{{text: settings + headersFrame(1, 0, ok200) + raw(http2.FrameData, 0, 1, "abc") + reset}}, "true 8 false 35"},
		{"none", []op{{text: settings + headersFrame(1, endStream, ok200) + reset}}, "false 0 true 10"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r, _ := run(true, false, tt.ops...)
			if len(r.messages) != 1 {
				t.Fatalf("%d messages", len(r.messages))
			}
			m := r.messages[0]
			if got := fmt.Sprint(m.Reset, m.Code, m.Ended, m.Wire); got != tt.want {
				t.Errorf("%s, want %s", got, tt.want)
			}
		})
	}
}
