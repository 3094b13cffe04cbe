package http2_test

import (
	"fmt"
	"strings"
	"testing"

	"golang.org/x/net/http2"

	ours "github.com/pcapmesh/pcapmesh/internal/wire/http2"
)

const (
	endHeaders = http2.FlagHeadersEndHeaders
	endStream  = http2.FlagHeadersEndStream
)

// Header blocks by number of the static table (RFC 7541 Appendix A).
const (
	get      = "\x82"           // :method: GET
	slash    = "\x84"           // :path: /
	ok200    = "\x88"           // :status: 200
	type1    = "\x5f\x011"      // content-type: 1, added to the table
	dynamic1 = "\xbe"           // the newest entry of the dynamic table
	beyond   = "\xbf"           // the one before it
	plain    = "\x00\x01a\x01b" // a: b, not added
)

func headersFrame(stream uint32, flags http2.Flags, block string) string {
	return raw(http2.FrameHeaders, endHeaders|flags, stream, block)
}

// What a status makes of a header block.
func TestInformational(t *testing.T) {
	for _, tt := range []struct {
		status string
		want   bool
	}{
		{"100", true}, {"101", true}, {"103", true}, {"198", true}, {"199", true}, {"200", false}, {"099", false}, {"99", false}, {"1000", false}, {"x", false},
	} {
		h := newHalf(2, false)
		h.headers(1, false, 999, ours.Field{Name: ":status", Value: tt.status})
		r, _ := run(true, false, op{text: h.out.String()})
		if got := r.blocks[0].Informational; got != tt.want {
			t.Errorf("%s: informational %v, want %v", tt.status, got, tt.want)
		}
	}
}

// Whose half it is shows in the first pseudo-header field, but for a promise, which
// is a request in the half of the server.
func TestKindInMidstream(t *testing.T) {
	ping := raw(http2.FramePing, 0, 0, zeros(8))
	promise := raw(http2.FramePushPromise, endHeaders, 1, "\x00\x00\x00\x02"+get+slash)
	for _, tt := range []struct {
		name, text string
		want       ours.Kind
	}{
		{"nothing", ping, ours.Unknown}, {"a request", headersFrame(1, 0, get+slash), ours.Requests}, {"a response", headersFrame(1, 0, ok200), ours.Responses},
		{"plain fields", headersFrame(1, 0, plain), ours.Unknown}, {"a promise", promise, ours.Unknown}, {"a promise, and its response", promise + headersFrame(1, 0, ok200), ours.Responses},
		{"a request, and what can be none", headersFrame(1, 0, get) + headersFrame(3, 0, ok200), ours.Requests},
		{"a response, and what can be none", headersFrame(1, 0, ok200) + headersFrame(3, 0, get), ours.Responses},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if _, s := run(false, false, op{text: tt.text}); s.Kind() != tt.want {
				t.Errorf("%v, want %v", s.Kind(), tt.want)
			}
		})
	}
}

// What a header block is to its message: R head of a request, S head of a response,
// T trailers, I informational, H that there was no head, P a promise; small if not
// all fields are known.
func TestRolesOfBlocks(t *testing.T) {
	data := func(n int, flags http2.Flags) string { return raw(http2.FrameData, flags, 1, zeros(n)) }
	for _, tt := range []struct {
		name  string
		start bool
		text  string
		want  string
	}{
		{"a head", true, headersFrame(1, 0, ok200), "S"},
		{"a head and trailers", true, headersFrame(1, 0, ok200) + headersFrame(1, endStream, plain), "ST"},
		{"an informational head", true, headersFrame(1, 0, "\x08\x03103") + headersFrame(1, 0, ok200) + headersFrame(1, endStream, plain), "IST"},
		{"trailers with a status", true, headersFrame(1, 0, ok200) + headersFrame(1, endStream, "\x08\x03103"), "ST"},
		{"plain fields alone", true, headersFrame(1, 0, plain), "HT"},
		{"plain fields behind a body", true, data(1, 0) + headersFrame(1, endStream, plain), "HT"},
		{"of a lost table, alone", false, headersFrame(1, 0, dynamic1), "s"},
		{"of a lost table, which ends the stream", false, headersFrame(1, endStream, dynamic1), "Ht"},
		{"of a lost table, behind a byte", false, data(1, 0) + headersFrame(1, 0, dynamic1), "Ht"},
		{"of a lost table, behind no bytes", false, strings.Repeat(raw(http2.FramePing, 0, 0, zeros(8)), 4) + data(0, 0) + headersFrame(1, 0, dynamic1), "Hs"},
		{"no header block, from the start on", true, headersFrame(1, endStream, "\xff"), "s"},
		{"a request", false, headersFrame(1, 0, get), "R"},
		{"a promise", true, raw(http2.FramePushPromise, endHeaders, 1, "\x00\x00\x00\x02"+get+slash), "P"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			text := tt.text
			if tt.start {
				text = settings + text
			}
			r, _ := run(tt.start, false, op{text: text})
			got := ""
			for _, b := range r.blocks {
				c := "S"
				switch {
				case b.Headless:
					got += "H"
					continue
				case b.Promise:
					c = "P"
				case b.Trailers:
					c = "T"
				case b.Informational:
					c = "I"
				case b.Request:
					c = "R"
				}
				if b.Unknown {
					c = strings.ToLower(c)
				}
				got += c
			}
			if got != tt.want {
				t.Errorf("%s, want %s: %q", got, tt.want, r.log)
			}
		})
	}
}

