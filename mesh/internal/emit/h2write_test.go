package emit

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"

	wire "github.com/pcapmesh/pcapmesh/internal/wire/http2"
)

// A script puts the parts of exchanges together.
type script struct {
	sp    spool
	parts []callPart
}

// add adds a part of a call in packet at.
func (s *script) add(call int32, reply bool, at int64, p callPart) *script {
	p.conv, p.call, p.reply, p.at = 7, call, reply, moment(at)
	s.parts = append(s.parts, p)
	return s
}

// fields adds a header block of names and values by turns.
func (s *script) fields(call int32, reply bool, at int64, end bool, text ...string) *script {
	var fs []wire.Field
	for i := 0; i < len(text); i += 2 {
		fs = append(fs, wire.Field{Name: text[i], Value: text[i+1]})
	}
	b := appendFields(nil, fs)
	spot, _ := s.sp.add(b)
	return s.add(call, reply, at, callPart{kind: partFields, end: end, spot: spot, n: int64(len(b))})
}

// data adds content.
func (s *script) data(call int32, reply bool, at int64, end bool, text string) *script {
	spot, _ := s.sp.add([]byte(text))
	return s.add(call, reply, at, callPart{kind: partData, end: end, spot: spot, n: int64(len(text))})
}

// frames lists what chunks hold, the client's first: the packet and direction of
// each, and its frames.
func (s *script) frames(t *testing.T) []string {
	t.Helper()
	w := newCallWriter(7, &s.sp)
	w.write(s.parts)
	if w.err != nil {
		t.Fatal(w.err)
	}
	heads := [2]*hpack.Decoder{hpack.NewDecoder(4096, nil), hpack.NewDecoder(4096, nil)}
	var out [2][]string
	var next [2]struct {
		piece int32
		off   int64
	}
	for _, c := range w.chunks {
		d, line := 0, fmt.Sprintf("%d >", c.at.Nanos)
		if c.reply {
			d, line = 1, fmt.Sprintf("%d <", c.at.Nanos)
		}
		if c.conv != 7 || c.from != c.at || c.piece != next[d].piece || c.off != next[d].off {
			t.Errorf("chunk %+v is not piece %d at %d", c, next[d].piece, next[d].off)
		}
		next[d].piece, next[d].off = c.piece+1, c.off+c.n
		if c.gap {
			out[d] = append(out[d], fmt.Sprintf("%s %d missing", line, c.n))
			continue
		}
		text, err := s.sp.read(c.spot, int(c.n))
		if err != nil {
			t.Fatal(err)
		}
		out[d] = append(out[d], line+framesOf(t, text, heads[d]))
	}
	return slices.Concat(out[0], out[1])
}

// framesOf describes the frames in b.
func framesOf(t *testing.T, b []byte, head *hpack.Decoder) (s string) {
	t.Helper()
	if rest, ok := bytes.CutPrefix(b, []byte(http2.ClientPreface)); ok {
		s, b = " preface", rest
	}
	for len(b) >= 9 {
		n := 9 + int(b[0])<<16 + int(b[1])<<8 + int(b[2])
		if n > len(b) { // its content is a hole
			f, _ := http2.ReadFrameHeader(bytes.NewReader(b))
			return s + fmt.Sprintf(" data %d (%d) flags %d", f.StreamID, f.Length, f.Flags)
		}
		f := http2.NewFramer(nil, bytes.NewReader(b[:n]))
		f.AllowIllegalReads = true
		frame, err := f.ReadFrame()
		if err != nil {
			t.Fatal(err)
		}
		s += " " + frameOf(t, frame, head)
		b = b[n:]
	}
	return s
}

