package http2_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"golang.org/x/net/http2"

	ours "github.com/pcapmesh/pcapmesh/internal/wire/http2"
)

// checkWhole checks that everything written was found, and nothing else.
func checkWhole(t *testing.T, h *half, r *record) {
	t.Helper()
	if len(r.messages) != len(h.truth) {
		t.Fatalf("found %d messages, want %d: %q", len(r.messages), len(h.truth), r.log)
	}
	for _, id := range h.order {
		w, m := h.truth[id], r.ended(id)
		if m == nil {
			t.Fatalf("stream %d: no message", id)
		}
		if m.Start != w.start || m.End != w.end || m.Wire != w.wire || m.Headless || m.Complete != w.over {
			t.Errorf("stream %d: %+v, want %d to %d, %d bytes, over %t", id, m, w.start, w.end, w.wire, w.over)
		}
		if m.BodyLen != int64(len(w.body)) || w.over && m.Body != printOf(w.body) || m.MissingBytes != 0 {
			t.Errorf("stream %d: body %+v, want %d bytes", id, m, len(w.body))
		}
		if got := r.counted[id]; got != int64(len(w.body)) {
			t.Errorf("stream %d: told of %d bytes of %d", id, got, len(w.body))
		}
		head, trailers := r.fieldsOf(id)
		if !slices.Equal(head, w.head) || !slices.Equal(trailers, w.trailers) {
			t.Errorf("stream %d: fields %v and %v, want %v and %v", id, head, trailers, w.head, w.trailers)
		}
	}
}

// fieldsOf returns the fields of the head and of the trailers of a stream.
func (r *record) fieldsOf(id uint32) (head, trailers []ours.Field) {
	for _, b := range r.blocks {
		switch {
		case b.Stream != id || b.Informational || b.Promise || b.Headless:
		case b.Trailers:
			trailers = b.Fields
		default:
			head = b.Fields
		}
	}
	return head, trailers
}

func TestWholeHalves(t *testing.T) {
	for seed := range uint64(16) {
		checkHalf(t, seed, 40000, 20, 1460, 20000)
		checkHalf(t, seed, 1000, 1)
	}
}

// checkHalf checks that a half with bodies of up to most bytes is found whole, and
// the same in pieces of up to some sizes.
func checkHalf(t *testing.T, seed uint64, most int, sizes ...int) {
	t.Helper()
	client := seed%2 == 0
	h := randomHalf(seed, client, 20, most)
	text := h.out.String()
	one, s := run(true, false, op{text: text})
	checkWhole(t, h, one)
	if want := map[bool]ours.Kind{true: ours.Requests, false: ours.Responses}[client]; s.Kind() != want || s.Lossy() {
		t.Errorf("kind %v, lossy %t; want %v", s.Kind(), s.Lossy(), want)
	}
	rnd := rand.New(rand.NewPCG(seed, 1))
	for _, size := range sizes {
		many, _ := run(true, size == 20, pieces(rnd, text, size)...)
		if !slices.Equal(many.log, one.log) {
			t.Fatalf("seed %d: pieces of up to %d bytes tell otherwise\n%q\n%q", seed, size, many.log, one.log)
		}
		if size != 20 {
			continue
		}
		for id, w := range h.truth {
			if string(many.data[id]) != w.body {
				t.Errorf("seed %d: stream %d: body of %d bytes, want %d", seed, id, len(many.data[id]), len(w.body))
			}
		}
	}
	if t.Failed() {
		t.Fatalf("seed %d", seed)
	}
}

// What is found around gaps must be true: no message that was not sent, no
// field that it did not have, no body that it was not.
func TestGaps(t *testing.T) {
	found, all := 0, 0
	for seed := range uint64(300) {
		h := randomHalf(seed, seed%2 == 0, 25, 12000)
		rnd := rand.New(rand.NewPCG(seed, 2))
		ops := pieces(rnd, h.out.String(), 1460)
		for i := range ops {
			if rnd.IntN(int(20+seed)) == 0 {
				ops[i] = op{gap: int64(len(ops[i].text))}
			}
		}
		start := rnd.IntN(3) > 0
		if !start {
			ops = ops[rnd.IntN(len(ops)):]
		}
		r, _ := run(start, false, ops...)
		checkTrue(t, h, r)
		for _, m := range r.messages {
			if m.Complete {
				found++
			}
		}
		all += len(h.truth)
		if t.Failed() {
			t.Fatalf("seed %d", seed)
		}
	}
	if found*2 < all {
		t.Errorf("of %d messages only %d were found whole", all, found)
	}
}

