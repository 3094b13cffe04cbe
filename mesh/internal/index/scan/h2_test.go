package scan_test

import (
	"bytes"
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
	"golang.org/x/net/http2"

	"github.com/pcapmesh/pcapmesh/internal/test/pcap"
	"github.com/pcapmesh/pcapmesh/mesh/internal/index/scan"
	"github.com/pcapmesh/pcapmesh/reassembly"
)

// line is a request line of HTTP/2, to which further fields are appended.
func line(fields ...string) []string {
	return append([]string{":method", "GET", ":scheme", "http", ":path", "/a", ":authority", "app"}, fields...)
}

// checkMuxed compares the messages of a half of HTTP/2: stream and line.
func (h *half) checkMuxed(t *testing.T, want ...string) {
	t.Helper()
	var got []string
	lines := h.lines()
	for i, m := range h.messages() {
		got = append(got, fmt.Sprintf("%d: %s", h.s.H2Of(m).Stream, lines[i]))
	}
	if d := gocmp.Diff(got, want); d != "" {
		t.Errorf("messages (-got +want):\n%s", d)
	}
}

// A frame header has 9 bytes, a client's preface with its settings 39.
func TestMuxed(t *testing.T) {
	tests := []struct {
		name string
		play func(c, s *pcap.H2) *half
		want []string
	}{
		{"a request", func(c, _ *pcap.H2) *half {
			return alone().hear(5).send(c.Preface() + c.Headers(1, true, line()...)).fin()
		},
			[]string{"1: GET /a, bytes 39/39-59-59, packets 1-1, heard 5-5, complete, body 0 (7)"}},
		{"a response", func(_, s *pcap.H2) *half {
			return alone().send(s.Settings(), s.Headers(1, true, ":status", "204")).fin()
		},
			[]string{"1: 204, bytes 15/15-25-25, packets 2-2, complete, body 0 (7)"}},
		{"bodies between each other", func(c, _ *pcap.H2) *half {
			return alone().send(c.Preface(), c.Headers(1, false, line()...), c.Headers(3, false, line()...), c.Data(3, true, "0123")+c.Data(1, false, "ab"), c.Data(1, true, "cd")).fin()
		}, []string{"1: GET /a, bytes 65/39-59-107, packets 2-5, complete, has body, body 4 (7)", "3: GET /a, bytes 59/59-72-85, packets 3-4, complete, has body, body 4 (7)"}},
		{"a head split over packets begins with the first", func(c, _ *pcap.H2) *half {
			head := c.Preface() + c.Headers(1, true, line()...)
			return alone().send(head[:39]).hear(5).send(head[39:44]).hear(5).send(head[44:50], head[50:]).fin()
		}, []string{"1: GET /a, bytes 39/39-59-59, packets 2-4, heard 5-10, complete, body 0 (7)"}},
		{"so it does behind another frame", func(c, _ *pcap.H2) *half {
			head := c.Preface() + c.Headers(1, true, line()...)
			return alone().send(head[:45], head[45:]).fin()
		}, []string{"1: GET /a, bytes 39/39-59-59, packets 1-2, complete, body 0 (7)"}},
		{"a head behind the rest of a split frame begins with its own packet", func(c, _ *pcap.H2) *half {
			first, second := c.Preface()+c.Headers(1, true, line()...), c.Headers(3, true, line()...)
			return alone().send(first[:50], first[50:]+second).fin()
		}, []string{"1: GET /a, bytes 39/39-59-59, packets 1-2, complete, body 0 (7)", "3: GET /a, bytes 59/59-72-72, packets 2-2, complete, body 0 (7)"}},
		{"informational heads and trailers are no messages", func(_, s *pcap.H2) *half {
			return alone().send(s.Settings(), s.Headers(1, false, ":status", "100"), s.Headers(1, false, ":status", "200"), s.Data(1, false, "abc"), s.Headers(1, true, "x", "y")).fin()
		}, []string{"1: 200, bytes 15/28-38-64, packets 3-5, complete, has body, body 3 (7)"}},
		{"nor are promises", func(_, s *pcap.H2) *half {
			var b bytes.Buffer
			f := http2.NewFramer(&b, nil)
			if err := f.WritePushPromise(http2.PushPromiseParam{StreamID: 1, PromiseID: 2, BlockFragment: []byte{0x82}, EndHeaders: true}); err != nil {
				panic(err)
			}
			return alone().send(s.Settings(), b.String(), s.Headers(1, true, ":status", "200")).fin()
		}, []string{"1: 200, bytes 29/29-39-39, packets 3-3, complete, body 0 (7)"}},
		{"given up by its sender", func(c, _ *pcap.H2) *half {
			return alone().send(c.Preface(), c.Headers(1, false, line()...), c.Data(1, false, "abc"), c.Reset(1, 8), c.SettingsAck()).fin()
		}, []string{"1: GET /a, bytes 39/39-59-84, packets 2-4, has body, body ? (0)"}},
		{"not over at the end", func(c, _ *pcap.H2) *half {
			return alone().send(c.Preface(), c.Headers(1, false, line()...), c.Data(1, false, "abc"), c.SettingsAck()).fin()
		}, []string{"1: GET /a, bytes 39/39-59-71, packets 2-3, has body, body ? (0)"}},
		{"an end without data", func(c, _ *pcap.H2) *half {
			return alone().send(c.Preface(), c.Headers(1, false, line()...), c.Data(1, false, "abc"), c.Data(1, true, "")).fin()
		}, []string{"1: GET /a, bytes 39/39-59-80, packets 2-4, complete, has body, body 3 (7)"}},
		{"data sent again ends no later", func(c, _ *pcap.H2) *half {
			return alone().send(c.Preface(), c.Headers(1, false, line()...), c.Data(1, false, "abc")).again(15, c.Data(1, true, "d")).fin()
		}, []string{"1: GET /a, bytes 39/39-59-81, packets 2-3, complete, has body, body 4 (7)"}},
		{"data sent at the time of the head", func(c, _ *pcap.H2) *half {
			return alone().send(c.Preface(), c.Headers(1, false, line()...), c.Data(1, false, "abc")).again(20, c.Data(1, true, "d")).fin()
		}, []string{"1: GET /a, bytes 39/39-59-81, packets 2-4, complete, has body, body 4 (7)"}},
		{"data missing", func(c, _ *pcap.H2) *half {
			return alone().send(c.Preface(), c.Headers(1, false, line()...), c.Data(1, false, "abcdef")[:11]).lose(4).send(c.SettingsAck(), c.SettingsAck()).fin()
		}, []string{"1: GET /a, bytes 39/39-59-74, packets 2-3, has body, body ? (0)"}},
		{"data missing at the end of a message", func(c, _ *pcap.H2) *half {
			return alone().send(c.Preface(), c.Headers(1, false, line()...), c.Data(1, true, "abcdef")[:11]).lose(4).send(c.SettingsAck(), c.SettingsAck()).fin()
		}, []string{"1: GET /a, bytes 39/39-59-74, packets 2-4, complete, has body, body 6 (2)"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) { tt.play(pcap.NewH2(), pcap.NewH2()).checkMuxed(t, tt.want...) })
	}
}