func frameOf(t *testing.T, frame http2.Frame, head *hpack.Decoder) string {
	t.Helper()
	fields := func(block []byte) (s string) {
		fs, err := head.DecodeFull(block)
		if err != nil {
			return fmt.Sprintf(" %d bytes of a block", len(block))
		}
		for _, f := range fs {
			s += " " + f.Name + "=" + f.Value
		}
		return s
	}
	h := frame.Header()
	switch f := frame.(type) {
	case *http2.SettingsFrame:
		s := "settings"
		if f.IsAck() {
			return s + " ack"
		}
		_ = f.ForeachSetting(func(v http2.Setting) error { s += fmt.Sprintf(" %d=%d", v.ID, v.Val); return nil })
		return s
	case *http2.WindowUpdateFrame:
		return fmt.Sprintf("window %d+%d", h.StreamID, f.Increment)
	case *http2.HeadersFrame:
		return fmt.Sprintf("headers %d flags %d%s", h.StreamID, h.Flags, fields(f.HeaderBlockFragment()))
	case *http2.ContinuationFrame:
		return fmt.Sprintf("continuation %d flags %d of %d", h.StreamID, h.Flags, h.Length)
	case *http2.DataFrame:
		if h.Length > 50 {
			return fmt.Sprintf("data %d flags %d of %d", h.StreamID, h.Flags, h.Length)
		}
		return fmt.Sprintf("data %d flags %d %q", h.StreamID, h.Flags, f.Data())
	case *http2.RSTStreamFrame:
		return fmt.Sprintf("reset %d code %d", h.StreamID, f.ErrCode)
	}
	return fmt.Sprint("another frame ", h)
}

// The exchanges of a conversation become a connection that is valid by itself: it
// begins as RFC 9113 §3.4 wants it, and streams are numbered as they were asked.
func TestCallWriter(t *testing.T) {
	const (
		clientBegins = " preface settings 4=2147483647 2=0 window 0+2147418112"
		serverBegins = " settings 4=2147483647 window 0+2147418112 settings ack"
	)
	for _, tt := range []struct {
		name string
		s    *script
		want []string
	}{
		{"a call", new(script).fields(0, false, 1, true, ":method", "GET").fields(0, true, 2, true, ":status", "200"),
			[]string{"1 >" + clientBegins + " headers 1 flags 5 :method=GET", "2 <" + serverBegins + " headers 1 flags 5 :status=200"}},
		{"with bodies", new(script).fields(0, false, 1, false, "a", "b").data(0, false, 1, false, "some").data(0, false, 2, true, "more").fields(0, true, 3, false, "c", "d").data(0, true, 3, true, "all"),
			[]string{
				"1 >" + clientBegins + ` headers 1 flags 4 a=b data 1 flags 0 "some"`, `2 > data 1 flags 1 "more"`,
				"3 <" + serverBegins + ` headers 1 flags 4 c=d data 1 flags 1 "all"`,
			}},
		{"the client acknowledges settings with its next packet", new(script).fields(0, false, 1, true, "a", "b").fields(0, true, 2, true, "c", "d").fields(1, false, 3, true, "a", "b").fields(1, true, 4, true, "c", "d").fields(2, false, 5, true, "a", "c"),
			[]string{
				"1 >" + clientBegins + " headers 1 flags 5 a=b", "3 > settings ack headers 3 flags 5 a=b", "5 > headers 5 flags 5 a=c",
				"2 <" + serverBegins + " headers 1 flags 5 c=d", "4 < headers 3 flags 5 c=d",
			}},
		{"streams are numbered by requests", new(script).fields(8, false, 1, true, "a", "1").fields(5, false, 2, true, "a", "2").fields(5, true, 3, true, "b", "2").fields(8, true, 4, true, "b", "1"),
			[]string{"1 >" + clientBegins + " headers 1 flags 5 a=1", "2 > headers 3 flags 5 a=2", "3 <" + serverBegins + " headers 3 flags 5 b=2", "4 < headers 1 flags 5 b=1"}},
		{"those without requests come last", new(script).fields(8, true, 1, true, "b", "1").fields(5, false, 2, true, "a", "2"),
			[]string{"1 >" + clientBegins, "2 > settings ack headers 1 flags 5 a=2", "1 <" + serverBegins + " headers 3 flags 5 b=1"}},
		{"given up", new(script).fields(0, false, 1, false, "a", "b").add(0, false, 2, callPart{kind: partReset, end: true, code: 8}),
			[]string{"1 >" + clientBegins + " headers 1 flags 4 a=b", "2 > reset 1 code 8"}},
		{"an end without content", new(script).fields(0, false, 1, false, "a", "b").data(0, false, 2, true, ""), []string{"1 >" + clientBegins + " headers 1 flags 4 a=b", `2 > data 1 flags 1 ""`}},
		{"content that is missing", new(script).fields(0, false, 1, false, "a", "b").add(0, false, 2, callPart{kind: partHole, n: 100}).data(0, false, 3, true, "end"),
			[]string{"1 >" + clientBegins + " headers 1 flags 4 a=b", "2 > data 1 (100) flags 0", "2 > 100 missing", `3 > data 1 flags 1 "end"`}},
		{"missing to its end", new(script).fields(0, false, 1, false, "a", "b").add(0, false, 2, callPart{kind: partHole, n: maxFrame + 1, end: true}),
			[]string{"1 >" + clientBegins + " headers 1 flags 4 a=b", "2 > data 1 (16384) flags 0", "2 > 16384 missing", "2 > data 1 (1) flags 1", "2 > 1 missing"}},
		{"as much missing as a frame holds", new(script).fields(0, false, 1, false, "a", "b").add(0, false, 2, callPart{kind: partHole, n: maxFrame, end: true}),
			[]string{"1 >" + clientBegins + " headers 1 flags 4 a=b", "2 > data 1 (16384) flags 1", "2 > 16384 missing"}},
		{"as much content as a frame holds", new(script).fields(0, false, 1, false, "a", "b").data(0, false, 2, true, strings.Repeat("x", maxFrame)),
			[]string{"1 >" + clientBegins + " headers 1 flags 4 a=b", "2 > data 1 flags 1 of 16384"}},
		{"a byte more", new(script).fields(0, false, 1, false, "a", "b").data(0, false, 2, true, strings.Repeat("x", maxFrame+1)),
			[]string{"1 >" + clientBegins + " headers 1 flags 4 a=b", `2 > data 1 flags 0 of 16384 data 1 flags 1 "x"`}},
		{"a head longer than a frame", new(script).fields(0, false, 1, true, "a", strings.Repeat("\x01", maxFrame/4)),
			[]string{"1 >" + clientBegins + " headers 1 flags 5 a=" + strings.Repeat("\x01", maxFrame/4)}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := tt.s.frames(t)
			if d := cmp.Diff(got, tt.want); d != "" {
				t.Errorf("chunks (-got +want):\n%s", d)
			}
		})
	}
}