// checkTrue checks that what was found is a part of what was written.
func checkTrue(t *testing.T, h *half, r *record) {
	t.Helper()
	seen := make(map[uint32]bool)
	for _, m := range r.messages {
		w := h.truth[m.Stream]
		if w == nil || seen[m.Stream] {
			t.Errorf("stream %d was not written, or ended twice: %+v", m.Stream, m)
			continue
		}
		seen[m.Stream] = true
		if m.BodyLen > int64(len(w.body)) || m.Wire > w.wire {
			t.Errorf("stream %d: %+v, want at most %d bytes in %d", m.Stream, m, len(w.body), w.wire)
		}
		if p := printOf(w.body); m.Complete && (m.Body.Len != p.Len || m.Body.Complete() && m.Body != p || m.Wire != w.wire) {
			t.Errorf("stream %d: %+v, want %+v and %d bytes", m.Stream, m, p, w.wire)
		}
	}
	for _, b := range r.blocks {
		w := h.truth[b.Stream]
		if w == nil {
			t.Errorf("stream %d was not written: %+v", b.Stream, b)
			continue
		}
		want := w.head
		if b.Trailers {
			want = w.trailers
		}
		if !b.Unknown && !slices.Equal(b.Fields, want) || !within(b.Fields, want) {
			t.Errorf("stream %d: fields %v, want %v", b.Stream, b.Fields, want)
		}
	}
}

// within reports whether all of a are in b.
func within(a, b []ours.Field) bool {
	return !slices.ContainsFunc(a, func(f ours.Field) bool {
		return !slices.ContainsFunc(b, func(g ours.Field) bool { return f == g || f.Name == "" && f.Value == g.Value })
	})
}

var request = []ours.Field{{Name: ":method", Value: "POST"}, {Name: ":path", Value: "/a.B/C"}, {Name: "content-type", Value: "application/grpc"}}

// gRPC messages do not heed DATA frames.
func TestGRPC(t *testing.T) {
	h := newHalf(1, true)
	h.headers(1, false, 1000, request...)
	text := "\x00\x00\x00\x00\x03abc" + "\x01\x00\x00\x00\x00" + "\x00\x00\x00\x10\x00" + strings.Repeat("x", 4096)
	for len(text) > 7 {
		h.data(1, false, text[:7])
		text = text[7:]
	}
	h.data(1, true, text)
	r, _ := run(true, false, pieces(rand.New(rand.NewPCG(1, 1)), h.out.String(), 11)...)
	g := r.messages[0].GRPC
	if !g.Found || g.Messages != 3 || !slices.Equal(g.Lengths, []uint32{3, 0, 4096}) || g.Lost || g.Status != -1 {
		t.Errorf("grpc = %+v", g)
	}
}

func TestGRPCStatus(t *testing.T) {
	h := newHalf(1, false)
	h.headers(1, false, 1000, ours.Field{Name: ":status", Value: "200"}, ours.Field{Name: "content-type", Value: "application/grpc+proto"})
	h.data(1, false, "\x00\x00\x00\x00\x01a")
	h.headers(1, true, 1000, ours.Field{Name: "grpc-status", Value: "13"})
	h.headers(3, true, 1000, ours.Field{Name: ":status", Value: "200"}, ours.Field{Name: "content-type", Value: "application/grpc"}, ours.Field{Name: "grpc-status", Value: "7"})
	r, _ := run(true, false, op{text: h.out.String()})
	for i, want := range []string{"{true 1 [1] false 13}", "{true 0 [] false 7}"} {
		if got := fmt.Sprint(r.messages[i].GRPC); got != want {
			t.Errorf("message %d: grpc = %s, want %s", i, got, want)
		}
	}
}