func TestMuxedCalls(t *testing.T) {
	grpc := func(n int) string { return strings.Repeat("\x00\x00\x00\x00\x02ab", n) }
	for _, tt := range []struct {
		name          string
		content, body string
		trailers      []string
		calls, status int32
	}{
		{"no gRPC", "text/plain", grpc(2), []string{"x", "y"}, -1, -1},
		{"two messages", "application/grpc", grpc(2), []string{"grpc-status", "0"}, 2, 0},
		{"none", "application/grpc", "", []string{"grpc-status", "5"}, 0, 5},
		{"no status", "application/grpc", grpc(1), []string{"x", "y"}, 1, -1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := pcap.NewH2()
			h := alone().send(s.Settings(), s.Headers(1, false, ":status", "200", "content-type", tt.content), s.Data(1, false, tt.body), s.Headers(1, true, tt.trailers...)).fin()
			if got := h.s.H2Of(h.message(t)); got.GRPC != tt.calls || got.Status != tt.status {
				t.Errorf("%d messages and status %d, want %d and %d", got.GRPC, got.Status, tt.calls, tt.status)
			}
		})
	}
}

// Until it ends a message is no gRPC and has no status.
func TestMuxedBeforeTheEnd(t *testing.T) {
	s := pcap.NewH2()
	h := alone().send(s.Settings(), s.Headers(1, false, ":status", "200", "content-type", "application/grpc", "grpc-status", "3"))
	if got := *h.s.H2Of(h.message(t)); got != (scan.H2Message{GRPC: -1, Status: -1}) {
		t.Errorf("%+v before the end, want none of it known", got)
	}
}