// A header block that does not fit into one frame goes on in others.
func TestLongHead(t *testing.T) {
	s := new(script).fields(0, false, 1, true, "a", strings.Repeat("x", 3*maxFrame))
	w := newCallWriter(7, &s.sp)
	w.write(s.parts)
	text, err := s.sp.read(w.chunks[0].spot, int(w.chunks[0].n))
	if w.err != nil || err != nil {
		t.Fatal(w.err, err)
	}
	f := http2.NewFramer(nil, bytes.NewReader(bytes.TrimPrefix(text, []byte(http2.ClientPreface))))
	f.ReadMetaHeaders = hpack.NewDecoder(4096, nil)
	f.MaxHeaderListSize = 1 << 20
	for {
		frame, err := f.ReadFrame()
		if err != nil {
			t.Fatal("no head: ", err)
		}
		if m, ok := frame.(*http2.MetaHeadersFrame); ok {
			if m.Truncated || len(m.Fields) != 1 || len(m.Fields[0].Value) != 3*maxFrame || m.Flags.Has(http2.FlagHeadersEndHeaders) || !m.StreamEnded() {
				t.Errorf("head of %d fields, flags %d, want one in several frames", len(m.Fields), m.Flags)
			}
			return
		}
	}
}

// Fields are read as they were written down, but for those without a name.
func TestFields(t *testing.T) {
	long := strings.Repeat("x", 300)
	b := appendFields([]byte{}, []wire.Field{{Name: "a", Value: "b"}, {Value: "nobody's"}, {Name: "empty"}, {Name: long, Value: long + "y"}})
	var got []string
	readFields(b, func(name, value string) { got = append(got, name, value) })
	if d := cmp.Diff(got, []string{"a", "b", "empty", "", long, long + "y"}); d != "" {
		t.Errorf("fields (-got +want):\n%s", d)
	}
}