// Messages of a half that is known to be the client's are requests, also those
// whose heads were missed.
func TestHeadlessRequests(t *testing.T) {
	for _, tt := range []struct {
		name string
		head string
		want bool
	}{
		{"a client's", headersFrame(1, endStream, get+slash), true}, {"a server's", headersFrame(1, endStream, ok200), false},
	} {
		text := raw(http2.FrameData, http2.FlagDataEndStream, 3, "abc")
		r, _ := run(false, false, op{text: tt.head}, op{text: text})
		m := r.ended(3)
		if m == nil || m.Request != tt.want || !m.Headless || m.Complete {
			t.Errorf("%s: %+v, want request %v", tt.name, m, tt.want)
		}
	}
}

// Of a HEADERS frame that is cut the fields are known with which it begins, whatever
// stands before them.
func TestCutFrames(t *testing.T) {
	for _, tt := range []struct {
		name   string
		flags  http2.Flags
		before string
	}{
		{"plain", 0, ""}, {"padded", http2.FlagHeadersPadded, "\x00"}, {"with priority", http2.FlagHeadersPriority, "\x00\x00\x00\x03\x10"},
		{"with both", http2.FlagHeadersPadded | http2.FlagHeadersPriority, "\x00\x00\x00\x00\x03\x10"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			frame := settings + headersFrame(1, tt.flags, tt.before+ok200+type1+plain)
			from := len(settings) + 9 + len(tt.before)
			for _, cut := range []struct {
				n    int
				want string
			}{
				{0, "[]"}, {1, "[{:status 200}]"}, {2, "[{:status 200}]"}, {4, "[{:status 200} {content-type 1}]"},
			} {
				r, _ := run(true, false, op{text: frame[:from+cut.n]}, op{gap: int64(len(frame) - from - cut.n)})
				if len(r.blocks) != 1 || !r.blocks[0].Unknown || fmt.Sprint(r.blocks[0].Fields) != cut.want {
					t.Errorf("%d bytes: %+v, want %s", cut.n, r.blocks, cut.want)
				}
			}
		})
	}
}

// After a loss what refers to the table is unknown but for entries added since.
func TestTableAfterLoss(t *testing.T) {
	for _, tt := range []struct {
		name   string
		blocks []string
		want   []string // unknown, fields
	}{
		{"static", []string{ok200}, []string{"false [{:status 200}]"}},
		{"an old entry", []string{ok200 + dynamic1}, []string{"true [{:status 200}]"}},
		{"a new entry", []string{ok200 + type1 + dynamic1}, []string{"false [{:status 200} {content-type 1} {content-type 1}]"}},
		{"the one before a new entry", []string{ok200 + type1 + beyond}, []string{"true [{:status 200} {content-type 1}]"}},
		{"a new value of an old name", []string{"\x7e\x01v", dynamic1}, []string{"true [{ v}]", "true [{ v}]"}},
		{"the last entry that may be", []string{ok200 + "\xff\x3e"}, []string{"true [{:status 200}]"}},
		{"one beyond", []string{ok200 + "\xff\x7f"}, []string{"true [{:status 200}]"}},
		{"far beyond", []string{ok200 + "\xff\xff\xff\x7f", ok200}, []string{"true [{:status 200}]", "false [{:status 200}]"}},
		{"no header block", []string{ok200 + "\xff", ok200}, []string{"true [{:status 200}]", "false [{:status 200}]"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var ops []op
			for i, b := range tt.blocks {
				ops = append(ops, op{text: headersFrame(uint32(2*i+1), 0, b)})
			}
			r, s := run(false, false, ops...)
			lossy := false
			for i, want := range tt.want {
				lossy = lossy || strings.HasPrefix(want, "true")
				if got := fmt.Sprint(r.blocks[i].Unknown, " ", r.blocks[i].Fields); got != want {
					t.Errorf("block %d: %s, want %s", i, got, want)
				}
			}
			if s.Lossy() != lossy {
				t.Errorf("lossy %v, want %v", s.Lossy(), lossy)
			}
		})
	}
}

// Fields are given up to 1 MiB of one block, as the table counts them.
func TestLongestFields(t *testing.T) {
	for _, tt := range []struct {
		name string
		n    int // bytes of the value of one field, named by one byte
		more string
		want string // unknown, fields
	}{
		{"longest", 1<<20 - 33, "", "false 1"}, {"too long, but alone", 1<<20 - 32, "", "false 1"}, {"longest, and one more", 1<<20 - 33, ok200, "true 1"},
		{"two that fit", 1<<20 - 33 - 42, ok200, "false 2"}, {"two that do not", 1<<20 - 33 - 41, ok200, "true 1"}, {"too long, and one more", 1<<20 - 32, ok200, "true 1"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			length := []byte{0x7f}
			for rest := tt.n - 127; ; rest >>= 7 {
				if rest < 128 {
					length = append(length, byte(rest))
					break
				}
				length = append(length, byte(rest)|0x80)
			}
			block := "\x00\x01a" + string(length) + strings.Repeat("v", tt.n) + tt.more
			var text strings.Builder
			text.WriteString(settings)
			kind := http2.FrameHeaders
			for rest := block; rest != ""; kind = http2.FrameContinuation {
				part := rest[:min(16<<10, len(rest))]
				flags := http2.Flags(0)
				if rest = rest[len(part):]; rest == "" {
					flags = endHeaders
				}
				text.WriteString(raw(kind, flags, 1, part))
			}
			r, _ := run(true, false, op{text: text.String()})
			b := r.blocks[len(r.blocks)-1]
			if got := fmt.Sprint(b.Unknown, " ", len(b.Fields)); got != tt.want {
				t.Errorf("%s fields of a block of %d bytes, want %s", got, len(block), tt.want)
			}
		})
	}
}