func TestH2Of(t *testing.T) {
	h := alone().send(getA).fin()
	if got := h.s.H2Of(h.message(t)); got != nil {
		t.Errorf("a message of HTTP/1 is %+v", got)
	}
	if got := h.s.H2Of(nil); got != nil {
		t.Errorf("no message is %+v", got)
	}
}

// Heads are kept as those of HTTP/1 are.
func TestMuxedHead(t *testing.T) {
	type head struct {
		method, target, host, id string
		status                   uint16
		fields                   []string
	}
	for _, tt := range []struct {
		name   string
		fields []string
		want   head
	}{
		{"a request", line("x-request-id", "7", "te", "trailers", "b", "1"), head{method: "GET", target: "/a", host: "app", id: "7", fields: []string{"host: app", "b: 1"}}},
		{"a cookie in crumbs", line("cookie", "a=1", "x", "y", "cookie", "b=2", "cookie", "c=3"),
			head{method: "GET", target: "/a", host: "app", fields: []string{"host: app", "x: y", "cookie: a=1; b=2; c=3"}}},
		{"a tunnel", []string{":method", "CONNECT", ":authority", "db:5432"}, head{method: "CONNECT", target: "db:5432", host: "db:5432", fields: []string{"host: db:5432"}}},
		{"an extended tunnel", []string{":method", "CONNECT", ":protocol", "websocket", ":path", "/ws", ":authority", "app"},
			head{method: "CONNECT", target: "/ws", host: "app", fields: []string{"host: app"}}},
		{"no target", []string{":method", "GET", ":authority", "app"}, head{method: "GET", host: "app", fields: []string{"host: app"}}},
		{"a response", []string{":status", "503", "server", "envoy", "x", "y"}, head{status: 503, fields: []string{"x: y"}}},
		{"a response of no status", []string{":status", "many", "x", "y"}, head{fields: []string{"x: y"}}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			side := pcap.NewH2()
			begin := side.Settings()
			if tt.want.method != "" {
				begin = side.Preface()
			}
			h := alone().send(begin + side.Headers(1, true, tt.fields...)).fin()
			m := h.message(t)
			text := h.s.Text.String
			got := head{method: text(m.Method), target: text(m.Target), host: text(m.Host), id: text(m.ID), status: m.Status, fields: tt.want.fields}
			if d := gocmp.Diff(got, tt.want, gocmp.AllowUnexported(head{})); d != "" {
				t.Errorf("head (-got +want):\n%s", d)
			}
			if got, want := fields(t, h), hashed(tt.want.fields...); !slices.Equal(got, want) {
				t.Errorf("fields %v, want %v", got, want)
			}
			if m.Is(scan.MsgLooseID) || m.ServiceMillis != -1 {
				t.Errorf("a loose id (%v) or %d ms of service, want neither", m.Is(scan.MsgLooseID), m.ServiceMillis)
			}
		})
	}
}