func TestEvents(t *testing.T) {
	status := func(v string) ours.Field { return ours.Field{Name: ":status", Value: v} }
	tests := []struct {
		name  string
		write func(h *half)
		want  func(r *record) string
		is    string
	}{
		{
			"informational before the head",
			func(h *half) {
				h.headers(1, false, 99, status("103"))
				h.headers(1, true, 99, status("200"))
			},
			func(r *record) string {
				m := r.messages[0]
				return fmt.Sprint(r.blocks[0].Informational, r.blocks[1].Informational, m.Start == r.blocks[1].Off, m.Complete, m.BodyLen)
			},
			"true false true true 0",
		},
		{
			"reset",
			func(h *half) {
				h.headers(1, false, 99, status("200"))
				h.data(1, false, "abc")
				h.frame(1, func() { h.framer.WriteRSTStream(1, http2.ErrCodeCancel) })
				h.frame(1, func() { h.framer.WriteRSTStream(1, http2.ErrCodeCancel) })
			},
			func(r *record) string {
				m := r.messages[0]
				return fmt.Sprint(len(r.messages), m.Reset, m.Code, m.Complete, m.BodyLen, m.Body.Len)
			},
			"1 true 8 false 3 -1",
		},
		{
			"going away",
			func(h *half) { h.framer.WriteGoAway(7, http2.ErrCodeEnhanceYourCalm, []byte("calm")) },
			func(r *record) string { return strings.Join(r.log, ";") },
			"goaway 7 11",
		},
		{
			"promise",
			func(h *half) {
				h.block.Reset()
				h.framer.WritePushPromise(http2.PushPromiseParam{StreamID: 1, PromiseID: 2, BlockFragment: []byte{0x82, 0x84}, EndHeaders: true})
				h.headers(2, true, 99, status("200"))
			},
			func(r *record) string {
				return fmt.Sprint(r.blocks[0].Stream, r.blocks[0].Promise, r.blocks[0].Request, r.blocks[0].Fields, len(r.messages), r.messages[0].Request)
			},
			"2 true true [{:method GET} {:path /}] 1 false",
		},
		{
			"unfinished at the end",
			func(h *half) {
				h.headers(3, false, 99, status("200"))
				h.headers(1, false, 99, status("200"))
				h.data(1, false, "abc")
			},
			func(r *record) string {
				return fmt.Sprint(r.messages[0].Stream, r.messages[0].Complete, r.messages[0].BodyLen, r.messages[1].Stream)
			},
			"1 false 3 3",
		},
		{
			"block too long",
			func(h *half) {
				var fs []ours.Field
				for i := range 40 {
					fs = append(fs, ours.Field{Name: fmt.Sprint("x-", i), Value: strings.Repeat("~", 64<<10)})
				}
				h.headers(1, true, 16<<10, append([]ours.Field{status("200")}, fs...)...)
				h.headers(3, true, 99, status("204"))
			},
			func(r *record) string {
				return fmt.Sprint(r.blocks[0].Unknown, len(r.blocks[0].Fields), r.messages[0].Complete, r.blocks[1].Unknown, r.blocks[1].Fields)
			},
			"true 0 true false [{:status 204}]",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			h := newHalf(1, false)
			tt.write(h)
			for _, size := range []int{1 << 30, 1000} {
				r, _ := run(true, false, pieces(rand.New(rand.NewPCG(1, 1)), h.out.String(), size)...)
				if got := tt.want(r); got != tt.is {
					t.Errorf("got %s, want %s: %q", got, tt.is, r.log)
				}
			}
		})
	}
}

// A lost block costs the fields that refer to it, and only them.
func TestLostTable(t *testing.T) {
	h := newHalf(3, true)
	f := func(name, value string) ours.Field { return ours.Field{Name: name, Value: value} }
	h.headers(1, true, 999, f(":method", "GET"), f(":path", "/a"), f("x-old", "1"))
	lost := h.out.Len()
	h.headers(3, true, 999, f(":method", "GET"), f(":path", "/b"), f("x-old", "1"), f("x-lost", "2"))
	after := h.out.Len()
	h.headers(5, true, 999, f(":method", "GET"), f(":path", "/b"), f("x-lost", "2"), f("x-new", "3"))
	h.headers(7, true, 999, f(":method", "GET"), f(":path", "/c"), f("x-new", "3"), f("x-old", "1"), f("x-lost", "4"))
	text := h.out.String()
	r, s := run(true, false, op{text: text[:lost+12]}, op{gap: 1}, op{text: text[lost+13 : after]}, op{text: text[after:]})
	for i, want := range []string{"{true []}", "{true [{:method GET} {x-new 3}]}", "{true [{:method GET} {:path /c} {x-new 3} { 4}]}"} {
		b := r.blocks[i+1]
		if got := fmt.Sprintf("{%t %v}", b.Unknown, b.Fields); got != want {
			t.Errorf("block %d = %s, want %s", i+1, got, want)
		}
	}
	if len(r.messages) != 4 || !r.messages[1].Complete || !s.Lossy() {
		t.Errorf("messages: %+v, lossy %t", r.messages, s.Lossy())
	}
}

// Of a block that is cut off, as by a snapshot length, the first fields are
// known.
func TestCutBlock(t *testing.T) {
	fields := append(slices.Clone(request), ours.Field{Name: "x-request-id", Value: "some-id"}, ours.Field{Name: "last", Value: "one"})
	for seed := range uint64(9) { // with padding, priority, both or none
		h := newHalf(seed, true)
		from := h.out.Len()
		h.headers(1, true, 999, fields...)
		text, most := h.out.String(), 0
		for cut := from + 9; cut < len(text); cut++ {
			r, _ := run(true, false, op{text: text[:cut]}, op{gap: int64(len(text) - cut)})
			got := r.blocks[0]
			if !got.Unknown || len(got.Fields) < most || !slices.Equal(got.Fields, fields[:len(got.Fields)]) {
				t.Fatalf("cut at %d of %d: %+v", cut, len(text), got)
			}
			most = len(got.Fields)
		}
		if most < len(fields)-1 {
			t.Errorf("seed %d: at most %d fields of %d", seed, most, len(fields))
		}
	}
}

