package http2_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"strings"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"

	ours "github.com/pcapmesh/pcapmesh/internal/wire/http2"
)

// A half writes one direction of a connection, and keeps what it wrote.
type half struct {
	out    bytes.Buffer
	framer *http2.Framer
	block  bytes.Buffer
	enc    *hpack.Encoder
	rnd    *rand.Rand
	truth  map[uint32]*written
	order  []uint32 // of the streams' first frames
}

// written is what was written of one stream.
type written struct {
	head, trailers []ours.Field
	body           string
	start, end     int64
	wire           int64
	over           bool
}

// newHalf begins a half; client tells whose it is.
func newHalf(seed uint64, client bool) *half {
	h := &half{rnd: rand.New(rand.NewPCG(seed, 11)), truth: make(map[uint32]*written)}
	h.framer = http2.NewFramer(&h.out, nil)
	h.framer.AllowIllegalWrites = true
	h.enc = hpack.NewEncoder(&h.block)
	if client {
		h.out.WriteString(http2.ClientPreface)
	}
	h.framer.WriteSettings(http2.Setting{ID: http2.SettingInitialWindowSize, Val: 1 << 20})
	h.framer.WriteSettingsAck()
	return h
}

// frame writes one frame of a stream by f.
func (h *half) frame(stream uint32, f func()) *written {
	w := h.truth[stream]
	if w == nil {
		w = &written{start: int64(h.out.Len())}
		h.truth[stream] = w
		h.order = append(h.order, stream)
	}
	before := h.out.Len()
	f()
	w.wire += int64(h.out.Len() - before)
	w.end = int64(h.out.Len())
	return w
}

// headers writes a header block in frames of at most size bytes.
func (h *half) headers(stream uint32, end bool, size int, fields ...ours.Field) {
	h.block.Reset()
	for _, f := range fields {
		h.enc.WriteField(hpack.HeaderField{Name: f.Name, Value: f.Value, Sensitive: strings.HasPrefix(f.Name, "secret")})
	}
	text := h.block.Bytes()
	first := text[:min(size, len(text))]
	text = text[len(first):]
	p := http2.HeadersFrameParam{StreamID: stream, BlockFragment: first, EndStream: end, EndHeaders: len(text) == 0}
	if h.rnd.IntN(3) == 0 {
		p.PadLength = uint8(h.rnd.IntN(30))
	}
	if h.rnd.IntN(3) == 0 {
		p.Priority = http2.PriorityParam{StreamDep: 3, Weight: 7}
	}
	w := h.frame(stream, func() {
		h.framer.WriteHeaders(p)
		for len(text) > 0 {
			k := min(size, len(text))
			h.framer.WriteContinuation(stream, k == len(text), text[:k])
			text = text[k:]
		}
	})
	if w.head == nil {
		w.head = fields
	} else {
		w.trailers = fields
	}
	w.over = w.over || end
}

// data writes a DATA frame.
func (h *half) data(stream uint32, end bool, text string) {
	w := h.frame(stream, func() {
		if h.rnd.IntN(3) == 0 {
			h.framer.WriteDataPadded(stream, end, []byte(text), make([]byte, h.rnd.IntN(40)))
			return
		}
		h.framer.WriteData(stream, end, []byte(text))
	})
	w.body += text
	w.over = w.over || end
}

// other writes a frame that belongs to no message.
func (h *half) other() {
	switch h.rnd.IntN(5) {
	case 0:
		h.framer.WritePing(false, [8]byte{1})
	case 1:
		h.framer.WriteWindowUpdate(uint32(h.rnd.IntN(9)), 1000)
	case 2:
		h.framer.WriteSettings()
	case 3:
		h.framer.WritePriority(3, http2.PriorityParam{Weight: 3})
	case 4:
		h.framer.WriteRawFrame(0x0c, 0xff, 0, make([]byte, h.rnd.IntN(50))) // of an extension
	}
}

// prose returns text of n bytes in which no frame header can be found.
func prose(rnd *rand.Rand, n int) string {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte('a' + rnd.IntN(26))
	}
	return string(b)
}

// randomHalf writes a half with streams that interleave.
func randomHalf(seed uint64, client bool, streams, most int) *half {
	h := newHalf(seed, client)
	type job struct {
		id   uint32
		left int // bytes of the body
	}
	var open []*job
	for next := 0; next < streams || len(open) > 0; {
		if h.rnd.IntN(6) == 0 {
			h.other()
		}
		if next < streams && (len(open) == 0 || h.rnd.IntN(4) == 0) {
			j := &job{id: uint32(2*next + 1), left: h.rnd.IntN(most)}
			next++
			h.headers(j.id, j.left == 0, 1+h.rnd.IntN(200), h.head(client)...)
			if j.left > 0 {
				open = append(open, j)
			}
			continue
		}
		k := h.rnd.IntN(len(open))
		j := open[k]
		n := min(1+h.rnd.IntN(3000), j.left)
		j.left -= n
		trailers := j.left == 0 && h.rnd.IntN(2) == 0
		h.data(j.id, j.left == 0 && !trailers, prose(h.rnd, n))
		if trailers {
			h.headers(j.id, true, 1000, ours.Field{Name: "grpc-status", Value: "0"}, ours.Field{Name: "x-sum", Value: fmt.Sprint(h.rnd.IntN(5))})
		}
		if j.left == 0 {
			open = append(open[:k], open[k+1:]...)
		}
	}
	return h
}

func (h *half) head(client bool) []ours.Field {
	var fs []ours.Field
	add := func(name, value string) { fs = append(fs, ours.Field{Name: name, Value: value}) }
	if client {
		add(":method", []string{"GET", "POST"}[h.rnd.IntN(2)])
		add(":scheme", "http")
		add(":path", fmt.Sprintf("/%d", h.rnd.IntN(30)))
		add(":authority", "echo:8080")
	} else {
		add(":status", []string{"200", "404", "503"}[h.rnd.IntN(3)])
	}
	add("x-request-id", fmt.Sprintf("%016x", h.rnd.Uint64()))
	add("user-agent", "test")
	add(fmt.Sprintf("x-%d", h.rnd.IntN(5)), fmt.Sprint(h.rnd.IntN(4)))
	if h.rnd.IntN(5) == 0 {
		add("secret", prose(h.rnd, h.rnd.IntN(900)))
	}
	return fs
}