// Whose connection a tunnel carries is kept of CONNECT, and of nothing else.
func TestMuxedForwarded(t *testing.T) {
	const by = `for="10.244.1.10:59112";host=svc-b`
	for _, tt := range []struct {
		name   string
		fields []string
		want   string
	}{
		{"a tunnel", []string{":method", "CONNECT", ":authority", "10.244.2.20:8080", "forwarded", by}, by},
		{"a request", line("forwarded", by), ""},
	} {
		h := alone().send(pcap.NewH2().Preface() + pcap.NewH2().Headers(1, true, tt.fields...)).fin()
		if got := h.s.Text.String(h.message(t).Forwarded); got != tt.want {
			t.Errorf("%s: forwarded %q, want %q", tt.name, got, tt.want)
		}
	}
}

// crumbs do not go on into the next head.
func TestCrumbsOfEachHead(t *testing.T) {
	c := pcap.NewH2()
	h := alone().send(c.Preface() + c.Headers(1, true, line("cookie", "a=1")...) + c.Headers(3, true, line("cookie", "b=2")...) + c.Headers(5, true, line()...)).fin()
	for i, m := range h.messages() {
		want := hashed([][]string{{"host: app", "cookie: a=1"}, {"host: app", "cookie: b=2"}, {"host: app"}}[i]...)
		var got []scan.Field
		for k := range m.Fields.N {
			got = append(got, *h.s.Fields.At(m.Fields.First + k))
		}
		if !slices.Equal(got, want) {
			t.Errorf("head %d has the fields %v, want %v", i, got, want)
		}
	}
}

// missed returns a client of which a first request was not captured, so that
// names of its fields are known to its peer only.
func missed(fields ...string) *pcap.H2 {
	c := pcap.NewH2()
	c.Headers(1, true, line(fields...)...)
	return c
}

// A capture that begins in the middle of HTTP/2 does not know all fields.
func TestMuxedFromTheMiddle(t *testing.T) {
	for _, tt := range []struct {
		name string
		play func() *half
		want []string
	}{
		{"fields known", func() *half { return midway().send(missed().Headers(3, true, ":method", "GET", ":path", "/")).fin() },
			[]string{"3: GET /, bytes 0/0-11-11, packets 1-1, complete, body 0 (7)"}},
		{"other fields unknown", func() *half {
			return midway().send(missed("x", "y").Headers(3, true, ":method", "GET", ":path", "/", "x", "y")).fin()
		},
			[]string{"3: GET /, bytes 0/0-12-12, packets 1-1, complete, partial, body 0 (7)"}},
		{"the target unknown", func() *half { return midway().send(missed().Headers(3, true, line()...)).fin() },
			[]string{"3: GET , bytes 0/0-13-13, packets 1-1, complete, partial, no line, body 0 (7)"}},
		{"the method unknown", func() *half {
			c := pcap.NewH2()
			c.Headers(1, true, ":method", "PATCH")
			return midway().send(c.Headers(3, true, ":method", "PATCH", ":path", "/")).fin()
		}, []string{"3:  /, bytes 0/0-11-11, packets 1-1, complete, partial, no line, body 0 (7)"}},
		{"no head", func() *half {
			return midway().send(missed().Data(1, true, "abc") + missed().Headers(3, true, ":method", "GET", ":path", "/")).fin()
		},
			[]string{"1: 0, bytes 0/0-0-12, packets 1-1, partial, no line, has body, body ? (0)", "3: GET /, bytes 12/12-23-23, packets 1-1, complete, body 0 (7)"}},
		{"a response's fields unknown", func() *half {
			s := pcap.NewH2()
			s.Headers(1, true, ":status", "200", "x", "y")
			return midway().send(s.Headers(3, true, ":status", "200", "x", "y")).fin()
		}, []string{"3: 200, bytes 0/0-11-11, packets 1-1, complete, partial, body 0 (7)"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			h := tt.play()
			h.checkMuxed(t, tt.want...)
			if c := h.content(); !c.Unframed || c.Unknown != strings.Contains(strings.Join(tt.want, ""), "partial") && tt.name != "no head" {
				t.Errorf("frames may be missed: %v, fields: %v", c.Unframed, c.Unknown)
			}
		})
	}
}