func TestLooks(t *testing.T) {
	settings := "\x00\x00\x06\x04\x00\x00\x00\x00\x00\x00\x03\x00\x00\x00\x64"
	ack := "\x00\x00\x00\x04\x01\x00\x00\x00\x00"
	tests := []struct {
		text  string
		start bool
		want  ours.Kind
	}{
		{http2.ClientPreface + settings, true, ours.Requests},
		{"PRI * HT", true, ours.Requests},
		{"PRI * HTTP/2.0\r\n", false, ours.Requests},
		{settings, true, ours.Responses},
		{settings + ack, false, ours.Unknown},
		{ack, false, ours.Unknown},
		{ack, true, ours.NotHTTP2},
		{"PRI ", true, ours.Requests},
		{"PRI", true, ours.NotHTTP2},
		{"P", true, ours.NotHTTP2},
		{"PUT / HTTP/1.1\r\n", true, ours.NotHTTP2},
		{"\x00\x00\x08\x00\x00\x00\x00\x00\x01half", false, ours.NotHTTP2},
		{"\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00", false, ours.NotHTTP2},
	}
	for _, tt := range tests {
		if got := ours.Looks([]byte(tt.text), tt.start); got != tt.want {
			t.Errorf("Looks(%q, %t) = %v, want %v", tt.text, tt.start, got, tt.want)
		}
	}
}

func TestNotHTTP2(t *testing.T) {
	for _, text := range []string{"PRI * HTTP/1.1\r\n\r\n and more than that", "GET / HTTP/1.1\r\n\r\n", "\x00\x00\x06\x00\x00\x00\x00\x00\x01abcdef", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"} {
		for _, size := range []int{1, 100} {
			r, s := run(true, false, pieces(rand.New(rand.NewPCG(1, 1)), text, size)...)
			if s.Kind() != ours.NotHTTP2 || len(r.log) > 0 {
				t.Errorf("%q: kind %v, %q", text, s.Kind(), r.log)
			}
		}
	}
}

// Streams that are never ended do not pile up.
func TestOpenStreamsAreBounded(t *testing.T) {
	h := newHalf(1, true)
	const n = 6000
	for i := range uint32(n) {
		h.headers(2*i+1, false, 999, ours.Field{Name: ":path", Value: "/"})
	}
	h.data(2*n-1, true, "last")
	r, _ := run(true, false, op{text: h.out.String()})
	if len(r.messages) != n {
		t.Fatalf("%d messages, want %d", len(r.messages), n)
	}
	if first := r.messages[0]; first.Stream != 1 || first.Complete {
		t.Errorf("first given up is %+v", first)
	}
	if m := r.ended(2*n - 1); !m.Complete || m.BodyLen != 4 {
		t.Errorf("last is %+v", m)
	}
}

func FuzzPieces(f *testing.F) {
	for seed := range uint64(4) {
		f.Add(randomHalf(seed, seed%2 == 0, 5, 3000).out.Bytes(), seed, true)
	}
	f.Fuzz(func(t *testing.T, data []byte, seed uint64, start bool) {
		if len(data) > 1<<16 {
			return
		}
		whole, s := run(start, false, op{text: string(data)})
		checkSound(t, whole, int64(len(data)))
		rnd := rand.New(rand.NewPCG(seed, 4))
		ops := pieces(rnd, string(data), []int{1, 9, 100, 1460}[seed%4])
		r, _ := run(start, seed%2 == 0, ops...)
		checkSound(t, r, int64(len(data)))
		if start && !s.Lost() && !slices.Equal(r.log, whole.log) {
			t.Errorf("in pieces %q\nin one %q", r.log, whole.log)
		}
		for i := range ops {
			if rnd.IntN(8) == 0 {
				ops[i] = op{gap: int64(len(ops[i].text))}
			}
		}
		r, _ = run(start, false, ops...)
		checkSound(t, r, int64(len(data)))
	})
}

// checkSound checks what must hold of any n bytes.
func checkSound(t *testing.T, r *record, n int64) {
	t.Helper()
	var wire int64
	for _, m := range r.messages {
		if m.Start < 0 || m.HeadEnd < m.Start || m.End < m.HeadEnd || m.End > n || m.MissingBytes > m.BodyLen || m.BodyLen > m.Wire {
			t.Errorf("message does not fit: %+v of %d", m, n)
		}
		if m.Body.Complete() && m.Body.Len != m.BodyLen {
			t.Errorf("lengths differ: %+v", m)
		}
		wire += m.Wire
	}
	if wire > n {
		t.Errorf("messages take %d bytes of %d", wire, n)
	}
	for _, b := range r.blocks {
		if b.Off < 0 || b.EndOff < b.Off || b.EndOff == b.Off != b.Headless || b.EndOff > n {
			t.Errorf("block does not fit: %+v of %d", b, n)
		}
	}
}