// A value whose name is not known is taken for the request id if it looks like
// one.
func TestLooseID(t *testing.T) {
	const id = "0123456f-9abc-4def-8aaf-0123456789ab"
	for _, tt := range []struct {
		name, value, want string
	}{
		{"an id", id, id},
		{"too short", id[:35], ""},
		{"too long", id + "0", ""},
		{"capital letters", strings.ToUpper(id), ""},
		{"no hexadecimal letter", strings.Replace(id, "f", "g", 1), ""},
		{"before the letters", strings.Replace(id, "f", "`", 1), ""},
		{"before the digits", strings.Replace(id, "0", "/", 1), ""},
		{"after the digits", strings.Replace(id, "0", ":", 1), ""},
		{"a dash too few", strings.Replace(id, "-", "0", 1), ""},
		{"another dash too few", id[:23] + "0" + id[24:], ""},
		{"no third dash", id[:18] + "0" + id[19:], ""},
		{"no second dash", id[:13] + "0" + id[14:], ""},
		{"a dash too many", "-" + id[1:], ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := missed("x-request-id", "other")
			h := midway().send(c.Headers(3, true, ":method", "GET", ":path", "/", "x-request-id", tt.value)).fin()
			m := h.message(t)
			if got := h.s.Text.String(m.ID); got != tt.want || m.Is(scan.MsgLooseID) != (tt.want != "") {
				t.Errorf("id %q, loose %v, want %q", got, m.Is(scan.MsgLooseID), tt.want)
			}
		})
	}
}

// An id whose name is known is believed, whatever other values look like; of
// several that look like one the first is.
func TestWhichID(t *testing.T) {
	const a, b = "00000000-0000-0000-0000-000000000001", "00000000-0000-0000-0000-000000000002"
	for _, tt := range []struct {
		name   string
		first  []string // fields whose names are unknown
		then   []string
		want   string
		loosen bool
	}{
		{"two without a name", []string{"x", a, "y", b}, nil, a, true},
		{"with a name, after one without", []string{"x", a}, []string{"x-request-id", b}, b, false},
		{"without a name, after one with", nil, []string{"x-request-id", b, "x", a}, b, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			h := midway().send(missed("x", "1", "y", "2").Headers(3, true, slices.Concat([]string{":method", "GET", ":path", "/"}, tt.first, tt.then)...)).fin()
			m := h.message(t)
			if got := h.s.Text.String(m.ID); got != tt.want || m.Is(scan.MsgLooseID) != tt.loosen {
				t.Errorf("id %q, loose %v, want %q, %v", got, m.Is(scan.MsgLooseID), tt.want, tt.loosen)
			}
		})
	}
}

// While frame headers are looked for, frames may be missed.
func TestAdrift(t *testing.T) {
	const junk = "no frame begins with this text, nor does one stand in it"
	c := func() *pcap.H2 { return pcap.NewH2() }
	known := func() *half {
		s := scan.New(nil, nil)
		s.KnownH2 = func(id reassembly.HalfID) bool { return id == 1 }
		return open(s, 1, false)
	}
	for _, tt := range []struct {
		name     string
		h        *half
		want     scan.Span
		unframed bool
	}{
		{"never", alone().send(c().Preface(), c().Headers(1, true, line()...)).fin(), scan.Span{}, false},
		{"a hole in data", alone().send(c().Preface(), c().Headers(1, false, line()...), c().Data(1, true, junk)[:20]).lose(int64(len(junk) - 11)).send(c().SettingsAck()).fin(), scan.Span{}, false},
		{"until the packet after the hole", alone().send(c().Preface(), c().SettingsAck()).lose(20).send(c().SettingsAck(), c().SettingsAck()).fin(), scan.Span{From: 20, To: 30}, true},
		{"until a later packet", alone().send(c().Preface()).lose(20).send(junk, junk, c().SettingsAck(), c().SettingsAck()).fin(), scan.Span{From: 10, To: 40}, true},
		{"twice", alone().send(c().Preface()).lose(20).send(c().SettingsAck(), c().SettingsAck(), c().SettingsAck()).lose(20).send(c().SettingsAck()).fin(), scan.Span{From: 10, To: 50}, true},
		{"to the end", alone().send(c().Preface()).lose(20).send(junk, junk).fin(), scan.Span{From: 10, To: math.MaxInt64}, true},
		{"a hole at the end", alone().send(c().Preface()).lose(20).fin(), scan.Span{From: 10, To: math.MaxInt64}, true},
		{"from the first packet on", known().send(junk, c().SettingsAck(), c().SettingsAck()).fin(), scan.Span{From: 10, To: 20}, true},
		{"stamped before the packet before it", alone().send(c().Preface(), c().SettingsAck()).stamp(15).lose(20).send(junk).stamp(12).send(c().SettingsAck()).fin(), scan.Span{From: 15, To: 15}, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := tt.h.content().Adrift; got != tt.want || tt.h.content().Unframed != tt.unframed {
				t.Errorf("adrift %v, unframed %v, want %v, %v", got, tt.h.content().Unframed, tt.want, tt.unframed)
			}
		})
	}
}

// Frames that do not show at once are HTTP/2 if the other side speaks it, or if
// that is known beforehand.
func TestSpeaksH2(t *testing.T) {
	const junk = "the rest of a frame"
	for _, tt := range []struct {
		name  string
		other string
		known bool
		want  scan.Proto
	}{
		{"nothing tells", "", false, scan.ProtoTCP},
		{"the other side is text", "who is there?", false, scan.ProtoTCP},
		{"the other side is TLS", record(22, 9), false, scan.ProtoTLS},
		{"the client speaks it", http2.ClientPreface, false, scan.ProtoH2Responses},
		{"the server speaks it", pcap.NewH2().Settings(), false, scan.ProtoH2Responses},
		{"known beforehand", "", true, scan.ProtoH2Responses},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s, side := scan.New(nil, nil), pcap.NewH2()
			if tt.known {
				s.KnownH2 = func(id reassembly.HalfID) bool { return id == 2 }
			}
			if other := open(s, 1, true); tt.other != "" {
				other.send(tt.other)
			}
			h := open(s, 2, false)
			s.Bind(1, 2)
			h.send(junk)
			if got := h.content().Proto.IsH2(); got != (tt.want == scan.ProtoH2Responses) {
				t.Errorf("taken for HTTP/2: %v, want %v", got, !got)
			}
			h.send(side.Headers(1, true, ":status", "200"), side.SettingsAck()).proto(t, tt.want)
		})
	}
}

// Which side a half is shows when a head tells; frames that say nothing do not.
func TestSideOfH2(t *testing.T) {
	side := pcap.NewH2()
	for _, tt := range []struct {
		name string
		h    *half
		want scan.Proto
	}{
		{"a request", midway().send(side.SettingsAck()+side.SettingsAck(), side.Headers(1, true, ":method", "GET")), scan.ProtoH2Requests},
		{"a response", midway().send(side.SettingsAck()+side.SettingsAck(), side.Headers(1, true, ":status", "200")), scan.ProtoH2Responses},
		{"a preface without its SYN", midway().send(side.Preface()), scan.ProtoH2Requests},
		{"a preface that is none", alone().send(http2.ClientPreface[:16], "\r\n\r\n and more"), scan.ProtoTCP},
	} {
		t.Run(tt.name, func(t *testing.T) { tt.h.proto(t, tt.want) })
	}
	for name, h := range map[string]*half{"a preface without its SYN": midway(), "a preface": alone()} {
		if c := h.send(pcap.NewH2().Preface()).fin().content(); c.Unframed {
			t.Errorf("%s: frames may have been missed, want none: it is the first that a client sends", name)
		}
	}
	h := midway().send(side.SettingsAck() + side.SettingsAck())
	if p := h.content().Proto; !p.IsH2() || p == scan.ProtoH2Requests || p == scan.ProtoH2Responses {
		t.Errorf("frames without heads are of kind %d, want HTTP/2 of an unknown side", p)
	}
	if scan.ProtoTLS.IsH2() || scan.ProtoNone.IsH2() {
		t.Error("TLS, or nothing, is HTTP/2")
	}
}

// A half without messages has a fingerprint; its first message takes the place.
func TestPrintOfH2(t *testing.T) {
	none, side, late := strings.Repeat(pcap.NewH2().SettingsAck(), 9), pcap.NewH2(), pcap.NewH2()
	declined := http2.ClientPreface[:16] + "\r\n\r\n and more" + strings.Repeat("x", 90)
	for _, tt := range []struct {
		name    string
		h       *half
		content string // "" = no fingerprint
	}{
		{"no messages", alone().send(side.Settings()+none, none).fin(), side.Settings() + none + none},
		{"a hole", alone().send(side.Settings() + none).lose(5).send(none).fin(), side.Settings() + none + "?????" + none},
		{"a message", alone().send(late.Settings()+none, late.Headers(1, true, ":status", "200")).fin(), ""},
		{"a preface that is none", alone().send(declined[:16], declined[16:]).fin(), declined},
	} {
		t.Run(tt.name, func(t *testing.T) {
			want := sum()
			if tt.content == "" {
				want.Known, want.First, want.Last = 0, 0, 0
			} else {
				before, after, hole := strings.Cut(tt.content, "?????")
				if want = sum(before); hole {
					want = sum(before, "?????", after)
				}
			}
			if got := tt.h.content().Print; got != want {
				t.Errorf("print %+v, want %+v", got, want)
			}
		})
	}
}

// Frames have turns as other plain bytes do, until there is a message.
func TestTurnsOfH2(t *testing.T) {
	side := pcap.NewH2()
	sealed().send(side.Settings()).hear(1).send(side.SettingsAck()).lose(9).send(side.SettingsAck()).hear(1).
		send(side.Headers(1, false, ":status", "200")).hear(1).send(side.Data(1, true, "abc")).lose(30).
		checkUnits(t, "1 at 0: 0, packet 1 having heard 0, until 10", "1 at 15: 0, packet 2 having heard 1, until 20",
			"0 at 24: 9, packet 3 having heard 1, until 30", "1 at 33: 0, packet 3 having heard 1, until 30", "1 at 42: 0, packet 4 having heard 2, until 40")
}

// Bodies are passed over unread, as those of HTTP/1 are.
func TestMuxedBodiesAreSkipped(t *testing.T) {
	s := pcap.NewH2()
	data := s.Data(1, true, strings.Repeat("x", 15000))
	h := alone().send(s.Settings(), s.Headers(1, false, ":status", "200"))
	for len(data) > 0 {
		n := min(len(data), 1000)
		h.send(data[:n])
		data = data[n:]
	}
	h.fin()
	h.checkMuxed(t, fmt.Sprintf("1: 200, bytes 15/15-25-%d, packets 2-18, complete, has body, body 15000 (7)", 25+9+15000))
	if h.unread < 10000 || h.content().LastNanos != 180 {
		t.Errorf("%d bytes unread, last at %d, want most of them, and 180", h.unread, h.content().LastNanos)
	}
}

// What differs between two heads does not depend on their order of fields.
func TestMuxedFieldsAreSorted(t *testing.T) {
	c := pcap.NewH2()
	h := alone().send(c.Preface() + c.Headers(1, true, line("d", "1", "b", "1", "c", "1", "a", "1")...)).fin()
	got := fields(t, h)
	if !slices.IsSortedFunc(got, func(a, b scan.Field) int { return cmp.Compare(a.Name, b.Name) }) || len(got) != 5 {
		t.Errorf("fields %v, want five in order", got)
	}
}
